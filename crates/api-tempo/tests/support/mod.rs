//! A small store behind the router, for the tests of both doors.

use std::sync::Arc;

use api::{Backend, Settings};
use axum::Router;
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use model::{AnyValue, Batch, KeyValue, Resource, Scope, SpanBatch, SpanBatchBuilder, SpanHead, Tenant, kind, status};
use store::{NativeOnly, Raw, Store, StoreOptions, Write};
use tower::ServiceExt;

/// 2026-01-15T10:00:00Z
pub const T0: u64 = 1_768_471_200_000_000_000;

const MS: u64 = 1_000_000;

fn id16(n: u8) -> [u8; 16] {
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xab, n]
}

/// Trace ab01: gateway `GET /` (server) > gateway `call db` (client, failed, an event) > db `SELECT` (server). Trace ab02: edge `tick`.
pub fn batch() -> SpanBatch {
    let mut b = SpanBatchBuilder::default();
    let resource = |name: &str| Resource { attrs: vec![KeyValue::new("service.name", AnyValue::Str(name.into()))], ..Resource::default() };
    let (gateway, db, edge) = (b.resource(resource("gateway")), b.resource(resource("db")), b.resource(resource("edge")));
    let scope = b.scope(Scope { name: "lib".into(), version: "1".into(), ..Scope::default() });
    let code = |b: &mut SpanBatchBuilder, s: &str| b.dict().code(s);
    let (get, call, select, tick) = (code(&mut b, "GET /"), code(&mut b, "call db"), code(&mut b, "SELECT"), code(&mut b, "tick"));
    let (rows, url, hit, message, exception) =
        (code(&mut b, "db.rows"), code(&mut b, "http.url"), code(&mut b, "cache.hit"), code(&mut b, "message"), code(&mut b, "exception"));
    let head = |trace, id, parent, name, resource| SpanHead {
        trace_id: id16(trace),
        span_id: [id; 8],
        parent_id: [parent; 8],
        name,
        resource,
        scope,
        ..SpanHead::default()
    };
    b.span(SpanHead { start: T0, end: T0 + 100 * MS, kind: kind::SERVER, ..head(1, 0x11, 0, get, gateway) });
    b.attr(url, AnyValue::Str("http://a/b".into()));
    b.span(SpanHead {
        start: T0 + 10 * MS,
        end: T0 + 90 * MS,
        kind: kind::CLIENT,
        status: status::ERROR,
        ..head(1, 0x22, 0x11, call, gateway)
    });
    b.attr(hit, AnyValue::Bool(false));
    b.event(T0 + 80 * MS, exception, 0);
    b.event_attr(message, AnyValue::Str("late".into()));
    b.span(SpanHead { start: T0 + 20 * MS, end: T0 + 60 * MS, kind: kind::SERVER, ..head(1, 0x33, 0x22, select, db) });
    b.attr(rows, AnyValue::Int(3));
    b.span(SpanHead { start: T0 + 5_000 * MS, end: T0 + 5_000 * MS, kind: kind::INTERNAL, ..head(2, 0x44, 0, tick, edge) });
    b.finish()
}

/// A backend over a memory store that holds `batch()` for the anonymous tenant.
pub fn backend() -> Arc<Backend> {
    let store = Store::open(StoreOptions::memory(), Arc::new(NativeOnly)).unwrap();
    let write = Write { tenant: Tenant::anonymous(), batch: Batch::Spans(Arc::new(batch())), raw: Raw::Native, received_ns: T0 };
    store.append_wait(write).unwrap();
    Backend::new(Arc::new(store), Settings::default(), otlp::Options::stock())
}

#[allow(dead_code)]
pub fn router() -> Router {
    api_tempo::router(backend())
}

/// Status, media type and body of an answer. `request` is `METHOD path`, then header lines.
#[allow(dead_code)]
pub async fn ask(router: &Router, request: &str) -> (u16, String, Vec<u8>) {
    let mut lines = request.lines();
    let (method, path) = lines.next().unwrap().split_once(' ').unwrap();
    let mut r = Request::builder().method(method).uri(path);
    for (name, value) in lines.by_ref().take_while(|l| !l.is_empty()).filter_map(|l| l.split_once(": ")) {
        r = r.header(name, value);
    }
    let body = lines.collect::<Vec<_>>().join("\n");
    let response = router.clone().oneshot(r.body(Body::from(body)).unwrap()).await.unwrap();
    let media = response.headers().get("content-type").map_or("", |v| v.to_str().unwrap()).split(';').next().unwrap().to_owned();
    (response.status().as_u16(), media, response.into_body().collect().await.unwrap().to_bytes().to_vec())
}
