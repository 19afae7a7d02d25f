//! Lines of a script to commands. A comment line counts as an empty one, and an empty line ends a block.

use super::nhcb::add_custom_histograms;
use super::series::{parse_labels, parse_series};
use super::{Described, Loaded, LoadedSample};
use crate::format::parse_duration;
use crate::parse::parse_number;
use crate::value::SampleValue;
use model::{Labels, re2};

#[derive(Debug)]
pub enum Command {
    Clear,
    Load(Load),
    Eval(Box<Eval>),
}

#[derive(Debug)]
pub struct Load {
    pub series: Vec<Loaded>,
}

/// One query with what it must answer. Times are Unix milliseconds.
#[derive(Debug)]
pub struct Eval {
    /// number of its line, from 1
    pub line: usize,
    pub query: String,
    /// start, end and step of a range query
    pub range: Option<(i64, i64, i64)>,
    /// of an instant query
    pub at: i64,
    pub expect: Expectation,
}

#[derive(Debug, Default)]
pub struct Expectation {
    pub fail: Option<ExpectedNote>,
    pub warn: Vec<ExpectedNote>,
    pub info: Vec<ExpectedNote>,
    pub no_warn: bool,
    pub no_info: bool,
    pub ordered: bool,
    pub scalar: Option<f64>,
    pub string: Option<String>,
    /// a range vector as the answer of an instant query: start, end, step
    pub matrix: Option<(i64, i64, i64)>,
    pub series: Vec<(Labels, Vec<Described>)>,
}

/// A text that a message must be or match.
pub enum ExpectedNote {
    Any,
    Text(String),
    Pattern(String, Box<dyn Fn(&str) -> bool + Send + Sync>),
}

impl std::fmt::Debug for ExpectedNote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ExpectedNote::Any => f.write_str("anything"),
            ExpectedNote::Text(s) => write!(f, "{s:?}"),
            ExpectedNote::Pattern(s, _) => write!(f, "/{s}/"),
        }
    }
}

impl ExpectedNote {
    pub fn matches(&self, text: &str) -> bool {
        match self {
            ExpectedNote::Any => true,
            ExpectedNote::Text(s) => s == text,
            ExpectedNote::Pattern(_, f) => f(text),
        }
    }

    fn pattern(p: &str) -> Result<ExpectedNote, String> {
        let regex = re2::search(p).map_err(|e| e.0)?;
        Ok(ExpectedNote::Pattern(p.to_owned(), Box::new(move |s| regex.is_match(s))))
    }
}

/// Reads a whole script; errors name the line.
pub fn parse(text: &str) -> Result<Vec<Command>, String> {
    let lines: Vec<&str> = text.lines().map(str::trim).map(|l| if l.starts_with('#') { "" } else { l }).collect();
    let mut commands = vec![];
    let mut i = 0;
    while i < lines.len() {
        let line = lines[i];
        let end = i + lines[i..].iter().position(|l| l.is_empty()).unwrap_or(lines.len() - i);
        if line.is_empty() {
            i += 1;
            continue;
        }
        let at = |e: String| format!("line {}: {e}", i + 1);
        let word = line.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
        if word == "clear" {
            commands.push(Command::Clear);
            i += 1;
        } else if word.starts_with("load") {
            commands.push(Command::Load(load(line, &lines[i + 1..end]).map_err(at)?));
            i = end;
        } else if word.starts_with("eval") {
            let (eval, used) = eval(line, &lines[i + 1..end], i + 1).map_err(at)?;
            commands.push(Command::Eval(Box::new(eval)));
            i += 1 + used;
        } else {
            return Err(at(format!("invalid command {line:?}")));
        }
    }
    Ok(commands)
}

fn load(head: &str, lines: &[&str]) -> Result<Load, String> {
    let (word, gap) = head.split_once(char::is_whitespace).ok_or("load needs a step")?;
    let gap = parse_duration(gap.trim())?;
    let mut series: Vec<Loaded> = vec![];
    let mut starts: Option<(Labels, Vec<Option<i64>>)> = None;
    for line in lines {
        let first = line.split_whitespace().next().unwrap_or_default();
        if let Some(metric) = first.strip_suffix("@st") {
            let offsets = line[first.len()..].split_whitespace().map(start_offsets).collect::<Result<Vec<_>, _>>()?;
            starts = Some((parse_labels(metric)?, offsets.concat()));
            continue;
        }
        let (labels, values) = parse_series(line)?;
        let offsets = match starts.take() {
            Some((l, offsets)) if l == labels && offsets.len() == values.len() => offsets,
            Some(_) => return Err(format!("start times do not fit the line after them: {line}")),
            None => vec![],
        };
        let sample = |(i, v): (usize, Described)| {
            let t = gap * i as i64;
            let st = offsets.get(i).copied().flatten().map_or(0, |o| t + o);
            let value = match v {
                Described::Omitted => return None,
                Described::Float(v) => SampleValue::Float(v),
                Described::Histogram(h, _) => SampleValue::Histogram(h.into()),
            };
            Some(LoadedSample { t, st, value })
        };
        // Of two lines for one series the later counts.
        series.retain(|s| s.labels != labels);
        series.push(Loaded { labels, samples: values.into_iter().enumerate().filter_map(sample).collect() });
    }
    if word.ends_with("_with_nhcb") {
        add_custom_histograms(&mut series)?;
    }
    Ok(Load { series })
}

/// `-30s`, `_`, `_x3`, `-30sx2`, `-30s-1mx2`: start times relative to the samples' times.
fn start_offsets(item: &str) -> Result<Vec<Option<i64>>, String> {
    let count = |s: &str| s.parse::<usize>().map_err(|e| format!("{item}: {e}"));
    if item == "_" {
        return Ok(vec![None]);
    }
    if let Some(n) = item.strip_prefix("_x") {
        return Ok(vec![None; count(n)?]);
    }
    let (base, rest) = signed_duration(item)?;
    if rest.is_empty() {
        return Ok(vec![Some(base)]);
    }
    let (step, rest) = if rest.starts_with('x') { (0, rest) } else { signed_duration(rest)? };
    let n = count(rest.strip_prefix('x').ok_or_else(|| format!("expected a count: {item}"))?)?;
    Ok((0..=n as i64).map(|i| Some(base + i * step)).collect())
}

fn signed_duration(s: &str) -> Result<(i64, &str), String> {
    let (sign, rest) = match s.chars().next() {
        Some('-') => (-1, &s[1..]),
        Some('+') => (1, &s[1..]),
        _ => (1, s),
    };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let unit = rest[digits..].bytes().take_while(|b| b.is_ascii_alphabetic() && *b != b'x').count();
    Ok((sign * parse_duration(&rest[..digits + unit])?, &rest[digits + unit..]))
}

/// The command and how many lines after its own it has used.
fn eval(head: &str, lines: &[&str], number: usize) -> Result<(Eval, usize), String> {
    let mut rest = head;
    let mut word = || {
        let trimmed = rest.trim_start();
        let (w, r) = trimmed.split_once(char::is_whitespace).unwrap_or((trimmed, ""));
        rest = r;
        w
    };
    let (command, kind) = (word(), word());
    let mut e = Eval { line: number, query: String::new(), range: None, at: 0, expect: Expectation::default() };
    match kind {
        "instant" => {
            if word() != "at" {
                return Err("an instant evaluation needs a time: eval instant at <time> <query>".into());
            }
            e.at = parse_duration(word())?;
        }
        "range" => {
            let mut named = |name: &str| if word() == name { parse_duration(word()) } else { Err(format!("expected {name:?}")) };
            let (start, end, step) = (named("from")?, named("to")?, named("step")?);
            e.range = Some((start, end, step));
        }
        other => return Err(format!("expected instant or range, got {other:?}")),
    }
    e.query = rest.trim().to_owned();
    match command {
        "eval_fail" => e.expect.fail = Some(ExpectedNote::Any),
        "eval_warn" => e.expect.warn.push(ExpectedNote::Any),
        "eval_info" => e.expect.info.push(ExpectedNote::Any),
        "eval_ordered" => e.expect.ordered = true,
        _ => {}
    }
    let used = expectations(&mut e, lines)?;
    Ok((e, used))
}

fn expectations(e: &mut Eval, lines: &[&str]) -> Result<usize, String> {
    for (i, line) in lines.iter().enumerate() {
        if let Some(text) = line.strip_prefix("expected_fail_message") {
            e.expect.fail = Some(ExpectedNote::Text(text.trim().to_owned()));
            return Ok(i + 1);
        }
        if let Some(text) = line.strip_prefix("expected_fail_regexp") {
            e.expect.fail = Some(ExpectedNote::pattern(text.trim())?);
            return Ok(i + 1);
        }
        if let Some(text) = line.strip_prefix("expect range vector from ") {
            let words: Vec<&str> = text.split_whitespace().collect();
            let [from, "to", to, "step", step] = words.as_slice() else { return Err(format!("invalid range vector definition {line:?}")) };
            e.expect.matrix = Some((parse_duration(from)?, parse_duration(to)?, parse_duration(step)?));
        } else if let Some(text) = line.strip_prefix("expect string ") {
            let quoted = crate::parse(text, &crate::Features::default()).map_err(|e| e.to_string())?;
            match quoted {
                crate::Expr::String(s) => e.expect.string = Some(s.value),
                _ => return Err(format!("expected string literal not valid: {text}")),
            }
        } else if line.split_whitespace().next() == Some("expect") {
            expect(e, line)?;
        } else if let Ok(v) = parse_number(line) {
            e.expect.scalar = Some(v);
            return Ok(i + 1);
        } else {
            e.expect.series.push(parse_series(line)?);
        }
    }
    Ok(lines.len())
}

/// `expect <kind> [msg:|regex:] [text]`
fn expect(e: &mut Eval, line: &str) -> Result<(), String> {
    let rest = line["expect".len()..].trim_start();
    let (kind, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let rest = rest.trim();
    let note = if let Some(text) = rest.strip_prefix("msg:") {
        ExpectedNote::Text(text.trim().to_owned())
    } else if let Some(p) = rest.strip_prefix("regex:") {
        ExpectedNote::pattern(p.trim())?
    } else if rest.is_empty() {
        ExpectedNote::Any
    } else {
        return Err(format!("invalid expect statement {line:?}"));
    };
    match kind {
        "ordered" => e.expect.ordered = true,
        "fail" => e.expect.fail = Some(note),
        "warn" => e.expect.warn.push(note),
        "info" => e.expect.info.push(note),
        "no_warn" => e.expect.no_warn = true,
        "no_info" => e.expect.no_info = true,
        other => return Err(format!("invalid expected error/annotation type {other}")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_end_at_empty_lines_and_comments() {
        let script = "load 1m\n  a 1 2\n# comment\nclear\neval instant at 1m a\n  expect no_warn\n  a 2\n\neval range from 0 to 1m step 1m 1 + 1\n  {} 2 2\n";
        let commands = parse(script).unwrap();
        assert_eq!(commands.len(), 4);
        let Command::Eval(e) = &commands[2] else { panic!("an eval") };
        assert_eq!((e.at, e.query.as_str(), e.expect.no_warn, e.expect.series.len()), (60_000, "a", true, 1));
        let Command::Eval(e) = &commands[3] else { panic!("an eval") };
        assert_eq!((e.range, e.query.as_str()), (Some((0, 60_000, 60_000)), "1 + 1"));
    }

    #[test]
    fn start_times() {
        assert_eq!(start_offsets("-30s-1mx2").unwrap(), [Some(-30_000), Some(-90_000), Some(-150_000)]);
        assert_eq!(start_offsets("_x2").unwrap(), [None, None]);
    }
}
