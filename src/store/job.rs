//! A job: what is to be done, for whom, and how far it is.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};
use utoipa::ToSchema;

/// A job, as the store has it. Times are whole milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its name.
    pub id: JobId,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When anything of it changed last; of one that ended: when it ended.
    pub updated_at: Timestamp,
    /// Name of the API key that asked for it.
    pub owner: Option<String>,
    /// Where it stands.
    pub state: JobState,
    /// What is to be done.
    pub request: Value,
    /// How far it is.
    pub progress: Progress,
    /// What came of it, when it has finished.
    pub summary: Option<Value>,
    /// Why it failed.
    pub error: Option<String>,
    /// Whether somebody asked to stop it.
    pub cancel_requested: bool,
    /// The worker that does it.
    pub held_by: Option<String>,
    /// Until when it is that worker's, unless it says that it goes on.
    pub held_until: Option<Timestamp>,
    /// How many times it was begun; orderly stops do not count.
    pub attempts: u32,
}

impl Job {
    /// The place of this job in a list, for the page after it.
    pub fn cursor(&self) -> Cursor {
        Cursor { created_at: self.created_at, id: self.id.clone() }
    }
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// It waits for a worker.
    Queued,
    /// A worker has it.
    Running,
    /// It is done.
    Finished,
    /// It cannot be done.
    Failed,
    /// It was stopped because somebody asked for that.
    Cancelled,
}

impl JobState {
    const ALL: [Self; 5] = [Self::Queued, Self::Running, Self::Finished, Self::Failed, Self::Cancelled];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing of the job will change any more.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Finished | Self::Failed | Self::Cancelled)
    }
}

/// How far a job is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = JobProgress)]
pub struct Progress {
    /// Rows that were read.
    pub rows: u64,
    /// Rows among them that could not be coded.
    pub failed: u64,
    /// Share of the codings, in all nomenclatures, that need no person.
    pub automatic_rate: f64,
    /// Share of the input that was read, 0 to 1.
    pub share: f64,
    /// Whether the output is being written: what lies there is of this job.
    pub finishing: bool,
}

/// Name of a job: 32 hexadecimal digits that nobody guesses. It is safe as a name of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct JobId(String);

impl JobId {
    /// A name that no other job has.
    pub fn random() -> Self {
        Self(hex::encode(rand::random::<[u8; 16]>()))
    }

    /// Its digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A text that names no job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no name of a job: it has 32 digits among 0–9 and a–f")]
pub struct JobIdError(pub String);

impl FromStr for JobId {
    type Err = JobIdError;

    fn from_str(text: &str) -> Result<Self, JobIdError> {
        let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if digits && text.len() == 32 { Ok(Self(text.to_owned())) } else { Err(JobIdError(text.to_owned())) }
    }
}

/// A place in the list of jobs: what comes after it is older. As a text it is one word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub(super) created_at: Timestamp,
    pub(super) id: JobId,
}

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.created_at.as_millisecond(), self.id)
    }
}

/// A text that is no place in the list of jobs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no place in a list of jobs: take the one that came with the page before")]
pub struct CursorError(pub String);

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let cursor = || {
            let (created_at, id) = text.rsplit_once('-')?;
            let created_at = Timestamp::from_millisecond(created_at.parse().ok()?).ok()?;
            Some(Self { created_at, id: id.parse().ok()? })
        };
        cursor().ok_or_else(|| CursorError(text.to_owned()))
    }
}

impl<'r, R: Row> FromRow<'r, R> for Job
where
    &'static str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    bool: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        let text = |column: &'static str| row.try_get::<String, _>(column);
        let optional = |column: &'static str| row.try_get::<Option<String>, _>(column);
        let number = |column: &'static str| row.try_get::<i64, _>(column);
        let time = |column: &'static str| valid(column, Timestamp::from_millisecond(number(column)?));
        let held_until = row.try_get::<Option<i64>, _>("held_until")?.map(Timestamp::from_millisecond).transpose();
        let summary = optional("summary")?.map(|summary| serde_json::from_str(&summary)).transpose();
        Ok(Self {
            id: valid("id", text("id")?.parse())?,
            created_at: time("created_at")?,
            updated_at: time("updated_at")?,
            owner: optional("owner")?,
            state: valid("state", state(&text("state")?))?,
            request: valid("request", serde_json::from_str(&text("request")?))?,
            progress: valid("progress", serde_json::from_str(&text("progress")?))?,
            summary: valid("summary", summary)?,
            error: optional("error")?,
            cancel_requested: row.try_get("cancel_requested")?,
            held_by: optional("held_by")?,
            held_until: valid("held_until", held_until)?,
            attempts: valid("attempts", u32::try_from(number("attempts")?))?,
        })
    }
}

fn state(name: &str) -> Result<JobState, String> {
    let known = JobState::ALL.into_iter().find(|state| state.as_str() == name);
    known.ok_or_else(|| format!("{name:?} is no state of a job"))
}

/// A value that a column holds, or what is wrong with it.
fn valid<T, E>(column: &str, value: Result<T, E>) -> Result<T, sqlx::Error>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    value.map_err(|error| sqlx::Error::ColumnDecode { index: column.to_owned(), source: error.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_jobs_read_back_and_nothing_else_is_one() {
        let id = JobId::random();
        assert_eq!(id.to_string().parse(), Ok(id.clone()));
        assert_ne!(JobId::random(), id);
        for text in ["", "../../../../../../../../etc/passwd", "0123456789ABCDEF0123456789abcdef", "0123456789abcdef"] {
            assert!(text.parse::<JobId>().is_err(), "{text}");
        }
    }

    #[test]
    fn places_in_a_list_read_back() {
        for millisecond in [1_800_000_000_123, 0, -5] {
            let created_at = Timestamp::from_millisecond(millisecond).unwrap();
            let cursor = Cursor { created_at, id: JobId::random() };
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        let id = JobId::random();
        for text in [String::new(), id.to_string(), format!("soon-{id}"), format!("{}-{id}", i64::MAX), "1-2".into()] {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
    }

    #[test]
    fn states_are_named_as_in_json() {
        for one in JobState::ALL {
            assert_eq!(serde_json::to_value(one).unwrap(), one.as_str());
            assert_eq!(state(one.as_str()), Ok(one));
        }
        assert!(state("paused").is_err());
    }
}
