"""Measures one program of the fastText family in one way; run.py calls it as it calls codif's own program.

python peer.py --program NAME --model FILE --texts FILE --threads N --mode batch|single --seconds S [--answers FILE]

Prints one JSON line: texts a second, microseconds a text (by the clock), seconds of loading, resident bytes after it. With
--answers it then codes each text once more, in the same way, and writes its label and its five probabilities, less what fastText
adds to them. A program that has no threads of its own, or has them for lists only, is run as N processes, each with the whole
model and its share of the texts; they are timed from the moment all are ready.
"""

import argparse
import importlib
import itertools
import json
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

K = 5
ADDED = 1e-5  # by fastText to each probability that it reports
WARM_UP = 200  # texts
UNWATCHED = 32  # single texts between two looks at the clock
PATIENCE = 300  # seconds for all processes to load their model


class Alone:
    """The reference, and those that kept its module's name and its one thread."""

    module, threads = "fasttext", False

    def __init__(self, module, file, threads):
        self.model = module.load_model(file)

    def one(self, text):
        return self.model.predict(text, k=K)

    def many(self, texts):
        return self.model.predict(texts, k=K)


class Predict(Alone):
    """Its predict of a list takes two results from a function that gives the labels only, so a list is one call a text."""

    def many(self, texts):
        return tuple(zip(*map(self.one, texts)))


class New(Alone):
    module, threads = "fasttext_new", True

    def __init__(self, module, file, threads):
        self.model, self.count = module.load_model(file), threads

    def many(self, texts):
        return self.model.predict_batch(texts, k=K, threads=self.count)


class Threaded(Alone):
    module, threads = "fasttext_threaded", True

    def __init__(self, module, file, threads):
        self.model = module.load_model(file, threads=threads)


PROGRAMS = {
    "fasttext": Alone,
    "fasttext-turbo": Alone,
    "fasttext-predict": Predict,
    "fasttext-new": New,
    "fasttext-threaded": Threaded,
}


def timed(program, mode, texts, seconds):
    """How many texts were coded, in how many seconds: in a batch the list is coded to its end."""
    turns = itertools.cycle(texts)
    coded, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        if mode == "batch":
            program.many(texts)
            coded += len(texts)
        else:
            for text in itertools.islice(turns, UNWATCHED):
                program.one(text)
            coded += UNWATCHED
    return coded, elapsed


def answers(program, mode, texts):
    pairs = zip(*program.many(texts)) if mode == "batch" else map(program.one, texts)
    for labels, probabilities in pairs:
        labels = [label.removeprefix("__label__") for label in labels]
        yield {"label": labels[0], "p": [[label, float(p) - ADDED] for label, p in zip(labels, probabilities)]}


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measured(options, texts, threads, ready=lambda: None):
    kind = PROGRAMS[options.program]
    module = importlib.import_module(kind.module)
    start = time.perf_counter()
    program = kind(module, options.model, threads)
    figures = {"load_seconds": time.perf_counter() - start, "resident_bytes": resident()}
    for text in texts[:WARM_UP]:
        program.one(text)
    ready()
    figures["coded"], figures["elapsed"] = timed(program, options.mode, texts, options.seconds)
    return figures, list(answers(program, options.mode, texts)) if options.answers else []


def all_are_ready(barrier):
    global everyone
    everyone = barrier


def share(options, texts):
    try:
        return measured(options, texts, 1, lambda: everyone.wait(PATIENCE))
    except Exception:
        everyone.abort()
        raise


def in_processes(options, texts):
    """The sum over all processes, and the answers in the order of the texts."""
    count = options.threads
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(count, context, all_are_ready, (context.Barrier(count),)) as pool:
        parts = list(pool.map(share, itertools.repeat(options), [texts[place::count] for place in range(count)]))
    sums = {name: sum(figures[name] for figures, _ in parts) for name in ("coded", "resident_bytes")}
    longest = {name: max(figures[name] for figures, _ in parts) for name in ("elapsed", "load_seconds")}
    given = [answer for answers in itertools.zip_longest(*(part for _, part in parts)) for answer in answers if answer]
    return sums | longest, given


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", choices=PROGRAMS, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--mode", choices=["batch", "single"], required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--answers", type=Path)
    options = parser.parse_args()
    texts = options.texts.read_text(encoding="utf-8").splitlines()
    threads_itself = PROGRAMS[options.program].threads and options.mode == "batch"
    if options.threads == 1 or threads_itself:
        figures, given = measured(options, texts, options.threads)
    else:
        figures, given = in_processes(options, texts)
    coded, elapsed = figures.pop("coded"), figures.pop("elapsed")
    if options.answers:
        options.answers.write_text("".join(f"{json.dumps(answer)}\n" for answer in given))
    rates = {"labels_per_second": coded / elapsed, "microseconds": 1e6 * elapsed / coded}
    print(json.dumps(rates | figures | {"texts": len(texts)}))


if __name__ == "__main__":
    main()
