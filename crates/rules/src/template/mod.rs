//! Go's text/template language with the functions that Prometheus gives to labels and annotations of alerts.

mod exec;
mod functions;
mod human;
mod lex;
mod parse;
mod printf;
mod quote;
mod value;

use std::collections::BTreeMap;

use model::Labels;

pub use functions::query_escape;
pub use value::Val;

/// Asks PromQL at the time of the evaluation.
pub type Ask<'a> = dyn Fn(&str) -> Result<Vec<promql::Sample>, String> + 'a;

/// What a template sees of an alert.
pub struct Scope<'a> {
    /// stands in error texts
    pub name: &'a str,
    pub labels: &'a Labels,
    pub value: Val,
    pub external_labels: &'a Labels,
    pub external_url: &'a str,
    /// Unix milliseconds
    pub now_ms: i64,
    pub ask: &'a Ask<'a>,
}

/// Declares the short names. It counts in the columns of error texts, as it does in Prometheus.
const PRELUDE: &str = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}";

/// Expands a text. A template that fails becomes the text `<error expanding template: …>`: the alert must go out all the same.
pub fn expand(text: &str, scope: &Scope<'_>) -> String {
    if !text.contains("{{") {
        return text.to_owned();
    }
    run(text, scope).unwrap_or_else(|e| format!("<error expanding template: {e}>"))
}

/// Whether a text is a template that parses and runs with an alert without labels. Queries are not asked.
pub fn check(text: &str) -> Result<(), String> {
    if !text.contains("{{") {
        return Ok(());
    }
    parse::parse("__alert_", &format!("{PRELUDE}{text}")).map(|_| ()).map_err(|e| format!("error parsing template {e}"))
}

fn run(text: &str, scope: &Scope<'_>) -> Result<String, String> {
    let name = format!("__alert_{}", scope.name);
    let source = format!("{PRELUDE}{text}");
    let (root, defines) = parse::parse(&name, &source).map_err(|e| format!("error parsing template {name}: {e}"))?;
    let data = Val::map(BTreeMap::from([
        ("Labels".to_owned(), Val::labels(scope.labels)),
        ("ExternalLabels".to_owned(), Val::labels(scope.external_labels)),
        ("ExternalURL".to_owned(), Val::Str(scope.external_url.to_owned())),
        ("Value".to_owned(), scope.value.clone()),
    ]));
    let mut out = String::new();
    exec::Exec::new(&name, &source, &defines, scope, &mut out)
        .run(&root, data)
        .map_err(|e| format!("error executing template {name}: {e}"))?;
    Ok(out)
}

#[cfg(test)]
mod tests;
