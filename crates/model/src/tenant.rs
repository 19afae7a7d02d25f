//! Whose data a row is: a tenant name as the `X-Scope-OrgID` header carries it.

use std::fmt;
use std::sync::Arc;

/// A valid tenant name: 1-150 bytes of letters, digits and `!-_.*'()`, not `.` or `..`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tenant(Arc<str>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadTenant(pub String);

impl fmt::Display for BadTenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadTenant {}

impl Tenant {
    /// The tenant of requests that name none.
    pub fn anonymous() -> Tenant {
        static NAME: std::sync::OnceLock<Tenant> = std::sync::OnceLock::new();
        NAME.get_or_init(|| Tenant("anonymous".into())).clone()
    }

    pub fn new(name: &str) -> Result<Tenant, BadTenant> {
        if name.is_empty() {
            return Err(BadTenant("tenant ID is empty".into()));
        }
        if name.len() > 150 {
            return Err(BadTenant("tenant ID is too long: max 150 characters".into()));
        }
        if name == "." || name == ".." {
            return Err(BadTenant("tenant ID is '.' or '..'".into()));
        }
        if let Some(c) = name.chars().find(|c| !(c.is_ascii_alphanumeric() || "!-_.*'()".contains(*c))) {
            return Err(BadTenant(format!("tenant ID '{name}' contains unsupported character '{c}'")));
        }
        Ok(Tenant(name.into()))
    }

    /// `a|b|c` as readers send it: one or several tenants, sorted, each once.
    pub fn parse_list(header: &str) -> Result<Vec<Tenant>, BadTenant> {
        let mut all = header.split('|').map(Tenant::new).collect::<Result<Vec<_>, _>>()?;
        all.sort();
        all.dedup();
        Ok(all)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert!(Tenant::new("team-a_1.(x)").is_ok());
        for bad in ["", ".", "..", "a/b", "a b", &"x".repeat(151)] {
            assert!(Tenant::new(bad).is_err(), "{bad}");
        }
        assert_eq!(Tenant::parse_list("b|a|b").unwrap().len(), 2);
    }
}
