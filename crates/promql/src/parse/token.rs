//! The words of the language.

use crate::ast::{AggregateOp, BinaryOp};
use crate::format::quote;
use crate::span::Span;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    End,
    Comma,
    Colon,
    Assign,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    LeftParen,
    RightParen,
    Number,
    Duration,
    String,
    Identifier,
    /// an identifier with a colon in it
    MetricIdentifier,
    Op(BinaryOp),
    MatchRegex,
    MatchNotRegex,
    At,
    Aggregate(AggregateOp),
    Word(Word),
}

/// Reserved words that are neither operators nor aggregations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    Offset,
    Smoothed,
    Anchored,
    By,
    Without,
    On,
    Ignoring,
    GroupLeft,
    GroupRight,
    Fill,
    FillLeft,
    FillRight,
    Bool,
    Start,
    End,
    Step,
    Range,
    MaxOf,
    MinOf,
}

/// The reserved word that a text is, whatever its case. `inf` and `nan` are numbers.
pub fn reserved(text: &str) -> Option<Kind> {
    let lower = text.to_ascii_lowercase();
    let word = match lower.as_str() {
        "and" => return Some(Kind::Op(BinaryOp::And)),
        "or" => return Some(Kind::Op(BinaryOp::Or)),
        "unless" => return Some(Kind::Op(BinaryOp::Unless)),
        "atan2" => return Some(Kind::Op(BinaryOp::Atan2)),
        "inf" | "nan" => return Some(Kind::Number),
        "offset" => Word::Offset,
        "smoothed" => Word::Smoothed,
        "anchored" => Word::Anchored,
        "by" => Word::By,
        "without" => Word::Without,
        "on" => Word::On,
        "ignoring" => Word::Ignoring,
        "group_left" => Word::GroupLeft,
        "group_right" => Word::GroupRight,
        "fill" => Word::Fill,
        "fill_left" => Word::FillLeft,
        "fill_right" => Word::FillRight,
        "bool" => Word::Bool,
        "start" => Word::Start,
        "end" => Word::End,
        "step" => Word::Step,
        "range" => Word::Range,
        "max_of" => Word::MaxOf,
        "min_of" => Word::MinOf,
        other => return AggregateOp::ALL.into_iter().find(|op| op.as_str() == other).map(Kind::Aggregate),
    };
    Some(Kind::Word(word))
}

#[derive(Debug, Clone, Copy)]
pub struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
    pub start: usize,
}

impl Token<'_> {
    pub fn span(&self) -> Span {
        Span::new(self.start, self.start + self.text.len())
    }

    /// How messages name it.
    pub fn describe(&self) -> String {
        let quoted = || match self.text.char_indices().nth(10) {
            Some((cut, _)) if self.text.len() > 10 => format!("{}...", quote(&self.text[..cut])),
            _ => quote(self.text),
        };
        match self.kind {
            Kind::End => "end of input".into(),
            Kind::Identifier => format!("identifier {}", quote(self.text)),
            Kind::MetricIdentifier => format!("metric identifier {}", quote(self.text)),
            Kind::Number => format!("number {}", quoted()),
            Kind::Duration => format!("duration {}", quoted()),
            Kind::String => format!("string {}", quoted()),
            Kind::Op(_) | Kind::At | Kind::MatchRegex | Kind::MatchNotRegex => format!("<op:{}>", self.text),
            Kind::Aggregate(_) => format!("<aggr:{}>", self.text),
            Kind::Word(w) if !w.is_function_like() => format!("<{}>", self.text),
            _ => quoted(),
        }
    }

    /// May stand before the braces of a selector.
    pub fn is_metric_name(&self) -> bool {
        match self.kind {
            Kind::Identifier | Kind::MetricIdentifier | Kind::Aggregate(_) => true,
            Kind::Op(op) => op.is_set(),
            Kind::Word(w) => !matches!(w, Word::On | Word::Ignoring | Word::GroupLeft | Word::GroupRight | Word::Bool),
            _ => false,
        }
    }

    /// May stand in a list of labels after `by`, `on`, ...
    pub fn is_label_name(&self) -> bool {
        match self.kind {
            Kind::Identifier | Kind::MetricIdentifier | Kind::Aggregate(_) | Kind::Word(_) => true,
            Kind::Op(op) => op.is_set() || op == BinaryOp::Atan2,
            _ => false,
        }
    }

    pub fn starts_expression(&self) -> bool {
        self.is_metric_name()
            || matches!(
                self.kind,
                Kind::LeftParen | Kind::LeftBrace | Kind::Number | Kind::Duration | Kind::String | Kind::Op(BinaryOp::Add | BinaryOp::Sub)
            )
    }
}

impl Word {
    /// start, end, step, range, max_of, min_of: followed by parentheses in their reserved meaning.
    pub fn is_function_like(self) -> bool {
        matches!(self, Word::Start | Word::End | Word::Step | Word::Range | Word::MaxOf | Word::MinOf)
    }
}
