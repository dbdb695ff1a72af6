"""The job of `codif recode` with fastText and pandas: python peer.py MODEL INPUT OUTPUT.

Reads Parquet, normalises the texts (they are folded already, so it changes none), predicts the five best labels of all of them in
one call, adds the columns of their codings, writes Parquet. Prints one JSON line: the rows, and the seconds of each step.
"""

import json
import sys
import time

import fasttext
import numpy
import pandas

K = 5
ADDED = 1e-5  # by fastText to each probability that it reports
PREFIX = "__label__"
THRESHOLD = 1.0  # that of a model codif has imported

steps, last = {}, time.perf_counter()


def done(step):
    global last
    now = time.perf_counter()
    steps[step], last = now - last, now


def main():
    model_file, source, target = sys.argv[1:]
    model = fasttext.load_model(model_file)
    done("load")
    rows = pandas.read_parquet(source)
    done("read")
    texts = rows["description"].str.strip().str.lower().tolist()
    done("normalise")
    labels, probabilities = model.predict(texts, k=K)
    done("predict")
    codes = [[label.removeprefix(PREFIX) for label in of_text] for of_text in labels]
    probabilities = numpy.clip(numpy.array(probabilities, dtype=float) - ADDED, 0, 1)
    gaps = probabilities[:, 0] - probabilities[:, 1]
    automatic = gaps >= THRESHOLD
    rows["code"] = [of_text[0] if given else None for of_text, given in zip(codes, automatic)]
    rows["confidence_gap"] = gaps
    rows["decision"] = numpy.where(automatic, "automatic", "manual")
    rows["codes"], rows["probabilities"] = codes, list(probabilities)
    done("columns")
    rows.to_parquet(target, compression="zstd", index=False)
    done("write")
    print(json.dumps({"rows": len(rows), "seconds": steps}))


if __name__ == "__main__":
    main()
