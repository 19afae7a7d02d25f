//! /metadata: what metric families say of themselves.

use query::MetricSource;

use crate::call::{Answer, Call};
use crate::json::{push_key, push_str};
use crate::reply::Reply;

/// `{name:[{type,unit,help}]}`; a family is only listed with at least one entry.
pub async fn metadata(call: Call) -> Answer {
    call.read(None, |call, source, _| {
        let p = &call.params;
        let limit = p.number("limit")?.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
        let per_metric = p.number("limit_per_metric")?.and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0).unwrap_or(usize::MAX);
        let found = source.metadata(Some(p.get("metric")).filter(|m| !m.is_empty()));
        Ok(Reply::write(|out| {
            out.push(b'{');
            for family in found.chunk_by(|a, b| a.metric == b.metric).take(limit) {
                push_key(out, &family[0].metric);
                out.push(b'[');
                for (i, m) in family.iter().take(per_metric).enumerate() {
                    out.extend_from_slice(if i > 0 { b",{" } else { b"{" });
                    for (key, value) in [("type", m.kind.as_str()), ("unit", &m.unit), ("help", &m.help)] {
                        push_key(out, key);
                        push_str(out, value);
                    }
                    out.push(b'}');
                }
                out.push(b']');
            }
            out.push(b'}');
        }))
    })
    .await
}
