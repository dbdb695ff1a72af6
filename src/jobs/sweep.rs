//! What is kept of jobs no longer than it should be: those that ended long ago, uploads that were cut off, what finished jobs need no more.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::sleep;

use super::JobDesk;
use super::error::JobError;
use super::task::Task;
use crate::recode::remote::Buckets;
use crate::registry::error::in_one_line;
use crate::store::job::{Job, JobId, JobState};

/// How often jobs are looked for that nobody goes on with.
const LOOKED: Duration = Duration::from_secs(30);
/// How often what has expired is removed.
const SWEPT: Duration = Duration::from_secs(600);
/// How old what nobody knows must be to be removed: an upload that is under way is younger.
const ORPHANED: Duration = Duration::from_secs(24 * 3600);

/// Removes what has expired, and what was left by uploads that were cut off.
pub async fn sweep(desk: Arc<JobDesk>, mut stop: watch::Receiver<bool>) {
    let (mut swept, mut unknown) = (None, BTreeSet::new());
    while !*stop.borrow() {
        desk.give_up().await;
        if swept.is_none_or(|swept: Instant| swept.elapsed() >= SWEPT) {
            swept = Some(Instant::now());
            let removed = async {
                desk.remove_expired().await?;
                desk.remove_left().await?;
                desk.remove_sent(&mut unknown).await
            };
            if let Err(error) = removed.await {
                tracing::warn!(error = in_one_line(&error), "not everything that is left of jobs can be removed");
            }
        }
        tokio::select! {
            () = sleep(LOOKED) => {}
            _ = stop.changed() => {}
        }
    }
}

impl JobDesk {
    /// Removes what a finished job needs no more: its upload, and what it had on this machine beside its result.
    pub(super) async fn tidy(&self, job: &Job) {
        let (place, s3, id) = (self.place.clone(), self.s3.clone(), job.id.clone());
        let upload = serde_json::from_value::<Task>(job.request.clone()).ok().and_then(|task| task.upload);
        let tidied = tokio::task::spawn_blocking(move || {
            upload.map_or(Ok(()), |upload| place.remove(&id, &upload, &Buckets::new(s3)))?;
            if place.is_shared() { place.leave(&id) } else { Ok(()) }
        });
        if let Ok(Err(error)) = tidied.await {
            tracing::warn!(job = %job.id, %error, "what a job needs no more cannot be removed");
        }
    }

    async fn remove_expired(&self) -> Result<(), JobError> {
        let keep = jiff::SignedDuration::try_from(self.settings.keep).unwrap_or(jiff::SignedDuration::MAX);
        let before = Timestamp::now().checked_sub(keep).unwrap_or(Timestamp::MIN);
        loop {
            let mut removed = 0;
            for job in self.jobs.expired(before).await? {
                // What cannot be removed now is not forgotten: the next sweep tries again.
                match self.clear(&job.id).await {
                    Ok(()) => removed += usize::from(self.jobs.delete(&job.id).await?),
                    Err(error) => tracing::warn!(job = %job.id, %error, "a job that ended long ago cannot be removed"),
                }
            }
            if removed == 0 {
                break;
            }
        }
        Ok(())
    }

    /// What is on this machine of jobs that are not known, or are done elsewhere.
    async fn remove_left(&self) -> Result<(), JobError> {
        let place = self.place.clone();
        let left = tokio::task::spawn_blocking(move || place.left(ORPHANED)).await;
        for id in left.ok().and_then(Result::ok).unwrap_or_default() {
            // In a place in S3 this is scratch alone: a job that is under way elsewhere, or ended, needs none of it here.
            match self.jobs.get(&id).await? {
                None => self.clear_or_leave(&id).await,
                Some(job) if self.place.is_shared() && job.state != JobState::Running => {
                    let place = self.place.clone();
                    let _ = tokio::task::spawn_blocking(move || place.leave(&id)).await;
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// What is in S3 of jobs that are not known: those that were not known the last time either, for a job is put in the queue a moment
    /// after its upload.
    async fn remove_sent(&self, unknown: &mut BTreeSet<JobId>) -> Result<(), JobError> {
        let (place, s3) = (self.place.clone(), self.s3.clone());
        let sent = tokio::task::spawn_blocking(move || place.sent(&Buckets::new(s3))).await;
        let mut found = BTreeSet::new();
        for id in sent.map_err(JobError::internal)?? {
            if self.jobs.get(&id).await?.is_some() {
                continue;
            }
            if unknown.contains(&id) {
                self.clear_or_leave(&id).await;
            } else {
                found.insert(id);
            }
        }
        *unknown = found;
        Ok(())
    }
}
