//! Logs on standard error, one JSON object a line.

use anyhow::Context;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use super::log_writer::{LogWriter, Writing};
use super::traces;
use crate::config::TelemetryOptions;

/// Keeps logs and traces going; what still waits is written when it is dropped.
pub struct Telemetry {
    writer: LogWriter,
    traces: Option<SdkTracerProvider>,
    _writing: Writing,
}

impl Telemetry {
    /// The writer, which knows how many lines were lost.
    pub fn writer(&self) -> LogWriter {
        self.writer.clone()
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
    let (writer, writing) = LogWriter::start(std::io::stderr()).context("cannot start the thread of the logs")?;
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_writer(writer.clone())
        .with_filter(filter);
    let traces = options.otlp_endpoint.as_deref().map(|url| traces::provider(url, options.trace_ratio)).transpose()?;
    let spans = traces.as_ref().map(traces::layer);
    tracing_subscriber::registry().with(lines).with(spans).try_init().context("logs cannot be started")?;
    // The place of a panic, never what it says: that may quote a text.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "panicked");
    }));
    Ok(Telemetry { writer, traces, _writing: writing })
}
