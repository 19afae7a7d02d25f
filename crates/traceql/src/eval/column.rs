//! Conditions on one field over whole columns: a literal becomes a code once per batch, a text is tested once per distinct code.

use model::{AttrColumn, AttrValues, Dict, KeyValue, SpanBatch};

use crate::ast::{BinOp, Intrinsic, Static};
use crate::bits::Bits;
use crate::plan::{Leaf, List, Plan, Source};
use crate::value::{Test, Value};
use crate::view::{Located, View, entry_value};

/// A test against a dictionary: texts are tested once each.
struct Codes<'a> {
    test: &'a Test,
    dict: &'a Dict,
    /// the only code that passes or fails, where the test is (in)equality with a text
    single: Option<Option<u32>>,
    negated: bool,
    /// 0 unknown, 1 passes, 2 fails
    known: Vec<u8>,
}

impl<'a> Codes<'a> {
    fn new(test: &'a Test, dict: &'a Dict) -> Codes<'a> {
        let (single, negated) = match test {
            Test::Compare { op: BinOp::Eq, literal: Static::Str(s), .. } => (Some(dict.find(s)), false),
            Test::Compare { op: BinOp::Ne, literal: Static::Str(s), .. } => (Some(dict.find(s)), true),
            _ => (None, false),
        };
        let known = if single.is_some() { vec![] } else { vec![0; dict.len()] };
        Codes { test, dict, single, negated, known }
    }

    fn passes(&mut self, code: u32) -> bool {
        if let Some(single) = self.single {
            return (single == Some(code)) != self.negated;
        }
        match self.known.get_mut(code as usize) {
            Some(k) => {
                if *k == 0 {
                    *k = if self.test.holds(&Value::str(self.dict.get(code))) { 1 } else { 2 };
                }
                *k == 1
            }
            None => false,
        }
    }
}

impl View {
    /// The rows that pass; `None` if only their traces can tell.
    pub(super) fn leaf_rows(&self, plan: &Plan, leaf: &Leaf) -> Option<Bits> {
        let b = &self.batch;
        let attribute = plan.fields.get(leaf.field)?;
        if leaf.is_root_test(attribute).is_some() {
            return Some(column_bits(&b.parent_id, |id| *id == [0; 8]));
        }
        if attribute.source() == Source::Trace {
            return None;
        }
        Some(match self.fields.get(leaf.field)? {
            Located::Intrinsic(i) => self.intrinsic_rows(*i, leaf),
            Located::Span(columns) => attr_rows(b, &b.attrs, columns, b.len(), &leaf.test),
            Located::Resource(at) => self.resource_rows(at, &leaf.test),
            Located::Any(columns, at) => {
                let mut rows = self.resource_rows(at, &leaf.test);
                let mut present = Bits::none(b.len());
                for c in columns.iter().filter_map(|c| b.attrs.get(*c)) {
                    c.rows.iter().for_each(|r| present.set(*r as usize));
                }
                rows.and_not(&present);
                let mut own = attr_rows(b, &b.attrs, columns, b.len(), &leaf.test);
                own.and(&present);
                rows.or(&own);
                rows
            }
            Located::Scope(at) => {
                let pass: Vec<bool> = b.scopes.iter().zip(at).map(|(s, at)| leaf.test.holds(&attr(&s.attrs, *at))).collect();
                shared_rows(&b.scope, &pass)
            }
            Located::Item(..) => Bits::from_fn(b.len(), |row| leaf.test.holds(&self.value(leaf.field, row, None))),
        })
    }

    fn resource_rows(&self, at: &[Option<usize>], test: &Test) -> Bits {
        let b = &self.batch;
        let pass: Vec<bool> = b.resources.iter().zip(at).map(|(r, at)| test.holds(&attr(&r.attrs, *at))).collect();
        shared_rows(&b.resource, &pass)
    }

    fn intrinsic_rows(&self, i: Intrinsic, leaf: &Leaf) -> Bits {
        let b = &self.batch;
        let test = &leaf.test;
        match i {
            Intrinsic::Name => code_bits(&b.name, &mut Codes::new(test, &b.dict)),
            Intrinsic::StatusMessage => code_bits(&b.status_message, &mut Codes::new(test, &b.dict)),
            Intrinsic::Status => {
                let pass: [bool; 256] = std::array::from_fn(|s| test.holds(&Value::Status(s as u8)));
                column_bits(&b.status, |s| pass[usize::from(*s)])
            }
            Intrinsic::Kind => {
                let pass: [bool; 256] = std::array::from_fn(|k| test.holds(&Value::Kind(k as u8)));
                column_bits(&b.kind, |k| pass[usize::from(*k)])
            }
            Intrinsic::Duration => match test {
                Test::Compare { op, literal: Static::Duration(d) | Static::Int(d), .. } => duration_bits(b, *op, *d),
                _ => Bits::from_fn(b.len(), |r| test.holds(&Value::Duration(b.duration(r).min(i64::MAX as u64) as i64))),
            },
            Intrinsic::TraceId => match id_test::<16>(test) {
                Some((id, equal)) => column_bits(&b.trace_id, |x| (*x == id) == equal),
                None => self.slow_rows(leaf),
            },
            Intrinsic::SpanId => match id_test::<8>(test) {
                Some((id, equal)) => column_bits(&b.span_id, |x| (*x == id) == equal),
                None => self.slow_rows(leaf),
            },
            Intrinsic::ParentId => match id_test::<8>(test) {
                Some((id, equal)) => column_bits(&b.parent_id, |x| (*x == id) == equal),
                None => self.slow_rows(leaf),
            },
            Intrinsic::InstrumentationName => {
                let pass: Vec<bool> = b.scopes.iter().map(|s| test.holds(&Value::str(&s.name))).collect();
                shared_rows(&b.scope, &pass)
            }
            Intrinsic::InstrumentationVersion => {
                let pass: Vec<bool> = b.scopes.iter().map(|s| test.holds(&Value::str(&s.version))).collect();
                shared_rows(&b.scope, &pass)
            }
            _ => self.slow_rows(leaf),
        }
    }

    fn slow_rows(&self, leaf: &Leaf) -> Bits {
        Bits::from_fn(self.batch.len(), |row| leaf.test.holds(&self.value(leaf.field, row, None)))
    }

    /// The spans with an event (a link) that meets all conditions.
    pub(super) fn same_rows(&self, list: List, leaves: &[Leaf]) -> Bits {
        let owners = self.owners(list);
        let mut rows = Bits::none(self.batch.len());
        self.item_set(list, leaves).rows().filter_map(|i| owners.get(i)).for_each(|r| rows.set(*r as usize));
        rows
    }

    /// The events (links) that meet all conditions, as rows of their table.
    pub fn item_set(&self, list: List, leaves: &[Leaf]) -> Bits {
        let owners = self.owners(list);
        let mut items = Bits::all(owners.len());
        for leaf in leaves {
            items.and(&self.item_bits(list, leaf, owners));
        }
        items
    }

    /// The spans that events (links) belong to.
    pub fn owners(&self, list: List) -> &[u32] {
        match list {
            List::Events => &self.batch.events.row,
            List::Links => &self.batch.links.row,
        }
    }

    fn item_bits(&self, list: List, leaf: &Leaf, owners: &[u32]) -> Bits {
        let b = &self.batch;
        let columns = match list {
            List::Events => &b.events.attrs,
            List::Links => &b.links.attrs,
        };
        match self.fields.get(leaf.field) {
            Some(Located::Item(_, at)) => attr_rows(b, columns, at, owners.len(), &leaf.test),
            Some(Located::Intrinsic(Intrinsic::EventName)) => code_bits(&b.events.name, &mut Codes::new(&leaf.test, &b.dict)),
            _ => Bits::from_fn(owners.len(), |i| {
                leaf.test.holds(&self.item_value(leaf.field, i, owners.get(i).map_or(usize::MAX, |r| *r as usize)))
            }),
        }
    }
}

fn attr(attrs: &[KeyValue], at: Option<usize>) -> Value<'_> {
    at.and_then(|i| attrs.get(i)).map_or(Value::Nil, |kv| Value::of(&kv.value))
}

fn column_bits<T>(column: &[T], test: impl Fn(&T) -> bool) -> Bits {
    Bits::from_fn(column.len(), |r| column.get(r).is_some_and(&test))
}

fn code_bits(codes: &[u32], test: &mut Codes) -> Bits {
    Bits::from_fn(codes.len(), |r| codes.get(r).is_some_and(|c| test.passes(*c)))
}

/// Rows whose resource (or scope) passes.
fn shared_rows(of_row: &[u32], pass: &[bool]) -> Bits {
    column_bits(of_row, |i| pass.get(*i as usize).copied().unwrap_or(false))
}

fn duration_bits(b: &SpanBatch, op: BinOp, limit: i64) -> Bits {
    let durations = |test: &dyn Fn(i64) -> bool| Bits::from_fn(b.len(), |r| test(b.duration(r).min(i64::MAX as u64) as i64));
    match op {
        BinOp::Eq => durations(&|d| d == limit),
        BinOp::Ne => durations(&|d| d != limit),
        BinOp::Lt => durations(&|d| d < limit),
        BinOp::Le => durations(&|d| d <= limit),
        BinOp::Gt => durations(&|d| d > limit),
        BinOp::Ge => durations(&|d| d >= limit),
        _ => Bits::none(b.len()),
    }
}

/// The id that a test asks (un)equality with, if it is one. The empty id stands for a root's missing parent.
fn id_test<const N: usize>(test: &Test) -> Option<([u8; N], bool)> {
    let (Test::Compare { op, literal: Static::Str(text), .. }, mut id) = (test, [0u8; N]) else { return None };
    let equal = match op {
        BinOp::Eq => true,
        BinOp::Ne => false,
        _ => return None,
    };
    let padded = format!("{text:0>width$}", width = 2 * N);
    hex::decode_to_slice(padded, &mut id).ok()?;
    Some((id, equal))
}

/// The rows (or items) with a value that passes; for `IsNil` those without any value.
fn attr_rows(b: &SpanBatch, all: &[AttrColumn], columns: &[usize], len: usize, test: &Test) -> Bits {
    let mut rows = Bits::none(len);
    for column in columns.iter().filter_map(|c| all.get(*c)) {
        entries_passing(b, column, test, &mut rows);
    }
    if matches!(test, Test::IsNil) {
        rows.not();
    }
    rows
}

/// Marks the rows of entries that pass; for `IsNil` and `NotNil` all that there are.
fn entries_passing(b: &SpanBatch, column: &AttrColumn, test: &Test, rows: &mut Bits) {
    let mut mark = |pass: &mut dyn FnMut(usize) -> bool| {
        for (entry, row) in column.rows.iter().enumerate() {
            if pass(entry) {
                rows.set(*row as usize);
            }
        }
    };
    match (&column.values, test) {
        (_, Test::IsNil | Test::NotNil) => mark(&mut |_| true),
        (AttrValues::Str(_), Test::Compare { literal, strict: true, .. }) if !matches!(literal, Static::Str(_)) => {}
        (AttrValues::Str(codes), test) => {
            let mut test = Codes::new(test, &b.dict);
            mark(&mut |e| codes.get(e).is_some_and(|c| test.passes(*c)));
        }
        (AttrValues::Int(_), Test::Compare { literal, strict: true, .. }) if !matches!(literal, Static::Int(_) | Static::Duration(_)) => {}
        (AttrValues::Float(_), Test::Compare { literal, strict: true, .. }) if !matches!(literal, Static::Float(_)) => {}
        _ => mark(&mut |e| test.holds(&entry_value(b, column, e))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_padded() {
        let test = |text: &str| Test::Compare { op: BinOp::Eq, literal: Static::Str(text.into()), strict: false };
        assert_eq!(id_test::<8>(&test("ff")), Some(([0, 0, 0, 0, 0, 0, 0, 255], true)));
        assert_eq!(id_test::<8>(&test("xyz")), None);
    }
}
