//! Calls between services: a span whose parent belongs to another service is a call from that service.

use std::collections::BTreeMap;

use query::{Budget, QueryError, SpanRange, SpanSource};
use rustc_hash::FxHashMap;

use crate::limits::MAX_DEPENDENCY_SPANS;

/// (caller, called) and how often, over the spans that start in the range.
pub fn edges(source: &dyn SpanSource, range: SpanRange, budget: &Budget) -> Result<BTreeMap<(String, String), u64>, QueryError> {
    let mut names: Vec<String> = vec![];
    let mut codes: FxHashMap<String, u32> = FxHashMap::default();
    let mut services: FxHashMap<([u8; 16], [u8; 8]), u32> = FxHashMap::default();
    let mut children = vec![];
    source.scan(range, budget, &mut |batch| {
        budget.check()?;
        let of_resource: Vec<u32> = batch
            .resources
            .iter()
            .map(|r| {
                let name = r.service_name().unwrap_or("");
                *codes.entry(name.to_owned()).or_insert_with(|| {
                    names.push(name.to_owned());
                    names.len() as u32 - 1
                })
            })
            .collect();
        for row in 0..batch.len() {
            if !(range.start..=range.end).contains(&batch.start[row]) {
                continue;
            }
            let service = of_resource[batch.resource[row] as usize];
            services.insert((batch.trace_id[row], batch.span_id[row]), service);
            if batch.parent_id[row] != [0; 8] {
                children.push((batch.trace_id[row], batch.span_id[row], batch.parent_id[row], service));
            }
        }
        if services.len() > MAX_DEPENDENCY_SPANS {
            return Err(QueryError::TooMuch(format!("more than {MAX_DEPENDENCY_SPANS} spans in the range; ask for a shorter lookback")));
        }
        Ok(true)
    })?;
    // A span sent twice is one call.
    children.sort_unstable();
    children.dedup();
    let mut out = BTreeMap::new();
    for (trace, _, parent, child) in children {
        if let Some(caller) = services.get(&(trace, parent)).filter(|c| **c != child) {
            *out.entry((names[*caller as usize].clone(), names[child as usize].clone())).or_insert(0) += 1;
        }
    }
    Ok(out)
}
