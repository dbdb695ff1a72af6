"""The rows of the input matrix that a text takes, found from a fastText file alone. Standard library."""

from __future__ import annotations

import re
import struct
from typing import Any

SPACES = re.compile(r"[ \n\r\t\v\f\0]+")
END = "</s>"


class Dictionary:
    """What the head of a fastText file says of words, labels and buckets."""

    def __init__(self, file: bytes) -> None:
        self.file, self.at = file, 0
        _, version = self.read("<2i")
        (_, _, _, _, _, self.word_ngrams, _, _, self.bucket, self.minn, self.maxn, _, _) = self.read("<12id")
        self.maxn = 0 if version == 11 else self.maxn
        size, self.nwords, _, _, self.pruned = self.read("<3i2q")
        entries = [self.entry() for _ in range(size)]
        self.words = {word: i for i, (word, label) in enumerate(entries) if not label}
        self.labels = {word for word, label in entries if label}
        self.kept = dict(self.read("<2i") for _ in range(max(self.pruned, 0)))

    def read(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from(form, self.file, self.at)
        self.at += struct.calcsize(form)
        return values

    def entry(self) -> tuple[str, bool]:
        end = self.file.index(b"\0", self.at)
        word, self.at = self.file[self.at : end].decode(), end + 1
        _, label = self.read("<qb")
        return word, label == 1

    def bucket_rows(self, value: int) -> list[int]:
        """The row of a hashed n-gram; none when it was pruned."""
        if self.pruned < 0:
            return [self.nwords + value % self.bucket]
        kept = self.kept.get(value % self.bucket)
        return [] if kept is None else [self.nwords + kept]

    def token_rows(self, token: str) -> list[int]:
        """A word's own row, then those of its n-grams of characters."""
        own = [self.words[token]] if token in self.words else []
        word = f"<{token}>"
        spans = [(i, n) for i in range(len(word)) for n in range(self.minn, self.maxn + 1) if i + n <= len(word)]
        inner = [(i, n) for i, n in spans if n > 0 and not (n == 1 and i in (0, len(word) - 1))]
        grams = [] if token == END else inner
        return own + [row for i, n in grams for row in self.bucket_rows(fnv1a(word[i : i + n]))]

    def text_rows(self, text: str) -> list[int]:
        """Every row of a text in fastText's order."""
        tokens = [token for token in SPACES.split(text) if token] + [END]
        tokens = tokens[: tokens.index(END) + 1]
        tokens = [t for t in tokens if t in self.words or not (t in self.labels or t.startswith("__label__"))]
        rows = [row for token in tokens for row in self.token_rows(token)]
        hashes = [signed(fnv1a(token)) for token in tokens]
        for i, value in enumerate(hashes):
            for following in hashes[i + 1 : i + self.word_ngrams]:
                value = (value * 116049371 + following) % 2**64
                rows += self.bucket_rows(value)
        return rows


def fnv1a(text: str) -> int:
    """32-bit FNV-1a whose bytes are sign-extended before they are mixed in."""
    value = 2166136261
    for byte in text.encode():
        value = ((value ^ (byte | 0xFFFFFF00 if byte > 127 else byte)) * 16777619) % 2**32
    return value


def signed(value: int) -> int:
    return value - 2**32 if value >= 2**31 else value
