//! Which time to cut at so that a given number of bytes goes, oldest first.

/// Sizes by time in equal steps: two passes over any number of pieces, and a fixed amount of memory.
pub struct Ages {
    from: i64,
    step: i64,
    bytes: Vec<u64>,
}

/// How finely ages are told apart.
const STEPS: i64 = 1024;

impl Ages {
    /// For pieces whose newest times lie in [from, to].
    pub fn new(from: i64, to: i64) -> Ages {
        let step = (to.saturating_sub(from) / STEPS).saturating_add(1);
        Ages { from, step, bytes: vec![0; STEPS as usize + 1] }
    }

    /// A piece that goes whole once the cut lies behind its newest time.
    pub fn add(&mut self, newest: i64, bytes: u64) {
        let at = (newest.saturating_sub(self.from).max(0) / self.step).min(STEPS);
        if let Some(b) = self.bytes.get_mut(at as usize) {
            *b += bytes;
        }
    }

    /// Pieces with a newest time below the answer are the oldest that make up `excess` bytes; `None` if there are no pieces.
    pub fn cut(&self, excess: u64) -> Option<i64> {
        let mut sum = 0;
        for (i, b) in self.bytes.iter().enumerate() {
            sum += b;
            if sum >= excess && sum > 0 {
                return Some(self.from.saturating_add(self.step.saturating_mul(i as i64 + 1)));
            }
        }
        (sum > 0).then_some(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_first() {
        let mut a = Ages::new(1_000, 11_000);
        for t in 0..=10 {
            a.add(1_000 + t * 1_000, 100);
        }
        let gone = |excess| {
            let cut = a.cut(excess).unwrap();
            (0..=10).filter(|t| 1_000 + t * 1_000 < cut).count()
        };
        assert_eq!([gone(1), gone(100), gone(101), gone(500), gone(5_000)], [1, 1, 2, 5, 11]);
        assert_eq!(Ages::new(5, 5).cut(1), None);
        let mut one = Ages::new(i64::MIN, i64::MAX);
        one.add(i64::MAX, 7);
        assert!(one.cut(1).is_some());
    }
}
