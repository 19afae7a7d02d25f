//! The language: tokens, tree, parser, checks and printers.

pub mod ast;
mod check;
mod error;
mod lexer;
mod metric;
mod parser;
mod pretty;
mod print;
mod stages;
#[cfg(test)]
mod tests;

use model::Matcher;

pub use error::ParseError;

use ast::{Expr, LogExpr, MetricExpr};

/// Which language is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Features {
    /// the stages `xml` and `csv`, which Loki does not have
    pub extensions: bool,
}

/// Parses and checks a query: logs or metrics.
pub fn parse(text: &str, features: &Features) -> Result<Expr, ParseError> {
    let expr = parser::Parser::new(text, features)?.query()?;
    check::check(&expr)?;
    Ok(expr)
}

/// Parses a log query; a metric query is refused.
pub fn parse_log(text: &str, features: &Features) -> Result<LogExpr, ParseError> {
    match parse(text, features)? {
        Expr::Log(log) => Ok(log),
        Expr::Metric(_) => Err(ParseError::whole("only log selector is supported")),
    }
}

/// Parses a metric query; a log query is refused.
pub fn parse_metric(text: &str, features: &Features) -> Result<MetricExpr, ParseError> {
    match parse(text, features)? {
        Expr::Metric(m) => Ok(m),
        Expr::Log(_) => Err(ParseError::whole("only metric queries are supported")),
    }
}

/// Parses a bare selector such as `{a="b"}`. `{}` and selectors that match everything are fine here: callers of label and series
/// endpoints decide. Anything behind the braces is refused.
pub fn parse_selector(text: &str) -> Result<Vec<Matcher>, ParseError> {
    match parser::Parser::new(text, &Features::default())?.query()? {
        Expr::Log(log) if log.stages.is_empty() => Ok(log.matchers),
        _ => Err(ParseError::whole("only label matchers are supported")),
    }
}

/// The query laid out as Loki's `format_query` does: one line if it fits, else indented.
pub fn format_query(text: &str, features: &Features) -> Result<String, ParseError> {
    Ok(pretty::pretty(&parse(text, features)?))
}
