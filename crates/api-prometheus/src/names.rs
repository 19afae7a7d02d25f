//! Label names in URL paths: `U__http_2e_status` stands for `http.status`.

/// Undoes the "values" escaping; a text that is not such an escape stays as it is.
pub fn unescape(name: &str) -> String {
    match name.strip_prefix("U__").and_then(decode) {
        Some(decoded) => decoded,
        None => name.to_owned(),
    }
}

fn decode(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('_') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(tail) = rest.strip_prefix('_') {
            out.push('_');
            rest = tail;
            continue;
        }
        let (code, tail) = rest.split_once('_')?;
        if code.is_empty() || code.len() > 6 || !code.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        out.push(char::from_u32(u32::from_str_radix(code, 16).ok()?)?);
        rest = tail;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        for (text, want) in [
            ("job", "job"),
            ("U__http_2e_status", "http.status"),
            ("U__http__route", "http_route"),
            ("U___43a__43b__44e__447_", "ключ"),
            ("U__", ""),
            ("U__a_zz_b", "U__a_zz_b"),
            ("U__a_2e", "U__a_2e"),
            ("U__a_110000_", "U__a_110000_"),
        ] {
            assert_eq!(unescape(text), want, "{text}");
        }
    }
}
