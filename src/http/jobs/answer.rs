//! What is said of a job.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::jobs::request::JobRequest;
use crate::store::job::{Job, JobId, JobState, Progress};

/// A job.
#[derive(Serialize, ToSchema)]
pub struct JobAnswer {
    /// Its name.
    #[schema(value_type = String, example = "0f1e2d3c4b5a69788796a5b4c3d2e1f0")]
    id: JobId,
    /// Where it stands.
    state: JobState,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When anything of it changed last; of one that ended, when it ended.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// How far it is.
    progress: Progress,
    /// The versions that code: those in service when the job was asked for.
    #[schema(example = json!(["ape-naf2008:1"]))]
    models: Value,
    /// What was asked.
    #[schema(value_type = JobRequest)]
    request: Value,
    /// What came of it: counts, automatic rate, histogram of the gaps, sections; of a finished job.
    #[schema(value_type = Option<Object>)]
    summary: Option<Value>,
    /// Why it failed.
    error: Option<String>,
    /// Whether somebody asked to stop it.
    cancel_requested: bool,
    /// How many times it was begun; orderly stops do not count.
    attempts: u32,
}

/// A page of jobs.
#[derive(Serialize, ToSchema)]
pub struct JobList {
    /// The newest first.
    pub jobs: Vec<JobAnswer>,
    /// What `after` is for the next page; null on the last.
    pub next: Option<String>,
}

impl From<Job> for JobAnswer {
    fn from(job: Job) -> Self {
        let part = |name: &str| job.request.get(name).cloned().unwrap_or_default();
        Self {
            models: part("models"),
            request: part("request"),
            id: job.id,
            state: job.state,
            created_at: job.created_at,
            updated_at: job.updated_at,
            progress: job.progress,
            summary: job.summary,
            error: job.error,
            cancel_requested: job.cancel_requested,
            attempts: job.attempts,
        }
    }
}
