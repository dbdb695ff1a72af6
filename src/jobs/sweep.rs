//! What is kept of jobs no longer than it should be: those that ended long ago, uploads that were cut off, what finished jobs need no more.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::sleep;

use super::JobDesk;
use super::error::JobError;
use super::task::Task;
use crate::recode::remote::Buckets;
use crate::registry::error::in_one_line;
use crate::store::job::{Job, JobState};

/// How often what has expired is removed.
const SWEPT: Duration = Duration::from_secs(600);
/// How old what nobody knows must be to be removed: an upload that is under way is younger.
const ORPHANED: Duration = Duration::from_secs(24 * 3600);

/// Removes what has expired, and what was left by uploads that were cut off.
pub async fn sweep(desk: Arc<JobDesk>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        if let Err(error) = desk.sweep_once().await {
            tracing::warn!(error = in_one_line(&error), "jobs that ended cannot be removed");
        }
        tokio::select! {
            () = sleep(SWEPT) => {}
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

    async fn sweep_once(&self) -> Result<(), JobError> {
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
}
