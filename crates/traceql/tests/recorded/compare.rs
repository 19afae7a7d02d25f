//! Whether an answer agrees with the recorded one; the rules of the cases' own runner.

use serde_json::{Map, Value};

use crate::ask::Answer;

/// Why it does not, if it does not.
pub fn judge(case: &Value, got: &Answer) -> Option<String> {
    let want = &case["expect"];
    if want["status"].as_u64() != Some(got.status) {
        return Some(format!("status {}, expected {}: {}", got.status, want["status"], short(&got.body)));
    }
    let mut ignored: Vec<&str> = vec!["stats", "metrics"];
    ignored.extend(case["ignore"].as_array().into_iter().flatten().filter_map(Value::as_str));
    let (w, g) = (narrow(case, canon(&want["body"], &ignored)), narrow(case, canon(&got.body, &ignored)));
    match case["compare"].as_str().unwrap_or("json") {
        "json" => diff(&w, &g, "$", true),
        "ordered" => diff(&w, &g, "$", false),
        "series" => series(&w, &g),
        "sizes" => shape(&w, &g, "$", true),
        "shape" => shape(&w, &g, "$", false),
        _ => None,
    }
}

fn narrow(case: &Value, body: Value) -> Value {
    let (Some(names), Some(all)) = (case["series_with"].as_str(), body["series"].as_array()) else { return body };
    let names: Vec<String> = names.split('|').map(|n| n.replace('\\', "")).collect();
    let has = |s: &&Value| s["labels"].as_array().into_iter().flatten().any(|l| names.iter().any(|n| l["key"] == n.as_str()));
    let kept: Vec<Value> = all.iter().filter(has).cloned().collect();
    let mut out = body.clone();
    out["series"] = Value::Array(kept);
    out
}

fn canon(v: &Value, ignored: &[&str]) -> Value {
    match v {
        Value::Object(o) => {
            Value::Object(o.iter().filter(|(k, _)| !ignored.contains(&k.as_str())).map(|(k, v)| (k.clone(), canon(v, ignored))).collect())
        }
        Value::Array(a) => a.iter().map(|v| canon(v, ignored)).collect(),
        other => other.clone(),
    }
}

fn series(want: &Value, got: &Value) -> Option<String> {
    let key = |s: &Value| {
        let mut labels: Vec<String> = s["labels"].as_array().into_iter().flatten().map(|l| canonical_number(l).to_string()).collect();
        labels.sort();
        labels.join(",")
    };
    let list = |v: &Value| v["series"].as_array().cloned().unwrap_or_default();
    let (ws, gs) = (list(want), list(got));
    for w in &ws {
        let Some(g) = gs.iter().find(|g| key(g) == key(w)) else {
            return Some(format!("no series {} (expected {}, got {})", key(w), ws.len(), gs.len()));
        };
        let plain = |s: &Value| {
            let mut s = s.clone();
            s["labels"] = Value::Null;
            s
        };
        if let Some(d) = diff(&plain(w), &plain(g), &key(w), false) {
            return Some(d);
        }
    }
    gs.iter().find(|g| !ws.iter().any(|w| key(w) == key(g))).map(|g| format!("series {} is not expected", key(g)))
}

/// 1 and 1.0 are the same label.
fn canonical_number(v: &Value) -> Value {
    match v {
        Value::Number(n) => Value::from(n.as_f64()),
        Value::Object(o) => Value::Object(o.iter().map(|(k, v)| (k.clone(), canonical_number(v))).collect::<Map<_, _>>()),
        other => other.clone(),
    }
}

fn diff(want: &Value, got: &Value, at: &str, unordered: bool) -> Option<String> {
    match (want, got) {
        (Value::Object(w), Value::Object(g)) => {
            for (k, w) in w {
                match g.get(k) {
                    None => return Some(format!("{at}.{k} is missing: {}", short(w))),
                    Some(g) => {
                        if let Some(d) = diff(w, g, &format!("{at}.{k}"), unordered) {
                            return Some(d);
                        }
                    }
                }
            }
            g.iter().find(|(k, _)| !w.contains_key(*k)).map(|(k, v)| format!("{at}.{k} is not expected: {}", short(v)))
        }
        (Value::Array(w), Value::Array(g)) => {
            if w.len() != g.len() {
                return Some(format!("{at} has {} items, expected {}", g.len(), w.len()));
            }
            let (mut w, mut g): (Vec<&Value>, Vec<&Value>) = (w.iter().collect(), g.iter().collect());
            if unordered {
                w.sort_by_cached_key(|v| sort_key(v));
                g.sort_by_cached_key(|v| sort_key(v));
            }
            w.iter().zip(g).enumerate().find_map(|(i, (w, g))| diff(w, g, &format!("{at}[{i}]"), unordered))
        }
        (Value::Number(w), Value::Number(g)) => {
            let (w, g) = (w.as_f64().unwrap_or(f64::NAN), g.as_f64().unwrap_or(f64::NAN));
            let whole = w.fract() == 0.0 && g.fract() == 0.0 && w.abs().max(g.abs()) < 9e15;
            let same = w == g || (!whole && (w - g).abs() <= 1e-9 * w.abs().max(g.abs()));
            (!same).then(|| format!("{at}: got {g}, expected {w}"))
        }
        (w, g) => (w != g).then(|| format!("{at}: got {}, expected {}", short(g), short(w))),
    }
}

fn sort_key(v: &Value) -> String {
    match v {
        Value::Array(a) => {
            let mut all: Vec<String> = a.iter().map(sort_key).collect();
            all.sort();
            format!("[{}]", all.join(","))
        }
        Value::Object(o) => {
            let mut all: Vec<String> = o.iter().map(|(k, v)| format!("{k}:{}", sort_key(v))).collect();
            all.sort();
            all.join(",")
        }
        other => other.to_string(),
    }
}

fn shape(want: &Value, got: &Value, at: &str, sizes: bool) -> Option<String> {
    match (want, got) {
        (Value::Object(w), Value::Object(g)) => w.iter().find_map(|(k, w)| match g.get(k) {
            None => Some(format!("{at}.{k} is missing")),
            Some(g) => shape(w, g, &format!("{at}.{k}"), sizes),
        }),
        (Value::Array(w), Value::Array(g)) => {
            if sizes && w.len() != g.len() {
                return Some(format!("{at} has {} items, expected {}", g.len(), w.len()));
            }
            shape(w.first()?, g.first()?, &format!("{at}[0]"), sizes)
        }
        (w, g) => {
            (std::mem::discriminant(w) != std::mem::discriminant(g)).then(|| format!("{at}: got {}, expected like {}", short(g), short(w)))
        }
    }
}

fn short(v: &Value) -> String {
    v.to_string().chars().take(400).collect()
}
