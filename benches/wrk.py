"""One run of wrk: as many requests as a number of connections get answered.

wrk adds the latencies of the requests that a connection would have sent while it waited much longer than on average, so a
pause of the server is not hidden by the requests that it kept from being sent.
"""

import json
import subprocess
import tempfile
from pathlib import Path

SCRIPT = """
local requests, turn = {}, 0
function init(arguments)
    for body in io.lines(arguments[1]) do
        requests[#requests + 1] = wrk.format("POST", nil, { ["content-type"] = "application/json" }, body)
    end
end
function request()
    turn = turn % #requests + 1
    return requests[turn]
end
function done(summary, latency)
    local errors = summary.errors
    local failed = errors.status + errors.connect + errors.read + errors.write + errors.timeout
    print(string.format('{"requests": %d, "duration": %d, "failed": %d, "p50": %d, "p90": %d, "p99": %d, "max": %d}',
        summary.requests, summary.duration, failed,
        latency:percentile(50), latency:percentile(90), latency:percentile(99), latency.max))
end
"""


def run(url, bodies, connections, seconds):
    """Requests a second, latencies in milliseconds, and how many requests failed. The bodies are sent in turn."""
    with tempfile.TemporaryDirectory() as directory:
        script, file = Path(directory, "post.lua"), Path(directory, "bodies")
        script.write_text(SCRIPT)
        file.write_bytes(b"\n".join(bodies))
        # One thread: it keeps any of these servers busy, and a second would only take more of their cores.
        command = ("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "-s", script, url, "--", file)
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    figures = json.loads(output.splitlines()[-1])
    latencies = {key: figures[key] / 1000 for key in ("p50", "p90", "p99", "max")}
    rate = figures["requests"] / figures["duration"] * 1e6
    return {"requests_s": rate} | latencies | {"failed": figures["failed"]}
