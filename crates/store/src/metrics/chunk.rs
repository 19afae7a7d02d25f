//! Compressed runs of samples: delta-of-delta times and XOR values, bit-exact.

use std::sync::Arc;

use model::Histogram;
use query::SeriesBuf;

use super::bits::{BitReader, BitWriter};
use super::histograms;

/// One sample of either kind.
#[derive(Debug, Clone)]
pub struct Point {
    pub t: i64,
    /// start timestamp, 0 = unknown
    pub st: i64,
    pub value: Value,
}

#[derive(Debug, Clone)]
pub enum Value {
    Float(f64),
    Histogram(Arc<Histogram>),
}

impl Value {
    /// Equal to the bit, so that NaN equals itself.
    pub fn same(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
            (Value::Histogram(a), Value::Histogram(b)) => same_histogram(a, b),
            _ => false,
        }
    }

    pub fn is_stale(&self) -> bool {
        match self {
            Value::Float(v) => model::is_stale(*v),
            Value::Histogram(h) => h.is_stale(),
        }
    }
}

fn same_histogram(a: &Histogram, b: &Histogram) -> bool {
    let bits = |x: &[f64], y: &[f64]| x.len() == y.len() && x.iter().zip(y).all(|(x, y)| x.to_bits() == y.to_bits());
    a.schema == b.schema
        && a.positive_spans == b.positive_spans
        && a.negative_spans == b.negative_spans
        && bits(&[a.zero_threshold, a.zero_count, a.count, a.sum], &[b.zero_threshold, b.zero_count, b.count, b.sum])
        && bits(&a.positive_buckets, &b.positive_buckets)
        && bits(&a.negative_buckets, &b.negative_buckets)
        && bits(&a.custom_values, &b.custom_values)
}

/// A sealed run of samples, ascending in time.
#[derive(Debug, Clone)]
pub struct Chunk {
    pub min_t: i64,
    pub max_t: i64,
    pub count: u32,
    data: Data,
}

#[derive(Debug, Clone)]
enum Data {
    Floats {
        bytes: Arc<[u8]>,
        with_st: bool,
    },
    /// as `histograms::encode` writes them
    Histograms(Arc<[u8]>),
    /// of a series' open run
    OpenHistograms(Arc<[HistogramPoint]>),
}

pub type HistogramPoint = (i64, i64, Arc<Histogram>);

impl Chunk {
    pub fn histograms(points: &[HistogramPoint]) -> Chunk {
        Chunk::of_histograms(points, Data::Histograms(histograms::encode(points).into()))
    }

    /// Not compressed, for reading what is not sealed yet.
    pub fn open_histograms(points: &[HistogramPoint]) -> Chunk {
        Chunk::of_histograms(points, Data::OpenHistograms(points.into()))
    }

    fn of_histograms(points: &[HistogramPoint], data: Data) -> Chunk {
        let (min_t, max_t) = (points.first().map_or(0, |p| p.0), points.last().map_or(0, |p| p.0));
        Chunk { min_t, max_t, count: points.len() as u32, data }
    }

    pub fn is_histograms(&self) -> bool {
        !matches!(self.data, Data::Floats { .. })
    }

    pub fn heap_size(&self) -> usize {
        match &self.data {
            Data::Floats { bytes, .. } => bytes.len() + 16,
            Data::Histograms(bytes) => bytes.len() + 16,
            Data::OpenHistograms(points) => points.iter().map(|p| p.2.heap_size() + 40).sum(),
        }
    }

    /// Appends the first `visible` samples that lie in [min_t, max_t].
    pub fn read(&self, visible: u32, min_t: i64, max_t: i64, out: &mut SeriesBuf) {
        let visible = visible.min(self.count);
        match &self.data {
            Data::Floats { bytes, with_st } => read_floats(bytes, *with_st, visible, min_t, max_t, out),
            Data::Histograms(bytes) => histograms::decode(bytes, visible, &mut |t, st, h| {
                if t >= min_t && t <= max_t {
                    out.push_histogram(t, Arc::new(h.clone()), st);
                }
                t <= max_t
            }),
            Data::OpenHistograms(points) => {
                let visible = points.get(..visible as usize).unwrap_or_default();
                for (t, st, h) in visible.iter().filter(|p| min_t <= p.0 && p.0 <= max_t) {
                    out.push_histogram(*t, h.clone(), *st);
                }
            }
        }
    }

    pub fn points(&self) -> Vec<Point> {
        match &self.data {
            Data::Floats { bytes, with_st } => {
                let mut d = FloatReader::new(bytes, *with_st);
                (0..self.count).map(|_| d.next_sample()).map(|(t, v, st)| Point { t, st, value: Value::Float(v) }).collect()
            }
            Data::Histograms(bytes) => histogram_points(&histograms::points(bytes, self.count)),
            Data::OpenHistograms(points) => histogram_points(points),
        }
    }
}

pub fn histogram_points(points: &[HistogramPoint]) -> Vec<Point> {
    points.iter().map(|(t, st, h)| Point { t: *t, st: *st, value: Value::Histogram(h.clone()) }).collect()
}

/// Points ascending in time to chunks of at most `limits::CHUNK_SAMPLES`.
pub fn chunks_of(points: &[Point]) -> Vec<Chunk> {
    let kind = |p: &Point| (matches!(p.value, Value::Histogram(_)), p.st != 0);
    let mut out = vec![];
    for run in points.chunk_by(|a, b| kind(a) == kind(b)) {
        let pieces = run.len().div_ceil(crate::limits::CHUNK_SAMPLES as usize).max(1);
        for piece in run.chunks(run.len().div_ceil(pieces)) {
            let mut w = FloatWriter::default();
            let mut points = vec![];
            for p in piece {
                match &p.value {
                    Value::Float(v) => w.push(p.t, *v, p.st),
                    Value::Histogram(h) => points.push((p.t, p.st, h.clone())),
                }
            }
            out.push(if points.is_empty() { w.seal() } else { Chunk::histograms(&points) });
        }
    }
    out
}

/// An open float chunk. Times must ascend; the state after the last sample is kept over `seal`.
#[derive(Debug, Clone, Default)]
pub struct FloatWriter {
    bits: BitWriter,
    pub count: u32,
    /// whether the samples of this chunk carry start timestamps; decided by its first
    pub with_st: bool,
    leading: u8,
    trailing: u8,
    pub min_t: i64,
    pub t: i64,
    delta: i64,
    v: u64,
    st: i64,
}

/// No XOR window yet.
const NO_WINDOW: u8 = 0xFF;

impl FloatWriter {
    pub fn push(&mut self, t: i64, v: f64, st: i64) {
        if self.count == 0 {
            self.first(t, v, st);
        } else {
            self.push_time(t);
            self.push_value(v.to_bits());
            if self.with_st {
                self.push_st(st);
            }
        }
        self.count += 1;
    }

    fn first(&mut self, t: i64, v: f64, st: i64) {
        self.bits.write(t as u64, 64);
        self.bits.write(v.to_bits(), 64);
        self.with_st = st != 0;
        if self.with_st {
            self.bits.write(st as u64, 64);
        }
        (self.min_t, self.t, self.delta, self.v, self.st) = (t, t, 0, v.to_bits(), st);
        (self.leading, self.trailing) = (NO_WINDOW, 0);
    }

    fn push_time(&mut self, t: i64) {
        let delta = t.wrapping_sub(self.t);
        let dod = delta.wrapping_sub(self.delta);
        let fits = |bits: u32| dod >= -(1i64 << (bits - 1)) && dod < 1i64 << (bits - 1);
        match dod {
            0 => self.bits.write(0, 1),
            _ if fits(8) => self.bits.write(0b10 << 8 | (dod as u64 & 0xFF), 10),
            _ if fits(14) => self.bits.write(0b110 << 14 | (dod as u64 & 0x3FFF), 17),
            _ if fits(20) => self.bits.write(0b1110 << 20 | (dod as u64 & 0xF_FFFF), 24),
            _ => {
                self.bits.write(0b1111, 4);
                self.bits.write(dod as u64, 64);
            }
        }
        (self.t, self.delta) = (t, delta);
    }

    fn push_value(&mut self, v: u64) {
        let xor = v ^ self.v;
        self.v = v;
        if xor == 0 {
            self.bits.write(0, 1);
            return;
        }
        let (leading, trailing) = (xor.leading_zeros().min(31) as u8, xor.trailing_zeros() as u8);
        if self.leading != NO_WINDOW && leading >= self.leading && trailing >= self.trailing {
            self.bits.write(0b10, 2);
            self.bits.write(xor >> self.trailing, u32::from(64 - self.leading - self.trailing));
            return;
        }
        (self.leading, self.trailing) = (leading, trailing);
        let width = 64 - leading - trailing;
        self.bits.write(0b11 << 11 | u64::from(leading) << 6 | u64::from(width - 1), 13);
        self.bits.write(xor >> trailing, u32::from(width));
    }

    fn push_st(&mut self, st: i64) {
        if st == self.st {
            self.bits.write(0, 1);
        } else {
            self.bits.write(1, 1);
            self.bits.write(st as u64, 64);
            self.st = st;
        }
    }

    pub fn last_value(&self) -> f64 {
        f64::from_bits(self.v)
    }

    pub fn last_st(&self) -> i64 {
        self.st
    }

    pub fn heap_size(&self) -> usize {
        self.bits.capacity()
    }

    /// The samples so far as a chunk; the writer goes on.
    pub fn copy(&self) -> Chunk {
        let data = Data::Floats { bytes: self.bits.bytes().into(), with_st: self.with_st };
        Chunk { min_t: self.min_t, max_t: self.t, count: self.count, data }
    }

    /// The samples so far as a chunk; the next sample starts another one.
    pub fn seal(&mut self) -> Chunk {
        let chunk = self.copy();
        self.bits.clear();
        self.count = 0;
        chunk
    }
}

struct FloatReader<'a> {
    bits: BitReader<'a>,
    with_st: bool,
    started: bool,
    leading: u32,
    width: u32,
    t: i64,
    delta: i64,
    v: u64,
    st: i64,
}

impl<'a> FloatReader<'a> {
    fn new(bytes: &'a [u8], with_st: bool) -> FloatReader<'a> {
        FloatReader { bits: BitReader::new(bytes), with_st, started: false, leading: 0, width: 64, t: 0, delta: 0, v: 0, st: 0 }
    }

    #[inline]
    fn next_sample(&mut self) -> (i64, f64, i64) {
        if !self.started {
            self.started = true;
            self.t = self.bits.read(64) as i64;
            self.v = self.bits.read(64);
            if self.with_st {
                self.st = self.bits.read(64) as i64;
            }
            return (self.t, f64::from_bits(self.v), self.st);
        }
        self.delta = self.delta.wrapping_add(self.dod());
        self.t = self.t.wrapping_add(self.delta);
        self.value();
        if self.with_st && self.bits.read(1) == 1 {
            self.st = self.bits.read(64) as i64;
        }
        (self.t, f64::from_bits(self.v), self.st)
    }

    #[inline]
    fn value(&mut self) {
        let next = self.bits.peek();
        match next >> 62 {
            0b00 | 0b01 => self.bits.skip(1),
            0b10 => {
                self.bits.skip(2);
                self.xor();
            }
            _ => {
                self.leading = (next >> 57) as u32 & 31;
                self.width = (next >> 51) as u32 & 63;
                self.width += 1;
                self.bits.skip(13);
                self.xor();
            }
        }
    }

    #[inline]
    fn xor(&mut self) {
        let shift = 64u32.saturating_sub(self.leading + self.width);
        self.v ^= self.bits.read(self.width) << shift;
    }

    #[inline]
    fn dod(&mut self) -> i64 {
        let next = self.bits.peek();
        let width = match next.leading_ones() {
            0 => {
                self.bits.skip(1);
                return 0;
            }
            1 => 8,
            2 => 14,
            3 => 20,
            _ => {
                self.bits.skip(4);
                return self.bits.read(64) as i64;
            }
        };
        let prefix = next.leading_ones() + 1;
        self.bits.skip(prefix + width);
        // Sign extension.
        ((next << prefix) as i64) >> (64 - width)
    }
}

fn read_floats(bytes: &[u8], with_st: bool, count: u32, min_t: i64, max_t: i64, out: &mut SeriesBuf) {
    let mut d = FloatReader::new(bytes, with_st);
    out.ts.reserve(count as usize);
    out.vals.reserve(count as usize);
    for _ in 0..count {
        let (t, v, st) = d.next_sample();
        if t > max_t {
            break;
        }
        if t >= min_t {
            out.push_float(t, v, st);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_value() -> impl Strategy<Value = u64> {
        prop_oneof![
            any::<u64>(),
            (0u32..100).prop_map(|i| f64::from(i).to_bits()),
            (0u32..1000).prop_map(|i| (f64::from(i) / 10.0).to_bits()),
            Just(model::STALE_NAN_BITS),
        ]
    }

    proptest! {
        #[test]
        fn floats_come_back_to_the_bit(
            start in any::<i64>(),
            steps in proptest::collection::vec((prop_oneof![Just(15_000i64), 0i64..20_000_000, any::<i64>()], any_value(), prop_oneof![Just(0i64), any::<i64>()]), 0..200),
            first_st in prop_oneof![Just(0i64), any::<i64>()],
        ) {
            let mut w = FloatWriter::default();
            let mut expect = vec![(start, 1.5f64.to_bits(), first_st)];
            w.push(start, 1.5, first_st);
            let mut t = start;
            for (step, v, st) in steps {
                t = t.wrapping_add(step);
                let st = if first_st != 0 { st } else { 0 };
                w.push(t, f64::from_bits(v), st);
                expect.push((t, v, st));
            }
            let got: Vec<_> = w.seal().points().iter().map(|p| match p.value {
                Value::Float(v) => (p.t, v.to_bits(), p.st),
                Value::Histogram(_) => unreachable!(),
            }).collect();
            prop_assert_eq!(got, expect);
        }
    }

    #[test]
    fn regular_samples_are_small() {
        let mut w = FloatWriter::default();
        for i in 0..120 {
            w.push(1_700_000_000_000 + i * 15_000, 42.0, 0);
        }
        let size = w.seal().heap_size() - 16;
        assert!(size < 60, "{size} bytes");
    }
}
