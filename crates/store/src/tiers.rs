//! Which neighbouring batches are merged next: size classes, so that their number stays logarithmic and each row is copied a few times.

use std::ops::Range;

use crate::limits;

#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub rows: usize,
    pub bytes: usize,
}

impl Size {
    /// Large enough to stay as it is.
    fn is_final(self) -> bool {
        self.rows >= limits::MERGE_ROWS || self.bytes >= limits::MERGE_BYTES
    }

    /// 0 for less than 8 rows, 1 for less than 64, ...
    fn class(self) -> u32 {
        self.rows.max(1).ilog2() / limits::MERGE_FAN_IN.ilog2()
    }
}

/// The batches (in order of arrival) to merge into one now, if any. Only neighbours are merged, so that order of arrival is kept.
pub fn pick(sizes: impl DoubleEndedIterator<Item = Size> + ExactSizeIterator) -> Option<Range<usize>> {
    let end = sizes.len();
    let (mut class, mut of_class) = (0, 0);
    let mut run: Vec<Size> = vec![];
    for size in sizes.rev() {
        if size.is_final() {
            break;
        }
        if size.class() > class {
            (class, of_class) = (size.class(), 0);
        }
        of_class += usize::from(size.class() == class);
        run.push(size);
        if of_class == limits::MERGE_FAN_IN || run.len() == 4 * limits::MERGE_FAN_IN {
            break;
        }
    }
    if of_class < limits::MERGE_FAN_IN && run.len() < 4 * limits::MERGE_FAN_IN {
        return None;
    }
    // Oldest first, as many as one batch may hold.
    let start = end - run.len();
    let (mut rows, mut bytes, mut taken) = (0, 0, 0);
    for size in run.iter().rev() {
        (rows, bytes) = (rows + size.rows, bytes + size.bytes);
        if taken >= 2 && (rows > 2 * limits::MERGE_ROWS || bytes > 2 * limits::MERGE_BYTES) {
            break;
        }
        taken += 1;
    }
    Some(start..start + taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn push(all: &mut Vec<Size>, rows: usize, copied: &mut usize) {
        all.push(Size { rows, bytes: rows * 100 });
        while let Some(range) = pick(all.iter().copied()) {
            let rows: usize = all[range.clone()].iter().map(|s| s.rows).sum();
            *copied += rows;
            all.splice(range, [Size { rows, bytes: rows * 100 }]);
        }
    }

    #[test]
    fn single_rows_stay_few_batches() {
        let (mut all, mut copied) = (vec![], 0);
        for _ in 0..100_000 {
            push(&mut all, 1, &mut copied);
        }
        assert_eq!(all.iter().map(|s| s.rows).sum::<usize>(), 100_000);
        assert!(all.len() <= 3 + 5 * 8, "{} batches", all.len());
        assert!(copied <= 100_000 * 6, "{copied} copied");
    }

    proptest! {
        #[test]
        fn mixed_sizes_stay_few_batches(rows in proptest::collection::vec(prop_oneof![1usize..5, 100usize..1000, 5000usize..40_000], 1..400)) {
            let (mut all, mut copied) = (vec![], 0);
            for r in &rows {
                push(&mut all, *r, &mut copied);
            }
            let total: usize = rows.iter().sum();
            prop_assert_eq!(all.iter().map(|s| s.rows).sum::<usize>(), total);
            prop_assert!(all.len() <= 60 + 10 * total / limits::MERGE_ROWS, "{} batches of {} rows", all.len(), total);
        }
    }
}
