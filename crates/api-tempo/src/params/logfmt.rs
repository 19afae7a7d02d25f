//! The `tags` parameter of a search: pairs as logfmt writes them, `k=v k2="v 2"`.

use std::collections::BTreeMap;

/// Reads all pairs; a key without `=` has the empty value. Errors name the byte position, counted from 1.
pub fn parse(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut tags = BTreeMap::new();
    let mut at = 0;
    let bytes = text.as_bytes();
    loop {
        while bytes.get(at).is_some_and(|b| *b <= b' ') {
            at += 1;
        }
        if at >= bytes.len() {
            return Ok(tags);
        }
        let start = at;
        while bytes.get(at).is_some_and(|b| *b > b' ' && *b != b'=' && *b != b'"') {
            at += 1;
        }
        match bytes.get(at) {
            Some(b'"') => return Err(unexpected('"', at)),
            Some(b'=') if at == start => return Err(unexpected('=', at)),
            _ => {}
        }
        let key = text[start..at].to_owned();
        let value = if bytes.get(at) == Some(&b'=') {
            at += 1;
            value(text, &mut at)?
        } else {
            String::new()
        };
        if tags.contains_key(&key) {
            return Err(format!("tag {key} has been set twice"));
        }
        tags.insert(key, value);
    }
}

fn unexpected(c: char, at: usize) -> String {
    format!("unexpected {c:?} at pos {}", at + 1)
}

fn value(text: &str, at: &mut usize) -> Result<String, String> {
    let bytes = text.as_bytes();
    if bytes.get(*at) != Some(&b'"') {
        let start = *at;
        while let Some(b) = bytes.get(*at).filter(|b| **b > b' ') {
            if *b == b'=' || *b == b'"' {
                return Err(unexpected(*b as char, *at));
            }
            *at += 1;
        }
        return Ok(text[start..*at].to_owned());
    }
    let start = *at;
    let mut escaped = false;
    for (i, b) in bytes.iter().enumerate().skip(start + 1) {
        match b {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => {
                *at = i + 1;
                // The escapes that matter are JSON's.
                return serde_json::from_str(&text[start..=i]).map_err(|_| format!("invalid quoted value at pos {}", i + 1));
            }
            _ => {}
        }
    }
    Err(format!("unterminated quoted value at pos {}", bytes.len() + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_and_errors() {
        for (text, want) in [
            ("", "{}"),
            ("service.name=ledger name=\"level 1\"", "{\"name\": \"level 1\", \"service.name\": \"ledger\"}"),
            (" a  b=\"x \\\"y\\\"\" ", "{\"a\": \"\", \"b\": \"x \\\"y\\\"\"}"),
            ("a=b a=c", "tag a has been set twice"),
            ("a=b=c", "unexpected '=' at pos 4"),
            ("\"a b\"=c", "unexpected '\"' at pos 1"),
            ("a=\"b", "unterminated quoted value at pos 5"),
            ("=b", "unexpected '=' at pos 1"),
            ("a=\"\\q\"", "invalid quoted value at pos 6"),
        ] {
            assert_eq!(parse(text).map_or_else(|e| e, |m| format!("{m:?}")), want, "{text}");
        }
    }
}
