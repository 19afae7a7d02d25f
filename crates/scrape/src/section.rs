//! One mapping of the YAML configuration, read strictly: unknown keys are errors with the nearest known one.

use std::fmt;
use std::time::Duration;

use serde_yaml_ng::{Mapping, Value};

use crate::duration;

/// What is wrong with the configuration, where, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(pub String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

/// A mapping and its place in the file, for errors.
pub struct Section<'a> {
    map: Option<&'a Mapping>,
    pub place: String,
}

impl<'a> Section<'a> {
    /// `known` keys are read by the caller; `unsupported` ones exist in Prometheus and are refused by name unless they say `false` or nothing.
    pub fn new(value: &'a Value, place: impl Into<String>, known: &[&str], unsupported: &[&str]) -> Result<Section<'a>, ConfigError> {
        let place = place.into();
        let map = match value {
            Value::Null => None,
            Value::Mapping(m) => Some(m),
            _ => return Err(ConfigError(format!("{place}: must be a mapping of keys to values"))),
        };
        for (key, value) in map.into_iter().flatten() {
            let Some(key) = key.as_str() else { return Err(ConfigError(format!("{place}: the key {key:?} is no text"))) };
            if known.contains(&key) {
                continue;
            }
            if unsupported.contains(&key) {
                if matches!(value, Value::Null | Value::Bool(false)) {
                    continue;
                }
                return Err(ConfigError(format!("{place}: {key} is not supported by this version; remove it")));
            }
            let nearest = known.iter().chain(unsupported).map(|k| (distance(key, k), *k)).min();
            let hint = nearest.filter(|(d, _)| *d <= 3).map_or_else(String::new, |(_, k)| format!("; did you mean {k}?"));
            return Err(ConfigError(format!("{place}: field {key} is unknown{hint}")));
        }
        Ok(Section { map, place })
    }

    /// The key's value; an explicit null counts as absent.
    pub fn get(&self, key: &str) -> Option<&'a Value> {
        self.map?.get(key).filter(|v| !v.is_null())
    }

    pub fn error(&self, key: &str, what: impl fmt::Display) -> ConfigError {
        ConfigError(format!("{}: {key} {what}", self.place))
    }

    /// Numbers and booleans stand for their text, as in Prometheus.
    pub fn text(&self, key: &str) -> Result<Option<String>, ConfigError> {
        self.get(key).map(|v| scalar(v).ok_or_else(|| self.error(key, "must be a text"))).transpose()
    }

    pub fn flag(&self, key: &str, default: bool) -> Result<bool, ConfigError> {
        self.get(key).map_or(Ok(default), |v| v.as_bool().ok_or_else(|| self.error(key, "must be true or false")))
    }

    pub fn number(&self, key: &str, default: u64) -> Result<u64, ConfigError> {
        self.get(key).map_or(Ok(default), |v| v.as_u64().ok_or_else(|| self.error(key, "must be a whole number, 0 or more")))
    }

    pub fn duration(&self, key: &str, default: Duration) -> Result<Duration, ConfigError> {
        let Some(text) = self.text(key)? else { return Ok(default) };
        duration::parse(&text)
            .ok_or_else(|| self.error(key, format_args!("is {text:?}, which is no duration; write for example 15s or 1m")))
    }

    pub fn bytes(&self, key: &str, default: u64) -> Result<u64, ConfigError> {
        let Some(text) = self.text(key)? else { return Ok(default) };
        duration::parse_bytes(&text).ok_or_else(|| self.error(key, format_args!("is {text:?}, which is no size; write for example 10MB")))
    }

    /// The items of a list; empty where the key is absent.
    pub fn list(&self, key: &str) -> Result<&'a [Value], ConfigError> {
        match self.get(key) {
            None => Ok(&[]),
            Some(Value::Sequence(items)) => Ok(items),
            Some(_) => Err(self.error(key, "must be a list")),
        }
    }

    pub fn texts(&self, key: &str) -> Result<Vec<String>, ConfigError> {
        let items = self.list(key)?.iter().map(scalar).collect::<Option<Vec<_>>>();
        items.ok_or_else(|| self.error(key, "must be a list of texts"))
    }

    /// A mapping of texts to texts.
    pub fn pairs(&self, key: &str) -> Result<Vec<(String, String)>, ConfigError> {
        let Some(value) = self.get(key) else { return Ok(vec![]) };
        let pairs = value.as_mapping().and_then(|m| m.iter().map(|(k, v)| Some((scalar(k)?, scalar(v)?))).collect());
        pairs.ok_or_else(|| self.error(key, "must be a mapping of texts to texts"))
    }
}

/// The text of a scalar.
pub fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::String(s) => Some(s.clone()),
        Value::Number(n) => Some(n.to_string()),
        Value::Bool(b) => Some(b.to_string()),
        _ => None,
    }
}

/// Edits between two short words: how far a key is from a known one.
pub fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let next = (diagonal + usize::from(ca != *cb)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = row[j + 1];
            row[j + 1] = next;
        }
    }
    row[b.len()]
}
