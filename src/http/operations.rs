//! `/livez`, `/readyz`, `/startupz` and `/metrics`, on the operations port.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::App;
use super::error::Problem;

/// The process answers; touches neither model nor registry.
pub async fn alive() -> &'static str {
    "alive\n"
}

/// Models are in service: the port opens only once they are loaded and verified.
pub async fn ready(State(app): State<App>) -> String {
    let models = app.coders.iter().map(|(_, coder)| format!("{}:{}\n", coder.model.name, coder.model.version));
    std::iter::once("ready\n".to_owned()).chain(models).collect()
}

/// The metrics in Prometheus's text format.
pub async fn metrics(State(app): State<App>) -> Result<Response, Problem> {
    let text = app.metrics.text().map_err(|error| {
        tracing::error!(%error, "the metrics cannot be written");
        Problem::internal()
    })?;
    Ok(([(CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response())
}
