//! The level that a log line itself names: as JSON, as logfmt, or as a word.

use super::{LEVEL_FIELDS, known};

/// A level or `unknown`.
pub fn level(line: &str) -> &'static str {
    let trimmed = line.trim();
    let value = if trimmed.starts_with('{') && trimmed.ends_with('}') {
        json_field(trimmed.as_bytes())
    } else if memchr(line, b'=') {
        logfmt_field(line)
    } else {
        None
    };
    value.and_then(known).or_else(|| word(line)).unwrap_or("unknown")
}

fn memchr(line: &str, byte: u8) -> bool {
    line.as_bytes().contains(&byte)
}

/// The words that are looked for in free text.
const WORDS: [(&str, &str); 9] = [
    ("trace", "trace"),
    ("debug", "debug"),
    ("fatal", "fatal"),
    ("critical", "critical"),
    ("error", "error"),
    ("err", "error"),
    ("warning", "warn"),
    ("warn", "warn"),
    ("info", "info"),
];

/// The earliest level word that stands by itself.
fn word(line: &str) -> Option<&'static str> {
    let bytes = line.as_bytes();
    let left = |b: u8| matches!(b, b' ' | b'\t' | b'\n' | b'[' | b'(' | b'{' | b'"' | b'\'' | b'=' | b'|');
    let right = |b: u8| left(b) || matches!(b, b']' | b')' | b'}' | b',' | b':' | b'!');
    let mut at = 0;
    while at < bytes.len() {
        // A candidate starts at the line's start or after a delimiter.
        if at == 0 || left(bytes[at - 1]) {
            let rest = &bytes[at..];
            for (w, level) in WORDS {
                let matches = rest.get(..w.len()).is_some_and(|r| r.eq_ignore_ascii_case(w.as_bytes()));
                if matches && rest.get(w.len()).is_none_or(|b| right(*b)) {
                    return Some(level);
                }
            }
        }
        at += 1;
    }
    None
}

/// The value of the first level field, fields in their order, keys in any case.
fn logfmt_field(line: &str) -> Option<&str> {
    let mut best: Option<(usize, &str)> = None;
    for (key, value) in LogfmtPairs(line) {
        let rank = LEVEL_FIELDS.iter().position(|f| f.eq_ignore_ascii_case(key));
        if let Some(rank) = rank.filter(|r| best.is_none_or(|(b, _)| *r < b)) {
            best = Some((rank, value));
            if rank == 0 {
                break;
            }
        }
    }
    best.map(|(_, value)| value)
}

/// `key=value key="quoted value" bare`; escapes in quoted values are left as they are.
struct LogfmtPairs<'a>(&'a str);

impl<'a> Iterator for LogfmtPairs<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.0.trim_start_matches(|c: char| c <= ' ');
        if rest.is_empty() {
            return None;
        }
        let key_end = rest.find(|c: char| c <= ' ' || c == '=' || c == '"').unwrap_or(rest.len());
        let (key, rest) = rest.split_at(key_end);
        let Some(rest) = rest.strip_prefix('=') else {
            // A bare word, or a stray quote that is stepped over.
            self.0 = rest.strip_prefix('"').unwrap_or(rest);
            return Some((key, ""));
        };
        if let Some(quoted) = rest.strip_prefix('"') {
            let end = closing_quote(quoted.as_bytes());
            let (value, rest) = quoted.split_at(end);
            self.0 = rest.strip_prefix('"').unwrap_or(rest);
            return Some((key, value));
        }
        let end = rest.find(|c: char| c <= ' ').unwrap_or(rest.len());
        let (value, rest) = rest.split_at(end);
        self.0 = rest;
        Some((key, value))
    }
}

/// Where the string that has begun ends: at its closing quote or the text's end.
fn closing_quote(bytes: &[u8]) -> usize {
    let mut i = 0;
    while let Some(b) = bytes.get(i) {
        match b {
            b'"' => return i,
            b'\\' => i += 2,
            _ => i += 1,
        }
    }
    bytes.len()
}

/// The first string value of a level field in the two outer levels of an object; stops where the text is no JSON.
fn json_field(text: &[u8]) -> Option<&str> {
    let mut depth = 0u32;
    let mut i = 0;
    // A string at a place where a key may stand, until its colon is seen.
    let (mut key, mut expects_key): (Option<&[u8]>, bool) = (None, false);
    // Objects of the two outer levels may hold fields; arrays and what lies in them may not.
    let mut arrays = 0u32;
    while let Some(b) = text.get(i) {
        match b {
            b'{' => {
                depth += 1;
                (key, expects_key) = (None, true);
            }
            b'}' => {
                depth = depth.checked_sub(1)?;
                (key, expects_key) = (None, false);
            }
            b'[' => arrays += 1,
            b']' => arrays = arrays.checked_sub(1)?,
            b',' => (key, expects_key) = (None, true),
            b':' => expects_key = false,
            b'"' => {
                let rest = &text[i + 1..];
                let end = closing_quote(rest);
                let string = rest.get(..end)?;
                i += end + 1;
                if arrays == 0 && depth <= 2 {
                    if expects_key {
                        key = Some(string);
                    } else if key.take().is_some_and(|k| LEVEL_FIELDS.iter().any(|f| f.as_bytes() == k)) {
                        return std::str::from_utf8(string).ok();
                    }
                }
            }
            _ => {}
        }
        i += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_of_lines() {
        let table = [
            (r#"{"severity": "DEBUG", "message": "tick", "n": 3}"#, "debug"),
            (r#"{"a": {"level": "warn"}}"#, "warn"),
            (r#"{"a": {"b": {"level": "wrn"}}}"#, "unknown"),
            (r#"{"a": [{"level": "warn"}], "lvl": "err"}"#, "error"),
            (r#"{"LeVeL": "warn", "msg": "an error here"}"#, "warn"),
            (r#"{"level": 5, "msg": "x"}"#, "unknown"),
            (r#"{"msg": "level", "x": "info\"", "level":"fatal"}"#, "fatal"),
            (r#"{"level":"nonsense","msg":"[warn] y"}"#, "warn"),
            (r#"level=error msg="cache refreshed" keys=3632"#, "error"),
            (r#"ts=1 lvl=info LEVEL="Warning" x"#, "warn"),
            (r#"severity=info level=debug"#, "debug"),
            (r#"msg="level=error" LVL=trc"#, "trace"),
            ("took=4ms [INFO] ok", "info"),
            ("[INFO] panic: index out of bounds", "info"),
            ("informed user about errors", "unknown"),
            ("Error: x", "error"),
            ("an err, a warning", "error"),
            ("critical!", "critical"),
            ("x-error", "unknown"),
            ("", "unknown"),
            ("worker 2 heartbeat seq=1782 lag=0.6637s", "unknown"),
            ("{\"level", "unknown"),
            ("level=\"", "unknown"),
            ("{\\}", "unknown"),
        ];
        for (line, expected) in table {
            assert_eq!(level(line), expected, "{line}");
        }
    }
}
