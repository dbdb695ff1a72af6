//! Why something asked of a job is not done. Why a job itself fails is kept with the job.

use std::fmt::Display;

use crate::recode::error::RecodeError;
use crate::store::error::StoreError;
use crate::store::job::{JobId, JobState};

/// Why something asked of a job is not done.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The store has no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such job, or it is somebody else's.
    #[error("there is no job {0}")]
    Unknown(JobId),
    /// What was asked cannot be done.
    #[error("{detail}")]
    Invalid {
        /// The stable code.
        code: &'static str,
        /// What is wrong.
        detail: String,
    },
    /// An address that jobs may not use.
    #[error("{0}")]
    Forbidden(String),
    /// Too many jobs wait.
    #[error("{0} jobs wait already: try again when some are done, or cancel one")]
    TooManyWaiting(u64),
    /// A job that is not done has no result.
    #[error("the job is {}: it has no result", .0.as_str())]
    NotFinished(JobState),
    /// A job that goes on cannot be forgotten.
    #[error("the job is {}: cancel it first", .0.as_str())]
    NotEnded(JobState),
    /// The job made no such file.
    #[error("the job made no such file: every row was coded")]
    NothingMade,
    /// The result is where the job was told to put it.
    #[error("it is where the job was told to put it: {0}")]
    Elsewhere(String),
    /// There is no room for an upload.
    #[error("there is no room for the upload")]
    NoRoom,
    /// The place of the jobs cannot be used.
    #[error(transparent)]
    Place(#[from] RecodeError),
    /// Something of ours failed.
    #[error("{0}")]
    Internal(String),
}

impl JobError {
    /// Something of ours failed.
    pub fn internal(error: impl Display) -> Self {
        Self::Internal(error.to_string())
    }
}
