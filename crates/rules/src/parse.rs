//! A rule file's text to groups, with the checks that `promtool check rules` makes.

use std::collections::BTreeMap;
use std::fmt;

use crate::limits::MAX_FILE_BYTES;
use crate::rule::{Group, Kind, Rule};
use crate::template;
use crate::yaml::{self, Text};

/// What is wrong with a rule file, and where: the file, then the group and the rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError(pub String);

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RuleError {}

/// Reads a rule file. `file` names it in errors and in the groups.
pub fn parse(text: &str, file: &str, features: &promql::Features) -> Result<Vec<Group>, RuleError> {
    let fail = |message: String| RuleError(format!("{file}: {message}"));
    if text.len() > MAX_FILE_BYTES {
        return Err(fail(format!("the file has more than {MAX_FILE_BYTES} bytes; split it")));
    }
    if text.trim().is_empty() {
        return Ok(vec![]);
    }
    let read: Option<yaml::File> = serde_yaml_ng::from_str(text).map_err(|e| fail(e.to_string()))?;
    let mut out: Vec<Group> = vec![];
    for (i, g) in read.and_then(|f| f.groups).unwrap_or_default().into_iter().enumerate() {
        if g.name.0.is_empty() {
            return Err(fail(format!("group {}: Groupname must not be empty", i + 1)));
        }
        if out.iter().any(|o| o.name == g.name.0) {
            return Err(fail(format!("groupname: {:?} is repeated in the same file", g.name.0)));
        }
        let name = g.name.0.clone();
        out.push(group(g, file, features).map_err(|e| fail(format!("group {name:?}, {e}")))?);
    }
    Ok(out)
}

fn group(g: yaml::Group, file: &str, features: &promql::Features) -> Result<Group, String> {
    let common = g.labels.unwrap_or_default();
    check_labels(&common)?;
    let limit = usize::try_from(g.limit.unwrap_or(0)).map_err(|_| "limit: must not be negative".to_owned())?;
    let mut rules = vec![];
    for (i, r) in g.rules.unwrap_or_default().into_iter().enumerate() {
        let name = if r.alert.0.is_empty() { r.record.0.clone() } else { r.alert.0.clone() };
        rules.push(rule(r, &common, features).map_err(|e| format!("rule {}, {name:?}: {e}", i + 1))?);
    }
    Ok(Group {
        name: g.name.0,
        file: file.to_owned(),
        interval_ms: g.interval.map(|d| d.0).filter(|d| *d > 0),
        query_offset_ms: g.query_offset.map(|d| d.0),
        limit,
        rules,
    })
}

fn rule(r: yaml::Rule, common: &BTreeMap<Text, Text>, features: &promql::Features) -> Result<Rule, String> {
    match (r.record.0.is_empty(), r.alert.0.is_empty()) {
        (false, false) => return Err("only one of 'record' and 'alert' must be set".into()),
        (true, true) => return Err("one of 'record' or 'alert' must be set".into()),
        _ => {}
    }
    if r.expr.0.is_empty() {
        return Err("field 'expr' must be set in rule".into());
    }
    let expr = promql::parse(&r.expr.0, features).map_err(|e| format!("could not parse expression: {e}"))?;
    let own = r.labels.unwrap_or_default();
    check_labels(&own)?;
    let annotations = r.annotations.unwrap_or_default();
    let mut labels = common.clone();
    labels.extend(own);
    let (kind, name) = if r.alert.0.is_empty() {
        for (set, field) in
            [(!annotations.is_empty(), "annotations"), (r.hold.is_some(), "for"), (r.keep_firing_for.is_some(), "keep_firing_for")]
        {
            if set {
                return Err(format!("invalid field '{field}' in recording rule"));
            }
        }
        // A selector where a name belongs is the usual mistake.
        if r.record.0.contains(['{', '}']) {
            return Err("braces present in the recording rule name; should it be in expr?".into());
        }
        (Kind::Recording, r.record.0)
    } else {
        for (name, text) in labels.iter().map(|l| ("label", l)).chain(annotations.iter().map(|a| ("annotation", a))) {
            let (key, value) = text;
            template::check(&value.0).map_err(|e| format!("{name} {:?}: {e}", key.0))?;
        }
        if let Some(bad) = annotations.keys().find(|k| k.0.is_empty()) {
            return Err(format!("invalid annotation name: {}", bad.0));
        }
        let (for_ms, keep_firing_for_ms) = (r.hold.map_or(0, |d| d.0), r.keep_firing_for.map_or(0, |d| d.0));
        (Kind::Alerting { for_ms, keep_firing_for_ms, annotations: pairs(annotations) }, r.alert.0)
    };
    Ok(Rule { kind, name, query: expr.to_string(), expr, labels: pairs(labels) })
}

fn check_labels(labels: &BTreeMap<Text, Text>) -> Result<(), String> {
    match labels.keys().find(|k| k.0.is_empty() || k.0 == model::METRIC_NAME) {
        Some(bad) => Err(format!("invalid label name: {}", bad.0)),
        None => Ok(()),
    }
}

fn pairs(map: BTreeMap<Text, Text>) -> Vec<(String, String)> {
    map.into_iter().map(|(k, v)| (k.0, v.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let got = match parse(text, "f.yaml", &promql::Features::default()) {
            Ok(groups) => groups.iter().map(shown).collect::<Vec<_>>().join("\n"),
            Err(e) => format!("error: {e}"),
        };
        assert!(got == expected || (expected.ends_with('*') && got.starts_with(expected.trim_end_matches('*'))), "got:\n{got}");
    }

    fn shown(g: &Group) -> String {
        let mut out = format!("{} {:?} {:?} {}", g.name, g.interval_ms, g.query_offset_ms, g.limit);
        for r in &g.rules {
            out.push_str(&format!("; {} = {} {:?} {:?}", r.name, r.query, r.labels, r.kind));
        }
        out
    }

    #[test]
    fn files_become_groups() {
        check("", "");
        check("groups:\n- name: a\n", "a None None 0");
        check(
            "groups:\n- name: a\n  interval: 30s\n  query_offset: 1m\n  limit: 5\n  labels: {x: 1, y: g}\n  rules:\n  - record: b:c\n    expr: sum( up )\n    labels: {y: r}\n",
            r#"a Some(30000) Some(60000) 5; b:c = sum(up) [("x", "1"), ("y", "r")] Recording"#,
        );
        check(
            "groups:\n- name: a\n  rules:\n  - alert: Down\n    expr: up == 0\n    for: 5m\n    keep_firing_for: 0\n    annotations: {s: '{{ $value }}'}\n",
            r#"a None None 0; Down = up == 0 [] Alerting { for_ms: 300000, keep_firing_for_ms: 0, annotations: [("s", "{{ $value }}")] }"#,
        );
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let rule = |r: &str| format!("groups: [{{name: g, rules: [{{{r}}}]}}]");
        check("groups: [{name: a}, {name: a}]", "error: f.yaml: groupname: \"a\" is repeated in the same file");
        check("groups: [{interval: 5m}]", "error: f.yaml: group 1: Groupname must not be empty");
        check("groups:\n- name: a\n  intervall: 5m\n", "error: f.yaml: groups[0]: unknown field `intervall`*");
        check("groups: [{name: a, interval: 5x}]", "error: f.yaml: groups[0]: unknown unit \"x\" in duration \"5x\"*");
        check(&rule("expr: up"), "error: f.yaml: group \"g\", rule 1, \"\": one of 'record' or 'alert' must be set");
        check(
            &rule("record: a, alert: b, expr: up"),
            "error: f.yaml: group \"g\", rule 1, \"b\": only one of 'record' and 'alert' must be set",
        );
        check(&rule("record: a"), "error: f.yaml: group \"g\", rule 1, \"a\": field 'expr' must be set in rule");
        check(
            &rule("record: a, expr: 'sum('"),
            "error: f.yaml: group \"g\", rule 1, \"a\": could not parse expression: 1:5: parse error: *",
        );
        check(&rule("record: a, expr: up, for: 5m"), "error: f.yaml: group \"g\", rule 1, \"a\": invalid field 'for' in recording rule");
        check(&rule("record: 'a{}', expr: up"), "error: f.yaml: group \"g\", rule 1, \"a{}\": braces present in the recording rule name*");
        check(
            &rule("alert: a, expr: up, labels: {__name__: x}"),
            "error: f.yaml: group \"g\", rule 1, \"a\": invalid label name: __name__",
        );
        check(&rule("alert: a, expr: up, annotations: {s: '{{ .x'}"), "error: f.yaml: group \"g\", rule 1, \"a\": annotation \"s\": *");
        check(&rule("alert: a, expr: up, labels: {s: '{{ $nope }}'}"), "error: f.yaml: group \"g\", rule 1, \"a\": label \"s\": *");
    }
}
