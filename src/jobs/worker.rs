//! One worker: it claims a job, says again and again that it is at it, and puts down what came of it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinError;
use tokio::time::{Instant, interval, sleep};

use super::JobDesk;
use super::attempt::{Attempt, Outcome};
use super::task::Task;
use super::watched::Watched;
use crate::recode::remote::Buckets;
use crate::registry::error::in_one_line;
use crate::store::error::StoreError;
use crate::store::job::{Job, JobId, Progress};
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
            self.desk.give_up().await;
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
        let (mut attempts, mut progress) = (0, job.progress);
        let end = loop {
            attempts += 1;
            let (outcome, order) = self.attempt(&job, &mut progress).await;
            match (outcome, order) {
                (_, Order::Lost) => break End::Lost,
                (Outcome::Finished(summary), _) => break End::Finished(json!(summary)),
                (_, Order::Cancel) => break End::Cancelled,
                (Outcome::Stopped, Order::GoOn) => break End::Released,
                (Outcome::Failed(reason), Order::GoOn) => break End::Failed(reason),
                (Outcome::Later(_), _) if *self.stop.borrow() => break End::Released,
                (Outcome::Later(reason), _) if attempts < MOST_ATTEMPTS => {
                    tracing::warn!(job = %job.id, reason, "a job is tried again");
                }
                (Outcome::Later(reason), _) => break End::Failed(reason),
            }
            match self.pause(&job.id, &progress).await {
                Order::GoOn if *self.stop.borrow() => break End::Released,
                Order::GoOn => {}
                Order::Cancel => break End::Cancelled,
                Order::Lost => break End::Lost,
            }
        };
        self.put_down(&job, end, started.elapsed()).await;
    }

    /// One attempt, and what was ordered meanwhile.
    async fn attempt(&mut self, job: &Job, progress: &mut Progress) -> (Outcome, Order) {
        let watched = Arc::new(Watched::after(*progress));
        let mut running = tokio::spawn(run(Arc::clone(&self.desk), job.clone(), Arc::clone(&watched)));
        let (mut order, mut ticks) = (Order::GoOn, interval(RENEWED));
        let mut is_stopping = *self.stop.borrow_and_update();
        loop {
            if (is_stopping || order != Order::GoOn) && watched.stop() {
                // It had not begun yet: whatever is being loaded for it is let go.
                running.abort();
                return (Outcome::Stopped, order);
            }
            tokio::select! {
                outcome = &mut running => {
                    *progress = watched.progress();
                    // How far it came in the end.
                    if order == Order::GoOn {
                        order = self.renew(&job.id, progress).await.unwrap_or(Order::GoOn);
                    }
                    return (outcome.unwrap_or_else(|error| broken(job, &error)), order);
                }
                _ = ticks.tick(), if order == Order::GoOn => {}
                () = watched.asked(), if order == Order::GoOn => {}
                _ = self.stop.changed() => {
                    is_stopping = true;
                    continue;
                }
            }
            let is_asking = watched.is_asking();
            match self.renew(&job.id, &watched.progress()).await {
                Some(Order::GoOn) if is_asking => watched.answer(true),
                Some(renewed) => order = renewed,
                None => {}
            }
        }
    }

    /// Says that the job goes on; a store that has no answer changes nothing of that.
    async fn renew(&self, id: &JobId, progress: &Progress) -> Option<Order> {
        let renewed = self.desk.jobs.renew(id, &self.name, Timestamp::now(), LEASE, progress).await;
        let told = |error: &StoreError| tracing::warn!(job = %id, error = in_one_line(error), "the store of jobs has no answer");
        renewed.inspect_err(told).ok()
    }

    /// Waits before the next attempt.
    async fn pause(&mut self, id: &JobId, progress: &Progress) -> Order {
        let until = Instant::now() + PAUSE;
        while Instant::now() < until && !*self.stop.borrow() {
            match self.renew(id, progress).await {
                None | Some(Order::GoOn) => {}
                Some(order) => return order,
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

/// Prepares an attempt, and carries it out beside the threads that answer.
async fn run(desk: Arc<JobDesk>, job: Job, watched: Arc<Watched>) -> Outcome {
    let attempt = match prepare(&desk, &job, &watched).await {
        Ok(attempt) => attempt,
        Err(outcome) => return outcome,
    };
    if !watched.begin() {
        return Outcome::Stopped;
    }
    let running = tokio::task::spawn_blocking(move || attempt.run(&watched));
    running.await.unwrap_or_else(|error| broken(&job, &error))
}

async fn prepare(desk: &JobDesk, job: &Job, watched: &Watched) -> Result<Attempt, Outcome> {
    let task: Task = serde_json::from_value(job.request.clone())
        .map_err(|error| Outcome::Failed(format!("this codif cannot read what was asked of another: {error}")))?;
    let coders = desk.coders(&task).await.map_err(|error| match error.may_pass() {
        true => Outcome::Later(in_one_line(&error)),
        false => Outcome::Failed(in_one_line(&error)),
    })?;
    Ok(Attempt {
        id: job.id.clone(),
        task,
        coders,
        nomenclatures: Arc::clone(desk.loader.nomenclatures()),
        place: desk.place.clone(),
        buckets: Buckets::new(desk.s3.clone()).stopped_by(watched.stop_flag()),
        threads: desk.settings.threads,
    })
}

/// A panic, whose message stays in the log of panics: it may quote a row.
fn broken(job: &Job, error: &JoinError) -> Outcome {
    tracing::error!(job = %job.id, is_panic = error.is_panic(), "a job broke off");
    Outcome::Failed("codif failed; the cause is in its log".to_owned())
}
