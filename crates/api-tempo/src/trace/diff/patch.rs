//! The difference as a patch (`trace-patch-v0`): every modified, added and removed span.

use serde_json::{Value, json};

use super::matching::{Matching, changes, warnings};
use super::tree::{Node, Tree};

pub fn render(base: &Tree, compare: &Tree, matched: &Matching) -> Value {
    let (mut modified, mut fields, mut attributes) = (vec![], 0, 0);
    for (b, c) in &matched.pairs {
        let all = changes(&base.nodes[*b], &compare.nodes[*c]);
        if all.is_empty() {
            continue;
        }
        let of_attributes = all.iter().filter(|c| c.attribute.is_some()).count();
        attributes += of_attributes;
        fields += all.len() - of_attributes;
        modified.push(json!({"span": base.nodes[*b].reference(), "changes": all.iter().map(|c| c.render()).collect::<Vec<_>>()}));
    }
    let added: Vec<Value> = matched.added.iter().map(|c| added(&compare.nodes[*c])).collect();
    let removed: Vec<Value> = matched
        .removed
        .iter()
        .map(|b| json!({"target": {"type": "span", "path": base.nodes[*b].path}, "span": snapshot(&base.nodes[*b])}))
        .collect();
    json!({
        "version": "trace-patch-v0",
        "base": {"traceId": base.trace_id, "spanCount": base.nodes.len()},
        "compare": {"traceId": compare.trace_id, "spanCount": compare.nodes.len()},
        "stats": {
            "spanCountA": base.nodes.len(), "spanCountB": compare.nodes.len(), "matchedSpans": matched.pairs.len(),
            "modifiedSpans": modified.len(), "addedSpans": added.len(), "removedSpans": removed.len(),
            "fieldChanges": fields, "attributeChanges": attributes, "eventChanges": 0, "truncated": false,
        },
        "modified": modified,
        "added": added,
        "removed": removed,
        "warnings": warnings(base, compare, matched),
    })
}

fn added(n: &Node) -> Value {
    let (parent, index) = n.path.split_at(n.path.len().saturating_sub(1));
    json!({"target": {"type": "span", "parentPath": parent, "index": index.first()}, "span": snapshot(n)})
}

fn snapshot(n: &Node) -> Value {
    json!({
        "path": n.path, "service": n.service, "name": n.name, "kind": n.kind,
        "duration_nanos": n.duration.unwrap_or(0), "status": n.status,
    })
}
