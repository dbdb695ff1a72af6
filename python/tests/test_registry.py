"""Where coders come from, and what can be wrong there."""

import os
import pathlib
import pickle
import shutil
import subprocess
import sys

import pytest

import codif


def test_a_registry_that_is_not_there_is_said(tmp_path):
    with pytest.raises(codif.RegistryError, match="nowhere"):
        codif.Coder.from_registry(tmp_path / "nowhere", "ape-naf2008")


def test_a_model_that_is_not_there_is_said(models):
    with pytest.raises(codif.RegistryError, match="ape-naf2008"):
        codif.Coder.from_registry(models, "ape-naf1993")
    with pytest.raises(codif.RegistryError, match="7"):
        codif.Coder.from_registry(models, "ape-naf2008:7")


def test_a_damaged_model_is_refused_with_its_file(models, tmp_path):
    shutil.copytree(pathlib.Path(models) / "ape-naf2008", tmp_path / "ape-naf2008")
    vocabulary = tmp_path / "ape-naf2008/versions/1/vocabulary.txt"
    vocabulary.write_bytes(vocabulary.read_bytes()[:-1])
    with pytest.raises(codif.ModelError, match="vocabulary.txt"):
        codif.Coder.from_registry(tmp_path, "ape-naf2008")


def test_what_names_no_model_or_registry_is_a_wrong_value(models):
    with pytest.raises(ValueError, match="names no model"):
        codif.Coder.from_registry(models, "a/b")
    with pytest.raises(ValueError, match="is no model registry"):
        codif.Coder.from_registry("gs://bucket", "ape-naf2008")
    with pytest.raises(ValueError, match="auto, off, all"):
        codif.Coder.from_registry(models, "ape-naf2008", known_words="some")


def test_an_option_that_is_not_there_is_said_with_those_that_are(models):
    with pytest.raises(TypeError, match="'?known_word'?.*known_words"):
        codif.Coder.from_registry(models, "ape-naf2008", known_word="off")


def test_options_change_how_a_model_is_loaded_not_what_it_says(models, coder):
    other = codif.Coder.from_registry(pathlib.Path(models), "ape-naf2008:1", known_words="off", repeats=10, cache=None)
    texts = ["coiffure", "vente de pain", "coiffure"]
    codes = [[prediction.code for prediction in coding.predictions] for coding in other.code(texts)]
    assert codes == [[prediction.code for prediction in coding.predictions] for coding in coder.code(texts)]


def test_a_pickled_coder_is_loaded_once_in_a_process(coder):
    text = pickle.dumps(coder)
    assert len(text) < 2_000
    program = """
import pickle, sys
text = sys.stdin.buffer.read()
one = pickle.loads(text)
one_more = pickle.loads(text)
print(one.model, one_more.code("coiffure") == one.code("coiffure"))
"""
    run = subprocess.run([sys.executable, "-c", program], input=text, capture_output=True, check=True, cwd="/")
    assert run.stdout.split() == [b"ape-naf2008:1", b"True"]


def test_a_shared_coder_needs_its_registry_once(models, tmp_path):
    shutil.copytree(pathlib.Path(models) / "ape-naf2008", tmp_path / "ape-naf2008")
    first = codif.Coder.shared(tmp_path, "ape-naf2008:1")
    text = pickle.dumps(first)
    shutil.rmtree(tmp_path / "ape-naf2008")
    # What is not in the registry any more can only be what was loaded before.
    assert codif.Coder.shared(tmp_path, "ape-naf2008:1").code("coiffure") == first.code("coiffure")
    assert pickle.loads(text).model == "ape-naf2008:1"
    with pytest.raises(codif.RegistryError):
        codif.Coder.from_registry(tmp_path, "ape-naf2008:1")


def test_an_alias_is_pickled_as_its_version(models, tmp_path, program):
    shutil.copytree(pathlib.Path(models) / "ape-naf2008", tmp_path / "ape-naf2008")
    text = pickle.dumps(codif.Coder.from_registry(tmp_path, "ape-naf2008@production"))
    version = str(tmp_path / "ape-naf2008/versions/1")
    for command in [["push", version, "--name", "ape-naf2008"], ["promote", "ape-naf2008", "2"]]:
        subprocess.run([program, "model", *command, "--registry", str(tmp_path)], check=True, capture_output=True)
    assert codif.Coder.from_registry(tmp_path, "ape-naf2008@production").model == "ape-naf2008:2"
    assert pickle.loads(text).model == "ape-naf2008:1"


def test_options_travel_with_whole_paths_and_keys_by_their_text(models, tmp_path, program, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(pathlib.Path(models) / "ape-naf2008", "registry/ape-naf2008")
    subprocess.run([program, "key", "signing", "signing.pem"], check=True, capture_output=True)
    public = tmp_path / "signing.pem.pub"
    sign = [program, "model", "sign", "ape-naf2008:1", "--registry", "registry", "--key", "signing.pem"]
    subprocess.run(sign, check=True, capture_output=True)
    coder = codif.Coder.from_registry("registry", "ape-naf2008", require_signature=public.name, cache="kept")
    _, (registry, _, options) = coder.__reduce__()
    assert (registry, options["cache"]) == (str(tmp_path / "registry"), [str(tmp_path / "kept")])
    assert options["require_signature"] == [public.read_text()]
    public.unlink()
    monkeypatch.chdir("/")
    assert pickle.loads(pickle.dumps(coder)).model == "ape-naf2008:1"


def test_only_the_models_asked_for_last_stay_loaded(models, tmp_path):
    registries = [tmp_path / str(number) for number in range(3)]
    for registry in registries:
        shutil.copytree(pathlib.Path(models) / "ape-naf2008", registry / "ape-naf2008")
        codif.Coder.shared(registry, "ape-naf2008:1")
        shutil.rmtree(registry)
    for registry in registries[1:]:
        assert codif.Coder.shared(registry, "ape-naf2008:1").model == "ape-naf2008:1"
    with pytest.raises(codif.RegistryError):
        codif.Coder.shared(registries[0], "ape-naf2008:1")


def test_errors_travel_between_processes(coder):
    with pytest.raises(codif.ActivityError) as raised:
        coder.code("")
    again = pickle.loads(pickle.dumps(raised.value))
    assert (again.code, again.message, again.field) == ("empty_description", raised.value.message, "description")


def test_the_threads_of_matrix_products_are_left_to_whoever_chose_them():
    program = "import os, codif; print(os.environ['RAYON_NUM_THREADS'])"
    for given, expected in [({}, b"1"), ({"RAYON_NUM_THREADS": "3"}, b"3")]:
        environment = {name: value for name, value in os.environ.items() if name != "RAYON_NUM_THREADS"} | given
        run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)
        assert run.stdout.strip() == expected
