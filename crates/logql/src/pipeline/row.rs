//! One line on its way through a pipeline: its text, its labels in three categories, its error.

use std::borrow::Cow;

use model::{Labels, LogBatch};

/// The label that says that a stage failed on a line.
pub const ERROR: &str = "__error__";
pub const ERROR_DETAILS: &str = "__error_details__";

/// The values of `__error__`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineError {
    Json,
    Logfmt,
    SampleExtraction,
    LabelFilter,
    Template,
    Xml,
    Csv,
}

impl LineError {
    pub fn as_str(self) -> &'static str {
        match self {
            LineError::Json => "JSONParserErr",
            LineError::Logfmt => "LogfmtParserErr",
            LineError::SampleExtraction => "SampleExtractionErr",
            LineError::LabelFilter => "LabelFilterErr",
            LineError::Template => "TemplateFormatErr",
            LineError::Xml => "XMLParserErr",
            LineError::Csv => "CSVParserErr",
        }
    }

    /// Errors of parsers may be grouped by and asked for in metric queries; the others always end the query.
    pub fn is_parser(self) -> bool {
        matches!(self, LineError::Json | LineError::Logfmt | LineError::Xml | LineError::Csv)
    }
}

#[derive(Debug, Clone, Copy)]
struct Span(u32, u32);

/// A text of the batch, or one that a stage wrote into the row's buffer.
#[derive(Debug, Clone, Copy)]
enum Text<'b> {
    Batch(&'b str),
    Buf(Span),
}

#[derive(Debug)]
struct Meta<'b> {
    name: Text<'b>,
    value: &'b str,
    gone: bool,
}

#[derive(Debug, Clone, Copy)]
struct Parsed {
    name: Span,
    value: Span,
    /// A parser found this name: no later parser sets it again, even after `drop`.
    seen: bool,
    gone: bool,
}

/// Which parsed labels anybody will look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    All,
    Only(Vec<String>),
}

impl Wanted {
    pub fn wants(&self, name: &str) -> bool {
        match self {
            Wanted::All => true,
            Wanted::Only(names) => names.iter().any(|n| n == name),
        }
    }

    /// Whether the name, or the one it gets when the line has that label already, is asked for.
    fn may_want(&self, name: &str) -> bool {
        match self {
            Wanted::All => true,
            Wanted::Only(names) => names.iter().any(|n| n.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest == "_extracted")),
        }
    }

    pub fn is_nothing(&self) -> bool {
        matches!(self, Wanted::Only(names) if names.is_empty())
    }
}

/// The working state. Make one per run of rows of a stream, `load` each row into it; nothing is allocated per row once warm.
#[derive(Debug)]
pub struct Row<'b> {
    pub ts: i64,
    stream: &'b Labels,
    wanted: &'b Wanted,
    line: Text<'b>,
    buf: String,
    stream_gone: Vec<bool>,
    /// codes of metadata names met so far in the batch, and whether the stream has such a label
    clashes: Vec<(u32, bool)>,
    meta: Vec<Meta<'b>>,
    parsed: Vec<Parsed>,
    error: Option<LineError>,
    error_details: Option<Span>,
}

impl<'b> Row<'b> {
    pub fn new(stream: &'b Labels, wanted: &'b Wanted) -> Row<'b> {
        Row {
            ts: 0,
            stream,
            wanted,
            line: Text::Batch(""),
            buf: String::new(),
            stream_gone: vec![false; stream.len()],
            clashes: vec![],
            meta: vec![],
            parsed: vec![],
            error: None,
            error_details: None,
        }
    }

    /// Starts over with a row of a batch; always of the same batch.
    pub fn load(&mut self, batch: &'b LogBatch, row: usize) {
        self.begin(batch.ts[row], batch.body.get(row));
        for (name, value) in batch.meta_codes(row) {
            let clash = match self.clashes.iter().find(|c| c.0 == *name) {
                Some(c) => c.1,
                None => {
                    let clash = self.stream.get(batch.dict.get(*name)).is_some();
                    self.clashes.push((*name, clash));
                    clash
                }
            };
            self.add_meta(batch.dict.get(*name), batch.dict.get(*value), clash);
        }
    }

    /// Starts over with a line that is in no batch.
    #[cfg(test)]
    pub fn start(&mut self, ts: i64, line: &'b str, meta: impl Iterator<Item = (&'b str, &'b str)>) {
        self.begin(ts, line);
        for (name, value) in meta {
            self.add_meta(name, value, self.stream.get(name).is_some());
        }
    }

    fn begin(&mut self, ts: i64, line: &'b str) {
        self.ts = ts;
        self.line = Text::Batch(line);
        self.buf.clear();
        self.parsed.clear();
        self.meta.clear();
        self.error = None;
        self.error_details = None;
        self.stream_gone.fill(false);
    }

    /// A name that the stream has goes by another one from the start.
    fn add_meta(&mut self, name: &'b str, value: &'b str, clash: bool) {
        if !clash {
            return self.meta.push(Meta { name: Text::Batch(name), value, gone: false });
        }
        let start = self.buf.len();
        self.buf.push_str(name);
        self.buf.push_str("_extracted");
        let span = Span(start as u32, self.buf.len() as u32);
        self.hide_stream(span);
        self.meta.push(Meta { name: Text::Buf(span), value, gone: false });
    }

    fn text(&self, t: Text<'b>) -> &str {
        match t {
            Text::Batch(s) => s,
            Text::Buf(span) => self.span(span),
        }
    }

    fn span(&self, s: Span) -> &str {
        &self.buf[s.0 as usize..s.1 as usize]
    }

    fn write(&mut self, text: &str) -> Span {
        let start = self.buf.len() as u32;
        self.buf.push_str(text);
        Span(start, self.buf.len() as u32)
    }

    fn hide_stream(&mut self, name: Span) {
        let name = &self.buf[name.0 as usize..name.1 as usize];
        for (i, (n, _)) in self.stream.iter().enumerate() {
            if n == name {
                self.stream_gone[i] = true;
            }
        }
    }

    // ---- the line

    pub fn line(&self) -> &str {
        self.text(self.line)
    }

    /// The line free of the row's borrow: borrowed from the batch, or copied if a stage has written it.
    pub fn detached_line(&self) -> Cow<'b, str> {
        match self.line {
            Text::Batch(s) => Cow::Borrowed(s),
            Text::Buf(span) => Cow::Owned(self.span(span).to_owned()),
        }
    }

    pub fn set_line(&mut self, line: &str) {
        self.line = Text::Buf(self.write(line));
    }

    // ---- labels

    /// The value under a name, from whichever category owns it.
    pub fn get(&self, name: &str) -> Option<&str> {
        if name.starts_with("__error") {
            match name {
                ERROR => return self.error.map(LineError::as_str),
                ERROR_DETAILS => return self.error.and(self.error_details).map(|s| self.span(s)),
                _ => {}
            }
        }
        if let Some(p) = self.parsed.iter().find(|p| !p.gone && self.span(p.name) == name) {
            return Some(self.span(p.value));
        }
        if let Some(m) = self.meta.iter().find(|m| !m.gone && self.text(m.name) == name) {
            return Some(m.value);
        }
        if !self.stream_gone.contains(&true) {
            return self.stream.get(name);
        }
        self.stream.iter().enumerate().find(|(i, (n, _))| !self.stream_gone[*i] && *n == name).map(|(_, (_, v))| v)
    }

    /// Whether the line came with this label.
    fn base_has(&self, name: &str) -> bool {
        self.stream.get(name).is_some() || self.meta.iter().any(|m| self.text(m.name) == name)
    }

    /// A quick look before a field's value is read: `false` means that `extract` would do nothing.
    pub fn may_want(&self, name: &str) -> bool {
        self.wanted.may_want(name)
    }

    /// Whether parsers can add nothing more that is wanted.
    pub fn is_complete(&self) -> bool {
        match self.wanted {
            Wanted::All => false,
            Wanted::Only(names) => names
                .iter()
                .all(|n| self.parsed.iter().any(|p| p.seen && self.span(p.name) == n) || (!n.ends_with("_extracted") && self.base_has(n))),
        }
    }

    /// A field that a parser found. The first value of a name stays; a name the line came with gets `_extracted`.
    pub fn extract(&mut self, name: &str, value: &str) {
        if name.is_empty() {
            return;
        }
        if self.base_has(name) {
            let renamed = format!("{name}_extracted");
            if self.wanted.wants(&renamed) {
                self.extract_as(&renamed, value, true);
            }
        } else if self.wanted.wants(name) {
            self.extract_as(name, value, false);
        }
    }

    fn extract_as(&mut self, name: &str, value: &str, renamed: bool) {
        if let Some(i) = self.parsed.iter().position(|p| self.span(p.name) == name) {
            if !self.parsed[i].seen {
                let value = self.write(value);
                self.parsed[i] = Parsed { value, seen: true, gone: false, ..self.parsed[i] };
            }
            return;
        }
        let (name_span, value) = (self.write(name), self.write(value));
        if renamed {
            self.hide_base(name_span);
        }
        self.parsed.push(Parsed { name: name_span, value, seen: true, gone: false });
    }

    /// Whether a later parser would still take this name.
    pub fn is_open(&self, name: &str) -> bool {
        if self.base_has(name) {
            return self.wanted.wants(&format!("{name}_extracted"));
        }
        self.wanted.wants(name) && !self.parsed.iter().any(|p| p.seen && self.span(p.name) == name)
    }

    fn hide_base(&mut self, name: Span) {
        self.hide_stream(name);
        for i in 0..self.meta.len() {
            if self.text(self.meta[i].name) == self.span(name) {
                self.meta[i].gone = true;
            }
        }
    }

    /// Sets a label as `label_format` does: it is a parsed one and takes the name from the other categories.
    pub fn set(&mut self, name: &str, value: &str) {
        if name == ERROR_DETAILS {
            self.error_details = Some(self.write(value));
            return;
        }
        let value = self.write(value);
        if let Some(i) = self.parsed.iter().position(|p| self.span(p.name) == name) {
            self.parsed[i].value = value;
            self.parsed[i].gone = false;
            let name = self.parsed[i].name;
            return self.hide_base(name);
        }
        let name = self.write(name);
        self.hide_base(name);
        self.parsed.push(Parsed { name, value, seen: false, gone: false });
    }

    pub fn remove(&mut self, name: &str) {
        match name {
            ERROR => self.error = None,
            ERROR_DETAILS => self.error_details = None,
            _ => {}
        }
        for i in 0..self.parsed.len() {
            if self.span(self.parsed[i].name) == name {
                self.parsed[i].gone = true;
            }
        }
        for i in 0..self.meta.len() {
            if self.text(self.meta[i].name) == name {
                self.meta[i].gone = true;
            }
        }
        for (i, (n, _)) in self.stream.iter().enumerate() {
            if n == name {
                self.stream_gone[i] = true;
            }
        }
    }

    /// Keeps the labels that `keep` says; the error labels always stay.
    pub fn retain(&mut self, keep: impl Fn(&str, &str) -> bool) {
        for i in 0..self.parsed.len() {
            let p = self.parsed[i];
            if !p.gone && !keep(self.span(p.name), self.span(p.value)) {
                self.parsed[i].gone = true;
            }
        }
        for i in 0..self.meta.len() {
            if !keep(self.text(self.meta[i].name), self.meta[i].value) {
                self.meta[i].gone = true;
            }
        }
        for (i, (n, v)) in self.stream.iter().enumerate() {
            if !keep(n, v) {
                self.stream_gone[i] = true;
            }
        }
    }

    // ---- errors

    pub fn error(&self) -> Option<LineError> {
        self.error
    }

    /// The first error of a line is the one that stays.
    pub fn fail(&mut self, error: LineError, details: &str) {
        if self.error.is_none() {
            self.error = Some(error);
            self.error_details = Some(self.write(details));
        }
    }

    // ---- results

    /// All labels, unsorted, names unique; the error labels among them.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> + '_ {
        self.stream_labels().chain(self.meta_labels()).chain(self.parsed_labels())
    }

    fn stream_labels(&self) -> impl Iterator<Item = (&str, &str)> + '_ {
        self.stream.iter().enumerate().filter(|(i, _)| !self.stream_gone[*i]).map(|(_, l)| l)
    }

    fn meta_labels(&self) -> impl Iterator<Item = (&str, &str)> + '_ {
        self.meta.iter().filter(|m| !m.gone).map(|m| (self.text(m.name), m.value))
    }

    fn parsed_labels(&self) -> impl Iterator<Item = (&str, &str)> + '_ {
        let error = self.error.map(|e| (ERROR, e.as_str()));
        let details = self.error.and(self.error_details).map(|d| (ERROR_DETAILS, self.span(d)));
        let found = self.parsed.iter().filter(|p| !p.gone).map(|p| (self.span(p.name), self.span(p.value)));
        found.chain(error).chain(details)
    }

    /// The categories as label sets: stream (shared if untouched), metadata, parsed.
    pub fn categories(&self) -> (Labels, Labels, Labels) {
        let stream = if self.stream_gone.contains(&true) { Labels::from_sorted(self.stream_labels()) } else { self.stream.clone() };
        let meta = if self.meta.is_empty() { Labels::empty() } else { Labels::from_pairs(self.meta_labels()) };
        let plain = self.parsed.is_empty() && self.error.is_none();
        let parsed = if plain { Labels::empty() } else { Labels::from_pairs(self.parsed_labels()) };
        (stream, meta, parsed)
    }

    /// Every label in one sorted set.
    pub fn flat(&self) -> Labels {
        Labels::from_pairs(self.labels())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clashes_go_to_extracted() {
        let stream = Labels::from_pairs([("a", "s"), ("k", "s")]);
        let wanted = Wanted::All;
        let mut row = Row::new(&stream, &wanted);
        row.start(1, "line", [("a", "m"), ("b", "m"), ("k", "m")].into_iter());
        row.extract("b", "p");
        row.extract("k", "p");
        row.extract("c", "first");
        row.extract("c", "second");
        assert_eq!(row.flat().to_string(), r#"{a="s", a_extracted="m", b="m", b_extracted="p", c="first", k="s", k_extracted="p"}"#);
        let (s, m, p) = row.categories();
        assert_eq!(s, stream);
        assert_eq!(m.to_string(), r#"{a_extracted="m", b="m"}"#);
        assert_eq!(p.to_string(), r#"{b_extracted="p", c="first", k_extracted="p"}"#);
    }

    #[test]
    fn set_takes_the_name_and_drop_is_remembered() {
        let stream = Labels::from_pairs([("a", "s")]);
        let wanted = Wanted::All;
        let mut row = Row::new(&stream, &wanted);
        row.start(1, "line", std::iter::empty());
        row.set("a", "new");
        row.extract("x", "1");
        row.remove("x");
        row.extract("x", "2");
        row.fail(LineError::Json, "why");
        row.fail(LineError::Logfmt, "later");
        assert_eq!(row.flat().to_string(), r#"{__error__="JSONParserErr", __error_details__="why", a="new"}"#);
        row.remove(ERROR);
        assert_eq!(row.categories().0, Labels::empty());
        assert_eq!(row.get("a"), Some("new"));
    }
}
