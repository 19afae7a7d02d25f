"""Acked means visible: what was answered with success is in the very next answer, without a retry."""
import http.client
import json
import os
import struct
import urllib.parse

import otlp

ROUNDS = int(os.environ.get("TREFOIL_ROUNDS", "1000"))


def test_each_write_is_in_the_next_answer(server):
    host, port = server.endpoints["otlp_http"].split(":")
    c = http.client.HTTPConnection(host, int(port), timeout=30)

    def call(method, path, body=None, params=None):
        c.request(method, path + ("?" + urllib.parse.urlencode(params) if params else ""), body, {"Content-Type": "application/x-protobuf"} if body else {})
        answer = c.getresponse()
        data = answer.read()
        assert answer.status == 200, (path, answer.status, data[:200])
        return data

    base = otlp.now()
    for i in range(ROUNDS):
        t = base + i * 1_000_000
        kind = i % 3
        if kind == 0:
            call("POST", "/v1/metrics", otlp.gauge("visible", "round", [({}, t, i)]))
            result = json.loads(call("GET", "/api/v1/query", params={"query": "round", "time": f"{t / 1e9 + 0.001:.3f}"}))["data"]["result"]
            assert [r["value"][1] for r in result] == [str(i)], i
        elif kind == 1:
            call("POST", "/v1/logs", otlp.logs("visible", [(t, f"round {i} end")]))
            q = {"query": f'{{service_name="visible"}} |= "round {i} end"', "start": t, "end": t + 1}
            result = json.loads(call("GET", "/loki/api/v1/query_range", params=q))["data"]["result"]
            assert [v[1] for s in result for v in s["values"]] == [f"round {i} end"], i
        else:
            trace = struct.pack(">QQ", 7, i + 1)
            call("POST", "/v1/traces", otlp.spans("visible", [(trace, trace[8:], b"", f"round {i}", t, t + 1000)]))
            trace_json = json.loads(call("GET", f"/api/v2/traces/{trace.hex()}"))["trace"]
            assert [s["name"] for r in trace_json["resourceSpans"] for x in r["scopeSpans"] for s in x["spans"]] == [f"round {i}"], i
