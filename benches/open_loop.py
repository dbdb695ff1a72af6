"""HTTP requests on a fixed schedule: each is due at its time, whether or not the earlier ones have been answered.

A client of its own, where oha would have done: what overload asks is the latency of accepted and of refused requests apart,
counted from the time each was due, and whether a refusal says when to come back. At a few thousand requests a second that is
a page of Python; oha is some hundred crates to build first.
"""

import asyncio
import gc
import re
import time
from collections import deque
from dataclasses import dataclass
from itertools import cycle

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
RETRY_AFTER = re.compile(rb"\r\nretry-after:", re.IGNORECASE)
PATIENCE = 30


@dataclass
class Answer:
    status: int
    says_when: bool
    late: float
    latency: float


class Connection(asyncio.Protocol):
    """A keep-alive connection, with one request at a time on it."""

    def __init__(self, load):
        self.load = load

    def connection_made(self, transport):
        self.transport = transport

    def send(self, request, due):
        self.due, self.late = due, time.perf_counter() - due
        self.head, self.missing = b"", None
        self.transport.write(request)

    def data_received(self, data):
        if self.missing is None:
            self.head += data
            end = self.head.find(b"\r\n\r\n")
            if end < 0:
                return
            data, self.head = self.head[end + 4 :], self.head[:end]
            self.missing = int(LENGTH.search(self.head)[1])
        self.missing -= len(data)
        if self.missing == 0:
            says_when = RETRY_AFTER.search(self.head) is not None
            latency = time.perf_counter() - self.due
            self.load.answered(self, Answer(int(self.head[9:12]), says_when, self.late, latency))


class Load:
    """Requests over a pool of connections; one that is due while none is free waits, and its latency grows."""

    def __init__(self, requests):
        self.requests = cycle(requests)
        self.free, self.waiting, self.answers = deque(), deque(), []
        self.sent = 0
        self.until = 0.0

    async def connect(self, host, port, connections):
        loop = asyncio.get_running_loop()
        for _ in range(connections):
            self.free.append((await loop.create_connection(lambda: Connection(self), host, port))[1])
        self.pool = list(self.free)

    def send(self, due):
        self.sent += 1
        if self.free:
            self.free.popleft().send(next(self.requests), due)
        else:
            self.waiting.append(due)

    def answered(self, connection, answer):
        self.answers.append(answer)
        self.free.append(connection)
        if self.waiting:
            self.free.pop().send(next(self.requests), self.waiting.popleft())
        elif time.perf_counter() < self.until:
            self.send(time.perf_counter())

    async def on_schedule(self, rate, seconds):
        start = time.perf_counter()
        for number in range(round(rate * seconds)):
            due = start + number / rate
            while (early := due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            self.send(due)

    async def back_to_back(self, seconds):
        self.until = time.perf_counter() + seconds
        for _ in self.pool:
            self.send(time.perf_counter())
        await asyncio.sleep(seconds)

    async def drain(self):
        """Waits for the answers that are due; after PATIENCE seconds those still missing are lost."""
        limit = time.perf_counter() + PATIENCE
        while len(self.answers) < self.sent and time.perf_counter() < limit:
            await asyncio.sleep(0.001)
        for connection in self.pool:
            connection.transport.close()


def request(path, body):
    head = f"POST {path} HTTP/1.1\r\nhost: codif\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def run(address, requests, connections, seconds, rate=None):
    """(answers, requests lost, seconds until the last answer), at `rate` requests a second or as fast as they are answered."""

    async def measured():
        load = Load(requests)
        await load.connect(*address, connections)
        start = time.perf_counter()
        await (load.on_schedule(rate, seconds) if rate else load.back_to_back(seconds))
        await load.drain()
        return load.answers, load.sent - len(load.answers), time.perf_counter() - start

    # A collection of the answers kept so far would be seen as latency.
    gc.disable()
    try:
        return asyncio.run(measured())
    finally:
        gc.enable()
