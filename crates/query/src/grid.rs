//! The evaluation times of a query: start, end and step.

/// Times start, start+step, ... up to and including end. The unit (ms or ns) is the engine's. An instant has start = end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeGrid {
    pub start: i64,
    pub end: i64,
    pub step: i64,
}

impl TimeGrid {
    pub fn instant(t: i64) -> TimeGrid {
        TimeGrid { start: t, end: t, step: 1 }
    }

    /// How many times the grid has.
    pub fn len(&self) -> usize {
        if self.end < self.start { 0 } else { ((self.end - self.start) / self.step.max(1)) as usize + 1 }
    }

    pub fn is_empty(&self) -> bool {
        self.end < self.start
    }

    pub fn at(&self, i: usize) -> i64 {
        self.start + self.step * i as i64
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = i64> + '_ {
        (0..self.len()).map(|i| self.at(i))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_included() {
        assert_eq!(TimeGrid { start: 0, end: 10, step: 4 }.iter().collect::<Vec<_>>(), [0, 4, 8]);
        assert_eq!(TimeGrid { start: 0, end: 8, step: 4 }.len(), 3);
        assert_eq!(TimeGrid::instant(5).iter().collect::<Vec<_>>(), [5]);
        assert!(TimeGrid { start: 1, end: 0, step: 1 }.is_empty());
    }
}
