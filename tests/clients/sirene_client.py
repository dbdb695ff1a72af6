"""The Python callers' side of the contract: the current form, and the older form that scripts and pages still call.

    python sirene_client.py BASE_URL [USER PASSWORD]

Prints one line a check and stops at the first mismatch with exit status 1.
"""

import re
import sys

import requests

# What a day of the registry looks like: covariates as numbers, strings, "NaN" and null, a cj no model has seen (7210),
# and a field that is not in the contract, which must be ignored.
FORMS = [
    {"description_activity": "coiffure à domicile", "type_form": "M", "nature": "12", "surface": 3000.5, "cj": "1000"},
    {"description_activity": "boulangerie pâtisserie artisanale", "other_nature_activity": "vente de pain",
     "type_form": "C", "nature": "10", "surface": "80", "cj": "5499", "activity_permanence_status": "P"},
    {"description_activity": "LOUEUR MEUBLE NON PROFESSIONNEL", "precision_act_sec_agricole": None, "type_form": "I",
     "nature": None, "surface": "NaN", "cj": "7210", "activity_permanence_status": "NaN", "channel": "guichet"},
]
TEXTS = [form["description_activity"] for form in FORMS]
TYPES = ["A", "B", "C", "D", "E", "G", "I", "L", "M", "N", "P", "R", "S", "X", "Y", "Z"]
PREDICTION = {"code", "probabilite", "libelle"}
ANY = object()  # anything of the right type, in a fault


class Mismatch(Exception):
    """What was expected, and what was found."""


def expect(what, wanted, found):
    if wanted != found or type(wanted) is not type(found):
        wanted, found = (sorted(value) if isinstance(value, set) else value for value in (wanted, found))
        raise Mismatch(f"expected {what}: {wanted!r}; found {found!r}")


def expect_that(holds, wanted, found):
    if not holds:
        raise Mismatch(f"expected {wanted}; found {found!r}")


def close(one, other):
    """Equal but for what single precision loses when texts are coded together with others."""
    return abs(one - other) < 1e-5


def done(check):
    print("ok ", check, flush=True)


class Api:
    """One connection pool. The surroundings' proxies and .netrc are left out: only BASE_URL is spoken to."""

    def __init__(self, base, credentials):
        self.base = base.rstrip("/")
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.auth = credentials
        self.session.headers["Accept"] = "application/json"

    def call(self, status, method, path, **options):
        answer = self.session.request(method, self.base + path, timeout=60, allow_redirects=False, **options)
        where = f"{method} {answer.request.path_url[:100]}"
        expect_that(answer.status_code == status, f"{where}: status {status}", f"{answer.status_code} {answer.text[:500]}")
        kind = answer.headers.get("Content-Type", "none")
        expect_that(kind.startswith("application/json"), f"{where}: application/json", kind)
        return answer

    def get(self, path, status=200, **query):
        return self.call(status, "GET", path, params=query).json()

    def post(self, path, body, status=200, **query):
        return self.call(status, "POST", path, json=body, params=query).json()

    def forms(self, forms, path="/predict/", **query):
        codings = self.post(path, {"forms": forms}, **query)
        expect("number of codings", len(forms), len(codings))
        return [read(coding, {"IC", "MLversion"}) for coding in codings]

    def batch(self, columns, **query):
        codings = self.post("/predict-batch", columns, **query)
        expect("number of codings", len(columns["text_description"]), len(codings))
        return [read(coding, {"IC"}) for coding in codings]


class Coding:
    """What was read of one coding, the ranks in order."""

    def __init__(self, predictions, coding):
        self.codes = [prediction["code"] for prediction in predictions]
        self.probabilities = [prediction["probabilite"] for prediction in predictions]
        self.gap = coding.get("IC")
        self.version = coding.get("MLversion")

    def expect_same(self, what, other):
        expect(f"{what}, codes", self.codes, other.codes)
        expect_that(close(self.gap, other.gap), f"{what}, IC: {self.gap}", other.gap)


def read(coding, others, prediction_keys=frozenset(PREDICTION)):
    """A coding as strict callers read it: ranks "1" to "n", the other keys asked for, and no more."""
    expect_that(isinstance(coding, dict), "an object", coding)
    ranks = [str(rank) for rank in range(1, len(coding) - len(others) + 1)]
    expect("keys of a coding", {*ranks, *others}, set(coding))
    predictions = [coding[rank] for rank in ranks]
    most = 1
    for prediction in predictions:
        expect("keys of a prediction", set(prediction_keys), set(prediction))
        expect_that(matches(r"\d{4}[A-Z]", prediction["code"]), "a compact code", prediction)
        expect_that(matches(r".*\S.*", prediction["libelle"]), "a title", prediction)
        expect_that(is_number(prediction["probabilite"]), "a number as probabilite", prediction)
        expect_that(0 <= prediction["probabilite"] <= most, f"a probability from 0 to {most}", prediction)
        most = prediction["probabilite"]
    found = Coding(predictions, coding)
    expect("codes, each once", len(found.codes), len(set(found.codes)))
    if "IC" in others:
        expect_that(is_number(found.gap) and 0 <= found.gap <= 1, "an IC from 0 to 1", found.gap)
        if len(ranks) > 1:
            gap = found.probabilities[0] - found.probabilities[1]
            expect_that(close(gap, found.gap), f"an IC of best minus second, {gap}", found.gap)
    if "MLversion" in others:
        expect_that(matches(r"[^/]+/[^/]+", found.version), "MLversion as model/version", found.version)
    return found


def matches(pattern, value):
    return isinstance(value, str) and re.fullmatch(pattern, value)


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def credentials_are_asked_for(api):
    """Every route of the public port asks for them; those of the contract say so in its form."""
    routes = [("GET", "/", None), ("POST", "/predict/", {"forms": FORMS}), ("GET", "/predict?text_feature=coiffure", None),
              ("POST", "/predict-batch", columns(TEXTS))]
    for credentials in (None, ("sirene", "not the password")):
        stranger = Api(api.base, credentials)
        for method, path, body in routes:
            answer = stranger.call(401, method, path, json=body)
            challenge = answer.headers.get("WWW-Authenticate", "none")
            expect_that(re.match(r"Basic\b", challenge, re.I), f"{path}: WWW-Authenticate for Basic", challenge)
            expect("keys of the 401", {"detail"}, set(answer.json()))
            expect_that(isinstance(answer.json()["detail"], str), "a string as detail", answer.json())
    done("no credentials, or a wrong password: 401 with WWW-Authenticate and a detail, on every route")


def current_form(api):
    codings = api.forms(FORMS)
    expect("distinct first codes", len(FORMS), len({coding.codes[0] for coding in codings}))
    done("POST /predict/: a coding per form, no unknown key")
    probabilities = [probability for coding in codings for probability in coding.probabilities]
    expect_that(any(abs(value - round(value, 2)) > 1e-8 for value in probabilities), "full precision", probabilities)
    done("probabilities are not rounded")
    for wanted, found in zip(codings, reversed(api.forms(FORMS[::-1]))):
        wanted.expect_same("forms sent in reverse", found)
    done("codings come in the order of the forms")
    codings[0].expect_same("POST /predict", api.forms(FORMS, path="/predict")[0])
    done("POST /predict: the same, without a redirect")
    expect("codings of no form", [], api.post("/predict/", {"forms": [], "sent_by": "registry"}))
    done("no form: an empty list, whatever else the body holds")
    api.forms([{"description_activity": "réparation de vélos " * 1000}])
    done("a text of 20,000 characters is coded")

    usual, one_form = codings[0], FORMS[:1]
    for query, wanted in [
        ({"nb_echos_max": 1}, usual.codes[:1]),
        ({"prob_min": sum(usual.probabilities[:2]) / 2}, usual.codes[:1]),
        ({"prob_min": 1}, []),
    ]:
        found = api.forms(one_form, **query)[0]
        expect(f"codes with {query}", wanted, found.codes)
        expect_that(close(usual.gap, found.gap), f"the same IC with {query}: {usual.gap}", found.gap)
    done("nb_echos_max and prob_min choose ranks, the IC stays")
    every = api.forms(one_form, nb_echos_max=100_000, prob_min=0, num_workers=4, batch_size=64)[0]
    expect_that(len(every.codes) > 5, "more than 5 ranks with nb_echos_max=100000", every.codes)
    done(f"nb_echos_max=100000: clamped to the {len(every.codes)} classes; num_workers and batch_size are accepted")
    kept = api.forms(one_form, prob_min=repr(every.probabilities[1]), nb_echos_max=2)[0]
    expect("codes with prob_min equal to the second probability", every.codes[:2], kept.codes)
    done("prob_min is inclusive")

    current_faults(api)

    welcome = api.get("/")
    expect("GET /", {"Message": "Codification de l'APE", "Model_name": usual.version.split("/")[0],
                     "Model_version": usual.version.split("/")[1]}, welcome)
    done(f"GET /: {usual.version}")
    for number, found in enumerate(api.forms([FORMS[number % 3] for number in range(2000)])):
        codings[number % 3].expect_same(f"form {number} of 2000", found)
    done("2000 forms in one request: all coded, in order")


def current_faults(api):
    def refused(faults, body, **query):
        problem = api.post("/predict/", body, status=422, **query)
        expect("keys of the 422", {"detail"}, set(problem))
        expect(f"number of faults in {problem}", len(faults), len(problem["detail"]))
        for (kind, loc, message, given), found in zip(faults, problem["detail"]):
            expect("keys of a fault", {"type", "loc", "msg", "input"}, set(found))
            expect("type of a fault", kind, found["type"])
            expect(f"loc of {kind}", loc, found["loc"])
            expect_that(isinstance(found["msg"], str) and message in (ANY, found["msg"]), f"msg {message!r}", found)
            expect_that(given is ANY or given == found["input"], f"input {given!r}", found)

    def at(form, field):
        return ["body", "forms", form, field]

    def braces(values):
        return "{" + ", ".join(repr(value) for value in sorted(values)) + "}"

    text = {"description_activity": "atelier"}
    wrong = {"type_form": "Q", "nature": "1", "cj": "54", "activity_permanence_status": "T"}
    type_forms = braces([*TYPES, "NaN"])
    permanences = braces(["P", "S", "NaN"])
    refused([
        ("value_error", at(0, "type_form"), f"Value error, Invalid type_form 'Q', must be one of {type_forms}", "Q"),
        ("value_error", at(0, "nature"), "Value error, nature must be a two-digit number (e.g., '01')", "1"),
        ("value_error", at(0, "cj"), "Value error, cj must be a 4-digit number (e.g., '5499')", "54"),
        ("value_error", at(0, "activity_permanence_status"),
         f"Value error, Invalid permanence status 'T', must be one of {permanences}", "T"),
        ("greater_than", at(2, "surface"), "Input should be greater than 0", -1),
        ("missing", at(3, "description_activity"), "Field required", ANY),
    ], {"forms": [{**text, **wrong}, text, {**text, "surface": -1}, {"nature": "12"}]})
    done("422: one entry per fault, in order")
    blank = {"description_activity": " "}
    refused([("value_error", ["body"], "Value error, The description_activity is missing at indices: (0, 3)", ANY)],
            {"forms": [blank, text, text, {"description_activity": ""}]})
    done("422: blank descriptions are named together")
    refused([("float_parsing", at(0, "surface"), ANY, "grand")], {"forms": [{**text, "surface": "grand"}]})
    refused([("float_parsing", ["query", "prob_min"], ANY, "haut")], {"forms": FORMS}, prob_min="haut")
    refused([("greater_than_equal", ["query", "nb_echos_max"], "Input should be greater than or equal to 1", ANY)],
            {"forms": FORMS}, nb_echos_max=0)
    done("422: numbers that are none or too low")
    answer = api.call(422, "POST", "/predict/", data='{"forms":[', headers={"Content-Type": "application/json"})
    fault = answer.json()["detail"][0]
    expect("type of a fault in the JSON", "json_invalid", fault["type"])
    expect_that(fault["loc"][0] == "body" and type(fault["loc"][1]) is int, '["body", position]', fault)
    done("422: a body that is not JSON")


def columns(texts, type_="", nature="", surface="", event=""):
    """The older form's body: one list a column, each given for all lines at once or line by line."""
    cells = {"type_": type_, "nature": nature, "surface": surface, "event": event}
    return {"text_description": texts} | {
        name: cell if isinstance(cell, list) else [cell] * len(texts) for name, cell in cells.items()
    }


def older_form(api):
    text = "coiffure à domicile"
    query = {"type_liasse": "M", "nature": "12", "surface": "1", "event": "01P"}
    usual = read(api.get("/predict", text_feature=text, **query), {"IC"})
    usual.expect_same("text_description", read(api.get("/predict", text_description=text, **query), {"IC"}))
    usual.expect_same("POST /predict-batch", api.batch(columns([text], "M", "12", "1", "01P"))[0])
    done("GET /predict and POST /predict-batch: the same coding, without MLversion")
    three = read(api.get("/predict", text_feature=text, **query, nb_echos_max=3, prob_min=0), {"IC"})
    expect("ranks with nb_echos_max=3", 3, len(three.codes))
    above = read(api.get("/predict", text_feature=text, **query, prob_min=repr(three.probabilities[1])), {"IC"})
    expect("codes with prob_min equal to the second probability", three.codes[:1], above.codes)
    expect_that(close(three.gap, above.gap), f"the same IC: {three.gap}", above.gap)
    done("nb_echos_max and prob_min choose ranks, prob_min is exclusive")
    bare = read(api.get("/predict", text_feature=text, type_liasse="", nature="", surface="", event=""), {"IC"})
    missing = ["", None, "null", "NA", "NAN", "NaN", "nan", "None", " nan "]
    for found in api.batch(columns([text] * len(missing), missing, missing, missing, missing)):
        bare.expect_same("a line whose cells are missing", found)
    done("every spelling of a missing cell")

    batch = api.batch(columns(TEXTS, ["M", "C", "I"], ["12", "10", ""], "", "01P"))
    first = {str(line): coding.codes[0] for line, coding in enumerate(batch)}
    expect("distinct first codes", len(TEXTS), len(set(first.values())))
    given = [first["0"], "0000Z", first["2"]]
    report = api.post("/evaluation", columns(TEXTS, ["M", "C", "I"], ["12", "10", ""], "", "01P") | {"code": given})
    expect("keys of the evaluation", {"Probability", "IC", "Prediction", "Code", "Result", "Lib"}, set(report))
    expect("Prediction", first, report["Prediction"])
    expect("Code", {str(line): code for line, code in enumerate(given)}, report["Code"])
    expect("Result", {"0": True, "1": False, "2": True}, report["Result"])
    expect("Lib", {str(line): text for line, text in enumerate(TEXTS)}, report["Lib"])
    for line, coding in enumerate(batch):
        for name, wanted in [("IC", coding.gap), ("Probability", coding.probabilities[0])]:
            expect(f"lines of {name}", set(first), set(report[name]))
            expect_that(close(wanted, report[name][str(line)]), f"{name} of line {line}: {wanted}", report[name])
    done("POST /evaluation: what was predicted beside the codes given")

    spaced = "coiffure  à domicile"  # two spaces: the attributions are those of the text as sent
    explained = api.get("/predict-and-explain", text_description=spaced, prob_min=0, top_k=2)
    read(explained, set(), PREDICTION | {"letter_attr", "word_attr"})
    expect("ranks explained", {"1", "2"}, set(explained))
    for prediction in explained.values():
        for name, parts in [("letter_attr", list(spaced)), ("word_attr", spaced.split())]:
            expect(f"length of {name}", len(parts), len(prediction[name]))
            expect_that(all(map(is_number, prediction[name])), f"numbers in {name}", prediction[name])
    done("GET /predict-and-explain: a number per character and per word")
    older_faults(api)


def older_faults(api):
    def refused(detail, body, **query):
        expect("the 400 of a batch", {"detail": detail}, api.post("/predict-batch", body, status=400, **query))

    text = "coiffure à domicile"
    three = [text] * 3
    missing = "The text_description is missing for some liasses. See line(s): "
    refused(missing + "(1,)", columns([text, " ", text]))
    refused(missing + "(0, 2)", columns(["nan", text, ""]))
    expect("a text that is missing", {"detail": missing + "(0,)"}, api.get("/predict", status=400, text_feature=""))
    refused(f"The format of type_liasse is incorrect. Accepted values are: {TYPES}. See line(s) : (0, 2)",
            columns(three, type_=["Q", "I", "i"]))
    refused("The format of nature is incorrect. The nature is an integer between 00 and 99. See line(s): (1,)",
            columns(three, nature=["12", "1", ""]))
    refused("The format of surface is incorrect. Accepted values are: ['1', '2', '3', '4']. See line(s): (0, 1, 2)",
            columns(three, surface=["0", "5", "80"]))
    refused("The format of event is incorrect. The event value is an integer between 00 and 99 plus the letter A, P, M or F. "
            "Example: '01P'. See line(s): (2,)", columns(three, event=["01A", "01F", "01Q"]))
    done("400: missing texts and wrong cells, with their lines")
    sure = "The minimal probability requested is higher than the highest prediction probability of the model."
    refused(sure, columns([text]), prob_min=1)
    expect("nothing above prob_min", {"detail": sure}, api.get("/predict", status=400, text_feature=text, prob_min=1))
    expect("nothing to explain", {"detail": "The model is not confident enough to make a prediction (and explain it)."},
           api.get("/predict-and-explain", status=400, text_description=text, prob_min=1))
    done("400: nothing above prob_min")


def main(base, *credentials):
    api = Api(base, credentials or None)
    if credentials:
        credentials_are_asked_for(api)
    current_form(api)
    older_form(api)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 4):
        sys.exit(f"usage: python {sys.argv[0]} BASE_URL [USER PASSWORD]")
    try:
        main(*sys.argv[1:])
    except (Mismatch, requests.RequestException) as failure:
        print(f"MISMATCH {failure}", file=sys.stderr)
        sys.exit(1)
