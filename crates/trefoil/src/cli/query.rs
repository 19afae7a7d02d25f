//! `trefoil query promql|logql|traceql EXPR`: asks a running server and prints a table or the JSON answer.

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::client::{Http, escape};
use crate::config::parse_duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Language {
    Promql,
    Logql,
    Traceql,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  trefoil query promql 'sum by (job) (rate(http_server_request_duration_seconds_count[5m]))'
  trefoil query promql 'up' --since 1h --step 1m --json
  trefoil query logql '{service_name=\"decision-service\"} |= \"error\"' --limit 20
  trefoil query traceql '{ status = error && duration > 100ms }' --since 24h

Exit codes: 0 answered, 1 refused or not reachable, 2 wrong usage.")]
pub struct QueryArgs {
    language: Language,
    /// The query
    expr: String,
    /// Server to ask [default: http://127.0.0.1:9090, :3100 or :3200, by language]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// How far back to look, such as 15m or 7d; PromQL without it is asked at this instant
    #[arg(long, value_name = "DURATION")]
    since: Option<String>,
    /// Distance of points in a range, such as 15s
    #[arg(long, value_name = "DURATION")]
    step: Option<String>,
    /// Most lines or traces
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u32,
    /// Tenant (X-Scope-OrgID)
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// Print the server's JSON answer as it is
    #[arg(long)]
    json: bool,
}

pub fn run(args: QueryArgs) -> Result<(), String> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64());
    let url = args.target(now)?;
    let headers: Vec<(&str, String)> = args.tenant.iter().map(|t| ("x-scope-orgid", t.clone())).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    let answer = runtime.block_on(Http::http1().get(&url, &headers))?;
    if !answer.status.is_success() {
        return Err(format!("the server answered {}: {}", answer.status, answer.text().trim()));
    }
    if args.json {
        print(answer.text().trim_end());
        return Ok(());
    }
    let body: Value = serde_json::from_slice(&answer.body).map_err(|e| format!("the answer is no JSON: {e}"))?;
    print(&table(&rows(&body)));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a command talks to its user")]
fn print(text: &str) {
    println!("{text}");
}

impl QueryArgs {
    fn target(&self, now: f64) -> Result<String, String> {
        let port = match self.language {
            Language::Promql => 9090,
            Language::Logql => 3100,
            Language::Traceql => 3200,
        };
        let base = self.url.clone().unwrap_or_else(|| format!("http://127.0.0.1:{port}"));
        let base = base.trim_end_matches('/');
        let seconds = |text: &str| parse_duration("--since", text).map(|d| d.as_secs_f64()).map_err(|e| e.to_string());
        let since = self.since.as_deref().map(seconds).transpose()?;
        let (q, step) = (escape(&self.expr), self.step.as_ref().map_or_else(String::new, |s| format!("&step={}", escape(s))));
        Ok(match (self.language, since) {
            (Language::Promql, None) => format!("{base}/api/v1/query?query={q}"),
            (Language::Promql, Some(s)) => {
                let step = if step.is_empty() { format!("&step={}", (s / 250.0).max(1.0).ceil()) } else { step };
                format!("{base}/api/v1/query_range?query={q}&start={:.3}&end={now:.3}{step}", now - s)
            }
            (Language::Logql, s) => {
                let s = s.unwrap_or(3600.0);
                format!("{base}/loki/api/v1/query_range?query={q}&start={:.3}&end={now:.3}&limit={}{step}", now - s, self.limit)
            }
            (Language::Traceql, s) => {
                let (start, end) = ((now - s.unwrap_or(3600.0)) as u64, now as u64 + 1);
                if is_metrics(&self.expr) {
                    format!("{base}/api/metrics/query_range?q={q}&start={start}&end={end}{step}")
                } else {
                    format!("{base}/api/search?q={q}&start={start}&end={end}&limit={}", self.limit)
                }
            }
        })
    }
}

/// Whether a TraceQL query is answered by the metrics endpoint; a wrong guess is answered with an error, never wrongly.
fn is_metrics(expr: &str) -> bool {
    ["rate()", "_over_time(", "compare("].iter().any(|f| expr.split_whitespace().collect::<String>().contains(f))
}

/// One row per sample, line or trace, cells as text.
fn rows(body: &Value) -> Vec<Vec<String>> {
    let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    let mut out = vec![];
    if let Some(traces) = body["traces"].as_array() {
        out.push(["TRACE", "START", "MS", "SERVICE", "NAME", "MATCHED"].map(str::to_owned).to_vec());
        for t in traces {
            let ms = t["durationMs"].as_u64().unwrap_or(0).to_string();
            let start = time_text(t["startTimeUnixNano"].as_str().and_then(|s| s.parse::<f64>().ok()).unwrap_or(0.0) / 1e9);
            let matched = t["spanSets"][0]["matched"].to_string();
            out.push(vec![text(&t["traceID"]), start, ms, text(&t["rootServiceName"]), text(&t["rootTraceName"]), matched]);
        }
        return out;
    }
    if let Some(series) = body["series"].as_array() {
        out.push(["TIME", "SERIES", "VALUE"].map(str::to_owned).to_vec());
        for s in series {
            let labels: Vec<String> =
                s["labels"].as_array().into_iter().flatten().map(|l| format!("{}={}", text(&l["key"]), scalar(&l["value"]))).collect();
            for p in s["samples"].as_array().into_iter().flatten() {
                let at = p["timestampMs"].as_str().and_then(|t| t.parse::<f64>().ok()).unwrap_or(0.0) / 1e3;
                out.push(vec![time_text(at), format!("{{{}}}", labels.join(", ")), p["value"].as_f64().unwrap_or(0.0).to_string()]);
            }
        }
        return out;
    }
    let result = &body["data"]["result"];
    match body["data"]["resultType"].as_str() {
        Some("streams") => {
            for s in result.as_array().into_iter().flatten() {
                for v in s["values"].as_array().into_iter().flatten() {
                    let at = v[0].as_str().and_then(|t| t.parse::<f64>().ok()).unwrap_or(0.0) / 1e9;
                    out.push(vec![time_text(at), s["stream"]["service_name"].as_str().unwrap_or("").to_owned(), text(&v[1])]);
                }
            }
            out.sort();
        }
        Some("scalar" | "string") => out.push(vec![time_text(result[0].as_f64().unwrap_or(0.0)), text(&result[1])]),
        _ => {
            for s in result.as_array().into_iter().flatten() {
                let labels = labels_text(&s["metric"]);
                let one = s.get("value").or_else(|| s.get("histogram")).cloned();
                let many = s["values"].as_array().or_else(|| s["histograms"].as_array()).cloned().unwrap_or_default();
                for v in one.into_iter().chain(many) {
                    out.push(vec![time_text(v[0].as_f64().unwrap_or(0.0)), labels.clone(), text(&v[1])]);
                }
            }
        }
    }
    out
}

fn scalar(value: &Value) -> String {
    value.as_object().and_then(|o| o.values().next()).map_or_else(String::new, |v| v.as_str().map_or_else(|| v.to_string(), str::to_owned))
}

fn labels_text(metric: &Value) -> String {
    let pairs = metric.as_object().into_iter().flatten();
    let name = metric["__name__"].as_str().unwrap_or("");
    let rest: Vec<String> = pairs.filter(|(k, _)| *k != "__name__").map(|(k, v)| format!("{k}={v}")).collect();
    format!("{name}{{{}}}", rest.join(", "))
}

fn time_text(seconds: f64) -> String {
    jiff::Timestamp::from_millisecond((seconds * 1e3) as i64).map_or_else(|_| seconds.to_string(), |t| format!("{t:.3}"))
}

fn table(rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return "(nothing)".to_owned();
    }
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> =
        (0..columns).map(|i| rows.iter().filter_map(|r| r.get(i)).map(|c| c.chars().count()).max().unwrap_or(0)).collect();
    let line = |r: &Vec<String>| {
        let cells = r.iter().enumerate().map(|(i, c)| if i + 1 == r.len() { c.clone() } else { format!("{c:<w$}", w = widths[i]) });
        cells.collect::<Vec<_>>().join("  ")
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_every_kind_of_answer() {
        let vector = serde_json::json!({"data": {"resultType": "vector", "result": [{"metric": {"__name__": "up", "job": "a"}, "value": [1.5, "1"]}]}});
        assert_eq!(table(&rows(&vector)), "1970-01-01T00:00:01.500Z  up{job=\"a\"}  1");
        let streams = serde_json::json!({"data": {"resultType": "streams", "result": [{"stream": {"service_name": "s"}, "values": [["2000000000", "b"], ["1000000000", "a"]]}]}});
        assert_eq!(table(&rows(&streams)), "1970-01-01T00:00:01.000Z  s  a\n1970-01-01T00:00:02.000Z  s  b");
        assert_eq!(table(&rows(&serde_json::json!({"data": {"resultType": "vector", "result": []}}))), "(nothing)");
        assert!(table(&rows(&serde_json::json!({"traces": [{"traceID": "ab", "durationMs": 3}]}))).contains("ab"));
    }

    #[test]
    fn metrics_queries_are_told_apart() {
        assert!(is_metrics("{} | rate ()") && is_metrics("{} | quantile_over_time(duration, .9)") && !is_metrics("{ .rate = 1 }"));
    }
}
