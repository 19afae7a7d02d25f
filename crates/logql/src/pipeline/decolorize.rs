//! `decolorize`: strips ANSI control sequences from the line.

use regex::Regex;

use super::row::Row;

/// CSI, OSC and two-character sequences, with ESC or their one-character C1 form.
const SEQUENCES: &str = "[\u{1b}\u{9b}][\\[\\]()#;?]*(?:(?:(?:[a-zA-Z0-9]*(?:;[a-zA-Z0-9]*)*)?\u{7})|(?:(?:[0-9]{1,4}(?:;[0-9]{0,4})*)?[0-9A-PRZcf-ntqry=><~]))";

#[derive(Debug)]
pub struct Decolorize(Regex);

impl Decolorize {
    pub fn new() -> Result<Decolorize, String> {
        Regex::new(SEQUENCES).map(Decolorize).map_err(|e| e.to_string())
    }

    pub fn run(&self, row: &mut Row<'_>) {
        let line = row.line();
        if !line.contains(['\u{1b}', '\u{9b}']) {
            return;
        }
        let plain = self.0.replace_all(line, "").into_owned();
        row.set_line(&plain);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strips() {
        let strip = |s: &str| Decolorize::new().unwrap().0.replace_all(s, "").into_owned();
        assert_eq!(strip("\u{1b}[38;5;196mred\u{1b}[0m"), "red");
        assert_eq!(strip("a\u{1b}]0;title\u{7}b\u{1b}(Bc\u{9b}31md"), "abcd");
    }
}
