"""One activity, and lists of them."""

import json
import subprocess
import sys
import types

import polars
import pyarrow
import pytest

import codif


def test_a_coder_says_what_it_is(coder):
    assert coder.model == "ape-naf2008:1"
    assert coder.nomenclature == "naf2008"
    assert "9602A" in coder.labels and len(coder.labels) == len(set(coder.labels)) > 500
    assert 0.0 < coder.threshold <= 1.0
    assert repr(coder) == "Coder('ape-naf2008:1', nomenclature='naf2008')"


def test_an_alias_means_its_version(models):
    assert codif.Coder.from_registry(models, "ape-naf2008@production").model == "ape-naf2008:1"
    assert codif.Coder.from_registry(models, "ape-naf2008").model == "ape-naf2008:1"


def test_answers_are_those_of_the_program(coder, models, program, descriptions):
    texts = descriptions[:300] + ["", "1234", "é" * 10_001]
    command = [program, "code", "--json", "--registry", models, "--model", coder.model, "--top-k", "3", "--explain"]
    lines = subprocess.run(command, input="\n".join(texts) + "\n", capture_output=True, encoding="utf-8", check=True)
    expected = [json.loads(line) for line in lines.stdout.rstrip("\n").split("\n")]
    answers = coder.code(texts, top_k=3, explain=True)
    assert len(answers) == len(expected) == len(texts)
    for answer, other in zip(answers, expected):
        written = other["codings"]["naf2008"] if "codings" in other else other["error"]
        assert answer.to_dict() == written
    assert [type(answer) for answer in answers[-3:]] == [codif.ActivityFault, codif.Coding, codif.ActivityFault]


def test_attributes_say_what_the_dict_says(coder):
    coding = coder.code({"id": "a", "description": "coiffure à domicile", "nature": "??"}, explain=True)
    written = coding.to_dict()
    assert coding.id == "a"
    assert coding.model == f"{written['model']['name']}:{written['model']['version']}"
    for name in ["decision", "reason", "code", "confidence_gap", "threshold", "normalised", "explanation_kind"]:
        assert getattr(coding, name) == written[name], name
    for prediction, other in zip(coding.predictions, written["predictions"]):
        assert {name: getattr(prediction, name) for name in other} == other
    assert len(coding.predictions) == len(written["predictions"]) == 5
    assert [(term.term, term.contribution) for term in coding.explanation] == [
        (term["term"], term["contribution"]) for term in written["explanation"]
    ]
    assert [(warning.field, warning.code, warning.message) for warning in coding.warnings] == [
        (warning["field"], warning["code"], warning["message"]) for warning in written["warnings"]
    ]
    assert coding.warnings[0].field == "nature"


def test_a_code_is_given_from_the_threshold_on(coder):
    automatic, manual = coder.code("coiffure", threshold=0.0), coder.code("coiffure", threshold=1.0)
    assert (automatic.decision, automatic.reason) == ("automatic", None)
    assert automatic.code == automatic.predictions[0].code == manual.predictions[0].code
    assert (manual.decision, manual.reason, manual.code) == ("manual", "below_threshold", None)
    assert automatic != manual and automatic == coder.code("coiffure", threshold=0.0)
    assert "decision='manual'" in repr(manual) and "code=None" in repr(manual)


def test_fields_change_what_is_coded(coder):
    plain = coder.code({"description": "vente", "surface_class": None, "surface": float("nan")})
    assert plain == coder.code("vente")
    longer = coder.code({"description": "vente", "other_nature": "de pain"})
    assert longer == coder.code("vente de pain")


@pytest.mark.parametrize(
    ("activity", "code", "field"),
    [
        ("", "empty_description", "description"),
        (None, "empty_description", "description"),
        (float("nan"), "empty_description", "description"),
        ({}, "empty_description", "description"),
        ("a" * 10_001, "text_too_long", "description"),
        ("\ud800", "unreadable_activity", None),
        ({"description": 3}, "wrong_type", "description"),
        ({"description": "a", "surface": "12"}, "wrong_type", "surface"),
        ({"description": "a", "surface": True}, "wrong_type", "surface"),
        ({"description": "a", "surface": float("inf")}, "wrong_type", "surface"),
        ({"description": "a", "surface": 12, "surface_class": "1"}, "two_surfaces", "surface_class"),
        ({"description": "a", "naure": "04"}, "unknown_field", "naure"),
        ({"description": "a", "id": "i" * 129}, "id_too_long", "id"),
    ],
)
def test_a_fault_is_raised_alone_and_kept_among_others(coder, activity, code, field):
    with pytest.raises(codif.ActivityError) as raised:
        coder.code(activity)
    assert (raised.value.code, raised.value.field) == (code, field)
    assert str(raised.value) == raised.value.message != ""
    assert isinstance(raised.value, ValueError) and isinstance(raised.value, codif.CodifError)
    before, fault, after = coder.code(["coiffure", activity, "coiffure"])
    assert before == after == coder.code("coiffure")
    assert (fault.code, fault.message, fault.field) == (code, raised.value.message, field)


def test_what_is_no_activity_is_a_fault_in_a_list_and_refused_alone(coder):
    fault, coding = coder.code([3, "coiffure"])
    assert (fault.code, fault.field) == ("wrong_type", "activity")
    assert isinstance(coding, codif.Coding)
    for wrong in [3, b"coiffure"]:
        with pytest.raises(TypeError, match="a str or a dict"):
            coder.code(wrong)


def test_any_iterable_is_a_list(coder):
    assert coder.code(text for text in ["coiffure", "vente"]) == coder.code(("coiffure", "vente"))
    assert coder.code([]) == []


def test_the_id_comes_back_with_the_fault(coder):
    [fault] = coder.code([{"id": "a", "description": ""}])
    assert fault.id == "a"
    assert set(fault.to_dict()) == {"code", "message", "field"}


@pytest.mark.parametrize("options", [{"top_k": 0}, {"top_k": 51}, {"threshold": 1.5}, {"threshold": float("nan")}])
def test_options_out_of_bounds_are_refused(coder, options):
    [name] = options
    with pytest.raises(ValueError, match=name):
        coder.code("coiffure", **options)


def test_mappings_and_values_of_pyarrow_are_read_and_tables_refused(coder):
    fields = {"description": "coiffure à domicile", "nature": "12"}
    assert coder.code(types.MappingProxyType(fields)) == coder.code(fields)
    column = pyarrow.chunked_array([["coiffure"], [None, "boulangerie"]])
    assert [answer.to_dict() for answer in coder.code(column)] == [
        answer.to_dict() for answer in coder.code(["coiffure", None, "boulangerie"])
    ]

    class NAType:  # as pandas calls it
        pass

    assert coder.code([NAType()])[0].code == "empty_description"
    for table in [pyarrow.table({"description": ["coiffure"]}), polars.DataFrame({"description": ["coiffure"]})]:
        with pytest.raises(TypeError, match="code_arrow"):
            coder.code(table)


def test_a_long_list_can_be_interrupted(coder):
    program = f"""
import codif, os, signal, threading
coder = codif.Coder.from_registry({coder.__reduce__()[1][0]!r}, "ape-naf2008:1")
threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    coder.code(["coiffure à domicile %d" % number for number in range(2_000_000)])
    print("whole")
except KeyboardInterrupt:
    print("interrupted")
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert run.stdout.strip() == b"interrupted"
