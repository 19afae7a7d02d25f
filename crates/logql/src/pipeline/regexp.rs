//! `regexp`: named groups become labels.

use model::re2;
use regex::Regex;

use super::row::Row;

#[derive(Debug)]
pub struct Regexp {
    regex: Regex,
    /// index of each named group, with its label
    groups: Vec<(usize, String)>,
}

impl Regexp {
    pub fn new(pattern: &str) -> Result<Regexp, String> {
        // Rust refuses a repeated name with words of its own.
        let mut names: Vec<&str> = vec![];
        for start in ["(?P<", "(?<"] {
            for (at, _) in pattern.match_indices(start) {
                let rest = &pattern[at + start.len()..];
                let name = &rest[..rest.find('>').unwrap_or(0)];
                if !name.is_empty() && names.contains(&name) {
                    return Err(format!("duplicate extracted label name '{name}'"));
                }
                names.push(name);
            }
        }
        let regex = re2::search(pattern).map_err(|e| e.to_string())?;
        let groups: Vec<(usize, String)> = regex.capture_names().enumerate().filter_map(|(i, n)| n.map(|n| (i, n.to_owned()))).collect();
        if groups.is_empty() {
            return Err("at least one named capture must be supplied".into());
        }
        Ok(Regexp { regex, groups })
    }

    pub fn run(&self, row: &mut Row<'_>) {
        let line = row.detached_line();
        let Some(found) = self.regex.captures(&line) else { return };
        for (i, name) in &self.groups {
            row.extract(name, found.get(*i).map_or("", |m| m.as_str()));
        }
    }
}
