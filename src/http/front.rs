//! Every layer once, in order: what happens to each request of the public port before and after its handler.

use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::{Next, from_fn_with_state, map_request};
use axum::response::Response;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;

use super::auth::{self, Caller};
use super::error::{self, FailureCode, Problem};
use super::{App, sirene};
use crate::telemetry::stages::StageTimes;
use crate::telemetry::traces::continue_trace;

/// Longest request id taken from a client.
const LONGEST_REQUEST_ID: usize = 128;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How many activities a request held, for the log.
#[derive(Clone, Copy)]
pub struct Activities(pub usize);

/// The routes behind their layers. The first layer is the innermost.
pub fn layered(routes: Router<App>, app: &App) -> Router<App> {
    routes
        .layer(from_fn_with_state(app.access.clone(), auth::public))
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(from_fn_with_state(app.clone(), observe))
        .layer(no_sniffing())
        .layer(cors(&app.cors_origins))
        .layer(CompressionLayer::new())
        .layer(TraceLayer::new_for_http().make_span_with(span).on_request(()).on_response(log_answer).on_failure(()))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(map_request(without_odd_id))
}

/// Counts and times the request under its route, and gives a refusal the form of its route.
async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let route = path.as_ref().map_or("none", MatchedPath::as_str);
    app.metrics.requests_in_flight.inc();
    let _flight = Landing(&app);
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions().get::<Problem>().filter(|_| sirene::is_route(route)) {
        response = problem.clone().into_detail();
    }
    let failure = response.extensions().get::<FailureCode>().copied();
    let failure = failure.or_else(|| (response.status().as_u16() >= 400).then_some(FailureCode("other")));
    app.metrics.request(route, failure.map(|code| code.0), start.elapsed());
    failure.into_iter().for_each(|code| error::count(&app.metrics, code));
    if let Some(times) = response.extensions().get::<StageTimes>().copied() {
        app.metrics.stages(&times);
        if let Ok(value) = HeaderValue::from_str(&times.server_timing()) {
            response.headers_mut().insert("server-timing", value);
        }
    }
    response
}

/// Counts a request out, also when its client left before the answer.
struct Landing<'a>(&'a App);

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        self.0.metrics.requests_in_flight.dec();
    }
}

/// The request's place in the log: its path without the query, which on the page holds the text of an activity.
fn span(request: &Request) -> tracing::Span {
    let id = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let span = tracing::info_span!(
        "request",
        otel.kind = "server",
        method = %request.method(),
        path = request.uri().path(),
        id,
        trace_id = tracing::field::Empty,
    );
    continue_trace(&span, request.headers());
    span
}

/// The one line that a request leaves in the log.
fn log_answer(response: &Response, latency: Duration, _: &tracing::Span) {
    let extensions = response.extensions();
    tracing::info!(
        status = response.status().as_u16(),
        milliseconds = latency.as_secs_f64() * 1000.0,
        code = extensions.get::<FailureCode>().map(|code| code.0),
        activities = extensions.get::<Activities>().map(|activities| activities.0),
        caller = extensions.get::<Caller>().map(|caller| caller.0.as_ref()),
        "answered"
    );
}

/// Drops a request id that is too long or not plain: it would stand in the log and in the answer.
async fn without_odd_id(mut request: Request) -> Request {
    let odd = |id: &HeaderValue| id.len() > LONGEST_REQUEST_ID || id.to_str().is_err();
    if request.headers().get(REQUEST_ID).is_some_and(odd) {
        request.headers_mut().remove(REQUEST_ID);
    }
    request
}

/// Closed unless origins are named.
fn cors(origins: &[String]) -> CorsLayer {
    let origins: Vec<HeaderValue> = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect();
    if origins.is_empty() {
        return CorsLayer::new();
    }
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([axum::http::header::CONTENT_TYPE, axum::http::header::AUTHORIZATION])
}

fn no_sniffing() -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(
        axum::http::header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    )
}
