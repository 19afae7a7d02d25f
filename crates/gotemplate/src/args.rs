//! The arguments of a function, taken out by the type that is needed.

use crate::{Host, Val};

/// What a function got: its arguments in order, the piped one last.
#[derive(Debug)]
pub struct Args<'a, 'd, H: Host> {
    pub values: &'a [Val<'d, H>],
}

impl<'a, 'd, H: Host> Args<'a, 'd, H> {
    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The argument, nil where there is none.
    pub fn at(&self, i: usize) -> &'a Val<'d, H> {
        self.values.get(i).unwrap_or(&Val::Nil)
    }

    pub fn last(&self) -> &'a Val<'d, H> {
        self.values.last().unwrap_or(&Val::Nil)
    }

    /// Text is needed: a number is refused, as Go does.
    pub fn text(&self, i: usize) -> Result<&'a str, String> {
        match self.at(i) {
            Val::Str(s) => Ok(s),
            Val::Nil => Err("invalid value; expected string".into()),
            v => Err(format!("wrong type for value; expected string; got {}", v.kind())),
        }
    }

    /// A whole number is needed, not a text that looks like one.
    pub fn int(&self, i: usize) -> Result<i64, String> {
        H::whole(self.at(i))
    }

    pub fn time(&self, i: usize) -> Result<&'a H::Time, String> {
        match self.at(i) {
            Val::Time(t) => Ok(t),
            v => Err(format!("wrong type for value; expected {}; got {}", H::TIME, v.kind())),
        }
    }
}
