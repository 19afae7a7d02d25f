//! One call inward per request, shared by the HTTP, gRPC and MCP doors: checked parameters in, Tempo's messages out.

use std::sync::Arc;

use api::{Backend, Face};
use model::Tenant;
use proto::opentelemetry::proto::common::v1::KeyValue;
use proto::tempopb::{
    Exemplar, InstantSeries, MetadataMetrics, PartialStatus, QueryInstantResponse, QueryRangeResponse, Sample, SearchMetrics,
    SearchResponse, SearchTagValuesResponse, SearchTagValuesV2Response, SearchTagsResponse, SearchTagsV2Response, SearchTagsV2Scope,
    ServiceStats, Span, SpanSet, TagValue, TimeSeries, TraceSearchMetadata,
};
use query::{Budget, QueryError, SpanRange};
use store::Snapshot;
use traceql::{MetricsOptions, MetricsResult, SearchOptions, SearchResult, TagOptions, TraceMatch};

use crate::error::ApiError;
use crate::limits::MAX_TAG_BYTES;
use crate::params::{MetricsRequest, SearchRequest, TagScope, TagsRequest, ValuesRequest, What};

/// Whose data is asked, on whose behalf, under which budget. One per request.
#[derive(Clone)]
pub struct Caller {
    pub backend: Arc<Backend>,
    pub tenants: Vec<Tenant>,
    pub budget: Budget,
}

impl Caller {
    /// The tenants come from the headers (or the gRPC metadata, which is the same map).
    pub fn new(backend: Arc<Backend>, headers: &http::HeaderMap) -> Result<Caller, ApiError> {
        let tenants = api::read_tenants(headers)?;
        let budget = backend.budget(None);
        Ok(Caller { backend, tenants, budget })
    }

    /// The same caller with a budget of its own: a budget serves one query.
    pub fn again(&self) -> Caller {
        Caller { budget: self.backend.budget(None), ..self.clone() }
    }

    /// Unix nanoseconds.
    pub fn now(&self) -> i64 {
        i64::try_from(self.backend.now_ns()).unwrap_or(i64::MAX)
    }

    /// Runs `f` over a snapshot on the query pool, and counts it.
    pub async fn run<T: Send + 'static>(
        &self,
        f: impl FnOnce(&Snapshot, &Budget) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let began = std::time::Instant::now();
        let snapshot = self.backend.snapshot(&self.tenants);
        let answer = self.backend.queries.run(&self.budget, move |budget| f(&snapshot, budget)).await;
        self.backend.metrics.query(Face::Tempo, answer.is_ok(), began.elapsed());
        Ok(answer?)
    }

    pub async fn search(&self, request: SearchRequest) -> Result<SearchResponse, ApiError> {
        let options = SearchOptions {
            range: range(request.range),
            limit: request.limit as usize,
            spans_per_spanset: request.spans_per_spanset as usize,
        };
        let found = match request.what {
            What::Query(text) => {
                let query = traceql::compile(&text).map_err(|e| ApiError::bad(format!("invalid TraceQL query: {e}")))?;
                // A metrics query searches for nothing that a trace list could show.
                if query.is_metrics() {
                    return Err(ApiError::bad("invalid TraceQL query: this is a metrics query: send it to /api/metrics/query_range"));
                }
                self.run(move |s, budget| traceql::search(&query, &options, s, budget)).await?
            }
            What::Tags(tags) => self.run(move |s, budget| traceql::search_tags(&tags, &options, s, budget)).await?,
        };
        Ok(search_response(found))
    }

    /// Tag names by scope, scopes without names left out.
    pub async fn tags_v2(&self, request: TagsRequest) -> Result<SearchTagsV2Response, ApiError> {
        let scopes = scopes(request.scope, true);
        let scopes = self.tag_names(scopes, request).await?;
        let scopes = scopes.into_iter().map(|s| SearchTagsV2Scope { name: s.scope.name().into(), tags: s.tags }).collect();
        Ok(SearchTagsV2Response { scopes, metrics: Some(self.metadata_metrics()) })
    }

    /// Tag names of all scopes together; intrinsics only if they are asked for.
    pub async fn tags(&self, request: TagsRequest) -> Result<SearchTagsResponse, ApiError> {
        let scopes = scopes(request.scope, false);
        let mut tag_names: Vec<String> = self.tag_names(scopes, request).await?.into_iter().flat_map(|s| s.tags).collect();
        tag_names.sort();
        tag_names.dedup();
        Ok(SearchTagsResponse { tag_names, metrics: Some(self.metadata_metrics()) })
    }

    async fn tag_names(&self, scopes: Vec<traceql::TagScope>, request: TagsRequest) -> Result<Vec<traceql::ScopeTags>, ApiError> {
        let options = tag_options(request.range, request.query, request.limit);
        self.run(move |s, budget| traceql::tag_names(&scopes, &options, s, budget)).await
    }

    pub async fn values_v2(&self, request: ValuesRequest) -> Result<SearchTagValuesV2Response, ApiError> {
        let tag = traceql::parse_attribute(&request.tag)
            .map_err(|e| ApiError::bad(format!("please provide a valid tagName: failed to parse identifier {}: {e}", request.tag)))?;
        let options = tag_options(request.range, request.query, request.limit);
        let values = self.run(move |s, budget| traceql::tag_values(&tag, &options, s, budget)).await?;
        let tag_values = values.into_iter().map(|v| TagValue { r#type: v.kind.into(), value: v.value }).collect();
        Ok(SearchTagValuesV2Response { tag_values, metrics: Some(self.metadata_metrics()) })
    }

    pub async fn values(&self, request: ValuesRequest) -> Result<SearchTagValuesResponse, ApiError> {
        let options = tag_options(request.range, request.query, request.limit);
        let tag_values = self.run(move |s, budget| traceql::tag_values_v1(&request.tag, &options, s, budget)).await?;
        Ok(SearchTagValuesResponse { tag_values, metrics: Some(self.metadata_metrics()) })
    }

    pub async fn query_range(&self, request: MetricsRequest) -> Result<QueryRangeResponse, ApiError> {
        let query = compile_metrics(&request.query)?;
        let (options, instant) = (metrics_options(&request), request.instant);
        let result = self
            .run(move |s, budget| {
                if instant {
                    traceql::query_instant(&query, &options, s, budget)
                } else {
                    traceql::query_range(&query, &options, s, budget)
                }
            })
            .await?;
        let (metrics, (status, message)) = (Some(metrics_of(&result)), partial(&result));
        let series = result.series.into_iter().map(time_series).collect();
        Ok(QueryRangeResponse { series, metrics, status, message })
    }

    pub async fn query_instant(&self, request: MetricsRequest) -> Result<QueryInstantResponse, ApiError> {
        let query = compile_metrics(&request.query).map_err(|e| match e.text.starts_with("parse error") {
            true => ApiError::bad(format!("compiling query: {}", e.text)),
            false => e,
        })?;
        let options = metrics_options(&request);
        let result = self.run(move |s, budget| traceql::query_instant(&query, &options, s, budget)).await?;
        let (metrics, (status, message)) = (Some(metrics_of(&result)), partial(&result));
        let series = result
            .series
            .into_iter()
            .filter_map(|s| Some(InstantSeries { value: s.samples.first()?.1, labels: labels(s.labels) }))
            .collect();
        Ok(QueryInstantResponse { series, metrics, status, message })
    }

    /// What was read so far, for answers that list names.
    pub fn metadata_metrics(&self) -> MetadataMetrics {
        MetadataMetrics { inspected_bytes: self.budget.bytes_read(), total_jobs: 1, completed_jobs: 1, ..MetadataMetrics::default() }
    }
}

/// `None` where the request names no range.
fn range(r: SpanRange) -> Option<(u64, u64)> {
    (r != SpanRange::ALL).then_some((r.start, r.end))
}

fn tag_options(r: SpanRange, query: String, limit: usize) -> TagOptions {
    TagOptions { range: range(r), filter: (!query.is_empty()).then_some(query), limit, max_bytes: MAX_TAG_BYTES }
}

fn metrics_options(r: &MetricsRequest) -> MetricsOptions {
    MetricsOptions { start: r.start, end: r.end, step: r.step, exemplars: r.exemplars, max_series: r.max_series as usize }
}

/// The engine's scopes; everything together shows the intrinsics only in the second version.
fn scopes(asked: TagScope, intrinsics: bool) -> Vec<traceql::TagScope> {
    use traceql::TagScope as S;
    match asked {
        TagScope::None if intrinsics => vec![S::Event, S::Instrumentation, S::Intrinsic, S::Link, S::Resource, S::Span],
        TagScope::None => vec![S::Event, S::Instrumentation, S::Link, S::Resource, S::Span],
        TagScope::Resource => vec![S::Resource],
        TagScope::Span => vec![S::Span],
        TagScope::Intrinsic => vec![S::Intrinsic],
        TagScope::Event => vec![S::Event],
        TagScope::Link => vec![S::Link],
        TagScope::Instrumentation => vec![S::Instrumentation],
        TagScope::Trace => vec![],
    }
}

/// A text that must be a metrics query; says what Tempo says of each kind of mistake.
fn compile_metrics(text: &str) -> Result<traceql::ast::Query, ApiError> {
    let query = traceql::parse(text).map_err(|e| ApiError::bad(e.to_string()))?;
    if !query.is_metrics() {
        return Err(ApiError::bad("not a metrics query"));
    }
    traceql::check(&query).map_err(|e| ApiError::bad(format!("compiling query: {e}")))?;
    Ok(query)
}

fn search_response(found: SearchResult) -> SearchResponse {
    let metrics = SearchMetrics {
        inspected_traces: found.inspected_traces.min(u64::from(u32::MAX)) as u32,
        inspected_bytes: found.inspected_bytes,
        inspected_spans: found.inspected_spans,
        total_jobs: 1,
        completed_jobs: 1,
        ..SearchMetrics::default()
    };
    SearchResponse { traces: found.traces.into_iter().map(trace_metadata).collect(), metrics: Some(metrics) }
}

fn trace_metadata(t: TraceMatch) -> TraceSearchMetadata {
    let id = hex::encode(t.trace_id);
    let span_sets: Vec<SpanSet> = t
        .spansets
        .into_iter()
        .map(|set| SpanSet {
            spans: set
                .spans
                .into_iter()
                .map(|s| Span {
                    span_id: hex::encode(s.span_id),
                    name: s.name.unwrap_or_default(),
                    start_time_unix_nano: s.start,
                    duration_nanos: s.duration_ns,
                    attributes: labels(s.attributes),
                })
                .collect(),
            matched: set.matched,
            attributes: labels(set.attributes),
        })
        .collect();
    TraceSearchMetadata {
        // Leading zeros are not shown; look-ups take both forms.
        trace_id: id.trim_start_matches('0').to_owned(),
        root_service_name: t.root_service,
        root_trace_name: t.root_name,
        start_time_unix_nano: t.start,
        duration_ms: (t.duration_ns / 1_000_000).min(u64::from(u32::MAX)) as u32,
        // Older readers look at the first one only.
        span_set: span_sets.first().cloned(),
        span_sets,
        service_stats: t.service_stats.into_iter().map(|(k, v)| (k, ServiceStats { span_count: v.spans, error_count: v.errors })).collect(),
    }
}

fn metrics_of(r: &MetricsResult) -> SearchMetrics {
    SearchMetrics {
        inspected_traces: r.inspected_traces.min(u64::from(u32::MAX)) as u32,
        inspected_bytes: r.inspected_bytes,
        inspected_spans: r.inspected_spans,
        total_jobs: 1,
        completed_jobs: 1,
        ..SearchMetrics::default()
    }
}

fn partial(r: &MetricsResult) -> (i32, String) {
    match &r.partial {
        None => (PartialStatus::Complete as i32, String::new()),
        Some(why) => (PartialStatus::Partial as i32, why.clone()),
    }
}

fn time_series(s: traceql::MetricSeries) -> TimeSeries {
    TimeSeries {
        labels: labels(s.labels),
        samples: s.samples.into_iter().map(|(timestamp_ms, value)| Sample { value, timestamp_ms }).collect(),
        exemplars: s
            .exemplars
            .into_iter()
            .map(|e| Exemplar { labels: labels(e.labels), value: e.value, timestamp_ms: e.timestamp_ms })
            .collect(),
    }
}

fn labels(all: Vec<model::KeyValue>) -> Vec<KeyValue> {
    all.into_iter().map(|kv| KeyValue { value: Some(otlp::value_to_proto(&kv.value)), key: kv.key, key_strindex: 0 }).collect()
}
