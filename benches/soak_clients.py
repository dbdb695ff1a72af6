"""The good and the bad clients of the soak. A client is called without arguments: it acts once and says what became of it."""

import asyncio
import contextlib
import csv
import functools
import gzip
import itertools
import json
import random
import socket
import struct
import zlib
from pathlib import Path

KNOWN, KNOWN_CODE = "coiffure à domicile", "9602A"
HEADER, BODY, READING, GRACE = 10, 30, 30, 5  # seconds that the server by default gives a slow client for each; what we add
LONGEST_ANSWER = 30  # seconds for a good request, on a server that is kept busy
EXPECTED_ERRORS = (OSError, ValueError, LookupError, TypeError, EOFError, zlib.error)  # of connections and unexpected answers
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset
SERIAL = itertools.count()
with open(Path(__file__).parents[1] / "tests/data/independent.tsv", encoding="utf-8", newline="") as labels:
    LABELS = [line["description"] for line in csv.DictReader(labels, delimiter="\t", quoting=csv.QUOTE_NONE)]


class Wrong(Exception):
    """The server did what it must not."""


def good_clients(port, operations_port):
    """Kind, client, seconds between."""
    page = request("GET", "/?description=coiffure+%C3%A0+domicile&form_type=&nature=", headers="Accept: text/html\r\n")
    search = request("GET", "/v1/nomenclatures/naf2008/codes?query=coiffure")
    odd = [KNOWN, "😀" * 200, "é" * 100_000, "boulangerie " * 9_000, "\0\u202e\ufeff"]
    code = lambda count: GoodClient(port, lambda: posted("/v1/code", activities(texts(count)), 0.3), coded(count))
    predict = lambda count: GoodClient(port, lambda: posted("/predict/", forms(texts(count)), 0.3), predicted(count))
    get = lambda payload, check, port=port: GoodClient(port, lambda: payload, check)
    return [
        ("code 1", code(1), 0.03),
        ("code 100", code(100), 0.5),
        ("code 10,000", code(10_000), 30),
        ("code odd texts", GoodClient(port, lambda: posted("/v1/code", activities(odd)), coded(5, faultless=False)), 2),
        ("predict 1", predict(1), 0.1),
        ("predict 1,000", predict(1_000), 5),
        ("predict odd texts", GoodClient(port, lambda: posted("/predict/", forms(odd)), predicted(5)), 2),
        ("page", get(page, holding("96.02A")), 0.5),
        ("search", get(search, lambda body: known(json.loads(body)[0]["code"])), 0.2),
        ("openapi.json", get(request("GET", "/openapi.json"), lambda body: json.loads(body)["paths"]["/v1/code"]), 2),
        ("metrics", get(request("GET", "/metrics"), holding("codif_http_requests_total{"), operations_port), 2),
        ("readyz", get(request("GET", "/readyz"), holding("ready"), operations_port), 1),
        ("pipelined requests", functools.partial(pipeline, port), 1),
    ]


def bad_clients(port):
    """Kind, client, seconds between; the slow ones several times."""
    start = b'{"activities":[{"description":"'
    huge = start + b"a" * (17 << 20) + b'"}]}'
    rest = b"POST /v1/code HTTP/1.1\r\nHost: codif\r\nContent-Length: 1000\r\n\r\n" + start
    deep = b"[" * 100_000, b'{"activities":[' + b'{"a":' * 100_000, b'{"activities":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    many = json.dumps(activities(["vente"] * 10_001)).encode()
    methods = ("GET", "/v1/code"), ("DELETE", "/"), ("PUT", "/predict/"), ("BREW", "/v1/models"), ("TRACE", "/openapi.json")
    paths = "/v2/code", "/.env", "/../../etc/passwd", "/%00%ff", "/v1/nomenclatures/nace/codes", "/metrics", "//"
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + random.randbytes(501)  # as TLS begins
    bad = lambda *payloads, **how: functools.partial(attack, port, itertools.cycle(payloads), **how)
    post = lambda *bodies, headers="": bad(*(request("POST", "/v1/code", body, headers) for body in bodies))
    slow = [
        ("connects, says nothing", bad(b"", closed=True), 1),
        ("half a header", bad(b"POST /v1/code HTTP/1.1\r\nHost: co", closed=True), 1),
        ("header dribbled", bad(b"GET / HTTP/1.1\r\n", drip=b"X-Slow: " + b"a" * 99, closed=True), 1),
        ("half a body", bad(rest, within=BODY, closed=True), 1),
        ("body dribbled", bad(rest, within=BODY, drip=b"a" * 99, closed=True), 1),
    ]
    return 4 * slow + 2 * [("never reads its answer", functools.partial(stop_reading, port), 1)] + [
        ("leaves in the middle", functools.partial(leave, port), 3),
        ("burst of connections", functools.partial(burst, port), 5),
        ("17 MB announced", post(huge), 5),
        ("17 MB in chunks", bad(chunked("/v1/code", huge)), 5),
        ("gzip bomb", bad(bomb("/v1/code", b'{"activities":['), bomb("/predict/", b'{"forms":[')), 5),
        ("no gzip", post(b"no gzip", gzip.compress(huge)[:5_000], headers="Content-Encoding: gzip\r\n"), 1),
        ("invalid JSON", post(b"", b"{", b"coiffure", start, b'{"activities":{}}', b"[1e999]"), 0.2),
        ("JSON 100,000 deep", post(*deep), 1),
        ("invalid UTF-8", post(start + b'coiffure \xe0 domicile"}]}', start + b'\xed\xa0\x80"}]}', b"\xff\xfe{\0}\0"), 1),
        ("10,001 activities", post(many), 5),
        ("rubbish", bad(hello, random.randbytes(4_000), b"\0" * 99), 0.5),
        ("wrong method", bad(*(request(method, path) for method, path in methods)), 0.5),
        ("unknown path", bad(*(request("GET", path) for path in paths)), 0.5),
        ("long URL", bad(*(request("GET", "/" + "a" * size) for size in (9_000, 60_000, 100_000, 1_000_000))), 1),
        ("many headers", bad(*(request("GET", "/", headers="X-A: b\r\n" * count) for count in (300, 99_999))), 1),
    ]


# ── Clients ──


class GoodClient:
    """Keeps its connection from one request to the next, which must come so soon that the server has no reason to close it."""

    def __init__(self, port, make, check):
        self.port, self.make, self.check, self.streams = port, make, check, None

    def leave(self):
        if self.streams:
            self.streams[1].transport.abort()
        self.streams = None

    async def __call__(self):
        payload = self.make()
        try:
            async with asyncio.timeout(LONGEST_ANSWER):
                self.streams = self.streams or await asyncio.open_connection("127.0.0.1", self.port)
                self.streams[1].write(payload)
                status, headers, body = await read_answer(self.streams[0])
        except BaseException as error:
            self.leave()
            raise Wrong(f"no answer within {LONGEST_ANSWER} s") if isinstance(error, TimeoutError) else error
        if headers.get("connection") == "close":
            self.leave()
        if status == 429 and payload.startswith(b"POST") and "retry-after" in headers:
            await asyncio.sleep(min(int(headers["retry-after"]), 5))
            return "429"
        demand(status == 200, f"status {status} instead of 200")
        self.check(body)
        return "200"


@contextlib.asynccontextmanager
async def connection(port, seconds):
    """A connection that ends with the block, which must not take longer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(seconds):
            yield reader, writer
    except TimeoutError:
        raise Wrong(f"neither answered nor closed within {seconds} s") from None
    finally:
        writer.transport.abort()


async def attack(port, payloads, within=HEADER, drip=b"", closed=False):
    """Sends the next payload, then `drip` a byte a second. It must be refused, and `closed` when it is slow, in time."""
    async with connection(port, within + GRACE) as (reader, writer):
        writer.write(next(payloads))
        refusal = asyncio.ensure_future(read_refusal(reader, closed))
        try:
            for byte in drip:
                if not refusal.done():
                    writer.write(bytes([byte]))
                    await asyncio.wait({refusal}, timeout=1)
            return await refusal
        finally:
            refusal.cancel()


async def pipeline(port):
    """Several requests at once: their answers come in their order."""
    single = posted("/v1/code", activities([KNOWN]))
    async with connection(port, LONGEST_ANSWER) as (reader, writer):
        writer.write(request("GET", "/v1/models") + single + request("GET", "/nothing") + single)
        answers = [await read_answer(reader) for _ in range(4)]
    statuses = [status for status, _, _ in answers]
    if 429 in statuses:
        return "429"
    demand(statuses == [200, 200, 404, 200], f"statuses {statuses} instead of 200, 200, 404, 200")
    coded(1)(answers[1][2])
    coded(1)(answers[3][2])
    return "in order"


async def leave(port):
    """Leaves in the middle of a large answer."""
    async with connection(port, LONGEST_ANSWER) as (reader, writer):
        writer.write(large_answer())
        head = await reader.readuntil(b"\r\n\r\n")
        if head[9:12] == b"200":
            await reader.readexactly(100_000)
    return status_of(head, also=(200,)) + ", left"


async def stop_reading(port):
    """Reads the head of a large answer and no more until the server's patience is over: the rest must then be missing."""
    async with connection(port, LONGEST_ANSWER + READING + GRACE + LONGEST_ANSWER) as (reader, writer):
        writer.write(large_answer())
        head = await reader.readuntil(b"\r\n\r\n")  # asyncio reads ahead 128 KiB, no more
        await asyncio.sleep(READING + GRACE)
        size = 0
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(1 << 20):
                size += len(piece)
                demand(size < 10_000_000, f"still served after {READING + GRACE} s without reading")
    return status_of(head, also=(200,)) + ", closed"


async def burst(port):
    """Three hundred connections opened, then reset, all at once: some silent, some in a header, some with a request."""
    sent = (b"", b"POST /v1/code HTTP/1.1\r\nHo", posted("/v1/code", activities([KNOWN])))
    connect = asyncio.get_running_loop().sock_connect
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(300)]
        for each in sockets:
            each.setblocking(False)
            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        async with asyncio.timeout(LONGEST_ANSWER):
            await asyncio.gather(*(connect(each, ("127.0.0.1", port)) for each in sockets))
        for each, payload in zip(sockets, itertools.cycle(sent)):
            with contextlib.suppress(ConnectionError):  # turned away already
                each.send(payload)
    return "300 reset"


# ── Requests ──


def texts(count):
    """The known label, then labels that never come twice: a cache that forgets nothing would show in the memory."""
    return [KNOWN, *(f"{random.choice(LABELS)} {next(SERIAL)}" for _ in range(count - 1))]


def activities(descriptions, **options):
    return {"activities": [{"id": str(i), "description": text} for i, text in enumerate(descriptions)], **options}


def forms(descriptions):
    return {"forms": [{"description_activity": text} for text in descriptions]}


def request(method, target, body=None, headers=""):
    if body is not None:
        headers += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{method} {target} HTTP/1.1\r\nHost: codif\r\n{headers}\r\n".encode() + (body or b"")


def posted(target, document, compressed=0.0):
    """A request whose body, and whose answer, is compressed so often."""
    body, headers = json.dumps(document, ensure_ascii=False).encode(), ""
    if random.random() < compressed:
        body, headers = gzip.compress(body, 1), "Content-Encoding: gzip\r\n"
    if random.random() < compressed:
        headers += "Accept-Encoding: gzip\r\n"
    return request("POST", target, body, headers)


def large_answer():
    return posted("/v1/code", activities(texts(1_000), top_k=50))  # some 20 MB, more than the sockets hold


def chunked(target, body):
    pieces = (body[at : at + 65536] for at in range(0, len(body), 65536))
    frames = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return request("POST", target, headers="Transfer-Encoding: chunked\r\n") + frames + b"0\r\n\r\n"


def bomb(target, start):
    """A small gzip body that inflates to 200 MB of valid JSON."""
    packer, spaces = zlib.compressobj(9, wbits=31), b" " * (1 << 20)
    parts = [packer.compress(part) for part in (start, *itertools.repeat(spaces, 200), b"]}")]
    return request("POST", target, b"".join(parts) + packer.flush(), "Content-Encoding: gzip\r\n")


# ── Answers ──


async def read_answer(reader):
    """Status, headers and body of one answer."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        fields = (line.partition(":") for line in head.split("\r\n")[1:])
        headers = {name.lower(): value.strip() for name, _, value in fields}
        if headers.get("transfer-encoding") == "chunked":
            body = bytearray()
            while size := int(await reader.readline(), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readexactly(2)
        else:
            body = await reader.readexactly(int(headers.get("content-length", 0)))
    except (asyncio.IncompleteReadError, ConnectionError):
        raise Wrong("closed before the whole answer was there") from None
    if headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    return int(head[9:12]), headers, bytes(body)


async def read_refusal(reader, closed):
    """The status of the answer to a bad client, or that there was none."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return "closed"
    with contextlib.suppress(ConnectionError):
        while closed and await reader.read(65536):
            pass
    return status_of(head)


def status_of(head, also=()):
    status = int(head[9:12])
    demand(400 <= status < 500 or status == 503 or status in also, f"answered with status {status}")
    return str(status)


def demand(fulfilled, otherwise):
    if not fulfilled:
        raise Wrong(otherwise)


def known(code):
    demand(code == KNOWN_CODE, f"{KNOWN!r} was coded {code}")


def coded(count, faultless=True):
    def check(body):
        results = json.loads(body)["results"]
        demand([result["id"] for result in results] == [str(i) for i in range(count)], "other results than activities")
        demand(not faultless or all("codings" in result for result in results), "an activity was not coded")
        known(results[0]["codings"]["naf2008"]["predictions"][0]["code"])

    return check


def predicted(count):
    def check(body):
        results = json.loads(body)
        demand(len(results) == count, f"{len(results)} results for {count} forms")
        demand(all("IC" in result and "MLversion" in result for result in results), "no IC or MLversion")
        known(results[0]["1"]["code"])

    return check


def holding(text):
    return lambda body: demand(text in body.decode(), f"the answer does not hold {text!r}")
