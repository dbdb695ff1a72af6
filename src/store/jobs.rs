//! The jobs of a store: a queue whose entries are held for a time by who works on them, so that a worker may die.
//!
//! A worker claims a job for the length of a lease and renews it before that ends. When it does not, the job is claimed
//! again by another, which goes on where the first one was; whatever the first one still says of it counts no more. Its
//! name must be its own, in this and every other process. Leases are much longer than the clocks of replicas may
//! differ.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::error::StoreError;
use super::job::{Cursor, Job, JobId, Progress};
use super::{Database, Store, ask};

/// Times a job is begun before it counts as one that kills whoever works on it.
pub const MOST_ATTEMPTS: u32 = 5;
/// Jobs that [`Jobs::expired`] gives at once.
const EXPIRED_AT_ONCE: i64 = 100;

/// The jobs of a store.
#[derive(Clone, Debug)]
pub struct Jobs {
    store: Store,
}

/// What a worker does after it has renewed its lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Go on.
    GoOn,
    /// Stop, and say so with [`Jobs::cancelled`]: somebody asked for that.
    Cancel,
    /// Stop and say nothing: the job is no longer this worker's.
    Lost,
}

impl Jobs {
    pub(super) fn of(store: Store) -> Self {
        Self { store }
    }

    /// Puts a job at the end of the queue, under a name that no other has.
    pub async fn insert(
        &self,
        id: &JobId,
        request: &Value,
        owner: Option<&str>,
        now: Timestamp,
    ) -> Result<Job, StoreError> {
        let progress = json(&Progress::default());
        let jobs: Vec<Job> =
            ask!(self.store, INSERT, id.as_str(), now.as_millisecond(), owner, request.to_string(), &progress)?;
        first(jobs).ok_or_else(|| StoreError::of(&self.store.place, sqlx::Error::RowNotFound))
    }

    /// How many jobs wait for a worker.
    pub async fn waiting(&self) -> Result<u64, StoreError> {
        let counts: Vec<(i64,)> = ask!(self.store, WAITING)?;
        Ok(first(counts).and_then(|(count,)| u64::try_from(count).ok()).unwrap_or_default())
    }

    /// A job, if there is one of that name.
    pub async fn get(&self, id: &JobId) -> Result<Option<Job>, StoreError> {
        let jobs: Vec<Job> = ask!(self.store, GET, id.as_str())?;
        Ok(first(jobs))
    }

    /// So many jobs at most, of one owner or of all, the newest first: all, or those after a place in the list.
    pub async fn list(&self, owner: Option<&str>, limit: u32, after: Option<&Cursor>) -> Result<Vec<Job>, StoreError> {
        let created_at = after.map(|cursor| cursor.created_at.as_millisecond());
        let id = after.map(|cursor| cursor.id.as_str());
        ask!(self.store, LIST, owner, created_at, id, i64::from(limit))
    }

    /// Ends the jobs of dead workers that nobody shall go on with: they are stopped when somebody wanted that, and have failed when they
    /// were begun [`MOST_ATTEMPTS`] times.
    pub async fn give_up(&self, now: Timestamp) -> Result<Vec<JobId>, StoreError> {
        let (now, most) = (now.as_millisecond(), i64::from(MOST_ATTEMPTS));
        let reason = format!("it was begun {most} times, and each time whoever worked on it broke off without a word");
        let give_up = match &self.store.database {
            Database::Sqlite { .. } => GIVE_UP_IN_SQLITE,
            Database::Postgres(_) => GIVE_UP_IN_POSTGRES,
        };
        let ids: Vec<(String,)> = ask!(self.store, give_up, now, &reason, most)?;
        Ok(ids.into_iter().filter_map(|(id,)| id.parse().ok()).collect())
    }

    /// Gives a worker the oldest job that waits or whose worker has died; no two ever hold one.
    pub async fn claim(&self, worker: &str, now: Timestamp, lease: Duration) -> Result<Option<Job>, StoreError> {
        let (until, now, most) = (end(now, lease), now.as_millisecond(), i64::from(MOST_ATTEMPTS));
        let claim = match &self.store.database {
            Database::Sqlite { .. } => CLAIM_IN_SQLITE,
            Database::Postgres(_) => CLAIM_IN_POSTGRES,
        };
        let jobs: Vec<Job> = ask!(self.store, claim, worker, until, now, most)?;
        Ok(first(jobs))
    }

    /// Says how far a job is, and that its worker lives. Who was late still has the job, unless somebody else took it.
    pub async fn renew(
        &self,
        id: &JobId,
        worker: &str,
        now: Timestamp,
        lease: Duration,
        progress: &Progress,
    ) -> Result<Order, StoreError> {
        let (until, now, progress) = (end(now, lease), now.as_millisecond(), json(progress));
        let cancel_requested: Vec<(bool,)> = ask!(self.store, RENEW, id.as_str(), worker, now, until, &progress)?;
        Ok(match first(cancel_requested) {
            Some((false,)) => Order::GoOn,
            Some((true,)) => Order::Cancel,
            None => Order::Lost,
        })
    }

    /// Says that a job is done, and what came of it. False: it was no longer this worker's, and nothing was written.
    pub async fn finish(&self, id: &JobId, worker: &str, now: Timestamp, summary: &Value) -> Result<bool, StoreError> {
        let done: Vec<(String,)> =
            ask!(self.store, FINISH, id.as_str(), worker, now.as_millisecond(), summary.to_string())?;
        Ok(!done.is_empty())
    }

    /// Says that a job cannot be done, and why. False: see [`Jobs::finish`].
    pub async fn fail(&self, id: &JobId, worker: &str, now: Timestamp, error: &str) -> Result<bool, StoreError> {
        // A text of PostgreSQL has every character but this one.
        let error = error.replace('\0', "\u{FFFD}");
        let done: Vec<(String,)> = ask!(self.store, FAIL, id.as_str(), worker, now.as_millisecond(), &error)?;
        Ok(!done.is_empty())
    }

    /// Says that a job was stopped as asked. False: see [`Jobs::finish`].
    pub async fn cancelled(&self, id: &JobId, worker: &str, now: Timestamp) -> Result<bool, StoreError> {
        let done: Vec<(String,)> = ask!(self.store, CANCELLED, id.as_str(), worker, now.as_millisecond())?;
        Ok(!done.is_empty())
    }

    /// Puts a job back where it was in the queue because its worker is told to end. How far it is stays, and the
    /// attempt does not count; when somebody asked to stop it, it is stopped. False: see [`Jobs::finish`].
    pub async fn release(&self, id: &JobId, worker: &str, now: Timestamp) -> Result<bool, StoreError> {
        let done: Vec<(String,)> = ask!(self.store, RELEASE, id.as_str(), worker, now.as_millisecond())?;
        Ok(!done.is_empty())
    }

    /// Stops a job: at once when it waits, as soon as its worker renews its lease when it runs; one that has ended
    /// stays as it is. Gives the job as it is then, if there is one of that name.
    pub async fn cancel(&self, id: &JobId, now: Timestamp) -> Result<Option<Job>, StoreError> {
        let jobs: Vec<Job> = ask!(self.store, CANCEL, id.as_str(), now.as_millisecond())?;
        match first(jobs) {
            Some(job) => Ok(Some(job)),
            None => self.get(id).await,
        }
    }

    /// Forgets a job that has ended. False: there is none, or it has not ended.
    pub async fn delete(&self, id: &JobId) -> Result<bool, StoreError> {
        let deleted: Vec<(String,)> = ask!(self.store, DELETE, id.as_str())?;
        Ok(!deleted.is_empty())
    }

    /// Jobs that ended before a time, the oldest first; not all of them at once, so ask again after they are deleted.
    pub async fn expired(&self, before: Timestamp) -> Result<Vec<Job>, StoreError> {
        ask!(self.store, EXPIRED, before.as_millisecond(), EXPIRED_AT_ONCE)
    }
}

macro_rules! columns {
    () => {
        "id, created_at, updated_at, owner, state, request, progress, summary, error, cancel_requested, held_by, \
         held_until, attempts"
    };
}

/// A worker, $2, lets a job go, $1, at a time, $3.
macro_rules! let_go {
    ($change:literal) => {
        concat!(
            "UPDATE jobs SET ",
            $change,
            ", held_by = NULL, held_until = NULL, updated_at = $3 \
             WHERE id = $1 AND state = 'running' AND held_by = $2 RETURNING id"
        )
    };
}

/// One statement, which either database does as a whole. In PostgreSQL several do it at once, and what one of them is
/// about to take is nothing that another waits for: that is the lock.
macro_rules! claim {
    ($lock:literal) => {
        concat!(
            "UPDATE jobs SET state = 'running', held_by = $1, held_until = $2, updated_at = $3, \
             attempts = attempts + 1 WHERE id = (SELECT id FROM jobs WHERE state IN ('queued', 'running') \
             AND (state = 'queued' OR (held_until <= $3 AND attempts < $4 AND NOT cancel_requested)) \
             ORDER BY created_at, id LIMIT 1 ",
            $lock,
            ") RETURNING ",
            columns!()
        )
    };
}

/// What is left of dead workers and not to be claimed. Both states are named for the index that has them.
macro_rules! give_up {
    ($lock:literal) => {
        concat!(
            "UPDATE jobs SET state = CASE WHEN cancel_requested THEN 'cancelled' ELSE 'failed' END, \
             error = CASE WHEN cancel_requested THEN error ELSE $2 END, \
             held_by = NULL, held_until = NULL, updated_at = $1 \
             WHERE id IN (SELECT id FROM jobs WHERE state IN ('queued', 'running') \
             AND state = 'running' AND held_until <= $1 AND (attempts >= $3 OR cancel_requested) ",
            $lock,
            ") RETURNING id"
        )
    };
}

const INSERT: &str = concat!(
    "INSERT INTO jobs (id, created_at, updated_at, owner, state, request, progress) \
     VALUES ($1, $2, $2, $3, 'queued', $4, $5) RETURNING ",
    columns!()
);
const WAITING: &str = "SELECT COUNT(*) FROM jobs WHERE state = 'queued'";
const GET: &str = concat!("SELECT ", columns!(), " FROM jobs WHERE id = $1");
const LIST: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM jobs WHERE (CAST($1 AS TEXT) IS NULL OR owner = $1) \
     AND (CAST($2 AS BIGINT) IS NULL OR (created_at, id) < ($2, $3)) ORDER BY created_at DESC, id DESC LIMIT $4"
);
const CLAIM_IN_SQLITE: &str = claim!("");
const CLAIM_IN_POSTGRES: &str = claim!("FOR UPDATE SKIP LOCKED");
const GIVE_UP_IN_SQLITE: &str = give_up!("");
const GIVE_UP_IN_POSTGRES: &str = give_up!("FOR UPDATE SKIP LOCKED");
const RENEW: &str = "UPDATE jobs SET held_until = $4, progress = $5, updated_at = $3 \
     WHERE id = $1 AND state = 'running' AND held_by = $2 RETURNING cancel_requested";
const FINISH: &str = let_go!("state = 'finished', summary = $4");
const FAIL: &str = let_go!("state = 'failed', error = $4");
const CANCELLED: &str = let_go!("state = 'cancelled'");
const RELEASE: &str =
    let_go!("state = CASE WHEN cancel_requested THEN 'cancelled' ELSE 'queued' END, attempts = attempts - 1");
const CANCEL: &str = concat!(
    "UPDATE jobs SET state = CASE WHEN state = 'queued' THEN 'cancelled' ELSE state END, cancel_requested = TRUE, \
     updated_at = $2 WHERE id = $1 AND state IN ('queued', 'running') RETURNING ",
    columns!()
);
const DELETE: &str = "DELETE FROM jobs WHERE id = $1 AND state IN ('finished', 'failed', 'cancelled') RETURNING id";
const EXPIRED: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM jobs WHERE state IN ('finished', 'failed', 'cancelled') AND updated_at < $1 ORDER BY updated_at, id LIMIT $2"
);

/// The only row that there can be.
fn first<T>(rows: Vec<T>) -> Option<T> {
    rows.into_iter().next()
}

/// When a lease ends: a time that can be read back, however long it is.
fn end(now: Timestamp, lease: Duration) -> i64 {
    let lease = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
    now.as_millisecond().saturating_add(lease).min(Timestamp::MAX.as_millisecond())
}

/// Numbers alone: this cannot fail, and a row without them would be one that cannot be read.
fn json(progress: &Progress) -> String {
    serde_json::json!(progress).to_string()
}
