//! Streams of bits, most significant first: what float chunks are written with.

/// Grows at the end, bit by bit.
#[derive(Debug, Clone, Default)]
pub struct BitWriter {
    bytes: Vec<u8>,
    /// unused low bits of the last byte
    free: u32,
}

impl BitWriter {
    /// The low `n` bits of `v`, n <= 64.
    pub fn write(&mut self, v: u64, n: u32) {
        let mut left = n;
        while left > 0 {
            if self.free == 0 {
                self.grow();
                self.bytes.push(0);
                self.free = 8;
            }
            let take = left.min(self.free);
            let bits = (v >> (left - take)) as u8 & (0xFFu16 >> (8 - take)) as u8;
            if let Some(last) = self.bytes.last_mut() {
                *last |= bits << (self.free - take);
            }
            self.free -= take;
            left -= take;
        }
    }

    /// Doubling would leave half of a large number of small chunks empty.
    fn grow(&mut self) {
        if self.bytes.len() == self.bytes.capacity() {
            self.bytes.reserve_exact((self.bytes.len() / 4).max(24));
        }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.free = 0;
    }
}

/// Reads what `BitWriter` wrote; past the end it reads zeros.
pub struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    pub fn new(bytes: &'a [u8]) -> BitReader<'a> {
        BitReader { bytes, at: 0 }
    }

    /// The next bits, left-aligned; at least 57 of them are valid.
    #[inline]
    pub fn peek(&self) -> u64 {
        self.word(self.at >> 3) << (self.at & 7)
    }

    #[inline]
    pub fn skip(&mut self, n: u32) {
        self.at += n as usize;
    }

    /// n <= 64
    #[inline]
    pub fn read(&mut self, n: u32) -> u64 {
        if n > 56 {
            let high = self.read(n - 32);
            return high << 32 | self.read(32);
        }
        if n == 0 {
            return 0;
        }
        let bits = self.peek() >> (64 - n);
        self.skip(n);
        bits
    }

    #[inline]
    fn word(&self, byte: usize) -> u64 {
        match self.bytes.get(byte..byte + 8).and_then(|b| b.try_into().ok()) {
            Some(b) => u64::from_be_bytes(b),
            None => (0..8).fold(0, |w, i| w << 8 | u64::from(self.bytes.get(byte + i).copied().unwrap_or(0))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bits_come_back(items in proptest::collection::vec((any::<u64>(), 0u32..=64), 0..200)) {
            let mut w = BitWriter::default();
            for (v, n) in &items {
                w.write(*v, *n);
            }
            let mut r = BitReader::new(w.bytes());
            for (v, n) in items {
                let expect = if n == 64 { v } else { v & ((1u64 << n) - 1) };
                prop_assert_eq!(r.read(n), expect);
            }
            prop_assert_eq!(r.read(8), 0);
        }
    }
}
