//! Counts the bad items of a request and keeps the first reasons for the answer.

use crate::limits::{MAX_REASON_BYTES, MAX_REASONS};

/// What goes into `partial_success`.
#[derive(Debug, Default)]
pub struct Partial {
    pub rejected: u64,
    reasons: Vec<(String, u64)>,
    other: u64,
}

impl Partial {
    /// Counts `n` rejected items; equal reasons are told once.
    pub fn reject(&mut self, n: u64, reason: &str) {
        self.rejected += n;
        self.note(n, reason);
    }

    /// Says something although nothing was rejected.
    pub fn warn(&mut self, reason: &str) {
        self.note(1, reason);
    }

    fn note(&mut self, n: u64, reason: &str) {
        // A reason may quote a name of any length.
        let end = (0..=MAX_REASON_BYTES.min(reason.len())).rev().find(|i| reason.is_char_boundary(*i)).unwrap_or(0);
        let reason = &reason[..end];
        if let Some((_, count)) = self.reasons.iter_mut().find(|(r, _)| r == reason) {
            *count += n;
        } else if self.reasons.len() < MAX_REASONS {
            self.reasons.push((reason.to_owned(), n));
        } else {
            self.other += n;
        }
    }

    /// `reason; reason (3 times); 7 more`
    pub fn message(&self) -> String {
        let times = |(r, n): &(String, u64)| if *n > 1 { format!("{r} ({n} times)") } else { r.clone() };
        let mut all: Vec<String> = self.reasons.iter().map(times).collect();
        if self.other > 0 {
            all.push(format!("{} more", self.other));
        }
        all.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_reasons_are_told_once() {
        let mut p = Partial::default();
        p.reject(1, "a");
        p.reject(2, "a");
        p.warn("b");
        for i in 0..10 {
            p.reject(1, &format!("c{i}"));
        }
        assert_eq!(p.rejected, 13);
        assert_eq!(p.message(), "a (3 times); b; c0; c1; c2; 7 more");
    }
}
