//! Primitive values in bytes.

use model::{AnyValue, Dict, DictBuilder, KeyValue, Labels};

/// Nesting of attribute values beyond which bytes are taken for damaged.
const DEPTH: u32 = 200;

#[derive(Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    pub fn finish(self) -> Vec<u8> {
        self.0
    }

    pub fn byte(&mut self, b: u8) {
        self.0.push(b);
    }

    pub fn raw(&mut self, b: &[u8]) {
        self.0.extend(b);
    }

    pub fn num(&mut self, mut v: u64) {
        while v >= 0x80 {
            self.0.push(v as u8 | 0x80);
            v >>= 7;
        }
        self.0.push(v as u8);
    }

    pub fn signed(&mut self, v: i64) {
        self.num((v << 1 ^ v >> 63) as u64);
    }

    pub fn float(&mut self, v: f64) {
        self.0.extend(v.to_bits().to_le_bytes());
    }

    pub fn text(&mut self, s: &str) {
        self.num(s.len() as u64);
        self.0.extend(s.as_bytes());
    }

    pub fn labels(&mut self, l: &Labels) {
        self.num(l.len() as u64);
        for (n, v) in l.iter() {
            self.text(n);
            self.text(v);
        }
    }

    /// Whole numbers as they stand.
    pub fn column(&mut self, values: impl Iterator<Item = u64>) {
        values.for_each(|v| self.num(v));
    }

    /// Numbers as the difference to the one before.
    pub fn deltas(&mut self, values: impl Iterator<Item = i64>) {
        let mut last = 0i64;
        for v in values {
            self.signed(v.wrapping_sub(last));
            last = v;
        }
    }

    /// Distinct texts, without the first one, which is always "".
    pub fn dict(&mut self, d: &Dict) {
        self.num(d.len().saturating_sub(1) as u64);
        d.iter().skip(1).for_each(|s| self.text(s));
    }

    pub fn attrs(&mut self, attrs: &[KeyValue]) {
        self.num(attrs.len() as u64);
        for a in attrs {
            self.text(&a.key);
            self.value(&a.value);
        }
    }

    pub fn value(&mut self, v: &AnyValue) {
        match v {
            AnyValue::Empty => self.byte(0),
            AnyValue::Str(s) => {
                self.byte(1);
                self.text(s);
            }
            AnyValue::Bool(b) => self.byte(2 + u8::from(*b)),
            AnyValue::Int(i) => {
                self.byte(4);
                self.signed(*i);
            }
            AnyValue::Double(f) => {
                self.byte(5);
                self.float(*f);
            }
            AnyValue::Bytes(b) => {
                self.byte(6);
                self.num(b.len() as u64);
                self.raw(b);
            }
            AnyValue::Array(items) => {
                self.byte(7);
                self.num(items.len() as u64);
                items.iter().for_each(|i| self.value(i));
            }
            AnyValue::Map(items) => {
                self.byte(8);
                self.attrs(items);
            }
        }
    }
}

pub struct Reader<'a>(&'a [u8]);

pub type Read<T> = Result<T, String>;

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader(bytes)
    }

    pub fn left(&self) -> usize {
        self.0.len()
    }

    pub fn raw(&mut self, n: usize) -> Read<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(n).ok_or("the bytes end too early")?;
        self.0 = tail;
        Ok(head)
    }

    pub fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        self.raw(N)?.try_into().map_err(|_| "the bytes end too early".into())
    }

    pub fn byte(&mut self) -> Read<u8> {
        Ok(self.array::<1>()?[0])
    }

    pub fn num(&mut self) -> Read<u64> {
        let (mut v, mut shift) = (0u64, 0);
        loop {
            let b = self.byte()?;
            if shift >= 64 || (shift == 63 && b > 1) {
                return Err("a number is too long".into());
            }
            v |= u64::from(b & 0x7F) << shift;
            if b < 0x80 {
                return Ok(v);
            }
            shift += 7;
        }
    }

    pub fn num32(&mut self) -> Read<u32> {
        u32::try_from(self.num()?).map_err(|_| "a number is too large".into())
    }

    pub fn signed(&mut self) -> Read<i64> {
        let v = self.num()?;
        Ok((v >> 1) as i64 ^ -((v & 1) as i64))
    }

    pub fn float(&mut self) -> Read<f64> {
        Ok(f64::from_bits(u64::from_le_bytes(self.array()?)))
    }

    /// A count of things that take at least one byte each, so that damaged counts cannot ask for memory.
    pub fn count(&mut self) -> Read<usize> {
        let n = self.num()?;
        match usize::try_from(n) {
            Ok(n) if n <= self.left() => Ok(n),
            _ => Err(format!("a count of {n} with {} bytes left", self.left())),
        }
    }

    pub fn text(&mut self) -> Read<&'a str> {
        let n = self.count()?;
        std::str::from_utf8(self.raw(n)?).map_err(|e| e.to_string())
    }

    pub fn many<T>(&mut self, n: usize, mut one: impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        let mut out = Vec::with_capacity(n.min(self.left()));
        for _ in 0..n {
            out.push(one(self)?);
        }
        Ok(out)
    }

    pub fn labels(&mut self) -> Read<Labels> {
        let n = self.count()?;
        let pairs = self.many(n, |r| Ok((r.text()?, r.text()?)))?;
        match pairs.is_sorted_by(|a, b| a.0 < b.0) {
            true => Ok(Labels::from_sorted(pairs.into_iter())),
            false => Err("labels are not in order".into()),
        }
    }

    pub fn deltas(&mut self, n: usize) -> Read<Vec<i64>> {
        let mut last = 0i64;
        self.many(n, |r| {
            last = last.wrapping_add(r.signed()?);
            Ok(last)
        })
    }

    /// Indices below `end`.
    pub fn indices(&mut self, n: usize, end: usize) -> Read<Vec<u32>> {
        self.many(n, |r| r.index(end))
    }

    pub fn index(&mut self, end: usize) -> Read<u32> {
        match self.num32()? {
            i if (i as usize) < end => Ok(i),
            i => Err(format!("index {i} of {end}")),
        }
    }

    /// Owners of child rows: never decreasing and below `end`.
    pub fn owners(&mut self, n: usize, end: usize) -> Read<Vec<u32>> {
        let rows = self.deltas(n)?;
        if !rows.is_sorted() || rows.iter().any(|r| *r < 0 || *r as u64 >= end as u64) {
            return Err("rows are not in order".into());
        }
        Ok(rows.into_iter().map(|r| r as u32).collect())
    }

    pub fn dict(&mut self) -> Read<Dict> {
        let n = self.count()?;
        let mut b = DictBuilder::default();
        for i in 0..n {
            if b.code(self.text()?) as usize != i + 1 {
                return Err("a dictionary repeats a text".into());
            }
        }
        Ok(b.finish())
    }

    pub fn attrs(&mut self) -> Read<Vec<KeyValue>> {
        self.attrs_at(0)
    }

    fn attrs_at(&mut self, depth: u32) -> Read<Vec<KeyValue>> {
        let n = self.count()?;
        self.many(n, |r| Ok(KeyValue { key: r.text()?.to_owned(), value: r.value_at(depth)? }))
    }

    pub fn value(&mut self) -> Read<AnyValue> {
        self.value_at(0)
    }

    fn value_at(&mut self, depth: u32) -> Read<AnyValue> {
        if depth > DEPTH {
            return Err("values are nested too deep".into());
        }
        Ok(match self.byte()? {
            0 => AnyValue::Empty,
            1 => AnyValue::Str(self.text()?.to_owned()),
            2 => AnyValue::Bool(false),
            3 => AnyValue::Bool(true),
            4 => AnyValue::Int(self.signed()?),
            5 => AnyValue::Double(self.float()?),
            6 => {
                let n = self.count()?;
                AnyValue::Bytes(self.raw(n)?.to_vec())
            }
            7 => {
                let n = self.count()?;
                AnyValue::Array(self.many(n, |r| r.value_at(depth + 1))?)
            }
            8 => AnyValue::Map(self.attrs_at(depth + 1)?),
            other => return Err(format!("unknown value type {other}")),
        })
    }
}
