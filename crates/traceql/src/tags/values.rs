//! The values of one attribute or intrinsic.

use model::{AttrColumn, AttrValues, SpanBatch};
use query::{Budget, QueryError, SpanSource};

use super::list::Capped;
use super::{each_span, filter_of, items_of, used};
use crate::answer::{TagOptions, TagValue};
use crate::ast::{Attribute, Intrinsic, Scope};
use crate::bits::Bits;
use crate::names::{kind_text, status_text};
use crate::plan::{List, Plan, Planner, Source};
use crate::trace::Trace;
use crate::value::Value;
use crate::view::{Located, View, entry_value, index, scalars};

/// The distinct values of a field, sorted, newest spans first where a limit cuts. Status and kind are fixed lists; durations, ids and
/// numbers of the tree have no values worth listing.
pub fn tag_values(tag: &Attribute, options: &TagOptions, source: &dyn SpanSource, budget: &Budget) -> Result<Vec<TagValue>, QueryError> {
    use Intrinsic::*;
    let keywords = |all: Vec<&str>| {
        let mut out: Vec<TagValue> = all.into_iter().map(|v| TagValue { kind: "keyword", value: v.to_owned() }).collect();
        out.sort();
        Ok(out)
    };
    match tag {
        Attribute::Intrinsic(Status) => return keywords((0..3).map(status_text).collect()),
        Attribute::Intrinsic(Kind) => return keywords((0..6).map(kind_text).collect()),
        Attribute::Intrinsic(Name | StatusMessage | RootName | RootService | EventName | InstrumentationName | InstrumentationVersion) => {}
        Attribute::Intrinsic(_) => return Ok(vec![]),
        Attribute::Named { parent: true, .. } => return Ok(vec![]),
        Attribute::Named { .. } => {}
    }
    let planner = Planner::default();
    // An unscoped name is looked for in spans, resources and scopes at once, so each has a field of its own.
    let fields: Vec<usize> = match tag {
        Attribute::Named { scope: Scope::Any, name, .. } => [Scope::Span, Scope::Resource, Scope::Instrumentation]
            .iter()
            .map(|s| planner.field(&Attribute::named(*s, name.as_str())))
            .collect(),
        other => vec![planner.field(other)],
    };
    let filter = filter_of(options, &planner)?;
    let plan = planner.finish();
    let mut found = Capped::new(options);
    each_span(&plan, filter, tag.source() == Source::Trace, options, source, budget, &mut |view, rows, trace| {
        for f in &fields {
            values_in(&Rows { view, plan: &plan, filter, rows, trace }, *f, &mut |v| add(&mut found, &v));
        }
        Ok(!found.is_full())
    })?;
    Ok(found.into_sorted())
}

/// The values of a plain tag name as the older API gives them: texts, sorted.
pub fn tag_values_v1(name: &str, options: &TagOptions, source: &dyn SpanSource, budget: &Budget) -> Result<Vec<String>, QueryError> {
    let tag = match name {
        "root.name" => Attribute::Intrinsic(Intrinsic::RootName),
        "root.service.name" => Attribute::Intrinsic(Intrinsic::RootService),
        "status.code" => Attribute::Intrinsic(Intrinsic::Status),
        _ => match crate::parse_attribute(name) {
            Ok(intrinsic @ Attribute::Intrinsic(_)) => intrinsic,
            _ => Attribute::named(Scope::Any, name),
        },
    };
    let mut all: Vec<String> = tag_values(&tag, options, source, budget)?.into_iter().map(|v| v.value).collect();
    all.sort();
    all.dedup();
    Ok(all)
}

fn add(found: &mut Capped<TagValue>, v: &Value) {
    let (kind, value) = match v {
        Value::Str(s) => ("string", s.to_string()),
        Value::Int(i) => ("int", i.to_string()),
        Value::Float(f) if f.is_infinite() => ("float", if *f > 0.0 { "+Inf" } else { "-Inf" }.to_owned()),
        Value::Float(f) => ("float", format!("{f:?}")),
        Value::Bool(b) => ("bool", b.to_string()),
        _ => return,
    };
    found.insert_with(&TagValue { kind, value }, |v| v.value.len(), TagValue::clone);
}

/// The rows of a batch that count, and what chose them.
struct Rows<'a> {
    view: &'a View,
    plan: &'a Plan,
    filter: Option<usize>,
    rows: &'a Bits,
    trace: Option<&'a Trace>,
}

/// Calls `each` with the values that the rows have, as few times as is cheap.
fn values_in<'a>(of: &Rows<'a>, field: usize, each: &mut dyn FnMut(Value<'a>)) {
    let Rows { view, rows, trace, .. } = *of;
    let b = &view.batch;
    let items = |list| items_of(view, of.plan, of.filter, rows, list);
    match view.fields.get(field) {
        Some(Located::Span(columns)) => {
            columns.iter().filter_map(|c| b.attrs.get(*c)).for_each(|c| column_values(b, c, |row| rows.get(row), each));
        }
        Some(Located::Item(list, columns)) => {
            let all = match list {
                List::Events => &b.events.attrs,
                List::Links => &b.links.attrs,
            };
            let items = items(*list);
            columns.iter().filter_map(|c| all.get(*c)).for_each(|c| column_values(b, c, |item| items.get(item), each));
        }
        Some(Located::Resource(at)) => {
            for r in used(&b.resource, rows, b.resources.len()).rows() {
                let kv = at.get(r).copied().flatten().and_then(|i| b.resources.get(r).and_then(|r| r.attrs.get(i)));
                kv.iter().for_each(|kv| scalars(&Value::of(&kv.value), each));
            }
        }
        Some(Located::Scope(at)) => {
            for s in used(&b.scope, rows, b.scopes.len()).rows() {
                let kv = at.get(s).copied().flatten().and_then(|i| b.scopes.get(s).and_then(|s| s.attrs.get(i)));
                kv.iter().for_each(|kv| scalars(&Value::of(&kv.value), each));
            }
        }
        Some(Located::Intrinsic(Intrinsic::Name)) => codes(b, &b.name, |row| rows.get(row), each),
        Some(Located::Intrinsic(Intrinsic::StatusMessage)) => codes(b, &b.status_message, |row| rows.get(row), each),
        Some(Located::Intrinsic(Intrinsic::EventName)) => {
            let items = items(List::Events);
            codes(b, &b.events.name, |item| items.get(item), each);
        }
        Some(Located::Intrinsic(Intrinsic::InstrumentationName)) => {
            used(&b.scope, rows, b.scopes.len()).rows().filter_map(|s| b.scopes.get(s)).for_each(|s| each(Value::str(&s.name)));
        }
        Some(Located::Intrinsic(Intrinsic::InstrumentationVersion)) => {
            used(&b.scope, rows, b.scopes.len()).rows().filter_map(|s| b.scopes.get(s)).for_each(|s| each(Value::str(&s.version)));
        }
        Some(Located::Intrinsic(i)) => {
            if let Some(t) = trace {
                each(t.intrinsic(*i, 0));
            }
        }
        _ => {}
    }
}

/// Every distinct text of a column of codes.
fn codes<'a>(b: &'a SpanBatch, column: &[u32], owned: impl Fn(usize) -> bool, each: &mut dyn FnMut(Value<'a>)) {
    let mut seen = Bits::none(b.dict.len());
    for (i, code) in column.iter().enumerate() {
        if !seen.get(*code as usize) && owned(i) {
            seen.set(*code as usize);
            each(Value::str(b.dict.get(*code)));
        }
    }
}

fn column_values<'a>(b: &'a SpanBatch, c: &'a AttrColumn, owned: impl Fn(usize) -> bool, each: &mut dyn FnMut(Value<'a>)) {
    if let AttrValues::Str(values) = &c.values {
        return codes(b, values, |entry| owned(index(&c.rows, entry)), each);
    }
    for (entry, row) in c.rows.iter().enumerate() {
        if owned(*row as usize) {
            scalars(&entry_value(b, c, entry), each);
        }
    }
}
