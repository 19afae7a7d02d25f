//! A whole trace: its times, its root, its tree.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use query::TraceSpans;
use rustc_hash::FxHashMap;

use crate::answer::{ROOT_MISSING, ServiceStats};
use crate::ast::Intrinsic;
use crate::eval::SpanAt;
use crate::plan::Plan;
use crate::value::Value;
use crate::view::{View, Views};

pub(crate) struct Trace {
    pub id: [u8; 16],
    /// by start, then arrival
    pub spans: Vec<SpanAt>,
    /// Unix nanoseconds
    pub start: u64,
    pub end: u64,
    root: Option<usize>,
    tree: OnceCell<Tree>,
}

/// Who is whose parent, and the nested-set numbers.
pub(crate) struct Tree {
    /// index of the parent span; `None` for roots and orphans
    pub parent: Vec<Option<usize>>,
    /// parents before their children
    pub order: Vec<usize>,
    /// 0, 0, 0 for spans that hang from no root
    nested: Vec<[i64; 3]>,
    children: Vec<u32>,
}

impl Trace {
    /// Puts the spans of one trace together; `None` if there are none.
    pub fn new(spans: &TraceSpans, plan: &Plan, views: &mut Views) -> Option<Trace> {
        let first = spans.spans.first()?;
        let id = *first.batch.trace_id.get(first.row as usize)?;
        let mut last: Option<Rc<View>> = None;
        let mut all: Vec<SpanAt> = Vec::with_capacity(spans.spans.len());
        for s in &spans.spans {
            // Neighbours mostly lie in one batch.
            let view = match last.take() {
                Some(v) if Arc::ptr_eq(&v.batch, &s.batch) => v,
                _ => views.of(&s.batch, plan),
            };
            last = Some(view.clone());
            if (s.row as usize) < view.batch.len() {
                all.push(SpanAt { view, row: s.row as usize });
            }
        }
        let spans = all;
        let start = spans.iter().map(SpanAt::start).min()?;
        let end = spans.iter().map(SpanAt::end).max()?.max(start);
        // Of several roots the last one stands for the trace.
        let root = spans.iter().rposition(|s| s.parent_id() == [0; 8]);
        Some(Trace { id, spans, start, end, root, tree: OnceCell::new() })
    }

    pub fn duration(&self) -> u64 {
        self.end - self.start
    }

    pub fn overlaps(&self, range: (u64, u64)) -> bool {
        self.start <= range.1 && self.end >= range.0
    }

    pub fn root_name(&self) -> &str {
        self.root.and_then(|r| self.spans.get(r)).map_or("", |s| s.view.batch.name(s.row))
    }

    pub fn root_service(&self) -> &str {
        match self.root.and_then(|r| self.spans.get(r)) {
            Some(s) => s.service().unwrap_or(""),
            None => ROOT_MISSING,
        }
    }

    /// Spans and errors per service; spans without service.name count under the empty name.
    pub fn service_stats(&self) -> BTreeMap<String, ServiceStats> {
        let mut out: BTreeMap<String, ServiceStats> = BTreeMap::new();
        for s in &self.spans {
            let name = s.service().unwrap_or("");
            if !out.contains_key(name) {
                out.insert(name.to_owned(), ServiceStats::default());
            }
            if let Some(stats) = out.get_mut(name) {
                stats.spans += 1;
                stats.errors += u32::from(s.view.batch.status.get(s.row) == Some(&model::status::ERROR));
            }
        }
        out
    }

    /// A field that belongs to the trace, for the span at `at`.
    pub fn intrinsic(&self, i: Intrinsic, at: usize) -> Value<'static> {
        let nested = |part: usize| self.tree().nested.get(at).and_then(|n| n.get(part)).map_or(Value::Nil, |n| Value::Int(*n));
        match i {
            Intrinsic::TraceDuration => Value::Duration(self.duration().min(i64::MAX as u64) as i64),
            Intrinsic::RootName => Value::Str(self.root_name().to_owned().into()),
            Intrinsic::RootService => Value::Str(self.root_service().to_owned().into()),
            Intrinsic::NestedSetLeft => nested(0),
            Intrinsic::NestedSetRight => nested(1),
            Intrinsic::NestedSetParent => nested(2),
            Intrinsic::ChildCount => self.tree().children.get(at).map_or(Value::Nil, |n| Value::Int(i64::from(*n))),
            _ => Value::Nil,
        }
    }

    pub fn tree(&self) -> &Tree {
        self.tree.get_or_init(|| Tree::new(&self.spans))
    }
}

impl Tree {
    fn new(spans: &[SpanAt]) -> Tree {
        let n = spans.len();
        let mut by_id: FxHashMap<[u8; 8], Vec<usize>> = FxHashMap::default();
        for (i, s) in spans.iter().enumerate() {
            by_id.entry(s.span_id()).or_default().push(i);
        }
        let is = |i: usize, kind: u8| spans.get(i).is_some_and(|s| s.view.batch.kind.get(s.row) == Some(&kind));
        let mut parent: Vec<Option<usize>> = vec![None; n];
        for (i, s) in spans.iter().enumerate() {
            // Zipkin shares one id between a client span and its server span: the server's parent is the client, children are the server's.
            let twins = by_id.get(&s.span_id()).map(Vec::as_slice).unwrap_or_default();
            if let [a, b] = twins
                && is(i, model::kind::SERVER)
                && let Some(client) = [*a, *b].into_iter().find(|t| *t != i && is(*t, model::kind::CLIENT))
            {
                parent[i] = Some(client);
                continue;
            }
            if s.parent_id() == [0; 8] {
                continue;
            }
            parent[i] = match by_id.get(&s.parent_id()).map(Vec::as_slice) {
                Some([one]) => Some(*one),
                Some([a, b]) => Some(if is(*b, model::kind::SERVER) { *b } else { *a }),
                Some(many) => many.first().copied(),
                None => None,
            }
            .filter(|p| *p != i);
        }
        let mut children: Vec<Vec<usize>> = vec![vec![]; n];
        for i in by_arrival(spans) {
            if let Some(c) = parent[i].and_then(|p| children.get_mut(p)) {
                c.push(i);
            }
        }
        let (order, nested) = number(spans, &mut parent, &children);
        Tree { order, nested, children: children.iter().map(|c| c.len() as u32).collect(), parent }
    }
}

/// Within a batch spans are numbered as they came, which their starts do not tell.
fn by_arrival(spans: &[SpanAt]) -> Vec<usize> {
    let mut batches: FxHashMap<*const View, usize> = FxHashMap::default();
    let mut keyed: Vec<(usize, usize, usize)> = vec![];
    for (i, s) in spans.iter().enumerate() {
        let next = batches.len();
        keyed.push((*batches.entry(Rc::as_ptr(&s.view)).or_insert(next), s.row, i));
    }
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, _, i)| i).collect()
}

/// Depth-first numbers from each root; then orphans and loops, which are ordered but not numbered.
fn number(spans: &[SpanAt], parent: &mut [Option<usize>], children: &[Vec<usize>]) -> (Vec<usize>, Vec<[i64; 3]>) {
    let n = spans.len();
    let (mut order, mut nested, mut seen) = (Vec::with_capacity(n), vec![[0i64; 3]; n], vec![false; n]);
    let mut next = 1i64;
    let roots = (0..n).filter(|i| parent[*i].is_none());
    let (real, orphans): (Vec<usize>, Vec<usize>) = roots.partition(|i| spans[*i].parent_id() == [0; 8]);
    for (start, numbered) in real.iter().map(|r| (*r, true)).chain(orphans.iter().map(|o| (*o, false))) {
        // (span, next child to visit)
        let mut stack = vec![(start, 0usize)];
        while let Some((i, child)) = stack.pop() {
            if child == 0 {
                if std::mem::replace(&mut seen[i], true) {
                    continue;
                }
                order.push(i);
                if numbered {
                    nested[i][0] = next;
                    nested[i][2] = parent[i].map_or(-1, |p| nested[p][0]);
                    next += 1;
                }
            }
            if let Some(c) = children[i].get(child) {
                stack.push((i, child + 1));
                stack.push((*c, 0));
            } else if numbered {
                nested[i][1] = next;
                next += 1;
            }
        }
    }
    // Spans that are each other's ancestors are cut loose.
    for i in 0..n {
        if !seen[i] {
            parent[i] = None;
            order.push(i);
        }
    }
    (order, nested)
}

impl SpanAt {
    pub fn start(&self) -> u64 {
        self.view.batch.start.get(self.row).copied().unwrap_or(0)
    }

    pub fn end(&self) -> u64 {
        self.view.batch.end.get(self.row).copied().unwrap_or(0)
    }

    pub fn span_id(&self) -> [u8; 8] {
        self.view.batch.span_id.get(self.row).copied().unwrap_or_default()
    }

    pub fn parent_id(&self) -> [u8; 8] {
        self.view.batch.parent_id.get(self.row).copied().unwrap_or_default()
    }

    fn service(&self) -> Option<&str> {
        let resource = *self.view.batch.resource.get(self.row)?;
        self.view.batch.resources.get(resource as usize)?.service_name()
    }
}
