"""The calls that a stock Grafana makes, as its Prometheus, Loki and Tempo data sources make them: status and shape of each answer."""
import datetime
import json
import re
import struct
import threading
import time
import urllib.parse

import grpc
import otlp
import pytest
from conftest import Server
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2 as trace
from wire import WebSocket, fields, number, stream, text, varint

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
TRACE = bytes.fromhex("00c0ffee00c0ffee00c0ffee00c0ffee")
BARE = bytes.fromhex("bare".encode().hex() * 4)
NOW = otlp.now()
SECOND = NOW // 10**9


@pytest.fixture(scope="module")
def shop():
    """A server with two points, four lines and two traces in it."""
    s = Server("--memory", "--no-self-scrape")
    for path, body in (("/v1/metrics", metrics()), ("/v1/logs", logs()), ("/v1/traces", traces())):
        assert s.post(path, body)[0] == 200
    yield s
    s.stop()


@pytest.fixture(scope="module")
def empty():
    s = Server("--memory", "--no-self-scrape")
    yield s
    s.stop()


def metrics():
    r = ExportMetricsServiceRequest()
    rm = r.resource_metrics.add()
    rm.resource.attributes.append(otlp.attr("service.name", "shop"))
    m = rm.scope_metrics.add().metrics.add(name="shop.latency", unit="s", description="time of an order")
    m.histogram.aggregation_temporality = 2
    for age, count in ((60, 4), (20, 9)):
        p = m.histogram.data_points.add(time_unix_nano=NOW - age * 10**9, start_time_unix_nano=NOW - 600 * 10**9, count=count, sum=count * 0.1, bucket_counts=[1, count - 1, 0], explicit_bounds=[0.05, 0.5])
        p.attributes.append(otlp.attr("http.route", "/order"))
        e = p.exemplars.add(time_unix_nano=NOW - (age + 1) * 10**9, as_double=0.2, trace_id=TRACE, span_id=TRACE[:8])
        e.filtered_attributes.append(otlp.attr("user", "u1"))
    g = rm.scope_metrics[0].metrics.add(name="shop_open")
    g.gauge.data_points.add(time_unix_nano=NOW - 10**10, as_double=float("inf"))
    return r.SerializeToString()


def logs():
    r = ExportLogsServiceRequest()
    rl = r.resource_logs.add()
    rl.resource.attributes.extend([otlp.attr("service.name", "shop"), otlp.attr("k8s.pod.name", "pod-1")])
    sl = rl.scope_logs.add()
    for age, level, text in ((40, 9, '{"msg":"order placed","took":"15ms"}'), (30, 17, "level=error msg=refused took=3ms"), (20, 9, "order placed again"), (10, 9, "end")):
        sl.log_records.add(time_unix_nano=NOW - age * 10**9, body=AnyValue(string_value=text), severity_number=level, severity_text="ERROR" if level > 9 else "INFO", trace_id=TRACE, span_id=TRACE[:8])
    return r.SerializeToString()


def traces():
    r = ExportTraceServiceRequest()
    rs = r.resource_spans.add()
    rs.resource.attributes.append(otlp.attr("service.name", "shop"))
    ss = rs.scope_spans.add()
    root = ss.spans.add(trace_id=TRACE, span_id=b"\1" * 8, name="GET /order", kind=trace.Span.SPAN_KIND_SERVER, start_time_unix_nano=NOW - 50 * 10**9, end_time_unix_nano=NOW - 49 * 10**9)
    root.attributes.extend([otlp.attr("count", 3), otlp.attr("share", 0.5), otlp.attr("paid", True), otlp.attr("a/b", "slash"), otlp.attr("two words", "x")])
    root.attributes.append(KeyValue(key="list", value=AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=1), AnyValue(string_value="b")]))))
    child = ss.spans.add(trace_id=TRACE, span_id=b"\2" * 8, parent_span_id=b"\1" * 8, name="pay", start_time_unix_nano=NOW - 50 * 10**9 + 5, end_time_unix_nano=NOW - 49 * 10**9)
    child.status.code = trace.Status.STATUS_CODE_ERROR
    child.status.message = "refused"
    child.attributes.append(otlp.attr("count", "three"))
    # No resource, scope or status at all: Grafana must find them all the same.
    r.resource_spans.add().scope_spans.add().spans.add(trace_id=BARE, span_id=b"\3" * 8, name="bare", start_time_unix_nano=NOW - 5 * 10**9, end_time_unix_nano=NOW - 4 * 10**9)
    return r.SerializeToString()


def rfc3339(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def unix_ns(**more):
    return {"start": NOW - 10**12, "end": NOW + 10**12, **more}


def unix_s(**more):
    return {"start": SECOND - 1000, "end": SECOND + 1000, **more}


# ---------------------------------------------------------------- Prometheus

READS = {
    "query": ("/api/v1/query", {"query": "sum(shop_latency_seconds_count)", "time": SECOND, "timeout": "60s"}),
    "query_range": ("/api/v1/query_range", {"query": "rate(shop_latency_seconds_count[5m])", "start": SECOND - 60, "end": SECOND, "step": "15"}),
    "query_exemplars": ("/api/v1/query_exemplars", {"query": "histogram_quantile(0.9, sum by (le) (rate(shop_latency_seconds_bucket[5m])))", "start": SECOND - 600, "end": SECOND}),
    "labels": ("/api/v1/labels", unix_s(limit=40000)),
    "labels of a match": ("/api/v1/labels", unix_s(**{"match[]": "shop_open"})),
    "series": ("/api/v1/series", unix_s(**{"match[]": '{__name__!=""}', "limit": 40000})),
}


@pytest.mark.parametrize("name", READS)
def test_every_form_of_a_call_gives_one_answer(shop, name):
    path, params = READS[name]
    first, rest = dict(list(params.items())[:1]), dict(list(params.items())[1:])
    forms = {
        "GET": shop.ask("GET", path, "prometheus", params),
        "form": shop.ask("POST", path, "prometheus", body=urllib.parse.urlencode(params).encode(), headers=FORM),
        "URL of a POST": shop.ask("POST", path, "prometheus", params, b"", FORM),
        "URL of a POST without a body's type": shop.ask("POST", path, "prometheus", params, b""),
        "split": shop.ask("POST", path, "prometheus", first, urllib.parse.urlencode(rest).encode(), FORM),
        "split the other way": shop.ask("POST", path, "prometheus", rest, urllib.parse.urlencode(first).encode(), FORM),
    }
    for form, (status, body, headers) in forms.items():
        assert status == 200, (form, body)
        assert "json" in headers["Content-Type"], form
        answer = json.loads(body)
        assert answer["status"] == "success" and answer["data"] == json.loads(forms["GET"][1])["data"], form
    assert json.loads(forms["GET"][1])["data"], "an answer that is empty compares nothing"


def test_the_body_wins_over_the_url(shop):
    status, body, _ = shop.ask("POST", "/api/v1/query", "prometheus", {"query": "1"}, b"query=2", FORM)
    assert status == 200 and json.loads(body)["data"]["result"][1] == "2"


def test_prometheus_health(shop):
    status, body, _ = shop.ask("POST", "/api/v1/query", "prometheus", body=b"query=1%2B1&time=4", headers=FORM)
    assert status == 200 and json.loads(body)["data"] == {"resultType": "scalar", "result": [4, "2"]}
    info = shop.get("/api/v1/status/buildinfo", "prometheus")["data"]
    assert {"version", "revision", "branch", "buildUser", "buildDate", "goVersion"} <= set(info) and all(isinstance(v, str) for v in info.values())
    assert re.fullmatch(r"\d+\.\d+\.\d+", info["version"]) and "features" not in info


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_exemplar_probe_in_milliseconds(shop, method):
    params = {"query": "test", "start": (SECOND - 3600) * 1000, "end": SECOND * 1000}
    body = urllib.parse.urlencode(params).encode() if method == "POST" else None
    status, answer, _ = shop.ask(method, "/api/v1/query_exemplars", "prometheus", None if body else params, body, FORM)
    assert (status, json.loads(answer)) == (200, {"status": "success", "data": []})


def test_exemplars_as_the_plugin_reads_them(shop):
    data = shop.get(*READS["query_exemplars"][:1], "prometheus", **READS["query_exemplars"][1])["data"]
    assert data
    for series in data:
        assert list(series) == ["seriesLabels", "exemplars"]
        for e in series["exemplars"]:
            assert set(e) == {"labels", "value", "timestamp"}
            assert isinstance(e["value"], str) and isinstance(e["timestamp"], (int, float)) and all(isinstance(v, str) for v in e["labels"].values())
            assert e["labels"]["trace_id"] == TRACE.hex() and e["labels"]["span_id"] == TRACE[:8].hex()


def test_samples_as_the_plugin_reads_them(shop):
    data = shop.get("/api/v1/query", "prometheus", query="shop_open", time=f"{NOW / 1e9:.9f}")["data"]
    assert list(data)[:2] == ["resultType", "result"]
    (sample,) = data["result"]
    assert isinstance(sample["value"][0], (int, float)) and sample["value"][1] == "+Inf"
    answer = shop.get("/api/v1/query_range", "prometheus", query="vector(0)/0", start=SECOND - 10999, end=SECOND, step=1, stats="all", max_samples_processed_warning_threshold=5)
    (series,) = answer["data"]["result"]
    assert series["metric"] == {} and len(series["values"]) == 11000 and series["values"][0][1] == "NaN"
    assert answer["data"]["stats"]["samples"]["totalQueryableSamples"] >= 0


def test_native_histograms_have_four_fields_a_bucket(server):
    r = ExportMetricsServiceRequest()
    rm = r.resource_metrics.add()
    m = rm.scope_metrics.add().metrics.add(name="native")
    m.exponential_histogram.aggregation_temporality = 2
    p = m.exponential_histogram.data_points.add(time_unix_nano=NOW, count=6, sum=10, scale=0, zero_count=1)
    p.positive.bucket_counts.extend([2, 3])
    assert server.post("/v1/metrics", r.SerializeToString())[0] == 200
    (series,) = server.promql("native", time=SECOND + 1)
    t, h = series["histogram"]
    assert isinstance(t, (int, float)) and h["count"] == "6" and h["sum"] == "10"
    assert h["buckets"] and all(len(b) == 4 and isinstance(b[0], int) and all(isinstance(x, str) for x in b[1:]) for b in h["buckets"])


def test_metadata_and_label_calls(shop):
    values = shop.get("/api/v1/label/__name__/values", "prometheus", **unix_s(limit=0))["data"]
    assert {"shop_open", "shop_latency_seconds_bucket"} <= set(values)
    for selector in ('{__name__=~".*open.*"}', '{__name__=~"(?i).*OPEN"}', "shop_open"):
        assert shop.get("/api/v1/label/__name__/values", "prometheus", **unix_s(limit=1000, **{"match[]": selector}))["data"] == ["shop_open"], selector
    assert shop.get("/api/v1/label/job/values", "prometheus")["data"] == ["shop"]
    assert shop.get("/api/v1/labels", "prometheus", **{"match[]": '{__name__=~"traces_service_graph_nothing|nor_this"}'})["data"] == []
    assert shop.get("/api/v1/series", "prometheus", **{"match[]": "traces_service_graph_request_server_seconds", "limit": 1})["data"] == []
    metadata = shop.get("/api/v1/metadata", "prometheus", limit=40000)["data"]
    (entry,) = metadata["shop_latency_seconds"]
    assert set(entry) == {"type", "unit", "help"} and entry["type"] == "histogram" and entry["help"] == "time of an order"
    assert all(entries for entries in metadata.values()), "the UI reads the first entry unguarded"
    assert shop.get("/api/v1/metadata", "prometheus", metric="nothing")["data"] == {}


def test_label_names_in_their_u_form(start, tmp_path):
    """Grafana writes a name that is no classic one as U__, with _ doubled and other characters in hexadecimal."""
    config = tmp_path / "config.yaml"
    config.write_text("otlp:\n  translation_strategy: NoTranslation\n")
    server = start("--memory", "--no-self-scrape", "--config", str(config))
    assert server.post("/v1/metrics", metrics())[0] == 200
    for name in ("http.route", "U__http_2e_route"):
        assert server.get(f"/api/v1/label/{name}/values", "prometheus")["data"] == ["/order"], name
    assert len(server.promql('{"shop.latency", "http.route"="/order", }', time=SECOND) + server.promql('{"shop.latency_count", "http.route"="/order", }', time=SECOND)) == 1


SYNTAX = {
    "trailing comma": ('shop_open{__ignore_usage__="", }', 1),
    "quoted name, trailing comma": ('{"shop_open", job="shop", }', 1),
    "names only": ('count({__name__=~".+",})', 1),
    "recent metrics": ('group by (__name__) ({__name__!=""}) unless (group by (__name__) ({__name__!=""} offset 1h))', 4),
    "one of": ('shop_open{job=~"shop|x"}', 1),
    "number without a zero": ("histogram_quantile(.9, sum(rate(shop_latency_seconds_bucket[5m])) by (le))", 1),
    "upper case OR": ("shop_open OR vector(1)", 2),
    "filter by itself": ("shop_open and shop_open > -Inf", 1),
    "age": ("time()-avg(shop_open)", 1),
}


@pytest.mark.parametrize("name", SYNTAX)
def test_promql_of_the_user_interface(shop, name):
    query, n = SYNTAX[name]
    # Metrics Drilldown's way: everything in the URL of a POST with an empty body.
    status, body, _ = shop.ask("POST", "/api/v1/query", "prometheus", {"query": query, "time": SECOND}, b"", FORM)
    assert status == 200, body
    assert len(json.loads(body)["data"]["result"]) == n, body


def service_map(filters):
    return [f"sum by (client, server) (rate({m}{filters}[3600s]))" for m in EDGES] + [f"group by (client, connection_type, server) ({m}{filters})" for m in EDGES]


EDGES = ["traces_service_graph_request_server_seconds_sum", "traces_service_graph_request_total", "traces_service_graph_request_failed_total", "traces_service_graph_request_server_seconds_bucket"]
TABLE = [
    'topk(5, sum(rate(traces_spanmetrics_calls_total{span_kind="SPAN_KIND_SERVER"}[3600s])) by (span_name))',
    'topk(5, sum(rate(traces_spanmetrics_calls_total{status_code="STATUS_CODE_ERROR",span_name=~"a|b"}[3600s])) by (span_name))',
    'histogram_quantile(.9, sum(rate(traces_spanmetrics_latency_bucket{span_name=~"a"}[3600s])) by (le))',
    'histogram_quantile(0.9, sum(rate(traces_service_graph_request_server_seconds_bucket{client="a",server="b"}[60s])) by (le, client, server))',
    'sum by (client, server) (rate(traces_service_graph_request_total{client="a"}[3600s])) OR sum by (client, server) (rate(traces_service_graph_request_total{server="a"}[3600s]))',
]


@pytest.mark.parametrize("query", service_map("") + service_map('{client="a"}') + TABLE)
def test_service_map_of_an_empty_store(empty, query):
    status, body, _ = empty.ask("POST", "/api/v1/query", "prometheus", body=urllib.parse.urlencode({"query": query, "time": f"{NOW / 1e9:.3f}"}).encode(), headers=FORM)
    assert status == 200, body
    assert json.loads(body)["data"] == {"resultType": "vector", "result": []}


@pytest.mark.parametrize("query", ["sum(", "rate(shop_open)", "nope(1)", ""])
def test_prometheus_errors_are_readable(shop, query):
    for path, more in (("/api/v1/query", {}), ("/api/v1/query_range", {"start": SECOND - 60, "end": SECOND, "step": 15})):
        status, body, _ = shop.ask("GET", path, "prometheus", {"query": query, **more})
        answer = json.loads(body)
        assert status == 400 and answer["status"] == "error" and answer["errorType"] == "bad_data" and answer["error"]


def test_encodings_that_the_plugin_decodes(shop):
    for accept in ("gzip, deflate, br, zstd", "zstd", "deflate", "br;q=1, gzip;q=0"):
        for face, path in (("prometheus", "/api/v1/labels"), ("loki", "/loki/api/v1/labels"), ("tempo", "/api/v2/search/tags")):
            status, _, headers = shop.ask("GET", path, face, headers={"Accept-Encoding": accept})
            assert status == 200 and headers.get("Content-Encoding", "identity") in ("gzip", "identity"), (face, accept)


def test_headers_never_refuse_a_call(shop):
    headers = {"User-Agent": "Grafana/12.1.0", "X-Dashboard-Uid": "a", "X-Panel-Id": "1", "X-Grafana-Org-Id": "1", "FromAlert": "true", "X-Query-Group-Id": "x", "Cookie": "grafana_session=x", "traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01", "Authorization": "Basic YTpi"}
    assert shop.ask("GET", "/api/v1/query", "prometheus", {"query": "1"}, headers=headers)[0] == 200
    assert shop.ask("GET", "/loki/api/v1/labels", "loki", headers=headers)[0] == 200
    assert shop.ask("GET", "/api/search", "tempo", {"q": "{}"}, headers=headers)[0] == 200


# ---------------------------------------------------------------- alerting

RULES = {"prometheus": ("/api/v1/rules", "/api/v1/alerts"), "loki": ("/prometheus/api/v1/rules", "/prometheus/api/v1/alerts")}


@pytest.mark.parametrize("face", RULES)
@pytest.mark.parametrize("params", [{}, {"file": "a", "rule_group[]": ["g", "h"], "rule_name": "r", "exclude_alerts": "true", "type": "record"}, {"group_limit": 10}], ids=["plain", "filtered", "paged"])
def test_rules_and_alerts(empty, face, params):
    rules, alerts = RULES[face]
    status, body, headers = empty.ask("GET", rules, face, params)
    assert status == 200 and "json" in headers["Content-Type"], body
    answer = json.loads(body)
    assert answer["status"] == "success" and answer["data"]["groups"] == []
    status, body, headers = empty.ask("GET", alerts, face)
    assert status == 200 and "json" in headers["Content-Type"] and json.loads(body)["data"]["alerts"] == []


def test_the_ruler_of_loki_has_no_groups(empty):
    for path in ("/api/prom/rules/test/test", "/api/prom/rules", "/loki/api/v1/rules"):
        status, body, _ = empty.ask("GET", path, "loki")
        assert status == 404 and re.search(b"page not found|group does not exist|no rule groups found", body), (path, status, body)


# ---------------------------------------------------------------- Loki

FLAGS = {"X-Loki-Response-Encoding-Flags": "categorize-labels", "X-Query-Tags": "Source=grafana-lokiexplore-app", "X-Loki-Query-Limits-Context": '{"Expr":"{a=\\"b\\"}","From":"2026-01-01T00:00:00Z","To":"2026-01-01T01:00:00Z"}'}


def loki(s, path, headers=None, **params):
    status, body, _ = s.ask("GET", "/loki/api/v1/" + path, "loki", params, headers=headers or {})
    assert status == 200, (path, params, body)
    return json.loads(body)


def test_loki_health(empty):
    data = loki(empty, "query", FLAGS, query="vector(1)+vector(1)", time=4000000000, direction="backward", limit=1)["data"]
    assert data["resultType"] == "vector" and [(s["metric"], s["value"][1]) for s in data["result"]] == [({}, "2")]
    assert isinstance(data["result"][0]["value"][0], (int, float))


def test_an_instant_query_of_lines_is_refused(shop):
    status, body, _ = shop.ask("GET", "/loki/api/v1/query", "loki", {"query": '{service_name="shop"}', "time": NOW})
    assert status == 400 and b"not supported as an instant query" in body


def test_streams_with_and_without_categories(shop):
    path = "query_range"
    params = {"query": '{service_name="shop"} | json | logfmt', "limit": 100, "direction": "backward", **unix_ns(step="15000ms")}
    data = loki(shop, path, FLAGS, **params)["data"]
    keys = list(data)
    assert keys.index("resultType") < keys.index("encodingFlags") < keys.index("result") and data["encodingFlags"] == ["categorize-labels"]
    lines = 0
    for stream in data["result"]:
        assert list(stream) == ["stream", "values"]
        for t, line, categories in stream["values"]:
            lines += 1
            assert re.fullmatch(r"\d{19}", t) and isinstance(line, str) and set(categories) <= {"structuredMetadata", "parsed"}
            assert all(isinstance(v, str) for c in categories.values() for v in c.values())
            assert "structuredMetadata" in categories and categories["structuredMetadata"]["detected_level"] in ("info", "error") and categories["structuredMetadata"]["trace_id"] == TRACE.hex()
            assert not set(stream["stream"]) & set(categories["structuredMetadata"])
    assert lines == 4
    plain = loki(shop, path, **params)["data"]
    assert "encodingFlags" not in plain and all(len(v) == 2 for s in plain["result"] for v in s["values"])
    assert sum(len(s["values"]) for s in plain["result"]) == 4 and all("trace_id" in s["stream"] for s in plain["result"])
    empty_result = loki(shop, path, FLAGS, **{**params, "query": '{service_name="nobody"}'})["data"]
    assert empty_result["result"] == []


def test_ranges_of_lines_meet_without_overlap(shop):
    at = NOW - 30 * 10**9
    def lines(a, b):
        return [v[1] for s in loki(shop, "query_range", query='{service_name="shop"}', start=a, end=b, limit=10)["data"]["result"] for v in s["values"]]
    assert "level=error msg=refused took=3ms" in lines(at, at + 1)
    assert lines(at - 10**9, at) == []


LOGQL = {
    "volume": ('sum by (level, detected_level) (count_over_time({service_name="shop"} | json | logfmt | drop __error__ [15s]))', 2),
    "service list": ('sum by (detected_level) (count_over_time({service_name="shop" } [1m]))', 2),
    "backticks": ("{service_name=`shop` } | json | logfmt | drop __error__, __error_details__", 4),
    "json and logfmt expressions": ('sum(count_over_time({service_name="shop"} | detected_level != "" | json a="b.c",d="e[\\"f\\"]" | logfmt | drop __error__, __error_details__ [1m])) by (detected_level)', 2),
    "empty by": ('avg_over_time({service_name="shop"} | logfmt | unwrap duration(took) | __error__="" [1m]) by ()', 1),
    "unwrap bytes": ('sum_over_time({service_name="shop"} | logfmt | unwrap bytes(took) | __error__="" [1m])', 0),
    "case-blind": ('{service_name="shop"} |~ "(?i)ORDER"', 2),
    "pattern": ('{service_name="shop"} |> "order <_>"', 1),
    "one of two patterns": ('{service_name="shop"} |> "order <_>" or "end"', 2),
    "no such pattern": ('{service_name="shop"} !> "order <_>"', 3),
    "trace to logs": (f'{{service_name="shop"}} | label_format log_line_contains_trace_id=`{{{{ contains "{TRACE.hex()}" __line__  }}}}` | log_line_contains_trace_id="true" OR trace_id="{TRACE.hex()}"', 4),
    "probe of trace to logs": (f'{{service_name="shop"}} | logfmt | json | drop __error__ | trace_id="{TRACE.hex()}" | span_id="{TRACE[:8].hex()}"', 4),
    "words": ('{service_name="shop"} |= "order" |= "again"', 1),
    "shards": ('{service_name="shop", __stream_shard__=""}', 4),
    "keep": ('{service_name="shop"} | keep service_name', 4),
}


@pytest.mark.parametrize("name", LOGQL)
def test_logql_of_the_user_interface(shop, name):
    query, n = LOGQL[name]
    data = loki(shop, "query_range", FLAGS, query=query, **unix_ns(step="15000ms", limit=100, direction="backward"))["data"]
    found = len(data["result"]) if data["resultType"] == "matrix" else sum(len(s["values"]) for s in data["result"])
    assert found == n, data["result"]


def test_loki_resource_calls(shop):
    both = unix_ns(), {"start": rfc3339(SECOND - 1000), "end": rfc3339(SECOND + 1000)}
    sel = '{service_name="shop"}'
    for window in both:
        assert "service_name" in loki(shop, "labels", **window)["data"]
        assert loki(shop, "labels", query=sel, **window)["status"] == "success"
        assert loki(shop, "label/service_name/values", query=sel, **window) == {"status": "success", "data": ["shop"]}
        assert loki(shop, "label/__stream_shard__/values", query=sel, **window).get("data", []) == []
        series = loki(shop, "series", **{"match[]": sel}, **window)["data"]
        assert series and all(s["service_name"] == "shop" for s in series)
        stats = loki(shop, "index/stats", query=sel, **window)
        assert set(stats) == {"streams", "chunks", "bytes", "entries"} and stats["entries"] == 4 and stats["streams"] == len(series)
        for query in ("", sel):
            detected = loki(shop, "detected_labels", query=query, **window)["detectedLabels"]
            assert {"label": "service_name", "cardinality": 1} in detected, query
        fields = loki(shop, "detected_fields", query=sel + " | json | logfmt | drop __error__, __error_details__", limit=1000, **window)
        by_label = {f["label"]: f for f in fields["fields"]}
        assert by_label["took"]["type"] == "duration" and set(by_label["took"]["parsers"]) <= {"json", "logfmt"} and by_label["took"]["parsers"]
        assert "parsers" in by_label["trace_id"] and by_label["trace_id"]["parsers"] is None, "null says structured metadata"
        assert all(f["type"] in ("string", "int", "float", "boolean", "duration", "bytes") for f in fields["fields"])
        assert sorted(loki(shop, "detected_field/detected_level/values", query=sel, limit=100, **window)["values"]) == ["error", "info"]
        assert isinstance(loki(shop, "patterns", query=sel, step="15s", **window)["data"], list)
        volume = loki(shop, "index/volume", query='{service_name=~".+"}', limit=5000, **window)["data"]
        assert volume["resultType"] == "vector" and [s["metric"] for s in volume["result"]] == [{"service_name": "shop"}] and isinstance(volume["result"][0]["value"][1], str)
    assert loki(shop, "detected_labels", **unix_ns())["detectedLabels"], "no query at all means everything as well"
    limits = loki(shop, "drilldown-limits")
    assert isinstance(limits["limits"]["max_entries_limit_per_query"], int) and isinstance(limits["pattern_ingester_enabled"], bool)
    assert re.match(r"\d+\.\d+", loki(shop, "status/buildinfo")["version"])
    assert loki(shop, "format_query", query=sel)["status"] == "success"


def test_loki_errors_are_plain_text(shop):
    status, body, headers = shop.ask("GET", "/loki/api/v1/query_range", "loki", {"query": '{service_name="shop"', **unix_ns()})
    assert status == 400 and headers["Content-Type"].startswith("text/plain") and body.startswith(b"parse error at line 1, col"), body


def test_live_tail(server):
    w = WebSocket(server.endpoints["loki"], "/loki/api/v1/tail?" + urllib.parse.urlencode({"query": '{service_name="tail"} |= "seen"'}))
    assert w.status == 101 and w.headers["sec-websocket-accept"] == w.accept and "sec-websocket-protocol" not in w.headers
    done = threading.Event()

    def write():
        for i in range(100):
            server.post("/v1/logs", otlp.logs("tail", [(otlp.now(), f"seen {i}"), (otlp.now(), "hidden")]))
            if done.wait(0.2):
                return

    writer = threading.Thread(target=write)
    writer.start()
    try:
        opcode, payload = w.frame()
    finally:
        done.set()
        writer.join()
    message = json.loads(payload)
    assert opcode == 1 and set(message) <= {"streams", "dropped_entries"}
    for stream in message["streams"]:
        assert set(stream) == {"stream", "values"} and stream["stream"]["service_name"] == "tail"
        for t, line in stream["values"]:
            assert re.fullmatch(r"\d{19}", t) and line.startswith("seen")
    w.send(8, struct.pack(">H", 1000) + b"bye")
    answer = next(f for f in iter(w.frame, None) if f[0] == 8)
    assert struct.unpack(">H", answer[1][:2])[0] == 1000


def test_live_tail_of_a_bad_query(empty):
    w = WebSocket(empty.endpoints["loki"], "/loki/api/v1/tail?query=%7B")
    if w.status == 101:
        opcode, payload = w.frame()
        assert opcode == 8 and struct.unpack(">H", payload[:2])[0] != 1006 and payload[2:], "closed with a reason"
    else:
        assert w.status == 400


# ---------------------------------------------------------------- Tempo

# The year-1 time that the plugin always sends as field 10 of a search: negative seconds.
YEAR_ONE = varint(10 << 3 | 2) + b"\x0b" + b"\x08" + varint((1 << 64) - 62135596800)


@pytest.mark.parametrize("trace_id", ["abc", "ABCDEF", "0" * 31 + "1", "f" * 32])
@pytest.mark.parametrize("which", ["empty", "shop"])
def test_unknown_trace_is_an_empty_trace(request, which, trace_id):
    s = request.getfixturevalue(which)
    status, body, headers = s.ask("GET", f"/api/v2/traces/{trace_id}", "tempo", headers={"Accept": "application/protobuf"})
    assert status == 200 and body.startswith(b"\x0a\x00") and headers["Content-Type"] == "application/protobuf"
    assert fields(body)[1] == [b""]
    assert s.ask("GET", f"/api/traces/{trace_id}", "tempo", headers={"Accept": "application/protobuf"})[0] == 404


@pytest.mark.parametrize("params", [{}, {"start": SECOND - 600, "end": SECOND + 600}], ids=["any time", "in a range"])
@pytest.mark.parametrize("version", ["/api/v2/traces/", "/api/traces/"])
@pytest.mark.parametrize("trace_id", [TRACE, BARE], ids=["whole", "bare"])
def test_trace_has_what_the_plugin_dereferences(shop, version, trace_id, params):
    for form in {trace_id.hex(), trace_id.hex().upper(), trace_id.hex().lstrip("0")}:
        status, body, _ = shop.ask("GET", version + form, "tempo", params, headers={"Accept": "application/protobuf"})
        assert status == 200, body
        if "v2" in version:
            body = fields(body)[1][0]
        spans = 0
        for rs in fields(body)[1]:
            rs = fields(rs)
            names = [fields(a)[1][0] for a in fields(rs[1][0]).get(1, [])]
            assert b"service.name" in names, "spans of a resource without attributes are dropped"
            for ss in rs[2]:
                ss = fields(ss)
                assert len(ss[1]) == 1, "a scope, if only an empty one"
                for span in ss[2]:
                    spans += 1
                    assert len(fields(span)[15]) == 1, "a status, if only an empty one"
        assert spans == (2 if trace_id == TRACE else 1)


STRICT = {
    "search": {"traces", "metrics"},
    "trace": {"traceID", "rootServiceName", "rootTraceName", "startTimeUnixNano", "durationMs", "spanSet", "spanSets", "serviceStats"},
    "spanSet": {"spans", "matched", "attributes"},
    "span": {"spanID", "name", "startTimeUnixNano", "durationNanos", "attributes"},
    "value": {"stringValue", "intValue", "doubleValue", "boolValue"},
    "metrics": {"inspectedTraces", "inspectedBytes", "totalBlocks", "completedJobs", "totalJobs", "totalBlockBytes", "inspectedSpans"},
    "instant": {"series", "metrics", "status", "message"},
    "instant series": {"labels", "value", "promLabels"},
}


def check_search(answer):
    """Only the keys that the plugin's types of May 2025 know; attributes of four kinds."""
    assert set(answer) <= STRICT["search"] and set(answer["metrics"]) <= STRICT["metrics"]
    for t in answer.get("traces", []):
        assert set(t) <= STRICT["trace"] and t["spanSets"]
        assert all(set(s) <= {"spanCount", "errorCount"} for s in t.get("serviceStats", {}).values())
        kinds = {}
        for ss in [*t["spanSets"], *([t["spanSet"]] if "spanSet" in t else [])]:
            assert set(ss) <= STRICT["spanSet"]
            for span in ss.get("spans", []):
                assert set(span) <= STRICT["span"] and re.fullmatch(r"\d+", span["startTimeUnixNano"])
            for holder in [ss, *ss.get("spans", [])]:
                for a in holder.get("attributes", []):
                    (kind,) = a["value"]
                    assert set(a) == {"key", "value"} and kind in STRICT["value"]
                    kinds.setdefault(a["key"], set()).add(kind.replace("doubleValue", "intValue"))
        assert all(len(k) == 1 for k in kinds.values()), f"one key, one type: {kinds}"


SEARCHES = [
    "{}",
    '{resource.service.name="shop" && name=~"GET.*|x" && traceDuration>100ms && duration<1h && status!=ok}',
    "{} | select(status, kind, span.paid, span.share, name, nestedSetParent)",
    "({} &>> { status = error }) || ({true}) | select(status, resource.service.name, name, nestedSetParent, nestedSetLeft, nestedSetRight)",
    "{nestedSetParent<0 && true} | select(resource.service.name, event.exception.message,event.exception.stacktrace,event.exception.type) with(most_recent=true)",
    '{span.db.name="x" || span.db.system="x" || span.peer.service="x"}',
    "{} | by(resource.service.name) | count() > 0",
    "{ .count = 3 }",
]


@pytest.mark.parametrize("query", SEARCHES)
def test_search_has_no_key_that_the_plugin_refuses(shop, query):
    status, body, headers = shop.ask("GET", "/api/search", "tempo", {"q": query, "limit": 20, "spss": 3, **unix_s()}, headers={"Accept": "application/json"})
    assert status == 200 and "json" in headers["Content-Type"], body
    answer = json.loads(body)
    check_search(answer)
    assert bool(answer["traces"]) == ("peer.service" not in query)


def test_search_without_its_optional_parameters(shop):
    answer = shop.get("/api/search", "tempo", q="{}")
    check_search(answer)
    assert {t["traceID"].rjust(32, "0") for t in answer["traces"]} == {TRACE.hex(), BARE.hex()}


def test_structure_carries_nested_sets(shop):
    answer = shop.get("/api/search", "tempo", q=SEARCHES[3], limit=200, spss=20, **unix_s())
    (t,) = [t for t in answer["traces"] if t["traceID"].rjust(32, "0") == TRACE.hex()]
    spans = {s["name"]: {a["key"]: a["value"] for a in s["attributes"]} for s in t["spanSets"][0]["spans"]}
    assert spans["GET /order"]["nestedSetParent"] == {"intValue": "-1"} and spans["GET /order"]["nestedSetLeft"] == {"intValue": "1"}
    assert spans["pay"]["nestedSetParent"] == {"intValue": "1"} and spans["pay"]["status"] == {"stringValue": "error"}


METRICS = {
    "{} | rate()": {"__name__"},
    "{nestedSetParent<0 && true && resource.service.name != nil} | rate() by(resource.service.name)": {"resource.service.name"},
    "{} | quantile_over_time(duration, 0.9, 0.95)": {"p"},
    "{} | histogram_over_time(duration) with(sample=true)": {"__bucket"},
    "{} | compare({status = error}, 10)": {"__meta_type"},
    f"{{}} | compare({{status = error}}, 10, {NOW - 10**11}, {NOW})": {"__meta_type"},
}


@pytest.mark.parametrize("query", METRICS)
def test_traceql_metrics(shop, query):
    answer = shop.get("/api/metrics/query_range", "tempo", q=query, step="30s", exemplars=10, **unix_s())
    assert answer["series"] and answer.get("status", "COMPLETE") in ("COMPLETE", "PARTIAL")
    for series in answer["series"]:
        assert METRICS[query] <= {label["key"] for label in series["labels"]}
        assert all(set(label["value"]) <= STRICT["value"] for label in series["labels"])
        assert all(re.fullmatch(r"-?\d+", str(p["timestampMs"])) for p in series.get("samples", []))
        for e in series.get("exemplars", []):
            assert "trace:id" in {label["key"] for label in e["labels"]} and int(e["timestampMs"]) > 0
    if "rate" in query:
        assert any(s.get("exemplars") for s in answer["series"])
    instant = shop.get("/api/metrics/query", "tempo", q=query, **unix_s())
    assert set(instant) <= STRICT["instant"] and set(instant["metrics"]) <= STRICT["metrics"] and instant["series"]
    assert all(set(s) <= STRICT["instant series"] for s in instant["series"])


def test_tempo_errors_are_plain_text(shop):
    for path, q in (("/api/search", "{nope"), ("/api/metrics/query_range", "{} | nope() | rate()"), ("/api/metrics/query", "{} | rate(")):
        status, body, headers = shop.ask("GET", path, "tempo", {"q": q, **unix_s()})
        assert status == 400 and headers["Content-Type"].startswith("text/plain") and b"parse error" in body, (path, body)


def test_tags(shop):
    scopes = {s["name"]: s["tags"] for s in shop.get("/api/v2/search/tags", "tempo", limit=5000)["scopes"]}
    assert set(scopes) <= {"resource", "span", "intrinsic", "event", "link", "instrumentation"}
    assert "service.name" in scopes["resource"] and {"count", "a/b", "two words"} <= set(scopes["span"]) and {"status", "kind", "name", "duration"} <= set(scopes["intrinsic"])


TAG_VALUES = {
    "resource.service.name": ("string", "shop"),
    "name": ("string", "pay"),
    "span:name": ("string", "pay"),
    "status": ("keyword", "error"),
    "span:status": ("keyword", "error"),
    "kind": ("keyword", "server"),
    "rootServiceName": ("string", "shop"),
    "trace:rootService": ("string", "shop"),
    ".paid": ("bool", "true"),
    "span.share": ("float", "0.5"),
    "span.count": ("int", "3"),
    "span.a/b": ("string", "slash"),
    'span."two words"': ("string", "x"),
}


@pytest.mark.parametrize("tag", TAG_VALUES)
@pytest.mark.parametrize("q", [None, "{}", '{resource.service.name="x" && span.foo=', "not a query"])
def test_tag_values(shop, tag, q):
    path = "/api/v2/search/tag/" + urllib.parse.quote(tag, safe="/") + "/values"
    answer = shop.get(path, "tempo", limit=5000, tag=tag, **({"q": q} if q else {}))
    kind, value = TAG_VALUES[tag]
    assert {"type": kind, "value": value} in answer["tagValues"], answer


def test_tag_values_follow_the_other_filters(shop):
    answer = shop.get("/api/v2/search/tag/name/values", "tempo", q='{status=error}')
    assert [v["value"] for v in answer["tagValues"]] == ["pay"]


def test_tempo_health_over_both_protocols(empty):
    assert empty.ask("GET", "/api/echo", "tempo")[0] == 200
    assert re.match(r"\d+\.\d+\.\d+", empty.get("/api/status/buildinfo", "tempo")["version"])
    request = text(8, "{}") + number(4, 1) + number(5, SECOND - 900) + number(6, SECOND) + YEAR_ONE
    messages = stream(empty, "Search", request)
    assert messages, "a stream without a message breaks the browser"
    assert all(len(m[2]) == 1 for m in messages) and not any(m.get(1) for m in messages)


def test_search_stream(shop):
    messages = stream(shop, "Search", text(8, SEARCHES[2]) + number(5, SECOND - 600) + number(6, SECOND + 600) + number(9, 3) + YEAR_ONE)
    assert messages and all(2 in m for m in messages)
    found = {}
    for m in messages:
        for t in m.get(1, []):
            t = fields(t)
            found.setdefault(t[1][0].decode().rjust(32, "0"), t)
    assert set(found) == {TRACE.hex(), BARE.hex()}
    whole = found[TRACE.hex()]
    assert whole[2] == [b"shop"] and whole[3] == [b"GET /order"] and whole[4] == [NOW - 50 * 10**9] and whole[5] == [1000] and 7 in whole and 8 in whole
    spans = [fields(s) for ss in whole[7] for s in fields(ss)[1]]
    assert {(s[1][0], s[2][0]) for s in spans} == {(b"01" * 8, b"GET /order"), (b"02" * 8, b"pay")}
    for s in spans:
        for a in s[5]:
            assert set(fields(fields(a)[2][0])) <= {1, 2, 3, 4}, "strings, bools, ints and doubles only"
    last = fields(messages[-1][2][0])
    assert last.get(4) == last.get(5) and last[5][0] >= 1, "progress ends at all jobs"


def test_metrics_streams(shop):
    window = number(2, NOW - 600 * 10**9) + number(3, NOW + 10**9)
    ranges = stream(shop, "MetricsQueryRange", text(1, "{} | rate() by (resource.service.name)") + window + number(4, 30 * 10**9) + number(16, 5))
    assert ranges and all(2 in m for m in ranges)
    series = [fields(s) for s in ranges[-1][1]]
    assert all(len(fields(p)[1][0]) == 8 for s in series for p in s[2] if 1 in fields(p))
    assert any(4 in s for s in series), "exemplars"
    chosen = stream(shop, "MetricsQueryRange", text(1, "{} | rate()") + window)
    assert chosen[-1][1], "step 0 leaves the choice to the server"
    instants = stream(shop, "MetricsQueryInstant", text(1, "{} | count_over_time()") + window)
    (series,) = instants[-1][1]
    assert struct.unpack("<d", fields(series)[2][0])[0] == 3
    nothing = stream(shop, "MetricsQueryInstant", text(1, '{resource.service.name="nobody"} | rate() by (name)') + window)
    assert nothing and 2 in nothing[-1]


def test_stream_errors_say_why(shop):
    with pytest.raises(grpc.RpcError) as e:
        stream(shop, "Search", text(8, "{nope"))
    assert e.value.code() == grpc.StatusCode.INVALID_ARGUMENT and "parse error" in e.value.details()


def test_old_tempo_calls(shop):
    assert "service.name" in shop.get("/api/search/tags", "tempo")["tagNames"]
    assert shop.get("/api/search/tag/service.name/values", "tempo")["tagValues"] and all(isinstance(v, str) for v in shop.get("/api/search/tag/service.name/values", "tempo")["tagValues"])
    answer = shop.get("/api/search", "tempo", tags='service.name="shop" name="pay"', minDuration="1ms", maxDuration="1h", **unix_s())
    assert [t["traceID"].rjust(32, "0") for t in answer["traces"]] == [TRACE.hex()]
