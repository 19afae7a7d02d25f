//! `unpack`: undoes the pack stage of agents: string fields become labels, `_entry` the line.

use super::json::{NO_OBJECT, Scanner, Value, unescape};
use super::row::{LineError, Row};
use super::sanitize_into;

#[derive(Debug)]
pub struct Unpack;

impl Unpack {
    pub fn run(&self, row: &mut Row<'_>) {
        let line = row.detached_line();
        let mut fields: Vec<(&str, &str)> = vec![];
        let mut entry = None;
        let read = Scanner::new(&line).members(|s, key| {
            if let Value::Str(value) = s.value()? {
                if key == "_entry" { entry = Some(value) } else { fields.push((key, value)) }
            }
            Some(true)
        });
        if read.is_none() {
            return row.fail(LineError::Json, NO_OBJECT);
        }
        // Only packed lines are unpacked: without an entry nothing happens.
        let Some(entry) = entry else { return };
        let mut name = String::new();
        for (key, value) in fields {
            name.clear();
            sanitize_into(&unescape(key), &mut name);
            row.extract(&name, &unescape(value));
        }
        row.set_line(&unescape(entry));
    }
}
