"""Real neighbours, from Debian's packages: Prometheus remote-writes into us, scrapes us and federates from us; promtool asks us;
Alertmanager hears of our alerts and of their end. Skipped visibly where a program is missing."""
import json
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request

import otlp
import pytest


def needs(program):
    return pytest.mark.skipif(not shutil.which(program), reason=f"{program} is not installed (Debian packages prometheus, prometheus-alertmanager)")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.loads(answer.read())


def wait_for(what, ask, seconds=40):
    """The first truthy answer; a foreign process does things in its own time."""
    end, last = time.monotonic() + seconds, None
    while time.monotonic() < end:
        try:
            last = ask()
        except OSError as e:
            last = None if isinstance(e, ConnectionError) else last
        if last:
            return last
        time.sleep(0.3)
    raise AssertionError(f"{what} did not come about; last answer {last!r}")


@pytest.fixture
def neighbour(tmp_path):
    """Starts foreign programs; all are ended after the test."""
    running = []

    def start(*command):
        log = open(tmp_path / f"{len(running)}.log", "w")
        running.append(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=tmp_path))
        return running[-1]

    yield start
    for p in running:
        p.terminate()
        p.wait(timeout=20)


@needs("prometheus")
def test_prometheus_writes_scrapes_and_federates(start, neighbour, tmp_path):
    server = start("--memory", "--port-offset", "23000", port=None)
    assert server.post("/v1/metrics", otlp.gauge("shop", "stock.level", [({"item": "a"}, otlp.now(), 7)]))[0] == 200
    port = free_port()
    config = f"""
global: {{scrape_interval: 1s}}
remote_write: [{{url: "http://{server.endpoints['prometheus']}/api/v1/write", queue_config: {{batch_send_deadline: 1s}}}}]
scrape_configs:
- {{job_name: ours, static_configs: [{{targets: ["{server.endpoints['metrics']}"]}}]}}
- job_name: federated
  honor_labels: true
  metrics_path: /federate
  params: {{"match[]": ['{{__name__="stock_level"}}']}}
  static_configs: [{{targets: ["{server.endpoints['prometheus']}"]}}]
"""
    (tmp_path / "prometheus.yml").write_text(config)
    neighbour("prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/tsdb", f"--web.listen-address=127.0.0.1:{port}")
    theirs = lambda q: get(f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": q}))["data"]["result"]

    up = wait_for("their scrape of our metrics", lambda: theirs('up{job="ours"} == 1'))
    assert up[0]["metric"]["instance"] == server.endpoints["metrics"]
    assert theirs("otelcol_receiver_accepted_metric_points")
    federated = wait_for("their federation", lambda: theirs('stock_level{item="a"}'))
    assert federated[0]["value"][1] == "7" and federated[0]["metric"]["job"] == "shop"
    ours = wait_for("their remote write", lambda: server.promql('up{job="ours"}'))
    assert ours[0]["value"][1] == "1"


@needs("promtool")
def test_promtool_asks_us(server):
    t = otlp.now()
    server.post("/v1/metrics", otlp.gauge("shop", "depth", [({"side": s}, t - i * 1_000_000_000, i) for s in ("a", "b") for i in range(5)]))
    run = lambda *args: subprocess.run(["promtool", "query", *args], capture_output=True, text=True, timeout=30)
    instant = run("instant", server.url, "sum by (side) (depth)")
    assert instant.returncode == 0 and '{side="a"} => 0' in instant.stdout, instant
    seconds = t // 1_000_000_000
    ranged = run("range", f"--start={seconds - 5}", f"--end={seconds}", "--step=1s", server.url, "max(depth)")
    assert ranged.returncode == 0 and "@[" in ranged.stdout, ranged
    series = run("series", "--match=depth", server.url)
    assert series.returncode == 0 and series.stdout.count('__name__="depth"') == 2, series
    labels = run("labels", server.url, "side")
    assert labels.returncode == 0 and labels.stdout.split() == ["a", "b"], labels


@needs("prometheus-alertmanager")
def test_alertmanager_hears_of_alerts_and_their_end(start, neighbour, tmp_path):
    port = free_port()
    (tmp_path / "am.yml").write_text("route: {receiver: none, group_wait: 1s}\nreceivers: [{name: none}]\n")
    neighbour("prometheus-alertmanager", f"--config.file={tmp_path}/am.yml", f"--storage.path={tmp_path}/am",
              f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=")
    wait_for("Alertmanager", lambda: get(f"http://127.0.0.1:{port}/api/v2/status"))
    (tmp_path / "rules.yml").write_text("""
groups:
- name: shop
  interval: 1s
  rules:
  - {record: "shop:depth:max", expr: "max(depth)"}
  - alert: Deep
    expr: shop:depth:max > 5
    labels: {severity: page}
    annotations: {summary: 'depth is {{ $value }}'}
""")
    (tmp_path / "trefoil.yaml").write_text(f"rule_files: [rules.yml]\nalerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]}}\n")
    server = start("--memory", "--no-self-scrape", "--config", str(tmp_path / "trefoil.yaml"))
    post = lambda v: server.post("/v1/metrics", otlp.gauge("shop", "depth", [({}, otlp.now(), v)]))
    theirs = lambda: [a for a in get(f"http://127.0.0.1:{port}/api/v2/alerts") if a["labels"]["alertname"] == "Deep"]

    assert post(9)[0] == 200
    alert = wait_for("the alert", theirs)[0]
    assert alert["labels"]["severity"] == "page" and alert["annotations"]["summary"] == "depth is 9"
    assert server.promql("shop:depth:max")[0]["value"][1] == "9"
    firing = server.get("/api/v1/alerts", "prometheus")["data"]["alerts"]
    assert [a["state"] for a in firing] == ["firing"]
    wait_for("ALERTS", lambda: server.promql('ALERTS{alertname="Deep",alertstate="firing"}'))
    assert post(1)[0] == 200
    wait_for("the end of the alert", lambda: not theirs())
    groups = server.get("/api/v1/rules", "prometheus")["data"]["groups"]
    assert {r["health"] for g in groups for r in g["rules"]} == {"ok"}
