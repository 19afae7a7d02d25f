//! Which face answers a path: every face is reachable on every HTTP port; what several faces own goes to the port's own face.

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use tower::ServiceExt;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    Otlp,
    Prometheus,
    Loki,
    Tempo,
    /// own metrics (8888)
    Own,
    /// Jaeger's query API (16686): its paths collide with Tempo's, so it is on its own port only
    Jaeger,
}

/// Paths that only one face knows. The first matching prefix decides; anything else belongs to the port's own face.
const OWNERS: &[(&str, Face)] = &[
    ("/v1/traces", Face::Otlp),
    ("/v1/metrics", Face::Otlp),
    ("/v1/logs", Face::Otlp),
    ("/v1/profiles", Face::Otlp),
    ("/v1development/", Face::Otlp),
    ("/opentelemetry.proto.collector.", Face::Otlp),
    ("/loki/", Face::Loki),
    ("/otlp/v1/logs", Face::Loki),
    ("/api/prom/", Face::Loki),
    ("/prometheus/api/v1/rules", Face::Loki),
    ("/prometheus/api/v1/alerts", Face::Loki),
    ("/api/v1/", Face::Prometheus),
    ("/federate", Face::Prometheus),
    ("/metrics", Face::Own),
    ("/api/echo", Face::Tempo),
    ("/api/search", Face::Tempo),
    ("/api/traces", Face::Tempo),
    ("/api/v2/", Face::Tempo),
    ("/api/metrics/", Face::Tempo),
    ("/api/status/", Face::Tempo),
    ("/api/overrides", Face::Tempo),
    ("/api/mcp", Face::Tempo),
    ("/tempopb.", Face::Tempo),
    ("/grpc.health.v1.", Face::Tempo),
];

/// The routers of all faces.
#[derive(Clone)]
pub struct Faces {
    pub otlp: Router,
    pub prometheus: Router,
    pub loki: Router,
    pub tempo: Router,
    pub own: Router,
    pub jaeger: Router,
}

impl Faces {
    /// The router of a port whose own face is `home`.
    pub fn port(&self, home: Face) -> Router {
        if home == Face::Jaeger {
            return self.jaeger.clone();
        }
        let faces = self.clone();
        Router::new().fallback(move |req: Request<Body>| {
            let router = faces.router(chosen(&req, home)).clone();
            async move { call(router, req).await }
        })
    }

    fn router(&self, face: Face) -> &Router {
        match face {
            Face::Otlp => &self.otlp,
            Face::Prometheus => &self.prometheus,
            Face::Loki => &self.loki,
            Face::Tempo => &self.tempo,
            Face::Own => &self.own,
            Face::Jaeger => &self.jaeger,
        }
    }
}

async fn call(router: Router, req: Request<Body>) -> Response {
    match router.oneshot(req).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

fn chosen(req: &Request<Body>, home: Face) -> Face {
    let face = owner(req.uri().path(), home);
    // A gRPC call of a method nobody has must get a gRPC answer, not a page.
    let grpc = req.headers().get(CONTENT_TYPE).is_some_and(|t| t.as_bytes().starts_with(b"application/grpc"));
    if grpc && face != Face::Tempo { Face::Otlp } else { face }
}

fn owner(path: &str, home: Face) -> Face {
    OWNERS.iter().find(|(prefix, _)| path.starts_with(prefix)).map_or(home, |(_, face)| *face)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_found_on_every_port() {
        for home in [Face::Prometheus, Face::Loki, Face::Tempo, Face::Otlp] {
            assert_eq!(owner("/api/v1/query", home), Face::Prometheus);
            assert_eq!(owner("/loki/api/v1/push", home), Face::Loki);
            assert_eq!(owner("/api/v2/search/tags", home), Face::Tempo);
            assert_eq!(owner("/v1/logs", home), Face::Otlp);
            assert_eq!(owner("/ready", home), home);
            assert_eq!(owner("/", home), home);
        }
    }
}
