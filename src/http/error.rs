//! The one place that knows status codes of errors: problem details (RFC 9457) with a stable `code`.
//! What a client reads is not the internal cause.

use std::any::Any;
use std::fmt::Display;
use std::time::Duration;

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::jobs::error::JobError;
use crate::process::Panicked;
use crate::recode::error::RecodeError;
use crate::registry::error::in_one_line;
use crate::serving::admission::Exhausted;
use crate::telemetry::Metrics;

/// Media type of a problem.
const PROBLEM: &str = "application/problem+json";
/// Longest detail, in characters.
const LONGEST_DETAIL: usize = 500;

/// Problem details.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// The status's name.
    title: &'static str,
    /// The status.
    status: u16,
    /// The stable code that programs act on.
    #[schema(example = "invalid_threshold")]
    code: &'static str,
    /// What is wrong and what to do.
    detail: String,
    #[serde(skip)]
    cause: Option<Box<str>>,
    #[serde(skip)]
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The stable code of a failure, for whoever counts it: every answer that is no success carries one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailureCode(pub &'static str);

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        // What was sent may stand in it: as much as a person reads, no more.
        let mut detail: String = detail.into();
        if let Some((end, _)) = detail.char_indices().nth(LONGEST_DETAIL) {
            detail.truncate(end);
            detail.push('…');
        }
        Self { title, status: status.as_u16(), code, detail, cause: None, headers: Vec::new() }
    }

    /// The body is no JSON.
    pub fn unreadable_body(reason: impl Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "unreadable_body", format!("the body is not valid JSON: {reason}"))
    }

    /// The body was not received whole.
    pub fn broken_body(reason: impl Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "unreadable_body", format!("the body cannot be read: {reason}"))
    }

    /// The body did not come in time.
    pub fn body_too_slow(patience: Duration) -> Self {
        let detail = format!("the body did not arrive within {} s", patience.as_secs_f64());
        Self::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", detail)
    }

    /// The body is JSON of another shape.
    pub fn wrong_shape(reason: impl Display) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "wrong_shape", reason.to_string())
    }

    /// A parameter is out of its bounds.
    pub fn invalid(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    /// The body is larger than allowed.
    pub fn body_too_large() -> Self {
        let detail = "the body, once inflated, is larger than this route takes: send it in parts";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    }

    /// There are more activities than allowed.
    pub fn too_many_activities(given: usize, allowed: usize) -> Self {
        let detail = format!("{given} activities in one request, this route takes {allowed}: send them in parts");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many_activities", detail)
    }

    /// The answer would be larger than codif holds.
    pub fn answer_too_large() -> Self {
        let detail = "the answer would be too large: ask for fewer codes or fewer activities";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "answer_too_large", detail)
    }

    /// The body is compressed in a way codif does not read.
    fn unsupported_encoding() -> Self {
        let detail = "this content encoding is not read: send gzip or plain JSON";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_encoding", detail)
    }

    /// The body is of a type that is not read here.
    pub fn unsupported_media_type(detail: &str) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
    }

    /// There is no such thing.
    pub fn unknown(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, detail)
    }

    /// The caller did not say who it is, or wrongly.
    pub fn unauthenticated(basic: bool) -> Self {
        let mut problem = Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
            "say who you are: with HTTP Basic or an API key, whichever you were given; what was sent is not known here",
        );
        if basic {
            problem.headers.push((WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"codif\"")));
        }
        problem.headers.push((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"codif\"")));
        problem
    }

    /// The caller's key is not for this.
    pub fn missing_scope(key: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "missing_scope", format!("the key {key:?} has not the scope of this route"))
    }

    /// A browser asks in the name of another page.
    pub fn foreign_page() -> Self {
        let detail =
            "a page of another origin may not ask for this: call it from a program, or from a page of codif itself";
        Self::new(StatusCode::FORBIDDEN, "foreign_page", detail)
    }

    /// There is too much to do at once, or the caller asks too often.
    pub fn too_many_requests(code: &'static str, detail: impl Into<String>, wait: Duration) -> Self {
        let mut problem = Self::new(StatusCode::TOO_MANY_REQUESTS, code, detail);
        let seconds = wait.as_secs_f64().ceil().max(1.0) as u64;
        problem.headers.push((RETRY_AFTER, HeaderValue::from(seconds)));
        problem
    }

    /// Not ready to answer.
    pub fn not_ready(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", detail)
    }

    /// What codif needs for the answer cannot be reached now.
    pub fn unavailable(error: impl Display) -> Self {
        let detail = "what codif needs for this answer cannot be reached now: try again in a moment";
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail);
        problem.headers.push((RETRY_AFTER, HeaderValue::from_static("5")));
        Self { cause: Some(error.to_string().into()), ..problem }
    }

    /// What was asked for could not be put in service.
    pub fn reload_failed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "reload_failed", detail)
    }

    /// Something of ours failed; the cause is in the log.
    pub fn internal(error: impl Display) -> Self {
        let detail = "codif failed; the cause is in its log";
        let problem = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail);
        Self { cause: Some(error.to_string().into()), ..problem }
    }

    /// What the log says and the client does not read.
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// The form in which the Sirene contract tells its clients.
    pub fn into_detail(self) -> Response {
        self.respond(|problem| Json(serde_json::json!({ "detail": problem.detail })).into_response())
    }

    fn respond(self, body: impl FnOnce(&Self) -> Response) -> Response {
        let mut response = body(&self);
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.extensions_mut().insert(FailureCode(self.code));
        for (name, value) in &self.headers {
            response.headers_mut().append(name, value.clone());
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.respond(|problem| ([(CONTENT_TYPE, PROBLEM)], Json(problem)).into_response())
    }
}

impl From<Exhausted> for Problem {
    fn from(_: Exhausted) -> Self {
        let detail = "too much is in work: try again in a moment";
        Self::too_many_requests("overloaded", detail, Duration::from_secs(1))
    }
}

impl From<JobError> for Problem {
    fn from(error: JobError) -> Self {
        let detail = error.to_string();
        match error {
            JobError::Unknown(_) => Self::unknown("unknown_job", "there is no job of this name"),
            JobError::Invalid { code, .. } => Self::invalid(code, detail),
            JobError::Forbidden(_) => Self::new(StatusCode::FORBIDDEN, "forbidden_address", detail),
            JobError::TooManyWaiting(_) => Self::too_many_requests("too_many_jobs", detail, Duration::from_secs(60)),
            JobError::NotFinished(_) => Self::new(StatusCode::CONFLICT, "job_not_finished", detail),
            JobError::NotEnded(_) => Self::new(StatusCode::CONFLICT, "job_not_ended", detail),
            JobError::NothingMade => Self::unknown("nothing_made", detail),
            JobError::Elsewhere(_) => Self::new(StatusCode::CONFLICT, "result_elsewhere", detail),
            JobError::NoRoom => Self::new(StatusCode::INSUFFICIENT_STORAGE, "no_room", detail),
            JobError::Store(error) if error.may_pass() => Self::unavailable(in_one_line(&error)),
            JobError::Store(error) => Self::internal(in_one_line(&error)),
            JobError::Place(RecodeError::Remote { error, .. }) if error.may_pass() => Self::unavailable(detail),
            JobError::Place(_) | JobError::Internal(_) => Self::internal(detail),
        }
    }
}

impl From<Panicked> for Problem {
    fn from(_: Panicked) -> Self {
        let mut problem = Self::internal("a panic: the log says where");
        problem.code = "panicked";
        problem
    }
}

impl From<candle_core::Error> for Problem {
    fn from(error: candle_core::Error) -> Self {
        Self::internal(error)
    }
}

/// A route that does not exist.
pub async fn not_found() -> Problem {
    Problem::unknown("no_such_route", "there is nothing at this address: see /docs")
}

/// A method that the route does not take.
pub async fn method_not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this route takes another method: see /docs")
}

/// A panic in a handler.
pub fn panicked(_: Box<dyn Any + Send>) -> Response {
    Problem::from(Panicked).into_response()
}

/// Gives the refusals of the layers below our form.
pub fn in_our_form(response: Response) -> Response {
    if response.extensions().get::<FailureCode>().is_some() {
        return response;
    }
    match response.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::body_too_large().into_response(),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Problem::unsupported_encoding().into_response(),
        _ => response,
    }
}

/// Counts what only the code of a failure tells: panics, and what was refused under load.
pub fn count(metrics: &Metrics, failure: FailureCode) {
    match failure.0 {
        "panicked" => metrics.panics.inc(),
        "overloaded" => metrics.shed("load"),
        "rate_exceeded" => metrics.shed("rate"),
        "body_too_slow" => metrics.timed_out("body"),
        _ => {}
    }
}
