//! The `alerting:` section: which Alertmanagers there are, and what is sent to them. The sending itself is the caller's.

use std::collections::{BTreeMap, VecDeque};

use model::{Labels, LabelsBuilder};
use serde::Deserialize;

use crate::alert::Outgoing;
use crate::limits::{MAX_ALERT_BATCH, MAX_QUEUED_ALERTS};
use crate::yaml::{Millis, Text};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Section {
    alert_relabel_configs: Option<Vec<serde_yaml_ng::Value>>,
    alertmanagers: Option<Vec<Manager>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Manager {
    static_configs: Option<Vec<Static>>,
    scheme: Option<String>,
    path_prefix: Option<String>,
    api_version: Option<String>,
    timeout: Option<Millis>,
    basic_auth: Option<Basic>,
    authorization: Option<Authorization>,
    bearer_token: Option<String>,
    /// redirects are not followed and HTTP/1.1 is spoken, whatever these say
    #[serde(rename = "follow_redirects")]
    _follow_redirects: Option<bool>,
    #[serde(rename = "enable_http2")]
    _enable_http2: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Static {
    targets: Vec<String>,
    /// they only matter to relabelling
    #[serde(rename = "labels")]
    _labels: Option<BTreeMap<Text, Text>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Basic {
    username: Text,
    password: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Authorization {
    #[serde(rename = "type")]
    kind: Option<String>,
    credentials: Text,
}

/// How to tell an Alertmanager who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    None,
    Basic {
        user: String,
        password: String,
    },
    /// the value of the Authorization header
    Header(String),
}

/// One Alertmanager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// where alerts are posted
    pub url: String,
    pub timeout_ms: i64,
    pub login: Login,
}

/// Everybody who is told of alerts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alerting {
    pub endpoints: Vec<Endpoint>,
}

impl Alerting {
    /// Reads the section. What is known but not done is refused by name.
    pub fn parse(section: &serde_yaml_ng::Value) -> Result<Alerting, String> {
        let read: Option<Section> = serde_yaml_ng::from_value(section.clone()).map_err(|e| format!("alerting: {e}"))?;
        let section = read.unwrap_or_default();
        if section.alert_relabel_configs.is_some_and(|r| !r.is_empty()) {
            return Err(
                "alerting: alert_relabel_configs is not supported by this version; remove it and relabel in the Alertmanager".into()
            );
        }
        let mut out = Alerting::default();
        for (i, m) in section.alertmanagers.unwrap_or_default().into_iter().enumerate() {
            out.endpoints.extend(m.endpoints().map_err(|e| format!("alerting: alertmanagers[{i}]: {e}"))?);
        }
        Ok(out)
    }
}

impl Manager {
    fn endpoints(self) -> Result<Vec<Endpoint>, String> {
        match self.scheme.as_deref() {
            None | Some("http") => {}
            Some("https") => return Err("scheme https is not supported by this version; use http, for example to a local proxy".into()),
            Some(other) => return Err(format!("scheme {other:?} is not one of http, https")),
        }
        if let Some(v) = self.api_version.filter(|v| v != "v2") {
            return Err(format!("expected Alertmanager api version to be one of [v2] but got {v}"));
        }
        let header = |kind: &str, token: &str| Login::Header(format!("{kind} {token}"));
        let login = match (self.basic_auth, self.authorization, self.bearer_token) {
            (None, None, None) => Login::None,
            (Some(b), None, None) => Login::Basic { user: b.username.0, password: b.password.0 },
            (None, Some(a), None) => header(a.kind.as_deref().unwrap_or("Bearer"), &a.credentials.0),
            (None, None, Some(token)) => header("Bearer", &token),
            _ => return Err("at most one of basic_auth, authorization and bearer_token must be configured".into()),
        };
        let prefix = self.path_prefix.unwrap_or_default();
        let prefix = prefix.trim_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("/{prefix}") };
        let targets = self.static_configs.unwrap_or_default().into_iter().flat_map(|s| s.targets);
        targets
            .map(|host| {
                if host.is_empty() || host.contains(['/', ' ']) {
                    return Err(format!("{host:?} is not a valid hostname"));
                }
                let url = format!("http://{host}{prefix}/api/v2/alerts");
                Ok(Endpoint { url, timeout_ms: self.timeout.map_or(10_000, |t| t.0), login: login.clone() })
            })
            .collect()
    }
}

/// Alerts that wait for one Alertmanager.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: VecDeque<Outgoing>,
    /// alerts that made room for newer ones
    pub dropped: u64,
}

impl Queue {
    pub fn push(&mut self, alerts: &[Outgoing]) {
        self.waiting.extend(alerts.iter().cloned());
        while self.waiting.len() > MAX_QUEUED_ALERTS {
            self.waiting.pop_front();
            self.dropped += 1;
        }
    }

    /// The alerts of the next request, oldest first.
    pub fn take(&mut self) -> Vec<Outgoing> {
        let n = self.waiting.len().min(MAX_ALERT_BATCH);
        self.waiting.drain(..n).collect()
    }
}

/// The body of a request; external labels are added where an alert has none of the name.
pub fn body(alerts: &[Outgoing], external: &Labels) -> Vec<u8> {
    let all: Vec<serde_json::Value> = alerts
        .iter()
        .map(|a| {
            let mut labels = LabelsBuilder::new(&a.labels);
            for (name, value) in external.iter() {
                if a.labels.get(name).is_none() {
                    labels.set(name, value);
                }
            }
            serde_json::json!({
                "labels": object(&labels.build()),
                "annotations": object(&a.annotations),
                "startsAt": time(a.starts_at),
                "endsAt": time(a.ends_at),
                "generatorURL": a.generator_url,
            })
        })
        .collect();
    serde_json::Value::Array(all).to_string().into_bytes()
}

fn object(labels: &Labels) -> serde_json::Map<String, serde_json::Value> {
    labels.iter().map(|(k, v)| (k.to_owned(), v.into())).collect()
}

/// RFC 3339 with milliseconds.
fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| String::new(), |t| t.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(yaml: &str, expected: &str) {
        let got = match Alerting::parse(&serde_yaml_ng::from_str(yaml).unwrap()) {
            Ok(a) => a.endpoints.iter().map(|e| format!("{} {} {:?}", e.url, e.timeout_ms, e.login)).collect::<Vec<_>>().join("\n"),
            Err(e) => e,
        };
        assert_eq!(got, expected);
    }

    #[test]
    fn sections_become_endpoints() {
        check(
            "alertmanagers: [{static_configs: [{targets: ['a:1', 'b:2']}]}]",
            "http://a:1/api/v2/alerts 10000 None\nhttp://b:2/api/v2/alerts 10000 None",
        );
        check(
            "alertmanagers: [{static_configs: [{targets: [a]}], path_prefix: /am/, timeout: 2s, basic_auth: {username: u, password: 1}}]",
            "http://a/am/api/v2/alerts 2000 Basic { user: \"u\", password: \"1\" }",
        );
        check(
            "alertmanagers: [{static_configs: [{targets: [a]}], authorization: {credentials: t}}]",
            "http://a/api/v2/alerts 10000 Header(\"Bearer t\")",
        );
        check("alertmanagers: [{scheme: ftp}]", "alerting: alertmanagers[0]: scheme \"ftp\" is not one of http, https");
        check(
            "alertmanagers: [{api_version: v1}]",
            "alerting: alertmanagers[0]: expected Alertmanager api version to be one of [v2] but got v1",
        );
    }

    fn alert(i: usize) -> Outgoing {
        Outgoing {
            labels: Labels::from_pairs([("alertname", "A"), ("i", &i.to_string())]),
            annotations: Labels::from_pairs([("s", "t")]),
            starts_at: 1_500,
            ends_at: 61_500,
            generator_url: "http://x/graph".into(),
        }
    }

    #[test]
    fn bodies_are_what_alertmanagers_read() {
        let external = Labels::from_pairs([("i", "over"), ("region", "eu")]);
        assert_eq!(
            String::from_utf8(body(&[alert(1)], &external)).unwrap(),
            r#"[{"annotations":{"s":"t"},"endsAt":"1970-01-01T00:01:01.500Z","generatorURL":"http://x/graph","labels":{"alertname":"A","i":"1","region":"eu"},"startsAt":"1970-01-01T00:00:01.500Z"}]"#
        );
    }

    #[test]
    fn a_full_queue_drops_the_oldest() {
        let mut q = Queue::default();
        q.push(&(0..MAX_QUEUED_ALERTS + 3).map(alert).collect::<Vec<_>>());
        assert_eq!(q.dropped, 3);
        let first = q.take();
        assert_eq!((first.len(), first[0].labels.value("i")), (MAX_ALERT_BATCH, "3"));
    }
}
