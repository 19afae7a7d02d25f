//! For tests: spans written as text, and a source that holds batches in memory.
//!
//! A line is a span: `trace/span[<parent] service "name" start+duration key=value ...`, times in milliseconds, ids in hex. Keys are
//! `kind`, `status`, `message`, `scope`, `span.x`, `resource.x`, `instrumentation.x`; `event:NAME@MS` and `link:TRACE/SPAN` start an event or a
//! link that the following `event.x` or `link.x` belong to. Values are JSON-like: `"text"`, `1`, `1.5`, `true`, `[1,2]`. `--` starts the next batch.

use std::sync::Arc;

use model::{AnyValue, KeyValue, Resource, Scope, SpanBatch, SpanBatchBuilder, SpanHead};
use query::{Budget, QueryError, SpanRange, SpanRef, SpanSource, TraceSpans};
use rustc_hash::FxHashMap;

use crate::names::{kind_text, status_text};

/// Batches in memory, scanned as a store would.
#[derive(Debug, Clone, Default)]
pub struct MemorySource {
    batches: Vec<Arc<SpanBatch>>,
    /// batch and row of every span
    by_trace: FxHashMap<[u8; 16], Vec<(usize, u32)>>,
}

impl MemorySource {
    pub fn new(batches: impl IntoIterator<Item = SpanBatch>) -> MemorySource {
        let mut batches: Vec<_> = batches.into_iter().filter(|b| !b.is_empty()).map(Arc::new).collect();
        batches.sort_by_key(|b| std::cmp::Reverse(b.max_start));
        let mut by_trace: FxHashMap<[u8; 16], Vec<(usize, u32)>> = FxHashMap::default();
        for (i, b) in batches.iter().enumerate() {
            for (row, id) in b.trace_id.iter().enumerate() {
                by_trace.entry(*id).or_default().push((i, row as u32));
            }
        }
        MemorySource { batches, by_trace }
    }

    pub fn batches(&self) -> &[Arc<SpanBatch>] {
        &self.batches
    }
}

impl SpanSource for MemorySource {
    fn scan(
        &self,
        range: SpanRange,
        _: &Budget,
        each: &mut dyn FnMut(&Arc<SpanBatch>) -> Result<bool, QueryError>,
    ) -> Result<(), QueryError> {
        for b in self.batches.iter().filter(|b| b.min_start <= range.end && b.max_end.max(b.max_start) >= range.start) {
            if !each(b)? {
                break;
            }
        }
        Ok(())
    }

    fn trace(&self, id: &[u8; 16], _: &Budget) -> Result<TraceSpans, QueryError> {
        let mut spans: Vec<SpanRef> = vec![];
        for (batch, row) in self.by_trace.get(id).into_iter().flatten() {
            let (b, at) = (&self.batches[*batch], *row as usize);
            let same = |s: &SpanRef| {
                let r = s.row as usize;
                s.batch.span_id[r] == b.span_id[at] && s.batch.start[r] == b.start[at] && s.batch.kind[r] == b.kind[at]
            };
            if !spans.iter().any(same) {
                spans.push(SpanRef { batch: b.clone(), row: *row });
            }
        }
        spans.sort_by_key(|s| s.batch.start[s.row as usize]);
        Ok(TraceSpans { spans })
    }
}

/// The spans of a text. Errors name the line.
pub fn spans(text: &str) -> Result<MemorySource, String> {
    let mut batches = vec![SpanBatchBuilder::default()];
    for line in text.lines().map(str::trim).filter(|l| !l.is_empty()) {
        if line == "--" {
            batches.push(SpanBatchBuilder::default());
            continue;
        }
        if let Some(b) = batches.last_mut() {
            span(line, b).map_err(|e| format!("{line}: {e}"))?;
        }
    }
    Ok(MemorySource::new(batches.into_iter().map(SpanBatchBuilder::finish)))
}

fn span(line: &str, b: &mut SpanBatchBuilder) -> Result<(), String> {
    let words = words(line);
    let [ids, service, name, times, rest @ ..] = words.as_slice() else { return Err("id, service, name and times are needed".into()) };
    let (own, parent) = ids.split_once('<').unwrap_or((ids, "0"));
    let (trace, own) = own.split_once('/').ok_or("the id is trace/span")?;
    let (start, length) = times.split_once('+').ok_or("the times are start+duration")?;
    let mut head = SpanHead {
        trace_id: id(trace)?,
        span_id: id(own)?,
        parent_id: id(parent)?,
        start: nanoseconds(start)?,
        name: b.dict().code(name.trim_matches('"')),
        ..SpanHead::default()
    };
    head.end = head.start + nanoseconds(length)?;
    let (mut resource, mut scope) = (Resource::default(), Scope::default());
    if service != "-" {
        resource.attrs.push(KeyValue::new("service.name", AnyValue::Str(service.clone())));
    }
    let pairs: Vec<(&str, &str)> = rest.iter().map(|w| w.split_once('=').unwrap_or((w, ""))).collect();
    for (key, text) in &pairs {
        match *key {
            "kind" => head.kind = (0..6).find(|k| kind_text(*k) == *text).ok_or("no such kind")?,
            "status" => head.status = (0..3).find(|s| status_text(*s) == *text).ok_or("no such status")?,
            "message" => head.status_message = b.dict().code(text.trim_matches('"')),
            "scope" => scope.name = text.trim_matches('"').into(),
            _ => {
                if let Some(k) = key.strip_prefix("resource.") {
                    resource.attrs.push(KeyValue::new(k, value(text)));
                }
                if let Some(k) = key.strip_prefix("instrumentation.") {
                    scope.attrs.push(KeyValue::new(k, value(text)));
                }
            }
        }
    }
    head.resource = b.resource(resource);
    head.scope = b.scope(scope);
    b.span(head);
    for (key, text) in &pairs {
        if let Some(k) = key.strip_prefix("span.") {
            let k = b.dict().code(k);
            b.attr(k, value(text));
        } else if let Some(k) = key.strip_prefix("event.") {
            let k = b.dict().code(k);
            b.event_attr(k, value(text));
        } else if let Some(k) = key.strip_prefix("link.") {
            let k = b.dict().code(k);
            b.link_attr(k, value(text));
        } else if let Some(event) = key.strip_prefix("event:") {
            let (name, at) = event.split_once('@').unwrap_or((event, "0"));
            let name = b.dict().code(name);
            b.event(head.start + nanoseconds(at)?, name, 0);
        } else if let Some(link) = key.strip_prefix("link:") {
            let (trace, span) = link.split_once('/').ok_or("a link is trace/span")?;
            b.link(id(trace)?, id(span)?, 0, 0, 0);
        }
    }
    Ok(())
}

/// Split at blanks outside of quotes.
fn words(line: &str) -> Vec<String> {
    let (mut out, mut quoted) = (vec![String::new()], false);
    for c in line.chars() {
        quoted ^= c == '"';
        match out.last_mut() {
            Some(last) if !c.is_whitespace() || quoted => last.push(c),
            Some(last) if !last.is_empty() => out.push(String::new()),
            _ => {}
        }
    }
    out.retain(|w| !w.is_empty());
    out
}

fn id<const N: usize>(text: &str) -> Result<[u8; N], String> {
    let mut out = [0; N];
    hex::decode_to_slice(format!("{text:0>width$}", width = 2 * N), &mut out).map_err(|e| format!("{text}: {e}"))?;
    Ok(out)
}

fn nanoseconds(milliseconds: &str) -> Result<u64, String> {
    milliseconds.parse::<f64>().map(|ms| (ms * 1e6) as u64).map_err(|e| format!("{milliseconds}: {e}"))
}

fn value(text: &str) -> AnyValue {
    if let Some(list) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        return AnyValue::Array(list.split(',').filter(|p| !p.is_empty()).map(value).collect());
    }
    if let Some(t) = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) {
        return AnyValue::Str(t.into());
    }
    if let Ok(i) = text.parse() {
        return AnyValue::Int(i);
    }
    if let Ok(f) = text.parse() {
        return AnyValue::Double(f);
    }
    match text {
        "true" | "false" => AnyValue::Bool(text == "true"),
        _ => AnyValue::Empty,
    }
}
