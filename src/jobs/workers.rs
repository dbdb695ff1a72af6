//! Those who carry jobs out: each claims one, says again and again that it is at it, and puts down what came of it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, interval, sleep};

use super::JobDesk;
use super::attempt::{Attempt, Outcome, Watched};
use super::opening::{Desks, Opening, OpeningError};
use super::task::Task;
use crate::recode::remote::Buckets;
use crate::registry::error::in_one_line;
use crate::serving::Coders;
use crate::store::error::StoreError;
use crate::store::job::{Job, JobId, JobState};
use crate::store::jobs::{MOST_ATTEMPTS, Order};
use crate::telemetry::Metrics;

/// How long a job stays a worker's that says nothing: longer than the clocks of replicas differ.
const LEASE: Duration = Duration::from_secs(30);
/// How often a worker says that it goes on, and how far it is.
const RENEWED: Duration = Duration::from_secs(2);
/// How often a worker looks for jobs that other replicas took in, or left.
const LOOKED: Duration = Duration::from_secs(3);
/// How often what has expired is removed.
const SWEPT: Duration = Duration::from_secs(600);
/// How old what nobody knows must be to be removed: an upload that is under way is younger.
const ORPHANED: Duration = Duration::from_secs(24 * 3600);
/// Between two attempts of one worker, when what failed may pass.
const PAUSE: Duration = Duration::from_secs(15);
/// How long workers are waited for at the end.
const STOPPED: Duration = Duration::from_secs(20);

/// The workers of a process.
pub struct Workers {
    desks: Desks,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Workers {
    /// Opens the desk and starts its workers. A database that may be reached later is waited for in the background.
    pub async fn start(opening: Opening, coders: &Arc<Coders>, metrics: &Arc<Metrics>) -> Result<Self, OpeningError> {
        let (stop, desk) = (watch::Sender::new(false), watch::Sender::new(None));
        let (desks, count, mut tasks) = (desk.subscribe(), opening.workers(), JoinSet::new());
        match opening.open(coders).await {
            Ok(opened) => drop(desk.send_replace(Some(opened))),
            Err(error) if error.may_pass() => {
                tracing::warn!(error = in_one_line(&error), "no jobs are taken yet");
                tokio::spawn(opening.open_in_time(Arc::clone(coders), desk));
            }
            Err(error) => return Err(error),
        }
        for _ in 0..count {
            tasks.spawn(begin(desks.clone(), Arc::clone(metrics), stop.subscribe()));
        }
        tasks.spawn(sweep(desks.clone(), stop.subscribe()));
        Ok(Self { desks, stop, tasks })
    }

    /// The desk, once there is one.
    pub fn desks(&self) -> Desks {
        self.desks.clone()
    }

    /// Has them put down what they have in hand: whoever comes next goes on with it.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(STOPPED, all).await.is_err() {
            tracing::warn!("a job did not stop in time: it goes on from its last finished part");
        }
        let desk = self.desks.borrow().clone();
        if let Some(desk) = desk {
            desk.close().await;
        }
    }
}

/// The desk, as soon as there is one; none when it is time to stop before.
async fn desk(mut desks: Desks, stop: &mut watch::Receiver<bool>) -> Option<Arc<JobDesk>> {
    tokio::select! {
        desk = desks.wait_for(Option::is_some) => desk.ok().and_then(|desk| desk.clone()),
        _ = stop.wait_for(|stop| *stop) => None,
    }
}

async fn begin(desks: Desks, metrics: Arc<Metrics>, mut stop: watch::Receiver<bool>) {
    if let Some(desk) = desk(desks, &mut stop).await {
        // Its own, in this and every other process.
        let name = JobId::random().to_string();
        Worker { name, desk, metrics, stop }.work().await;
    }
}

struct Worker {
    name: String,
    desk: Arc<JobDesk>,
    metrics: Arc<Metrics>,
    stop: watch::Receiver<bool>,
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
    async fn work(mut self) {
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
            End::Failed(_) | End::Cancelled if is_written => self.desk.clear(id).await,
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

/// Removes what has expired, and what was left by uploads that were cut off.
async fn sweep(desks: Desks, mut stop: watch::Receiver<bool>) {
    let Some(desk) = desk(desks, &mut stop).await else { return };
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
    async fn tidy(&self, job: &Job) {
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

    async fn sweep_once(&self) -> Result<(), StoreError> {
        let keep = jiff::SignedDuration::try_from(self.settings.keep).unwrap_or(jiff::SignedDuration::MAX);
        let before = Timestamp::now().checked_sub(keep).unwrap_or(Timestamp::MIN);
        loop {
            let expired = self.jobs.expired(before).await?;
            if expired.is_empty() {
                break;
            }
            for job in expired {
                self.clear(&job.id).await;
                self.jobs.delete(&job.id).await?;
            }
        }
        let place = self.place.clone();
        let left = tokio::task::spawn_blocking(move || place.left(ORPHANED)).await;
        for id in left.ok().and_then(Result::ok).unwrap_or_default() {
            // In a place in S3 this is scratch alone: a job that is under way elsewhere, or ended, needs none of it here.
            match self.jobs.get(&id).await? {
                None => self.clear(&id).await,
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
