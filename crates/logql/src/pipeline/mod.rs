//! Compiled pipelines: the stages of a query as they run over lines.

mod csv;
mod decolorize;
mod drop_keep;
mod ip;
pub(crate) mod json;
mod json_path;
mod label_filter;
mod label_format;
mod line_filter;
mod line_format;
pub(crate) mod logfmt;
mod parser_pattern;
mod regexp;
mod row;
mod run;
mod unpack;
mod unwrap;
mod xml;

pub use line_filter::Needle;
pub use row::{LineError, Row, Wanted};
pub use run::Conditions;
pub use unwrap::{Unwrapped, Unwrapper};

use crate::syntax::ast::Stage;

/// What a stage says of a line.
type Keep = bool;

#[derive(Debug)]
enum Step {
    Line(line_filter::LineMatcher),
    Label(label_filter::LabelMatcher),
    Json(json::JsonFields),
    JsonPaths(json_path::JsonPaths),
    Logfmt(logfmt::Logfmt),
    Regexp(regexp::Regexp),
    Pattern(parser_pattern::PatternParser),
    Unpack(unpack::Unpack),
    Xml(xml::Xml),
    Csv(csv::Csv),
    LineFormat(line_format::LineFormat),
    LabelFormat(label_format::LabelFormatter),
    Decolorize(decolorize::Decolorize),
    Drop(drop_keep::Choices),
    Keep(drop_keep::Choices),
}

/// The stages of a query in running order. Immutable; share it between threads.
#[derive(Debug)]
pub struct Pipeline {
    /// line filters that see the line as it was stored, cheapest first
    front: Vec<line_filter::LineMatcher>,
    steps: Vec<Step>,
}

impl Pipeline {
    /// The error is Loki's text, with the stage where it names one.
    pub fn compile(stages: &[Stage]) -> Result<Pipeline, String> {
        Pipeline::compile_at(stages, 0)
    }

    /// `now` (Unix nanoseconds) is what the template function of that name answers.
    pub fn compile_at(stages: &[Stage], now: i64) -> Result<Pipeline, String> {
        let (mut front, mut steps) = (vec![], vec![]);
        let mut line_is_stored = true;
        for stage in stages {
            let step = compile_stage(stage, now)?;
            match step {
                // Filters commute with each other and with parsers, so those on the stored line run first.
                Step::Line(filter) if line_is_stored => front.push(filter),
                step => {
                    line_is_stored &= !matches!(step, Step::LineFormat(_) | Step::Unpack(_) | Step::Decolorize(_));
                    steps.push(step);
                }
            }
        }
        front.retain(|f| !f.matches_all());
        front.sort_by_key(line_filter::LineMatcher::cost);
        Ok(Pipeline { front, steps })
    }

    /// Leaves out parsers: for queries that ask for no label at all.
    pub fn without_parsers(mut self) -> Pipeline {
        self.steps.retain(|s| {
            !matches!(
                s,
                Step::Json(_) | Step::JsonPaths(_) | Step::Logfmt(_) | Step::Regexp(_) | Step::Pattern(_) | Step::Xml(_) | Step::Csv(_)
            )
        });
        self
    }

    /// The stages behind the filters of the stored line.
    pub fn run_steps(&self, row: &mut Row<'_>) -> bool {
        self.steps.iter().all(|s| s.run(row))
    }

    /// Whether a stored line passes the filters that need nothing but the line.
    pub fn front_matches(&self, line: &str) -> bool {
        self.front.iter().all(|f| f.matches(line))
    }

    /// No stage looks at or changes labels or the line: the stored row is the result.
    pub fn only_filters_lines(&self) -> bool {
        self.steps.is_empty()
    }

    pub fn has_front(&self) -> bool {
        !self.front.is_empty()
    }

    /// A text that every matching line holds, to be searched over many rows at once.
    pub fn needle(&self) -> Option<&Needle> {
        self.front.iter().filter_map(|f| f.needle()).max_by_key(|n| n.len())
    }

    /// Whether every filter in front is answered by the needle alone.
    pub fn needle_suffices(&self) -> bool {
        self.front.len() == 1
    }

    /// Adds the labels that the stages read; `None` if any may be read.
    pub fn labels_read(&self) -> Option<Vec<String>> {
        let mut out = vec![];
        for step in &self.steps {
            let more = match step {
                Step::Label(f) => Some(f.names()),
                Step::LineFormat(f) => f.names(),
                Step::LabelFormat(f) => f.names(),
                Step::Drop(c) | Step::Keep(c) => Some(c.conditions()),
                _ => Some(vec![]),
            };
            out.extend(more?);
        }
        Some(out)
    }

    /// Whether label filters may drop lines behind a parser.
    pub fn filters_parsed(&self) -> bool {
        let label = |s: &Step| matches!(s, Step::Label(_));
        !matches!(self.steps.first(), None | Some(Step::Label(_))) && self.steps.iter().any(label)
    }

    /// Whether a label filter asks for the error label by name.
    pub fn filters_errors(&self) -> bool {
        self.steps.iter().any(|s| matches!(s, Step::Label(f) if f.names().iter().any(|n| n == row::ERROR)))
    }
}

impl Step {
    fn run(&self, row: &mut Row<'_>) -> Keep {
        match self {
            Step::Line(f) => return f.matches(row.line()),
            Step::Label(f) => return f.matches(row),
            Step::Json(p) => p.run(row),
            Step::JsonPaths(p) => p.run(row),
            Step::Logfmt(p) => p.run(row),
            Step::Regexp(p) => p.run(row),
            Step::Pattern(p) => p.run(row),
            Step::Unpack(p) => p.run(row),
            Step::Xml(p) => p.run(row),
            Step::Csv(p) => p.run(row),
            Step::LineFormat(f) => f.run(row),
            Step::LabelFormat(f) => f.run(row),
            Step::Decolorize(d) => d.run(row),
            Step::Drop(c) => c.drop_from(row),
            Step::Keep(c) => c.keep_in(row),
        }
        true
    }
}

fn compile_stage(stage: &Stage, now: i64) -> Result<Step, String> {
    let named = |e: String| format!("stage '{stage}' : {e}");
    Ok(match stage {
        Stage::LineFilter(f) => Step::Line(line_filter::LineMatcher::new(f).map_err(named)?),
        Stage::LabelFilter(f) => Step::Label(label_filter::LabelMatcher::new(f).map_err(named)?),
        Stage::Json(paths) if paths.is_empty() => Step::Json(json::JsonFields),
        Stage::Json(paths) => Step::JsonPaths(json_path::JsonPaths::new(paths).map_err(named)?),
        Stage::Logfmt { strict, keep_empty, fields } => Step::Logfmt(logfmt::Logfmt::new(*strict, *keep_empty, fields).map_err(named)?),
        Stage::Regexp(re) => Step::Regexp(regexp::Regexp::new(re).map_err(|e| format!("invalid regexp parser: {e}"))?),
        Stage::Pattern(p) => Step::Pattern(parser_pattern::PatternParser::new(p).map_err(|e| format!("invalid pattern parser: {e}"))?),
        Stage::Unpack => Step::Unpack(unpack::Unpack),
        Stage::Xml(paths) => Step::Xml(xml::Xml::new(paths)),
        Stage::Csv(columns) => Step::Csv(csv::Csv::new(columns).map_err(named)?),
        Stage::LineFormat(t) => Step::LineFormat(line_format::LineFormat::new(t, now).map_err(named)?),
        Stage::LabelFormat(all) => Step::LabelFormat(label_format::LabelFormatter::new(all, now).map_err(named)?),
        Stage::Decolorize => Step::Decolorize(decolorize::Decolorize::new()?),
        Stage::Drop(c) => Step::Drop(drop_keep::Choices::new(c)),
        Stage::Keep(c) => Step::Keep(drop_keep::Choices::new(c)),
    })
}

/// A name as labels may have it: other characters become `_`, a leading digit gets one in front.
pub(crate) fn sanitize_into(name: &str, out: &mut String) {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if plain && !(out.is_empty() && name.starts_with(|c: char| c.is_ascii_digit())) {
        return out.push_str(name);
    }
    for c in name.chars() {
        let fine = c.is_ascii_alphanumeric() || c == '_';
        if out.is_empty() && c.is_ascii_digit() {
            out.push('_');
        }
        out.push(if fine { c } else { '_' });
    }
}
