//! The one place that knows status codes of errors: problem details (RFC 9457) with a stable `code`.
//! What a client reads is not the internal cause.

use std::any::Any;

use axum::Json;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// Media type of a problem.
const PROBLEM: &str = "application/problem+json";

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
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        Self { title, status: status.as_u16(), code, detail: detail.into() }
    }

    /// The body is no JSON.
    pub fn unreadable_body(reason: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "unreadable_body", format!("the body is not valid JSON: {reason}"))
    }

    /// The body is JSON of another shape.
    pub fn wrong_shape(reason: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "wrong_shape", reason.to_string())
    }

    /// A parameter is out of its bounds.
    pub fn invalid(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    /// The body is larger than allowed.
    pub fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "the body is larger than 16 MiB: send it in parts")
    }

    /// There is no such thing.
    pub fn unknown(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, detail)
    }

    /// Something of ours failed; the cause is in the log.
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "codif failed; the cause is in its log")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
        response
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
    tracing::error!("a handler panicked");
    Problem::internal().into_response()
}

/// Gives the refusals of the layers below our form.
pub async fn in_our_form(response: Response) -> Response {
    let ours = response.headers().get(CONTENT_TYPE).is_some_and(|media_type| media_type == PROBLEM);
    if response.status() == StatusCode::PAYLOAD_TOO_LARGE && !ours {
        return Problem::too_large().into_response();
    }
    response
}
