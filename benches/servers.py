"""The servers that are put under load, the routes that are asked, and what they are asked."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Callable
from urllib.parse import urlsplit

START_LIMIT = 60
STOP_LIMIT = 20


@dataclass(frozen=True)
class Program:
    """A server, and what its log says once it answers: its URL is the pattern's group."""

    name: str
    command: tuple
    ready: str
    environment: tuple = ()


@dataclass(frozen=True)
class Target:
    """A route of a program, and the body that asks it to code texts."""

    name: str
    program: Program
    path: str
    asked: Callable
    answers: bool = True

    def body(self, texts):
        return json.dumps(self.asked(texts), ensure_ascii=False).encode()


def targets(codif, empty_route, uvicorn, model):
    """The targets by name, and codif with a limit of 2,000 activities in work as a further one."""
    serve = (codif, "serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0")
    on = "page and API on (http://[0-9.:]+)"
    served = Program("codif", serve, on)
    limited = Program("codif", (*serve, "--limits-concurrent-activities", "2000"), on)
    # Both cores; quick loop and parser, no access log.
    service = (uvicorn, "app:app", "--app-dir", Path(__file__).parent / "peers/service", "--port", "0", "--workers", "2")
    service += ("--loop", "uvloop", "--http", "httptools", "--no-access-log")
    both_workers = "running on (http://[0-9.:]+).*startup complete.*startup complete"
    fastapi = Program("FastAPI service", service, both_workers, (("MODEL", os.path.abspath(model)),))
    empty = Program("empty route", (empty_route, "--listen", "127.0.0.1:0"), "empty-route: (http://[0-9.:]+)")
    return {
        "both": Target("codif /v1/code, both", served, "/v1/code", activities),
        "one": Target("codif /v1/code, naf2008", served, "/v1/code", activities_in_one),
        "sirene": Target("codif /predict/", served, "/predict/", forms),
        "service": Target("FastAPI service", fastapi, "/predict/", forms),
        "empty": Target("empty route", empty, "/predict/", forms, answers=False),
        "limited": Target("codif /v1/code, both", limited, "/v1/code", activities),
    }


def activities(texts):
    return {"activities": [{"description": text} for text in texts]}


def activities_in_one(texts):
    return activities(texts) | {"nomenclatures": ["naf2008"]}


def forms(texts):
    return {"forms": [{"description_activity": text} for text in texts]}


@contextmanager
def running(program):
    """The server's URL. It is stopped by its process id, and with it whatever it started, however the block ends."""
    with tempfile.NamedTemporaryFile("ab", suffix=".log") as log:
        environment = os.environ | dict(program.environment)
        process = subprocess.Popen(program.command, stdout=log, stderr=log, env=environment, start_new_session=True)
        try:
            limit = time.monotonic() + START_LIMIT
            while not (ready := re.search(program.ready, written := Path(log.name).read_text(), re.DOTALL)):
                if process.poll() is not None or time.monotonic() > limit:
                    sys.exit(f"{program.name} did not start:\n{written}")
                time.sleep(0.01)
            yield ready[1]
        finally:
            process.terminate()
            try:
                process.wait(STOP_LIMIT)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def connection(url):
    return http.client.HTTPConnection(urlsplit(url).netloc)


def post(connection, path, body):
    """The response and its body, read whole."""
    connection.request("POST", path, body, {"content-type": "application/json"})
    response = connection.getresponse()
    return response, response.read()


def check(url, target, texts):
    """Ends the program unless every text is answered: the figures would be worth nothing."""
    client = connection(url)
    response, answer = post(client, target.path, target.body(texts))
    client.close()
    if response.status != 200:
        sys.exit(f"{target.name}: {target.path} answered {response.status}: {answer[:300].decode()}")
    answer = json.loads(answer)
    if target.answers and len(answer if isinstance(answer, list) else answer["results"]) != len(texts):
        sys.exit(f"{target.name}: {target.path} did not answer every text")
