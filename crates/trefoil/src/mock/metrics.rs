//! The shop's meters: request counts, latencies with exemplars, prices; exported as cumulative OTLP metrics.

use std::collections::BTreeMap;

use proto::opentelemetry::proto::collector::metrics::v1::ExportMetricsServiceRequest;
use proto::opentelemetry::proto::metrics::v1::{
    AggregationTemporality, Exemplar, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
    exemplar, metric::Data, number_data_point,
};

use super::build::{key_value, resource, scope};
use super::shop::{Attr, Kind, Order, Service};

/// Bucket bounds of the latency histogram in seconds.
const BOUNDS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0, 2.5];

type Key = (&'static str, &'static str, &'static str);

pub struct Meters {
    start: u64,
    /// (operation, exchange, outcome) to requests
    requests: BTreeMap<Key, i64>,
    /// (operation, exchange, outcome) to latencies
    latency: BTreeMap<Key, Latency>,
    prices: BTreeMap<(&'static str, &'static str), f64>,
}

#[derive(Default)]
struct Latency {
    buckets: [u64; BOUNDS.len() + 1],
    sum: f64,
    count: u64,
    /// newest observation since the last export: value, time, trace, span
    exemplar: Option<(f64, u64, [u8; 16], [u8; 8])>,
}

impl Meters {
    pub fn new(start: u64) -> Meters {
        Meters { start, requests: BTreeMap::new(), latency: BTreeMap::new(), prices: BTreeMap::new() }
    }

    pub fn record(&mut self, o: &Order) {
        let key = (o.operation, o.exchange, if o.failed { "error" } else { "ok" });
        *self.requests.entry(key).or_default() += 1;
        self.prices.insert((o.symbol, o.exchange), o.price);
        let Some(step) = o.steps.iter().find(|s| s.service == Service::Data && s.kind == Kind::Server) else { return };
        let seconds = (step.end - step.start) as f64 / 1e9;
        let l = self.latency.entry(key).or_default();
        l.buckets[BOUNDS.partition_point(|b| *b < seconds)] += 1;
        l.sum += seconds;
        l.count += 1;
        l.exemplar = Some((seconds, step.end, o.trace, step.id));
    }

    /// Everything so far, cumulative since the start.
    pub fn export(&mut self, now: u64) -> ExportMetricsServiceRequest {
        let requests = self.requests.iter().map(|(k, n)| number(k, self.start, now, number_data_point::Value::AsInt(*n))).collect();
        let sum = Sum { data_points: requests, aggregation_temporality: AggregationTemporality::Cumulative as i32, is_monotonic: true };
        let latency = self.latency.iter_mut().map(|(k, l)| l.point(k, self.start, now)).collect();
        let histogram = Histogram { data_points: latency, aggregation_temporality: AggregationTemporality::Cumulative as i32 };
        let prices = self.prices.iter().map(|((symbol, exchange), v)| NumberDataPoint {
            attributes: vec![
                key_value("crypto.symbol", &Attr::Text((*symbol).into())),
                key_value("crypto.exchange", &Attr::Text((*exchange).into())),
            ],
            time_unix_nano: now,
            value: Some(number_data_point::Value::AsDouble(*v)),
            ..NumberDataPoint::default()
        });
        let gauge = Gauge { data_points: prices.collect() };
        let metrics = vec![
            metric("crypto.requests", "{request}", "Requests by operation, exchange and outcome.", Data::Sum(sum)),
            metric("crypto.request.duration", "s", "Time the data service took.", Data::Histogram(histogram)),
            metric("crypto.price.current", "", "Newest price by symbol.", Data::Gauge(gauge)),
        ];
        let scope_metrics = vec![ScopeMetrics { scope: Some(scope()), metrics, ..ScopeMetrics::default() }];
        let one = ResourceMetrics { resource: Some(resource(Service::Data)), scope_metrics, ..ResourceMetrics::default() };
        ExportMetricsServiceRequest { resource_metrics: vec![one] }
    }
}

impl Latency {
    fn point(&mut self, key: &Key, start: u64, now: u64) -> HistogramDataPoint {
        let exemplars = self.exemplar.take().map(|(v, t, trace, span)| Exemplar {
            time_unix_nano: t,
            value: Some(exemplar::Value::AsDouble(v)),
            trace_id: trace.to_vec(),
            span_id: span.to_vec(),
            ..Exemplar::default()
        });
        HistogramDataPoint {
            attributes: attributes(key),
            start_time_unix_nano: start,
            time_unix_nano: now,
            count: self.count,
            sum: Some(self.sum),
            bucket_counts: self.buckets.to_vec(),
            explicit_bounds: BOUNDS.to_vec(),
            exemplars: exemplars.into_iter().collect(),
            ..HistogramDataPoint::default()
        }
    }
}

fn number(key: &Key, start: u64, now: u64, value: number_data_point::Value) -> NumberDataPoint {
    NumberDataPoint {
        attributes: attributes(key),
        start_time_unix_nano: start,
        time_unix_nano: now,
        value: Some(value),
        ..NumberDataPoint::default()
    }
}

fn attributes(key: &Key) -> Vec<proto::opentelemetry::proto::common::v1::KeyValue> {
    [("operation.type", key.0), ("crypto.exchange", key.1), ("outcome", key.2)]
        .iter()
        .map(|(k, v)| key_value(k, &Attr::Text((*v).into())))
        .collect()
}

fn metric(name: &str, unit: &str, description: &str, data: Data) -> Metric {
    Metric { name: name.into(), unit: unit.into(), description: description.into(), data: Some(data), ..Metric::default() }
}

#[cfg(test)]
mod tests {
    use super::super::{random::Random, shop::Shop};
    use super::*;

    #[test]
    fn counts_add_up() {
        let (mut shop, mut m) = (Shop::new(Random::new(1)), Meters::new(1));
        for _ in 0..40 {
            m.record(&shop.order(1_000_000_000));
        }
        assert_eq!(m.requests.values().sum::<i64>(), 40);
        assert!(m.latency.values().all(|l| l.buckets.iter().sum::<u64>() == l.count));
        let metrics = &m.export(5).resource_metrics[0].scope_metrics[0].metrics;
        assert_eq!(metrics.len(), 3);
    }
}
