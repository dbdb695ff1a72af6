//! One worker: it claims a job, says again and again that it is at it, and puts down what came of it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinError;
use tokio::time::{Instant, interval, sleep};

use super::JobDesk;
use super::attempt::{Attempt, Outcome, Watched};
use super::task::Task;
use crate::recode::remote::Buckets;
use crate::registry::error::in_one_line;
use crate::store::error::StoreError;
use crate::store::job::{Job, JobId};
use crate::store::jobs::{MOST_ATTEMPTS, Order};
use crate::telemetry::Metrics;

/// How long a job stays a worker's that says nothing: longer than the clocks of replicas differ.
const LEASE: Duration = Duration::from_secs(30);
/// How often a worker says that it goes on, and how far it is.
const RENEWED: Duration = Duration::from_secs(2);
/// How often a worker looks for jobs that other replicas took in, or left.
const LOOKED: Duration = Duration::from_secs(3);
/// Between two attempts of one worker, when what failed may pass.
const PAUSE: Duration = Duration::from_secs(15);

/// A worker.
pub struct Worker {
    /// Its own, in this and every other process.
    pub name: String,
    /// Where jobs are.
    pub desk: Arc<JobDesk>,
    /// Told of each job.
    pub metrics: Arc<Metrics>,
    /// Whether it shall stop.
    pub stop: watch::Receiver<bool>,
}

/// What is put down at the end of an attempt.
enum End {
    Finished(serde_json::Value),
    Failed(String),
    Cancelled,
    Released,
    /// Somebody else has the job.
    Lost,
}

impl Worker {
    /// Carries jobs out until it shall stop.
    pub async fn work(mut self) {
        while !*self.stop.borrow() {
            match self.desk.jobs.claim(&self.name, Timestamp::now(), LEASE).await {
                Ok(Some(job)) => {
                    self.metrics.jobs_running.inc();
                    self.carry_out(job).await;
                    self.metrics.jobs_running.dec();
                    continue;
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(error = in_one_line(&error), "the store of jobs has no answer"),
            }
            tokio::select! {
                () = self.desk.news.notified() => {}
                () = sleep(LOOKED) => {}
                _ = self.stop.changed() => {}
            }
        }
    }

    async fn carry_out(&mut self, job: Job) {
        let started = Instant::now();
        tracing::info!(job = %job.id, attempt = job.attempts, "a job begins");
        let mut attempts = 0;
        let end = loop {
            attempts += 1;
            let (outcome, order) = self.attempt(&job).await;
            let is_stopped = *self.stop.borrow();
            match (outcome, order) {
                (_, Order::Lost) => break End::Lost,
                (Ok(Outcome::Finished(summary)), _) => break End::Finished(json!(summary)),
                (_, Order::Cancel) => break End::Cancelled,
                (Ok(Outcome::Stopped), Order::GoOn) => break End::Released,
                (Ok(Outcome::Failed(reason)), Order::GoOn) => break End::Failed(reason),
                (Ok(Outcome::Later(_)), _) if is_stopped => break End::Released,
                (Ok(Outcome::Later(reason)), _) if attempts < MOST_ATTEMPTS => {
                    tracing::warn!(job = %job.id, reason, "a job is tried again");
                }
                (Ok(Outcome::Later(reason)), _) => break End::Failed(reason),
                (Err(error), _) => {
                    tracing::error!(job = %job.id, %error, "a job broke off");
                    break End::Failed("codif failed; the cause is in its log".to_owned());
                }
            }
            match self.pause(&job.id).await {
                Order::GoOn if *self.stop.borrow() => break End::Released,
                Order::GoOn => {}
                Order::Cancel => break End::Cancelled,
                Order::Lost => break End::Lost,
            }
        };
        self.put_down(&job, end, started.elapsed()).await;
    }

    /// One attempt, and what was ordered meanwhile.
    async fn attempt(&mut self, job: &Job) -> (Result<Outcome, JoinError>, Order) {
        let attempt = match self.prepare(job).await {
            Ok(attempt) => attempt,
            Err(outcome) => return (Ok(outcome), Order::GoOn),
        };
        let watched = Arc::new(Watched::default());
        let mut running = tokio::task::spawn_blocking({
            let watched = Arc::clone(&watched);
            move || attempt.run(&watched)
        });
        if *self.stop.borrow_and_update() {
            watched.stop();
        }
        let (mut order, mut ticks) = (Order::GoOn, interval(RENEWED));
        loop {
            tokio::select! {
                outcome = &mut running => {
                    // How far it came in the end.
                    if order == Order::GoOn {
                        order = self.renew(&job.id, &watched).await;
                    }
                    return (outcome, order);
                }
                _ = ticks.tick(), if order == Order::GoOn => {
                    order = self.renew(&job.id, &watched).await;
                    if order != Order::GoOn {
                        watched.stop();
                    }
                }
                _ = self.stop.changed() => watched.stop(),
            }
        }
    }

    async fn prepare(&self, job: &Job) -> Result<Attempt, Outcome> {
        let task: Task = serde_json::from_value(job.request.clone())
            .map_err(|error| Outcome::Failed(format!("this codif cannot read what was asked of another: {error}")))?;
        let coders = self.desk.coders(&task).await.map_err(|error| match error.may_pass() {
            true => Outcome::Later(in_one_line(&error)),
            false => Outcome::Failed(in_one_line(&error)),
        })?;
        Ok(Attempt {
            id: job.id.clone(),
            number: job.attempts,
            task,
            coders,
            nomenclatures: Arc::clone(self.desk.loader.nomenclatures()),
            place: self.desk.place.clone(),
            buckets: Buckets::new(self.desk.s3.clone()),
            threads: self.desk.settings.threads,
        })
    }

    /// Says that the job goes on; a store that has no answer changes nothing of that.
    async fn renew(&self, id: &JobId, watched: &Watched) -> Order {
        let renewed = self.desk.jobs.renew(id, &self.name, Timestamp::now(), LEASE, &watched.progress()).await;
        renewed.unwrap_or_else(|error| {
            tracing::warn!(job = %id, error = in_one_line(&error), "the store of jobs has no answer");
            Order::GoOn
        })
    }

    /// Waits before the next attempt.
    async fn pause(&mut self, id: &JobId) -> Order {
        let until = Instant::now() + PAUSE;
        while Instant::now() < until && !*self.stop.borrow() {
            match self.renew(id, &Watched::default()).await {
                Order::GoOn => {}
                order => return order,
            }
            tokio::select! {
                () = sleep(RENEWED) => {}
                _ = self.stop.changed() => {}
            }
        }
        Order::GoOn
    }

    /// Puts down what came of a job, for as long as the store has no answer.
    async fn put_down(&mut self, job: &Job, end: End, took: Duration) {
        let id = &job.id;
        let outcome = match &end {
            End::Finished(_) => "finished",
            End::Failed(_) => "failed",
            End::Cancelled => "cancelled",
            End::Released => "released",
            End::Lost => "lost",
        };
        let is_written = loop {
            match self.put_down_once(id, &end).await {
                Ok(is_written) => break is_written,
                // Its lease ends by itself; what was finished is there.
                Err(_) if *self.stop.borrow() => return,
                Err(error) => tracing::warn!(job = %id, error = in_one_line(&error), "the store of jobs has no answer"),
            }
            sleep(RENEWED).await;
        };
        // What is somebody else's now stays; what is put back is gone on with.
        match end {
            End::Failed(_) | End::Cancelled if is_written => self.desk.clear_or_leave(id).await,
            End::Finished(_) if is_written => self.desk.tidy(job).await,
            _ => {}
        }
        self.metrics.job_ended(outcome);
        // Without the reason, which may quote a row.
        tracing::info!(job = %id, outcome, seconds = took.as_secs_f64(), "a job ended");
    }

    async fn put_down_once(&self, id: &JobId, end: &End) -> Result<bool, StoreError> {
        let (jobs, worker, now) = (&self.desk.jobs, self.name.as_str(), Timestamp::now());
        match end {
            End::Finished(summary) => jobs.finish(id, worker, now, summary).await,
            End::Failed(reason) => jobs.fail(id, worker, now, reason).await,
            End::Cancelled => jobs.cancelled(id, worker, now).await,
            End::Released => jobs.release(id, worker, now).await,
            End::Lost => Ok(false),
        }
    }
}
