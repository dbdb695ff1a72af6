//! The Prometheus metrics of one process. Names carry their unit; labels are bounded: routes, stable codes, models.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::stages::StageTimes;
use crate::coding::{Coder, Coding, ModelVersion};
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

const SECONDS: [f64; 14] = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
const MICROSECONDS: [f64; 12] = [1e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 5e-4, 1e-3, 1e-2, 0.1, 0.5, 2.5];

/// The metrics.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    successes: IntCounterVec,
    failures: IntCounterVec,
    duration: HistogramVec,
    stages: HistogramVec,
    codings: IntCounterVec,
    gap: HistogramVec,
    activity_errors: IntCounterVec,
    warnings: IntCounterVec,
    models: IntGaugeVec,
    models_told: Mutex<Vec<[String; 4]>>,
    stale: IntGaugeVec,
    reloads: IntCounterVec,
    compared: IntCounterVec,
    gap_shift: HistogramVec,
    shadow_dropped: IntCounterVec,
    lost_lines: IntGauge,
    jobs_ended: IntCounterVec,
    /// Jobs under way.
    pub jobs_running: IntGauge,
    shed: IntCounterVec,
    closed: IntCounterVec,
    /// Requests being answered.
    pub requests_in_flight: IntGauge,
    /// Activities in work.
    pub activities_in_flight: IntGauge,
    /// Bytes of bodies and answers held.
    pub memory_in_flight: IntGauge,
    /// Connections open on the public port.
    pub connections: IntGauge,
    /// Texts cut at the longest length on the Sirene routes.
    pub texts_cut: IntCounter,
    /// Panics that were caught.
    pub panics: IntCounter,
}

/// Registers metrics one by one, and takes the first error.
struct Registrar<'a>(&'a Registry);

impl Registrar<'_> {
    fn add<C: prometheus::core::Collector + Clone + 'static>(
        &self,
        made: prometheus::Result<C>,
    ) -> prometheus::Result<C> {
        let collector = made?;
        self.0.register(Box::new(collector.clone()))?;
        Ok(collector)
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
        self.add(IntCounterVec::new(Opts::new(name, help), labels))
    }

    fn gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        self.add(IntGauge::new(name, help))
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64], labels: &[&str]) -> prometheus::Result<HistogramVec> {
        self.add(HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels))
    }
}

impl Metrics {
    /// Registers every metric, once.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let add = Registrar(&registry);
        let tenths: Vec<f64> = (1..=10).map(|tenth| f64::from(tenth) / 10.0).collect();
        let build = Opts::new("codif_build_info", "The program, 1.").const_label("version", env!("CARGO_PKG_VERSION"));
        add.add(IntGauge::with_opts(build))?.set(1);
        let process = prometheus::process_collector::ProcessCollector::for_self();
        registry.register(Box::new(process))?;
        Ok(Self {
            requests: add.counters("codif_http_requests_total", "HTTP requests answered.", &["route"])?,
            successes: add.counters("codif_http_successes_total", "HTTP requests answered as asked.", &["route"])?,
            failures: add.counters(
                "codif_http_failures_total",
                "HTTP requests refused or failed.",
                &["route", "code"],
            )?,
            duration: add.histogram(
                "codif_http_request_duration_seconds",
                "Time from the head of a request to the head of its answer.",
                &SECONDS,
                &["route"],
            )?,
            stages: add.histogram(
                "codif_stage_duration_seconds",
                "Time of a request spent in a stage; the times of several threads add up.",
                &MICROSECONDS,
                &["stage"],
            )?,
            codings: add.counters(
                "codif_codings_total",
                "Codings made, automatic or manual.",
                &["nomenclature", "model", "version", "decision"],
            )?,
            gap: add.histogram(
                "codif_confidence_gap",
                "Confidence gap of the codings: best minus second probability.",
                &tenths,
                &["nomenclature", "model", "version"],
            )?,
            activity_errors: add.counters(
                "codif_activity_errors_total",
                "Activities that were not coded.",
                &["code"],
            )?,
            warnings: add.counters(
                "codif_covariate_warnings_total",
                "Covariates that a model made nothing of: a value never seen, or a field it does not use.",
                &["nomenclature", "field", "code"],
            )?,
            models_told: Mutex::default(),
            models: add.add(IntGaugeVec::new(
                Opts::new("codif_model_info", "Models in service, and those that accompany them, 1 each."),
                &["nomenclature", "model", "version", "role"],
            ))?,
            stale: add.add(IntGaugeVec::new(
                Opts::new(
                    "codif_model_stale",
                    "1 when the registry could not be asked, or its version is refused: what was in service goes on.",
                ),
                &["reference"],
            ))?,
            reloads: add.counters(
                "codif_model_reloads_total",
                "Versions that replaced another, or failed to.",
                &["reference", "result"],
            )?,
            compared: add.counters(
                "codif_shadow_codings_total",
                "Activities a shadow coded too, by section of the code in service, and whether code and decision agree.",
                &["nomenclature", "model", "version", "shadow_version", "section", "code", "decision"],
            )?,
            gap_shift: add.histogram(
                "codif_shadow_gap_shift",
                "Confidence gap of a shadow minus that of the version in service.",
                &[-0.5, -0.2, -0.1, -0.05, 0.0, 0.05, 0.1, 0.2, 0.5, 1.0],
                &["nomenclature", "model", "version", "shadow_version"],
            )?,
            shadow_dropped: add.counters(
                "codif_shadow_dropped_total",
                "Activities that a shadow did not see because it had too much to do.",
                &["nomenclature"],
            )?,
            lost_lines: add.gauge("codif_log_lines_lost", "Log lines that standard error did not take in time.")?,
            jobs_ended: add.counters("codif_jobs_total", "Jobs that this process let go, by how they ended.", &["outcome"])?,
            jobs_running: add.gauge("codif_jobs_running", "Jobs under way in this process.")?,
            shed: add.counters("codif_shed_total", "Requests and connections refused under load.", &["reason"])?,
            closed: add.counters(
                "codif_connections_timed_out_total",
                "Connections closed because the client kept codif waiting.",
                &["waited_for"],
            )?,
            requests_in_flight: add.gauge("codif_http_requests_in_flight", "HTTP requests being answered.")?,
            activities_in_flight: add.gauge("codif_activities_in_flight", "Activities in work.")?,
            memory_in_flight: add.gauge("codif_memory_in_flight_bytes", "Bytes of bodies and answers held.")?,
            connections: add.gauge("codif_connections", "Connections open on the public port.")?,
            texts_cut: add.add(IntCounter::new("codif_texts_cut_total", "Texts cut at the longest length."))?,
            panics: add.add(IntCounter::new("codif_panics_total", "Panics that were caught."))?,
            registry,
        })
    }

    /// Says which models are in service, each with its role.
    pub fn in_service(&self, coders: &[(Arc<Coder>, &'static str)]) {
        let labels = |(coder, role): &(Arc<Coder>, &'static str)| {
            let (id, name) = (coder.nomenclature.id().to_owned(), coder.model.name.clone());
            [id, name, coder.model.version.to_string(), (*role).to_owned()]
        };
        let now: Vec<_> = coders.iter().map(labels).collect();
        now.iter().for_each(|labels| self.models.with_label_values(labels).set(1));
        // After the new ones: whoever reads in between sees two, never none.
        let mut told = self.models_told.lock().unwrap_or_else(PoisonError::into_inner);
        for labels in std::mem::replace(&mut *told, now.clone()).iter().filter(|labels| !now.contains(labels)) {
            if let Err(error) = self.models.remove_label_values(labels) {
                tracing::debug!(%error, "a model that is in service no longer was not told of");
            }
        }
    }

    /// Says whether a model may be out of date.
    pub fn stale(&self, reference: &str, stale: bool) {
        self.stale.with_label_values(&[reference]).set(i64::from(stale));
    }

    /// Counts a version that replaced another, or failed to.
    pub fn reloaded(&self, reference: &str, result: &str) {
        self.reloads.with_label_values(&[reference, result]).inc();
    }

    /// Counts an activity that a shadow coded too.
    pub fn compared(&self, shadow: &Coder, served: &ModelVersion, section: &str, same_code: bool, same_decision: bool) {
        let (version, shadow_version) = (served.version.to_string(), shadow.model.version.to_string());
        let word = |same| if same { "same" } else { "other" };
        let place = [shadow.nomenclature.id(), &served.name, &version, &shadow_version, section];
        let [nomenclature, name, version, shadow, section] = place;
        let labels = [nomenclature, name, version, shadow, section, word(same_code), word(same_decision)];
        self.compared.with_label_values(&labels).inc();
    }

    /// Tells by how much a shadow's gap differs.
    pub fn gap_shift(&self, shadow: &Coder, served: &ModelVersion, shift: f64) {
        let (version, shadow_version) = (served.version.to_string(), shadow.model.version.to_string());
        let labels = [shadow.nomenclature.id(), &served.name, &version, &shadow_version];
        self.gap_shift.with_label_values(&labels).observe(shift);
    }

    /// Counts activities that a shadow did not see.
    pub fn shadow_dropped(&self, nomenclature: &str, activities: u64) {
        self.shadow_dropped.with_label_values(&[nomenclature]).inc_by(activities);
    }

    /// Counts an answered request, once: it is a success, or a failure with its code.
    pub fn request(&self, route: &str, failure: Option<&str>, duration: Duration) {
        self.requests.with_label_values(&[route]).inc();
        match failure {
            None => self.successes.with_label_values(&[route]).inc(),
            Some(code) => self.failures.with_label_values(&[route, code]).inc(),
        }
        self.duration.with_label_values(&[route]).observe(duration.as_secs_f64());
    }

    /// Times the stages of a request.
    pub fn stages(&self, times: &StageTimes) {
        for (stage, spent) in times.iter() {
            self.stages.with_label_values(&[stage.name()]).observe(spent.as_secs_f64());
        }
    }

    /// Counts codings in one nomenclature, each for the version that made it.
    pub fn coded(&self, nomenclature: &str, codings: &[Coding]) {
        for codings in codings.chunk_by(|one, next| Arc::ptr_eq(&one.model, &next.model)) {
            if let Some(first) = codings.first() {
                self.coded_by(nomenclature, &first.model, codings);
            }
        }
    }

    fn coded_by(&self, nomenclature: &str, model: &ModelVersion, codings: &[Coding]) {
        let version = model.version.to_string();
        let model = model.name.as_str();
        let gaps = self.gap.with_label_values(&[nomenclature, model, &version]);
        let (mut automatic, mut manual) = (0, 0);
        for coding in codings {
            let count = if coding.decision.is_automatic() { &mut automatic } else { &mut manual };
            *count += 1;
            gaps.observe(coding.gap);
            for unused in &coding.unused {
                self.warnings.with_label_values(&[nomenclature, unused.covariate().field(), unused.code()]).inc();
            }
        }
        for (decision, count) in [("automatic", automatic), ("manual", manual)] {
            self.codings.with_label_values(&[nomenclature, model, &version, decision]).inc_by(count);
        }
    }

    /// Counts an activity that was not coded.
    pub fn activity_error(&self, code: &str) {
        self.activity_errors.with_label_values(&[code]).inc();
    }

    /// Counts a job that was let go.
    pub fn job_ended(&self, outcome: &str) {
        self.jobs_ended.with_label_values(&[outcome]).inc();
    }

    /// Counts a request or a connection refused under load.
    pub fn shed(&self, reason: &str) {
        self.shed.with_label_values(&[reason]).inc();
    }

    /// Counts a connection closed because of what its client kept codif waiting for.
    pub fn timed_out(&self, waited_for: &str) {
        self.closed.with_label_values(&[waited_for]).inc();
    }

    /// The metrics in Prometheus's text format.
    pub fn text(&self, lost_lines: u64) -> prometheus::Result<String> {
        self.lost_lines.set(lost_lines as i64);
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}
