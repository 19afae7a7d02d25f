"""kill -9 under load, again and again: nothing acknowledged is lost, nothing is there twice."""
import os
import struct
import threading
import urllib.error

import otlp

KILLS = int(os.environ.get("TREFOIL_KILLS", "20"))
T0 = 1_768_471_200_000_000_000


def writer(server, kind, number, acked, sent):
    """Sends one item a request until the server is gone; remembers what was sent and what was acknowledged."""
    while True:
        i = number[kind]
        number[kind] += 1
        t = T0 + i * 1_000_000
        if kind == "metrics":
            body = otlp.gauge("crash", "item", [({"n": i % 10}, t, i)])
        elif kind == "logs":
            body = otlp.logs("crash", [(t, f"item {i} ")])
        else:
            ident = struct.pack(">QQ", 1 + i // 5, i + 1)
            body = otlp.spans("crash", [(struct.pack(">QQ", 9, 1 + i // 5), ident[8:], b"", f"item {i}", t, t + 1000)])
        sent[kind].add(i)
        try:
            status, _, _ = server.post(f"/v1/{kind}", body)
        except (urllib.error.URLError, ConnectionError, OSError, EOFError):
            return
        if status == 200:
            acked[kind].add(i)


def stored(server, kind, count):
    """The numbers of all items of a kind that the server has, in the order answered."""
    end = T0 + (count + 1) * 1_000_000
    if kind == "metrics":
        seconds = (end - T0) // 1_000_000_000 + 2
        r = server.promql(f"item[{seconds}s]", time=f"{end / 1e9:.3f}")
        return [int(v[1]) for s in r for v in s["values"]]
    if kind == "logs":
        out, start = [], T0
        while True:
            q = {"query": '{service_name="crash"}', "start": start, "end": end, "limit": 5000, "direction": "forward"}
            page = [v for s in server.get("/loki/api/v1/query_range", "loki", **q)["data"]["result"] for v in s["values"]]
            if not page:
                return out
            out += [int(v[1].split()[1]) for v in page]
            start = max(int(v[0]) for v in page) + 1
    out = []
    for trace in range(1, count // 5 + 2):
        body = server.get(f"/api/v2/traces/{struct.pack('>QQ', 9, trace).hex()}", "tempo").get("trace", {})
        out += [int(s["name"].split()[1]) for r in body.get("resourceSpans", []) for x in r["scopeSpans"] for s in x["spans"]]
    return out


def test_kills_under_load(start, tmp_path):
    kinds = ("metrics", "logs", "traces")
    number, acked, sent = dict.fromkeys(kinds, 0), {k: set() for k in kinds}, {k: set() for k in kinds}
    for kill in range(KILLS):
        server = start("--data", str(tmp_path / "data"), "--no-self-scrape")
        threads = [threading.Thread(target=writer, args=(server, k, number, acked, sent)) for k in kinds]
        for t in threads:
            t.start()
        threading.Event().wait(0.15 + 0.02 * (kill % 7))
        server.kill()
        for t in threads:
            t.join()
    server = start("--data", str(tmp_path / "data"), "--no-self-scrape")
    for k in kinds:
        have = stored(server, k, number[k])
        assert len(have) == len(set(have)), f"{k}: stored twice: {sorted(x for x in set(have) if have.count(x) > 1)[:10]}"
        assert not acked[k] - set(have), f"{k}: acknowledged but lost: {sorted(acked[k] - set(have))[:10]}"
        assert set(have) <= sent[k]
        assert len(acked[k]) >= KILLS, f"{k}: hardly any load, {len(acked[k])} acknowledged"
    print(f"{KILLS} kills; acknowledged and found: " + ", ".join(f"{k} {len(acked[k])}" for k in kinds))
    assert server.stop() == 0
