//! Translated series by the hash of their encoded bytes, so that the hot path neither decodes nor translates labels again.

use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{Labels, Metadata};
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::limits::{CACHE_BYTES, CACHE_ENTRIES};
use crate::metrics::labels::ResourceLabels;

/// What encoded bytes turned out to be.
#[derive(Debug, Clone)]
pub enum Entry {
    /// a point that is one series
    One(Labels),
    /// a point of a classic histogram or summary: sum, count, then each bucket or quantile
    Many(Arc<[Labels]>),
    /// a metric's name and what it says of itself, or why it has no name
    Metric(Arc<Result<Metadata, String>>),
    Resource(Arc<ResourceLabels>),
}

const SHARDS: usize = 16;

/// A bounded map from 128-bit hashes. The seed is drawn per process, so that nobody outside can choose bytes that collide.
///
/// Each shard has two generations: a full young one becomes the old one, what is used again moves back to the young.
#[derive(Debug)]
pub struct SeriesCache {
    seed: u64,
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Debug, Default)]
struct Shard {
    young: FxHashMap<u128, Entry>,
    young_bytes: usize,
    old: FxHashMap<u128, Entry>,
}

impl Default for SeriesCache {
    fn default() -> Self {
        let seed = std::hash::RandomState::new().hash_one(0u8);
        SeriesCache { seed, shards: std::array::from_fn(|_| Mutex::default()) }
    }
}

impl SeriesCache {
    pub fn hash(&self, bytes: &[u8]) -> u128 {
        xxh3_128_with_seed(bytes, self.seed)
    }

    pub fn get(&self, key: u128) -> Option<Entry> {
        let mut shard = self.shard(key);
        if let Some(e) = shard.young.get(&key) {
            return Some(e.clone());
        }
        let entry = shard.old.remove(&key)?;
        shard.put(key, entry.clone());
        Some(entry)
    }

    pub fn put(&self, key: u128, entry: Entry) {
        self.shard(key).put(key, entry);
    }

    fn shard(&self, key: u128) -> MutexGuard<'_, Shard> {
        // A poisoned shard is still a valid map: entries are inserted whole.
        self.shards[(key >> 124) as usize % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    fn put(&mut self, key: u128, entry: Entry) {
        if self.young.len() >= CACHE_ENTRIES / SHARDS / 2 || self.young_bytes >= CACHE_BYTES / SHARDS / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += entry.heap_size();
        self.young.insert(key, entry);
    }
}

impl Entry {
    fn heap_size(&self) -> usize {
        64 + match self {
            Entry::One(labels) => labels.heap_size(),
            Entry::Many(all) => all.iter().map(|l| l.heap_size() + 8).sum(),
            Entry::Metric(m) => m.as_ref().as_ref().map_or(100, |m| m.metric.len() + m.help.len() + m.unit.len() + 100),
            Entry::Resource(r) => r.heap_size(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_within_its_bound_and_keeps_what_is_used() {
        let cache = SeriesCache::default();
        let one = Entry::One(Labels::from_pairs([("a", "b")]));
        let hot = cache.hash(b"hot");
        cache.put(hot, one.clone());
        for i in 0..CACHE_ENTRIES as u64 * 2 {
            cache.put(cache.hash(&i.to_le_bytes()), one.clone());
            if i % 1000 == 0 {
                assert!(cache.get(hot).is_some(), "{i}");
            }
        }
        // Large entries push out more than small ones.
        let large = Entry::One(Labels::from_pairs([("a", "b".repeat(1 << 20))]));
        for i in 0..300u64 {
            cache.put(cache.hash(&i.to_le_bytes()), large.clone());
        }
        let bytes = |m: &FxHashMap<u128, Entry>| m.values().map(Entry::heap_size).sum::<usize>();
        let bytes: usize = cache.shards.iter().map(|s| s.lock().unwrap()).map(|s| bytes(&s.young) + bytes(&s.old)).sum();
        assert!(bytes <= CACHE_BYTES + SHARDS * 2 * (2 << 20), "{bytes}");
        let held: usize = cache.shards.iter().map(|s| s.lock().unwrap()).map(|s| s.young.len() + s.old.len()).sum();
        assert!(held <= CACHE_ENTRIES, "{held}");
    }
}
