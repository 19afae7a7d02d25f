//! The typed reading of request parameters, with Prometheus' error texts.

use axum::body::Body;
use http::{Request, StatusCode};

use crate::error::ApiError;
use crate::time;

/// URL and form parameters of a request; where both carry a name, the body's value counts.
#[derive(Debug, Clone, Default)]
pub struct Params(api::Params);

impl Params {
    /// Reads the URL and, where there is one, the form body.
    pub async fn read(request: Request<Body>) -> Result<Params, (StatusCode, String)> {
        api::Params::read(request).await.map(Params).map_err(|e| match e {
            api::ParamsError::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "http: request body too large".into()),
            api::ParamsError::Unreadable(why) => (StatusCode::BAD_REQUEST, format!("error parsing form values: {why}")),
        })
    }

    #[cfg(test)]
    pub fn from_query(query: &str) -> Params {
        Params(api::Params::from_query(query))
    }

    /// The first value of that name; "" where it is absent.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or("")
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some()
    }

    /// All values of that name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.0.all(name)
    }

    /// A time in Unix milliseconds, `default` where absent or empty.
    pub fn time_or(&self, name: &str, default: i64) -> Result<i64, ApiError> {
        match self.get(name) {
            "" => Ok(default),
            text => time::parse_time(text).map_err(|e| ApiError::parameter(name, format_args!("invalid time value for '{name}': {e}"))),
        }
    }

    /// A time in Unix milliseconds that must be there.
    pub fn time(&self, name: &str) -> Result<i64, ApiError> {
        time::parse_time(self.get(name)).map_err(|e| ApiError::parameter(name, e))
    }

    /// `start` and `end` with the widest range as default.
    pub fn range(&self) -> Result<(i64, i64), ApiError> {
        Ok((self.time_or("start", time::MIN_TIME_MS)?, self.time_or("end", time::MAX_TIME_MS)?))
    }

    /// `limit`: an integer, 0 = none.
    pub fn limit(&self) -> Result<usize, ApiError> {
        let text = self.get("limit");
        if text.is_empty() {
            return Ok(0);
        }
        let number = text.parse::<i64>().map_err(|e| {
            let why = if *e.kind() == std::num::IntErrorKind::PosOverflow { "value out of range" } else { "invalid syntax" };
            ApiError::parameter("limit", format_args!("strconv.Atoi: parsing {text:?}: {why}"))
        })?;
        usize::try_from(number).map_err(|_| ApiError::parameter("limit", "limit must be non-negative"))
    }

    /// An optional integer with Prometheus' shorter error text.
    pub fn number(&self, name: &str) -> Result<Option<i64>, ApiError> {
        match self.get(name) {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| ApiError::bad(format!("{name} must be a number"))),
        }
    }

    /// A boolean as Go reads it; absent and empty are `default`.
    pub fn boolean(&self, name: &str, default: bool) -> Result<bool, ApiError> {
        match self.get(name) {
            "" => Ok(default),
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
            text => Err(ApiError::parameter(name, format_args!("strconv.ParseBool: parsing {text:?}: invalid syntax"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_texts() {
        let p = Params::from_query("time=abc&limit=-1&start=");
        let text = |e: ApiError| e.message;
        let want = "invalid parameter \"time\": invalid time value for 'time': cannot parse \"abc\" to a valid timestamp";
        assert_eq!(p.time_or("time", 0).map_err(text), Err(want.into()));
        assert_eq!(p.time("start").map_err(text), Err("invalid parameter \"start\": cannot parse \"\" to a valid timestamp".into()));
        assert_eq!(p.limit().map_err(text), Err("invalid parameter \"limit\": limit must be non-negative".into()));
        let p = Params::from_query("limit=x&b=maybe");
        assert_eq!(p.limit().map_err(text), Err("invalid parameter \"limit\": strconv.Atoi: parsing \"x\": invalid syntax".into()));
        assert_eq!(p.number("limit").map_err(text), Err("limit must be a number".into()));
        assert_eq!(
            p.boolean("b", true).map_err(text),
            Err("invalid parameter \"b\": strconv.ParseBool: parsing \"maybe\": invalid syntax".into())
        );
    }
}
