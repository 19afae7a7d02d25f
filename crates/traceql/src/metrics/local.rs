//! by() values as numbers that are good within one batch, so that texts are looked at once per batch and not per span.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use model::{AttrColumn, AttrValues, SpanBatch};
use rustc_hash::FxHashMap;

use crate::ast::Intrinsic;
use crate::fold::Number;
use crate::limits::MAX_GROUP_BY;
use crate::view::{Located, View, index};

/// Where in a column the last look-up ended; rows mostly come in rising order.
#[derive(Debug, Clone, Default)]
pub(super) struct Cursor {
    at: usize,
}

/// Steps forward that are tried before searching.
const NEAR: usize = 8;

impl Cursor {
    /// The first entry of a row.
    pub fn seek(&mut self, column: &AttrColumn, row: usize) -> Option<usize> {
        let rows = column.rows.as_slice();
        let (before, wanted) = (self.at.checked_sub(1).and_then(|i| rows.get(i)), row as u32);
        let mut at = if before.is_some_and(|b| *b >= wanted) { 0 } else { self.at };
        let near = rows.iter().skip(at).take(NEAR).take_while(|r| **r < wanted).count();
        at += near;
        if near == NEAR {
            at += rows.get(at..).map_or(0, |rest| rest.partition_point(|r| *r < wanted));
        }
        self.at = at;
        (rows.get(at) == Some(&wanted)).then_some(at)
    }
}

/// Cursors of one field: one per column of its key.
#[derive(Debug, Default)]
pub(super) struct FieldCursor {
    columns: Vec<Cursor>,
}

impl FieldCursor {
    pub fn reset(&mut self) {
        self.columns.clear();
    }

    /// The column and entry of a row in the span columns of a key.
    fn entry<'a>(&mut self, view: &'a View, columns: &[usize], row: usize) -> Option<(&'a AttrColumn, usize)> {
        self.columns.resize(columns.len(), Cursor::default());
        columns.iter().zip(&mut self.columns).find_map(|(c, cursor)| {
            let column = view.batch.attrs.get(*c)?;
            cursor.seek(column, row).map(|e| (column, e))
        })
    }

    /// A span attribute's number, `None` for what the general way must answer.
    pub fn number(&mut self, view: &View, field: usize, row: usize) -> Option<Option<Number>> {
        let Some(Located::Span(columns)) = view.fields.get(field) else { return None };
        let Some((column, e)) = self.entry(view, columns, row) else { return Some(None) };
        match &column.values {
            AttrValues::Int(v) => Some(v.get(e).map(|i| Number::Int(*i))),
            AttrValues::Float(v) => Some(v.get(e).map(|f| Number::Float(*f))),
            _ => Some(None),
        }
    }

    /// A field's value as (kind of number, number); `None` where that is not cheap.
    fn key(&mut self, view: &View, field: usize, row: usize) -> Option<(u8, u64)> {
        let b = &view.batch;
        let mut of_span = |columns: &[usize]| {
            let Some((column, e)) = self.entry(view, columns, row) else { return Some((0, 0)) };
            match &column.values {
                AttrValues::Str(v) => v.get(e).map(|c| (1, u64::from(*c))),
                AttrValues::Int(v) => v.get(e).map(|i| (2, *i as u64)),
                AttrValues::Float(v) => v.get(e).map(|f| (3, f.to_bits())),
                AttrValues::Bool(v) => v.get(e).map(|b| (4, u64::from(*b))),
                AttrValues::Other(_) => None,
            }
        };
        match view.fields.get(field)? {
            Located::Span(columns) => of_span(columns),
            Located::Resource(_) => Some((5, index(&b.resource, row) as u64)),
            Located::Any(columns, _) => match of_span(columns)? {
                (0, _) => Some((5, index(&b.resource, row) as u64)),
                found => Some(found),
            },
            Located::Scope(_) => Some((6, index(&b.scope, row) as u64)),
            Located::Intrinsic(i) => match i {
                Intrinsic::Name => b.name.get(row).map(|c| (1, u64::from(*c))),
                Intrinsic::StatusMessage => b.status_message.get(row).map(|c| (1, u64::from(*c))),
                Intrinsic::Kind => b.kind.get(row).map(|k| (7, u64::from(*k))),
                Intrinsic::Status => b.status.get(row).map(|s| (8, u64::from(*s))),
                Intrinsic::InstrumentationName | Intrinsic::InstrumentationVersion => Some((6, index(&b.scope, row) as u64)),
                _ => None,
            },
            Located::Item(..) => None,
        }
    }
}

/// The by() values of a span. Only as many words as the query has fields are hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LocalKey {
    kinds: u32,
    len: usize,
    words: [u64; MAX_GROUP_BY],
}

impl Hash for LocalKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u32(self.kinds);
        self.words.iter().take(self.len).for_each(|w| state.write_u64(*w));
    }
}

/// Groups by the keys of one batch, in the cheapest of three tables that a key fits.
#[derive(Debug, Default)]
pub(super) struct LocalGroups {
    /// the batch that the rest is of; held, so that no other one gets its address
    batch: Option<Arc<SpanBatch>>,
    cursors: Vec<FieldCursor>,
    /// one field of a small number: group + 1 at word and kind
    dense: Vec<u32>,
    /// up to three fields of small numbers, 20 bits each
    packed: FxHashMap<u64, usize>,
    wide: FxHashMap<LocalKey, usize>,
    /// where the span that was asked for last belongs
    place: Option<Place>,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    Dense(usize),
    Packed(u64),
    Wide(LocalKey),
}

/// Words from here on do not go into the dense table; it takes 64 bytes a word.
const DENSE_WORDS: u64 = 8_192;

impl LocalGroups {
    /// The group of a span, if one with its values came by in this batch.
    pub fn get(&mut self, view: &View, fields: &[usize], row: usize) -> Option<usize> {
        if !self.batch.as_ref().is_some_and(|b| Arc::ptr_eq(b, &view.batch)) {
            self.batch = Some(view.batch.clone());
            self.dense.clear();
            self.packed.clear();
            self.wide.clear();
            self.cursors.iter_mut().for_each(FieldCursor::reset);
            self.cursors.resize_with(fields.len(), FieldCursor::default);
        }
        self.place = None;
        if let ([field], [cursor]) = (fields, self.cursors.as_mut_slice()) {
            let (kind, word) = cursor.key(view, *field, row)?;
            if word < DENSE_WORDS {
                let at = word as usize * 16 + usize::from(kind);
                self.place = Some(Place::Dense(at));
                return self.dense.get(at).and_then(|g| (*g as usize).checked_sub(1));
            }
            self.place = Some(Place::Wide(LocalKey { kinds: u32::from(kind), len: 1, words: [word, 0, 0, 0, 0] }));
        } else {
            let mut key = LocalKey { kinds: 0, len: fields.len(), words: [0; MAX_GROUP_BY] };
            let (mut packed, mut small) = (0u64, fields.len() <= 3);
            for ((word, field), cursor) in key.words.iter_mut().zip(fields).zip(&mut self.cursors) {
                let (kind, value) = cursor.key(view, *field, row)?;
                key.kinds = key.kinds << 4 | u32::from(kind);
                *word = value;
                small &= value < 1 << 16;
                packed = packed << 20 | (value & 0xffff) << 4 | u64::from(kind);
            }
            if small {
                self.place = Some(Place::Packed(packed));
                return self.packed.get(&packed).copied();
            }
            self.place = Some(Place::Wide(key));
        }
        match &self.place {
            Some(Place::Wide(key)) => self.wide.get(key).copied(),
            _ => None,
        }
    }

    /// Remembers the group of the span that was asked for last.
    pub fn insert(&mut self, group: usize) {
        match self.place.take() {
            Some(Place::Dense(at)) => {
                if self.dense.len() <= at {
                    self.dense.resize(at + 1, 0);
                }
                if let Some(slot) = self.dense.get_mut(at) {
                    *slot = group as u32 + 1;
                }
            }
            Some(Place::Packed(key)) => {
                self.packed.insert(key, group);
            }
            Some(Place::Wide(key)) => {
                self.wide.insert(key, group);
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_finds_any_row() {
        let rows: Vec<u32> = (0..100).map(|i| i * 3).collect();
        let column = AttrColumn { key: 0, values: AttrValues::Int(vec![0; rows.len()]), rows };
        let mut c = Cursor::default();
        for row in [0, 3, 4, 9, 150, 151, 297, 300, 6, 6, 5] {
            let expected = (row % 3 == 0 && row < 300).then_some(row / 3);
            assert_eq!(c.seek(&column, row), expected, "{row}");
        }
    }
}
