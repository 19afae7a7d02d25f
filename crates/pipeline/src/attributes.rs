//! Reads attributes of a batch by row, column by column: one lookup per key and batch.

use model::{AnyValue, AttrValues, SpanBatch};

/// The texts of one attribute over all rows of a batch; `None` where a row does not carry it.
pub struct TextColumn(Vec<Option<String>>);

impl TextColumn {
    pub fn get(&self, row: usize) -> Option<&str> {
        self.0.get(row).and_then(|v| v.as_deref())
    }

    /// The span's own attribute.
    pub fn of_spans(batch: &SpanBatch, key: &str) -> TextColumn {
        let mut out = vec![None; batch.len()];
        for column in batch.attr_columns(key) {
            for (i, row) in column.rows.iter().enumerate() {
                let text = match &column.values {
                    AttrValues::Str(codes) => Some(batch.dict.get(codes[i]).to_owned()),
                    _ => text(&column.value(i, &batch.dict)),
                };
                if let Some(slot) = out.get_mut(*row as usize) {
                    *slot = text;
                }
            }
        }
        TextColumn(out)
    }

    /// The resource's attribute, else the span's.
    pub fn of_resource_or_span(batch: &SpanBatch, key: &str) -> TextColumn {
        let mut out = TextColumn::of_spans(batch, key).0;
        let per_resource: Vec<Option<String>> = batch.resources.iter().map(|r| r.attr(key).and_then(text)).collect();
        for (row, slot) in out.iter_mut().enumerate() {
            if let Some(t) = per_resource.get(batch.resource[row] as usize).cloned().flatten() {
                *slot = Some(t);
            }
        }
        TextColumn(out)
    }
}

/// A scalar as a label value.
pub fn text(value: &AnyValue) -> Option<String> {
    match value {
        AnyValue::Str(s) => Some(s.clone()),
        AnyValue::Bool(b) => Some(b.to_string()),
        AnyValue::Int(i) => Some(i.to_string()),
        AnyValue::Double(d) => Some(d.to_string()),
        _ => None,
    }
}

/// A label name: every character outside [a-zA-Z0-9_] becomes `_`, a leading digit gets `_` before it.
pub fn label_name(key: &str) -> String {
    let mut out: String = key.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect();
    if out.starts_with(|c: char| c.is_ascii_digit()) {
        out.insert(0, '_');
    }
    out
}
