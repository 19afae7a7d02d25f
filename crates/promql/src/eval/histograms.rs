//! Functions of histograms: counts, sums, means, deviations, quantiles and fractions, of native and of classic ones.

use model::{Histogram, Labels, LabelsBuilder};
use rustc_hash::FxHashMap;

use super::column::{ABSENT, Cell, Column, Grid, Row, Scalars, drop_reserved, is_absent};
use super::sort::text;
use super::{Ev, Res, Sink};
use crate::annotations::{Note, Repairs};
use crate::format::float_g;
use crate::hist::{self, ClassicBucket, QuantileNote};
use crate::kahan::inc;
use crate::plan::Node;
use crate::span::Span;

const LE: &str = "le";

impl Ev<'_> {
    /// histogram_count and its like: floats fall out.
    pub fn histogram_statistic(&self, name: &str, arg: &Node, g: &Grid, sink: &mut Sink<'_>) -> Res<()> {
        let f: fn(&Histogram) -> f64 = match name {
            "histogram_count" => |h| h.count,
            "histogram_sum" => |h| h.sum,
            "histogram_avg" => |h| h.sum / h.count,
            "histogram_stddev" => |h| variance(h).sqrt(),
            _ => variance,
        };
        self.renamed(arg, g, sink, |row| {
            let hists = row.col.hists?;
            let vals =
                hists.iter().zip(&row.col.vals).map(|(h, v)| if is_absent(*v) { h.as_ref().map_or(ABSENT, |h| f(h)) } else { ABSENT });
            Some(Row { col: Column { vals: vals.collect(), hists: None }, ..row })
        })
    }

    pub fn histogram_quantile(&self, args: &[Node], g: &Grid, sink: &mut Sink<'_>) -> Res<()> {
        let q = self.scalar(&args[0], g)?;
        self.note_bad_quantiles(&q, args[0].span);
        let all = self.gather_histograms(&args[1], g)?;
        let mut out = vec![];
        self.quantiles(&all, &q, args[1].span, g, &mut |row| out.push(row));
        self.settle(out, g, sink)
    }

    /// Several quantiles at once, told apart by a label.
    pub fn histogram_quantiles(&self, args: &[Node], g: &Grid, sink: &mut Sink<'_>) -> Res<()> {
        let label = text(&args[1]);
        let qs = args[2..].iter().map(|a| Ok((self.scalar(a, g)?, a.span))).collect::<Res<Vec<_>>>()?;
        for (q, span) in &qs {
            self.note_bad_quantiles(q, *span);
        }
        let all = self.gather_histograms(&args[0], g)?;
        let mut out = vec![];
        for (q, _) in &qs {
            let mut rows = vec![];
            self.quantiles(&all, q, args[0].span, g, &mut |row| rows.push(row));
            out.extend(rows.into_iter().flat_map(|row| labelled(row, label, q, g)));
        }
        self.settle(out, g, sink)
    }

    pub fn histogram_fraction(&self, args: &[Node], g: &Grid, sink: &mut Sink<'_>) -> Res<()> {
        let (lower, upper) = (self.scalar(&args[0], g)?, self.scalar(&args[1], g)?);
        let span = args[2].span;
        let all = self.gather_histograms(&args[2], g)?;
        let mut out = vec![];
        for row in &all.native {
            out.push(self.each_native(row, |i, h, name| {
                let (v, note) = hist::fraction(lower.at(i), upper.at(i), h);
                if note.is_some() {
                    self.note(Note::FractionNan { metric: name }, span);
                }
                v
            }));
        }
        for group in &all.classic {
            out.push(self.each_classic(group, g, |i, buckets| hist::classic_fraction(lower.at(i), upper.at(i), buckets)));
        }
        self.settle(out, g, sink)
    }

    fn note_bad_quantiles(&self, q: &Scalars, span: Span) {
        let mut last = None;
        for v in q.iter().filter(|v| !(0.0..=1.0).contains(v)) {
            if last != Some(v.to_bits()) {
                self.note(Note::InvalidQuantile { got: v.to_bits() }, span);
                last = Some(v.to_bits());
            }
        }
    }

    fn quantiles(&self, all: &Gathered, q: &Scalars, span: Span, g: &Grid, push: &mut dyn FnMut(Row)) {
        for row in &all.native {
            push(self.each_native(row, |i, h, metric| {
                let (v, note) = hist::quantile(q.at(i), h);
                match note {
                    Some(QuantileNote::ResultNan) => self.note(Note::QuantileNan { metric }, span),
                    Some(_) => self.note(Note::QuantileSkewed { metric }, span),
                    None => {}
                }
                v
            }));
        }
        for group in &all.classic {
            push(self.each_classic(group, g, |i, buckets| {
                let (v, repaired) = hist::classic_quantile(q.at(i), buckets);
                if let Some(r) = repaired {
                    let (t, metric) = (g.at(i), self.name_for_notes(&group.labels));
                    let repairs =
                        Repairs { min_t: t, max_t: t, min_bucket: r.min_bucket, max_bucket: r.max_bucket, max_diff: r.max_diff, count: 1 };
                    self.notes.borrow_mut().add_repairs(metric, span, repairs);
                }
                v
            }));
        }
    }

    /// Names are only known to these functions as long as they have not been dropped.
    fn name_for_notes(&self, labels: &Labels) -> String {
        if self.delayed() { labels.metric_name().unwrap_or_default().to_owned() } else { String::new() }
    }

    fn each_native(&self, row: &Row, f: impl Fn(usize, &Histogram, String) -> f64) -> Row {
        let mut vals = vec![ABSENT; row.col.vals.len()];
        for (i, v) in vals.iter_mut().enumerate() {
            if let Cell::Hist(h) = row.col.get(i) {
                *v = f(i, h, self.name_for_notes(&row.labels));
            }
        }
        self.renamed_row(&row.labels, vals)
    }

    fn each_classic(&self, group: &Classic, g: &Grid, f: impl Fn(usize, &mut Vec<ClassicBucket>) -> f64) -> Row {
        let mut vals = vec![ABSENT; g.n];
        let mut buckets = vec![];
        for (i, v) in vals.iter_mut().enumerate() {
            buckets.clear();
            if !group.hidden.as_ref().is_some_and(|h| h[i]) {
                let present = group.buckets.iter().filter(|(_, counts)| !is_absent(counts[i]));
                buckets.extend(present.map(|(upper, counts)| ClassicBucket { upper: *upper, count: counts[i] }));
            }
            if !buckets.is_empty() {
                *v = f(i, &mut buckets);
            }
        }
        self.renamed_row(&group.labels, vals)
    }

    fn renamed_row(&self, labels: &Labels, vals: Vec<f64>) -> Row {
        let labels = if self.delayed() { labels.clone() } else { drop_reserved(labels) };
        Row { labels, drop_name: true, col: Column { vals, hists: None } }
    }

    /// Native histograms as they are, classic ones brought together by their labels without `le`.
    fn gather_histograms(&self, arg: &Node, g: &Grid) -> Res<Gathered> {
        let mut index: FxHashMap<Labels, usize> = FxHashMap::default();
        let mut all = Gathered { native: vec![], classic: vec![] };
        self.stream(arg, g, &mut |mut row| {
            if row.col.vals.iter().any(|v| !is_absent(*v)) {
                let le = row.labels.value(LE);
                match le.parse::<f64>() {
                    Err(_) => {
                        let note = Note::BadBucketLabel { metric: self.name_for_notes(&row.labels), label: le.to_owned() };
                        self.note(note, arg.span);
                    }
                    Ok(upper) => {
                        let labels = row.labels.filter(|n, _| n != LE);
                        let at = *index.entry(labels.clone()).or_insert_with(|| {
                            all.classic.push(Classic { labels, buckets: vec![], hidden: None });
                            all.classic.len() - 1
                        });
                        self.budget.take_samples(g.n as u64)?;
                        all.classic[at].buckets.push((upper, row.col.vals.clone()));
                    }
                }
            }
            if row.col.hists.is_some() {
                row.col.vals.fill(ABSENT);
                all.native.push(row);
            }
            Ok(())
        })?;
        for group in &mut all.classic {
            self.budget.drop_samples((group.buckets.len() * g.n) as u64);
            group.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
        for row in &mut all.native {
            if let Some(at) = index.get(&row.labels) {
                self.hide_conflicts(row, &mut all.classic[*at], arg.span);
            }
        }
        Ok(all)
    }

    /// Where a native and a classic histogram have the same labels, neither is used.
    fn hide_conflicts(&self, row: &mut Row, classic: &mut Classic, span: Span) {
        let n = row.col.vals.len();
        for (i, h) in row.col.hists.iter_mut().flatten().enumerate() {
            if h.is_some() && classic.buckets.iter().any(|(_, counts)| !is_absent(counts[i])) {
                *h = None;
                classic.hidden.get_or_insert_with(|| vec![false; n])[i] = true;
                self.note(Note::MixedClassicNative { metric: self.name_for_notes(&row.labels) }, span);
            }
        }
    }
}

struct Gathered {
    native: Vec<Row>,
    classic: Vec<Classic>,
}

/// The buckets of one classic histogram: a count per step for every upper bound, rising.
struct Classic {
    labels: Labels,
    buckets: Vec<(f64, Vec<f64>)>,
    /// steps at which a native histogram is in the way
    hidden: Option<Vec<bool>>,
}

/// The row once for every value that the quantile takes over time.
fn labelled(row: Row, label: &str, q: &Scalars, g: &Grid) -> Vec<Row> {
    let named = |labels: &Labels, q: f64| LabelsBuilder::new(labels).set(label, &open_metrics_float(q)).build();
    if let Scalars::Const(q) = q {
        return vec![Row { labels: named(&row.labels, *q), ..row }];
    }
    let mut out: Vec<(u64, Row)> = vec![];
    for i in 0..g.n {
        if is_absent(row.col.vals[i]) {
            continue;
        }
        let value = q.at(i);
        let at = out.iter().position(|(bits, _)| *bits == value.to_bits()).unwrap_or_else(|| {
            let r = Row { labels: named(&row.labels, value), drop_name: row.drop_name, col: Column::empty(g.n) };
            out.push((value.to_bits(), r));
            out.len() - 1
        });
        out[at].1.col.vals[i] = row.col.vals[i];
    }
    out.into_iter().map(|(_, r)| r).collect()
}

/// Always with a dot or an exponent: `1.0`, `0.95`.
fn open_metrics_float(v: f64) -> String {
    let text = float_g(v);
    if !v.is_finite() || text.contains(['e', '.']) { text } else { format!("{text}.0") }
}

fn variance(h: &Histogram) -> f64 {
    let mean = h.sum / h.count;
    let (mut sum, mut comp) = (0.0, 0.0);
    for b in hist::all_buckets(h).into_iter().filter(|b| b.count != 0.0) {
        let middle = if h.uses_custom_buckets() {
            (b.upper + b.lower) / 2.0
        } else if b.lower <= 0.0 && b.upper >= 0.0 {
            0.0
        } else {
            let m = (b.upper * b.lower).sqrt();
            if b.upper < 0.0 { -m } else { m }
        };
        let delta = middle - mean;
        (sum, comp) = inc(b.count * delta * delta, sum, comp);
    }
    (sum + comp) / h.count
}
