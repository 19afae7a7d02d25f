//! The script language.

use model::Labels;
use query::Direction;

use super::{Command, Got, Kind, Line};
use crate::units::{parse_float, parse_literal_duration, unquote_go};

/// What an evaluation must give.
#[derive(Debug)]
pub struct Want {
    pub expected: Expected,
    pub ordered: bool,
}

#[derive(Debug)]
pub enum Expected {
    Empty,
    Fail { message: Option<String>, regex: Option<String> },
    Rows(Vec<Got>),
}

pub fn parse(script: &str) -> Result<Vec<Command>, String> {
    let mut out = vec![];
    let mut lines = script.lines().enumerate().peekable();
    while let Some((i, raw)) = lines.next() {
        let line = without_comment(raw).trim();
        if line.is_empty() {
            continue;
        }
        let mut body = vec![];
        while let Some((j, next)) = lines.peek().copied() {
            let inside = next.starts_with([' ', '\t']) || next.starts_with('#') && line == "load";
            if !inside {
                break;
            }
            lines.next();
            let text = without_comment(next).trim();
            if !text.is_empty() {
                body.push((j + 1, text));
            }
        }
        let fail = |at: usize, e: String| format!("line {at}: {e}");
        out.push(if line == "clear" {
            Command::Clear
        } else if line == "load" {
            let mut loaded = vec![];
            for (at, text) in body {
                load_line(text, &mut loaded).map_err(|e| fail(at, e))?;
            }
            Command::Load(loaded)
        } else if let Some(rest) = line.strip_prefix("eval ") {
            let (kind, query) = eval_line(rest).map_err(|e| fail(i + 1, e))?;
            let want = expectation(&body, kind).map_err(|e| fail(i + 1, e))?;
            Command::Eval { line: i + 1, kind, query, want }
        } else {
            return Err(fail(i + 1, format!("unknown command {line:?}")));
        });
    }
    Ok(out)
}

/// Cuts a `#` comment that is outside of quotes.
fn without_comment(line: &str) -> &str {
    let mut quote = None;
    let mut escaped = false;
    for (i, c) in line.char_indices() {
        match (quote, c) {
            (Some('"'), _) if escaped => escaped = false,
            (Some('"'), '\\') => escaped = true,
            (Some(q), c) if c == q => quote = None,
            (Some(_), _) => {}
            (None, '"' | '`') => quote = Some(c),
            (None, '#') => return &line[..i],
            _ => {}
        }
    }
    line
}

/// Reads a text step by step.
struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    fn word(&mut self) -> &'a str {
        let rest = self.0.trim_start();
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        self.0 = &rest[end..];
        &rest[..end]
    }

    fn expect(&mut self, word: &str) -> Result<(), String> {
        let got = self.word();
        if got == word { Ok(()) } else { Err(format!("expected {word:?}, found {got:?}")) }
    }

    fn time(&mut self) -> Result<i64, String> {
        let word = self.word();
        parse_literal_duration(word).ok_or_else(|| format!("{word:?} is no duration"))
    }

    /// A text in double quotes or backticks.
    fn string(&mut self) -> Result<String, String> {
        let rest = self.0.trim_start();
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '`')).ok_or_else(|| format!("expected a string at {rest:?}"))?;
        let body = &rest[1..];
        let mut escaped = false;
        for (i, c) in body.char_indices() {
            if c == quote && !escaped {
                self.0 = &body[i + 1..];
                return match quote {
                    '"' => unquote_go(&body[..i]).ok_or_else(|| format!("bad escape in {rest:?}")),
                    _ => Ok(body[..i].to_owned()),
                };
            }
            escaped = quote == '"' && c == '\\' && !escaped;
        }
        Err(format!("string is not closed: {rest:?}"))
    }

    /// `k="v" k="v"`, with or without commas, up to something else.
    fn pairs(&mut self) -> Result<Vec<(String, String)>, String> {
        let mut out = vec![];
        loop {
            self.0 = self.0.trim_start().trim_start_matches(',').trim_start();
            if self.0.is_empty() || self.0.starts_with(['}', ']']) {
                return Ok(out);
            }
            let (name, rest) = self.0.split_once('=').ok_or_else(|| format!("expected a label at {:?}", self.0))?;
            self.0 = rest;
            out.push((name.trim().to_owned(), self.string()?));
        }
    }

    fn labels(&mut self) -> Result<Labels, String> {
        self.0 = self.0.trim_start().strip_prefix('{').ok_or_else(|| format!("expected labels at {:?}", self.0))?;
        let pairs = self.pairs()?;
        self.0 = self.0.strip_prefix('}').ok_or_else(|| format!("expected }} at {:?}", self.0))?;
        Ok(Labels::from_pairs(pairs))
    }
}

fn load_line(text: &str, out: &mut Vec<Line>) -> Result<(), String> {
    let mut c = Cursor(text);
    let labels = c.labels()?;
    let text = c.string()?;
    c.expect("@")?;
    let start = c.time()?;
    let (mut every, mut count, mut metadata) = (0, 1, vec![]);
    loop {
        let rest = c.0.trim_start();
        if rest.is_empty() {
            break;
        }
        c.0 = rest.strip_prefix('[').ok_or_else(|| format!("expected [ at {rest:?}"))?;
        match c.word() {
            "repeat" => {
                c.expect("every")?;
                every = c.time()?;
                c.expect("for")?;
                let (number, rest) = c.0.split_once(']').ok_or("repeat is not closed")?;
                count = number.trim().parse::<i64>().map_err(|e| e.to_string())?;
                c.0 = rest;
            }
            "metadata" => {
                metadata = c.pairs()?;
                c.0 = c.0.strip_prefix(']').ok_or("metadata is not closed")?;
            }
            other => return Err(format!("unknown option {other:?}")),
        }
    }
    for i in 0..count {
        let text = text.replace("{{.i}}", &i.to_string());
        out.push(Line { labels: labels.clone(), ts: start + every * i, text, metadata: metadata.clone() });
    }
    Ok(())
}

fn eval_line(text: &str) -> Result<(Kind, String), String> {
    let mut c = Cursor(text);
    let kind = match c.word() {
        "instant" => {
            c.expect("at")?;
            Kind::Instant { at: c.time()? }
        }
        "range" => {
            c.expect("from")?;
            let start = c.time()?;
            c.expect("to")?;
            let end = c.time()?;
            c.expect("step")?;
            Kind::Range { start, end, step: c.time()? }
        }
        "logs" => {
            let direction = if c.word() == "forward" { Direction::Forward } else { Direction::Backward };
            c.expect("from")?;
            let start = c.time()?;
            c.expect("to")?;
            let end = c.time()?;
            c.expect("limit")?;
            let limit = c.word().parse().map_err(|_| "limit is no number")?;
            Kind::Logs { direction, start, end, limit }
        }
        other => return Err(format!("unknown evaluation {other:?}")),
    };
    Ok((kind, c.0.trim().to_owned()))
}

fn expectation(body: &[(usize, &str)], kind: Kind) -> Result<Want, String> {
    let mut want = Want { expected: Expected::Empty, ordered: false };
    let mut rows = vec![];
    let mut said = false;
    for (at, line) in body {
        let place = |e: String| format!("line {at}: {e}");
        if let Some(rest) = line.strip_prefix("expect ") {
            let part = |key: &str| rest.split_once(key).map(|(_, t)| t.trim().to_owned());
            match rest.split_whitespace().next() {
                Some("empty") => said = true,
                Some("ordered") => want.ordered = true,
                Some("fail") => {
                    said = true;
                    want.expected = Expected::Fail { message: part("msg:"), regex: part("regex:") };
                }
                _ => return Err(place(format!("unknown expectation {rest:?}"))),
            }
        } else if !line.starts_with("skip ") {
            rows.push(row(line, kind).map_err(place)?);
        }
    }
    if !rows.is_empty() {
        want.expected = Expected::Rows(rows);
    } else if !said {
        return Err("the evaluation expects nothing".into());
    }
    Ok(want)
}

fn row(line: &str, kind: Kind) -> Result<Got, String> {
    let mut c = Cursor(line);
    let labels = if line.starts_with('{') { c.labels()? } else { Labels::empty() };
    let mut got = Got { labels, text: None, values: vec![] };
    if matches!(kind, Kind::Logs { .. }) {
        let text = c.string()?;
        c.expect("@")?;
        got.text = Some((text, c.time()?));
        return Ok(got);
    }
    loop {
        match c.word() {
            "" => return Ok(got),
            "_" => got.values.push(None),
            word => values(word, &mut got.values)?,
        }
    }
}

/// `5`, `NaN`, or `a+bxn`: a, then b more each time, n times.
fn values(word: &str, out: &mut Vec<Option<f64>>) -> Result<(), String> {
    if let Ok(v) = parse_float(word) {
        out.push(Some(v));
        return Ok(());
    }
    let bad = || format!("{word:?} is no value");
    let (series, n) = word.rsplit_once('x').ok_or_else(bad)?;
    let split = series.rfind(['+', '-']).filter(|i| *i > 0);
    let (first, step) = match split {
        Some(i) => (parse_float(&series[..i])?, parse_float(&series[i..])?),
        None => (parse_float(series)?, 0.0),
    };
    for i in 0..=n.parse::<u32>().map_err(|_| bad())? {
        out.push(Some(first + step * f64::from(i)));
    }
    Ok(())
}
