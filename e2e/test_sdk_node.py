"""The OpenTelemetry SDK for JavaScript exports in every way it offers (its http exporters send JSON), then the three APIs are asked."""
import pathlib
import shutil
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent / "node"


@pytest.mark.skipif(not shutil.which("node") or not (HERE / "node_modules").is_dir(), reason="node or e2e/node/node_modules is missing: (cd e2e/node && npm ci)")
@pytest.mark.parametrize("way", ["http", "http-gzip", "proto", "proto-gzip", "grpc", "grpc-gzip"])
def test_all_signals(server, way):
    service = f"js-{way}"
    url = "http://" + server.endpoints["otlp_grpc"] if way.startswith("grpc") else server.url
    done = subprocess.run(["node", "export.mjs", way, url, service], cwd=HERE, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr, done.stderr
    trace_id = done.stdout.strip()

    assert server.promql(f'orders_total{{job="{service}",side="buy"}}')[0]["value"][1] == "3"
    assert server.promql(f'order_duration_seconds_count{{job="{service}"}}')[0]["value"][1] == "1"
    streams = server.get("/loki/api/v1/query_range", "loki", query=f'{{service_name="{service}"}}')["data"]["result"]
    assert [v[1] for s in streams for v in s["values"]] == ["order placed"]
    found = server.get("/api/search", "tempo", q=f'{{ resource.service.name = "{service}" && span.count = 3 && span.ok = true }}')["traces"]
    assert [t["rootTraceName"] for t in found] == ["place order"]
    spans = server.get(f"/api/v2/traces/{trace_id}", "tempo")["trace"]["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert {a["key"] for a in spans[0]["attributes"]} == {"crypto.symbol", "count", "ratio", "ok", "tags"}
