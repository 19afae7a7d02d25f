//! The messages of the three export requests with their field numbers and JSON keys.

use super::{FieldDef, Kind, Message};

/// `message!(NAME: number key kind, number key [kind], ...)`, brackets for repeated fields.
macro_rules! message {
    ($(#[$doc:meta])* $vis:vis $name:ident: $($rest:tt)*) => {
        $(#[$doc])*
        $vis static $name: Message = Message { name: stringify!($name), fields: message!(@fields [] $($rest)*) };
    };
    (@fields [$($done:expr,)*] $number:literal $key:literal [$kind:expr] $(, $($rest:tt)*)?) => {
        message!(@fields [$($done,)* FieldDef { number: $number, key: $key, kind: $kind, repeated: true },] $($($rest)*)?)
    };
    (@fields [$($done:expr,)*] $number:literal $key:literal $kind:expr) => {
        &[$($done,)* FieldDef { number: $number, key: $key, kind: $kind, repeated: false }]
    };
    (@fields [$($done:expr,)*] $number:literal $key:literal $kind:expr, $($rest:tt)*) => {
        message!(@fields [$($done,)* FieldDef { number: $number, key: $key, kind: $kind, repeated: false },] $($rest)*)
    };
    (@fields [$($done:expr,)*]) => { &[$($done),*] };
}

use Kind::{Bool, Bytes, Double, Fixed32, Fixed64, Id, SignedFixed64, SignedVarint, Text, Varint, Zigzag};

const SPAN_KIND: Kind =
    Kind::Enum { prefix: "SPAN_KIND_", names: &["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"] };
const STATUS_CODE: Kind = Kind::Enum { prefix: "STATUS_CODE_", names: &["UNSET", "OK", "ERROR"] };
const TEMPORALITY: Kind = Kind::Enum { prefix: "AGGREGATION_TEMPORALITY_", names: &["UNSPECIFIED", "DELTA", "CUMULATIVE"] };
const SEVERITY: Kind = Kind::Enum {
    prefix: "SEVERITY_NUMBER_",
    names: &[
        "UNSPECIFIED",
        "TRACE",
        "TRACE2",
        "TRACE3",
        "TRACE4",
        "DEBUG",
        "DEBUG2",
        "DEBUG3",
        "DEBUG4",
        "INFO",
        "INFO2",
        "INFO3",
        "INFO4",
        "WARN",
        "WARN2",
        "WARN3",
        "WARN4",
        "ERROR",
        "ERROR2",
        "ERROR3",
        "ERROR4",
        "FATAL",
        "FATAL2",
        "FATAL3",
        "FATAL4",
    ],
};

message!(ANY_VALUE:
    1 "stringValue" Text, 2 "boolValue" Bool, 3 "intValue" SignedVarint, 4 "doubleValue" Double,
    5 "arrayValue" Kind::Message(&ARRAY), 6 "kvlistValue" Kind::Message(&MAP), 7 "bytesValue" Bytes);
message!(ARRAY: 1 "values" [Kind::Message(&ANY_VALUE)]);
message!(MAP: 1 "values" [Kind::Message(&KEY_VALUE)]);
message!(KEY_VALUE: 1 "key" Text, 2 "value" Kind::Message(&ANY_VALUE));
message!(RESOURCE: 1 "attributes" [Kind::Message(&KEY_VALUE)], 2 "droppedAttributesCount" Varint);
message!(SCOPE:
    1 "name" Text, 2 "version" Text, 3 "attributes" [Kind::Message(&KEY_VALUE)], 4 "droppedAttributesCount" Varint);

message!(
    /// ExportTraceServiceRequest
    pub TRACES: 1 "resourceSpans" [Kind::Message(&RESOURCE_SPANS)]);
message!(RESOURCE_SPANS:
    1 "resource" Kind::Message(&RESOURCE), 2 "scopeSpans" [Kind::Message(&SCOPE_SPANS)], 3 "schemaUrl" Text,
    1000 "instrumentationLibrarySpans" [Kind::Message(&SCOPE_SPANS)]);
message!(SCOPE_SPANS:
    1 "scope" Kind::Message(&SCOPE), 2 "spans" [Kind::Message(&SPAN)], 3 "schemaUrl" Text, 1 "instrumentationLibrary" Kind::Message(&SCOPE));
message!(SPAN:
    1 "traceId" Id, 2 "spanId" Id, 3 "traceState" Text, 4 "parentSpanId" Id, 5 "name" Text, 6 "kind" SPAN_KIND, 7 "startTimeUnixNano" Fixed64,
    8 "endTimeUnixNano" Fixed64, 9 "attributes" [Kind::Message(&KEY_VALUE)], 10 "droppedAttributesCount" Varint, 11 "events" [Kind::Message(&EVENT)],
    12 "droppedEventsCount" Varint, 13 "links" [Kind::Message(&LINK)], 14 "droppedLinksCount" Varint, 15 "status" Kind::Message(&STATUS), 16 "flags" Fixed32);
message!(EVENT:
    1 "timeUnixNano" Fixed64, 2 "name" Text, 3 "attributes" [Kind::Message(&KEY_VALUE)], 4 "droppedAttributesCount" Varint);
message!(LINK:
    1 "traceId" Id, 2 "spanId" Id, 3 "traceState" Text, 4 "attributes" [Kind::Message(&KEY_VALUE)], 5 "droppedAttributesCount" Varint, 6 "flags" Fixed32);
message!(STATUS: 2 "message" Text, 3 "code" STATUS_CODE);

message!(
    /// ExportLogsServiceRequest
    pub LOGS: 1 "resourceLogs" [Kind::Message(&RESOURCE_LOGS)]);
message!(RESOURCE_LOGS:
    1 "resource" Kind::Message(&RESOURCE), 2 "scopeLogs" [Kind::Message(&SCOPE_LOGS)], 3 "schemaUrl" Text,
    1000 "instrumentationLibraryLogs" [Kind::Message(&SCOPE_LOGS)]);
message!(SCOPE_LOGS:
    1 "scope" Kind::Message(&SCOPE), 2 "logRecords" [Kind::Message(&LOG_RECORD)], 3 "schemaUrl" Text, 1 "instrumentationLibrary" Kind::Message(&SCOPE),
    2 "logs" [Kind::Message(&LOG_RECORD)]);
message!(LOG_RECORD:
    1 "timeUnixNano" Fixed64, 11 "observedTimeUnixNano" Fixed64, 2 "severityNumber" SEVERITY, 3 "severityText" Text, 5 "body" Kind::Message(&ANY_VALUE),
    6 "attributes" [Kind::Message(&KEY_VALUE)], 7 "droppedAttributesCount" Varint, 8 "flags" Fixed32, 9 "traceId" Id, 10 "spanId" Id, 12 "eventName" Text);

message!(
    /// ExportMetricsServiceRequest
    pub METRICS: 1 "resourceMetrics" [Kind::Message(&RESOURCE_METRICS)]);
message!(RESOURCE_METRICS:
    1 "resource" Kind::Message(&RESOURCE), 2 "scopeMetrics" [Kind::Message(&SCOPE_METRICS)], 3 "schemaUrl" Text,
    1000 "instrumentationLibraryMetrics" [Kind::Message(&SCOPE_METRICS)]);
message!(SCOPE_METRICS:
    1 "scope" Kind::Message(&SCOPE), 2 "metrics" [Kind::Message(&METRIC)], 3 "schemaUrl" Text, 1 "instrumentationLibrary" Kind::Message(&SCOPE));
message!(METRIC:
    1 "name" Text, 2 "description" Text, 3 "unit" Text, 5 "gauge" Kind::Message(&GAUGE), 7 "sum" Kind::Message(&SUM), 9 "histogram" Kind::Message(&HISTOGRAM),
    10 "exponentialHistogram" Kind::Message(&EXPONENTIAL), 11 "summary" Kind::Message(&SUMMARY), 12 "metadata" [Kind::Message(&KEY_VALUE)]);
message!(GAUGE: 1 "dataPoints" [Kind::Message(&NUMBER_POINT)]);
message!(SUM: 1 "dataPoints" [Kind::Message(&NUMBER_POINT)], 2 "aggregationTemporality" TEMPORALITY, 3 "isMonotonic" Bool);
message!(HISTOGRAM: 1 "dataPoints" [Kind::Message(&HISTOGRAM_POINT)], 2 "aggregationTemporality" TEMPORALITY);
message!(EXPONENTIAL: 1 "dataPoints" [Kind::Message(&EXPONENTIAL_POINT)], 2 "aggregationTemporality" TEMPORALITY);
message!(SUMMARY: 1 "dataPoints" [Kind::Message(&SUMMARY_POINT)]);
message!(NUMBER_POINT:
    7 "attributes" [Kind::Message(&KEY_VALUE)], 2 "startTimeUnixNano" Fixed64, 3 "timeUnixNano" Fixed64, 4 "asDouble" Double, 6 "asInt" SignedFixed64,
    5 "exemplars" [Kind::Message(&EXEMPLAR)], 8 "flags" Varint);
message!(HISTOGRAM_POINT:
    9 "attributes" [Kind::Message(&KEY_VALUE)], 2 "startTimeUnixNano" Fixed64, 3 "timeUnixNano" Fixed64, 4 "count" Fixed64, 5 "sum" Double,
    6 "bucketCounts" [Fixed64], 7 "explicitBounds" [Double], 8 "exemplars" [Kind::Message(&EXEMPLAR)], 10 "flags" Varint, 11 "min" Double, 12 "max" Double);
message!(EXPONENTIAL_POINT:
    1 "attributes" [Kind::Message(&KEY_VALUE)], 2 "startTimeUnixNano" Fixed64, 3 "timeUnixNano" Fixed64, 4 "count" Fixed64, 5 "sum" Double,
    6 "scale" Zigzag, 7 "zeroCount" Fixed64, 8 "positive" Kind::Message(&BUCKETS), 9 "negative" Kind::Message(&BUCKETS), 10 "flags" Varint,
    11 "exemplars" [Kind::Message(&EXEMPLAR)], 12 "min" Double, 13 "max" Double, 14 "zeroThreshold" Double);
message!(BUCKETS: 1 "offset" Zigzag, 2 "bucketCounts" [Varint]);
message!(SUMMARY_POINT:
    7 "attributes" [Kind::Message(&KEY_VALUE)], 2 "startTimeUnixNano" Fixed64, 3 "timeUnixNano" Fixed64, 4 "count" Fixed64, 5 "sum" Double,
    6 "quantileValues" [Kind::Message(&QUANTILE)], 8 "flags" Varint);
message!(QUANTILE: 1 "quantile" Double, 2 "value" Double);
message!(EXEMPLAR:
    7 "filteredAttributes" [Kind::Message(&KEY_VALUE)], 2 "timeUnixNano" Fixed64, 3 "asDouble" Double, 6 "asInt" SignedFixed64, 4 "spanId" Id, 5 "traceId" Id);
