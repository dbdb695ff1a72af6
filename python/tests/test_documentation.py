"""Examples are run, and the stubs name what is there."""

import ast
import doctest
import pathlib

import pytest

import codif
import codif._codif
import codif.errors

HERE = pathlib.Path(__file__).resolve().parent
ONLY_FOR_TYPES = {"Activity", "ArrowStream", "ArrowArray"}


@pytest.fixture(autouse=True)
def where_the_models_are(models, monkeypatch):
    monkeypatch.chdir(pathlib.Path(models).parent)


def run(text: str, name: str) -> int:
    test = doctest.DocTestParser().get_doctest(text, {}, name, name, 0)
    result = doctest.DocTestRunner().run(test)
    assert result.failed == 0, name
    return result.attempted


def test_examples_give_what_they_say():
    documented = [codif, codif.Coder, codif.Coder.code, codif.Coding, codif.Coding.to_dict, codif.ActivityError]
    for thing in documented:
        assert run(thing.__doc__, repr(thing)) > 0


def test_the_readme_gives_what_it_says():
    assert run((HERE.parent / "README.md").read_text(encoding="utf-8"), "README.md") > 5


def test_the_stubs_name_what_is_there():
    stub = ast.parse((pathlib.Path(codif.__file__).parent / "_codif.pyi").read_text(encoding="utf-8"))
    classes = [node for node in stub.body if isinstance(node, ast.ClassDef) and node.name not in ONLY_FOR_TYPES]
    assert {node.name for node in classes} == {
        name for name, thing in vars(codif._codif).items() if isinstance(thing, type)
    }
    for node in classes:
        there = getattr(codif._codif, node.name)
        named = {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
        assert all(hasattr(there, name) for name in named), node.name
        public = {name for name in vars(there) if not name.startswith("_") or name.startswith("__arrow")}
        assert public <= named, node.name


def test_everything_public_is_documented():
    assert (pathlib.Path(codif.__file__).parent / "py.typed").exists()
    for name in codif.__all__:
        assert hasattr(codif, name)
        if not name.startswith("_"):
            assert getattr(codif, name).__doc__, name
