// Exports one span, one counter, one histogram and one log line: node export.mjs WAY URL SERVICE; prints the trace id.
import { resourceFromAttributes } from '@opentelemetry/resources';
import { SimpleLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';

const [way, url, service] = process.argv.slice(2);
const [transport, compression] = way.split('-'); // http, proto, grpc; optionally -gzip
const load = async (signal, name) => (await import(`@opentelemetry/exporter-${signal}-otlp-${transport}`))[name];
const options = (path) => ({ url: transport === 'grpc' ? url : url + path, compression: compression === 'gzip' ? 'gzip' : 'none' });
const Traces = await load('trace', 'OTLPTraceExporter');
const Metrics = await load('metrics', 'OTLPMetricExporter');
const Logs = await load('logs', 'OTLPLogExporter');

const resource = resourceFromAttributes({ 'service.name': service });
const tracers = new TracerProvider({ resource, spanProcessors: [new SimpleSpanProcessor({ exporter: new Traces(options('/v1/traces')) })] });
const reader = new PeriodicExportingMetricReader({ exporter: new Metrics(options('/v1/metrics')), exportIntervalMillis: 3_600_000 });
const meters = new MeterProvider({ resource, readers: [reader] });
const loggers = new LoggerProvider({ resource, processors: [new SimpleLogRecordProcessor({ exporter: new Logs(options('/v1/logs')) })] });

const span = tracers.getTracer('shop').startSpan('place order', { attributes: { 'crypto.symbol': 'BTC-USD', count: 3, ratio: 0.5, ok: true, tags: ['a', 'b'] } });
const meter = meters.getMeter('shop');
meter.createCounter('orders').add(3, { side: 'buy' });
meter.createHistogram('order.duration', { unit: 's' }).record(0.25);
loggers.getLogger('shop').emit({ body: 'order placed', severityNumber: 9, severityText: 'INFO', attributes: { nested: { a: [1, null, 'x'] } } });
span.end();
for (const provider of [tracers, meters, loggers]) {
  await provider.forceFlush();
  await provider.shutdown();
}
console.log(span.spanContext().traceId);
