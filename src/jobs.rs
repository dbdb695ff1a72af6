//! Files coded in the background, for teams without a shell: a job is asked for over HTTP, kept in the [store](crate::store) and
//! carried out as `codif recode` would. It outlives the process: whoever opens the store next goes on with it.
//!
//! The modules stand in the order in which a job meets them.

pub mod opening;
pub mod place;
pub mod request;
pub mod workers;

mod attempt;
mod failure;
mod sweep;
mod task;
mod watched;
mod worker;

pub mod error;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Notify;

use crate::coding::Coder;
use crate::config::jobs::JobOptions;
use crate::recode::remote::Buckets;
use crate::registry::ModelReference;
use crate::registry::error::in_one_line;
use crate::registry::s3::S3Settings;
use crate::serving::loading::Loader;
use crate::serving::{Coders, ServingError};
use crate::store::Store;
use crate::store::job::{Cursor, Job, JobId, JobState};
use crate::store::jobs::Jobs;
use error::JobError;
use place::JobPlace;
use request::JobRequest;
use task::Task;

/// Where jobs are asked for, looked at and stopped; and what those who carry them out share.
pub struct JobDesk {
    store: Store,
    jobs: Jobs,
    place: JobPlace,
    s3: S3Settings,
    coders: Arc<Coders>,
    loader: Loader,
    settings: Settings,
    /// Told of each new job.
    news: Notify,
}

/// How much is taken, and how it is worked on.
#[derive(Clone, Debug)]
struct Settings {
    /// Addresses in S3 that jobs may name begin with one of these.
    allowed: Vec<String>,
    /// Most jobs that wait.
    waiting: u64,
    /// How long a job that ended is kept.
    keep: Duration,
    /// Threads of a job.
    threads: usize,
}

impl JobDesk {
    /// The desk over an open store.
    pub fn new(
        store: Store,
        place: JobPlace,
        options: &JobOptions,
        coders: Arc<Coders>,
        loader: Loader,
        s3: S3Settings,
    ) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let settings = Settings {
            allowed: options.s3.clone(),
            waiting: options.waiting as u64,
            keep: options.keep,
            threads: options.threads.unwrap_or_else(|| (cores / 2).max(1)),
        };
        Self { jobs: store.jobs(), store, place, s3, coders, loader, settings, news: Notify::new() }
    }

    /// Where uploads are put.
    pub fn place(&self) -> &JobPlace {
        &self.place
    }

    /// How S3 is reached.
    pub fn s3(&self) -> &S3Settings {
        &self.s3
    }

    /// Puts a job in the queue, with the models that are in service now. An upload lies in the place of the job by then, as the
    /// file of this name.
    pub async fn submit(
        &self,
        id: &JobId,
        request: JobRequest,
        upload: Option<String>,
        owner: Option<&str>,
    ) -> Result<Job, JobError> {
        let task = Task::new(request, upload, &self.coders, &self.settings.allowed)?;
        self.admit().await?;
        let task = serde_json::to_value(&task).map_err(JobError::internal)?;
        let job = self.jobs.insert(id, &task, owner, Timestamp::now()).await?;
        self.news.notify_one();
        Ok(job)
    }

    /// Refuses where too many jobs wait: to be asked before an upload is taken.
    pub async fn admit(&self) -> Result<(), JobError> {
        if self.jobs.waiting().await? < self.settings.waiting {
            return Ok(());
        }
        Err(JobError::TooManyWaiting(self.settings.waiting))
    }

    /// The jobs of an owner, or all, the newest first.
    pub async fn list(&self, owner: Option<&str>, limit: u32, after: Option<&Cursor>) -> Result<Vec<Job>, JobError> {
        Ok(self.jobs.list(owner, limit, after).await?)
    }

    /// A job, if it is this owner's.
    pub async fn get(&self, id: &JobId, owner: Option<&str>) -> Result<Job, JobError> {
        let job = self.jobs.get(id).await?.filter(|job| owner.is_none() || job.owner.as_deref() == owner);
        job.ok_or_else(|| JobError::Unknown(id.clone()))
    }

    /// Stops a job; one that has ended stays as it is.
    pub async fn cancel(&self, id: &JobId, owner: Option<&str>) -> Result<Job, JobError> {
        self.get(id, owner).await?;
        let job = self.jobs.cancel(id, Timestamp::now()).await?.ok_or_else(|| JobError::Unknown(id.clone()))?;
        if job.state == JobState::Cancelled {
            self.clear_or_leave(id).await;
        }
        Ok(job)
    }

    /// Forgets a job that has ended, and what it made in its place.
    pub async fn delete(&self, id: &JobId, owner: Option<&str>) -> Result<(), JobError> {
        let job = self.get(id, owner).await?;
        if !job.state.has_ended() {
            return Err(JobError::NotEnded(job.state));
        }
        // What cannot be removed now is not forgotten.
        self.clear(id).await?;
        self.jobs.delete(id).await?;
        Ok(())
    }

    /// The name of a file that a finished job made in its place: its result, or the rows that could not be coded.
    pub async fn made(&self, id: &JobId, owner: Option<&str>, which: &'static str) -> Result<String, JobError> {
        let job = self.get(id, owner).await?;
        if job.state != JobState::Finished {
            return Err(JobError::NotFinished(job.state));
        }
        let name = job.summary.as_ref().and_then(|summary| summary.get(which)).and_then(Value::as_str);
        match name {
            None => Err(JobError::NothingMade),
            Some(address) if task::is_elsewhere(address) => Err(JobError::Elsewhere(address.to_owned())),
            Some(name) => Ok(name.to_owned()),
        }
    }

    /// Removes what came of an upload whose job was not put in the queue. A store that gave no answer may have it there all the same: it is
    /// then left to who sweeps.
    pub async fn withdraw(&self, id: &JobId) {
        match self.jobs.get(id).await {
            Ok(None) => self.clear_or_leave(id).await,
            Ok(Some(_)) => {}
            Err(error) => tracing::warn!(job = %id, error = in_one_line(&error), "an upload may be left"),
        }
    }

    /// Ends the jobs that nobody goes on with, and removes what they have.
    async fn give_up(&self) {
        match self.jobs.give_up(Timestamp::now()).await {
            Ok(given_up) => {
                for id in given_up {
                    tracing::warn!(job = %id, "a job is given up: whoever worked on it broke off without a word");
                    self.clear_or_leave(&id).await;
                }
            }
            Err(error) => tracing::warn!(error = in_one_line(&error), "the store of jobs has no answer"),
        }
    }

    /// Lets the store go.
    pub async fn close(&self) {
        self.store.close().await;
    }

    /// Removes all that a job has in its place.
    async fn clear(&self, id: &JobId) -> Result<(), JobError> {
        let (place, s3, id) = (self.place.clone(), self.s3.clone(), id.clone());
        let cleared = tokio::task::spawn_blocking(move || place.clear(&id, &Buckets::new(s3))).await;
        Ok(cleared.map_err(JobError::internal)??)
    }

    /// The same; what cannot be removed now is left to who sweeps.
    pub async fn clear_or_leave(&self, id: &JobId) {
        if let Err(error) = self.clear(id).await {
            tracing::warn!(%error, "what a job left cannot be removed");
        }
    }

    /// The coders that a task is bound to: those in service where they are still the same, others from the registry.
    async fn coders(&self, task: &Task) -> Result<Vec<Arc<Coder>>, ServingError> {
        let mut coders = Vec::new();
        for model in &task.models {
            let served = self.coders.iter().find(|(_, served)| served.coder.model.to_string() == *model);
            coders.push(match served {
                Some((_, served)) => Arc::clone(&served.coder),
                None => Arc::new(self.load(model).await?),
            });
        }
        Ok(coders)
    }

    async fn load(&self, model: &str) -> Result<Coder, ServingError> {
        let lost = |_| ServingError::Lost(format!("{model:?} is no version of a model"));
        let reference: ModelReference = model.parse().map_err(lost)?;
        let version = self.loader.registry.resolve(&reference).await?;
        self.loader.load(&version).await
    }
}
