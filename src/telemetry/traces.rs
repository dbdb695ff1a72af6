//! Traces, sent to an OpenTelemetry collector (OTLP, protobuf over HTTP) in batches, beside the answers.
//!
//! A request's `traceparent` (W3C Trace Context) is honoured: its trace goes on here.

use anyhow::Context as _;
use axum::http::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{SpanContext, TraceContextExt, TracerProvider};
use opentelemetry::{Context, TraceId};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};
use tracing::Subscriber;
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

/// Sends to `endpoint`, whose path `/v1/traces` is added; a share `ratio` of the requests that no caller traces already.
pub fn provider(endpoint: &str, ratio: f64) -> anyhow::Result<SdkTracerProvider> {
    let address = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(&address)
        .build()
        .with_context(|| format!("cannot send traces to {address}"))?;
    let resource = Resource::builder()
        .with_service_name("codif")
        .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource)
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio))))
        .build())
}

/// The layer that turns codif's own spans into those of a trace.
pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(provider: &SdkTracerProvider) -> impl Layer<S> + use<S> {
    let layer: OpenTelemetryLayer<S, SdkTracer> = OpenTelemetryLayer::new(provider.tracer("codif"));
    layer
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_filter(filter_fn(|metadata| metadata.is_span() && metadata.target().starts_with("codif")))
}

/// Continues the caller's trace in `span`, when the caller has one.
pub fn continue_trace(span: &tracing::Span, headers: &HeaderMap) {
    let caller = TraceContextPropagator::new().extract(&Headers(headers));
    if caller.span().span_context().is_valid() {
        // Without a collector there is nobody to take the parent.
        let _ = span.set_parent(caller);
    }
}

/// The id of the trace that a request belongs to: codif's own when it traces, else the caller's.
pub fn trace_id(headers: &HeaderMap) -> Option<TraceId> {
    let span = tracing::Span::current();
    let own = (!span.is_disabled()).then(|| span.context());
    let given =
        || headers.contains_key("traceparent").then(|| TraceContextPropagator::new().extract(&Headers(headers)));
    let id = |context: Context| Some(context.span().span_context().clone()).filter(SpanContext::is_valid);
    own.and_then(id).or_else(|| given().and_then(id)).map(|context| context.trace_id())
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(|name| name.as_str()).collect()
    }
}
