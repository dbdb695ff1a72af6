//! Every layer once, in order: what happens to each request of the public port before and after its handler.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use opentelemetry::TraceId;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate};
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;

use super::answering::Activities;
use super::auth::Caller;
use super::error::{self, FailureCode, Problem};
use super::server::accept::{Answers, Sendable};
use super::{App, sirene};
use crate::config::keys::Scope;
use crate::telemetry::stages::StageTimes;
use crate::telemetry::traces::{continue_trace, trace_id};

/// Longest request id taken from a client.
const LONGEST_REQUEST_ID: usize = 128;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What a browser may do with an answer: the documentation's page needs most.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; frame-ancestors 'none'",
);
/// Largest answer that is compressed, in bytes: compressing more would keep a thread from other requests.
const LARGEST_COMPRESSED: u64 = 256 << 10;
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// What surrounds each route: it knows which route it is. One layer, for each is boxed and cloned at every request.
pub fn around_each(routes: Router<App>, app: &App) -> Router<App> {
    let layers = ServiceBuilder::new()
        .layer(from_fn_with_state(Arc::clone(app), observe))
        .layer(CatchPanicLayer::custom(error::panicked));
    routes.layer(layers)
}

/// What surrounds all routes, from the outermost on.
pub fn around_all(router: Router, app: &App) -> impl Answers<Body = impl Sendable + use<>> + use<> {
    ServiceBuilder::new()
        .map_request(without_odd_id)
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(TraceLayer::new_for_http().make_span_with(span).on_request(()).on_response(record_answer).on_failure(()))
        .layer(CompressionLayer::new().compress_when(DefaultPredicate::new().and(is_not_large)))
        .option_layer(cors(&app.cors_origins))
        .layer(SetResponseHeaderLayer::if_not_present(X_CONTENT_TYPE_OPTIONS, NOSNIFF))
        .layer(SetResponseHeaderLayer::if_not_present(CONTENT_SECURITY_POLICY, POLICY))
        .service(router)
}

/// Counts, times and logs the request under its route, and gives a refusal the form of its route.
async fn observe(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let start = Instant::now();
    let seen = Seen::of(&request);
    app.metrics.requests_in_flight.inc();
    let mut landing = Landing { app: &app, seen: &seen, start, answered: false };
    let (caller, response) = match app.access.check(request.headers(), Scope::Code) {
        Ok(caller) => {
            request.extensions_mut().insert(Caller(caller.clone()));
            (caller, next.run(request).await)
        }
        Err(problem) => (None, problem.into_response()),
    };
    let mut response = error::in_our_form(response);
    landing.answered = true;
    drop(landing);
    let problem = response.extensions().get::<Problem>().cloned();
    if let Some(problem) = problem.as_ref().filter(|_| sirene::is_route(seen.route())) {
        response = problem.clone().into_detail();
    }
    let failure = response.extensions().get::<FailureCode>().copied();
    let failure = failure.or_else(|| (response.status().as_u16() >= 400).then_some(FailureCode("other")));
    let elapsed = start.elapsed();
    app.metrics.request(seen.route(), failure.map(|code| code.0), elapsed);
    failure.into_iter().for_each(|code| error::count(&app.metrics, code));
    if let Some(times) = response.extensions().get::<StageTimes>().copied() {
        app.metrics.stages(&times);
        if let Ok(value) = HeaderValue::from_str(&times.server_timing()) {
            response.headers_mut().insert("server-timing", value);
        }
    }
    seen.log(Some(&response), failure, problem.as_ref().and_then(Problem::cause), caller.as_deref(), elapsed);
    response
}

/// What is kept of a request for the line it leaves in the log: its path without the query, which on the page holds the
/// text of an activity.
struct Seen {
    method: Method,
    uri: Uri,
    route: Option<MatchedPath>,
    id: Option<HeaderValue>,
    trace: Option<TraceId>,
}

impl Seen {
    fn of(request: &Request) -> Self {
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            route: request.extensions().get().cloned(),
            id: request.headers().get(REQUEST_ID).cloned(),
            trace: trace_id(request.headers()),
        }
    }

    fn route(&self) -> &str {
        self.route.as_ref().map_or("none", MatchedPath::as_str)
    }

    /// The one line. It stands outside of any span: all there is to say of the request is in it.
    fn log(
        &self,
        response: Option<&Response>,
        failure: Option<FailureCode>,
        cause: Option<&str>,
        caller: Option<&str>,
        elapsed: Duration,
    ) {
        tracing::info!(
            parent: None,
            id = self.id.as_ref().and_then(|id| id.to_str().ok()),
            trace_id = self.trace.map(tracing::field::display),
            method = self.method.as_str(),
            path = self.uri.path(),
            status = response.map(|response| response.status().as_u16()),
            milliseconds = elapsed.as_secs_f64() * 1000.0,
            code = failure.map(|code| code.0),
            cause,
            activities = response.and_then(|response| response.extensions().get::<Activities>()).map(|count| count.0),
            caller,
            "{}",
            if response.is_some() { "answered" } else { "left" }
        );
    }
}

/// Counts a request out; one that was not answered, because its client left or codif stopped, as a failure.
struct Landing<'a> {
    app: &'a App,
    seen: &'a Seen,
    start: Instant,
    answered: bool,
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        self.app.metrics.requests_in_flight.dec();
        if !self.answered {
            let failure = FailureCode("unanswered");
            let elapsed = self.start.elapsed();
            self.app.metrics.request(self.seen.route(), Some(failure.0), elapsed);
            self.seen.log(None, Some(failure), None, None, elapsed);
        }
    }
}

/// The request as a span of a trace; without a collector there is nobody to want it.
fn span(request: &Request) -> tracing::Span {
    let span = tracing::debug_span!(
        "request",
        otel.kind = "server",
        http.request.method = request.method().as_str(),
        url.path = request.uri().path(),
        http.response.status_code = tracing::field::Empty,
    );
    if !span.is_disabled() {
        continue_trace(&span, request.headers());
    }
    span
}

/// What the span learns from the answer.
fn record_answer<B>(response: &Response<B>, _: Duration, span: &tracing::Span) {
    // As a signed number: an unsigned one would become text on its way to the collector.
    span.record("http.response.status_code", i64::from(response.status().as_u16()));
}

/// Drops a request id that is too long or not plain: it would stand in the log and in the answer.
fn without_odd_id(mut request: Request) -> Request {
    let odd = |id: &HeaderValue| id.is_empty() || id.len() > LONGEST_REQUEST_ID || id.to_str().is_err();
    if request.headers().get(REQUEST_ID).is_some_and(odd) {
        request.headers_mut().remove(REQUEST_ID);
    }
    request
}

/// Whether an answer is small enough to be compressed; one of pieces says how large it is.
fn is_not_large(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    length.is_none_or(|length| length <= LARGEST_COMPRESSED)
}

/// Closed unless origins are named.
fn cors(origins: &[String]) -> Option<CorsLayer> {
    let origins: Vec<HeaderValue> = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect();
    let headers = [CONTENT_TYPE, AUTHORIZATION, HeaderName::from_static("x-api-key")];
    let open = |origins| CorsLayer::new().allow_origin(AllowOrigin::list(origins)).allow_headers(headers);
    (!origins.is_empty()).then(|| open(origins).allow_methods([Method::GET, Method::POST, Method::DELETE]))
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::routing::get;
    use clap::{Args, FromArgMatches};
    use tower::ServiceExt;

    use super::*;
    use crate::config::ServeOptions;
    use crate::http::Application;
    use crate::http::auth::Access;
    use crate::serving::loading::Loader;
    use crate::telemetry::Metrics;

    async fn app() -> App {
        let command = ServeOptions::augment_args(clap::Command::new("serve"));
        let options = ServeOptions::from_arg_matches(&command.get_matches_from(["serve"])).unwrap();
        let loader = Loader::open(&options.models.registry).await.unwrap();
        let coders = loader.load_all(&[]).await.unwrap();
        let metrics = Arc::new(Metrics::new().unwrap());
        Arc::new(Application::new(&options, Access::default(), Arc::new(coders), metrics).unwrap())
    }

    #[tokio::test]
    async fn a_panic_in_a_handler_is_a_500_and_a_counter() {
        async fn panicking() -> &'static str {
            panic!("as the test wants")
        }
        let app = app().await;
        let routes = Router::new().route("/panic", get(panicking)).route("/calm", get(|| async { "calm" }));
        let router = around_all(around_each(routes, &app).with_state(Arc::clone(&app)), &app);
        let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(get("/panic")).await.unwrap();
        assert_eq!(response.status(), 500);
        let body = to_bytes(Body::new(response.into_body()), 10_000).await.unwrap();
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["code"], "panicked");
        assert!(!String::from_utf8_lossy(&body).contains("as the test wants"), "the cause is not for the client");
        assert_eq!(app.metrics.panics.get(), 1);
        assert_eq!(app.metrics.requests_in_flight.get(), 0);
        assert_eq!(router.oneshot(get("/calm")).await.unwrap().status(), 200);
    }
}
