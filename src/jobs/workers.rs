//! Those who carry jobs out, from the start of the process to its end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::JobDesk;
use super::opening::{Desks, Opening, OpeningError};
use super::sweep::sweep;
use super::worker::Worker;
use crate::registry::error::in_one_line;
use crate::serving::Coders;
use crate::store::job::JobId;
use crate::telemetry::Metrics;

/// How long workers are waited for at the end: they were told when draining began.
const STOPPED: Duration = Duration::from_secs(5);

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
        tasks.spawn(tidy_up(desks.clone(), stop.subscribe()));
        Ok(Self { desks, stop, tasks })
    }

    /// The desk, once there is one.
    pub fn desks(&self) -> Desks {
        self.desks.clone()
    }

    /// What is set to have them put down what they have in hand: whoever comes next goes on with it.
    pub fn stopper(&self) -> watch::Sender<bool> {
        self.stop.clone()
    }

    /// Has them do so, and waits for a moment.
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

async fn tidy_up(desks: Desks, mut stop: watch::Receiver<bool>) {
    if let Some(desk) = desk(desks, &mut stop).await {
        sweep(desk, stop).await;
    }
}
