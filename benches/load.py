"""Measures codif under load: see load.sh, which finds the programs and calls this. Python's standard library and wrk.

single, batch   requests a second and latency with 1 and with 100 activities a request, of codif, of a FastAPI service of a
                fastText model, and of a route that reads its body and does nothing
interactive     latency of single codings, alone and while requests of 10,000 activities run
overload        what becomes of 1, 2 and 3 times the requests that codif can answer

One server runs at a time, codif with its log as shipped. They take turns within each round, so that the noise of the machine
hits all alike; figures are medians over the rounds, failures their sum. Load and server share the cores.
"""

import argparse
import csv
import json
import os
import random
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import open_loop
import wrk
from servers import check, connection, post, running, targets

CORPUS = Path(__file__).parent.parent / "models/corpus/declarations.tsv"
CONNECTIONS = (1, 16, 256)
BATCH = 100
LARGE = 10_000
DISTINCT_BODIES = 250
FAILURES = ("failed", "large_refused", "without_retry_after")
LATENCIES = {"p50": "p50 ms", "p90": "p90 ms", "p99": "p99 ms", "max": "max ms"}


class Load:
    """The parts, each of which prints its table and returns its rows."""

    def __init__(self, targets, seconds, rounds):
        self.targets, self.seconds, self.rounds = targets, seconds, rounds
        with CORPUS.open(encoding="utf-8", newline="") as corpus:
            self.texts = [line["description"] for line in csv.DictReader(corpus, delimiter="\t", quoting=csv.QUOTE_NONE)]
        random.Random(1).shuffle(self.texts)

    def bodies(self, target, size):
        return [target.body(self.texts[size * number : size * (number + 1)]) for number in range(DISTINCT_BODIES)]

    def wrk(self, url, target, size, connections, seconds):
        return wrk.run(url + target.path, self.bodies(target, size), connections, seconds)

    def warm(self, url, target, size):
        check(url, target, self.texts[:size])
        self.wrk(url, target, size, 2, 1)

    def single(self):
        return self.throughput("one activity a request", 1)

    def batch(self):
        return self.throughput(f"{BATCH} activities a request", BATCH)

    def throughput(self, title, size):
        runs, measured = {}, [self.targets[key] for key in ("both", "one", "sirene", "service", "empty")]
        for number in range(1, self.rounds + 1):
            for connections in CONNECTIONS:
                # wrk leaves out what is under way at the end: a run must be long beside it.
                seconds = self.seconds * (4 if connections * size > LARGE else 1)
                for target in measured:
                    say(f"round {number} of {self.rounds}, {title}, {connections} connections: {target.name}")
                    # Started anew: a run leaves the server at work on requests that nobody waits for.
                    with running(target.program) as url:
                        self.warm(url, target, size)
                        run = self.wrk(url, target, size, connections, seconds)
                    runs.setdefault((connections, target), []).append(run)
        rates = {key: medians(of_rounds)["requests_s"] for key, of_rounds in runs.items()}
        rows = []
        for (connections, target), of_rounds in runs.items():
            row = {"program": target.name, "connections": connections} | medians(of_rounds)
            row["activities_s"] = row["requests_s"] * size
            for key in ("service", "empty"):
                row[f"to_{key}"] = row["requests_s"] / rates[connections, self.targets[key]]
            rows.append(row | {"rounds": of_rounds})
        columns = {"program": "program", "connections": "connections", "requests_s": "requests/s"}
        columns |= {"activities_s": "activities/s"} if size > 1 else {}
        columns |= LATENCIES | {"failed": "failed", "to_service": "÷ FastAPI", "to_empty": "÷ empty"}
        table(title, columns, rows)
        return rows

    def interactive(self):
        runs, rows = {}, []
        for number in range(1, self.rounds + 1):
            for target in (self.targets["both"], self.targets["service"]):
                say(f"round {number} of {self.rounds}, single codings, alone and beside large requests: {target.name}")
                with running(target.program) as url:
                    self.warm(url, target, 1)
                    alone = self.wrk(url, target, 1, 4, self.seconds)
                    with self.large_requests(url, target) as large:
                        beside = self.wrk(url, target, 1, 4, self.seconds)
                runs.setdefault((target, "alone"), []).append(alone)
                runs.setdefault((target, "beside"), []).append(beside | large)
        for (target, when), of_rounds in runs.items():
            rows.append({"program": target.name, "when": when} | medians(of_rounds) | {"rounds": of_rounds})
        columns = {"program": "program", "when": "single", "requests_s": "requests/s"} | LATENCIES
        columns |= {"failed": "failed", "large_s": "large: activities/s", "large_refused": "refused"}
        table(f"single codings on 4 connections, alone and beside requests of {LARGE:,} activities on 2", columns, rows)
        return rows

    @contextmanager
    def large_requests(self, url, target):
        """Large requests on two connections for as long as the block runs; afterwards, their figures."""
        stop, figures = threading.Event(), {}

        def client(body):
            connected, answered, refused = connection(url), 0, 0
            while not stop.is_set():
                response, _ = post(connected, target.path, body)
                if response.status == 200:
                    answered += 1
                else:
                    refused += 1
                    stop.wait(float(response.getheader("retry-after", 1)))
            connected.close()
            return answered, refused

        bodies = [target.body(self.texts[:LARGE]), target.body(self.texts[LARGE : 2 * LARGE])]
        with ThreadPoolExecutor(len(bodies)) as threads:
            start = time.perf_counter()
            clients = [threads.submit(client, body) for body in bodies]
            try:
                yield figures
            finally:
                stop.set()
            answered, refused = map(sum, zip(*(client.result() for client in clients)))
            figures["large_s"] = answered * LARGE / (time.perf_counter() - start)
            figures["large_refused"] = refused

    def overload(self):
        target, runs = self.targets["limited"], {}
        requests = [open_loop.request(target.path, body) for body in self.bodies(target, BATCH)]
        for number in range(1, self.rounds + 1):
            with running(target.program) as url:
                check(url, target, self.texts[:BATCH])
                address = urlsplit(url).hostname, urlsplit(url).port
                # 16 requests of 100 are within the 2,000 in work. The same client, so that its own cost is in the rate too.
                rate = overload_figures(*open_loop.run(address, requests, 16, self.seconds))["accepted_s"]
                say(f"round {number} of {self.rounds}, overload: {rate:.0f} requests/s in a closed loop of 16 connections")
                for times in (1, 2, 3):
                    figures = overload_figures(*open_loop.run(address, requests, 256, self.seconds, rate * times))
                    runs.setdefault(times, []).append({"offered_s": rate * times} | figures)
        rows = [{"load": f"{times} x"} | medians(of_rounds) | {"rounds": of_rounds} for times, of_rounds in runs.items()]
        columns = {"load": "load", "offered_s": "offered/s"}
        columns |= {"accepted_s": "accepted/s", "accepted_p50": "p50 ms", "accepted_p99": "p99 ms"}
        columns |= {"refused_s": "refused/s", "refused_p50": "p50 ms", "refused_p99": "p99 ms", "failed": "failed"}
        columns |= {"without_retry_after": "no retry-after", "sent_late_p99": "sent late, p99 ms"}
        table(f"{BATCH} activities a request, 2,000 in work at most, at multiples of a closed loop's rate", columns, rows)
        return rows


def overload_figures(answers, lost, elapsed):
    accepted = [answer.latency for answer in answers if answer.status == 200]
    refused = [answer.latency for answer in answers if answer.status == 429]
    return {
        "accepted_s": len(accepted) / elapsed,
        "accepted_p50": percentile(accepted, 50),
        "accepted_p99": percentile(accepted, 99),
        "refused_s": len(refused) / elapsed,
        "refused_p50": percentile(refused, 50),
        "refused_p99": percentile(refused, 99),
        "failed": len(answers) - len(accepted) - len(refused) + lost,
        "without_retry_after": sum(answer.status == 429 and not answer.says_when for answer in answers),
        "sent_late_p99": percentile([answer.late for answer in answers], 99),
    }


def percentile(seconds, share):
    """In milliseconds; none of nothing."""
    ordered = sorted(seconds)
    return ordered[len(ordered) * share // 100] * 1000 if ordered else None


def medians(runs):
    """Every figure's median over the runs that have it; of failures, the sum."""
    known = {key: [run[key] for run in runs if run[key] is not None] for key in runs[0]}
    figure = lambda key, values: sum(values) if key in FAILURES else median(values) if values else None
    return {key: figure(key, values) for key, values in known.items()}


def table(title, columns, rows):
    def cell(value):
        if not isinstance(value, float):
            return "" if value is None else str(value)
        return f"{value:,.0f}" if value >= 100 else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"

    lines = [list(columns.values())] + [[cell(row.get(key)) for key in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines)]
    aligned = [str.ljust if isinstance(rows[0].get(key), str) else str.rjust for key in columns]
    print(f"\n{title}")
    for line in lines:
        print("  ".join(align(text, width) for align, text, width in zip(aligned, line, widths)).rstrip(), flush=True)


def say(what):
    print(what, file=sys.stderr, flush=True)


def main():
    parts = ("single", "batch", "interactive", "overload")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=(*parts, "all"))
    parser.add_argument("--seconds", type=int, default=5, metavar="N", help="length of a run [default: 5]")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="[default: 3]")
    parser.add_argument("--json", metavar="FILE", help="also write the figures, with those of every round")
    for name in ("--codif", "--empty-route", "--uvicorn", "--model"):
        parser.add_argument(name, required=True, metavar="FILE", help="given by load.sh")
    arguments = parser.parse_args()
    # In the background too, where a shell lets Ctrl-C be ignored: the servers are stopped on the way out.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    date, cores = datetime.now().astimezone().isoformat(timespec="minutes"), len(os.sched_getaffinity(0))
    print(f"{date}, {cores} cores, {arguments.rounds} rounds of {arguments.seconds} s", flush=True)
    served = targets(arguments.codif, arguments.empty_route, arguments.uvicorn, arguments.model)
    load = Load(served, arguments.seconds, arguments.rounds)
    chosen = parts if arguments.part == "all" else (arguments.part,)
    figures = {part: getattr(load, part)() for part in chosen}
    if arguments.json:
        run = {"date": date, "cores": cores, "seconds": arguments.seconds, "rounds": arguments.rounds}
        Path(arguments.json).write_text(json.dumps(run | figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
