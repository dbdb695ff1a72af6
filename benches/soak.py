"""Keeps good and bad clients on one `codif serve` for some minutes; fails when the good ones notice or the server leaks.

python soak.py --codif target/release/codif [--minutes 10] [--json FILE]

A good client must get the right answer: status 200 (or 429 with Retry-After where there is work to refuse), as many results
as asked, in order, and the right first code for a known label. A bad one must get a 4xx or a closed connection, in time and
never a 5xx; 503 means turned away at the limit of connections: counted, no fault. Resident memory must be flat, descriptors
must come back once the clients are gone, and SIGTERM must let the request under way finish and end with status 0.
About 350 connections are open at once at most. All is on loopback; every loop is bounded in time and count.
"""

import argparse
import array
import asyncio
import collections
import contextlib
import json
import os
import random
import re
import signal
import statistics
import sys
import time
from pathlib import Path

from soak_clients import BODY, EXPECTED_ERRORS, GRACE, LONGEST_ANSWER, GoodClient, Wrong, activities, bad_clients
from soak_clients import coded, connection, good_clients, posted, read_answer, texts

ROOT = Path(__file__).resolve().parents[1]
SAMPLE_EVERY = 5  # seconds
LONGEST_KEPT = 5  # seconds between two requests on one connection
LARGEST_SHARE = 0.5  # of a core for this program: above, all pauses grow


async def soak(options):
    """What failed."""
    # Stopped from outside, it still stops the server.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asyncio.current_task().cancel)
    server = await Server.start(options.codif)
    try:
        port, operations_port = await server.ports()
        log = asyncio.create_task(server.drain())
        samples = [server.sample()]
        load = Load(port, operations_port, options.minutes * 60)
        await watch(load, server, samples)
        failures = await load.end()
        descriptors = await descriptors_left(server, samples[0]["descriptors"] + 3)
        print(*load.table(), sep="\n")
        failures += [f"{kind}: {count} × {fault}" for (kind, fault), count in load.faults().items()]
        failures += [f"{kind}: not once to its end" for kind in load.unfinished()]
        failures += leaks(samples, descriptors)
        if server.sample():
            failures += await server.stop(port)
        else:
            failures.insert(0, f"the server ended by itself, with status {await server.process.wait()}")
    finally:
        if server.process.returncode is None:
            server.process.kill()
            await server.process.wait()
    await log
    status, log = server.process.returncode, server.log
    print(f"server: exit status {status}; {log['lines']} log lines, {log['errors']} of them errors")
    if log["panics"]:
        failures.append(f"{log['panics']} panics in the log")
    if options.json:
        kinds = {kind: dict(outcomes=tally.outcomes, faults=tally.faults) for kind, tally in load.tallies.items()}
        report = dict(minutes=options.minutes, failures=failures, exit_status=status, kinds=kinds, samples=samples)
        options.json.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return failures


async def watch(load, server, samples):
    """Samples the server and bounds this program's own share of the processor, until time is up or the server gone."""
    start, begun, told = samples[0], time.monotonic(), set()
    for tick in range(1, round(load.seconds / SAMPLE_EVERY) + 1):
        await asyncio.sleep(max(0, begun + tick * SAMPLE_EVERY - time.monotonic()))
        now = server.sample()
        if now is None:
            return
        share = (now["load_cpu"] - samples[-1]["load_cpu"]) / SAMPLE_EVERY
        load.pace = load.pace * 1.25 if share > LARGEST_SHARE else max(1.0, load.pace / 1.1)
        samples.append(now)
        if tick * SAMPLE_EVERY % 60:
            continue
        cores, own = ((now[cpu] - start[cpu]) / (tick * SAMPLE_EVERY) for cpu in ("cpu", "load_cpu"))
        print(f"minute {tick * SAMPLE_EVERY // 60}: {load.summary()}; {now['mib']:.0f} MiB, {now['threads']} threads, "
              f"{now['descriptors']} descriptors; cores: server {cores:.2f}, load {own:.2f}")
        for kind, fault in sorted(load.faults().keys() - told):
            print(f"    {kind}: {fault}")
        told |= load.faults().keys()
        sys.stdout.flush()


async def descriptors_left(server, enough):
    """The server's descriptors, once they are few enough or it has had time to see that its clients are gone."""
    for _ in range(40):
        await asyncio.sleep(0.5)
        now = server.sample()
        if now is None or now["descriptors"] <= enough:
            break
    return now and now["descriptors"]


def leaks(samples, descriptors):
    """What did not stay flat."""
    start, during = samples[0]["descriptors"], [sample["mib"] for sample in samples[1:]]
    fifth = len(during) // 5
    if fifth:
        before, after = statistics.median(during[fifth : 2 * fifth]), statistics.median(during[-fifth:])
        print(f"resident memory, medians: {before:.0f} MiB in the second fifth of the time, {after:.0f} MiB in the last")
        if after > 1.1 * before + 20:
            yield f"resident memory grew from {before:.0f} to {after:.0f} MiB"
    if descriptors:
        print(f"descriptors: {start} at the start, {descriptors} once the clients are gone")
        if descriptors > start + 3:
            yield f"descriptors grew from {start} to {descriptors}"


class Tally:
    """What became of one kind of request."""

    def __init__(self, good):
        self.good, self.outcomes, self.faults = good, collections.Counter(), collections.Counter()
        self.seconds = array.array("d")

    def fault(self, message):
        # Few different messages are kept, whatever the server invents.
        self.faults[message if message in self.faults or len(self.faults) < 5 else "other faults"] += 1


class Load:
    """All clients, and what became of their requests."""

    def __init__(self, port, operations_port, seconds):
        self.seconds, self.pace = seconds, 1.0  # pace: what all pauses are multiplied by
        good, bad = good_clients(port, operations_port), bad_clients(port)
        self.tallies = {kind: Tally(good=True) for kind, _, _ in good} | {kind: Tally(good=False) for kind, _, _ in bad}
        self.tasks = [asyncio.create_task(self.repeat(self.tallies[kind], act, pause)) for kind, act, pause in good + bad]

    async def repeat(self, tally, act, pause):
        leave = act.leave if isinstance(act, GoodClient) else lambda: None
        try:
            await asyncio.sleep(random.uniform(0, min(pause, 1)))
            for _ in range(int(self.seconds / pause) + 1):
                start = time.monotonic()
                try:
                    tally.outcomes[await act()] += 1
                    tally.seconds.append(time.monotonic() - start)
                except Wrong as wrong:
                    tally.fault(str(wrong))
                except EXPECTED_ERRORS as error:
                    tally.fault(f"{type(error).__name__}: {str(error)[:80]}")
                if pause > LONGEST_KEPT:
                    leave()
                await asyncio.sleep(pause * self.pace)
        finally:
            leave()

    async def end(self):
        """Stops every client; gives the failures of this program itself."""
        for task in self.tasks:
            task.cancel()
        ended = await asyncio.gather(*self.tasks, return_exceptions=True)
        return sorted({f"a client of this program: {error!r}" for error in ended if isinstance(error, Exception)})

    def faults(self):
        return {(kind, fault): count for kind, tally in self.tallies.items() for fault, count in tally.faults.items()}

    def unfinished(self):
        return [kind for kind, tally in self.tallies.items() if not tally.outcomes and not tally.faults]

    def summary(self):
        def count(good):
            tallies = [tally for tally in self.tallies.values() if tally.good == good]
            outcomes = sum((tally.outcomes for tally in tallies), collections.Counter())
            return outcomes, sum(outcomes.values()), sum(sum(tally.faults.values()) for tally in tallies)

        (answers, right, wrong), (refusals, refused, unrefused) = count(good=True), count(good=False)
        return (f"good {right} right ({answers['429']} told to wait), {wrong} wrong; "
                f"bad {refused} refused ({refusals['503']} turned away), {unrefused} wrong")

    def table(self):
        yield f"{'':<24}{'median':>9}{'slowest':>9}{'wrong':>7}  outcomes"
        for kind, tally in self.tallies.items():
            median, slowest = (f"{of(tally.seconds):.3f} s" if tally.seconds else "-" for of in (statistics.median, max))
            outcomes = ", ".join(f"{count} × {outcome}" for outcome, count in tally.outcomes.most_common(6))
            yield f"{kind:<24}{median:>9}{slowest:>9}{sum(tally.faults.values()):>7}  {outcomes}"


class Server:
    """The server under load, known by its process id."""

    def __init__(self, process):
        self.process, self.log = process, collections.Counter()

    @classmethod
    async def start(cls, codif):
        """With its default settings, whatever the environment says."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("CODIF_", "AUTH_API"))}
        arguments = "serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"
        nothing, pipe = asyncio.subprocess.DEVNULL, asyncio.subprocess.PIPE
        return cls(await asyncio.create_subprocess_exec(
            codif, *arguments, cwd=ROOT, env=plain, stdin=nothing, stdout=nothing, stderr=pipe,
            limit=1 << 20,  # a line of the log may hold a path of 64 KiB, escaped
        ))

    async def ports(self):
        """The public and the operations port, as announced."""
        said = b""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(60):
                async for line in self.process.stderr:
                    said += line
                    if ports := re.match(rb"codif: page and API on http://\S+:(\d+), operations on http://\S+:(\d+)", line):
                        return int(ports[1]), int(ports[2])
        raise Wrong(f"codif did not start; it said {said.decode(errors='replace')[-2000:]!r}")

    async def drain(self):
        """Reads the log, as a full pipe would stop the server."""
        async for line in self.process.stderr:
            self.log.update(lines=1, errors=b'"level":"ERROR"' in line, panics=b"panicked" in line)

    def sample(self):
        """Memory, threads, descriptors and processor seconds now; none once the server has ended."""
        proc = Path(f"/proc/{self.process.pid}")
        try:
            status, stat = (proc / "status").read_text(), (proc / "stat").read_text().rpartition(")")[2].split()
            kib, threads = (int(re.search(rf"^{name}:\s+(\d+)", status, re.MULTILINE)[1]) for name in ("VmRSS", "Threads"))
            cpu = (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
            descriptors = len(os.listdir(proc / "fd"))
        except (OSError, TypeError):
            return None
        return dict(mib=kib / 1024, threads=threads, descriptors=descriptors, cpu=cpu, load_cpu=time.process_time())

    async def stop(self, port):
        """SIGTERM while a large request is under way; gives what went wrong."""
        failures = []
        try:
            async with connection(port, LONGEST_ANSWER) as (reader, writer):
                writer.write(posted("/v1/code", activities(texts(10_000))))
                await asyncio.sleep(0.1)  # read by now, and not answered: else nothing is proven, but nothing wrong either
                self.process.send_signal(signal.SIGTERM)
                coded(10_000)((await read_answer(reader))[2])
        except (Wrong, *EXPECTED_ERRORS) as error:
            failures.append(f"the request under way at SIGTERM: {error!r}")
        try:
            await asyncio.wait_for(self.process.wait(), BODY + GRACE)
        except TimeoutError:
            return [*failures, f"still running {BODY + GRACE} s after SIGTERM"]
        status = self.process.returncode
        return failures + ([f"exit status {status} after SIGTERM"] if status else [])


def minutes(text):
    if not 1 <= float(text) <= 1440:
        raise argparse.ArgumentTypeError("from 1 to 1440: a slow client alone takes half a minute")
    return float(text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--codif", type=lambda path: Path(path).resolve(), required=True)
    parser.add_argument("--minutes", type=minutes, default=10)
    parser.add_argument("--json", type=Path, metavar="FILE")
    try:
        found = asyncio.run(soak(parser.parse_args()))
    except Wrong as wrong:
        found = [wrong]
    except (asyncio.CancelledError, KeyboardInterrupt):
        sys.exit("stopped before the end; so is the server")
    print(*(f"FAILED {failure}" for failure in found), "failed" if found else "passed", sep="\n")
    sys.exit(1 if found else 0)
