//! /rules, /alerts and /alertmanagers: the state of the rule evaluator, filtered and paged.

use std::time::Duration;

use api::{AlertView, RuleGroupView, RuleView};
use model::{Labels, Matcher};

use crate::call::{Answer, Call};
use crate::engine;
use crate::error::ApiError;
use crate::json::{push_key, push_labels, push_list, push_str};
use crate::number::{push_exponent, push_plain};
use crate::params::Params;
use crate::reply::Reply;
use crate::time::rfc3339_text;

/// What Go writes for a time that never was.
const NEVER: &str = "0001-01-01T00:00:00Z";

pub async fn rules(call: Call) -> Answer {
    let filter = Filter::read(&call.params)?;
    let (mut page, mut next, mut begun) = (vec![], None, filter.token.is_empty());
    for mut group in call.backend.rules.get().map(|r| r.groups()).unwrap_or_default() {
        begun |= token(&group) == filter.token;
        if !begun || !filter.takes_group(&group) {
            continue;
        }
        group.rules.retain(|r| filter.takes_rule(r));
        // a group all of whose rules were filtered away is not shown
        if group.rules.is_empty() {
            continue;
        }
        if filter.limit.is_some_and(|l| page.len() >= l) {
            next = Some(token(&group));
            break;
        }
        page.push(group);
    }
    if !begun {
        return Err(ApiError::bad(format!("invalid group_next_token '{}'. were rule groups changed?", filter.token)));
    }
    let mut out = b"{".to_vec();
    push_key(&mut out, "groups");
    push_list(&mut out, &page, |out, g| push_group(out, g, filter.exclude_alerts));
    if let Some(next) = next {
        push_key(&mut out, "groupNextToken");
        push_str(&mut out, &next);
    }
    out.push(b'}');
    call.reply(Reply::json(out))
}

pub async fn alerts(call: Call) -> Answer {
    let groups = call.backend.rules.get().map(|r| r.groups()).unwrap_or_default();
    let all = groups.iter().flat_map(|g| &g.rules).filter_map(|r| r.alerting.as_ref()).flat_map(|a| &a.alerts);
    let mut out = b"{".to_vec();
    push_key(&mut out, "alerts");
    push_list(&mut out, all, push_alert);
    out.push(b'}');
    call.reply(Reply::json(out))
}

pub async fn alertmanagers(call: Call) -> Answer {
    let urls = call.backend.rules.get().map(|r| r.alertmanagers()).unwrap_or_default();
    let mut out = b"{".to_vec();
    push_key(&mut out, "activeAlertmanagers");
    push_list(&mut out, &urls, |out, url| {
        out.push(b'{');
        push_key(out, "url");
        push_str(out, url);
        out.push(b'}');
    });
    push_key(&mut out, "droppedAlertmanagers");
    out.extend_from_slice(b"[]}");
    call.reply(Reply::json(out))
}

/// Which groups and rules are asked for.
struct Filter {
    alerting: bool,
    recording: bool,
    exclude_alerts: bool,
    names: Vec<String>,
    groups: Vec<String>,
    files: Vec<String>,
    matchers: Vec<Vec<Matcher>>,
    limit: Option<usize>,
    token: String,
}

impl Filter {
    fn read(p: &Params) -> Result<Filter, ApiError> {
        let kind = p.get("type").to_ascii_lowercase();
        if !matches!(kind.as_str(), "" | "alert" | "record") {
            return Err(ApiError::parameter("type", format_args!("not supported value {:?}", p.get("type"))));
        }
        let matchers = engine::selectors(p.all("match[]")).map_err(ApiError::bad)?;
        let exclude_alerts = p.boolean("exclude_alerts", false)?;
        let limit = match p.get("group_limit") {
            "" if !p.get("group_next_token").is_empty() => {
                return Err(ApiError::parameter(
                    "group_next_token",
                    "group_limit needs to be present in order to paginate over the groups",
                ));
            }
            "" => None,
            text => match text.parse::<i64>() {
                Ok(n) if n > 0 => Some(usize::try_from(n).unwrap_or(usize::MAX)),
                Ok(_) => return Err(ApiError::parameter("group_limit", "group_limit needs to be greater than 0")),
                Err(_) => return Err(ApiError::parameter("group_limit", "group_limit needs to be a valid number")),
            },
        };
        let all = |name: &str| p.all(name).map(str::to_owned).collect();
        Ok(Filter {
            alerting: kind != "record",
            recording: kind != "alert",
            exclude_alerts,
            names: all("rule_name[]"),
            groups: all("rule_group[]"),
            files: all("file[]"),
            matchers,
            limit,
            token: p.get("group_next_token").to_owned(),
        })
    }

    fn takes_group(&self, g: &RuleGroupView) -> bool {
        (self.groups.is_empty() || self.groups.contains(&g.name)) && (self.files.is_empty() || self.files.contains(&g.file))
    }

    fn takes_rule(&self, r: &RuleView) -> bool {
        (if r.alerting.is_some() { self.alerting } else { self.recording })
            && (self.names.is_empty() || self.names.contains(&r.name))
            && (self.matchers.is_empty() || self.matchers.iter().any(|set| set.iter().all(|m| m.matches_labels(&r.labels))))
    }
}

/// Names a group for paging; opaque to clients.
fn token(g: &RuleGroupView) -> String {
    format!("{:016x}", Labels::from_pairs([("file", g.file.as_str()), ("group", g.name.as_str())]).hash64())
}

fn push_group(out: &mut Vec<u8>, g: &RuleGroupView, exclude_alerts: bool) {
    out.push(b'{');
    push_key(out, "name");
    push_str(out, &g.name);
    push_key(out, "file");
    push_str(out, &g.file);
    push_key(out, "rules");
    push_list(out, &g.rules, |out, r| push_rule(out, r, exclude_alerts));
    push_seconds(out, "interval", g.interval);
    push_key(out, "limit");
    out.extend_from_slice(g.limit.to_string().as_bytes());
    push_evaluation(out, g.evaluation_time, g.last_evaluation_ms);
    out.push(b'}');
}

fn push_rule(out: &mut Vec<u8>, r: &RuleView, exclude_alerts: bool) {
    out.push(b'{');
    if let Some(a) = &r.alerting {
        push_key(out, "state");
        push_str(out, a.state);
    }
    push_key(out, "name");
    push_str(out, &r.name);
    push_key(out, "query");
    push_str(out, &r.query);
    if let Some(a) = &r.alerting {
        push_seconds(out, "duration", a.hold);
        push_seconds(out, "keepFiringFor", a.keep_firing_for);
    }
    // Recording rules leave empty labels out, alerting rules show them.
    if r.alerting.is_some() || !r.labels.is_empty() {
        push_key(out, "labels");
        push_labels(out, &r.labels);
    }
    if let Some(a) = &r.alerting {
        push_key(out, "annotations");
        push_labels(out, &a.annotations);
        push_key(out, "alerts");
        push_list(out, a.alerts.iter().filter(|_| !exclude_alerts), push_alert);
    }
    push_key(out, "health");
    push_str(out, r.health);
    if !r.last_error.is_empty() {
        push_key(out, "lastError");
        push_str(out, &r.last_error);
    }
    push_evaluation(out, r.evaluation_time, r.last_evaluation_ms);
    push_key(out, "type");
    push_str(out, if r.alerting.is_some() { "alerting" } else { "recording" });
    out.push(b'}');
}

fn push_alert(out: &mut Vec<u8>, a: &AlertView) {
    out.push(b'{');
    push_key(out, "labels");
    push_labels(out, &a.labels);
    push_key(out, "annotations");
    push_labels(out, &a.annotations);
    push_key(out, "state");
    push_str(out, a.state);
    push_key(out, "activeAt");
    push_str(out, &rfc3339_text(a.active_at_ms));
    if let Some(since) = a.keep_firing_since_ms {
        push_key(out, "keepFiringSince");
        push_str(out, &rfc3339_text(since));
    }
    push_key(out, "value");
    out.push(b'"');
    push_exponent(out, a.value);
    out.extend_from_slice(b"\"}");
}

fn push_evaluation(out: &mut Vec<u8>, took: Duration, at_ms: Option<i64>) {
    push_seconds(out, "evaluationTime", took);
    push_key(out, "lastEvaluation");
    push_str(out, &at_ms.map_or_else(|| NEVER.to_owned(), rfc3339_text));
}

fn push_seconds(out: &mut Vec<u8>, key: &str, d: Duration) {
    push_key(out, key);
    push_plain(out, d.as_secs_f64());
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::AlertingView;

    #[test]
    fn groups_are_shown_as_prometheus_does() {
        let rule = RuleView {
            name: "Down".into(),
            query: "up == 0".into(),
            labels: Labels::from_pairs([("severity", "page")]),
            health: "ok",
            last_error: String::new(),
            evaluation_time: Duration::from_millis(2),
            last_evaluation_ms: Some(60_000),
            alerting: Some(AlertingView {
                state: "firing",
                hold: Duration::from_secs(300),
                keep_firing_for: Duration::ZERO,
                annotations: Labels::empty(),
                alerts: vec![AlertView {
                    labels: Labels::from_pairs([("alertname", "Down")]),
                    annotations: Labels::empty(),
                    state: "firing",
                    active_at_ms: 0,
                    keep_firing_since_ms: None,
                    value: 1.0,
                }],
            }),
        };
        let recording = RuleView {
            name: "r".into(),
            labels: Labels::empty(),
            health: "unknown",
            last_evaluation_ms: None,
            alerting: None,
            ..rule.clone()
        };
        let group = RuleGroupView {
            name: "g".into(),
            file: "f".into(),
            interval: Duration::from_secs(60),
            limit: 0,
            evaluation_time: Duration::ZERO,
            last_evaluation_ms: None,
            rules: vec![rule, recording],
        };
        let mut out = vec![];
        push_group(&mut out, &group, false);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                r#"{"name":"g","file":"f","rules":[{"state":"firing","name":"Down","query":"up == 0","duration":300,"keepFiringFor":0,"#,
                r#""labels":{"severity":"page"},"annotations":{},"alerts":[{"labels":{"alertname":"Down"},"annotations":{},"state":"firing","#,
                r#""activeAt":"1970-01-01T00:00:00Z","value":"1e+00"}],"health":"ok","evaluationTime":0.002,"lastEvaluation":"1970-01-01T00:01:00Z","#,
                r#""type":"alerting"},{"name":"r","query":"up == 0","health":"unknown","evaluationTime":0.002,"lastEvaluation":"0001-01-01T00:00:00Z","#,
                r#""type":"recording"}],"interval":60,"limit":0,"evaluationTime":0,"lastEvaluation":"0001-01-01T00:00:00Z"}"#
            )
        );
    }
}
