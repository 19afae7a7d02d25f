//! Names as Prometheus and Loki spell them: metric names with unit and type suffixes, label names without foreign characters.

use std::borrow::Cow;

use crate::options::{MetricSettings, Strategy};

/// What a metric is, as far as its name shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MetricType {
    Gauge,
    /// a monotonic sum: gets `_total`
    Counter,
    Other,
}

/// The Prometheus name of an OTLP metric, or why there is none.
pub fn metric_name(name: &str, unit: &str, kind: MetricType, strategy: Strategy) -> Result<String, String> {
    if name.is_empty() {
        return Err("a metric has no name".into());
    }
    let out = match (strategy.utf8(), strategy.suffixes()) {
        (false, true) => escaped_with_suffixes(name, unit, kind),
        (false, false) => lead_digit(&split(name, |c| compliant(c) || c == '_').join("_")),
        (true, true) => utf8_with_suffixes(name, unit, kind),
        (true, false) => name.to_owned(),
    };
    if out.is_empty() || (out != name && only_underscores(&out)) {
        return Err(format!("the metric name {name:?} has no character that a Prometheus name can have"));
    }
    Ok(out)
}

/// A character of a metric name besides the underscore.
fn compliant(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == ':'
}

fn split(text: &str, keep: impl Fn(char) -> bool) -> Vec<&str> {
    text.split(|c| !keep(c)).filter(|t| !t.is_empty()).collect()
}

fn lead_digit(name: &str) -> String {
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name.to_owned() }
}

fn only_underscores(name: &str) -> bool {
    name.chars().all(|c| c == '_')
}

fn escaped_with_suffixes(name: &str, unit: &str, kind: MetricType) -> String {
    let mut tokens = split(name, compliant);
    let (main, per) = unit_suffixes(unit);
    let (mut main, mut per) = (clean_unit(&main), clean_unit(&per));
    if tokens.contains(&main.as_str()) {
        main.clear();
    }
    if per == "per_" {
        per.clear();
    }
    if per.ends_with('_') {
        per.pop();
    }
    if tokens.contains(&per.as_str()) {
        per.clear();
    }
    if !per.is_empty() && main.ends_with('_') {
        main.pop();
    }
    tokens.extend([main.as_str(), per.as_str()].into_iter().filter(|t| !t.is_empty()));
    if kind == MetricType::Counter {
        to_end(&mut tokens, "total");
    }
    if kind == MetricType::Gauge && unit == "1" {
        to_end(&mut tokens, "ratio");
    }
    lead_digit(&tokens.join("_"))
}

fn to_end<'a>(tokens: &mut Vec<&'a str>, last: &'a str) {
    tokens.retain(|t| *t != last);
    tokens.push(last);
}

fn utf8_with_suffixes(name: &str, unit: &str, kind: MetricType) -> String {
    let (main, per) = unit_suffixes(unit);
    let mut out = name.to_owned();
    let mut append = |suffix: &str| {
        if suffix.is_empty() {
            return;
        }
        // A name that ends so already loses that ending and one delimiter first.
        if let Some(head) = out.strip_suffix(suffix).filter(|h| h.chars().count() > 1) {
            let keep = head.char_indices().next_back().map_or(0, |(i, _)| i);
            out.truncate(keep);
        }
        out.push('_');
        out.push_str(suffix);
    };
    append(&main);
    append(&per);
    if kind == MetricType::Counter {
        append("total");
    }
    if kind == MetricType::Gauge && unit == "1" {
        append("ratio");
    }
    out
}

/// `By/s` to (`bytes`, `per_second`); parts in braces are annotations and say nothing.
fn unit_suffixes(unit: &str) -> (String, String) {
    let (main, per) = unit.split_once('/').unwrap_or((unit, ""));
    let plain = |part: &str| !part.is_empty() && !part.contains(['{', '}']);
    let (main, per) = (main.trim(), per.trim());
    let main = if plain(main) { main_unit(main).to_owned() } else { String::new() };
    let per = if plain(per) { per_unit(per) } else { "" };
    (main, if per.is_empty() { String::new() } else { format!("per_{per}") })
}

/// Foreign characters to `_`, runs to one, none in front.
fn clean_unit(unit: &str) -> String {
    let mut out = String::with_capacity(unit.len());
    for c in unit.chars() {
        let c = if compliant(c) { c } else { '_' };
        if c != '_' || !(out.is_empty() || out.ends_with('_')) {
            out.push(c);
        }
    }
    out
}

fn main_unit(unit: &str) -> &str {
    match unit {
        "d" => "days",
        "h" => "hours",
        "min" => "minutes",
        "s" => "seconds",
        "ms" => "milliseconds",
        "us" => "microseconds",
        "ns" => "nanoseconds",
        "By" => "bytes",
        "KiBy" => "kibibytes",
        "MiBy" => "mebibytes",
        "GiBy" => "gibibytes",
        "TiBy" => "tibibytes",
        "KBy" => "kilobytes",
        "MBy" => "megabytes",
        "GBy" => "gigabytes",
        "TBy" => "terabytes",
        "m" => "meters",
        "V" => "volts",
        "A" => "amperes",
        "J" => "joules",
        "W" => "watts",
        "g" => "grams",
        "Cel" => "celsius",
        "Hz" => "hertz",
        "%" => "percent",
        "1" => "",
        other => other,
    }
}

fn per_unit(unit: &str) -> &str {
    match unit {
        "s" => "second",
        "m" => "minute",
        "h" => "hour",
        "d" => "day",
        "w" => "week",
        "mo" => "month",
        "y" => "year",
        other => other,
    }
}

/// The Prometheus label name of an attribute, or why there is none.
pub fn metric_label_name<'a>(key: &'a str, settings: &MetricSettings) -> Result<Cow<'a, str>, String> {
    if key.is_empty() {
        return Err("an attribute has no name".into());
    }
    if settings.strategy.utf8() {
        if only_underscores(key) {
            return Err(bad_label(key));
        }
        return Ok(Cow::Borrowed(key));
    }
    let keep_runs = settings.label_name_preserve_multiple_underscores;
    sanitize(key, keep_runs, settings.label_name_underscore_sanitization)
}

/// The Loki label name of an attribute, or why there is none: `a..b` becomes `a_b`, `1a` becomes `key_1a`.
pub fn log_label_name(key: &str) -> Result<Cow<'_, str>, String> {
    if key.is_empty() {
        return Err("an attribute has no name".into());
    }
    sanitize(key, false, false)
}

fn bad_label(key: &str) -> String {
    format!("the attribute name {key:?} has no character that a label name can have")
}

fn sanitize(key: &str, keep_runs: bool, prefix_underscore: bool) -> Result<Cow<'_, str>, String> {
    let clean = key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && (keep_runs || !key.contains("__"));
    let mut out = if clean {
        Cow::Borrowed(key)
    } else if keep_runs {
        Cow::Owned(key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect())
    } else {
        Cow::Owned(collapse(key))
    };
    if out.starts_with(|c: char| c.is_ascii_digit()) {
        out = Cow::Owned(format!("key_{out}"));
    } else if prefix_underscore && out.starts_with('_') && !out.starts_with("__") {
        out = Cow::Owned(format!("key{out}"));
    }
    if only_underscores(&out) { Err(bad_label(key)) } else { Ok(out) }
}

/// Foreign characters and runs of underscores to one `_`; the double underscores around a reserved name stay.
fn collapse(key: &str) -> String {
    let inner = key.strip_prefix("__").and_then(|k| k.strip_suffix("__"));
    let mut out = String::with_capacity(key.len());
    let mut after_underscore = false;
    for c in inner.unwrap_or(key).chars() {
        if c.is_ascii_alphanumeric() {
            out.push(c);
            after_underscore = false;
        } else if !after_underscore {
            out.push('_');
            after_underscore = true;
        }
    }
    if inner.is_some() { format!("__{out}__") } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: MetricType, table: &[(&str, &str, &str)]) {
        for (name, unit, expected) in table {
            let strategy = Strategy::UnderscoreEscapingWithSuffixes;
            assert_eq!(metric_name(name, unit, kind, strategy).as_deref().unwrap_or("ERROR"), *expected, "{name} [{unit}]");
        }
    }

    #[test]
    fn gauges_with_suffixes() {
        check(
            MetricType::Gauge,
            &[
                ("http.server.duration", "ms", "http_server_duration_milliseconds"),
                ("ot.already_seconds", "s", "ot_already_seconds"),
                ("9lives", "", "_9lives"),
                ("ot__double..dot", "", "ot_double_dot"),
                ("_lead", "", "lead"),
                ("cpu.util", "1", "cpu_util_ratio"),
                ("ratio.of.x", "1", "of_x_ratio"),
                ("ot.util", "%", "ot_util_percent"),
                ("ot.speed", "m/s", "ot_speed_meters_per_second"),
                ("queue", "{items}/s", "queue_per_second"),
                ("ot.annot", "By{x}", "ot_annot"),
                ("ot.unknown", "furlong", "ot_unknown_furlong"),
                ("ot.odd", "a b  c", "ot_odd_a_b_c"),
                ("ot.per", "1/s", "ot_per_per_second"),
                ("ot:colon", "", "ot:colon"),
                ("ot.üNï", "", "ot_N"),
                ("UPPER.Case", "W", "UPPER_Case_watts"),
                ("x", "By/%", "x_bytes"),
                ("...", "", "ERROR"),
                ("", "s", "ERROR"),
                ("ü", "s", "seconds"),
            ],
        );
    }

    #[test]
    fn counters_with_suffixes() {
        check(
            MetricType::Counter,
            &[
                ("ot.total", "", "ot_total"),
                ("ot.total.things", "", "ot_things_total"),
                ("ot.bytes", "By", "ot_bytes_total"),
                ("ot.io", "By/s", "ot_io_bytes_per_second_total"),
                ("ot.seconds.total", "s", "ot_seconds_total"),
                ("ot.count", "1", "ot_count_total"),
                ("ot.ratio.total", "1", "ot_ratio_total"),
            ],
        );
        check(MetricType::Other, &[("ot.active", "1", "ot_active")]);
    }

    #[test]
    fn other_strategies() {
        let name = |n, u, k, s| metric_name(n, u, k, s).unwrap_or("ERROR".into());
        use MetricType::*;
        assert_eq!(name("a.b__c", "s", Counter, Strategy::UnderscoreEscapingWithoutSuffixes), "a_b__c");
        assert_eq!(name("a.b", "By/s", Counter, Strategy::NoUtf8EscapingWithSuffixes), "a.b_bytes_per_second_total");
        assert_eq!(name("a.seconds", "s", Gauge, Strategy::NoUtf8EscapingWithSuffixes), "a_seconds");
        assert_eq!(name("ü.total", "", Counter, Strategy::NoUtf8EscapingWithSuffixes), "ü_total");
        assert_eq!(name("a.b", "s", Counter, Strategy::NoTranslation), "a.b");
    }

    #[test]
    fn labels_of_metrics() {
        let stock = MetricSettings::default();
        let name = |k: &str| metric_label_name(k, &stock).map_or("ERROR".to_owned(), Cow::into_owned);
        let table = [
            ("a.b", "a_b"),
            ("_x", "key_x"),
            ("__y", "__y"),
            ("1n", "key_1n"),
            ("sp ace", "sp_ace"),
            ("a__b", "a__b"),
            ("ünï", "key_n_"),
            ("__", "ERROR"),
            ("", "ERROR"),
            ("_", "key_"),
        ];
        for (key, expected) in table {
            assert_eq!(name(key), expected, "{key}");
        }
        let utf8 = MetricSettings { strategy: Strategy::NoTranslation, ..MetricSettings::default() };
        assert_eq!(metric_label_name("ü.1", &utf8).unwrap(), "ü.1");
    }

    #[test]
    fn labels_of_logs() {
        let name = |k: &str| log_label_name(k).map_or("ERROR".to_owned(), Cow::into_owned);
        let table = [
            ("a..b", "a_b"),
            ("a__b", "a_b"),
            ("1a", "key_1a"),
            ("__x__", "__x__"),
            ("__a.b__", "__a_b__"),
            ("_x", "_x"),
            ("___", "ERROR"),
            ("", "ERROR"),
            ("Ok9", "Ok9"),
        ];
        for (key, expected) in table {
            assert_eq!(name(key), expected, "{key}");
        }
    }
}
