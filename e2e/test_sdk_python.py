"""The OpenTelemetry SDK for Python exports in every way it offers, then the three APIs are asked."""
import logging

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http import Compression as HttpCompression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from grpc import Compression as GrpcCompression
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

WAYS = {
    "grpc": (GrpcSpans, GrpcMetrics, GrpcLogs, {"insecure": True}),
    "grpc-gzip": (GrpcSpans, GrpcMetrics, GrpcLogs, {"insecure": True, "compression": GrpcCompression.Gzip}),
    "http": (HttpSpans, HttpMetrics, HttpLogs, {"compression": HttpCompression.NoCompression}),
    "http-gzip": (HttpSpans, HttpMetrics, HttpLogs, {"compression": HttpCompression.Gzip}),
    "http-deflate": (HttpSpans, HttpMetrics, HttpLogs, {"compression": HttpCompression.Deflate}),
}


@pytest.mark.parametrize("way", WAYS)
def test_all_signals(server, way):
    make_spans, make_metrics, make_logs, options = WAYS[way]
    service = f"py-{way}"
    at = (lambda path: {"endpoint": server.endpoints["otlp_grpc"]}) if way.startswith("grpc") else (lambda path: {"endpoint": server.url + path})
    resource = Resource.create({"service.name": service, "service.instance.id": "one"})

    tracers = TracerProvider(resource=resource)
    tracers.add_span_processor(BatchSpanProcessor(make_spans(**at("/v1/traces"), **options)))
    reader = PeriodicExportingMetricReader(make_metrics(**at("/v1/metrics"), **options), export_interval_millis=3_600_000)
    views = [View(instrument_name="order.size", aggregation=ExponentialBucketHistogramAggregation())]
    meters = MeterProvider(resource=resource, metric_readers=[reader], views=views)
    loggers = LoggerProvider(resource=resource)
    loggers.add_log_record_processor(BatchLogRecordProcessor(make_logs(**at("/v1/logs"), **options)))

    tracer, meter = tracers.get_tracer("shop"), meters.get_meter("shop")
    logger = logging.getLogger(service)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(LoggingHandler(logger_provider=loggers))
    orders = meter.create_counter("orders", unit="1")
    latency = meter.create_histogram("order.duration", unit="s", explicit_bucket_boundaries_advisory=[0.1, 1])
    size = meter.create_histogram("order.size", unit="By")
    with tracer.start_as_current_span("place order", kind=trace.SpanKind.SERVER) as span:
        span.set_attribute("crypto.symbol", "BTC-USD")
        orders.add(3, {"side": "buy"})
        latency.record(0.25)
        size.record(100)
        logger.info("order placed for %s", "BTC-USD")
        trace_id = f"{span.get_span_context().trace_id:032x}"
    assert tracers.force_flush() and meters.force_flush() and loggers.force_flush()

    # Acknowledged is visible: no retries below.
    job = f'job="{service}"'
    assert server.promql(f'orders_total{{{job},side="buy"}}')[0]["value"][1] == "3"
    assert server.promql(f'histogram_quantile(0.5, order_duration_seconds_bucket{{{job}}})')[0]["metric"]["job"] == service
    assert server.promql(f"histogram_count(order_size_bytes{{{job}}})")[0]["value"][1] == "1"
    streams = server.get("/loki/api/v1/query_range", "loki", query=f'{{service_name="{service}"}} |= "placed"')["data"]["result"]
    assert [v[1] for s in streams for v in s["values"]] == ["order placed for BTC-USD"]
    assert streams[0]["stream"]["trace_id"] == trace_id
    found = server.get("/api/search", "tempo", q=f'{{ resource.service.name = "{service}" && span.crypto.symbol = "BTC-USD" }}')["traces"]
    assert [t["rootTraceName"] for t in found] == ["place order"]
    spans = server.get(f"/api/v2/traces/{trace_id}", "tempo")["trace"]["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert [s["name"] for s in spans] == ["place order"]
    for provider in (tracers, meters, loggers):
        provider.shutdown()
