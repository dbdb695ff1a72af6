"""Makes versions of a model that are as large as asked out of a version that is shipped. Python's standard library.

python big_model.py VERSION_DIRECTORY REGISTRY NAME MEGABYTES [--versions 2]

The rows that are added are real ones of the table, shuffled; they stand for buckets outside those of the model, which codif
passes over: they take their room and change no answer, and the golden cases stay right. The versions share their files, each
has a threshold of its own. Memory stays the same whatever the size.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import struct
import sys
from pathlib import Path

WEIGHTS = "model.safetensors"
MANIFEST = "manifest.json"
OUTSIDE = struct.pack("<I", 2**32 - 1)
WIDTHS = {"F16": 2, "BF16": 2, "F32": 4, "U32": 4}
PIECE = 8 << 20  # bytes
ROWS_REPEATED = 8 << 20  # bytes


class Header:
    """The tensors of a safetensors file, in the order of their numbers, and where these begin."""

    def __init__(self, file):
        (length,) = struct.unpack("<Q", file.read(8))
        described = json.loads(file.read(length))
        self.metadata = described.pop("__metadata__", None)
        self.tensors = sorted(described.items(), key=lambda tensor: tensor[1]["data_offsets"])
        self.start = file.tell()

    def with_rows(self, count):
        """The bytes of a header whose table has so many rows more, as has the list of buckets."""
        described = {} if self.metadata is None else {"__metadata__": self.metadata}
        end = 0
        for name, tensor in self.tensors:
            first, *others = tensor["shape"]
            shape = [first + count, *others] if name in ("table", "buckets") else tensor["shape"]
            start, end = end, end + bytes_of(tensor["dtype"], shape)
            described[name] = {"dtype": tensor["dtype"], "shape": shape, "data_offsets": [start, end]}
        text = json.dumps(described, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        return struct.pack("<Q", len(text)) + text


class Digested:
    """A file that is written, its size and its digest."""

    def __init__(self, file):
        self.file, self.sha256, self.bytes = file, hashlib.sha256(), 0

    def write(self, piece):
        self.file.write(piece)
        self.sha256.update(piece)
        self.bytes += len(piece)

    def digest(self):
        return {"sha256": self.sha256.hexdigest(), "bytes": self.bytes}


def bytes_of(dtype, shape):
    count = WIDTHS[dtype]
    for length in shape:
        count *= length
    return count


def pieces(file, start, length):
    file.seek(start)
    while length > 0 and (piece := file.read(min(length, PIECE))):
        length -= len(piece)
        yield piece


def shuffled_rows(file, start, length, width, count):
    """Rows of a table, so many, in pieces."""
    file.seek(start)
    table = file.read(min(length, ROWS_REPEATED // width * width))
    rows = [table[place : place + width] for place in range(0, len(table), width)]
    order = random.Random(1)
    while count > 0:
        order.shuffle(rows)
        yield b"".join(rows[:count])
        count -= len(rows)


def outside_buckets(count):
    many = PIECE // len(OUTSIDE)
    while count > 0:
        yield OUTSIDE * min(count, many)
        count -= many


def write_weights(source, target, size):
    """Writes weights of about so many bytes; how many rows were added, and the file's digest."""
    with source.open("rb") as old, target.open("wb") as new:
        header = Header(old)
        table = dict(header.tensors)["table"]
        row = bytes_of(table["dtype"], table["shape"][1:])
        count = (size - source.stat().st_size) // (row + len(OUTSIDE))
        weights = Digested(new)
        weights.write(header.with_rows(count))
        for name, tensor in header.tensors:
            start, end = (header.start + offset for offset in tensor["data_offsets"])
            for piece in pieces(old, start, end - start):
                weights.write(piece)
            more = ()
            if name == "table":
                more = shuffled_rows(old, start, end - start, row, count)
            elif name == "buckets":
                more = outside_buckets(count)
            for piece in more:
                weights.write(piece)
    return count, weights.digest()


def write_versions(source, model, size, count):
    """Writes the versions 1 to `count` of a model, the weights of each of about so many bytes; production is the first."""
    manifest = json.loads((source / MANIFEST).read_text(encoding="utf-8"))
    threshold = manifest["decision"]["threshold"]
    first = model / "versions/1"
    first.mkdir(parents=True)
    for name in manifest["files"].keys() - {WEIGHTS}:
        shutil.copyfile(source / name, first / name)
    rows, manifest["files"][WEIGHTS] = write_weights(source / WEIGHTS, first / WEIGHTS, size)
    manifest["architecture"]["rows"] += rows
    manifest["features"]["kept_buckets"] += rows
    for number in range(1, count + 1):
        version = model / "versions" / str(number)
        if number > 1:
            version.mkdir()
            for name in manifest["files"]:
                os.link(first / name, version / name)
        manifest |= {"name": model.name, "version": number}
        manifest["decision"]["threshold"] = threshold / number
        (version / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False), encoding="utf-8")
    (model / "aliases").mkdir()
    (model / "aliases/production").write_text("1\n", encoding="utf-8")


def main():
    usage = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    usage.add_argument("version", type=Path, metavar="VERSION_DIRECTORY")
    usage.add_argument("registry", type=Path, metavar="REGISTRY")
    usage.add_argument("name", metavar="NAME")
    usage.add_argument("megabytes", type=int, metavar="MEGABYTES", help=f"size of {WEIGHTS}, in millions of bytes")
    usage.add_argument("--versions", type=int, default=2, metavar="COUNT")
    options = usage.parse_args()
    model, size = options.registry / options.name, options.megabytes * 1_000_000
    if model.exists():
        sys.exit(f"{model} exists, and a version never changes: give another name")
    if size < (options.version / WEIGHTS).stat().st_size:
        sys.exit(f"{options.version / WEIGHTS} is larger than {options.megabytes} MB already: ask for more")
    write_versions(options.version, model, size, options.versions)


if __name__ == "__main__":
    main()
