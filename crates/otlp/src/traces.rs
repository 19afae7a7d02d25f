//! Spans: an ExportTraceServiceRequest into one `SpanBatch`.

use model::{AnyValue, KeyValue, SpanBatch, SpanBatchBuilder, SpanHead, kind, status};

use crate::limits::{MAX_ITEMS, MAX_SPAN_PARTS};
use crate::options::TraceSettings;
use crate::partial::Partial;
use crate::value::{self, Value, id, key_value};
use crate::wire::{self, Reader};
use crate::{DecodeError, Decoded};

/// Reads the whole request; spans without a valid trace id are rejected.
pub fn decode(bytes: &[u8], settings: &TraceSettings) -> Result<Decoded<SpanBatch>, DecodeError> {
    let mut d = Decoder { out: SpanBatchBuilder::default(), partial: Partial::default(), parts: Parts::default(), settings, all_parts: 0 };
    let mut r = Reader::new(bytes);
    while let Some((number, field)) = r.next()? {
        if number == 1 {
            d.resource_spans(field.len("resource_spans")?)?;
        }
    }
    let (items, rejected, message) = (d.out.len() as u64, d.partial.rejected, d.partial.message());
    Ok(Decoded { batch: d.out.finish(), items, rejected, message })
}

struct Decoder<'a, 's> {
    out: SpanBatchBuilder,
    partial: Partial,
    parts: Parts<'a>,
    settings: &'s TraceSettings,
    /// attributes, events and links so far
    all_parts: usize,
}

/// A span's repeated fields, collected while its single fields are read; kept to reuse the allocation.
#[derive(Default)]
struct Parts<'a> {
    attrs: Vec<&'a [u8]>,
    events: Vec<&'a [u8]>,
    links: Vec<&'a [u8]>,
}

impl<'a> Decoder<'a, '_> {
    fn resource_spans(&mut self, bytes: &'a [u8]) -> Result<(), DecodeError> {
        let envelope = value::resource_envelope(bytes)?;
        let mut resource = value::resource(envelope.resource)?;
        resource.schema_url = envelope.schema_url.into_owned();
        cut_all(self.settings, &mut resource.attrs);
        let resource = self.out.resource(resource);
        for bytes in envelope.scopes {
            let envelope = value::scope_envelope(bytes)?;
            let mut scope = value::scope(envelope.resource)?;
            scope.schema_url = envelope.schema_url.into_owned();
            cut_all(self.settings, &mut scope.attrs);
            let scope = self.out.scope(scope);
            for span in envelope.scopes {
                self.span(span, resource, scope)?;
            }
        }
        Ok(())
    }

    fn span(&mut self, bytes: &'a [u8], resource: u32, scope: u32) -> Result<(), DecodeError> {
        let mut h = SpanHead { resource, scope, ..SpanHead::default() };
        let mut bad = None;
        let mut parts = std::mem::take(&mut self.parts);
        parts.attrs.clear();
        parts.events.clear();
        parts.links.clear();
        let mut r = Reader::new(bytes);
        while let Some((number, field)) = r.next()? {
            match number {
                1 => match id(field.len("Span.trace_id")?) {
                    Some(id) => h.trace_id = id,
                    None => bad = Some("a span's trace_id is not 16 bytes long"),
                },
                2 => match id(field.len("Span.span_id")?) {
                    Some(id) => h.span_id = id,
                    None => bad = Some("a span's span_id is not 8 bytes long"),
                },
                3 => h.trace_state = self.out.dict().code(&field.text("Span.trace_state")?),
                4 => match id(field.len("Span.parent_span_id")?) {
                    Some(id) => h.parent_id = id,
                    None => bad = Some("a span's parent_span_id is not 8 bytes long"),
                },
                5 => h.name = self.out.dict().code(&field.text("Span.name")?),
                6 => h.kind = small(field.varint("Span.kind")?, kind::CONSUMER),
                7 => h.start = field.fixed64("Span.start_time_unix_nano")?,
                8 => h.end = field.fixed64("Span.end_time_unix_nano")?,
                9 => parts.attrs.push(field.len("Span.attributes")?),
                10 => h.dropped_attributes = field.varint("Span.dropped_attributes_count")? as u32,
                11 => parts.events.push(field.len("Span.events")?),
                12 => h.dropped_events = field.varint("Span.dropped_events_count")? as u32,
                13 => parts.links.push(field.len("Span.links")?),
                14 => h.dropped_links = field.varint("Span.dropped_links_count")? as u32,
                15 => self.status(field.len("Span.status")?, &mut h)?,
                16 => h.flags = field.fixed32("Span.flags")?,
                _ => {}
            }
        }
        if bad.is_none() && h.trace_id == [0; 16] {
            bad = Some("a span has no trace_id");
        }
        self.all_parts += parts.attrs.len() + parts.events.len() + parts.links.len();
        if self.out.len() as u64 >= MAX_ITEMS || self.all_parts > MAX_SPAN_PARTS {
            bad = Some("the request has too many spans, attributes, events or links");
        }
        match bad {
            Some(reason) => self.partial.reject(1, reason),
            None => {
                self.out.span(h);
                for part in &parts.attrs {
                    self.attr(part)?;
                }
                for part in &parts.events {
                    self.event(part)?;
                }
                for part in &parts.links {
                    self.link(part)?;
                }
            }
        }
        self.parts = parts;
        Ok(())
    }

    fn status(&mut self, bytes: &[u8], h: &mut SpanHead) -> Result<(), DecodeError> {
        let mut r = Reader::new(bytes);
        while let Some((number, field)) = r.next()? {
            match number {
                2 => h.status_message = self.out.dict().code(&field.text("Status.message")?),
                3 => h.status = small(field.varint("Status.code")?, status::ERROR),
                _ => {}
            }
        }
        Ok(())
    }

    fn attr(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        let (key, val) = key_value(bytes)?;
        let key = self.out.dict().code(cut(self.settings, &wire::text(key)));
        match val {
            Value::Str(s) => {
                let code = self.out.dict().code(cut(self.settings, &s));
                self.out.attr_code(key, code);
            }
            other => self.out.attr(key, other.to_owned()?),
        }
        Ok(())
    }

    fn event(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        let (mut r, mut time, mut name, mut dropped) = (Reader::new(bytes), 0, 0, 0);
        while let Some((number, field)) = r.next()? {
            match number {
                1 => time = field.fixed64("Event.time_unix_nano")?,
                2 => name = self.out.dict().code(&field.text("Event.name")?),
                4 => dropped = field.varint("Event.dropped_attributes_count")? as u32,
                _ => {}
            }
        }
        self.out.event(time, name, dropped);
        let mut r = Reader::new(bytes);
        while let Some((number, field)) = r.next()? {
            if number == 3
                && let Some((key, val)) = self.pair(field.len("Event.attributes")?)?
            {
                self.out.event_attr(key, val);
            }
        }
        Ok(())
    }

    fn link(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        let (mut trace_id, mut span_id, mut state, mut flags, mut dropped) = (Some([0; 16]), Some([0; 8]), 0, 0, 0);
        let mut r = Reader::new(bytes);
        while let Some((number, field)) = r.next()? {
            match number {
                1 => trace_id = id(field.len("Link.trace_id")?),
                2 => span_id = id(field.len("Link.span_id")?),
                3 => state = self.out.dict().code(&field.text("Link.trace_state")?),
                5 => dropped = field.varint("Link.dropped_attributes_count")? as u32,
                6 => flags = field.fixed32("Link.flags")?,
                _ => {}
            }
        }
        let (Some(trace_id), Some(span_id)) = (trace_id, span_id) else {
            self.partial.warn("a link with an id of the wrong length was left out");
            return Ok(());
        };
        self.out.link(trace_id, span_id, state, flags, dropped);
        let mut r = Reader::new(bytes);
        while let Some((number, field)) = r.next()? {
            if number == 4
                && let Some((key, val)) = self.pair(field.len("Link.attributes")?)?
            {
                self.out.link_attr(key, val);
            }
        }
        Ok(())
    }

    /// An attribute of an event or link; `None` if there are too many.
    fn pair(&mut self, bytes: &[u8]) -> Result<Option<(u32, AnyValue)>, DecodeError> {
        self.all_parts += 1;
        if self.all_parts > MAX_SPAN_PARTS {
            self.partial.warn("the request has too many attributes of events and links, the last were left out");
            return Ok(None);
        }
        let (key, val) = key_value(bytes)?;
        let code = self.out.dict().code(cut(self.settings, &wire::text(key)));
        let mut val = val.to_owned()?;
        cut_value(self.settings, &mut val);
        Ok(Some((code, val)))
    }
}

fn cut<'t>(settings: &TraceSettings, s: &'t str) -> &'t str {
    match settings.max_attribute_bytes {
        Some(max) if s.len() > max => {
            let end = (0..=max).rev().find(|i| s.is_char_boundary(*i)).unwrap_or(0);
            &s[..end]
        }
        _ => s,
    }
}

fn cut_value(settings: &TraceSettings, v: &mut AnyValue) {
    if let AnyValue::Str(s) = v {
        s.truncate(cut(settings, s).len());
    }
}

fn cut_all(settings: &TraceSettings, attrs: &mut [KeyValue]) {
    for kv in attrs {
        kv.key.truncate(cut(settings, &kv.key).len());
        cut_value(settings, &mut kv.value);
    }
}

/// An enumeration's number; unknown ones count as 0, unspecified.
fn small(v: u64, max: u8) -> u8 {
    u8::try_from(v).ok().filter(|v| *v <= max).unwrap_or(0)
}

#[cfg(test)]
mod tests;
