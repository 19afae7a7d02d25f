//! `drop` and `keep`: removing labels by name, or by name and value.

use super::row::Row;
use crate::syntax::ast::LabelChoice;

#[derive(Debug)]
pub struct Choices(Vec<LabelChoice>);

impl Choices {
    pub fn new(choices: &[LabelChoice]) -> Choices {
        Choices(choices.to_vec())
    }

    pub fn drop_from(&self, row: &mut Row<'_>) {
        for choice in &self.0 {
            match choice {
                LabelChoice::Name(n) => row.remove(n),
                LabelChoice::Match(m) => {
                    if row.get(&m.name).is_some_and(|v| m.matches(v)) {
                        row.remove(&m.name);
                    }
                }
            }
        }
    }

    pub fn keep_in(&self, row: &mut Row<'_>) {
        row.retain(|name, value| {
            self.0.iter().any(|c| match c {
                LabelChoice::Name(n) => n == name,
                LabelChoice::Match(m) => m.name == name && m.matches(value),
            })
        });
    }

    /// The labels whose values decide something.
    pub fn conditions(&self) -> Vec<String> {
        self.0
            .iter()
            .filter_map(|c| match c {
                LabelChoice::Name(_) => None,
                LabelChoice::Match(m) => Some(m.name.clone()),
            })
            .collect()
    }
}
