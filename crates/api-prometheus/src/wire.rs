//! A bounds-checked reader of protobuf fields that borrows from the request: no message structs, no copies of texts.

use std::fmt;

/// The bytes are no protobuf message of the expected shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadWire(pub &'static str);

impl fmt::Display for BadWire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "proto: {}", self.0)
    }
}

/// Room for one more element, or the error that the request holds too many.
pub fn room<T>(held: &[T], most: usize) -> Result<(), BadWire> {
    if held.len() < most { Ok(()) } else { Err(BadWire("more repeated elements than this server takes")) }
}

/// One field's content.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32,
}

const WRONG_TYPE: BadWire = BadWire("wrong wire type");
const CUT_SHORT: BadWire = BadWire("unexpected EOF");

impl<'a> Value<'a> {
    pub fn bytes(self) -> Result<&'a [u8], BadWire> {
        if let Value::Bytes(b) = self { Ok(b) } else { Err(WRONG_TYPE) }
    }

    pub fn varint(self) -> Result<u64, BadWire> {
        if let Value::Varint(v) = self { Ok(v) } else { Err(WRONG_TYPE) }
    }

    pub fn int64(self) -> Result<i64, BadWire> {
        self.varint().map(|v| v as i64)
    }

    pub fn uint32(self) -> Result<u32, BadWire> {
        self.varint().map(|v| v as u32)
    }

    pub fn sint32(self) -> Result<i32, BadWire> {
        self.varint().map(|v| zigzag(v & u64::from(u32::MAX)) as i32)
    }

    pub fn double(self) -> Result<f64, BadWire> {
        if let Value::Fixed64(v) = self { Ok(f64::from_bits(v)) } else { Err(WRONG_TYPE) }
    }

    /// A repeated varint field, packed or not: `each` gets every element.
    pub fn varints(self, mut each: impl FnMut(u64) -> Result<(), BadWire>) -> Result<(), BadWire> {
        match self {
            Value::Varint(v) => each(v)?,
            Value::Bytes(mut packed) => {
                while !packed.is_empty() {
                    each(take_varint(&mut packed)?)?;
                }
            }
            _ => return Err(WRONG_TYPE),
        }
        Ok(())
    }

    /// A repeated double field, packed or not.
    pub fn doubles(self, out: &mut Vec<f64>, most: usize) -> Result<(), BadWire> {
        room(out, most)?;
        match self {
            Value::Fixed64(v) => out.push(f64::from_bits(v)),
            Value::Bytes(packed) => {
                let (whole, rest) = packed.as_chunks::<8>();
                if !rest.is_empty() {
                    return Err(CUT_SHORT);
                }
                out.extend(whole.iter().take(most).map(|b| f64::from_le_bytes(*b)));
            }
            _ => return Err(WRONG_TYPE),
        }
        Ok(())
    }
}

/// The signed value of a zigzag-coded varint.
pub fn zigzag(v: u64) -> i64 {
    (v >> 1) as i64 ^ -((v & 1) as i64)
}

/// The fields of one message, in order.
pub struct Fields<'a>(pub &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>), BadWire>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Result<(u32, Value<'a>), BadWire> {
        let key = take_varint(&mut self.0)?;
        let number = u32::try_from(key >> 3).ok().filter(|n| *n != 0).ok_or(BadWire("illegal tag"))?;
        let value = match key & 7 {
            0 => Value::Varint(take_varint(&mut self.0)?),
            1 => {
                let bytes = take(&mut self.0, 8)?;
                Value::Fixed64(bytes.try_into().map(u64::from_le_bytes).map_err(|_| CUT_SHORT)?)
            }
            2 => {
                let length = usize::try_from(take_varint(&mut self.0)?).map_err(|_| CUT_SHORT)?;
                Value::Bytes(take(&mut self.0, length)?)
            }
            5 => {
                take(&mut self.0, 4)?;
                Value::Fixed32
            }
            _ => return Err(BadWire("illegal wire type")),
        };
        Ok((number, value))
    }
}

fn take<'a>(from: &mut &'a [u8], n: usize) -> Result<&'a [u8], BadWire> {
    let (head, tail) = from.split_at_checked(n).ok_or(CUT_SHORT)?;
    *from = tail;
    Ok(head)
}

fn take_varint(from: &mut &[u8]) -> Result<u64, BadWire> {
    let mut value = 0u64;
    for (i, b) in from.iter().enumerate().take(10) {
        if i == 9 && *b > 1 {
            return Err(BadWire("integer overflow"));
        }
        value |= u64::from(b & 0x7f) << (7 * i);
        if *b < 0x80 {
            *from = &from[i + 1..];
            return Ok(value);
        }
    }
    Err(if from.len() < 10 { CUT_SHORT } else { BadWire("integer overflow") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_their_ends() {
        let all: Vec<_> = Fields(&[8, 150, 1, 0x12, 2, b'h', b'i', 0x19, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]).map(Result::unwrap).collect();
        assert_eq!((all[0].0, all[0].1.varint()), (1, Ok(150)));
        assert_eq!((all[1].0, all[1].1.bytes()), (2, Ok(&b"hi"[..])));
        assert_eq!((all[2].0, all[2].1.double()), (3, Ok(1.0)));
        for bad in
            [&[0x12, 200, 1][..], &[8], &[8, 0x80], &[0, 1], &[0x0b], &[8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2], &[0x0d, 1]]
        {
            assert!(Fields(bad).last().unwrap().is_err(), "{bad:?}");
        }
        assert_eq!((zigzag(1), zigzag(2), zigzag(u64::MAX)), (-1, 1, i64::MIN));
    }
}
