//! Request parameters of the query APIs: URL query and form body merged, the body first.

use axum::body::Body;
use axum::http::{Request, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use percent_encoding::percent_decode_str;

use crate::limits::MAX_FORM_BYTES;

/// Parameters in the order given; where a form body and the URL both carry a name, the body's values come first.
#[derive(Debug, Clone, Default)]
pub struct Params(pub Vec<(String, String)>);

/// Why the parameters could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParamsError {
    /// 413
    TooLarge,
    /// 400: the connection broke or the body is not what it says
    Unreadable(String),
}

impl Params {
    /// Reads the URL and, for a form content type, the body.
    pub async fn read(req: Request<Body>) -> Result<Params, ParamsError> {
        let (parts, body) = req.into_parts();
        let is_form = parts
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .is_some_and(|t| t.split(';').next().is_some_and(|t| t.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")));
        let mut all = vec![];
        if is_form {
            let bytes = match Limited::new(body, MAX_FORM_BYTES).collect().await {
                Ok(b) => b.to_bytes(),
                Err(e) if e.is::<LengthLimitError>() => return Err(ParamsError::TooLarge),
                Err(e) => return Err(ParamsError::Unreadable(e.to_string())),
            };
            parse_into(&String::from_utf8_lossy(&bytes), &mut all);
        }
        parse_into(parts.uri.query().unwrap_or(""), &mut all);
        Ok(Params(all))
    }

    pub fn from_query(query: &str) -> Params {
        let mut all = vec![];
        parse_into(query, &mut all);
        Params(all)
    }

    /// The first value of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The first value, if it is not empty.
    pub fn given(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|v| !v.is_empty())
    }

    /// All values of a name, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

fn parse_into(query: &str, out: &mut Vec<(String, String)>) {
    for pair in query.split('&').filter(|p| !p.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        out.push((decode(name), decode(value)));
    }
}

fn decode(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plus_percent_and_repeats() {
        let p = Params::from_query("a=1+2&b=%7Bx%3D%22y%22%7D&a=3&c&d=");
        assert_eq!(p.all("a").collect::<Vec<_>>(), ["1 2", "3"]);
        assert_eq!((p.get("b"), p.get("c"), p.given("d"), p.get("e")), (Some("{x=\"y\"}"), Some(""), None, None));
    }
}
