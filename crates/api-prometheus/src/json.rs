//! A JSON writer over a byte buffer: no tree in between, commas set by the caller's structure.

use model::Labels;

/// Writes a text with quotes. Only what JSON demands is escaped; UTF-8 stays as it is.
pub fn push_str(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut from = 0;
    for (i, b) in bytes.iter().enumerate() {
        if *b >= 0x20 && *b != b'"' && *b != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[from..i]);
        from = i + 1;
        match b {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', HEX[usize::from(b >> 4)], HEX[usize::from(b & 15)]]);
            }
        }
    }
    out.extend_from_slice(&bytes[from..]);
    out.push(b'"');
}

/// `"key":` with a comma before it unless it opens the object.
pub fn push_key(out: &mut Vec<u8>, key: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    push_str(out, key);
    out.push(b':');
}

/// Elements of a list, a comma between them.
pub fn push_list<T>(out: &mut Vec<u8>, items: impl IntoIterator<Item = T>, mut each: impl FnMut(&mut Vec<u8>, T)) {
    out.push(b'[');
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        each(out, item);
    }
    out.push(b']');
}

/// A list of texts.
pub fn push_strs<'a>(out: &mut Vec<u8>, items: impl IntoIterator<Item = &'a str>) {
    push_list(out, items, push_str);
}

/// A label set as an object, names in order.
pub fn push_labels(out: &mut Vec<u8>, labels: &Labels) {
    out.push(b'{');
    for (i, (name, value)) in labels.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        push_str(out, name);
        out.push(b':');
        push_str(out, value);
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped() {
        let mut out = Vec::new();
        push_str(&mut out, "a\"b\\c\nd\te\u{1}ключ<&>");
        assert_eq!(String::from_utf8(out).unwrap(), r#""a\"b\\c\nd\te\u0001ключ<&>""#);
    }

    #[test]
    fn structures() {
        let mut out = vec![b'{'];
        push_key(&mut out, "a");
        push_strs(&mut out, ["x", "y"]);
        push_key(&mut out, "b");
        push_labels(&mut out, &Labels::from_pairs([("z", "1"), ("__name__", "m")]));
        out.push(b'}');
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"a":["x","y"],"b":{"__name__":"m","z":"1"}}"#);
    }
}
