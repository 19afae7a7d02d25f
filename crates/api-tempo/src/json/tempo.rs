//! Tempo's own messages as JSON.

use proto::tempopb::{
    Exemplar, InstantSeries, MetadataMetrics, PartialStatus, QueryInstantResponse, QueryRangeResponse, Sample, SearchMetrics,
    SearchResponse, SearchTagValuesResponse, SearchTagValuesV2Response, SearchTagsResponse, SearchTagsV2Response, SearchTagsV2Scope,
    ServiceStats, Span, SpanSet, TagValue, TimeSeries, Trace, TraceByIdMetrics, TraceByIdResponse, TraceSearchMetadata,
};

use super::{Message, Object};

/// A trace as the first version of the endpoint shows it: `batches` instead of `resourceSpans`.
pub struct V1Trace<'a>(pub &'a Trace);

impl Message for V1Trace<'_> {
    fn fields(&self, out: &mut Object<'_>) {
        out.messages("batches", &self.0.resource_spans);
    }
}

impl Message for Trace {
    fn fields(&self, out: &mut Object<'_>) {
        out.messages("resourceSpans", &self.resource_spans);
    }
}

fn partial(v: i32) -> Option<&'static str> {
    PartialStatus::try_from(v).ok().map(|s| s.as_str_name())
}

impl Message for TraceByIdResponse {
    fn fields(&self, out: &mut Object<'_>) {
        out.message("trace", self.trace.as_ref());
        out.message("metrics", self.metrics.as_ref());
        out.enumeration("status", self.status, partial);
        out.str("message", &self.message);
    }
}

impl Message for TraceByIdMetrics {
    fn fields(&self, out: &mut Object<'_>) {
        out.u64("inspectedBytes", self.inspected_bytes);
    }
}

impl Message for SearchResponse {
    fn fields(&self, out: &mut Object<'_>) {
        out.messages_set("traces", &self.traces);
        out.message("metrics", self.metrics.as_ref());
    }
}

impl Message for TraceSearchMetadata {
    fn fields(&self, out: &mut Object<'_>) {
        out.str("traceID", &self.trace_id);
        out.str("rootServiceName", &self.root_service_name);
        out.str("rootTraceName", &self.root_trace_name);
        out.u64("startTimeUnixNano", self.start_time_unix_nano);
        out.u32("durationMs", self.duration_ms);
        out.message("spanSet", self.span_set.as_ref());
        out.messages("spanSets", &self.span_sets);
        out.map("serviceStats", self.service_stats.iter());
    }
}

impl Message for SpanSet {
    fn fields(&self, out: &mut Object<'_>) {
        out.messages("spans", &self.spans);
        out.u32("matched", self.matched);
        out.messages("attributes", &self.attributes);
    }
}

impl Message for Span {
    fn fields(&self, out: &mut Object<'_>) {
        out.str("spanID", &self.span_id);
        out.str("name", &self.name);
        out.u64("startTimeUnixNano", self.start_time_unix_nano);
        out.u64("durationNanos", self.duration_nanos);
        out.messages("attributes", &self.attributes);
    }
}

impl Message for ServiceStats {
    fn fields(&self, out: &mut Object<'_>) {
        out.u32("spanCount", self.span_count);
        out.u32("errorCount", self.error_count);
    }
}

impl Message for SearchMetrics {
    fn fields(&self, out: &mut Object<'_>) {
        out.u32("inspectedTraces", self.inspected_traces);
        out.u64("inspectedBytes", self.inspected_bytes);
        out.u32("totalBlocks", self.total_blocks);
        out.u32("completedJobs", self.completed_jobs);
        out.u32("totalJobs", self.total_jobs);
        out.u64("totalBlockBytes", self.total_block_bytes);
        out.u64("inspectedSpans", self.inspected_spans);
    }
}

impl Message for MetadataMetrics {
    fn fields(&self, out: &mut Object<'_>) {
        out.u64("inspectedBytes", self.inspected_bytes);
        out.u32("totalJobs", self.total_jobs);
        out.u32("completedJobs", self.completed_jobs);
        out.u32("totalBlocks", self.total_blocks);
        out.u64("totalBlockBytes", self.total_block_bytes);
    }
}

impl Message for SearchTagsResponse {
    fn fields(&self, out: &mut Object<'_>) {
        out.strings_set("tagNames", &self.tag_names);
        out.message("metrics", self.metrics.as_ref());
    }
}

impl Message for SearchTagsV2Response {
    fn fields(&self, out: &mut Object<'_>) {
        out.messages_set("scopes", &self.scopes);
        out.message("metrics", self.metrics.as_ref());
    }
}

impl Message for SearchTagsV2Scope {
    fn fields(&self, out: &mut Object<'_>) {
        out.str("name", &self.name);
        out.strings_set("tags", &self.tags);
    }
}

impl Message for SearchTagValuesResponse {
    fn fields(&self, out: &mut Object<'_>) {
        out.strings_set("tagValues", &self.tag_values);
        out.message("metrics", self.metrics.as_ref());
    }
}

impl Message for SearchTagValuesV2Response {
    fn fields(&self, out: &mut Object<'_>) {
        out.messages_set("tagValues", &self.tag_values);
        out.message("metrics", self.metrics.as_ref());
    }
}

impl Message for TagValue {
    fn fields(&self, out: &mut Object<'_>) {
        out.str("type", &self.r#type);
        out.str("value", &self.value);
    }
}

impl Message for QueryRangeResponse {
    fn fields(&self, out: &mut Object<'_>) {
        out.messages_set("series", &self.series);
        out.message("metrics", self.metrics.as_ref());
        out.enumeration("status", self.status, partial);
        out.str("message", &self.message);
    }
}

impl Message for TimeSeries {
    fn fields(&self, out: &mut Object<'_>) {
        out.messages("labels", &self.labels);
        out.messages("samples", &self.samples);
        out.messages("exemplars", &self.exemplars);
    }
}

impl Message for Sample {
    fn fields(&self, out: &mut Object<'_>) {
        out.i64("timestampMs", self.timestamp_ms);
        out.f64("value", self.value);
    }
}

impl Message for Exemplar {
    fn fields(&self, out: &mut Object<'_>) {
        out.messages("labels", &self.labels);
        out.f64("value", self.value);
        out.i64("timestampMs", self.timestamp_ms);
    }
}

impl Message for QueryInstantResponse {
    fn fields(&self, out: &mut Object<'_>) {
        out.messages("series", &self.series);
        out.message("metrics", self.metrics.as_ref());
        out.enumeration("status", self.status, partial);
        out.str("message", &self.message);
    }
}

impl Message for InstantSeries {
    fn fields(&self, out: &mut Object<'_>) {
        out.messages("labels", &self.labels);
        out.f64("value", self.value);
    }
}

#[cfg(test)]
mod tests {
    use super::super::to_json;
    use super::*;

    #[test]
    fn zero_values_are_left_out_but_lists_of_answers_stay() {
        let metrics = Some(SearchMetrics { inspected_bytes: 9, total_jobs: 1, ..SearchMetrics::default() });
        assert_eq!(to_json(&SearchResponse { traces: vec![], metrics }), r#"{"traces":[],"metrics":{"inspectedBytes":"9","totalJobs":1}}"#);
        let sample = |value, timestamp_ms| Sample { value, timestamp_ms };
        let series = TimeSeries { labels: vec![], samples: vec![sample(0.0, 1000), sample(f64::NAN, 2000)], exemplars: vec![] };
        let answer = QueryRangeResponse { series: vec![series], status: 1, message: "cut".into(), metrics: None };
        assert_eq!(
            to_json(&answer),
            r#"{"series":[{"samples":[{"timestampMs":"1000"},{"timestampMs":"2000","value":"NaN"}]}],"status":"PARTIAL","message":"cut"}"#
        );
        let found = TraceByIdResponse { trace: Some(Trace::default()), metrics: Some(TraceByIdMetrics::default()), ..Default::default() };
        assert_eq!(to_json(&found), r#"{"trace":{},"metrics":{}}"#);
    }
}
