//! `/v1/jobs`: files coded in the background. How they are carried out is in [`crate::jobs`].

pub mod answer;
pub mod form;
pub mod made;
pub mod upload;

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{CONTENT_TYPE, LOCATION, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http_body_util::{BodyExt, Limited};
use serde::Deserialize;
use utoipa::IntoParams;

use super::App;
use super::auth::Caller;
use super::error::Problem;
use crate::jobs::JobDesk;
use crate::jobs::request::JobRequest;
use crate::store::job::{Cursor, JobId};
use answer::{JobAnswer, JobList};
use form::Form;
use upload::JobForm;

/// Largest request in JSON, in bytes.
pub const LARGEST_REQUEST: usize = 1 << 20;
/// Jobs of a page, unless told otherwise.
const PAGE: u32 = 20;
/// Most jobs of a page.
const LARGEST_PAGE: u32 = 100;

/// Which jobs to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct JobsQuery {
    /// How many, 1 to 100; 20 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// The desk of the jobs, where there is one.
fn desk(app: &App) -> Result<Arc<JobDesk>, Problem> {
    let off = || Problem::unknown("jobs_off", "this codif takes no jobs: it was started without --jobs-place");
    let desk = app.jobs.as_ref().ok_or_else(off)?.borrow().clone();
    desk.ok_or_else(|| Problem::unavailable("the database of the jobs has not been reached yet"))
}

/// The name of a job in a path; what is none names no job.
fn id(text: &str) -> Result<JobId, Problem> {
    text.parse().map_err(|_| Problem::unknown("unknown_job", "there is no job of this name"))
}

/// Ask for a job
///
/// An uploaded CSV, TSV, NDJSON or Parquet file, or addresses in S3, are coded in the background; see docs/BATCH.md. The answer
/// says where to look how far it is.
#[utoipa::path(
    post,
    path = "/v1/jobs",
    tag = "jobs",
    request_body(content((JobForm = "multipart/form-data"), (JobRequest = "application/json"))),
    responses(
        (status = 202, description = "The job waits; Location is its address", body = JobAnswer),
        (status = 403, description = "An address in S3 that jobs may not use", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "This codif takes no jobs", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Neither a form nor JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "What was asked cannot be done", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "There is no room for the upload", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn submit(
    State(app): State<App>,
    Extension(Caller(caller)): Extension<Caller>,
    request: Request,
) -> Result<Response, Problem> {
    let (desk, owner, id) = (desk(&app)?, caller.as_deref(), JobId::random());
    desk.admit().await?;
    check_origin(request.headers(), &app)?;
    let media_type = media_type(request.headers());
    let job = if media_type.to_ascii_lowercase().starts_with("multipart/form-data") {
        let form = Form::of(&media_type, request.into_body())?;
        let (request, name) = upload::take(&desk, &id, form, app.limits.body_patience).await?;
        let submitted = desk.submit(&id, request, Some(name), owner).await;
        if submitted.is_err() {
            desk.withdraw(&id).await;
        }
        submitted?
    } else if !media_type.to_ascii_lowercase().starts_with("application/json") {
        return Err(Problem::unsupported_media_type("send a form (multipart/form-data) or application/json"));
    } else {
        desk.submit(&id, read_json(request, &app).await?, None, owner).await?
    };
    let location = HeaderValue::try_from(format!("/v1/jobs/{}", job.id)).map_err(Problem::internal)?;
    Ok((StatusCode::ACCEPTED, [(LOCATION, location)], Json(JobAnswer::from(job))).into_response())
}

fn media_type(headers: &HeaderMap) -> String {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    media_type.trim_start().to_owned()
}

/// Browsers say where a request comes from: pages of other origins start and stop nothing here, unless they may call.
fn check_origin(headers: &HeaderMap, app: &App) -> Result<(), Problem> {
    let is_foreign = headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none");
    let may_call = headers.get(ORIGIN).is_some_and(|origin| app.cors_origins.iter().any(|one| origin == one));
    if is_foreign && !may_call { Err(Problem::foreign_page()) } else { Ok(()) }
}

async fn read_json(request: Request, app: &App) -> Result<JobRequest, Problem> {
    let patience = app.limits.body_patience;
    let reading = Limited::new(request.into_body(), LARGEST_REQUEST).collect();
    let body = tokio::time::timeout(patience, reading).await.map_err(|_| Problem::body_too_slow(patience))?;
    let body = body.map_err(|error| super::body::fault(error.as_ref()))?;
    parsed(&body.to_bytes(), app.limits.json_depth)
}

/// What is to be done, from JSON.
fn parsed(json: &[u8], depth: usize) -> Result<JobRequest, Problem> {
    if super::body::json_depth(json) > depth {
        return Err(Problem::wrong_shape(format!("the JSON is nested more than {depth} levels deep")));
    }
    serde_json::from_slice(json).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Problem::wrong_shape(error),
        _ => Problem::unreadable_body(error),
    })
}

/// The jobs
///
/// Those of the caller's key, or all where nobody is asked who they are.
#[utoipa::path(
    get,
    path = "/v1/jobs",
    tag = "jobs",
    params(JobsQuery),
    responses(
        (status = 200, description = "The newest first", body = JobList),
        (status = 404, description = "This codif takes no jobs", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter is out of its bounds", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    State(app): State<App>,
    Extension(Caller(caller)): Extension<Caller>,
    query: Result<Query<JobsQuery>, QueryRejection>,
) -> Result<Json<JobList>, Problem> {
    let Query(query) = query.map_err(|error| Problem::invalid("invalid_query", error.body_text()))?;
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=LARGEST_PAGE).contains(&limit) {
        return Err(Problem::invalid("invalid_query", format!("limit must be between 1 and {LARGEST_PAGE}")));
    }
    let after = query.after.as_deref().map(str::parse::<Cursor>).transpose();
    let after = after.map_err(|error| Problem::invalid("invalid_query", error.to_string()))?;
    let mut jobs = desk(&app)?.list(caller.as_deref(), limit + 1, after.as_ref()).await?;
    let is_last = jobs.len() <= limit as usize;
    jobs.truncate(limit as usize);
    let next = jobs.last().filter(|_| !is_last).map(|job| job.cursor().to_string());
    Ok(Json(JobList { jobs: jobs.into_iter().map(JobAnswer::from).collect(), next }))
}

/// One job
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}",
    tag = "jobs",
    params(("id" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "Where it stands and how far it is", body = JobAnswer),
        (status = 404, description = "There is no such job", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn one(
    State(app): State<App>,
    Extension(Caller(caller)): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Json<JobAnswer>, Problem> {
    let job = desk(&app)?.get(&id(&name)?, caller.as_deref()).await?;
    Ok(Json(job.into()))
}

/// Stop a job
///
/// At once when it waits, within seconds when it runs; one that has ended stays as it is. Nothing of it is kept.
#[utoipa::path(
    post,
    path = "/v1/jobs/{id}/cancel",
    tag = "jobs",
    params(("id" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "The job as it is now", body = JobAnswer),
        (status = 404, description = "There is no such job", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn cancel(
    State(app): State<App>,
    Extension(Caller(caller)): Extension<Caller>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Json<JobAnswer>, Problem> {
    check_origin(&headers, &app)?;
    let job = desk(&app)?.cancel(&id(&name)?, caller.as_deref()).await?;
    Ok(Json(job.into()))
}

/// Forget a job that has ended
///
/// With its result, where that is kept here.
#[utoipa::path(
    delete,
    path = "/v1/jobs/{id}",
    tag = "jobs",
    params(("id" = String, Path, description = "Its name")),
    responses(
        (status = 204, description = "It is forgotten"),
        (status = 404, description = "There is no such job", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It has not ended", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn delete(
    State(app): State<App>,
    Extension(Caller(caller)): Extension<Caller>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    check_origin(&headers, &app)?;
    desk(&app)?.delete(&id(&name)?, caller.as_deref()).await?;
    Ok(StatusCode::NO_CONTENT)
}
