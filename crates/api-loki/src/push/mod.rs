//! Writing: `/loki/api/v1/push` (JSON, snappy protobuf), the legacy push, and OTLP logs.

mod body;
mod build;
mod json;
mod labels;
mod otlp_logs;
mod protobuf;
mod rate;
mod request;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Request, StatusCode, header};
use model::{Batch, Tenant};
use store::{AppendError, Raw, Write};

pub use otlp_logs::push_otlp;
pub use rate::RateLimit;

use crate::error::ApiError;
use crate::face::{Face, writer};
use body::{Encoding, Format, InFlight};

/// POST /loki/api/v1/push and /api/prom/push: 204, or what was refused.
pub async fn push(State(face): State<Arc<Face>>, req: Request<Body>) -> Response {
    match accept(&face, req).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(Refusal { error, retry_after }) => {
            let error = ApiError { text: format!("{}\n", error.text), ..error };
            let mut answer = error.into_response();
            if let Some(seconds) = retry_after {
                answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            }
            answer
        }
    }
}

/// Why a push is not answered with success; some of it may have been stored all the same.
struct Refusal {
    error: ApiError,
    retry_after: Option<u64>,
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Refusal {
        Refusal { error, retry_after: None }
    }
}

impl From<AppendError> for Refusal {
    fn from(e: AppendError) -> Refusal {
        let text = e.to_string();
        match e {
            AppendError::Busy { retry_after, .. } => {
                Refusal { error: ApiError::new(StatusCode::TOO_MANY_REQUESTS, text), retry_after: Some(retry_after.as_secs().max(1)) }
            }
            AppendError::Failed(_) | AppendError::Closed => ApiError::new(StatusCode::SERVICE_UNAVAILABLE, text).into(),
        }
    }
}

async fn accept(face: &Arc<Face>, req: Request<Body>) -> Result<(), Refusal> {
    let tenant = writer(req.headers()).map_err(ApiError::from)?;
    let format = Format::of(req.headers())?;
    let encoding = Encoding::of(req.headers())?;
    let max = face.backend.settings.max_write_bytes;
    let mut in_flight = InFlight::new(&face.in_flight);
    let bytes = body::read(req.into_body(), max, &mut in_flight).await?;
    let now = face.now();
    let (inner, of) = (face.clone(), tenant.clone());
    // Decoding may take milliseconds of CPU: not on a thread that serves sockets.
    let work = tokio::task::spawn_blocking(move || {
        let plain = body::unpack(&bytes, format, encoding, max, &mut in_flight)?;
        decode(&inner, &of, format, &plain, now)
    });
    let built = work.await.map_err(|e| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the push could not be read: {e}")))??;
    if !built.batch.is_empty() {
        let write =
            Write { tenant, batch: Batch::Logs(Arc::new(built.batch)), raw: Raw::Native, received_ns: u64::try_from(now).unwrap_or(0) };
        face.backend.ingest.write(write).await?;
    }
    if built.errors.is_empty() { Ok(()) } else { Err(ApiError::bad(built.errors).into()) }
}

fn decode(face: &Face, tenant: &Tenant, format: Format, plain: &[u8], now: i64) -> Result<build::Built, ApiError> {
    let refused = |e: request::BadPush| ApiError::bad(e.0);
    let text;
    let streams = match format {
        Format::Json => {
            text = String::from_utf8_lossy(plain);
            json::decode(&text).map_err(refused)?
        }
        Format::Protobuf => protobuf::decode(plain).map_err(refused)?,
    };
    if streams.is_empty() {
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "error at least one valid stream is required for ingestion"));
    }
    if face.backend.settings.profile == api::Profile::Stock {
        let (lines, size) = build::volume(&streams);
        let taken = face.rate.take(tenant, lines, size, now);
        taken.map_err(|e| ApiError::new(StatusCode::TOO_MANY_REQUESTS, e))?;
    }
    Ok(build::build(&streams, now))
}

/// A header's text, or "" where it is absent or no text.
fn header_text(headers: &HeaderMap, name: header::HeaderName) -> &str {
    headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or("").trim()
}
