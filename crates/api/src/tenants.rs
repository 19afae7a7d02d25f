//! Whose data a request means: the `X-Scope-OrgID` header, else `anonymous`.

use http::HeaderMap;
use model::{BadTenant, Tenant};

/// The header (or gRPC metadata key) that names the tenant.
pub const TENANT_HEADER: &str = "x-scope-orgid";

/// The tenant of a write: exactly one.
pub fn write_tenant(headers: &HeaderMap) -> Result<Tenant, BadTenant> {
    match header(headers)? {
        None => Ok(Tenant::anonymous()),
        Some(name) => Tenant::new(name).and_then(not_reserved),
    }
}

/// The tenants of a read: `a|b` names several.
pub fn read_tenants(headers: &HeaderMap) -> Result<Vec<Tenant>, BadTenant> {
    match header(headers)? {
        None => Ok(vec![Tenant::anonymous()]),
        Some(list) => Tenant::parse_list(list)?.into_iter().map(not_reserved).collect(),
    }
}

/// Names that begin with `!` hold our own records (delete requests).
fn not_reserved(tenant: Tenant) -> Result<Tenant, BadTenant> {
    if tenant.as_str().starts_with('!') { Err(BadTenant(format!("tenant ID '{tenant}' is reserved"))) } else { Ok(tenant) }
}

fn header(headers: &HeaderMap) -> Result<Option<&str>, BadTenant> {
    match headers.get(TENANT_HEADER) {
        None => Ok(None),
        Some(v) => match v.to_str() {
            Ok(s) if s.trim().is_empty() => Ok(None),
            Ok(s) => Ok(Some(s.trim())),
            Err(_) => Err(BadTenant("tenant ID holds characters outside ASCII".into())),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(header: Option<&'static str>, read: &str, write: &str) {
        let mut h = HeaderMap::new();
        if let Some(v) = header {
            h.insert(TENANT_HEADER, v.parse().unwrap());
        }
        let names = read_tenants(&h).map(|all| all.iter().map(|t| t.to_string()).collect::<Vec<_>>().join(","));
        assert_eq!(names.unwrap_or_else(|e| format!("error: {e}")), read);
        assert_eq!(write_tenant(&h).map(|t| t.to_string()).unwrap_or_else(|e| format!("error: {e}")), write);
    }

    #[test]
    fn headers_name_tenants() {
        check(None, "anonymous", "anonymous");
        check(Some(""), "anonymous", "anonymous");
        check(Some("b|a|b"), "a,b", "error: tenant ID 'b|a|b' contains unsupported character '|'");
        check(
            Some("a/b"),
            "error: tenant ID 'a/b' contains unsupported character '/'",
            "error: tenant ID 'a/b' contains unsupported character '/'",
        );
    }
}
