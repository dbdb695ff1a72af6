//! What a finished job made: its result, and the rows that could not be coded.

use std::path::Path as FilePath;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use tower_http::services::ServeFile;

use super::{desk, id};
use crate::http::App;
use crate::http::auth::Caller;
use crate::http::error::Problem;
use crate::jobs::JobDesk;
use crate::recode::format::{Compression, Format};
use crate::recode::remote::{S3_SCHEME, parts};
use crate::registry::RegistryError;
use crate::registry::s3::S3;
use crate::store::job::JobId;

/// The result of a job
///
/// Of one that names no `output`; ranges are honoured where the result is on codif's own disk.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/result",
    tag = "jobs",
    params(("id" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "The rows and their codes, in the format asked", content_type = "application/octet-stream"),
        (status = 404, description = "There is no such job", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is not finished, or its result is elsewhere", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn result(
    State(app): State<App>,
    Extension(Caller(caller)): Extension<Caller>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (desk, id) = (desk(&app)?, id(&name)?);
    let made = desk.made(&id, caller.as_deref(), "output").await?;
    file(&desk, &id, &made, request).await
}

/// The rows of a job that could not be coded, as Parquet
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/errors",
    tag = "jobs",
    params(("id" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "Row numbers and reasons", content_type = "application/vnd.apache.parquet"),
        (status = 404, description = "There is no such job, or every row was coded", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is not finished, or its result is elsewhere", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn errors(
    State(app): State<App>,
    Extension(Caller(caller)): Extension<Caller>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (desk, id) = (desk(&app)?, id(&name)?);
    let made = desk.made(&id, caller.as_deref(), "errors_file").await?;
    file(&desk, &id, &made, request).await
}

async fn file(desk: &JobDesk, id: &JobId, name: &str, request: Request) -> Result<Response, Problem> {
    let address = desk.place().address(id, name);
    let mut response = if address.starts_with(S3_SCHEME) {
        remote(desk, &address).await?
    } else {
        local(address.as_ref(), request).await?
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, media_type(name));
    let saved_as = format!("attachment; filename=\"codif-{id}-{name}\"");
    headers.insert(CONTENT_DISPOSITION, HeaderValue::try_from(saved_as).map_err(Problem::internal)?);
    Ok(response)
}

async fn local(path: &FilePath, request: Request) -> Result<Response, Problem> {
    if !tokio::fs::try_exists(path).await.map_err(Problem::internal)? {
        return Err(gone());
    }
    let served = ServeFile::new(path).try_call(request).await.map_err(Problem::internal)?;
    Ok(served.map(Body::new).into_response())
}

async fn remote(desk: &JobDesk, address: &str) -> Result<Response, Problem> {
    let failed = |error: RegistryError| match error {
        RegistryError::NoFile(_) => gone(),
        error if error.may_pass() => Problem::unavailable(error),
        error => Problem::internal(error),
    };
    let (bucket, key) = parts(address).map_err(Problem::internal)?;
    let s3 = S3::open(bucket, "", desk.s3()).await.map_err(failed)?;
    let (bytes, pieces) = s3.stream(key).await.map_err(failed)?;
    Ok(([(CONTENT_LENGTH, HeaderValue::from(bytes))], Body::from_stream(pieces)).into_response())
}

fn gone() -> Problem {
    Problem::unknown("result_gone", "the file is no longer there: what a job made is kept for a time, ask for it again")
}

fn media_type(name: &str) -> HeaderValue {
    HeaderValue::from_static(match Format::of(name) {
        Some((_, Compression::Gzip)) => "application/gzip",
        Some((_, Compression::Zstd)) => "application/zstd",
        Some((Format::Csv, _)) => "text/csv; charset=utf-8",
        Some((Format::Tsv, _)) => "text/tab-separated-values; charset=utf-8",
        Some((Format::Ndjson, _)) => "application/x-ndjson",
        Some((Format::Parquet, _)) => "application/vnd.apache.parquet",
        None => "application/octet-stream",
    })
}
