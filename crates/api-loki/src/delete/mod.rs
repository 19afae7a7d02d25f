//! /loki/api/v1/delete: lines vanish from every answer at once; their space is freed by retention.

pub mod requests;
pub mod source;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, Request, StatusCode};
use model::{Batch, Tenant};
use store::{Raw, Write};

use crate::error::ApiError;
use crate::face::{Ask, Face, json_answer};
use crate::json;
use crate::limits::{CANCEL_WINDOW_NS, MAX_DELETIONS};
use crate::params::query_text;
use crate::read::engine::LogQuery;
use crate::time::{parse_duration, parse_timestamp};
use requests::Record;

const ID_HEADER: HeaderName = HeaderName::from_static("x-delete-request-id");

/// POST, PUT: 204 with the request's id in a header.
pub async fn create(State(face): State<Arc<Face>>, req: Request<Body>) -> Result<Response, ApiError> {
    let ask = Ask::read(&face, req).await?;
    let tenant = only_tenant(&ask)?;
    let mut record = read(&ask)?;
    if face.deletions(tenant)?.len() >= MAX_DELETIONS {
        return Err(ApiError::bad(format!("this tenant has {MAX_DELETIONS} delete requests already; cancel some")));
    }
    record.id = id(tenant, &record);
    keep(&face, tenant, &record).await?;
    Ok((StatusCode::NO_CONTENT, [(ID_HEADER, record.id)]).into_response())
}

/// GET: the requests in force, oldest first.
pub async fn list(State(face): State<Arc<Face>>, req: Request<Body>) -> Result<Response, ApiError> {
    let ask = Ask::read(&face, req).await?;
    let mut out = String::new();
    json::array(&mut out, face.deletions(only_tenant(&ask)?)?, |out, r| {
        let seconds = |out: &mut String, name: &str, ns: i64| {
            out.push_str(name);
            json::seconds(out, ns.div_euclid(1_000_000));
        };
        out.push_str("{\"request_id\":");
        json::string(out, &r.id);
        seconds(out, ",\"start_time\":", r.start);
        seconds(out, ",\"end_time\":", r.end);
        out.push_str(",\"query\":");
        json::string(out, &r.query);
        out.push_str(if is_open(&r, ask.now) { ",\"status\":\"received\"" } else { ",\"status\":\"processed\"" });
        seconds(out, ",\"created_at\":", r.created);
        out.push_str(",\"user_id\":\"\"}");
    });
    Ok(json_answer(out))
}

/// DELETE: the lines come back. After a day only with `force=true`.
pub async fn cancel(State(face): State<Arc<Face>>, req: Request<Body>) -> Result<Response, ApiError> {
    let ask = Ask::read(&face, req).await?;
    let tenant = only_tenant(&ask)?;
    let id = ask.params.given("request_id").ok_or_else(|| ApiError::bad("request_id is a required parameter"))?;
    let found = face.deletions(tenant)?.into_iter().find(|r| r.id == id);
    let Some(record) = found else {
        return Err(ApiError::new(StatusCode::NOT_FOUND, "could not find delete request with given id"));
    };
    if !is_open(&record, ask.now) && ask.params.get("force") != Some("true") {
        return Err(ApiError::bad("deletion of request past the deadline of 24h0m0s since its creation is not allowed"));
    }
    keep(&face, tenant, &Record { cancelled: true, ..record }).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn is_open(r: &Record, now: i64) -> bool {
    now.saturating_sub(r.created) < CANCEL_WINDOW_NS
}

fn only_tenant(ask: &Ask) -> Result<&Tenant, ApiError> {
    match ask.tenants.as_slice() {
        [one] => Ok(one),
        _ => Err(ApiError::bad("delete requests belong to one tenant; name a single one in X-Scope-OrgID")),
    }
}

/// The parameters of a new request; the id is still missing.
fn read(ask: &Ask) -> Result<Record, ApiError> {
    let query = query_text(&ask.params)?.to_owned();
    if query.is_empty() {
        return Err(ApiError::bad("query not set"));
    }
    if !LogQuery::parse(&query, false, ask.now)?.only_filters() {
        return Err(ApiError::bad("a delete request takes a selector with line filters and label filters only"));
    }
    let start = ask.params.given("start").ok_or_else(|| ApiError::bad("start time not set"))?;
    let (start, end) = (time(start, "start")?, ask.params.given("end").map_or(Ok(ask.now), |t| time(t, "end"))?);
    if end > ask.now {
        return Err(ApiError::bad("deletes in future not allowed"));
    }
    if start >= end {
        return Err(ApiError::bad("start time can't be greater than end time"));
    }
    let interval = ask.params.given("max_interval").map(|t| parse_duration(t).filter(|ns| *ns >= 1_000_000_000));
    if interval == Some(None) {
        return Err(ApiError::bad("invalid max_interval: valid time units are 's', 'm', 'h', at least 1s"));
    }
    Ok(Record { id: String::new(), query, start, end, created: ask.now, cancelled: false })
}

/// Ten digits of Unix seconds, or RFC 3339.
fn time(text: &str, name: &str) -> Result<i64, ApiError> {
    let plain = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit());
    match parse_timestamp(text) {
        Ok(ns) if plain || text.contains('T') => Ok(ns),
        _ => Err(ApiError::bad(format!("invalid {name} time: require unix seconds or RFC3339 format"))),
    }
}

fn id(tenant: &Tenant, r: &Record) -> String {
    use std::hash::{Hash, Hasher};
    let mut h = rustc_hash::FxHasher::default();
    (tenant.as_str(), &r.query, r.start, r.end, r.created).hash(&mut h);
    format!("{:08x}", h.finish() >> 32)
}

/// Answered once the store has it durably.
async fn keep(face: &Face, tenant: &Tenant, record: &Record) -> Result<(), ApiError> {
    let batch = Arc::new(requests::batch(tenant, record, face.now()));
    let write = Write { tenant: records_tenant()?, batch: Batch::Logs(batch), raw: Raw::Native, received_ns: face.backend.now_ns() };
    let kept = face.backend.ingest.write(write).await;
    kept.map(|_| ()).map_err(|e| ApiError::new(StatusCode::SERVICE_UNAVAILABLE, e.to_string()))
}

fn records_tenant() -> Result<Tenant, ApiError> {
    Ok(Tenant::new(requests::RECORDS_TENANT)?)
}

impl Face {
    /// A tenant's delete requests in force, oldest first.
    pub fn deletions(&self, tenant: &Tenant) -> Result<Vec<Record>, ApiError> {
        let records = self.backend.snapshot(&[records_tenant()?]);
        Ok(requests::load(&records, tenant)?)
    }
}
