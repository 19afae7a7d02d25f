//! The protobuf wire format, read in place: fields of one message, one after the other, with bounds checked.

use std::borrow::Cow;

use crate::DecodeError;
use crate::limits::MAX_GROUP_DEPTH;

/// The bytes of one message, consumed field by field.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    buf: &'a [u8],
}

/// A field's content in one of the wire types that proto3 uses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Field<'a> {
    Varint(u64),
    I64(u64),
    Len(&'a [u8]),
    I32(u32),
}

impl<'a> Reader<'a> {
    pub fn new(buf: &'a [u8]) -> Reader<'a> {
        Reader { buf }
    }

    /// The next field's number and content; `None` at the message's end. Groups are skipped.
    #[inline]
    pub fn next(&mut self) -> Result<Option<(u32, Field<'a>)>, DecodeError> {
        while !self.buf.is_empty() {
            let key = self.varint()?;
            let number = u32::try_from(key >> 3)
                .ok()
                .filter(|n| (1..1 << 29).contains(n))
                .ok_or_else(|| DecodeError::new("invalid field number"))?;
            let field = match key & 7 {
                0 => Field::Varint(self.varint()?),
                1 => Field::I64(u64::from_le_bytes(self.array()?)),
                2 => Field::Len(self.bytes()?),
                5 => Field::I32(u32::from_le_bytes(self.array()?)),
                3 => {
                    self.skip_group(number, 0)?;
                    continue;
                }
                _ => return Err(DecodeError::new(format!("field {number} has an invalid wire type {}", key & 7))),
            };
            return Ok(Some((number, field)));
        }
        Ok(None)
    }

    #[inline]
    pub fn varint(&mut self) -> Result<u64, DecodeError> {
        // Nearly all keys and lengths have one byte.
        match self.buf.split_first() {
            Some((byte, rest)) if byte & 0x80 == 0 => {
                self.buf = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0u64;
        for (i, byte) in self.buf.iter().take(10).enumerate() {
            let part = u64::from(byte & 0x7f);
            if i == 9 && part > 1 {
                break;
            }
            value |= part << (7 * i);
            if byte & 0x80 == 0 {
                self.buf = &self.buf[i + 1..];
                return Ok(value);
            }
        }
        Err(DecodeError::new(if self.buf.len() < 10 { "the message ends inside a number" } else { "a number has more than 64 bits" }))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self.buf.split_first_chunk::<N>().ok_or_else(|| DecodeError::new("the message ends inside a number"))?;
        self.buf = rest;
        Ok(*head)
    }

    #[inline]
    fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.varint()?;
        match usize::try_from(len).ok().and_then(|n| self.buf.split_at_checked(n)) {
            Some((head, rest)) => {
                self.buf = rest;
                Ok(head)
            }
            None => Err(DecodeError::new(format!("a field of {len} bytes reaches beyond the end of its message"))),
        }
    }

    fn skip_group(&mut self, number: u32, depth: u32) -> Result<(), DecodeError> {
        if depth >= MAX_GROUP_DEPTH {
            return Err(DecodeError::new("groups are nested too deep"));
        }
        loop {
            let key = self.varint()?;
            match key & 7 {
                0 => drop(self.varint()?),
                1 => drop(self.array::<8>()?),
                2 => drop(self.bytes()?),
                5 => drop(self.array::<4>()?),
                3 => self.skip_group((key >> 3) as u32, depth + 1)?,
                4 if key >> 3 == u64::from(number) => return Ok(()),
                _ => return Err(DecodeError::new("a group does not end")),
            }
        }
    }
}

impl<'a> Field<'a> {
    /// The content of a string, bytes or message field.
    #[inline]
    pub fn len(self, what: &str) -> Result<&'a [u8], DecodeError> {
        match self {
            Field::Len(b) => Ok(b),
            _ => Err(wrong_type(what)),
        }
    }

    #[inline]
    pub fn varint(self, what: &str) -> Result<u64, DecodeError> {
        match self {
            Field::Varint(v) => Ok(v),
            _ => Err(wrong_type(what)),
        }
    }

    #[inline]
    pub fn fixed64(self, what: &str) -> Result<u64, DecodeError> {
        match self {
            Field::I64(v) => Ok(v),
            _ => Err(wrong_type(what)),
        }
    }

    #[inline]
    pub fn double(self, what: &str) -> Result<f64, DecodeError> {
        self.fixed64(what).map(f64::from_bits)
    }

    pub fn fixed32(self, what: &str) -> Result<u32, DecodeError> {
        match self {
            Field::I32(v) => Ok(v),
            _ => Err(wrong_type(what)),
        }
    }

    /// A sint32.
    pub fn zigzag32(self, what: &str) -> Result<i32, DecodeError> {
        let v = self.varint(what)? as u32;
        Ok((v >> 1) as i32 ^ -((v & 1) as i32))
    }

    /// Appends a repeated fixed64, packed or one by one.
    pub fn repeated_fixed64(self, what: &str, out: &mut Vec<u64>) -> Result<(), DecodeError> {
        match self {
            Field::I64(v) => out.push(v),
            Field::Len(b) => {
                let (chunks, rest) = b.as_chunks::<8>();
                if !rest.is_empty() {
                    return Err(DecodeError::new(format!("{what}: the packed list has {} bytes, no multiple of 8", b.len())));
                }
                out.extend(chunks.iter().map(|c| u64::from_le_bytes(*c)));
            }
            _ => return Err(wrong_type(what)),
        }
        Ok(())
    }

    /// Appends a repeated double, packed or one by one.
    pub fn repeated_double(self, what: &str, out: &mut Vec<f64>) -> Result<(), DecodeError> {
        match self {
            Field::I64(v) => out.push(f64::from_bits(v)),
            Field::Len(b) => {
                let (chunks, rest) = b.as_chunks::<8>();
                if !rest.is_empty() {
                    return Err(DecodeError::new(format!("{what}: the packed list has {} bytes, no multiple of 8", b.len())));
                }
                out.extend(chunks.iter().map(|c| f64::from_le_bytes(*c)));
            }
            _ => return Err(wrong_type(what)),
        }
        Ok(())
    }

    /// Appends a repeated uint64, packed or one by one.
    pub fn repeated_varint(self, what: &str, out: &mut Vec<u64>) -> Result<(), DecodeError> {
        match self {
            Field::Varint(v) => out.push(v),
            Field::Len(b) => {
                let mut r = Reader::new(b);
                while !r.buf.is_empty() {
                    out.push(r.varint()?);
                }
            }
            _ => return Err(wrong_type(what)),
        }
        Ok(())
    }

    /// A string; invalid UTF-8 is replaced by U+FFFD.
    #[inline]
    pub fn text(self, what: &str) -> Result<Cow<'a, str>, DecodeError> {
        self.len(what).map(text)
    }
}

/// The bytes as text; invalid UTF-8 is replaced by U+FFFD. Valid text, the usual case, is checked the fast way.
#[inline]
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(s) => Cow::Borrowed(s),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

#[cold]
fn wrong_type(what: &str) -> DecodeError {
    DecodeError::new(format!("{what} has the wrong wire type"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<(u32, Field<'_>)>, DecodeError> {
        let (mut r, mut out) = (Reader::new(bytes), vec![]);
        while let Some(f) = r.next()? {
            out.push(f);
        }
        Ok(out)
    }

    #[test]
    fn fields_of_every_type() {
        let bytes = [0x08, 0x96, 0x01, 0x12, 0x02, b'h', b'i', 0x1d, 1, 0, 0, 0, 0x21, 2, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(all(&bytes).unwrap(), [(1, Field::Varint(150)), (2, Field::Len(b"hi")), (3, Field::I32(1)), (4, Field::I64(2))]);
    }

    #[test]
    fn groups_are_skipped() {
        // group 1 { field 2 = 5; group 3 { } } then field 4 = 7
        assert_eq!(all(&[0x0b, 0x10, 5, 0x1b, 0x1c, 0x0c, 0x20, 7]).unwrap(), [(4, Field::Varint(7))]);
        assert!(all(&[0x0b, 0x14]).is_err(), "ends another group");
        assert!(all(&[0x0b; 200]).is_err(), "too deep");
    }

    #[test]
    fn malformed() {
        let cases: [&[u8]; 7] = [
            &[0x80],
            &[0x08],
            &[0x12, 5, 1],
            &[0x1d, 1, 2],
            &[0x00, 1],
            &[0x0f, 1],
            &[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2],
        ];
        for bytes in cases {
            assert!(all(bytes).is_err(), "{bytes:?}");
        }
        assert_eq!(all(&[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]).unwrap(), [(1, Field::Varint(u64::MAX))]);
    }

    #[test]
    fn repeated_scalars_packed_and_not() {
        let mut out = vec![];
        Field::Len(&[1, 0x96, 1]).repeated_varint("x", &mut out).unwrap();
        Field::Varint(3).repeated_varint("x", &mut out).unwrap();
        assert_eq!(out, [1, 150, 3]);
        assert!(Field::Len(&[1, 2, 3]).repeated_fixed64("x", &mut out).is_err());
        assert_eq!(Field::Varint(3).zigzag32("x"), Ok(-2));
    }
}
