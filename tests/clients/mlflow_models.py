"""What MLflow's own client registers: codif must find what is its own there, and refuse what is not.

    python mlflow_models.py logged DIRECTORY NAME ALIAS
    python mlflow_models.py pickled NAME

`logged` registers the files of DIRECTORY as versions of the model NAME, in each way that people do, and points ALIAS to the
second. `pickled` registers a pyfunc. MLFLOW_TRACKING_URI says where. Prints the versions, one JSON object a line.
"""

import json
import sys

import mlflow
from mlflow import MlflowClient


class Echo(mlflow.pyfunc.PythonModel):
    """A model that answers what it was asked; pickled like any other."""

    def predict(self, context, model_input: list[str], params=None) -> list[str]:
        return model_input


def told(version, folder=None):
    print(json.dumps({"version": int(version.version), "source": version.source, "folder": folder}))


def logged(directory, name, alias):
    """At the root of a run's artefacts and in a folder, by the address of the artefacts, of the run, and of the folder."""
    client = MlflowClient()
    client.create_registered_model(name)
    for folder in ["", "codif", "model"]:
        with mlflow.start_run() as run:
            mlflow.log_artifacts(directory, folder)
        of_run = f"runs:/{run.info.run_id}"
        for source in [run.info.artifact_uri, of_run, f"{of_run}/{folder}"][: 3 if folder else 2]:
            told(client.create_model_version(name, source, run.info.run_id), folder)
    client.set_registered_model_alias(name, alias, 2)


def pickled(name):
    """As `log_model` does it; what the model requires need not be found out."""
    model = mlflow.pyfunc.log_model(name="model", python_model=Echo(), registered_model_name=name, pip_requirements=[])
    told(MlflowClient().get_model_version(name, model.registered_model_version))


{"logged": logged, "pickled": pickled}[sys.argv[1]](*sys.argv[2:])
