//! Logs and Prometheus metrics.

use std::time::Duration;

use prometheus::{Encoder, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder};

use crate::serving::Coders;
use crate::serving::answer::Answer;

/// Logs to standard error, one JSON object a line; the level is taken from `CODIF_LOG` (default `info`).
pub fn start_logs() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("CODIF_LOG");
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let started = tracing_subscriber::fmt().json().with_writer(std::io::stderr).with_env_filter(filter).try_init();
    if let Err(error) = started {
        eprintln!("codif: logs cannot be started: {error}");
    }
}

/// The metrics of one process.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    duration: HistogramVec,
    codings: IntCounterVec,
    activity_errors: IntCounterVec,
    gap: HistogramVec,
}

impl Metrics {
    /// Registers every metric, once.
    pub fn new(coders: &Coders) -> prometheus::Result<Self> {
        let registry = Registry::new();
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let histogram = |name: &str, help: &str, buckets: &[f64], labels: &[&str]| {
            let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            let histogram = HistogramVec::new(options, labels)?;
            registry.register(Box::new(histogram.clone()))?;
            Ok::<_, prometheus::Error>(histogram)
        };
        let seconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
        let tenths: Vec<f64> = (1..=10).map(|tenth| f64::from(tenth) / 10.0).collect();
        let models = IntGaugeVec::new(
            Opts::new("codif_model_info", "Models in service, 1 each."),
            &["nomenclature", "model", "version"],
        )?;
        registry.register(Box::new(models.clone()))?;
        for (nomenclature, coder) in coders.iter() {
            models.with_label_values(&[nomenclature, &coder.model.name, &coder.model.version.to_string()]).set(1);
        }
        let metrics = Self {
            requests: counter("codif_http_requests_total", "HTTP requests answered.", &["route", "status"])?,
            duration: histogram(
                "codif_http_request_duration_seconds",
                "Time to answer HTTP requests.",
                &seconds,
                &["route"],
            )?,
            codings: counter(
                "codif_codings_total",
                "Codings made, automatic or manual.",
                &["nomenclature", "model", "version", "decision"],
            )?,
            activity_errors: counter("codif_activity_errors_total", "Activities that were not coded.", &["code"])?,
            gap: histogram("codif_confidence_gap", "Confidence gap of the codings.", &tenths, &["nomenclature"])?,
            registry,
        };
        Ok(metrics)
    }

    /// Counts an answered request.
    pub fn request(&self, route: &str, status: u16, duration: Duration) {
        self.requests.with_label_values(&[route, &status.to_string()]).inc();
        self.duration.with_label_values(&[route]).observe(duration.as_secs_f64());
    }

    /// Counts what became of each activity.
    pub fn answered(&self, answers: &[Answer]) {
        for answer in answers {
            match answer {
                Answer::Failed { error, .. } => self.activity_errors.with_label_values(&[error.code]).inc(),
                Answer::Coded { codings, .. } => {
                    for (nomenclature, coding) in codings {
                        let (model, version) = coding.model();
                        let decision = if coding.is_automatic() { "automatic" } else { "manual" };
                        self.codings.with_label_values(&[nomenclature, model, &version.to_string(), decision]).inc();
                        self.gap.with_label_values(&[nomenclature]).observe(coding.gap());
                    }
                }
            }
        }
    }

    /// The metrics in Prometheus's text format.
    pub fn text(&self) -> prometheus::Result<String> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}
