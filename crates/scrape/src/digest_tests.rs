//! Pages in, batches out: one line of text per row.

use super::digest::{Cache, Counts, Report, digest, failed, report};
use crate::config::{Config, Job};
use model::{Labels, MetricBatch};

fn job(more: &str) -> Job {
    let yaml = serde_yaml_ng::from_str(&format!("[{{job_name: j{more}}}]")).unwrap();
    Config::parse(None, &yaml, std::path::Path::new("")).unwrap().jobs.remove(0)
}

fn target() -> Labels {
    Labels::from_pairs([("instance", "i"), ("job", "j")])
}

/// `name{other labels} value@time`, without the target's own labels where they stand as they are.
fn text(b: &MetricBatch) -> String {
    let mut out: Vec<String> = vec![];
    let series = |i: u32| {
        let l = &b.series[i as usize];
        let rest = l.filter(|n, v| n != "__name__" && (n, v) != ("instance", "i") && (n, v) != ("job", "j"));
        format!("{}{}", l.value("__name__"), if rest.is_empty() { String::new() } else { rest.to_string() })
    };
    for s in &b.samples {
        let v = if model::is_stale(s.v) { "stale".into() } else { s.v.to_string() };
        out.push(format!("{} {v}@{}", series(s.series), s.t));
    }
    out.extend(b.exemplars.iter().map(|e| format!("{} # {} {}@{}", series(e.series), e.labels, e.v, e.t)));
    out.extend(b.metadata.iter().map(|m| format!("TYPE {} {}", m.metric, m.kind.as_str())));
    out.join("; ")
}

/// Scrapes the pages one after the other at 1000, 2000, ...; every expectation is the batch or `error; batch`.
#[track_caller]
fn check(job_keys: &str, pages: &[(&str, &str)]) -> Counts {
    let (job, mut cache, mut last) = (job(job_keys), Cache::default(), Counts::default());
    for (i, (body, expected)) in pages.iter().enumerate() {
        let kind = if body.ends_with("# EOF\n") { "application/openmetrics-text" } else { "text/plain" };
        let page = exposition::parse(body.as_bytes(), kind, None).unwrap();
        let (batch, counts, error) = digest(&page, &target(), &job, &mut cache, (i as i64 + 1) * 1000);
        let got = error.map_or_else(String::new, |e| format!("{e}; ")) + &text(&batch);
        assert_eq!(got, *expected, "page {i}");
        last = counts;
    }
    last
}

#[test]
fn rows_get_the_targets_labels() {
    check("", &[("a 1\nb{job=\"x\",exported_job=\"y\"} 2\n", "a 1@1000; b{exported_exported_job=\"x\", exported_job=\"y\"} 2@1000")]);
    check(", honor_labels: true", &[("b{job=\"x\"} 2\n", "b{job=\"x\"} 2@1000")]);
}

#[test]
fn timestamps() {
    check("", &[("a 1 500\na 2 600\nb 3\nb 4\n", "a 1@500; a 2@600; b 3@1000"), ("", "b stale@2000")]);
    check(", honor_timestamps: false", &[("a 1 500\na 2 600\n", "a 1@1000"), ("", "a stale@2000")]);
    check(", track_timestamps_staleness: true", &[("a 1 500\n", "a 1@500"), ("", "a stale@2000")]);
}

#[test]
fn staleness_and_counts() {
    let pages = [
        ("a 1\nb 1\n", "a 1@1000; b 1@1000"),
        ("b 2\nc 1\n", "b 2@2000; c 1@2000; a stale@2000"),
        ("c 2\nd 1\n", "c 2@3000; d 1@3000; b stale@3000"),
    ];
    assert_eq!(check("", &pages), Counts { scraped: 2, kept: 2, added: 1 });
}

#[test]
fn relabelling() {
    let drop = ", metric_relabel_configs: [{action: drop, source_labels: [__name__], regex: 'a.*'}, {action: labeldrop, regex: x}]";
    let c = check(drop, &[("a1 1\nb{x=\"1\"} 2\nb{x=\"2\"} 3\n", "b 2@1000"), ("b{x=\"2\"} 3\n", "b 3@2000")]);
    assert_eq!(c, Counts { scraped: 1, kept: 1, added: 0 });
    check(", metric_relabel_configs: [{action: labeldrop, regex: __name__}]", &[("a 1\n", "missing metric name (__name__ label); ")]);
}

#[test]
fn limits_fail_the_whole_page() {
    let c = check(
        ", sample_limit: 2",
        &[
            ("a 1\nb 1\n", "a 1@1000; b 1@1000"),
            ("a 1\nc 1\nd 1\n", "sample limit exceeded; a stale@2000; b stale@2000"),
            ("a 1\n", "a 1@3000"),
        ],
    );
    assert_eq!(c, Counts { scraped: 1, kept: 1, added: 0 });
    check(", label_limit: 3", &[("a{x=\"1\"} 1\n", "label_limit exceeded (metric: a, number of labels: 4, limit: 3); ")]);
    check(
        ", label_name_length_limit: 8",
        &[("a{long_name=\"1\"} 1\n", "label_name_length_limit exceeded (metric: a, label name: long_name, length: 9, limit: 8); ")],
    );
    check(
        ", label_value_length_limit: 1",
        &[("a{x=\"11\"} 1\n", "label_value_length_limit exceeded (metric: a, label name: x, value: \"11\", length: 2, limit: 1); ")],
    );
}

#[test]
fn exemplars_and_metadata() {
    check(
        "",
        &[
            ("# TYPE a counter\na_total 1 # {t=\"x\"} 2\n# EOF\n", "a_total 1@1000; a_total # {t=\"x\"} 2@1000; TYPE a counter"),
            ("# TYPE a counter\na_total 2\n# EOF\n", "a_total 2@2000"),
        ],
    );
}

#[test]
fn failing_and_leaving() {
    let (job, mut cache) = (job(", extra_scrape_metrics: true, sample_limit: 9"), Cache::default());
    let page = exposition::parse(b"a 1\n", "text/plain", None).unwrap();
    digest(&page, &target(), &job, &mut cache, 1000);
    let mut b = failed(&mut cache, 2000);
    assert_eq!(text(&b), "a stale@2000");
    report(&mut b, &target(), &job, 1.5, 2000, Some(&Report { duration: 0.5, body_bytes: -1, ..Report::default() }));
    let own = "up 0@2000; scrape_duration_seconds 0.5@2000; scrape_samples_scraped 0@2000; scrape_samples_post_metric_relabeling 0@2000; scrape_series_added 0@2000; scrape_timeout_seconds 1.5@2000; scrape_sample_limit 9@2000; scrape_body_size_bytes -1@2000";
    assert_eq!(text(&b), format!("a stale@2000; {own}"));
    assert_eq!(text(&failed(&mut cache, 3000)), "");
}
