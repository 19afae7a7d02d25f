"""Builds OTLP requests for the tests with the generated messages of the SDK's own protocol package."""
import time

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2 as metrics


def attr(key, value):
    kind = {str: "string_value", bool: "bool_value", int: "int_value", float: "double_value"}[type(value)]
    return KeyValue(key=key, value=AnyValue(**{kind: value}))


def now():
    return time.time_ns()


def gauge(service, name, points):
    """points: (attributes, time ns, value)"""
    r = ExportMetricsServiceRequest()
    rm = r.resource_metrics.add()
    rm.resource.attributes.append(attr("service.name", service))
    m = rm.scope_metrics.add().metrics.add(name=name)
    for attributes, t, value in points:
        m.gauge.data_points.add(attributes=[attr(k, v) for k, v in attributes.items()], time_unix_nano=t, as_double=float(value))
    return r.SerializeToString()


def counter(service, name, points, delta=False):
    r = ExportMetricsServiceRequest()
    rm = r.resource_metrics.add()
    rm.resource.attributes.append(attr("service.name", service))
    m = rm.scope_metrics.add().metrics.add(name=name)
    m.sum.is_monotonic = True
    m.sum.aggregation_temporality = metrics.AGGREGATION_TEMPORALITY_DELTA if delta else metrics.AGGREGATION_TEMPORALITY_CUMULATIVE
    for t, value in points:
        m.sum.data_points.add(time_unix_nano=t, as_int=value)
    return r.SerializeToString()


def logs(service, lines):
    """lines: (time ns, text)"""
    r = ExportLogsServiceRequest()
    rl = r.resource_logs.add()
    rl.resource.attributes.append(attr("service.name", service))
    sl = rl.scope_logs.add()
    for t, text in lines:
        sl.log_records.add(time_unix_nano=t, body=AnyValue(string_value=text), severity_number=9, severity_text="INFO")
    return r.SerializeToString()


def spans(service, rows):
    """rows: (trace id, span id, parent id, name, start ns, end ns)"""
    r = ExportTraceServiceRequest()
    rs = r.resource_spans.add()
    rs.resource.attributes.append(attr("service.name", service))
    ss = rs.scope_spans.add()
    for trace, span, parent, name, start, end in rows:
        ss.spans.add(trace_id=trace, span_id=span, parent_span_id=parent, name=name, start_time_unix_nano=start, end_time_unix_nano=end)
    return r.SerializeToString()
