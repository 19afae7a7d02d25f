//! What a search answer shows of a trace: metadata, spansets, and of each span the fields that the query speaks of.

use model::KeyValue;

use crate::answer::{SpanMatch, SpansetMatch, TraceMatch};
use crate::ast::{Attribute, Intrinsic};
use crate::pipeline::Spanset;
use crate::plan::{Leaf, List, Node, Plan, Source};
use crate::trace::Trace;
use crate::value::Value;
use crate::view::View;

pub(super) struct Shown {
    /// field numbers with the keys they are shown under
    fields: Vec<Field>,
    name: Option<usize>,
    /// conditions on events and links of the query's filters: of several events the one that met them is shown
    items: Vec<(List, Vec<Leaf>)>,
}

struct Field {
    number: usize,
    key: String,
    list: Option<List>,
}

impl Shown {
    pub fn new(plan: &Plan) -> Shown {
        let mut shown = Shown { fields: vec![], name: None, items: vec![] };
        for (i, a) in plan.fields.iter().enumerate() {
            let list = match a.source() {
                Source::List(l) => Some(l),
                _ => None,
            };
            use Intrinsic::*;
            match a {
                Attribute::Intrinsic(Name) => shown.name = Some(i),
                Attribute::Intrinsic(Duration | TraceDuration | RootName | RootService | TraceId | SpanId) => {}
                Attribute::Intrinsic(other) => shown.fields.push(Field { number: i, key: other.name().to_owned(), list }),
                Attribute::Named { name, .. } => shown.fields.push(Field { number: i, key: name.clone(), list }),
            }
        }
        plan.filters.iter().for_each(|f| collect_items(f, &mut shown.items));
        shown
    }

    pub fn trace(&self, trace: &Trace, plan: &Plan, sets: &[Spanset], per_spanset: usize) -> TraceMatch {
        let spanset = |set: &Spanset| SpansetMatch {
            spans: set.spans.iter().take(per_spanset).filter_map(|i| self.span(trace, plan, *i as usize)).collect(),
            matched: set.spans.len() as u32,
            attributes: set.attributes.clone(),
        };
        TraceMatch { spansets: sets.iter().map(spanset).collect(), ..TraceMatch::of(trace) }
    }

    fn span(&self, trace: &Trace, plan: &Plan, at: usize) -> Option<SpanMatch> {
        let s = trace.spans.get(at)?;
        let (view, row) = (&s.view, s.row);
        let shows =
            |field: usize, v: &Value| plan.uses.get(field).is_some_and(|u| u.fetched && !v.is_nil() || u.tests.iter().any(|t| t.holds(v)));
        let mut attributes = vec![];
        for f in &self.fields {
            let value = match f.list {
                Some(list) => self.item(view, row, f.number, list),
                None => view.value(f.number, row, Some((trace, at))),
            };
            if shows(f.number, &value) {
                attributes.push(KeyValue::new(f.key.as_str(), value.render()));
            }
        }
        let named = self.name.is_some_and(|n| shows(n, &view.value(n, row, None)));
        Some(SpanMatch {
            span_id: s.span_id(),
            name: named.then(|| view.batch.name(row).to_owned()),
            start: s.start(),
            duration_ns: view.batch.duration(row),
            attributes,
        })
    }

    /// A field of the event (link) that met the query's conditions, else of the first that has it.
    fn item<'a>(&self, view: &'a View, row: usize, field: usize, list: List) -> Value<'a> {
        let met = self.items.iter().filter(|(l, _)| *l == list).find_map(|(_, leaves)| view.first_same(list, leaves, row));
        match met.map(|item| view.item_value(field, item, row)) {
            Some(v) if !v.is_nil() => v,
            _ => view.items(list, row).map(|item| view.item_value(field, item, row)).find(|v| !v.is_nil()).unwrap_or(Value::Nil),
        }
    }
}

impl TraceMatch {
    /// The metadata of a trace, without spansets.
    pub(crate) fn of(trace: &Trace) -> TraceMatch {
        TraceMatch {
            trace_id: trace.id,
            root_service: trace.root_service().to_owned(),
            root_name: trace.root_name().to_owned(),
            start: trace.start,
            duration_ns: trace.duration(),
            service_stats: trace.service_stats(),
            spansets: vec![],
        }
    }
}

fn collect_items(node: &Node, out: &mut Vec<(List, Vec<Leaf>)>) {
    match node {
        Node::And(all) | Node::Or(all) => all.iter().for_each(|n| collect_items(n, out)),
        Node::Same(list, leaves) => out.push((*list, leaves.clone())),
        _ => {}
    }
}
