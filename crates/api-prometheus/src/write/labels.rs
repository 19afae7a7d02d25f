//! From the label pairs of a request to a label set, with the checks of the remote-write receiver.

use model::{Labels, METRIC_NAME};

/// Pairs of one series as they stand in the request.
pub type Pairs<'a> = Vec<(&'a [u8], &'a [u8])>;

/// Why the pairs are no series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadLabels {
    /// no metric name, an empty label name, or bytes that are not UTF-8
    Invalid(String),
    /// a name that stands twice, and the whole set
    Twice(String, String),
}

/// Sorts the pairs (in place) and makes the label set; labels with empty values fall away.
pub fn build(pairs: &mut Pairs<'_>) -> Result<Labels, BadLabels> {
    pairs.sort_by(|a, b| a.0.cmp(b.0));
    let mut texts = Vec::with_capacity(pairs.len());
    for (name, value) in pairs.iter() {
        match (std::str::from_utf8(name), std::str::from_utf8(value)) {
            (Ok(name), Ok(value)) if !name.is_empty() => texts.push((name, value)),
            _ => return Err(BadLabels::Invalid(show(pairs))),
        }
    }
    if let Some(pair) = texts.windows(2).find(|w| w[0].0 == w[1].0) {
        return Err(BadLabels::Twice(pair[0].0.to_owned(), show(pairs)));
    }
    if !texts.iter().any(|(n, v)| *n == METRIC_NAME && !v.is_empty()) {
        return Err(BadLabels::Invalid(show(pairs)));
    }
    Ok(Labels::from_sorted(texts.into_iter().filter(|(_, v)| !v.is_empty())))
}

/// The labels of an exemplar: sorted, of a name given twice the last value stays; `None` where they are not UTF-8.
pub fn build_exemplar(pairs: &Pairs<'_>) -> Option<Labels> {
    let texts: Option<Vec<_>> = pairs.iter().map(|(n, v)| Some((std::str::from_utf8(n).ok()?, std::str::from_utf8(v).ok()?))).collect();
    Some(Labels::from_pairs(texts?))
}

/// `{a="b", c="d"}`, whatever the bytes.
pub fn show(pairs: &Pairs<'_>) -> String {
    let all: Vec<String> = pairs.iter().map(|(n, v)| format!("{}={:?}", String::from_utf8_lossy(n), String::from_utf8_lossy(v))).collect();
    format!("{{{}}}", all.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pairs: &[(&[u8], &[u8])], want: Result<&str, BadLabels>) {
        assert_eq!(build(&mut pairs.to_vec()).map(|l| l.to_string()), want.map(str::to_owned));
    }

    #[test]
    fn label_sets() {
        check(&[(b"b", b"2"), (b"__name__", b"m"), (b"a", b"")], Ok(r#"{__name__="m", b="2"}"#));
        check(&[(b"b", b"2")], Err(BadLabels::Invalid(r#"{b="2"}"#.into())));
        check(&[(b"__name__", b"")], Err(BadLabels::Invalid(r#"{__name__=""}"#.into())));
        check(&[(b"__name__", b"m"), (b"", b"2")], Err(BadLabels::Invalid(r#"{="2", __name__="m"}"#.into())));
        check(&[(b"__name__", b"m"), (b"a", b"\xff")], Err(BadLabels::Invalid("{__name__=\"m\", a=\"\u{fffd}\"}".into())));
        check(
            &[(b"__name__", b"m"), (b"a", b"1"), (b"a", b"2")],
            Err(BadLabels::Twice("a".into(), r#"{__name__="m", a="1", a="2"}"#.into())),
        );
    }
}
