//! Final results cut into messages well below what clients receive; metrics stand in each, status and message in the last.

use prost::Message;
use proto::tempopb::{
    MetadataMetrics, QueryInstantResponse, QueryRangeResponse, SearchMetrics, SearchResponse, SearchTagValuesResponse,
    SearchTagValuesV2Response, SearchTagsResponse, SearchTagsV2Response, SearchTagsV2Scope,
};

use super::stream::Progress;
use crate::limits::MAX_PACKET_BYTES;

/// Consecutive groups of at most so many bytes each (one entry at least), and always one group: a stream without a message leaves
/// Grafana without metrics.
fn groups<T>(all: Vec<T>, limit: usize, size: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let mut out = vec![vec![]];
    let mut bytes = 0;
    for one in all {
        let more = size(&one);
        if bytes + more > limit && bytes > 0 {
            out.push(vec![]);
            bytes = 0;
        }
        bytes += more;
        if let Some(last) = out.last_mut() {
            last.push(one);
        }
    }
    out
}

pub fn search(r: SearchResponse) -> Vec<SearchResponse> {
    let metrics = r.metrics;
    groups(r.traces, MAX_PACKET_BYTES, Message::encoded_len).into_iter().map(|traces| SearchResponse { traces, metrics }).collect()
}

pub fn tags(r: SearchTagsResponse) -> Vec<SearchTagsResponse> {
    let metrics = r.metrics;
    groups(r.tag_names, MAX_PACKET_BYTES, String::len).into_iter().map(|tag_names| SearchTagsResponse { tag_names, metrics }).collect()
}

/// A scope whose names do not fit is split into several of the same name.
pub fn tags_v2(r: SearchTagsV2Response) -> Vec<SearchTagsV2Response> {
    let metrics = r.metrics;
    let split = |s: SearchTagsV2Scope| {
        let name = s.name;
        groups(s.tags, MAX_PACKET_BYTES / 2, String::len).into_iter().map(move |tags| SearchTagsV2Scope { name: name.clone(), tags })
    };
    let scopes = r.scopes.into_iter().flat_map(split).collect();
    groups(scopes, MAX_PACKET_BYTES, Message::encoded_len).into_iter().map(|scopes| SearchTagsV2Response { scopes, metrics }).collect()
}

pub fn values(r: SearchTagValuesResponse) -> Vec<SearchTagValuesResponse> {
    let metrics = r.metrics;
    groups(r.tag_values, MAX_PACKET_BYTES, String::len)
        .into_iter()
        .map(|tag_values| SearchTagValuesResponse { tag_values, metrics })
        .collect()
}

pub fn values_v2(r: SearchTagValuesV2Response) -> Vec<SearchTagValuesV2Response> {
    let metrics = r.metrics;
    groups(r.tag_values, MAX_PACKET_BYTES, Message::encoded_len)
        .into_iter()
        .map(|tag_values| SearchTagValuesV2Response { tag_values, metrics })
        .collect()
}

pub fn query_range(r: QueryRangeResponse) -> Vec<QueryRangeResponse> {
    let metrics = r.metrics;
    let mut all: Vec<_> = groups(r.series, MAX_PACKET_BYTES, Message::encoded_len)
        .into_iter()
        .map(|series| QueryRangeResponse { series, metrics, ..QueryRangeResponse::default() })
        .collect();
    if let Some(last) = all.last_mut() {
        (last.status, last.message) = (r.status, r.message);
    }
    all
}

pub fn query_instant(r: QueryInstantResponse) -> Vec<QueryInstantResponse> {
    let metrics = r.metrics;
    let mut all: Vec<_> = groups(r.series, MAX_PACKET_BYTES, Message::encoded_len)
        .into_iter()
        .map(|series| QueryInstantResponse { series, metrics, ..QueryInstantResponse::default() })
        .collect();
    if let Some(last) = all.last_mut() {
        (last.status, last.message) = (r.status, r.message);
    }
    all
}

fn under_way(inspected_bytes: u64) -> Option<SearchMetrics> {
    Some(SearchMetrics { inspected_bytes, total_jobs: 1, ..SearchMetrics::default() })
}

fn metadata_under_way(inspected_bytes: u64) -> Option<MetadataMetrics> {
    Some(MetadataMetrics { inspected_bytes, total_jobs: 1, ..MetadataMetrics::default() })
}

macro_rules! progress {
    ($($message:ty: $metrics:ident),* $(,)?) => {$(
        impl Progress for $message {
            fn progress(bytes_read: u64) -> Self {
                Self { metrics: $metrics(bytes_read), ..Self::default() }
            }
        }
    )*};
}

progress! {
    SearchResponse: under_way,
    QueryRangeResponse: under_way,
    QueryInstantResponse: under_way,
    SearchTagsResponse: metadata_under_way,
    SearchTagsV2Response: metadata_under_way,
    SearchTagValuesResponse: metadata_under_way,
    SearchTagValuesV2Response: metadata_under_way,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::tempopb::TraceSearchMetadata;

    #[test]
    fn packets_stay_small_and_there_is_always_one() {
        assert_eq!(groups(vec![3, 3, 3, 9, 1], 6, |n| *n), [vec![3, 3], vec![3], vec![9], vec![1]]);
        let metrics = Some(SearchMetrics { total_jobs: 1, completed_jobs: 1, ..SearchMetrics::default() });
        assert_eq!(search(SearchResponse { traces: vec![], metrics }), [SearchResponse { traces: vec![], metrics }]);
        let big = TraceSearchMetadata { root_trace_name: "x".repeat(600_000), ..TraceSearchMetadata::default() };
        let all = search(SearchResponse { traces: vec![big.clone(), big.clone(), big], metrics });
        assert_eq!(all.len(), 3);
        assert!(all.iter().all(|p| p.metrics == metrics && p.encoded_len() <= MAX_PACKET_BYTES));
    }

    #[test]
    fn the_last_packet_says_whether_it_is_whole() {
        let all = query_range(QueryRangeResponse { status: 1, message: "cut".into(), ..QueryRangeResponse::default() });
        assert_eq!((all.len(), all[0].status, all[0].message.as_str()), (1, 1, "cut"));
    }
}
