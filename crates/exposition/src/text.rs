//! The text formats, line by line: Prometheus' own and OpenMetrics.

use std::collections::HashMap;

use model::{Labels, METRIC_NAME, Metadata, MetricKind};

use crate::cursor::{Cursor, fail, quoted, unescape};
use crate::limits::EXEMPLAR_CHARS;
use crate::number::{canonical, parse_float};
use crate::{Page, Row, ScrapeError, ScrapedExemplar, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Prometheus,
    OpenMetrics,
}

struct Parser {
    dialect: Dialect,
    page: Page,
    /// family to its place in the page's metadata
    families: HashMap<String, usize>,
}

pub fn parse(body: &[u8], dialect: Dialect) -> Result<Page, ScrapeError> {
    let mut p = Parser { dialect, page: Page::default(), families: HashMap::new() };
    let mut lines = Lines { rest: body };
    let mut ended = false;
    while let Some(line) = lines.next_line() {
        if ended {
            return fail("unexpected data after # EOF");
        }
        if dialect == Dialect::OpenMetrics && line == b"# EOF" {
            ended = true;
            continue;
        }
        p.line(line)?;
    }
    if dialect == Dialect::OpenMetrics && !ended {
        return fail("data does not end with # EOF");
    }
    Ok(p.page)
}

/// Lines of a page; a line break inside a quoted label value does not end a line (Prometheus accepts it there).
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Lines<'a> {
    fn next_line(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let comment = self.rest.iter().find(|b| !matches!(b, b' ' | b'\t')) == Some(&b'#');
        let (mut end, mut in_quotes) = (0, false);
        while let Some(b) = self.rest.get(end) {
            match b {
                b'\n' if !in_quotes => break,
                b'"' if !comment => in_quotes = !in_quotes,
                b'\\' if in_quotes => end += 1,
                _ => {}
            }
            end += 1;
        }
        let end = end.min(self.rest.len());
        let line = &self.rest[..end];
        self.rest = self.rest.get(end + 1..).unwrap_or(&[]);
        Some(line)
    }
}

impl Parser {
    fn strict(&self) -> bool {
        self.dialect == Dialect::OpenMetrics
    }

    fn line(&mut self, line: &[u8]) -> Result<(), ScrapeError> {
        let mut c = Cursor::new(line, self.strict());
        if !self.strict() {
            c.blanks();
            if c.rest.is_empty() {
                return Ok(());
            }
        }
        match c.peek() {
            Some(b'#') => self.comment(c.rest),
            _ => self.sample(c),
        }
    }

    /// `# HELP`, `# TYPE`, `# UNIT`; any other comment is free text, which OpenMetrics does not allow.
    fn comment(&mut self, line: &[u8]) -> Result<(), ScrapeError> {
        let mut c = Cursor::new(&line[1..], self.strict());
        let known = c.blanks().then(|| c.token()).filter(|word| matches!(*word, b"HELP" | b"TYPE") || (*word == b"UNIT" && self.strict()));
        let Some(word) = known else {
            return if self.strict() {
                fail(format!("expected a valid start token, got {}", quoted(&line[..line.len().min(20)])))
            } else {
                Ok(())
            };
        };
        if !c.blanks() {
            // A bare `# TYPE` says nothing.
            return if self.strict() { fail(format!("expected metric name after {}", String::from_utf8_lossy(word))) } else { Ok(()) };
        }
        let name = match c.peek() {
            Some(b'"') => match c.quoted_text() {
                Some(Ok(s)) => s,
                _ => return fail("expected metric name, got a broken quote"),
            },
            _ => match c.name(true) {
                Some(n) => n.to_owned(),
                None => return fail(format!("expected metric name after {}", String::from_utf8_lossy(word))),
            },
        };
        c.blanks();
        match word {
            b"HELP" => self.help(&name, c.rest),
            b"TYPE" => self.kind(&name, c.rest),
            _ => self.unit(&name, c.rest),
        }
    }

    fn help(&mut self, name: &str, text: &[u8]) -> Result<(), ScrapeError> {
        let Ok(text) = std::str::from_utf8(text) else { return fail("help text is not a valid utf8 string") };
        let help = unescape(text, self.strict());
        self.family(name).help = help.into();
        Ok(())
    }

    fn kind(&mut self, name: &str, word: &[u8]) -> Result<(), ScrapeError> {
        let trimmed = if self.strict() { word } else { word.trim_ascii_end() };
        let kind = match trimmed {
            b"counter" => MetricKind::Counter,
            b"gauge" => MetricKind::Gauge,
            b"histogram" => MetricKind::Histogram,
            b"summary" => MetricKind::Summary,
            b"untyped" if !self.strict() => MetricKind::Unknown,
            b"unknown" if self.strict() => MetricKind::Unknown,
            b"gaugehistogram" if self.strict() => MetricKind::GaugeHistogram,
            b"info" if self.strict() => MetricKind::Info,
            b"stateset" if self.strict() => MetricKind::StateSet,
            b"" => return if self.strict() { fail("expected text in TYPE") } else { Ok(()) },
            other => return fail(format!("invalid metric type {}", quoted(other))),
        };
        self.family(name).kind = kind;
        Ok(())
    }

    fn unit(&mut self, name: &str, unit: &[u8]) -> Result<(), ScrapeError> {
        let Ok(unit) = std::str::from_utf8(unit) else { return fail("unit is not a valid utf8 string") };
        if unit.is_empty() {
            return fail("expected text in UNIT");
        }
        if !(name.ends_with(unit) && name[..name.len() - unit.len()].ends_with('_')) {
            return fail(format!("unit {unit:?} not a suffix of metric {name:?}"));
        }
        self.family(name).unit = unit.into();
        Ok(())
    }

    fn family(&mut self, name: &str) -> &mut Metadata {
        let metadata = &mut self.page.metadata;
        let at = *self.families.entry(name.to_owned()).or_insert_with(|| {
            metadata.push(Metadata { metric: name.into(), kind: MetricKind::Unknown, help: "".into(), unit: "".into() });
            metadata.len() - 1
        });
        &mut self.page.metadata[at]
    }

    fn sample(&mut self, mut c: Cursor<'_>) -> Result<(), ScrapeError> {
        let (mut pairs, mut metric) = (vec![], c.name(true).map(str::to_owned));
        if metric.is_none() && c.peek() != Some(b'{') {
            return fail(format!("expected a valid start token, got {}", quoted(c.shown())));
        }
        let mut blank = c.blanks();
        if c.peek() == Some(b'{') {
            let (labels, quoted_name) = c.label_set()?;
            pairs = labels;
            metric = match (metric, quoted_name) {
                (Some(_), Some(second)) => return fail(format!("metric name already set, got {second:?}")),
                (one, other) => one.or(other),
            };
            blank = c.blanks();
        }
        let Some(metric) = metric else { return fail("metric name not set") };
        if c.rest.is_empty() || (self.strict() && !blank) {
            return fail(format!("expected value after metric, got {}", quoted(c.shown())));
        }
        let value = number(c.token())?;
        let (timestamp, exemplar) = self.after_value(&mut c)?;
        let labels = self.labels(metric, pairs)?;
        self.page.rows.push(Row { labels, value: Value::Float(value), timestamp, start: 0, exemplars: exemplar.into_iter().collect() });
        Ok(())
    }

    /// The optional timestamp and, in OpenMetrics, the exemplar.
    fn after_value(&self, c: &mut Cursor<'_>) -> Result<(Option<i64>, Option<ScrapedExemplar>), ScrapeError> {
        c.blanks();
        if c.rest.is_empty() {
            return Ok((None, None));
        }
        let mut timestamp = None;
        if c.peek() != Some(b'#') {
            timestamp = Some(self.timestamp(c)?);
            c.blanks();
        } else if !self.strict() {
            return fail("expected timestamp or new record, got \"#\"");
        }
        let exemplar = if self.strict() && c.eat(b'#') { self.exemplar(c)? } else { None };
        if c.rest.is_empty() {
            Ok((timestamp, exemplar))
        } else {
            fail(format!("expected next entry after timestamp, got {}", quoted(c.shown())))
        }
    }

    /// Milliseconds as an integer, or in OpenMetrics seconds as a float.
    fn timestamp(&self, c: &mut Cursor<'_>) -> Result<i64, ScrapeError> {
        if self.strict() {
            let seconds = number(c.token())?;
            if !seconds.is_finite() {
                return fail(format!("invalid timestamp {seconds}"));
            }
            return Ok((seconds * 1000.0).round() as i64);
        }
        let digits = c.rest.iter().take_while(|b| b.is_ascii_digit() || **b == b'-').count();
        let (text, rest) = c.rest.split_at(digits);
        c.rest = rest;
        match std::str::from_utf8(text).ok().and_then(|t| t.parse().ok()) {
            Some(t) => Ok(t),
            None => fail(format!("expected timestamp or new record, got {}", quoted(c.shown()))),
        }
    }

    fn exemplar(&self, c: &mut Cursor<'_>) -> Result<Option<ScrapedExemplar>, ScrapeError> {
        c.blanks();
        if c.peek() != Some(b'{') {
            return fail("expected label set of the exemplar");
        }
        let (pairs, _) = c.label_set()?;
        c.blanks();
        let value = number(c.token())?;
        c.blanks();
        let timestamp = if c.rest.is_empty() { None } else { Some(self.timestamp(c)?) };
        let length: usize = pairs.iter().map(|(n, v)| n.chars().count() + v.chars().count()).sum();
        let labels = Labels::from_pairs(pairs);
        Ok((length <= EXEMPLAR_CHARS).then_some(ScrapedExemplar { labels, value, timestamp }))
    }

    fn labels(&self, metric: String, mut pairs: Vec<(String, String)>) -> Result<Labels, ScrapeError> {
        self.normalise(&metric, &mut pairs);
        pairs.push((METRIC_NAME.to_owned(), metric));
        pairs.sort();
        if let Some(w) = pairs.windows(2).find(|w| w[0].0 == w[1].0) {
            return Err(ScrapeError::Sample(format!("label name {:?} is not unique: invalid sample", w[0].0)));
        }
        Ok(Labels::from_sorted(pairs.iter().filter(|(_, v)| !v.is_empty()).map(|(n, v)| (n.as_str(), v.as_str()))))
    }

    /// `le` of histograms and `quantile` of summaries in canonical float form.
    fn normalise(&self, metric: &str, pairs: &mut [(String, String)]) {
        let kind = |family: &str| self.families.get(family).map(|i| self.page.metadata[*i].kind);
        let label = match metric.strip_suffix("_bucket") {
            Some(family) if kind(family) == Some(MetricKind::Histogram) => "le",
            _ if kind(metric) == Some(MetricKind::Summary) => "quantile",
            _ => return,
        };
        for (name, value) in pairs.iter_mut().filter(|(n, _)| n == label) {
            debug_assert_eq!(name, label);
            if let Ok(v) = parse_float(value) {
                *value = canonical(v);
            }
        }
    }
}

fn number(token: &[u8]) -> Result<f64, ScrapeError> {
    let Ok(text) = std::str::from_utf8(token) else { return fail(format!("invalid value {}", quoted(token))) };
    parse_float(text).map_err(ScrapeError::Parse)
}
