//! Zipkin lets a client span and the server span it causes share one id. A tree needs distinct ids: the server's copy gets a fresh one,
//! becomes the child of the client's span, and the shared id's children move below it.

use proto::opentelemetry::proto::trace::v1::span::SpanKind;
use proto::opentelemetry::proto::trace::v1::{ResourceSpans, Span};
use rustc_hash::{FxHashMap, FxHashSet};

/// Gives server spans that share an id with a client span an id of their own.
pub fn separate(batches: &mut [ResourceSpans]) {
    let mut clients = FxHashSet::default();
    let mut servers = FxHashSet::default();
    let mut ids = FxHashSet::default();
    for s in spans(batches) {
        ids.insert(s.span_id.clone());
        if s.kind == SpanKind::Client as i32 {
            clients.insert(s.span_id.clone());
        } else if s.kind == SpanKind::Server as i32 {
            servers.insert(s.span_id.clone());
        }
    }
    let mut fresh = FxHashMap::default();
    for shared in clients.intersection(&servers) {
        let id = unused(shared, &ids);
        ids.insert(id.clone());
        fresh.insert(shared.clone(), id);
    }
    if fresh.is_empty() {
        return;
    }
    for s in batches.iter_mut().flat_map(|b| &mut b.scope_spans).flat_map(|s| &mut s.spans) {
        if let Some(id) = fresh.get(&s.parent_span_id) {
            s.parent_span_id = id.clone();
        }
        if s.kind == SpanKind::Server as i32
            && let Some(id) = fresh.get(&s.span_id)
        {
            s.parent_span_id = std::mem::replace(&mut s.span_id, id.clone());
        }
    }
}

fn spans(batches: &[ResourceSpans]) -> impl Iterator<Item = &Span> {
    batches.iter().flat_map(|b| &b.scope_spans).flat_map(|s| &s.spans)
}

/// The next id after this one that no span of the trace has; the same trace gives the same ids each time.
fn unused(id: &[u8], taken: &FxHashSet<Vec<u8>>) -> Vec<u8> {
    let mut bytes = [0; 8];
    for (to, from) in bytes.iter_mut().zip(id) {
        *to = *from;
    }
    let mut n = u64::from_be_bytes(bytes);
    loop {
        n = n.wrapping_add(1).max(1);
        let next = n.to_be_bytes().to_vec();
        if !taken.contains(&next) {
            return next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::opentelemetry::proto::trace::v1::ScopeSpans;

    #[track_caller]
    fn check(input: &[(u8, u8, SpanKind)], want: &[(u8, u8)]) {
        let id = |v: u8| if v == 0 { vec![] } else { vec![0, 0, 0, 0, 0, 0, 0, v] };
        let spans = input
            .iter()
            .map(|(i, p, kind)| Span { span_id: id(*i), parent_span_id: id(*p), kind: *kind as i32, ..Span::default() })
            .collect();
        let scope = ScopeSpans { scope: None, spans, schema_url: String::new() };
        let mut all = [ResourceSpans { resource: None, scope_spans: vec![scope], schema_url: String::new() }];
        separate(&mut all);
        let last = |v: &[u8]| v.last().copied().unwrap_or(0);
        let got: Vec<_> = super::spans(&all).map(|s| (last(&s.span_id), last(&s.parent_span_id))).collect();
        assert_eq!(got, want);
    }

    #[test]
    fn shared_ids_are_told_apart() {
        use SpanKind::{Client, Internal, Server};
        check(&[(1, 0, Client), (1, 0, Server), (2, 1, Internal)], &[(1, 0), (3, 1), (2, 3)]);
        check(&[(1, 0, Server), (2, 1, Client), (3, 2, Server)], &[(1, 0), (2, 1), (3, 2)]);
    }
}
