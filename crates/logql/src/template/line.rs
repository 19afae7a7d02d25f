//! Functions that give the line itself, and a value in place of none.

use gotemplate::Entry;

use super::{Lines, Val, date};

pub const FUNCTIONS: &[Entry<Lines>] = &[
    Entry("__line__", 0, 0, |c, _| Ok(Val::str(c.data.line()))),
    Entry("__timestamp__", 0, 0, |c, _| Ok(date::utc(i128::from(c.data.timestamp())))),
    Entry("default", 1, 2, |_, a| Ok(if a.at(1).truth() { a.at(1) } else { a.at(0) }.clone())),
];
