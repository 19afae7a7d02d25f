//! What Loki adds to every line: `detected_level` from labels, metadata or the line itself, and `service_name`.

mod line;

use std::borrow::Cow;

/// The names under which a level is looked for, in this order.
pub const LEVEL_FIELDS: [&str; 14] = [
    "level",
    "LEVEL",
    "Level",
    "log.level",
    "severity",
    "SEVERITY",
    "Severity",
    "SeverityText",
    "lvl",
    "LVL",
    "Lvl",
    "severity_text",
    "Severity_Text",
    "SEVERITY_TEXT",
];

/// The stream labels from which a missing `service_name` is taken, in this order.
const SERVICE_FIELDS: [&str; 13] = [
    "service",
    "app",
    "application",
    "app_name",
    "name",
    "app_kubernetes_io_name",
    "container",
    "container_name",
    "k8s_container_name",
    "component",
    "workload",
    "job",
    "k8s_job_name",
];

/// The value of `detected_level` for a line. `stream` and `meta` look a stream label or a structured metadata pair up by name.
///
/// The order: metadata `detected_level`; a level field of the stream, then of the metadata; metadata `severity_number`; the line.
pub fn detect_level<'a>(stream: impl Fn(&str) -> Option<&'a str>, meta: impl Fn(&str) -> Option<&'a str>, line: &str) -> Cow<'a, str> {
    if let Some(given) = meta("detected_level") {
        return Cow::Borrowed(normalize(given));
    }
    let field = LEVEL_FIELDS.iter().find_map(|f| stream(f)).or_else(|| LEVEL_FIELDS.iter().find_map(|f| meta(f)));
    Cow::Borrowed(match (field, meta("severity_number")) {
        (Some(level), _) => normalize(level),
        (None, Some(number)) => number.parse().map_or("info", level_of_severity),
        (None, None) => line::level(line),
    })
}

/// The `service_name` of a stream that has none: the first known label's value, or `unknown_service`.
pub fn detect_service_name<'a>(stream: impl Fn(&str) -> Option<&'a str>) -> &'a str {
    SERVICE_FIELDS.iter().find_map(|f| stream(f).filter(|v| !v.is_empty())).unwrap_or("unknown_service")
}

/// Whether a stream label can give a stream its `service_name`.
pub(crate) fn names_service(label: &str) -> bool {
    SERVICE_FIELDS.contains(&label)
}

/// OTLP's severity numbers.
pub(crate) fn level_of_severity(number: i64) -> &'static str {
    match number {
        1..=4 => "trace",
        5..=8 => "debug",
        9..=12 => "info",
        13..=16 => "warn",
        17..=20 => "error",
        21..=24 => "fatal",
        _ => "unknown",
    }
}

/// One spelling per level; what is no level stays as it is.
pub(crate) fn normalize(level: &str) -> &str {
    known(level).unwrap_or(level)
}

/// The level that a word names, in any case.
pub(crate) fn known(word: &str) -> Option<&'static str> {
    const WORDS: [(&str, &str); 14] = [
        ("trace", "trace"),
        ("trc", "trace"),
        ("debug", "debug"),
        ("dbg", "debug"),
        ("info", "info"),
        ("inf", "info"),
        ("information", "info"),
        ("warn", "warn"),
        ("wrn", "warn"),
        ("warning", "warn"),
        ("error", "error"),
        ("err", "error"),
        ("critical", "critical"),
        ("fatal", "fatal"),
    ];
    WORDS.iter().find(|(w, _)| w.eq_ignore_ascii_case(word)).map(|(_, level)| *level)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(stream: &[(&str, &'static str)], meta: &[(&str, &'static str)], line: &str, level: &str) {
        let get = |pairs: &[(&str, &'static str)], name: &str| pairs.iter().find(|p| p.0 == name).map(|p| p.1);
        assert_eq!(detect_level(|n| get(stream, n), |n| get(meta, n), line), level, "{line}");
    }

    #[test]
    fn labels_and_metadata_come_before_the_line() {
        check(&[], &[("detected_level", "WARNING")], "level=error", "warn");
        check(&[("level", "Err")], &[("severity_text", "INFO")], "", "error");
        check(&[], &[("severity_text", "Notice"), ("severity_number", "9")], "", "Notice");
        check(&[], &[("severity_number", "13")], "level=error", "warn");
        check(&[], &[("severity_number", "0")], "level=error", "unknown");
        check(&[], &[("severity_number", "x")], "level=error", "info");
        check(&[], &[], "level=error", "error");
    }

    #[test]
    fn service_names() {
        let of = |pairs: &[(&str, &'static str)]| detect_service_name(|n| pairs.iter().find(|p| p.0 == n).map(|p| p.1));
        assert_eq!(of(&[("job", "j"), ("app", "a")]), "a");
        assert_eq!(of(&[("x", "j")]), "unknown_service");
    }
}
