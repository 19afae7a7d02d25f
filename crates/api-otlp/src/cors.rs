//! CORS for browser SDKs under development: pages of this machine and its neighbours may post, others may not.

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use crate::limits::CORS_MAX_AGE_SECONDS;

/// Answers preflights and marks answers. Requests without an `Origin` pass untouched.
pub async fn apply(request: Request, next: Next) -> Response {
    let Some(origin) = request.headers().get(header::ORIGIN).cloned() else {
        return next.run(request).await;
    };
    let allowed = is_local(&origin);
    if request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        if allowed {
            allow(response.headers_mut(), origin);
            preflight(request.headers(), response.headers_mut());
        }
        return response;
    }
    let mut response = next.run(request).await;
    if allowed {
        allow(response.headers_mut(), origin);
    }
    response
}

fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Retry-After"));
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
}

fn preflight(request: &HeaderMap, headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    // Any header the page wants: authorization and trace context are not on a fixed list.
    if let Some(wanted) = request.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, CORS_MAX_AGE_SECONDS.into());
}

/// localhost, loopback addresses and `.local` names, on any scheme and port.
fn is_local(origin: &HeaderValue) -> bool {
    let Some((_, authority)) = origin.to_str().ok().and_then(|o| o.split_once("://")) else {
        return false;
    };
    // An origin has neither user nor path; what does is no origin.
    if authority.contains(['/', '@', '?', '#']) {
        return false;
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (authority, ""),
    };
    let host = host.to_ascii_lowercase();
    port.bytes().all(|b| b.is_ascii_digit())
        && (host == "localhost" || host == "127.0.0.1" || host == "[::1]" || host.ends_with(".localhost") || host.ends_with(".local"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_origins() {
        let yes = [
            "http://localhost",
            "https://localhost:3000",
            "http://127.0.0.1:8080",
            "http://[::1]",
            "http://[::1]:5173",
            "https://pi.local",
            "capacitor://localhost",
            "http://LOCALHOST",
        ];
        let no = [
            "null",
            "https://example.com",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://localhost@example.com",
            "http://localhost:80/x",
            "http://localhost:x",
            "localhost",
            "http://mylocal",
        ];
        for o in yes {
            assert!(is_local(&HeaderValue::from_static(o)), "{o}");
        }
        for o in no {
            assert!(!is_local(&HeaderValue::from_static(o)), "{o}");
        }
    }
}
