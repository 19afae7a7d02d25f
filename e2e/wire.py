"""Clients of the three wire formats that Grafana speaks beside JSON: websocket frames, protobuf, gRPC streams."""
import base64
import hashlib
import os
import socket
import struct

import grpc


class WebSocket:
    """As much of RFC 6455 as a reader of text frames needs."""

    def __init__(self, address, path):
        host, port = address.split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=20)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: {address}\r\nOrigin: http://grafana.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = {}
        while (line := self.file.readline().strip()):
            name, value = line.decode().split(":", 1)
            self.headers[name.lower()] = value.strip()
        self.accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()

    def frame(self):
        """(opcode, payload) of the next frame that is no ping."""
        while True:
            first, second = self.file.read(2)
            assert first & 0x80 and not second & 0x80, "whole and unmasked"
            size = second & 127
            if size >= 126:
                size = struct.unpack(">H" if size == 126 else ">Q", self.file.read(2 if size == 126 else 8))[0]
            payload = self.file.read(size)
            if first & 15 != 9:
                return first & 15, payload

    def send(self, opcode, payload):
        mask = os.urandom(4)
        self.socket.sendall(bytes([0x80 | opcode, 0x80 | len(payload)]) + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload)))


def fields(message):
    """{field number: [values]} of a protobuf message; bytes stay bytes."""
    found, i = {}, 0

    def read_varint():
        nonlocal i
        n = shift = 0
        while True:
            b = message[i]
            i += 1
            n |= (b & 127) << shift
            shift += 7
            if not b & 128:
                return n

    while i < len(message):
        tag = read_varint()
        kind = tag & 7
        if kind == 0:
            value = read_varint()
        else:
            size = {1: 8, 5: 4}.get(kind) or read_varint()
            value = message[i : i + size]
            i += size
        found.setdefault(tag >> 3, []).append(value)
    return found


def number(field, n):
    return varint(field << 3) + varint(n)


def text(field, s):
    return varint(field << 3 | 2) + varint(len(s.encode())) + s.encode()


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out + bytes([n]))


def stream(s, method, request):
    """The messages of a server stream over h2c, on the port of the HTTP API."""
    with grpc.insecure_channel(s.endpoints["tempo"]) as channel:
        call = channel.unary_stream(f"/tempopb.StreamingQuerier/{method}")
        return [fields(m) for m in call(request, timeout=20, metadata=(("x-scope-orgid", "anonymous"), ("x-grafana-org-id", "1")))]
