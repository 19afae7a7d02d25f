//! Randomness for ids, jitter and sampling; not for secrets.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

pub trait Random: Send + Sync {
    fn next_u64(&self) -> u64;

    /// In [0, 1).
    fn next_f64(&self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            let bytes = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}

/// SplitMix64, seeded by the operating system through the standard library's hasher keys.
#[derive(Debug)]
pub struct RealRandom {
    state: AtomicU64,
}

impl RealRandom {
    pub fn new() -> RealRandom {
        RealRandom::seeded(RandomState::new().build_hasher().finish())
    }

    /// The same numbers for the same seed.
    pub fn seeded(seed: u64) -> RealRandom {
        RealRandom { state: AtomicU64::new(seed) }
    }
}

impl Default for RealRandom {
    fn default() -> Self {
        RealRandom::new()
    }
}

impl Random for RealRandom {
    fn next_u64(&self) -> u64 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut z = self.state.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_repeat_and_differ() {
        let take = |seed| {
            let r = RealRandom::seeded(seed);
            [r.next_u64(), r.next_u64()]
        };
        assert_eq!(take(7), take(7));
        assert_ne!(take(7), take(8));
        let r = RealRandom::new();
        let mut bytes = [0u8; 13];
        r.fill(&mut bytes);
        assert_ne!(bytes, [0u8; 13]);
        assert!((0.0..1.0).contains(&r.next_f64()));
    }
}
