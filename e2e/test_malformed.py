"""OTLP requests of every malformed kind: each is refused with the right status, none hurts the process."""
import gzip
import random
import socket
import struct
import zlib

import otlp
import pytest

GOOD = {
    "/v1/metrics": otlp.gauge("fine", "fine", [({"a": "b"}, otlp.now(), 1)]),
    "/v1/logs": otlp.logs("fine", [(otlp.now(), "fine")]),
    "/v1/traces": otlp.spans("fine", [(b"\1" * 16, b"\2" * 8, b"", "fine", otlp.now(), otlp.now() + 5)]),
}


def field(number, payload):
    """A length-delimited protobuf field."""
    out, n = bytearray([number << 3 | 2]), len(payload)
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out + bytes([n]) + payload)


def nested(depth):
    value = b"\x0a\x01x"
    for _ in range(depth):
        value = field(5, field(1, value))  # array_value { values }
    return field(1, field(1, field(1, field(1, b"k") + field(2, value))))


# name: (path, content type, headers, body, statuses allowed)
CASES = {
    "garbage protobuf": ("/v1/traces", "application/x-protobuf", {}, b"\xff" * 100, {400}),
    "truncated protobuf": ("/v1/traces", "application/x-protobuf", {}, GOOD["/v1/traces"][:-3], {400}),
    "length beyond the end": ("/v1/logs", "application/x-protobuf", {}, b"\x0a\xff\xff\xff\xff\x0f", {400}),
    "endless varint": ("/v1/logs", "application/x-protobuf", {}, b"\x0a" + b"\x80" * 50, {400}),
    "group wire type": ("/v1/metrics", "application/x-protobuf", {}, b"\x0b\x0b\x0b", {400}),
    "trace id of 15 bytes": ("/v1/traces", "application/x-protobuf", {}, otlp.spans("x", [(b"\1" * 15, b"\2" * 8, b"", "x", 1, 2)]), {200, 400}),
    "values nested 5000 deep": ("/v1/traces", "application/x-protobuf", {}, nested(5000), {200, 400}),
    "broken gzip": ("/v1/traces", "application/x-protobuf", {"Content-Encoding": "gzip"}, b"\x1f\x8b" + b"\0" * 20, {400}),
    "gzip cut short": ("/v1/traces", "application/x-protobuf", {"Content-Encoding": "gzip"}, gzip.compress(GOOD["/v1/traces"])[:-6], {400}),
    "gzip bomb": ("/v1/traces", "application/x-protobuf", {"Content-Encoding": "gzip"}, gzip.compress(b"\0" * (200 << 20), 9), {413}),
    "deflate of garbage": ("/v1/traces", "application/x-protobuf", {"Content-Encoding": "deflate"}, zlib.compress(b"\xff" * 10), {400}),
    "snappy that announces 4 GB": ("/v1/traces", "application/x-protobuf", {"Content-Encoding": "snappy"}, b"\xff\xff\xff\xff\x0f\0\0", {400, 413}),
    "unknown encoding": ("/v1/traces", "application/x-protobuf", {"Content-Encoding": "rot13"}, b"", {400, 415}),
    "no content type": ("/v1/traces", "", {}, GOOD["/v1/traces"], {415}),
    "text": ("/v1/traces", "text/plain", {}, b"hello", {415}),
    "JSON that is none": ("/v1/traces", "application/json", {}, b"{", {400}),
    "JSON of a wrong type": ("/v1/traces", "application/json", {}, b'{"resourceSpans": 3}', {400}),
    "JSON nested 100,000 deep": ("/v1/logs", "application/json", {}, b'{"a":' + b"[" * 100_000, {400}),
    "JSON id that is not hex": ("/v1/traces", "application/json", {}, b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"zz","spanId":"1"}]}]}]}', {200, 400}),
    "JSON number beyond 64 bits": ("/v1/logs", "application/json", {}, b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"99999999999999999999999"}]}]}]}', {200, 400}),
    "not UTF-8": ("/v1/logs", "application/json", {}, b'{"resourceLogs":"\xff\xfe"}', {400}),
    "profiles": ("/v1development/profiles", "application/x-protobuf", {}, b"", {404, 501}),
}


@pytest.mark.parametrize("name", CASES)
def test_refused(server, name):
    path, content_type, headers, body, allowed = CASES[name]
    status, answer, _ = server.post(path, body, content_type, **headers)
    assert status in allowed, (status, answer[:300])
    assert status < 400 or len(answer) > 0, "an error says what is wrong"
    alive(server)


def test_wrong_method(server):
    assert server.ask("GET", "/v1/traces")[0] == 405
    alive(server)


def test_too_large(server):
    """Refused by its announced length, before the body is read; one without an announced length when the limit is passed."""
    host, port = server.endpoints["otlp_http"].split(":")
    head = "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
    with socket.create_connection((host, int(port)), timeout=10) as s:
        s.sendall(f"{head}Content-Length: {(64 << 20) + 1}\r\n\r\n".encode())
        assert b" 413 " in s.recv(1000)
    with socket.create_connection((host, int(port)), timeout=10) as s:
        s.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        chunk = b"100000\r\n" + b"\0" * (1 << 20) + b"\r\n"
        try:
            for _ in range(66):
                s.sendall(chunk)
        except OSError:
            pass  # the server closed: its answer is still to be read
        assert b" 413 " in s.recv(1000)
    alive(server)


def test_raw_sockets(server):
    """Broken HTTP, HTTP/2 and gRPC frames; connections that stop in the middle."""
    host, port = server.endpoints["otlp_grpc"].split(":")
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    pieces = [
        b"\0" * 100,
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: 1000\r\n\r\nabc",
        b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: " + b"a" * 2_000_000 + b"\r\n\r\n",
        preface,
        preface + b"\xff" * 200,
        preface + struct.pack(">I", 1 << 24 - 1)[1:] + b"\x04\0\0\0\0\0",
    ]
    for piece in pieces:
        with socket.create_connection((host, int(port)), timeout=5) as s:
            try:
                s.sendall(piece)
                s.settimeout(0.2)
                s.recv(1000)
            except OSError:
                pass
    alive(server)


def test_flipped_bits(server):
    """Good requests with random damage: any answer but 5xx, and the process goes on."""
    rnd = random.Random(5)
    for _ in range(600):
        path = rnd.choice(list(GOOD))
        body = bytearray(GOOD[path])
        for _ in range(rnd.randint(1, 4)):
            body[rnd.randrange(len(body))] ^= 1 << rnd.randrange(8)
        if rnd.random() < 0.3:
            body = body[: rnd.randrange(len(body))]
        status, answer, _ = server.post(path, bytes(body))
        assert status in (200, 400), (status, answer[:200], bytes(body))
    alive(server)


def alive(server):
    """Good requests of all signals still work."""
    assert server.process.poll() is None, "the process ended"
    for path, body in GOOD.items():
        assert server.post(path, body)[0] == 200
    assert server.promql("fine")
