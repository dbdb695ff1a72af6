"""A fastText model behind FastAPI, the way most teams serve one: codif's peer under load, with its Sirene route.

MODEL=FILE uvicorn app:app --workers 2, with FILE as train.py writes it. Where there is a choice, the quicker way is taken.
"""

import csv
import os
import re
import unicodedata
from contextlib import asynccontextmanager
from pathlib import Path

import fasttext
import orjson
from fastapi import FastAPI, Response
from pydantic import BaseModel

NOMENCLATURE = Path(__file__).parents[3] / "nomenclature/naf2008.csv"
BETWEEN_WORDS = re.compile("[^a-z0-9]+")


class Form(BaseModel):
    description_activity: str


class Forms(BaseModel):
    forms: list[Form]


def folded(text):
    letters = unicodedata.normalize("NFKD", text.lower().replace("œ", "oe")).encode("ascii", "ignore").decode()
    return BETWEEN_WORDS.sub(" ", letters).strip()


@asynccontextmanager
async def lifespan(app):
    app.state.model = fasttext.load_model(os.environ["MODEL"])
    with NOMENCLATURE.open(encoding="utf-8", newline="") as file:
        app.state.titles = {line["code"]: line["title"] for line in csv.DictReader(file)}
    yield


app = FastAPI(lifespan=lifespan)


# Not on FastAPI's threads: fastText keeps Python's lock while it predicts, so they would only add their cost. And orjson, for
# it is quicker here than the response model that FastAPI recommends, which checks the answer before it writes it.
@app.post("/predict/")
async def predict(body: Forms):
    labels, probabilities = app.state.model.predict([folded(form.description_activity) for form in body.forms], k=5)
    return Response(orjson.dumps([answer(*best) for best in zip(labels, probabilities)]), media_type="application/json")


def answer(labels, probabilities):
    codes, probabilities = [label.removeprefix("__label__") for label in labels], probabilities.tolist()
    predictions = {
        str(rank): {"code": code, "probabilite": probability, "libelle": app.state.titles[code]}
        for rank, (code, probability) in enumerate(zip(codes, probabilities), 1)
        if probability >= 0.01
    }
    return predictions | {"IC": probabilities[0] - probabilities[1], "MLversion": "fasttext/1"}
