//! The pages a model can read: TraceQL in five, the configuration in two.

use serde_json::{Value, json};

use super::INVALID_PARAMS;

/// Uri, title, text.
const PAGES: [(&str, &str, &str); 7] = [
    ("docs://traceql/query", "TraceQL: how to write a query", QUERY),
    ("docs://traceql/basic", "TraceQL: fields, types, comparisons", BASIC),
    ("docs://traceql/aggregates", "TraceQL: pipelines and aggregates", AGGREGATES),
    ("docs://traceql/structural", "TraceQL: relations between spans", STRUCTURAL),
    ("docs://traceql/metrics", "TraceQL: metrics", METRICS),
    ("docs://config/overview", "Configuration: overview", CONFIG),
    ("docs://config/reference", "Configuration: reference", CONFIG_REFERENCE),
];

const QUERY: &str = "# TraceQL\n\
A query picks spans with a condition in braces and finds the traces that hold them: `{ resource.service.name = \"checkout\" && status = error }`.\n\
- `{ }` is every span. Conditions are joined with && and || (equal precedence, left to right: use parentheses).\n\
- Always write the scope of an attribute: `span.http.status_code`, `resource.service.name`, `event.exception.message`.\n\
- Strings stand in double quotes or backticks; durations are `100ms`, `1.5s`, `1m`.\n\
- status is one of error, ok, unset; kind one of server, client, producer, consumer, internal, unspecified; both without quotes.\n\
- Get names and values from get-attribute-names and get-attribute-values before you filter on them.\n\
- The answer lists the newest traces; `limit` bounds them. See the pages basic, aggregates, structural and metrics.\n";

const BASIC: &str = "# Fields\n\
Attributes: span.x, resource.x, event.x, link.x, instrumentation.x, and .x (span, then resource). Names with spaces are quoted: span.\"a b\".\n\
Intrinsics: name, status, statusMessage, kind, duration, traceDuration, rootName, rootServiceName, trace:id, span:id, span:parentID, span:childCount, \
event:name, event:timeSinceStart, link:traceID, link:spanID, instrumentation:name, instrumentation:version.\n\
# Comparisons\n\
= != < <= > >= on numbers, durations and strings; =~ and !~ match a whole value against a regular expression: `{ name =~ \"GET .*\" }`.\n\
A missing attribute meets no comparison, not even !=. Absence is `{ span.x = nil }`, presence `{ span.x != nil }`.\n\
Types do not mix: `span.code = 200` finds integers only. An array meets a condition if one of its elements does.\n\
Arithmetic: + - * / % ^ on numbers, for example `{ span.bytes / 1024 > 10 }`.\n";

const AGGREGATES: &str = "# Pipelines\n\
Stages after | work on the spans of each trace that the stage before left:\n\
- `{ status = error } | count() > 2`: traces with more than two failed spans; also avg(f), min(f), max(f), sum(f) compared with a constant.\n\
- `{ } | by(resource.service.name) | count() > 10`: groups, then a condition per group; coalesce() joins the groups again.\n\
- `{ status = error } | select(span.http.url, resource.service.name)`: shows further fields of the spans found.\n";

const STRUCTURAL: &str = "# Relations\n\
`{ A } > { B }` finds spans B whose parent is an A; >> any ancestor; < and << the other way; ~ siblings. The spans shown are those of the right side.\n\
&>, &>>, &<, &<<, &~ show both sides. !>, !>>, !<, !<<, !~ find right-hand spans without such a relation.\n\
`{ A } && { B }`: traces that hold both, anywhere; `{ A } || { B }`: either.\n\
Example: `{ resource.service.name = \"gateway\" } >> { resource.service.name = \"db\" && status = error }`.\n";

const METRICS: &str = "# Metrics\n\
A span filter, | and a function make series: `{ status = error } | rate() by(resource.service.name)`.\n\
- rate(), count_over_time(); min_over_time(f), max_over_time(f), avg_over_time(f), sum_over_time(f);\n\
- quantile_over_time(duration, .5, .99), histogram_over_time(duration); durations are in seconds;\n\
- compare({ status = error }): which attribute values differ between the selected spans and the others.\n\
by() takes up to five fields. Afterwards: topk(5), bottomk(5), or a comparison such as > 10. Two queries in parentheses can be joined by + - * /.\n\
Use traceql-metrics-instant for one value over the range, traceql-metrics-range for points over time. A range may span 24 hours.\n";

const CONFIG: &str = "# Configuration\n\
One process, one optional YAML file (`trefoil.yaml`) and command-line flags over it; every key has a default, so that no file is needed.\n\
`--data DIR` keeps data on disk, `--memory` in memory. `--profile stock` takes the defaults of Prometheus, Loki and Tempo as they ship.\n\
`trefoil check FILE` says what is wrong with a file without starting anything.\n";

const CONFIG_REFERENCE: &str = "# Sections of trefoil.yaml\n\
- listen: bind, port (everything on one port), port_offset (shifts the well-known ports)\n\
- storage: data, memory, sync (always, interval=100ms, os), retention, memory_limit\n\
- otlp: the keys of Prometheus' section of the same name\n\
- profile, features, enable_admin_api, self_scrape\n\
Unknown keys are errors that name the nearest known key.\n";

pub fn list() -> Vec<Value> {
    PAGES.iter().map(|(uri, title, _)| json!({"uri": uri, "name": title, "mimeType": "text/markdown"})).collect()
}

pub fn read(uri: &str) -> Result<Value, (i64, String)> {
    match page(uri) {
        Some(text) => Ok(json!({"contents": [{"uri": uri, "mimeType": "text/markdown", "text": text}]})),
        None => Err((INVALID_PARAMS, format!("there is no resource {uri}"))),
    }
}

pub fn page(uri: &str) -> Option<&'static str> {
    PAGES.iter().find(|(u, ..)| *u == uri).map(|(_, _, text)| *text)
}

/// The last words of the pages about `traceql` or `config`.
pub fn names(about: &str) -> Vec<&'static str> {
    let prefix = format!("docs://{about}/");
    PAGES.iter().filter_map(|(uri, ..)| uri.strip_prefix(prefix.as_str())).collect()
}
