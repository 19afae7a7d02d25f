//! Go's text/template language with the functions that Prometheus gives to labels and annotations of alerts.

mod functions;
mod human;

use std::borrow::Cow;
use std::collections::BTreeMap;

use gotemplate::{Entry, Host, Template};
use model::Labels;

pub use gotemplate::query_escape;

pub type Val<'d> = gotemplate::Val<'d, Alerts>;
type Args<'a, 'd> = gotemplate::Args<'a, 'd, Alerts>;

/// Asks PromQL at the time of the evaluation.
pub type Ask<'a> = dyn Fn(&str) -> Result<Vec<promql::Sample>, String> + 'a;

/// What a template sees of an alert.
pub struct Scope<'a> {
    /// stands in error texts
    pub name: &'a str,
    pub labels: &'a Labels,
    pub value: Val<'a>,
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
    Template::<Alerts>::new("__alert_", &format!("{PRELUDE}{text}")).map(|_| ()).map_err(|e| format!("error parsing template {e}"))
}

fn run(text: &str, scope: &Scope<'_>) -> Result<String, String> {
    let name = format!("__alert_{}", scope.name);
    let template =
        Template::<Alerts>::new(&name, &format!("{PRELUDE}{text}")).map_err(|e| format!("error parsing template {name}: {e}"))?;
    let mut out = String::new();
    template.execute(scope, &mut out).map_err(|e| format!("error executing template {name}: {e}"))?;
    Ok(out)
}

/// The template language of alerts: what Prometheus adds to Go's. Times are Unix nanoseconds, shown in UTC.
#[derive(Debug, Clone, Copy)]
pub struct Alerts;

impl Host for Alerts {
    type Context<'d> = Scope<'d>;
    type Time = i128;

    const LIST: &'static str = "template.queryResult";
    const MAP: &'static str = "map[string]string";
    const TIME: &'static str = "*time.Time";
    const FAMILIES: &'static [&'static [Entry<Alerts>]] = &[functions::FUNCTIONS];

    fn field<'d>(scope: &Self::Context<'d>, name: &str) -> Val<'d> {
        match name {
            "Labels" => labels(scope.labels),
            "ExternalLabels" => labels(scope.external_labels),
            "ExternalURL" => Val::Str(Cow::Borrowed(scope.external_url)),
            "Value" => scope.value.clone(),
            _ => Self::missing(),
        }
    }

    fn root<'d>(scope: &Self::Context<'d>) -> Val<'d> {
        let names = ["Labels", "ExternalLabels", "ExternalURL", "Value"];
        Val::map(names.into_iter().map(|n| (n.to_owned(), Self::field(scope, n))).collect())
    }

    /// A label that is not there is the empty text.
    fn missing<'d>() -> Val<'d> {
        Val::str("")
    }

    fn whole(v: &Val<'_>) -> Result<i64, String> {
        match v {
            Val::Int(v) => Ok(*v),
            v => Err(format!("cannot index slice/array with type {}", v.kind())),
        }
    }

    fn time_text(ns: &i128) -> String {
        human::time(*ns)
    }

    fn same_time(_: &i128, _: &i128) -> Option<bool> {
        None
    }

    fn quote(text: &str) -> String {
        promql::format::quote(text)
    }
}

fn labels<'d>(labels: &Labels) -> Val<'d> {
    Val::map(labels.iter().map(|(k, v)| (k.to_owned(), Val::str(v))).collect())
}

/// As `query` gives it: the sample's labels and its value.
fn sample<'d>(s: &promql::Sample) -> Val<'d> {
    Val::map(BTreeMap::from([("Labels".to_owned(), labels(&s.labels)), ("Value".to_owned(), value(&s.value))]))
}

/// A histogram has no number: it is 0, as Prometheus has it.
pub fn value<'d>(v: &promql::SampleValue) -> Val<'d> {
    match v {
        promql::SampleValue::Float(f) => Val::Float(*f),
        promql::SampleValue::Histogram(_) => Val::Float(0.0),
    }
}

#[cfg(test)]
mod tests;
