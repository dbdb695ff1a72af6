//! Every route once, then every layer once, in order. Coding happens on blocking threads, never on the async ones.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::trace::TraceLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

pub mod code;
pub mod error;
pub mod models;
pub mod nomenclatures;
pub mod openapi;
pub mod operations;
pub mod page;
pub mod server;

use crate::serving::Coders;
use crate::telemetry::Metrics;

/// Largest body taken, in bytes.
const LARGEST_BODY: usize = 16 * 1024 * 1024;

/// What every handler shares.
#[derive(Clone)]
pub struct App {
    /// The coders in service.
    pub coders: Arc<Coders>,
    /// The metrics.
    pub metrics: Metrics,
}

/// The routes that the OpenAPI document describes.
fn documented() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::description())
        .routes(routes!(code::code))
        .routes(routes!(models::list))
        .routes(routes!(nomenclatures::list))
        .routes(routes!(nomenclatures::codes))
        .routes(routes!(nomenclatures::one_code))
}

/// The public port: page, API and its documentation.
pub fn public(app: App) -> Router {
    let (api, document) = documented().split_for_parts();
    let routes = api
        .merge(SwaggerUi::new("/docs").url("/openapi.json", document))
        .route("/", get(page::page))
        .route("/assets/codif.css", get(page::stylesheet))
        .route("/assets/codif.js", get(page::script))
        .fallback(error::not_found)
        .method_not_allowed_fallback(error::method_not_allowed);
    // The first layer is the innermost.
    routes
        .layer(from_fn_with_state(app.clone(), measure))
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(RequestBodyLimitLayer::new(LARGEST_BODY))
        .layer(map_response(error::in_our_form))
        .layer(CompressionLayer::new())
        .layer(TraceLayer::new_for_http().make_span_with(span).on_request(()).on_response(log_answer).on_failure(()))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .with_state(app)
}

/// The operations port: probes and metrics.
pub fn operations(app: App) -> Router {
    Router::new()
        .route("/livez", get(operations::alive))
        .route("/readyz", get(operations::ready))
        .route("/startupz", get(operations::ready))
        .route("/metrics", get(operations::metrics))
        .fallback(error::not_found)
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(CatchPanicLayer::custom(error::panicked))
        .with_state(app)
}

/// The OpenAPI document.
pub fn openapi() -> utoipa::openapi::OpenApi {
    documented().into_openapi()
}

/// The request's place in the log: its path without the query, which on the page holds the text of an activity.
fn span(request: &Request) -> tracing::Span {
    let id = request.headers().get("x-request-id").and_then(|id| id.to_str().ok());
    tracing::info_span!("request", method = %request.method(), path = request.uri().path(), id)
}

/// The one line that a request leaves in the log.
fn log_answer(response: &Response, latency: Duration, _: &tracing::Span) {
    let milliseconds = latency.as_secs_f64() * 1000.0;
    tracing::info!(status = response.status().as_u16(), milliseconds, "answered");
}

/// Counts and times the request under its route.
async fn measure(State(app): State<App>, request: Request, next: Next) -> Response {
    let start = std::time::Instant::now();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let response = next.run(request).await;
    app.metrics.request(route.as_deref().unwrap_or("none"), response.status().as_u16(), start.elapsed());
    response
}

/// A response with a header that never changes.
fn with_header(mut response: Response, name: &'static str, value: &'static str) -> Response {
    response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    response
}

/// Runs work that takes long on a thread where it may.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, error::Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "the coding task failed");
        error::Problem::internal()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_openapi_document_is_as_published() {
        insta::assert_json_snapshot!(openapi(), { ".info.version" => "[version]" });
    }
}
