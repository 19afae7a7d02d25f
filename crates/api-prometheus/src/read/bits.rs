//! Bits into bytes, highest first, and the variable-length integers of Prometheus' chunks.

/// Grows a byte buffer bit by bit.
#[derive(Debug, Default)]
pub struct BitWriter {
    bytes: Vec<u8>,
    /// free bits in the last byte
    free: u32,
}

impl BitWriter {
    pub fn new(bytes: Vec<u8>) -> BitWriter {
        BitWriter { bytes, free: 0 }
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub fn bit(&mut self, bit: bool) {
        self.bits(u64::from(bit), 1);
    }

    pub fn byte(&mut self, byte: u8) {
        self.bits(u64::from(byte), 8);
    }

    /// The lowest `n` bits of `value`.
    pub fn bits(&mut self, value: u64, n: u32) {
        let mut left = n.min(64);
        while left > 0 {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            let take = left.min(self.free);
            let part = ((value >> (left - take)) & ((1u64 << take) - 1)) as u8;
            if let Some(last) = self.bytes.last_mut() {
                *last |= part << (self.free - take);
            }
            self.free -= take;
            left -= take;
        }
    }

    /// Seven bits a byte, lowest first (as protobuf does), at any bit position.
    pub fn uvarint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.byte(value as u8 | 0x80);
            value >>= 7;
        }
        self.byte(value as u8);
    }

    /// A signed integer in zigzag form as `uvarint`.
    pub fn varint(&mut self, value: i64) {
        self.uvarint(((value << 1) ^ (value >> 63)) as u64);
    }

    /// A signed integer in 1 to 72 bits: the shorter the smaller.
    pub fn varbit(&mut self, value: i64) {
        let class = VARBIT.iter().position(|bits| fits(value, *bits));
        self.varbit_class(class, value as u64, value == 0);
    }

    /// As `varbit` for values that are never negative.
    pub fn varbit_unsigned(&mut self, value: u64) {
        let class = VARBIT.iter().position(|bits| value < 1 << bits);
        self.varbit_class(class, value, value == 0);
    }

    fn varbit_class(&mut self, class: Option<usize>, value: u64, zero: bool) {
        match class {
            _ if zero => self.bit(false),
            Some(class) => {
                // As many ones as the class tells, then a zero.
                let ones = class as u32 + 1;
                self.bits((1 << (ones + 1)) - 2, ones + 1);
                self.bits(value, VARBIT[class]);
            }
            None => {
                self.byte(0xff);
                self.bits(value, 64);
            }
        }
    }
}

/// Bits of the payload by class.
const VARBIT: [u32; 7] = [3, 6, 9, 12, 18, 25, 56];

/// Whether `bits` bits hold the value: one more above zero than below.
pub fn fits(value: i64, bits: u32) -> bool {
    let half = 1i64 << (bits - 1);
    (1 - half..=half).contains(&value)
}

/// A float as the difference to the one before it: shared leading and trailing zeros of the XOR are not written.
#[derive(Debug, Clone, Copy)]
pub struct XorState {
    pub last: f64,
    /// 255 = nothing known yet
    leading: u32,
    trailing: u32,
}

impl XorState {
    pub fn new(first: f64) -> XorState {
        XorState { last: first, leading: 255, trailing: 0 }
    }

    pub fn push(&mut self, out: &mut BitWriter, value: f64) {
        let delta = value.to_bits() ^ self.last.to_bits();
        self.last = value;
        if delta == 0 {
            out.bit(false);
            return;
        }
        out.bit(true);
        let (leading, trailing) = (delta.leading_zeros().min(31), delta.trailing_zeros());
        if self.leading != 255 && leading >= self.leading && trailing >= self.trailing {
            out.bit(false);
            out.bits(delta >> self.trailing, 64 - self.leading - self.trailing);
            return;
        }
        (self.leading, self.trailing) = (leading, trailing);
        let significant = 64 - leading - trailing;
        out.bit(true);
        out.bits(u64::from(leading), 5);
        out.bits(u64::from(significant), 6);
        out.bits(delta >> trailing, significant);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(write: impl FnOnce(&mut BitWriter), want: &str) {
        let mut out = BitWriter::default();
        write(&mut out);
        let free = out.free as usize;
        let all: String = out.into_bytes().iter().map(|b| format!("{b:08b}")).collect();
        assert_eq!(&all[..all.len() - free], want);
    }

    #[test]
    fn bits_and_integers() {
        check(|o| (o.bit(true), o.bits(0b0110, 4), o.byte(0xff)).2, "1011011111111");
        check(|o| o.varint(-1), "00000001");
        check(|o| o.uvarint(300), "1010110000000010");
        check(|o| o.varbit(0), "0");
        check(|o| o.varbit(4), "10100");
        check(|o| o.varbit(-3), "10101");
        check(|o| o.varbit(-4), "110111100");
        check(|o| o.varbit_unsigned(7), "10111");
        check(|o| o.varbit_unsigned(8), "110001000");
        check(|o| o.varbit(i64::MAX), &format!("11111111{:064b}", i64::MAX));
    }

    #[test]
    fn fitting() {
        assert!(fits(4, 3) && fits(-3, 3) && !fits(-4, 3) && !fits(5, 3));
    }
}
