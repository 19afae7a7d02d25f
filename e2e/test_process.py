"""The process as its users and supervisors see it: ready line, probes, ports, own metrics, signals, commands."""
import json
import subprocess

import otlp
from conftest import BIN


def test_ready_line_probes_and_stop(start, tmp_path):
    server = start("--data", str(tmp_path / "d"))
    assert server.ready["msg"] == "ready" and server.ready["pid"] == server.process.pid
    assert set(server.endpoints) >= {"otlp_grpc", "otlp_http", "prometheus", "loki", "tempo", "metrics"}
    for path in ("/-/healthy", "/-/ready"):
        assert server.ask("GET", path, "prometheus")[0] == 200
    assert server.stop() == 0


def test_well_known_ports_with_an_offset(start):
    server = start("--memory", "--port-offset", "21000", port=None)
    assert server.endpoints["prometheus"].endswith(":30090") and server.endpoints["otlp_grpc"].endswith(":25317")
    for face, path in (("prometheus", "/-/ready"), ("loki", "/ready"), ("tempo", "/ready"), ("metrics", "/healthz"), ("metrics", "/ready")):
        assert server.ask("GET", path, face)[0] == 200, (face, path)
    # every face is on every port
    assert server.ask("GET", "/loki/api/v1/labels", "prometheus")[0] == 200
    assert server.ask("GET", "/api/echo", "loki")[0] == 200


def test_taken_port_says_how_to_go_on(start):
    server = start("--memory")
    port = server.endpoints["prometheus"].split(":")[1]
    second = subprocess.run([BIN, "--memory", "--port", port], capture_output=True, text=True, timeout=20)
    assert second.returncode == 1 and "--port-offset" in second.stderr


def test_own_metrics(start):
    server = start("--memory", "--port-offset", "22000", port=None)
    assert server.post("/v1/logs", otlp.logs("own", [(otlp.now(), "x"), (otlp.now(), "y")]))[0] == 200
    text = server.ask("GET", "/metrics", "metrics")[1].decode()
    accepted = [line for line in text.splitlines() if line.startswith("otelcol_receiver_accepted_log_records{") and 'transport="http"' in line]
    assert accepted and float(accepted[0].rsplit(" ", 1)[1]) == 2, accepted
    assert server.promql('trefoil_build_info{job="trefoil"}'), "the process watches itself"


def test_restart_keeps_everything(start, tmp_path):
    args = ("--data", str(tmp_path / "d"), "--no-self-scrape")
    server, t = start(*args), otlp.now()
    assert server.post("/v1/metrics", otlp.gauge("keep", "kept", [({}, t, 5)]))[0] == 200
    assert server.post("/v1/logs", otlp.logs("keep", [(t, "kept line")]))[0] == 200
    assert server.post("/v1/traces", otlp.spans("keep", [(b"\7" * 16, b"\1" * 8, b"", "kept", t, t + 9)]))[0] == 200
    assert server.stop() == 0
    server = start(*args)
    assert server.promql("kept")[0]["value"][1] == "5"
    assert server.get("/loki/api/v1/query_range", "loki", query='{service_name="keep"}')["data"]["result"]
    assert server.get(f"/api/v2/traces/{'07' * 16}", "tempo")["trace"]["resourceSpans"]


def test_tenants_do_not_see_each_other(server):
    server.post("/v1/metrics", otlp.gauge("t", "mine", [({}, otlp.now(), 1)]), **{"X-Scope-OrgID": "a"})
    ask = lambda tenant: json.loads(server.ask("GET", "/api/v1/query", "prometheus", {"query": "mine"}, headers={"X-Scope-OrgID": tenant})[1])
    assert len(ask("a")["data"]["result"]) == 1 and not ask("b")["data"]["result"]
    assert not server.promql("mine"), "nor does who names no tenant"
    assert len(ask("a|b")["data"]["result"]) == 1


def test_commands(server, tmp_path):
    run = lambda *args: subprocess.run([BIN, *args], capture_output=True, text=True, timeout=60)
    for args in ([], ["serve"], ["generate"], ["demo"], ["query"], ["check"]):
        assert "Usage" in run(*args, "--help").stdout
    sent = run("generate", "--endpoint", server.url, "--duration", "1s", "--rate", "20", "--json")
    assert sent.returncode == 0, sent.stderr
    totals = json.loads(sent.stdout)
    assert totals["traces"] >= 20 and totals["lines"] >= 20 and totals["points"] > 0
    grpc = run("generate", "--endpoint", server.url, "--protocol", "grpc", "--duration", "1s", "--rate", "5", "--seed", "2")
    assert grpc.returncode == 0, grpc.stderr
    table = run("query", "promql", "sum(crypto_requests_total)", "--url", server.url)
    assert table.returncode == 0 and "{}" in table.stdout, table
    answer = json.loads(run("query", "logql", '{service_name="gateway"}', "--url", server.url, "--json").stdout)
    assert answer["data"]["resultType"] == "streams" and answer["data"]["result"]
    assert "gateway" in run("query", "traceql", '{ span.http.route != nil }', "--url", server.url).stdout
    bad = run("query", "promql", "sum(", "--url", server.url)
    assert bad.returncode == 1 and "parse error" in bad.stderr
    good, wrong = tmp_path / "good.yaml", tmp_path / "wrong.yaml"
    good.write_text("storage: {retention: 15d}\n")
    wrong.write_text("storage: {retenion: 15d}\n")
    assert run("check", str(good)).returncode == 0
    refused = run("check", str(wrong))
    assert refused.returncode == 1 and "did you mean `retention`" in refused.stderr
