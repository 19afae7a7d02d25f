//! Text in (JSON requests), text out: `{stream} time line {metadata}`.

use std::fmt::Write;

use crate::{Encoding, LogAction, LogSettings, MetricSettings, Options, decode_logs};

fn dump(json: &str, settings: LogSettings) -> String {
    let options = Options::new(MetricSettings::default(), settings);
    let d = decode_logs(json.as_bytes(), Encoding::Json, &options, 77).unwrap();
    let (b, mut out) = (&d.batch, String::new());
    for row in 0..b.len() {
        let meta: Vec<String> = b.meta(row).map(|(n, v)| format!("{n}={v}")).collect();
        let _ = writeln!(out, "{} {} {:?} {}", b.streams[b.stream[row] as usize], b.ts[row], b.body.get(row), meta.join(" "));
    }
    if d.rejected > 0 || !d.message.is_empty() {
        let _ = writeln!(out, "rejected {}: {}", d.rejected, d.message);
    }
    out
}

fn check_with(settings: LogSettings, resource: &str, records: &str, expected: &str) {
    let scope = r#"{"name":"s","attributes":[{"key":"sa","value":{"intValue":1}}]}"#;
    let json = format!(
        r#"{{"resourceLogs":[{{"resource":{{"attributes":[{resource}]}},"scopeLogs":[{{"scope":{scope},"logRecords":[{records}]}}]}}]}}"#
    );
    assert_eq!(dump(&json, settings).trim(), expected.trim());
}

fn check(resource: &str, records: &str, expected: &str) {
    check_with(LogSettings::default(), resource, records, expected);
}

const SERVICE: &str = r#"{"key":"service.name","value":{"stringValue":"svc"}}"#;

#[test]
fn a_record_with_everything() {
    check(
        &format!(r#"{SERVICE},{{"key":"job","value":{{"stringValue":"otlp"}}}}"#),
        r#"{"timeUnixNano":"5","observedTimeUnixNano":"6","severityText":"WARN","severityNumber":13,"body":{"stringValue":"line"},"droppedAttributesCount":2,"flags":1,"eventName":"ev",
            "attributes":[{"key":"a..b","value":{"intValue":"7"}},{"key":"m","value":{"kvlistValue":{"values":[{"key":"x.y","value":{"doubleValue":1.5}},{"key":"z","value":{"kvlistValue":{"values":[{"key":"1","value":{"boolValue":true}}]}}}]}}},
              {"key":"e","value":{"stringValue":""}},{"key":"___","value":{"intValue":1}},{"key":"raw","value":{"bytesValue":"AP8="}},{"key":"l","value":{"arrayValue":{"values":[{"intValue":1}]}}}],
            "traceId":"5B8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174"}"#,
        r#"
{service_name="svc"} 5 "line" a_b=7 detected_level=warn dropped_attributes_count=2 event_name=ev flags=1 job=otlp l=[1] m_x_y=1.5 m_z_1=true observed_timestamp=6 raw=AP8= sa=1 scope_name=s severity_number=13 severity_text=WARN span_id=eee19b7ec3c1b174 trace_id=5b8efff798038103d269b633813fc60c
rejected 0: the attribute name "___" has no character that a label name can have: left out"#,
    );
}

#[test]
fn bodies_times_and_levels() {
    check(
        SERVICE,
        r#"{"body":{"intValue":5}},
           {"observedTimeUnixNano":"9","body":{"kvlistValue":{"values":[{"key":"level","value":{"stringValue":"error"}},{"key":"a","value":{"intValue":1}}]}}},
           {"timeUnixNano":"3","severityNumber":17},
           {"timeUnixNano":"4","body":null,"attributes":[{"key":"level","value":{"stringValue":"Critical"}}]},
           {"timeUnixNano":"4","attributes":[{"key":"detected_level","value":{"stringValue":"ERR"}},{"key":"level","value":{"stringValue":"info"}}]},
           {"timeUnixNano":"4","traceId":"00ff","body":{"stringValue":"bad id"}},
           {"timeUnixNano":"18446744073709551615"}"#,
        r#"
{service_name="svc"} 3 "" detected_level=error sa=1 scope_name=s severity_number=17
{service_name="svc"} 4 "" detected_level=critical level=Critical sa=1 scope_name=s
{service_name="svc"} 4 "" detected_level=error level=info sa=1 scope_name=s
{service_name="svc"} 9 "{\"a\":1,\"level\":\"error\"}" detected_level=error sa=1 scope_name=s
{service_name="svc"} 77 "5" detected_level=unknown sa=1 scope_name=s
rejected 2: a log record's trace_id is not 16 bytes long; a log record's time lies after the year 2262"#,
    );
}

#[test]
fn streams_and_service_names() {
    let attr = |k: &str, v: &str| format!(r#"{{"key":"{k}","value":{{"stringValue":"{v}"}}}}"#);
    let record = r#"{"timeUnixNano":"1","body":{"stringValue":"x"}}"#;
    let stream = |attrs: &[String]| {
        let json = format!(
            r#"{{"resourceLogs":[{{"resource":{{"attributes":[{}]}},"scopeLogs":[{{"logRecords":[{record}]}}]}}]}}"#,
            attrs.join(",")
        );
        dump(&json, LogSettings::default()).trim().to_owned()
    };
    assert_eq!(stream(&[]), r#"{service_name="unknown_service"} 1 "x" detected_level=unknown"#);
    assert_eq!(
        stream(&[attr("k8s.pod.name", "p"), attr("container.name", "c"), attr("k8s.job.name", "j")]),
        r#"{container_name="c", k8s_job_name="j", k8s_pod_name="p", service_name="c"} 1 "x" detected_level=unknown"#
    );
    assert_eq!(
        stream(&[attr("container.name", "c"), attr("service.name", "s"), attr("host.name", "h")]),
        r#"{container_name="c", service_name="s"} 1 "x" detected_level=unknown host_name=h"#
    );
    assert_eq!(stream(&[attr("service.name", "")]), r#"{service_name="unknown_service"} 1 "x" detected_level=unknown"#);
}

#[test]
fn rules() {
    let settings = LogSettings {
        resource_rules: vec![("service.name".into(), LogAction::StructuredMetadata), ("gone".into(), LogAction::Drop)],
        log_rules: vec![("team".into(), LogAction::IndexLabel), ("secret".into(), LogAction::Drop)],
        scope_rules: vec![("sa".into(), LogAction::Drop)],
        severity_text_as_label: true,
        detect_level: false,
        ..LogSettings::default()
    };
    check_with(
        settings,
        &format!(r#"{SERVICE},{{"key":"gone","value":{{"stringValue":"x"}}}}"#),
        r#"{"timeUnixNano":"1","severityText":"INFO","attributes":[{"key":"team","value":{"stringValue":"a"}},{"key":"secret","value":{"stringValue":"b"}}]},{"timeUnixNano":"2"}"#,
        r#"
{service_name="unknown_service"} 2 "" scope_name=s service_name=svc
{service_name="unknown_service", severity_text="INFO", team="a"} 1 "" scope_name=s service_name=svc severity_text=INFO"#,
    );
}

#[test]
fn of_a_name_given_twice_the_last_stays() {
    // Record, then resource, then scope, as Loki puts them together; the permutation that is kept must notice other names.
    let own = |k: &str, v: &str| format!(r#"{{"key":"{k}","value":{{"stringValue":"{v}"}}}}"#);
    let record = |attrs: &[String]| format!(r#"{{"timeUnixNano":"1","attributes":[{}]}}"#, attrs.join(","));
    let records = [
        record(&[own("z", "1"), own("host.name", "own"), own("a", "2")]),
        record(&[own("z", "3"), own("host.name", "own"), own("a", "4")]),
        record(&[own("a", "5"), own("a", "6")]),
        record(&[]),
    ];
    check(
        &format!("{SERVICE},{}", own("host.name", "h")),
        &records.join(","),
        r#"
{service_name="svc"} 1 "" a=2 detected_level=unknown host_name=h sa=1 scope_name=s z=1
{service_name="svc"} 1 "" a=4 detected_level=unknown host_name=h sa=1 scope_name=s z=3
{service_name="svc"} 1 "" a=6 detected_level=unknown host_name=h sa=1 scope_name=s
{service_name="svc"} 1 "" detected_level=unknown host_name=h sa=1 scope_name=s"#,
    );
}
