//! The metrics generator of one tenant: both processors over one registry.

use model::{MetricBatch, SpanBatch};

use crate::registry::Registry;
use crate::service_graph::{ServiceGraph, ServiceGraphOptions};
use crate::span_metrics::{SpanMetrics, SpanMetricsOptions};

/// `None` switches a processor off.
#[derive(Debug, Clone, PartialEq)]
pub struct GeneratorOptions {
    pub span_metrics: Option<SpanMetricsOptions>,
    pub service_graph: Option<ServiceGraphOptions>,
}

impl Default for GeneratorOptions {
    fn default() -> Self {
        GeneratorOptions { span_metrics: Some(SpanMetricsOptions::default()), service_graph: Some(ServiceGraphOptions::default()) }
    }
}

pub struct Generator {
    registry: Registry,
    span_metrics: Option<SpanMetrics>,
    service_graph: Option<ServiceGraph>,
}

impl Generator {
    pub fn new(options: GeneratorOptions) -> Generator {
        Generator {
            registry: Registry::default(),
            span_metrics: options.span_metrics.map(SpanMetrics::new),
            service_graph: options.service_graph.map(ServiceGraph::new),
        }
    }

    /// Takes the spans of one accepted write. `now_ns`: Unix nanoseconds.
    pub fn observe(&mut self, batch: &SpanBatch, now_ns: u64) {
        if let Some(p) = &self.span_metrics {
            p.observe(batch, &mut self.registry, (now_ns / 1_000_000) as i64);
        }
        if let Some(p) = &mut self.service_graph {
            p.observe(batch, &mut self.registry, now_ns);
        }
    }

    /// The series that changed since the last call, cumulative, stamped `now_ns`.
    pub fn collect(&mut self, now_ns: u64) -> MetricBatch {
        if let Some(p) = &mut self.service_graph {
            p.expire(&mut self.registry, now_ns);
        }
        self.registry.collect((now_ns / 1_000_000) as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{AnyValue, KeyValue, Resource, Scope, SpanBatchBuilder, SpanHead, kind, status};

    /// (service, kind, span, parent, failed, attributes)
    type Row<'a> = (&'a str, u8, u8, u8, bool, &'a [(&'a str, &'a str)]);

    fn batch(rows: &[Row<'_>]) -> SpanBatch {
        let mut b = SpanBatchBuilder::default();
        let scope = b.scope(Scope::default());
        for (service, kind, span, parent, failed, attrs) in rows {
            let attr = KeyValue::new("service.name", AnyValue::Str((*service).to_owned()));
            let resource = b.resource(Resource { attrs: vec![attr], ..Resource::default() });
            let name = b.dict().code("op");
            let parent_id = if *parent == 0 { [0; 8] } else { [*parent; 8] };
            let status = if *failed { status::ERROR } else { status::UNSET };
            let head = SpanHead {
                trace_id: [1; 16],
                span_id: [*span; 8],
                parent_id,
                start: 0,
                end: 150_000_000,
                kind: *kind,
                status,
                name,
                resource,
                scope,
                ..SpanHead::default()
            };
            b.span(head);
            for (k, v) in *attrs {
                let key = b.dict().code(k);
                b.attr(key, AnyValue::Str((*v).to_owned()));
            }
        }
        b.finish()
    }

    /// The requests counted, as `client -> server (connection): n[, failed n]`.
    #[track_caller]
    fn check(rows: &[Row<'_>], expected: &[&str]) {
        let mut g = Generator::new(GeneratorOptions::default());
        for row in rows {
            g.observe(&batch(std::slice::from_ref(row)), 1_000_000_000);
        }
        let out = g.collect(20_000_000_000);
        let value = |name: &str, like: &model::Labels| {
            let at = out.series.iter().position(|l| {
                l.metric_name() == Some(name) && ["client", "server", "connection_type"].iter().all(|n| l.value(n) == like.value(n))
            });
            at.and_then(|i| out.samples.iter().rev().find(|s| s.series as usize == i)).map_or(0.0, |s| s.v)
        };
        let mut got: Vec<String> = out
            .series
            .iter()
            .filter(|l| l.metric_name() == Some("traces_service_graph_request_total"))
            .map(|l| {
                let failed = value("traces_service_graph_request_failed_total", l);
                let n = value("traces_service_graph_request_total", l);
                format!(
                    "{} -> {} ({}): {n}{}",
                    l.value("client"),
                    l.value("server"),
                    l.value("connection_type"),
                    if failed > 0.0 { format!(", failed {failed}") } else { String::new() }
                )
            })
            .collect();
        got.sort();
        assert_eq!(got, expected);
    }

    #[test]
    fn edges() {
        check(&[("a", kind::CLIENT, 1, 9, false, &[]), ("b", kind::SERVER, 2, 1, true, &[])], &["a -> b (): 1, failed 1"]);
        check(&[("b", kind::SERVER, 2, 1, false, &[]), ("a", kind::CLIENT, 1, 9, false, &[])], &["a -> b (): 1"]);
        check(&[("a", kind::PRODUCER, 1, 9, false, &[]), ("b", kind::CONSUMER, 2, 1, false, &[])], &["a -> b (messaging_system): 1"]);
        check(&[("a", kind::CLIENT, 1, 9, false, &[("db.name", "quotes"), ("db.system", "pg")])], &["a -> quotes (database): 1"]);
        check(&[("a", kind::CLIENT, 1, 9, false, &[("peer.service", "kraken")])], &["a -> kraken (virtual_node): 1"]);
        check(&[("a", kind::SERVER, 1, 0, false, &[])], &["user -> a (virtual_node): 1"]);
        check(&[("a", kind::SERVER, 1, 7, false, &[]), ("b", kind::CLIENT, 2, 1, false, &[])], &[]);
    }
}
