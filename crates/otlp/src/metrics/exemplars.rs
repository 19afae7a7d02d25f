//! Exemplars: value, time, and the labels that name a trace.

use model::{Exemplar, Labels};

use crate::DecodeError;
use crate::limits::MAX_EXEMPLAR_CHARS;
use crate::value::id;
use crate::wire::Reader;

use super::Decoder;
use super::labels::text_pair;
use super::points::millis;

impl<'a> Decoder<'a, '_> {
    /// Reads the exemplars of the point at hand and puts each on the series that `series_of` names for its value.
    pub fn exemplars(&mut self, point_time: i64, mut series_of: impl FnMut(&mut Self, f64) -> Option<u32>) -> Result<(), DecodeError> {
        let all = std::mem::take(&mut self.scratch.exemplars);
        for bytes in &all {
            match exemplar(bytes, point_time)? {
                Ok((t, v, labels)) => {
                    if let Some(series) = series_of(self, v) {
                        self.batch.exemplars.push(Exemplar { series, t, v, labels });
                    }
                }
                Err(reason) => self.partial.warn(reason),
            }
        }
        self.scratch.exemplars = all;
        Ok(())
    }
}

/// The inner error says why this exemplar is left out.
fn exemplar(bytes: &[u8], point_time: i64) -> Result<Result<(i64, f64, Labels), &'static str>, DecodeError> {
    let (mut time, mut v, mut attrs) = (0, None, vec![]);
    let (mut span_id, mut trace_id) = (Some([0; 8]), Some([0; 16]));
    let mut r = Reader::new(bytes);
    while let Some((number, field)) = r.next()? {
        match number {
            2 => time = field.fixed64("Exemplar.time_unix_nano")?,
            3 => v = Some(field.double("Exemplar.as_double")?),
            4 => span_id = id(field.len("Exemplar.span_id")?),
            5 => trace_id = id(field.len("Exemplar.trace_id")?),
            6 => v = Some(field.fixed64("Exemplar.as_int")? as i64 as f64),
            7 => attrs.push(text_pair(field.len("Exemplar.filtered_attributes")?)?),
            _ => {}
        }
    }
    let (Some(span_id), Some(trace_id)) = (span_id, trace_id) else {
        return Ok(Err("an exemplar with an id of the wrong length was left out"));
    };
    let Some(v) = v else {
        return Ok(Err("an exemplar without a value was left out"));
    };
    let t = if time == 0 { point_time } else { millis(time) };
    Ok(Ok((t, v, exemplar_labels(&trace_id, &span_id, attrs))))
}

/// The attributes join the ids only if all together stay short.
fn exemplar_labels(trace_id: &[u8; 16], span_id: &[u8; 8], attrs: Vec<(String, String)>) -> Labels {
    let mut ids: Vec<(String, String)> = vec![];
    for (name, bytes) in [("trace_id", &trace_id[..]), ("span_id", &span_id[..])] {
        if bytes.iter().any(|b| *b != 0) {
            ids.push((name.into(), hex::encode(bytes)));
        }
    }
    let chars: usize = ids.iter().chain(&attrs).map(|(k, v)| k.chars().count() + v.chars().count()).sum();
    let attrs = if chars <= MAX_EXEMPLAR_CHARS { attrs } else { vec![] };
    // The ids come last, so they win over attributes of the same name.
    Labels::from_pairs(attrs.into_iter().chain(ids))
}
