//! HTTP GETs of pages and target lists: authentication, redirects, gzip, bounded bodies.

use std::io::Read;
use std::path::{Path, PathBuf};

use base64::Engine;
use bytes::{Bytes, BytesMut};
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client as Legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::limits::MAX_REDIRECTS;
use crate::section::{ConfigError, Section};

/// The HTTP client keys of a job or of `http_sd_configs`.
#[derive(Debug, Clone, Default)]
pub struct HttpSettings {
    auth: Auth,
    follow_redirects: bool,
}

#[derive(Debug, Clone, Default)]
enum Auth {
    #[default]
    None,
    Basic {
        username: Secret,
        password: Secret,
    },
    Scheme {
        name: String,
        credentials: Secret,
    },
}

/// A text of the configuration, or a file that is read before each use.
#[derive(Clone)]
enum Secret {
    Inline(String),
    File(PathBuf),
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Secret::Inline(_) => f.write_str("<secret>"),
            Secret::File(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Secret {
    async fn read(&self) -> Result<String, String> {
        match self {
            Secret::Inline(text) => Ok(text.clone()),
            Secret::File(path) => {
                let (path, place) = (path.clone(), path.display().to_string());
                let text = tokio::task::spawn_blocking(move || std::fs::read_to_string(path)).await.map_err(|e| e.to_string())?;
                Ok(text.map_err(|e| format!("unable to read {place}: {e}"))?.trim().to_owned())
            }
        }
    }
}

impl HttpSettings {
    pub const KEYS: [&str; 6] = ["basic_auth", "authorization", "bearer_token", "bearer_token_file", "follow_redirects", "enable_http2"];

    pub fn read(s: &Section<'_>, base: &Path) -> Result<HttpSettings, ConfigError> {
        let given = ["basic_auth", "authorization", "bearer_token", "bearer_token_file"].iter().filter(|k| s.get(k).is_some()).count();
        if given > 1 {
            return Err(ConfigError(format!(
                "{}: at most one of basic_auth, authorization, bearer_token & bearer_token_file must be configured",
                s.place
            )));
        }
        s.flag("enable_http2", true)?;
        let auth = if let Some(value) = s.get("basic_auth") {
            let b =
                Section::new(value, format!("{}: basic_auth", s.place), &["username", "username_file", "password", "password_file"], &[])?;
            let none = || Secret::Inline(String::new());
            let part = |plain: &str, file: &str| Ok::<_, ConfigError>(secret(&b, plain, file, base)?.unwrap_or_else(none));
            Auth::Basic { username: part("username", "username_file")?, password: part("password", "password_file")? }
        } else if let Some(value) = s.get("authorization") {
            let a = Section::new(value, format!("{}: authorization", s.place), &["type", "credentials", "credentials_file"], &[])?;
            let name = a.text("type")?.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty()).unwrap_or_else(|| "Bearer".into());
            if name.eq_ignore_ascii_case("basic") {
                return Err(a.error("type", "cannot be set to \"basic\", use \"basic_auth\" instead"));
            }
            secret(&a, "credentials", "credentials_file", base)?.map_or(Auth::None, |credentials| Auth::Scheme { name, credentials })
        } else {
            let credentials = secret(s, "bearer_token", "bearer_token_file", base)?;
            credentials.map_or(Auth::None, |credentials| Auth::Scheme { name: "Bearer".into(), credentials })
        };
        Ok(HttpSettings { auth, follow_redirects: s.flag("follow_redirects", true)? })
    }

    async fn authorization(&self) -> Result<Option<String>, String> {
        Ok(match &self.auth {
            Auth::None => None,
            Auth::Basic { username, password } => {
                let pair = format!("{}:{}", username.read().await?, password.read().await?);
                Some(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
            }
            Auth::Scheme { name, credentials } => Some(format!("{name} {}", credentials.read().await?)),
        })
    }
}

fn secret(s: &Section<'_>, plain: &str, file: &str, base: &Path) -> Result<Option<Secret>, ConfigError> {
    match (s.text(plain)?, s.text(file)?) {
        (Some(_), Some(_)) => Err(ConfigError(format!("{}: at most one of {plain} & {file} must be configured", s.place))),
        (Some(text), None) => Ok(Some(Secret::Inline(text))),
        (None, Some(path)) => Ok(Some(Secret::File(base.join(path)))),
        (None, None) => Ok(None),
    }
}

/// Keeps connections alive over scrapes; clones share them.
#[derive(Clone)]
pub struct Client(Legacy<HttpConnector, Empty<Bytes>>);

/// What one GET sends.
pub struct Get<'a> {
    pub url: &'a str,
    pub headers: &'a [(&'static str, String)],
    pub settings: &'a HttpSettings,
    pub compression: bool,
    /// bytes after decompression; more is `FetchError::TooLarge`
    pub max_bytes: usize,
}

pub struct Fetched {
    pub content_type: String,
    pub body: Bytes,
    /// bytes as they came over the wire
    pub wire_bytes: usize,
}

/// Why there is no body.
#[derive(Debug, PartialEq, Eq)]
pub enum FetchError {
    TooLarge,
    Other(String),
}

impl Client {
    pub fn new() -> Client {
        Client(Legacy::builder(TokioExecutor::new()).build_http())
    }

    /// Sends, follows redirects, reads the body. Deadlines are the caller's.
    pub async fn get(&self, get: Get<'_>) -> Result<Fetched, FetchError> {
        let other = FetchError::Other;
        let first: Uri = get.url.parse().map_err(|e| other(format!("parse {:?}: {e}", get.url)))?;
        let mut authorization = get.settings.authorization().await.map_err(other)?;
        let mut uri = first.clone();
        for _ in 0..=MAX_REDIRECTS {
            if uri.scheme_str() != Some("http") {
                return Err(other(format!(
                    "Get {uri:?}: scheme {:?} is not supported by this version; only http is",
                    uri.scheme_str().unwrap_or("")
                )));
            }
            let mut request = Request::builder().method(Method::GET).uri(uri.clone()).header(header::USER_AGENT, user_agent());
            for (name, value) in get.headers {
                request = request.header(*name, value);
            }
            request = request.header(header::ACCEPT_ENCODING, if get.compression { "gzip" } else { "identity" });
            if let Some(value) = &authorization {
                request = request.header(header::AUTHORIZATION, value);
            }
            let request = request.body(Empty::new()).map_err(|e| other(format!("Get {:?}: {e}", uri.to_string())))?;
            let response = self.0.request(request).await.map_err(|e| other(format!("Get {:?}: {}", uri.to_string(), root_cause(&e))))?;
            let (status, headers) = (response.status(), response.headers().clone());
            let place = headers.get(header::LOCATION).and_then(|v| v.to_str().ok());
            if let (true, true, Some(place)) = (get.settings.follow_redirects, status.is_redirection(), place) {
                uri = redirected(&uri, place)
                    .ok_or_else(|| other(format!("Get {:?}: cannot follow redirect to {place:?}", uri.to_string())))?;
                // Credentials are meant for the host that was configured.
                if uri.authority() != first.authority() {
                    authorization = None;
                }
                continue;
            }
            return read(response, status, &headers, get.max_bytes).await;
        }
        Err(other(format!("Get {:?}: stopped after {MAX_REDIRECTS} redirects", get.url)))
    }
}

async fn read(
    mut response: http::Response<hyper::body::Incoming>,
    status: StatusCode,
    headers: &http::HeaderMap,
    max: usize,
) -> Result<Fetched, FetchError> {
    if status != StatusCode::OK {
        return Err(FetchError::Other(format!(
            "server returned HTTP status {} {}",
            status.as_u16(),
            status.canonical_reason().unwrap_or("")
        )));
    }
    let text = |name| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or("").to_owned();
    let mut body = BytesMut::new();
    while let Some(frame) = response.frame().await {
        let frame = frame.map_err(|e| FetchError::Other(root_cause(&e)))?;
        if let Some(data) = frame.data_ref() {
            if body.len().saturating_add(data.len()) > max {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(data);
        }
    }
    let wire_bytes = body.len();
    let body = if text(header::CONTENT_ENCODING).eq_ignore_ascii_case("gzip") { gunzip(&body, max)? } else { body.freeze() };
    Ok(Fetched { content_type: text(header::CONTENT_TYPE), body, wire_bytes })
}

fn gunzip(body: &[u8], max: usize) -> Result<Bytes, FetchError> {
    let mut out = vec![];
    let limit = (max as u64).saturating_add(1);
    flate2::read::MultiGzDecoder::new(body).take(limit).read_to_end(&mut out).map_err(|e| FetchError::Other(format!("gzip: {e}")))?;
    if out.len() > max { Err(FetchError::TooLarge) } else { Ok(out.into()) }
}

/// The place a redirect names, absolute or from the root of the same host.
fn redirected(from: &Uri, place: &str) -> Option<Uri> {
    if place.starts_with('/') {
        let mut parts = from.clone().into_parts();
        parts.path_and_query = Some(place.parse().ok()?);
        return Uri::from_parts(parts).ok();
    }
    place.parse::<Uri>().ok().filter(|u| u.authority().is_some())
}

fn user_agent() -> String {
    format!("Trefoil/{}", env!("CARGO_PKG_VERSION"))
}

fn root_cause(e: &dyn std::error::Error) -> String {
    let mut at = e;
    while let Some(next) = at.source() {
        at = next;
    }
    at.to_string()
}
