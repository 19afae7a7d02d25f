//! The face's state, and what every reading handler does: parameters and tenants in, a query on the pool, an answer out.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use api::{Backend, Params, Profile, read_tenants, write_tenant};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Request, header};
use model::{BadTenant, Matcher, Tenant};
use query::{Budget, LogSource, QueryError};
use rustc_hash::FxHashMap;
use store::Snapshot;

use crate::delete::requests::Deletion;
use crate::delete::source::Undeleted;
use crate::error::ApiError;
use crate::push::RateLimit;

/// Shared by all handlers.
pub struct Face {
    pub backend: Arc<Backend>,
    pub rate: RateLimit,
    /// bytes that pushes in work hold
    pub in_flight: Arc<AtomicUsize>,
    /// open tails per tenant
    pub tails: std::sync::Mutex<FxHashMap<Tenant, Arc<AtomicUsize>>>,
}

impl Face {
    pub fn new(backend: Arc<Backend>) -> Face {
        Face { backend, rate: RateLimit::default(), in_flight: Arc::default(), tails: Default::default() }
    }

    /// Delete requests are a tenant's own; a read of several tenants applies each one's to its lines alone.
    pub fn view(&self, tenants: &[Tenant]) -> Result<View, ApiError> {
        let mut deletions = vec![];
        for tenant in tenants {
            let own = self.deletions(tenant)?;
            let tag = (tenants.len() > 1).then(|| tenant.as_str());
            deletions.extend(own.iter().filter_map(|r| Deletion::of(r, tag)));
        }
        Ok(View { snapshot: self.backend.snapshot(tenants), deletions })
    }

    /// Unix nanoseconds.
    pub fn now(&self) -> i64 {
        i64::try_from(self.backend.now_ns()).unwrap_or(i64::MAX)
    }
}

/// Data as it stands now, without deleted lines.
pub struct View {
    snapshot: Snapshot,
    deletions: Vec<Deletion>,
}

impl View {
    pub fn read<T>(&self, f: impl FnOnce(&dyn LogSource) -> T) -> T {
        match self.deletions.as_slice() {
            [] => f(&self.snapshot),
            deletions => f(&Undeleted { inner: &self.snapshot, deletions }),
        }
    }
}

/// One reading request: what was asked, by whom.
pub struct Ask {
    pub face: Arc<Face>,
    pub params: Params,
    pub headers: HeaderMap,
    pub tenants: Vec<Tenant>,
    /// Unix nanoseconds
    pub now: i64,
    pub started: Instant,
}

impl Ask {
    pub async fn read(face: &Arc<Face>, req: Request<Body>) -> Result<Ask, ApiError> {
        let headers = req.headers().clone();
        let tenants = readers(&headers)?;
        let params = Params::read(req).await?;
        Ok(Ask { face: face.clone(), params, headers, tenants, now: face.now(), started: Instant::now() })
    }

    /// Runs on the query pool over a snapshot of the tenants' data; stops when the client goes away.
    pub async fn run<T: Send + 'static>(
        &self,
        budget: &Budget,
        f: impl FnOnce(&dyn LogSource, &Budget) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let view = self.face.view(&self.tenants)?;
        let answer = self.face.backend.queries.run(budget, move |b| view.read(|source| f(source, b))).await;
        self.face.backend.metrics.query(api::Face::Loki, answer.is_ok(), self.started.elapsed());
        Ok(answer?)
    }

    pub fn budget(&self) -> Budget {
        self.face.backend.budget(None)
    }

    /// The words of `X-Loki-Response-Encoding-Flags`.
    pub fn encoding_flags(&self) -> Vec<String> {
        let values = self.headers.get_all("x-loki-response-encoding-flags").iter().filter_map(|v| v.to_str().ok());
        values.flat_map(|v| v.split(',')).map(str::trim).filter(|w| !w.is_empty()).map(str::to_owned).collect()
    }

    /// Whether stages that Loki does not have are understood: not where everything is to be as shipped.
    pub fn extensions(&self) -> bool {
        self.face.backend.settings.profile != Profile::Stock
    }

    /// Logs Drilldown says so in its query tags.
    pub fn is_drilldown(&self) -> bool {
        let tags = self.headers.get("x-query-tags").and_then(|v| v.to_str().ok()).unwrap_or("");
        tags.split(',').any(|t| t.rsplit('=').next().is_some_and(|v| v.trim().eq_ignore_ascii_case("grafana-lokiexplore-app")))
    }
}

/// What Loki calls its only tenant while authentication is off: the one that needs no name here.
const LOKI_SINGLE_TENANT: &str = "fake";

fn own_name(t: Tenant) -> Tenant {
    if t.as_str() == LOKI_SINGLE_TENANT { Tenant::anonymous() } else { t }
}

fn readers(headers: &HeaderMap) -> Result<Vec<Tenant>, BadTenant> {
    let mut all: Vec<Tenant> = read_tenants(headers)?.into_iter().map(own_name).collect();
    all.sort();
    all.dedup();
    Ok(all)
}

/// The tenant of a push.
pub fn writer(headers: &HeaderMap) -> Result<Tenant, BadTenant> {
    write_tenant(headers).map(own_name)
}

/// A bare selector; "" and `{}` select everything.
pub fn selector(text: &str) -> Result<Vec<Matcher>, ApiError> {
    if text.trim().is_empty() {
        return Ok(vec![]);
    }
    logql::parse_selector(text).map_err(|e| ApiError::bad(e.to_string()))
}

/// An answer in JSON, with the newline at the end that Loki sends.
pub fn json_answer(mut body: String) -> Response {
    body.push('\n');
    ([(header::CONTENT_TYPE, "application/json; charset=UTF-8")], body).into_response()
}

pub fn text_answer(body: impl Into<String>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], body.into()).into_response()
}
