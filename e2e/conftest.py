"""Starts and stops servers for the tests, and small HTTP helpers."""
import json
import os
import pathlib
import signal
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
BIN = os.environ.get("TREFOIL_BIN", str(TARGET / "release" / "trefoil"))


class Server:
    """One process of ours on one free port."""

    def __init__(self, *args, port="0"):
        where = ["--port", port] if port is not None else []
        self.process = subprocess.Popen([BIN, "serve", *where, *args], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line, f"no ready line; exit status {self.process.wait()}"
        self.ready = json.loads(line)
        self.endpoints = self.ready["endpoints"]
        self.url = "http://" + self.endpoints["otlp_http"]

    def get(self, path, face="otlp_http", **params):
        """The JSON answer of a GET."""
        status, body, _ = self.ask("GET", path, face, params)
        assert status == 200, f"{path} {params}: {status} {body[:300]!r}"
        return json.loads(body)

    def ask(self, method, path, face="otlp_http", params=None, body=None, headers=None):
        """(status, body, headers), whatever the status."""
        url = f"http://{self.endpoints[face]}{path}"
        if params:
            url += "?" + urllib.parse.urlencode(params, doseq=True)
        request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as e:
            return e.code, e.read(), e.headers

    def post(self, path, body, content_type="application/x-protobuf", **headers):
        return self.ask("POST", path, body=body, headers={"Content-Type": content_type, **headers})

    def promql(self, query, **params):
        return self.get("/api/v1/query", "prometheus", query=query, **params)["data"]["result"]

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=20)

    def stop(self):
        """SIGTERM; the exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


@pytest.fixture
def start():
    """A function that starts servers; all are ended after the test."""
    servers = []

    def make(*args, **kwargs):
        servers.append(Server(*args, **kwargs))
        return servers[-1]

    yield make
    for s in servers:
        if s.process.poll() is None:
            s.process.kill()
            s.process.wait(timeout=20)


@pytest.fixture
def server(start):
    return start("--memory", "--no-self-scrape")
