//! The `stats` object of query answers: every key that Loki sends, filled with what this process measured.

use std::fmt::Write;
use std::time::Duration;

use query::Budget;

/// What one query read and gave.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Stats {
    pub lines_read: u64,
    pub bytes_read: u64,
    pub lines_after_filter: u64,
    pub entries_returned: u64,
    /// waiting for a place included
    pub took: Duration,
}

impl Stats {
    pub fn of(budget: &Budget, entries_returned: u64, took: Duration) -> Stats {
        let lines_read = budget.rows_read();
        Stats { lines_read, bytes_read: budget.bytes_read(), lines_after_filter: entries_returned, entries_returned, took }
    }

    pub fn write(&self, out: &mut String) {
        let seconds = self.took.as_secs_f64();
        let per_second = |n: u64| if seconds > 0.0 { (n as f64 / seconds) as u64 } else { 0 };
        let (bytes, lines) = (self.bytes_read, self.lines_read);
        _ = write!(
            out,
            "{{\"summary\":{{\"bytesProcessedPerSecond\":{},\"linesProcessedPerSecond\":{},\"totalBytesProcessed\":{bytes},\"totalLinesProcessed\":{lines},\
             \"execTime\":{seconds:.6},\"queueTime\":0,\"subqueries\":0,\"totalEntriesReturned\":{},\"splits\":0,\"shards\":1,\"totalPostFilterLines\":{},\
             \"totalStructuredMetadataBytesProcessed\":0}},\"querier\":{{\"store\":",
            per_second(bytes),
            per_second(lines),
            self.entries_returned,
            self.lines_after_filter,
        );
        store(out, 0, 0, 0);
        _ = write!(
            out,
            ",\"querierExecTime\":{seconds:.6}}},\"ingester\":{{\"totalReached\":1,\"totalChunksMatched\":0,\"totalBatches\":1,\"totalLinesSent\":{},\"store\":",
            self.entries_returned
        );
        store(out, bytes, lines, self.lines_after_filter);
        out.push_str(",\"recvWaitTime\":0},\"cache\":{");
        for (i, name) in CACHES.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            _ = write!(
                out,
                "{comma}\"{name}\":{{\"entriesFound\":0,\"entriesRequested\":0,\"entriesStored\":0,\"bytesReceived\":0,\"bytesSent\":0,\"requests\":0,\
                 \"downloadTime\":0,\"queryLengthServed\":0}}"
            );
        }
        out.push_str(
            "},\"index\":{\"totalChunks\":0,\"postFilterChunks\":0,\"shardsDuration\":0,\"usedBloomFilters\":false,\"totalStreams\":0,\
             \"chunkRefsLookupTime\":0,\"bloomFilterTime\":0}}",
        );
    }
}

/// No caches here: an answer never comes from one.
const CACHES: [&str; 10] = [
    "chunk",
    "index",
    "result",
    "statsResult",
    "volumeResult",
    "seriesResult",
    "labelResult",
    "instantMetricResult",
    "logResult",
    "taskResult",
];

fn store(out: &mut String, bytes: u64, lines: u64, kept: u64) {
    _ = write!(
        out,
        "{{\"totalChunksRef\":0,\"totalChunksDownloaded\":0,\"chunksDownloadTime\":0,\"queryReferencedStructuredMetadata\":false,\
         \"queryUsedV2Engine\":false,\"chunk\":{{\"headChunkBytes\":{bytes},\"headChunkLines\":{lines},\"decompressedBytes\":0,\"decompressedLines\":0,\
         \"compressedBytes\":0,\"totalDuplicates\":0,\"postFilterLines\":{kept},\"headChunkStructuredMetadataBytes\":0,\
         \"decompressedStructuredMetadataBytes\":0}},\"chunkRefsFetchTime\":0,\"congestionControlLatency\":0,\"pipelineWrapperFilteredLines\":0,\
         \"dataobj\":{{\"prePredicateDecompressedRows\":0,\"prePredicateDecompressedBytes\":0,\"prePredicateDecompressedStructuredMetadataBytes\":0,\
         \"postPredicateRows\":0,\"postPredicateDecompressedBytes\":0,\"postPredicateStructuredMetadataBytes\":0,\"postFilterRows\":0,\"pagesScanned\":0,\
         \"pagesDownloaded\":0,\"pagesDownloadedBytes\":0,\"pageBatches\":0,\"totalRowsAvailable\":0,\"totalPageDownloadTime\":0,\
         \"wireBytesTransferred\":0}}}}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_json_with_the_keys_that_grafana_reads() {
        let mut out = String::new();
        Stats { lines_read: 300, bytes_read: 6000, lines_after_filter: 7, entries_returned: 2, took: Duration::from_millis(3) }
            .write(&mut out);
        let v: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(v["summary"]["bytesProcessedPerSecond"], 2_000_000);
        assert_eq!(v["summary"]["totalLinesProcessed"], 300);
        assert_eq!(v["summary"]["execTime"], 0.003);
        assert_eq!(v["ingester"]["store"]["chunk"]["postFilterLines"], 7);
        assert_eq!(v["cache"].as_object().unwrap().len(), 10);
        assert_eq!(v["index"]["usedBloomFilters"], false);
    }
}
