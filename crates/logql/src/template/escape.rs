//! Escapes of URLs, undone as Go does it.

/// The text of a part of a URL's query; the error is Go's.
pub fn query_unescape(text: &str) -> Result<String, String> {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'+' => out.push(b' '),
            b'%' => {
                let hex = text.get(at + 1..at + 3).and_then(|h| u8::from_str_radix(h, 16).ok());
                let Some(b) = hex else {
                    let end = (at + 3).min(bytes.len());
                    return Err(format!("invalid URL escape {:?}", String::from_utf8_lossy(&bytes[at..end])));
                };
                out.push(b);
                at += 2;
            }
            b => out.push(b),
        }
        at += 1;
    }
    Ok(String::from_utf8(out).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
}
