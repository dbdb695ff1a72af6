//! Logs on standard error, one JSON object a line, written by a thread of their own: a pipe nobody reads costs lines,
//! which are counted, and never an answer.

use anyhow::Context;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use super::traces;
use crate::config::TelemetryOptions;

/// Lines that may wait to be written.
const LINES_WAITING: usize = 16_384;

/// Keeps logs and traces going; what still waits is written when it is dropped.
pub struct Telemetry {
    lines_lost: ErrorCounter,
    traces: Option<SdkTracerProvider>,
    _writer: WorkerGuard,
}

impl Telemetry {
    /// Lines that were lost because standard error did not take them.
    pub fn lines_lost(&self) -> ErrorCounter {
        self.lines_lost.clone()
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.traces.take().map(|traces| traces.shutdown()) {
            eprintln!("codif: the last traces could not be sent: {error}");
        }
    }
}

/// Starts logs, and traces where they are wanted.
pub fn start_logs(options: &TelemetryOptions) -> anyhow::Result<Telemetry> {
    let filter = EnvFilter::try_new(&options.log)
        .with_context(|| format!("{:?} is no log filter: write it as info or warn,codif=debug", options.log))?;
    let (writer, guard) =
        NonBlockingBuilder::default().lossy(true).buffered_lines_limit(LINES_WAITING).finish(std::io::stderr());
    let lines_lost = writer.error_counter();
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_writer(writer)
        .with_filter(filter);
    let traces = options.otlp_endpoint.as_deref().map(|url| traces::provider(url, options.trace_ratio)).transpose()?;
    let spans = traces.as_ref().map(traces::layer);
    tracing_subscriber::registry().with(lines).with(spans).try_init().context("logs cannot be started")?;
    Ok(Telemetry { lines_lost, traces, _writer: guard })
}
