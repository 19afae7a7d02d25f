//! A trace as a tree of plain spans: what a comparison looks at.

use proto::opentelemetry::proto::common::v1::any_value::Value as Any;
use proto::opentelemetry::proto::trace::v1::status::StatusCode;
use proto::tempopb::Trace;
use rustc_hash::FxHashMap;
use serde_json::{Map, Value, json};

use crate::json::plain_attributes;

/// Jaeger's words are the diff's words too.
use crate::jaeger::KINDS;

pub struct Node {
    pub service: String,
    pub name: String,
    pub kind: &'static str,
    pub status: &'static str,
    pub start: u64,
    /// nanoseconds; `None` where a time is missing or the end lies before the start
    pub duration: Option<u64>,
    pub attributes: Map<String, Value>,
    pub parent: Option<usize>,
    pub children: Vec<usize>,
    /// sibling indexes from the root
    pub path: Vec<usize>,
}

pub struct Tree {
    pub trace_id: String,
    /// every span after its parent; siblings by start, then service and name
    pub nodes: Vec<Node>,
    pub roots: Vec<usize>,
    /// span ids that occur more than once
    pub repeated_ids: usize,
}

impl Node {
    /// What makes two spans the same operation.
    pub fn key(&self) -> (&str, &str, &str) {
        (&self.service, &self.name, self.kind)
    }

    pub fn reference(&self) -> Value {
        json!({"path": self.path, "service": self.service, "name": self.name, "kind": self.kind})
    }

    pub fn is_error(&self) -> bool {
        self.status == "error"
    }
}

impl Tree {
    pub fn new(trace: &Trace) -> Tree {
        let (mut flat, mut ids, mut trace_id) = (vec![], vec![], String::new());
        for batch in &trace.resource_spans {
            let resource = batch.resource.as_ref().map_or(&[][..], |r| &r.attributes);
            let service = resource.iter().find(|kv| kv.key == "service.name").and_then(|kv| kv.value.as_ref()?.value.as_ref());
            let service = if let Some(Any::StringValue(s)) = service { s.clone() } else { String::new() };
            for s in batch.scope_spans.iter().flat_map(|s| &s.spans) {
                trace_id = hex::encode(&s.trace_id);
                ids.push((s.span_id.clone(), s.parent_span_id.clone()));
                let valid = s.start_time_unix_nano > 0 && s.end_time_unix_nano >= s.start_time_unix_nano;
                let status = s.status.as_ref().and_then(|st| StatusCode::try_from(st.code).ok()).unwrap_or_default();
                flat.push(Node {
                    service: service.clone(),
                    name: s.name.clone(),
                    kind: usize::try_from(s.kind)
                        .ok()
                        .and_then(|k| KINDS.get(k))
                        .copied()
                        .filter(|k| !k.is_empty())
                        .unwrap_or("unspecified"),
                    status: match status {
                        StatusCode::Unset => "unset",
                        StatusCode::Ok => "ok",
                        StatusCode::Error => "error",
                    },
                    start: s.start_time_unix_nano,
                    duration: valid.then(|| s.end_time_unix_nano - s.start_time_unix_nano),
                    attributes: plain_attributes(&s.attributes),
                    parent: None,
                    children: vec![],
                    path: vec![],
                });
            }
        }
        let by_id: FxHashMap<&[u8], usize> = ids.iter().enumerate().map(|(i, (id, _))| (&id[..], i)).collect();
        let parents: Vec<Option<usize>> =
            ids.iter().enumerate().map(|(i, (_, p))| by_id.get(&p[..]).copied().filter(|p| *p != i)).collect();
        ordered(trace_id, flat, &parents, ids.len() - by_id.len())
    }

    /// The end of the last span less the start of the first, nanoseconds.
    pub fn latency(&self) -> u64 {
        let valid = || self.nodes.iter().filter_map(|n| Some((n.start, n.start + n.duration?)));
        let (start, end) = (valid().map(|v| v.0).min().unwrap_or(0), valid().map(|v| v.1).max().unwrap_or(0));
        end - start
    }

    /// The sum of all durations, nanoseconds.
    pub fn work(&self) -> u64 {
        self.nodes.iter().filter_map(|n| n.duration).sum()
    }

    pub fn errors(&self) -> usize {
        self.nodes.iter().filter(|n| n.is_error()).count()
    }
}

/// Puts parents before children, so that paths are known from the front; a cycle hangs on its first span.
fn ordered(trace_id: String, flat: Vec<Node>, parents: &[Option<usize>], repeated_ids: usize) -> Tree {
    let mut children = vec![vec![]; flat.len()];
    let mut roots = vec![];
    for (i, p) in parents.iter().enumerate() {
        match p {
            Some(p) => children[*p].push(i),
            None => roots.push(i),
        }
    }
    let sort = |all: &mut Vec<usize>| all.sort_by_key(|i| (flat[*i].start, flat[*i].key(), *i));
    children.iter_mut().for_each(sort);
    sort(&mut roots);
    let mut place: Vec<Option<usize>> = vec![None; flat.len()];
    let mut order: Vec<(usize, Option<usize>, Vec<usize>)> = vec![];
    let mut top = 0;
    for candidate in roots.into_iter().chain(0..flat.len()) {
        if place[candidate].is_some() {
            continue;
        }
        let mut open = vec![(candidate, None, vec![top])];
        top += 1;
        while let Some((i, parent, path)) = open.pop() {
            if place[i].is_some() {
                continue;
            }
            place[i] = Some(order.len());
            let at = order.len();
            for (n, child) in children[i].iter().enumerate().rev() {
                let mut below = path.clone();
                below.push(n);
                open.push((*child, Some(at), below));
            }
            order.push((i, parent, path));
        }
    }
    let mut flat: Vec<Option<Node>> = flat.into_iter().map(Some).collect();
    let mut tree = Tree { trace_id, nodes: vec![], roots: vec![], repeated_ids };
    for (i, parent, path) in order {
        let at = tree.nodes.len();
        let Some(node) = flat[i].take() else { continue };
        match parent {
            Some(p) => tree.nodes[p].children.push(at),
            None => tree.roots.push(at),
        }
        tree.nodes.push(Node { parent, path, ..node });
    }
    tree
}
