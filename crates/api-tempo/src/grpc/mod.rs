//! The gRPC door on the same router: `tempopb.StreamingQuerier` (every method server-streaming) and `grpc.health.v1.Health`.
//!
//! tonic frames, compresses and writes trailers; the paths are ordinary routes, reached over h2c on the HTTP port.

mod health;
mod packets;
mod stream;

use std::sync::Arc;

use api::Backend;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use tonic::codec::CompressionEncoding;
use tonic::server::Grpc;
use tonic_prost::ProstCodec;

use crate::error::ApiError;
use crate::inward::Caller;
use crate::limits::MAX_GRPC_MESSAGE_BYTES;
use crate::params::{MetricsRequest, SearchRequest, TagsRequest, ValuesRequest};

pub use health::check as health;
use stream::{Messages, Progress, Work};

/// `/tempopb.StreamingQuerier/{method}`.
pub async fn streaming_querier(State(backend): State<Arc<Backend>>, Path(method): Path<String>, request: Request) -> Response {
    let caller = match Caller::new(backend, request.headers()) {
        Ok(c) => c,
        Err(e) => return e.grpc().into_http(),
    };
    match method.as_str() {
        "Search" => {
            serve(
                caller,
                request,
                |r, _| SearchRequest::from_proto(r),
                |c, r| Box::pin(async move { Ok(packets::search(c.search(r).await?)) }),
            )
            .await
        }
        "SearchTags" => {
            serve(caller, request, |r, _| TagsRequest::from_proto(r), |c, r| Box::pin(async move { Ok(packets::tags(c.tags(r).await?)) }))
                .await
        }
        "SearchTagsV2" => {
            serve(
                caller,
                request,
                |r, _| TagsRequest::from_proto(r),
                |c, r| Box::pin(async move { Ok(packets::tags_v2(c.tags_v2(r).await?)) }),
            )
            .await
        }
        "SearchTagValues" => {
            serve(
                caller,
                request,
                |r, _| ValuesRequest::from_proto(r),
                |c, r| Box::pin(async move { Ok(packets::values(c.values(r).await?)) }),
            )
            .await
        }
        "SearchTagValuesV2" => {
            serve(
                caller,
                request,
                |r, _| ValuesRequest::from_proto(r),
                |c, r| Box::pin(async move { Ok(packets::values_v2(c.values_v2(r).await?)) }),
            )
            .await
        }
        "MetricsQueryRange" => {
            serve(caller, request, MetricsRequest::from_range, |c, r| {
                Box::pin(async move { Ok(packets::query_range(c.query_range(r).await?)) })
            })
            .await
        }
        "MetricsQueryInstant" => {
            serve(caller, request, MetricsRequest::from_instant, |c, r| {
                Box::pin(async move { Ok(packets::query_instant(c.query_instant(r).await?)) })
            })
            .await
        }
        other => tonic::Status::unimplemented(format!("unknown method {other} for service tempopb.StreamingQuerier")).into_http(),
    }
}

/// Decodes the one request message, checks it (`read`, given the time now), and streams what `work` makes of it.
async fn serve<Req, Asked, Resp>(
    caller: Caller,
    request: Request,
    read: fn(Req, i64) -> Result<Asked, ApiError>,
    work: fn(Caller, Asked) -> Work<Resp>,
) -> Response
where
    Req: prost::Message + Default + Send + 'static,
    Asked: Send + 'static,
    Resp: prost::Message + Default + Progress + Send + 'static,
{
    codec::<Req, Resp>().server_streaming(Call { caller, read, work }, request).await.map(Body::new)
}

fn codec<Req, Resp>() -> Grpc<ProstCodec<Resp, Req>>
where
    Req: prost::Message + Default + Send + 'static,
    Resp: prost::Message + Default + Send + 'static,
{
    Grpc::new(ProstCodec::default())
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd)
        .send_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(MAX_GRPC_MESSAGE_BYTES)
}

/// A service that answers one call.
struct Call<Req, Asked, Resp> {
    caller: Caller,
    read: fn(Req, i64) -> Result<Asked, ApiError>,
    work: fn(Caller, Asked) -> Work<Resp>,
}

impl<Req, Asked, Resp> tonic::server::ServerStreamingService<Req> for Call<Req, Asked, Resp>
where
    Resp: Progress + Send + 'static,
{
    type Response = Resp;
    type ResponseStream = Messages<Resp>;
    type Future = std::future::Ready<Result<tonic::Response<Messages<Resp>>, tonic::Status>>;

    fn call(&mut self, request: tonic::Request<Req>) -> Self::Future {
        let answer = (self.read)(request.into_inner(), self.caller.now()).map(|asked| {
            let caller = self.caller.clone();
            tonic::Response::new(stream::of(caller.budget.clone(), (self.work)(caller, asked)))
        });
        std::future::ready(answer.map_err(|e| e.grpc()))
    }
}
