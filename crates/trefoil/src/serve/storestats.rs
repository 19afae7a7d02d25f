//! The store's figures as points: our own names, Prometheus' head names, and the Collector's exporter names for the in-process stores.

use api::Point;
use store::{Signal, StoreStats};

pub fn collect(s: &StoreStats, out: &mut Vec<Point>) {
    stored(s, out);
    memory(s, out);
    log(s, out);
    for signal in Signal::ALL {
        let name = signal.as_str();
        let i = signal as usize;
        out.push(Point::counter("trefoil_store_appends_total", "Writes answered, by signal.", s.appends[i] as f64).with("signal", name));
        let seconds = s.append_time[i].as_secs_f64();
        out.push(
            Point::counter("trefoil_store_append_seconds_total", "Time from queue to answer, by signal.", seconds).with("signal", name),
        );
    }
    out.push(Point::counter("trefoil_store_refused_total", "Writes refused because queue, memory or log were full.", s.refused as f64));
    for (reason, n) in &s.rejected {
        out.push(
            Point::counter("trefoil_store_rejected_rows_total", "Rows refused while the rest of their write was kept.", *n as f64)
                .with("reason", reason.as_str()),
        );
    }
    out.push(
        Point::gauge("otelcol_exporter_queue_size", "Writes that wait for the writer.", s.queue_writes as f64)
            .with("exporter", "store")
            .with("data_type", "all"),
    );
    out.push(Point::gauge("trefoil_store_queue_bytes", "Bytes of writes that wait for the writer.", s.queue_bytes as f64));
}

fn stored(s: &StoreStats, out: &mut Vec<Point>) {
    let c = &s.stored;
    let rows = [
        ("trefoil_store_samples_appended_total", c.samples + c.histograms),
        ("trefoil_store_exemplars_appended_total", c.exemplars),
        ("trefoil_store_lines_appended_total", c.lines),
        ("trefoil_store_spans_appended_total", c.spans),
    ];
    out.extend(rows.map(|(name, n)| Point::counter(name, "Rows stored since the start.", n as f64)));
    let sent = [
        ("metric_points", "store/metrics", c.samples + c.histograms),
        ("log_records", "store/logs", c.lines),
        ("spans", "store/traces", c.spans),
    ];
    for (items, exporter, n) in sent {
        out.push(
            Point::counter(format!("otelcol_exporter_sent_{items}"), "Items handed to the in-process store.", n as f64)
                .with("exporter", exporter),
        );
    }
    let head: u64 = s.tenants.iter().map(|t| t.series).sum();
    out.push(Point::gauge("prometheus_tsdb_head_series", "Series held.", head as f64));
    for (kind, n) in [("float", c.samples), ("histogram", c.histograms)] {
        out.push(Point::counter("prometheus_tsdb_head_samples_appended_total", "Samples stored.", n as f64).with("type", kind));
    }
}

fn memory(s: &StoreStats, out: &mut Vec<Point>) {
    out.push(Point::gauge("trefoil_store_memory_bytes", "Bytes of all heads.", s.memory_bytes as f64));
    out.push(Point::gauge("trefoil_store_memory_limit_bytes", "Bytes above which writes are refused; 0 = none.", s.memory_limit as f64));
    for t in &s.tenants {
        for (signal, bytes) in [("metrics", t.metrics_bytes), ("logs", t.logs_bytes), ("traces", t.traces_bytes)] {
            out.push(
                Point::gauge("trefoil_tenant_memory_bytes", "Bytes of a tenant's heads.", bytes as f64)
                    .with("tenant", t.tenant.clone())
                    .with("signal", signal),
            );
        }
        for (what, n) in [("series", t.series), ("streams", t.streams), ("samples", t.samples), ("lines", t.lines), ("spans", t.spans)] {
            out.push(
                Point::gauge("trefoil_tenant_items", "What a tenant holds.", n as f64).with("tenant", t.tenant.clone()).with("kind", what),
            );
        }
    }
}

fn log(s: &StoreStats, out: &mut Vec<Point>) {
    let w = &s.wal;
    out.push(Point::gauge("trefoil_wal_bytes", "Bytes of the write-ahead log.", w.bytes as f64));
    out.push(Point::gauge("trefoil_wal_segments", "Segments of the write-ahead log.", w.segments as f64));
    out.push(Point::counter("trefoil_wal_syncs_total", "Times the log was synced.", w.syncs as f64));
    out.push(Point::counter("trefoil_store_checkpoints_total", "Checkpoints written.", s.checkpoints as f64));
    out.push(Point::gauge(
        "trefoil_store_broken",
        "1 if the disk failed and nothing is acknowledged any more.",
        f64::from(u8::from(s.broken.is_some())),
    ));
    let r = &s.replay;
    out.push(Point::gauge("trefoil_replay_seconds", "Time of the replay at the last start.", r.time.as_secs_f64()));
    out.push(Point::gauge("trefoil_replay_records", "Records replayed at the last start.", r.records as f64));
    out.push(Point::gauge("trefoil_replay_damaged_records", "Records found damaged at the last start.", r.damaged as f64));
}
