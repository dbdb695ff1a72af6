//! `/livez`, `/readyz`, `/startupz`, `/metrics` and `/admin`, on the operations port.

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;

use super::admin::Following;
use super::auth::{self, Access};
use super::error::{self, Problem};
use super::lifecycle::{Lifecycle, Phase};
use super::{admin, page};
use crate::config::effective::Effective;
use crate::telemetry::Metrics;
use crate::telemetry::log_writer::LogWriter;

/// What the operations port knows: nothing of requests but what is told about them.
#[derive(Clone)]
pub struct Operations {
    /// Where the process stands.
    pub lifecycle: Lifecycle,
    /// What follows the registry, once models are in service.
    pub following: Following,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// Knows how many log lines were lost.
    pub log: LogWriter,
    /// The configuration in force.
    pub configuration: Effective,
}

impl FromRef<Operations> for Following {
    fn from_ref(operations: &Operations) -> Self {
        operations.following.clone()
    }
}

/// The operations port. Probes never ask who calls.
pub fn router(operations: Operations, access: &Access) -> Router {
    let metrics = get(metrics).layer(from_fn_with_state(access.clone(), auth::metrics));
    let admin = Router::new()
        .route("/admin", get(admin::page))
        .route("/admin/models", get(admin::models))
        .route("/admin/models/{name}/reload", post(admin::reload))
        .route("/admin/configuration", get(configuration))
        .route("/admin/codif.css", get(page::stylesheet))
        .route("/admin/{*rest}", get(error::not_found))
        .layer(from_fn_with_state(access.clone(), auth::admin));
    Router::new()
        .route("/livez", get(alive))
        .route("/readyz", get(ready))
        .route("/startupz", get(started))
        .route("/metrics", metrics)
        .merge(admin)
        .fallback(error::not_found)
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(CatchPanicLayer::custom(error::panicked))
        .with_state(operations)
}

/// The process answers; touches neither model nor registry.
async fn alive() -> &'static str {
    "alive\n"
}

/// Requests may be sent here: models are in service and nobody asked codif to stop. What may be out of date is said.
async fn ready(State(operations): State<Operations>) -> Result<String, Problem> {
    match operations.lifecycle.phase() {
        Phase::Starting(None) => Err(Problem::not_ready("starting: the models are being loaded")),
        Phase::Starting(Some(reason)) => {
            Err(Problem::not_ready(format!("starting: there are no models yet: {reason}")))
        }
        Phase::Draining => Err(Problem::not_ready("draining: codif was asked to stop")),
        Phase::Ready => Ok(admin::summary(&operations.following)),
    }
}

/// The start is over, whatever came after it. A start that waits for its registry is over too: nothing is gained by a restart.
async fn started(State(operations): State<Operations>) -> Result<&'static str, Problem> {
    match operations.lifecycle.phase() {
        Phase::Starting(None) => Err(Problem::not_ready("starting: the models are being loaded")),
        Phase::Starting(Some(_)) | Phase::Ready | Phase::Draining => Ok("started\n"),
    }
}

/// The metrics in Prometheus's text format.
async fn metrics(State(operations): State<Operations>) -> Result<Response, Problem> {
    let text = operations.metrics.text(operations.log.lost()).map_err(Problem::internal)?;
    Ok(([(CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response())
}

/// The configuration in force and where each value comes from, secrets hidden.
async fn configuration(State(operations): State<Operations>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/toml")], operations.configuration.to_toml())
}
