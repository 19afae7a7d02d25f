//! Log records: an ExportLogsServiceRequest into one `LogBatch` with Loki's streams and structured metadata.

mod order;

use std::borrow::Cow;
use std::fmt::Write;

use model::{Labels, LogBatch, LogBatchBuilder};
use rustc_hash::FxHashMap;

use crate::level::{self, LEVEL_FIELDS};
use crate::limits::{MAX_ITEMS, MAX_LINE_BYTES, MAX_META_PAIRS, MAX_VALUE_DEPTH};
use crate::names::log_label_name;
use crate::options::{LogAction, LogSettings};
use crate::partial::Partial;
use crate::text;
use crate::value::{self, Value, id, key_value};
use crate::wire::{self, Reader};
use crate::{DecodeError, Decoded};

use order::Order;

/// Reads the whole request.
pub fn decode(bytes: &[u8], settings: &LogSettings, received_ns: u64) -> Result<Decoded<LogBatch>, DecodeError> {
    let mut d = Decoder::new(settings, received_ns);
    let mut r = Reader::new(bytes);
    while let Some((number, field)) = r.next()? {
        if number == 1 {
            d.resource_logs(field.len("resource_logs")?)?;
        }
    }
    let (items, rejected, message) = (d.out.len() as u64, d.partial.rejected, d.partial.message());
    Ok(Decoded { batch: d.out.finish(), items, rejected, message })
}

struct Decoder<'a, 's> {
    settings: &'s LogSettings,
    received_ns: u64,
    out: LogBatchBuilder,
    partial: Partial,
    /// attribute names seen, with their spelling as metadata
    names: FxHashMap<&'a [u8], Option<Name>>,
    streams: FxHashMap<Labels, u32>,
    fields: FieldNames,
    order: Order,
    /// pairs of the record at hand
    meta: Vec<(u32, u32)>,
    scratch: String,
    all_pairs: usize,
    all_text: usize,
}

/// A metadata name: its code, and its rank among the names that tell a level (or `NO_RANK`).
#[derive(Debug, Clone, Copy)]
struct Name {
    code: u32,
    rank: u8,
}

const NO_RANK: u8 = u8::MAX;
/// `detected_level` itself comes before every other field.
const GIVEN: u8 = 0;

/// Codes of the names that records have by themselves; made when first needed.
#[derive(Debug, Default)]
struct FieldNames {
    codes: [Option<u32>; 11],
}

/// Indices into `FieldNames::codes`, and their names.
const FIELDS: [&str; 11] = [
    "observed_timestamp",
    "severity_number",
    "severity_text",
    "dropped_attributes_count",
    "flags",
    "trace_id",
    "span_id",
    "event_name",
    "detected_level",
    "scope_name",
    "scope_version",
];
const OBSERVED: usize = 0;
const SEVERITY_NUMBER: usize = 1;
const SEVERITY_TEXT: usize = 2;
const DROPPED: usize = 3;
const FLAGS: usize = 4;
const TRACE_ID: usize = 5;
const SPAN_ID: usize = 6;
const EVENT_NAME: usize = 7;
const DETECTED_LEVEL: usize = 8;
const SCOPE_NAME: usize = 9;
const SCOPE_VERSION: usize = 10;

/// Metadata that several records share, and the level field found in it.
#[derive(Debug, Clone, Default)]
struct Shared {
    pairs: Vec<(u32, u32)>,
    /// stream labels, of resources and of records with rules
    labels: Vec<(String, String)>,
    level: Option<(u8, u32)>,
}

impl Shared {
    fn note_level(&mut self, name: Name, value: u32) {
        if name.rank != NO_RANK && self.level.is_none_or(|(rank, _)| name.rank < rank) {
            self.level = Some((name.rank, value));
        }
    }
}

/// A resource and one of its scopes: what every record of it gets.
struct Context {
    stream: u32,
    labels: Vec<(String, String)>,
    /// a level field among the stream labels
    stream_level: Option<String>,
    shared: Shared,
}

/// The fields of a LogRecord, its attributes apart.
#[derive(Default)]
struct Record<'a> {
    time: u64,
    observed: u64,
    severity_number: i32,
    severity_text: Cow<'a, str>,
    body: Option<Value<'a>>,
    dropped: u32,
    flags: u32,
    trace_id: [u8; 16],
    span_id: [u8; 8],
    event_name: Cow<'a, str>,
}

impl<'a, 's> Decoder<'a, 's> {
    fn new(settings: &'s LogSettings, received_ns: u64) -> Self {
        Decoder {
            settings,
            received_ns,
            out: LogBatchBuilder::default(),
            partial: Partial::default(),
            names: FxHashMap::default(),
            streams: FxHashMap::default(),
            fields: FieldNames::default(),
            order: Order::default(),
            meta: vec![],
            scratch: String::new(),
            all_pairs: 0,
            all_text: 0,
        }
    }

    fn resource_logs(&mut self, bytes: &'a [u8]) -> Result<(), DecodeError> {
        let envelope = value::resource_envelope(bytes)?;
        let resource = self.resource(envelope.resource)?;
        for bytes in envelope.scopes {
            let scope = value::scope_envelope(bytes)?;
            if scope.scopes.is_empty() {
                continue;
            }
            let mut shared = resource.clone();
            self.scope(scope.resource, &mut shared)?;
            let labels = std::mem::take(&mut shared.labels);
            let stream = self.stream(&labels, &[]);
            let stream_level = LEVEL_FIELDS.iter().find_map(|f| labels.iter().find(|(n, _)| n == f)).map(|(_, v)| v.clone());
            let context = Context { stream, labels, stream_level, shared };
            for record in scope.scopes {
                self.record(record, &context)?;
            }
        }
        Ok(())
    }

    fn stream(&mut self, labels: &[(String, String)], more: &[(String, String)]) -> u32 {
        let pairs = labels.iter().chain(more).filter(|(_, v)| !v.is_empty()).map(|(n, v)| (n.as_str(), v.as_str()));
        let labels = Labels::from_pairs(pairs);
        let out = &mut self.out;
        *self.streams.entry(labels).or_insert_with_key(|l| out.stream(l))
    }

    fn resource(&mut self, bytes: &'a [u8]) -> Result<Shared, DecodeError> {
        let mut shared = Shared::default();
        let mut service = None;
        let mut r = Reader::new(bytes);
        while let Some((number, field)) = r.next()? {
            if number != 1 {
                continue;
            }
            let (key, val) = key_value(field.len("Resource.attributes")?)?;
            let action = self.action(key, &self.settings.resource_rules, |name| self.settings.index_labels.contains(name));
            let before = shared.labels.len();
            self.attribute(key, &val, action, &mut shared)?;
            if key == b"service.name" {
                service = Some(()).filter(|()| !matches!(&val, Value::Empty) && val != Value::Str("".into())).or(service);
            }
            if service.is_none()
                && let Some((_, v)) = shared.labels[before..].iter().find(|(n, v)| level::names_service(n) && !v.is_empty())
            {
                let found = ("service_name".to_owned(), v.clone());
                shared.labels.push(found);
                service = Some(());
            }
        }
        // A stream needs one label at least.
        if service.is_none() || shared.labels.iter().all(|(_, v)| v.is_empty()) {
            shared.labels.push(("service_name".into(), "unknown_service".into()));
        }
        Ok(shared)
    }

    fn action(&self, key: &[u8], rules: &[(String, LogAction)], index: impl Fn(&str) -> bool) -> LogAction {
        match rules.iter().find(|(name, _)| name.as_bytes() == key) {
            Some((_, action)) => *action,
            None if std::str::from_utf8(key).is_ok_and(index) => LogAction::IndexLabel,
            None => LogAction::StructuredMetadata,
        }
    }

    fn scope(&mut self, bytes: &'a [u8], shared: &mut Shared) -> Result<(), DecodeError> {
        let mut r = Reader::new(bytes);
        while let Some((number, field)) = r.next()? {
            match number {
                1 => self.shared_field(SCOPE_NAME, &field.text("InstrumentationScope.name")?, shared),
                2 => self.shared_field(SCOPE_VERSION, &field.text("InstrumentationScope.version")?, shared),
                3 => {
                    let (key, val) = key_value(field.len("InstrumentationScope.attributes")?)?;
                    match self.action(key, &self.settings.scope_rules, |_| false) {
                        LogAction::IndexLabel => self.attribute(key, &val, LogAction::StructuredMetadata, shared)?,
                        action => self.attribute(key, &val, action, shared)?,
                    }
                }
                4 => {
                    let dropped = field.varint("InstrumentationScope.dropped_attributes_count")? as u32;
                    if dropped > 0 {
                        let name = self.out.dict().code("scope_dropped_attributes_count");
                        shared.pairs.push((name, self.out.dict().code(&dropped.to_string())));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn shared_field(&mut self, field: usize, value: &str, shared: &mut Shared) {
        if !value.is_empty() {
            shared.pairs.push((self.field_code(field), self.out.dict().code(value)));
        }
    }

    fn field_code(&mut self, field: usize) -> u32 {
        *self.fields.codes[field].get_or_insert_with(|| self.out.dict().code(FIELDS[field]))
    }

    /// An attribute becomes a label, metadata or nothing; maps are taken apart.
    fn attribute(&mut self, key: &'a [u8], val: &Value<'a>, action: LogAction, out: &mut Shared) -> Result<(), DecodeError> {
        match (action, val) {
            (LogAction::Drop, _) => Ok(()),
            (LogAction::StructuredMetadata, Value::Map(_)) | (LogAction::IndexLabel, _) => {
                self.flatten(wire::text(key).into_owned(), val, action, 0, out)
            }
            (LogAction::StructuredMetadata, _) => {
                if let Some(name) = self.name(key) {
                    self.scratch.clear();
                    let code = match val {
                        Value::Str(s) => self.out.dict().code(s),
                        other => {
                            text::push_value(&mut self.scratch, other)?;
                            self.out.dict().code(&self.scratch)
                        }
                    };
                    // An empty value is as good as none.
                    if code != 0 {
                        out.pairs.push((name.code, code));
                        out.note_level(name, code);
                    }
                }
                Ok(())
            }
        }
    }

    /// `parent_child` for each leaf of a map; a scalar is its own leaf.
    fn flatten(&mut self, key: String, val: &Value<'a>, action: LogAction, depth: u32, out: &mut Shared) -> Result<(), DecodeError> {
        if depth > MAX_VALUE_DEPTH {
            return Err(DecodeError::new(format!("an attribute value is nested deeper than {MAX_VALUE_DEPTH} levels")));
        }
        let name = match log_label_name(&key) {
            Ok(name) => name,
            Err(reason) => {
                self.partial.warn(&format!("{reason}: left out"));
                return Ok(());
            }
        };
        self.all_text += name.len();
        if self.all_text > MAX_LINE_BYTES {
            return Ok(());
        }
        if let Value::Map(bytes) = val {
            let mut r = Reader::new(bytes);
            while let Some((number, field)) = r.next()? {
                if number == 1 {
                    let (child, val) = key_value(field.len("KeyValueList.values")?)?;
                    self.flatten(format!("{name}_{}", wire::text(child)), &val, action, depth + 1, out)?;
                }
            }
            return Ok(());
        }
        let mut value = String::new();
        text::push_value(&mut value, val)?;
        if action == LogAction::IndexLabel {
            out.labels.push((name.into_owned(), value));
        } else if !value.is_empty() {
            let name = Name { code: self.out.dict().code(&name), rank: rank(&name) };
            let code = self.out.dict().code(&value);
            out.pairs.push((name.code, code));
            out.note_level(name, code);
        }
        Ok(())
    }

    fn name(&mut self, key: &'a [u8]) -> Option<Name> {
        if let Some(known) = self.names.get(key) {
            return *known;
        }
        let text = wire::text(key);
        let name = match log_label_name(&text) {
            Ok(name) => Some(Name { code: self.out.dict().code(&name), rank: rank(&name) }),
            Err(reason) => {
                self.partial.warn(&format!("{reason}: left out"));
                None
            }
        };
        self.names.insert(key, name);
        name
    }

    fn record(&mut self, bytes: &'a [u8], context: &Context) -> Result<(), DecodeError> {
        let mut own = Shared { pairs: std::mem::take(&mut self.meta), ..Shared::default() };
        own.pairs.clear();
        let result = self.read_record(bytes, &mut own).and_then(|read| match read {
            Ok(record) => self.push_record(record, &mut own, context),
            Err(reason) => {
                self.partial.reject(1, reason);
                Ok(())
            }
        });
        self.meta = own.pairs;
        result
    }

    /// Reads the fields; attributes go to `own`. The inner error is a reason to reject this record alone.
    fn read_record(&mut self, bytes: &'a [u8], own: &mut Shared) -> Result<Result<Record<'a>, &'static str>, DecodeError> {
        let mut rec = Record::default();
        let mut bad = None;
        let mut r = Reader::new(bytes);
        while let Some((number, field)) = r.next()? {
            match number {
                1 => rec.time = field.fixed64("LogRecord.time_unix_nano")?,
                2 => rec.severity_number = field.varint("LogRecord.severity_number")? as i32,
                3 => rec.severity_text = field.text("LogRecord.severity_text")?,
                5 => rec.body = Some(value::value(field.len("LogRecord.body")?)?),
                6 => {
                    let (key, val) = key_value(field.len("LogRecord.attributes")?)?;
                    let action = if self.settings.log_rules.is_empty() {
                        LogAction::StructuredMetadata
                    } else {
                        self.action(key, &self.settings.log_rules, |_| false)
                    };
                    self.attribute(key, &val, action, own)?;
                }
                7 => rec.dropped = field.varint("LogRecord.dropped_attributes_count")? as u32,
                8 => rec.flags = field.fixed32("LogRecord.flags")?,
                9 => match id(field.len("LogRecord.trace_id")?) {
                    Some(id) => rec.trace_id = id,
                    None => bad = Some("a log record's trace_id is not 16 bytes long"),
                },
                10 => match id(field.len("LogRecord.span_id")?) {
                    Some(id) => rec.span_id = id,
                    None => bad = Some("a log record's span_id is not 8 bytes long"),
                },
                11 => rec.observed = field.fixed64("LogRecord.observed_time_unix_nano")?,
                12 => rec.event_name = field.text("LogRecord.event_name")?,
                _ => {}
            }
        }
        Ok(bad.map_or(Ok(rec), Err))
    }

    fn push_record(&mut self, rec: Record<'a>, own: &mut Shared, context: &Context) -> Result<(), DecodeError> {
        let time = [rec.time, rec.observed, self.received_ns].into_iter().find(|t| *t != 0).unwrap_or(0);
        let Ok(time) = i64::try_from(time) else {
            self.partial.reject(1, "a log record's time lies after the year 2262");
            return Ok(());
        };
        self.all_pairs += own.pairs.len() + context.shared.pairs.len() + FIELDS.len();
        if self.out.len() as u64 >= MAX_ITEMS || self.all_pairs > MAX_META_PAIRS || self.all_text > MAX_LINE_BYTES {
            self.partial.reject(1, "the request has too many log records or attributes");
            return Ok(());
        }
        self.fields(&rec, own);
        own.pairs.extend_from_slice(&context.shared.pairs);
        if let Some((rank, code)) = context.shared.level {
            own.note_level(Name { code: 0, rank }, code);
        }

        // The line is rendered into the scratch buffer unless it is a text already.
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let line = match &rec.body {
            Some(Value::Str(s)) => s.as_ref(),
            Some(other) => {
                text::push_value(&mut scratch, other)?;
                scratch.as_str()
            }
            None => "",
        };
        self.all_text += line.len();
        if self.settings.detect_level {
            let level = self.level(&rec, own, context, line);
            let name = self.field_code(DETECTED_LEVEL);
            own.pairs.push((name, level));
        }
        let stream = if own.labels.is_empty() { context.stream } else { self.stream(&context.labels, &own.labels) };
        self.order.sort(&mut own.pairs, self.out.dict());
        self.out.push_sorted(stream, time, line, &own.pairs);
        self.scratch = scratch;
        Ok(())
    }

    /// The record's own fields as metadata.
    fn fields(&mut self, rec: &Record<'_>, own: &mut Shared) {
        if rec.time != 0 && rec.observed != 0 {
            self.number_field(OBSERVED, rec.observed, own);
        }
        if rec.severity_number != 0 {
            self.number_field(SEVERITY_NUMBER, rec.severity_number, own);
        }
        if !rec.severity_text.is_empty() {
            self.shared_field(SEVERITY_TEXT, &rec.severity_text, own);
            let value = own.pairs.last().map_or(0, |p| p.1);
            own.note_level(Name { code: 0, rank: rank("severity_text") }, value);
            if self.settings.severity_text_as_label {
                own.labels.push(("severity_text".into(), rec.severity_text.to_string()));
            }
        }
        if rec.dropped != 0 {
            self.number_field(DROPPED, rec.dropped, own);
        }
        if rec.flags != 0 {
            self.number_field(FLAGS, rec.flags, own);
        }
        self.id_field(TRACE_ID, &rec.trace_id, own);
        self.id_field(SPAN_ID, &rec.span_id, own);
        if !rec.event_name.is_empty() {
            self.shared_field(EVENT_NAME, &rec.event_name, own);
        }
    }

    fn number_field(&mut self, field: usize, number: impl std::fmt::Display, own: &mut Shared) {
        self.scratch.clear();
        let _ = write!(self.scratch, "{number}");
        let code = self.out.dict().code(&self.scratch);
        own.pairs.push((self.field_code(field), code));
    }

    fn id_field<const N: usize>(&mut self, field: usize, id: &[u8; N], own: &mut Shared) {
        if *id == [0; N] {
            return;
        }
        let mut hex = [0u8; 32];
        let Some(hex) = hex.get_mut(..2 * N) else { return };
        if hex::encode_to_slice(id, hex).is_ok()
            && let Ok(text) = std::str::from_utf8(hex)
        {
            let code = self.out.dict().code(text);
            own.pairs.push((self.field_code(field), code));
        }
    }

    fn level(&mut self, rec: &Record<'_>, own: &Shared, context: &Context, line: &str) -> u32 {
        let given = own.level.filter(|(rank, _)| *rank == GIVEN);
        let found = match (&context.stream_level, given.or(own.level)) {
            (Some(level), None) => level::normalize(level).to_owned(),
            (Some(level), Some((rank, _))) if rank != GIVEN => level::normalize(level).to_owned(),
            (_, Some((_, code))) => {
                let value = self.out.dict().get(code);
                match level::known(value) {
                    Some(level) => return self.out.dict().code(level),
                    None => return code,
                }
            }
            (None, None) if rec.severity_number != 0 => return self.out.dict().code(level::level_of_severity(rec.severity_number.into())),
            (None, None) => return self.out.dict().code(&level::detect_level(|_| None, |_| None, line)),
        };
        self.out.dict().code(&found)
    }
}

/// The rank of a metadata name among those that tell a level.
fn rank(name: &str) -> u8 {
    if name == "detected_level" {
        return GIVEN;
    }
    LEVEL_FIELDS.iter().position(|f| *f == name).map_or(NO_RANK, |i| i as u8 + 1)
}

#[cfg(test)]
mod tests;
