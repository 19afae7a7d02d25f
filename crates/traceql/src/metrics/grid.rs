//! The intervals of a metrics query.

use query::QueryError;

use crate::answer::MetricsOptions;
use crate::limits::MAX_INTERVALS;
use crate::print::go_duration;

/// Intervals (end - step, end] one after the other, or a single [start, end]. Times are Unix nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grid {
    /// left edge of the first interval: excluded, except for an instant
    low: i64,
    high: i64,
    step: i64,
    count: usize,
    instant: bool,
}

/// The step for a range that gives none, in nanoseconds: about 240 intervals.
pub fn default_step(start: u64, end: u64) -> u64 {
    const SECOND: u64 = 1_000_000_000;
    let (range, step) = (end.saturating_sub(start), end.saturating_sub(start) / 240);
    if range < 60 * SECOND {
        return (step / 50_000_000 * 50_000_000).max(50_000_000);
    }
    let unit = [3600, 300, 60, 15, 5, 1].into_iter().map(|s| s * SECOND).find(|u| *u <= step).unwrap_or(SECOND);
    (step / unit * unit).max(SECOND)
}

impl Grid {
    pub fn range(o: &MetricsOptions) -> Result<Grid, QueryError> {
        let (start, end) = times(o)?;
        let step = i64::try_from(o.step).unwrap_or(i64::MAX);
        if step <= 0 {
            return Err(QueryError::Bad("step must be positive".into()));
        }
        if (end - start) as u64 / step as u64 > MAX_INTERVALS {
            let least = go_duration(((end - start) as u64).div_ceil(MAX_INTERVALS) as i64);
            let step = go_duration(step);
            return Err(QueryError::Bad(format!("step of {step} is too small, minimum step for given range is {least}")));
        }
        let low = (start / step * step).saturating_sub(step);
        let high = end.div_euclid(step).saturating_add(i64::from(end % step != 0)).saturating_mul(step);
        Ok(Grid { low, high, step, count: (high.saturating_sub(low) / step).max(1) as usize, instant: false })
    }

    pub fn instant(o: &MetricsOptions) -> Result<Grid, QueryError> {
        let (start, end) = times(o)?;
        Ok(Grid { low: start, high: end, step: end - start, count: 1, instant: true })
    }

    pub fn len(&self) -> usize {
        self.count
    }

    /// The interval of a time.
    pub fn index(&self, time: u64) -> Option<usize> {
        let t = i64::try_from(time).ok()?;
        if self.instant {
            return (t >= self.low && t <= self.high).then_some(0);
        }
        (t > self.low && t <= self.high).then(|| (t.saturating_sub(self.low).saturating_sub(1) / self.step) as usize)
    }

    /// First and last time that count.
    pub fn bounds(&self) -> (u64, u64) {
        let first = self.low + i64::from(!self.instant);
        (first.max(0) as u64, self.high.max(0) as u64)
    }

    /// An interval's right edge in milliseconds.
    pub fn at_ms(&self, i: usize) -> i64 {
        let edge = if self.instant { self.high } else { self.low.saturating_add(self.step.saturating_mul(i as i64 + 1)) };
        edge / 1_000_000
    }

    pub fn step_seconds(&self) -> f64 {
        self.step as f64 / 1e9
    }
}

fn times(o: &MetricsOptions) -> Result<(i64, i64), QueryError> {
    let bad = || QueryError::Bad("end must be greater than start".into());
    let (start, end) = (i64::try_from(o.start).map_err(|_| bad())?, i64::try_from(o.end).map_err(|_| bad())?);
    if end <= start { Err(bad()) } else { Ok((start, end)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(start: u64, end: u64, step: u64) -> MetricsOptions {
        MetricsOptions { start, end, step, exemplars: 0, max_series: 0 }
    }

    #[test]
    fn intervals_are_aligned() {
        let g = Grid::range(&options(105_000_000, 198_000_000, 10_000_000)).unwrap();
        assert_eq!((g.len(), g.at_ms(0), g.at_ms(g.len() - 1)), (11, 100, 200));
        assert_eq!(
            (g.index(90_000_000), g.index(90_000_001), g.index(100_000_000), g.index(100_000_001)),
            (None, Some(0), Some(0), Some(1))
        );
        assert_eq!((g.index(200_000_000), g.index(200_000_001)), (Some(10), None));
        let i = Grid::instant(&options(5, 10, 0)).unwrap();
        assert_eq!((i.index(4), i.index(5), i.index(10), i.index(11)), (None, Some(0), Some(0), None));
        let far = Grid::range(&options(1, i64::MAX as u64, i64::MAX as u64)).unwrap();
        assert_eq!((far.index(5), far.index(u64::MAX)), (Some(0), None));
        assert!(far.at_ms(0) >= 0 && far.len() <= 3);
        assert!(Grid::range(&options(10, 10, 1)).is_err() && Grid::range(&options(0, 1_000_000, 1)).is_err());
    }

    #[test]
    fn steps_by_default() {
        let s = 1_000_000_000;
        assert_eq!(default_step(0, 600 * s), 2 * s);
        assert_eq!(default_step(0, 1800 * s), 5 * s);
        assert_eq!(default_step(0, 60 * s), s);
        assert_eq!(default_step(0, 86_400 * s), 300 * s);
        assert_eq!(default_step(0, 30 * s), 100_000_000);
    }
}
