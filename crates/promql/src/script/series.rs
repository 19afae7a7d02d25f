//! One line of series: labels, then values with repetitions: `m{a="b"} 1 2+3x4 _ stale {{count:1 buckets:[1]}}x2`.

use model::{BucketSpan, CUSTOM_BUCKETS_SCHEMA, Histogram, Labels, MatchOp, ResetHint, STALE_NAN};

use crate::hist;
use crate::limits::MAX_DESCRIBED_VALUES;
use crate::parse::{parse_number, parse_selector};

/// One described value.
#[derive(Debug, Clone, PartialEq)]
pub enum Described {
    Omitted,
    Float(f64),
    /// the flag: the description names the reset hint, so it counts in comparisons
    Histogram(Histogram, bool),
}

/// Labels and values of a line.
pub fn parse_series(line: &str) -> Result<(Labels, Vec<Described>), String> {
    let line = line.trim();
    let end = metric_end(line);
    let labels = parse_labels(&line[..end])?;
    let mut values = vec![];
    let mut rest = line[end..].trim_start();
    while !rest.is_empty() {
        rest = item(rest, &mut values)?.trim_start();
    }
    Ok((labels, values))
}

pub(super) fn parse_labels(text: &str) -> Result<Labels, String> {
    let matchers = parse_selector(text).map_err(|e| e.to_string())?;
    if matchers.iter().any(|m| m.op != MatchOp::Eq) {
        return Err(format!("only \"=\" describes a label: {text}"));
    }
    Ok(Labels::from_pairs(matchers.iter().map(|m| (m.name.as_str(), m.value.as_str()))))
}

/// Where the labels end: at the closing brace, or at the first blank of a bare name.
fn metric_end(line: &str) -> usize {
    let (mut quote, mut depth, mut escaped) = (None, 0, false);
    for (i, c) in line.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some('"' | '\'') if c == '\\' => escaped = true,
            Some(q) if c == q => quote = None,
            Some(_) => {}
            None => match c {
                '"' | '\'' | '`' => quote = Some(c),
                '{' => depth += 1,
                '}' if depth == 1 => return i + 1,
                '}' => depth -= 1,
                c if c.is_whitespace() && depth == 0 && !line[i..].trim_start().starts_with("{") => return i,
                c if c.is_whitespace() && depth == 0 && line[i..].trim_start().starts_with("{{") => return i,
                _ => {}
            },
        }
    }
    line.len()
}

/// Reads one item, answers what is left.
fn item<'a>(text: &'a str, out: &mut Vec<Described>) -> Result<&'a str, String> {
    if let Some(rest) = text.strip_prefix('_') {
        let (n, rest) = repetition(rest)?;
        out.extend(std::iter::repeat_n(Described::Omitted, n.unwrap_or(1) as usize));
        return Ok(rest);
    }
    if text.starts_with("{{") {
        return histogram_item(text, out);
    }
    if let Some(rest) = text.strip_prefix("stale") {
        out.push(Described::Float(STALE_NAN));
        return Ok(rest);
    }
    let (mut value, rest) = number(text)?;
    let (step, after) = match rest.chars().next() {
        Some('+' | '-') => number(rest)?,
        _ => (0.0, rest),
    };
    let (n, after) = repetition(after)?;
    match n {
        Some(n) => {
            for _ in 0..=n {
                out.push(Described::Float(value));
                value += step;
            }
            Ok(after)
        }
        None => {
            out.push(Described::Float(value));
            Ok(rest)
        }
    }
}

/// `xN`
fn repetition(text: &str) -> Result<(Option<u64>, &str), String> {
    let Some(rest) = text.strip_prefix('x') else { return Ok((None, text)) };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let n: u64 = rest[..digits].parse().map_err(|_| format!("invalid repetition in series values: {text}"))?;
    if n > MAX_DESCRIBED_VALUES {
        return Err(format!("more than {MAX_DESCRIBED_VALUES} repetitions: {text}"));
    }
    Ok((Some(n), &rest[digits..]))
}

/// A decimal number with its sign, `Inf` or `NaN`; no hexadecimal, because "0x4" repeats a zero.
fn number(text: &str) -> Result<(f64, &str), String> {
    let bytes = text.as_bytes();
    let mut i = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    if bytes.get(i).is_some_and(u8::is_ascii_alphabetic) {
        i += 3;
    } else {
        while i < bytes.len() {
            match bytes[i] {
                b'0'..=b'9' | b'.' | b'_' => i += 1,
                b'e' | b'E' => i += if matches!(bytes.get(i + 1), Some(b'+' | b'-')) { 2 } else { 1 },
                _ => break,
            }
        }
    }
    let (digits, rest) = text.split_at_checked(i).ok_or_else(|| format!("not a number: {text}"))?;
    Ok((parse_number(digits).map_err(|e| format!("not a number: {text} ({e})"))?, rest))
}

fn histogram_item<'a>(text: &'a str, out: &mut Vec<Described>) -> Result<&'a str, String> {
    let (base, hint_set, rest) = histogram(text)?;
    let sign = rest.chars().next().filter(|c| matches!(c, '+' | '-') && rest[1..].starts_with("{{"));
    let Some(sign) = sign else {
        let (n, rest) = repetition(rest)?;
        let copies = n.map_or(1, |n| n as usize + 1);
        out.extend(std::iter::repeat_n(Described::Histogram(base, hint_set), copies));
        return Ok(rest);
    };
    let (step, hint_set, rest) = histogram(&rest[1..])?;
    let (n, rest) = repetition(rest)?;
    let mut now = base;
    for i in 0..=n.unwrap_or(0) {
        if i > 0 {
            if now.schema > step.schema {
                return Err(format!("error combining histograms: cannot merge from schema {} to {}", step.schema, now.schema));
            }
            let merged = if sign == '+' { hist::add(&mut now, &step) } else { hist::sub(&mut now, &step) };
            merged.map_err(|_| "cannot combine exponential and custom buckets".to_owned())?;
        }
        out.push(Described::Histogram(now.clone(), hint_set));
    }
    Ok(rest)
}

/// `{{key:value ...}}`
fn histogram(text: &str) -> Result<(Histogram, bool, &str), String> {
    let end = text.find("}}").ok_or_else(|| format!("histogram without an end: {text}"))?;
    let mut h = Histogram::default();
    let mut hint_set = false;
    let (mut offset, mut n_offset) = (0, 0);
    let mut body = text[2..end].trim();
    while !body.is_empty() {
        let (key, rest) = body.split_once(':').ok_or_else(|| format!("bad histogram description: {body}"))?;
        let (value, rest) = if let Some(list) = rest.strip_prefix('[') {
            list.split_once(']').ok_or_else(|| format!("list without an end: {body}"))?
        } else {
            rest.split_once(char::is_whitespace).unwrap_or((rest, ""))
        };
        let float = || parse_number(value.trim());
        let list = || value.split_whitespace().map(parse_number).collect::<Result<Vec<f64>, _>>();
        let int = || value.trim().parse::<i32>().map_err(|e| format!("{key}: {e}"));
        match key.trim() {
            "schema" => h.schema = int()?,
            "sum" => h.sum = float()?,
            "count" => h.count = float()?,
            "z_bucket" => h.zero_count = float()?,
            "z_bucket_w" => h.zero_threshold = float()?,
            "custom_values" => h.custom_values = list()?,
            "buckets" => h.positive_buckets = list()?,
            "offset" => offset = int()?,
            "n_buckets" => h.negative_buckets = list()?,
            "n_offset" => n_offset = int()?,
            "counter_reset_hint" => {
                hint_set = true;
                h.reset_hint = match value.trim() {
                    "unknown" => ResetHint::Unknown,
                    "reset" => ResetHint::Reset,
                    "not_reset" => ResetHint::NotReset,
                    "gauge" => ResetHint::Gauge,
                    other => return Err(format!("unknown reset hint {other}")),
                };
            }
            other => return Err(format!("bad histogram descriptor found: {other}")),
        }
        body = rest.trim_start();
    }
    let span = |offset: i32, n: usize| if n == 0 { vec![] } else { vec![BucketSpan { offset, length: n as u32 }] };
    h.positive_spans = span(offset, h.positive_buckets.len());
    h.negative_spans = span(n_offset, h.negative_buckets.len());
    if h.schema != CUSTOM_BUCKETS_SCHEMA && !h.custom_values.is_empty() {
        return Err("custom_values need schema -53".into());
    }
    Ok((h, hint_set, &text[end + 2..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(line: &str) -> Vec<Option<f64>> {
        let value = |d: Described| match d {
            Described::Float(v) => Some(v),
            _ => None,
        };
        parse_series(line).unwrap().1.into_iter().map(value).collect()
    }

    #[test]
    fn values() {
        assert_eq!(floats("m 1 -2 _ 1e3"), [Some(1.0), Some(-2.0), None, Some(1000.0)]);
        assert_eq!(floats(r#"m{a="b c"} 1+2x2 5x1 _x2"#), [Some(1.0), Some(3.0), Some(5.0), Some(5.0), Some(5.0), None, None]);
        assert_eq!(floats("{} 0x1 10-5x1"), [Some(0.0), Some(0.0), Some(10.0), Some(5.0)]);
        assert_eq!(floats("m Inf -Inf"), [Some(f64::INFINITY), Some(f64::NEG_INFINITY)]);
    }

    #[test]
    fn histograms() {
        let (l, v) = parse_series(r#"m {{schema:1 count:3 sum:2 buckets:[1 2] offset:-1}}+{{schema:1 count:1 buckets:[1]}}x1"#).unwrap();
        assert_eq!(l.to_string(), r#"{__name__="m"}"#);
        let Described::Histogram(h, false) = &v[1] else { panic!("a histogram") };
        assert_eq!((h.count, h.positive_buckets.as_slice()), (4.0, [1.0, 3.0].as_slice()));
    }
}
