//! Parameters of the trace-by-id endpoints.

use api::Params;

use super::{check_query_size, go};
use crate::error::ApiError;

/// A checked trace lookup. The time range and the sharding hints are checked but not needed: an id is looked up everywhere.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceRequest {
    pub id: [u8; 16],
    /// only the second version reads it
    pub filter: Option<TraceFilter>,
}

/// Which spans of a trace are shown.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceFilter {
    /// one spanset filter
    pub query: String,
    /// ancestors of matches are kept so that the tree holds together
    pub keep_hierarchy: bool,
    /// levels of descendants kept below a match, negative = all
    pub match_depth: i64,
    /// levels of ancestors kept above a match, negative = all; only with `keep_hierarchy`
    pub ancestor_depth: i64,
}

impl TraceRequest {
    pub fn read(id: &str, p: &Params) -> Result<TraceRequest, ApiError> {
        let id = parse_trace_id(id)?;
        if let Some(mode) = p.given("mode").filter(|m| !["all", "ingesters", "blocks", "external"].contains(m)) {
            return Err(ApiError::bad(format!("invalid value for mode {mode}")));
        }
        for (name, shown) in [("blockStart", "blockstart"), ("blockEnd", "blockEnd")] {
            if let Some(text) = p.given(name) {
                check_uuid(text).map_err(|e| ApiError::bad(format!("invalid value for {shown}: {e}")))?;
            }
        }
        let second = |name: &str| match p.given(name) {
            None => Ok(0),
            Some(text) => go::parse_int(text).map_err(|e| ApiError::bad(format!("invalid {name}: {e}"))),
        };
        let (start, end) = (second("start")?, second("end")?);
        if start != 0 && end != 0 && end <= start {
            return Err(ApiError::bad(format!("http parameter start must be before end. received start={start} end={end}")));
        }
        Ok(TraceRequest { id, filter: filter(p)? })
    }
}

fn filter(p: &Params) -> Result<Option<TraceFilter>, ApiError> {
    let int = |name: &str, default| match p.given(name) {
        None => Ok(default),
        Some(text) => go::parse_int(text).map_err(|e| ApiError::bad(format!("invalid {name}: {e}"))),
    };
    let keep_hierarchy = match p.given("keep_hierarchy") {
        None => false,
        Some(text) => go::parse_bool(text).map_err(|e| ApiError::bad(format!("invalid keep_hierarchy: {e}")))?,
    };
    let (match_depth, ancestor_depth) = (int("match_depth", 0)?, int("ancestor_depth", -1)?);
    let Some(query) = p.given("q") else { return Ok(None) };
    check_query_size(query)?;
    Ok(Some(TraceFilter { query: query.to_owned(), keep_hierarchy, match_depth, ancestor_depth }))
}

/// One to 32 hex digits of either case; shorter ids have zeros in front.
pub fn parse_trace_id(text: &str) -> Result<[u8; 16], ApiError> {
    if let Some((at, c)) = text.chars().enumerate().find(|(_, c)| !c.is_ascii_hexdigit()) {
        let at = at + 1;
        return Err(ApiError::bad(format!("trace IDs can only contain hex characters: invalid character '{c}' at position {at}")));
    }
    if text.len() > 32 {
        return Err(ApiError::bad("trace IDs can't be larger than 128 bits"));
    }
    let mut id = [0; 16];
    // Only hex digits, at most 32 of them: this cannot fail.
    let _ = hex::decode_to_slice(format!("{text:0>32}"), &mut id);
    Ok(id)
}

fn check_uuid(text: &str) -> Result<(), String> {
    if text.len() != 36 && text.len() != 32 {
        return Err(format!("invalid UUID length: {}", text.len()));
    }
    let digits = text.bytes().enumerate().all(|(i, b)| {
        let dash = text.len() == 36 && [8, 13, 18, 23].contains(&i);
        if dash { b == b'-' } else { b.is_ascii_hexdigit() }
    });
    if digits { Ok(()) } else { Err("invalid UUID format".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(id: &str, query: &str, want: &str) {
        let got = match TraceRequest::read(id, &Params::from_query(query)) {
            Ok(r) => format!("{} {:?}", hex::encode(r.id), r.filter.map(|f| (f.query, f.keep_hierarchy, f.match_depth, f.ancestor_depth))),
            Err(e) => format!("{} {}", e.status.as_u16(), e.text),
        };
        assert_eq!(got, want, "{id} {query}");
    }

    #[test]
    fn ids() {
        check("bca82ecde4be8092", "", "0000000000000000bca82ecde4be8092 None");
        check("ABCDE", "", "000000000000000000000000000abcde None");
        check("xyz", "", "400 trace IDs can only contain hex characters: invalid character 'x' at position 1");
        check("12 34", "", "400 trace IDs can only contain hex characters: invalid character ' ' at position 3");
        check(&"a".repeat(33), "", "400 trace IDs can't be larger than 128 bits");
    }

    #[test]
    fn hints() {
        check("1", "start=5&mode=all&q={}&keep_hierarchy=true&match_depth=2", &format!("{:0>32} Some((\"{{}}\", true, 2, -1))", 1));
        check("1", "start=5&end=4", "400 http parameter start must be before end. received start=5 end=4");
        check("1", "start=x", "400 invalid start: strconv.ParseInt: parsing \"x\": invalid syntax");
        check("1", "mode=foo", "400 invalid value for mode foo");
        check("1", "blockStart=zz", "400 invalid value for blockstart: invalid UUID length: 2");
        check("1", "q={}&keep_hierarchy=maybe", "400 invalid keep_hierarchy: strconv.ParseBool: parsing \"maybe\": invalid syntax");
    }
}
