"""The tests of the wheel. They run where the shipped models are: tests/wheel.sh."""

import os
import pathlib

import pytest

import codif

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = "ape-naf2008:1"


@pytest.fixture(scope="session")
def models() -> str:
    return str(ROOT / "models")


@pytest.fixture(scope="session")
def coder(models: str) -> codif.Coder:
    return codif.Coder.from_registry(models, MODEL)


@pytest.fixture(scope="session")
def program() -> str:
    """The path of the program codif."""
    return os.environ["CODIF_PROGRAM"]


@pytest.fixture(scope="session")
def descriptions() -> "list[str]":
    """Real texts, some thousands of them."""
    with open(ROOT / "models/corpus/declarations.tsv", encoding="utf-8") as lines:
        rows = [line.rstrip("\n").split("\t") for line in lines]
    place = rows[0].index("description")
    return [row[place] for row in rows[1:5001]]
