//! Between an attempt, on a thread of its own, and the worker that watches it: how far it is, whether it shall stop, and whether it may
//! write its output.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::recode;
use crate::store::job::Progress;

/// An attempt that is watched.
#[derive(Default)]
pub struct Watched {
    stop: Arc<AtomicBool>,
    state: Mutex<State>,
    answered: Condvar,
    asks: Notify,
}

#[derive(Default)]
struct State {
    progress: Progress,
    phase: Phase,
    /// Whether it asks if it may write its output.
    asks: bool,
    may_write: Option<bool>,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Phase {
    #[default]
    Preparing,
    Running,
    Stopped,
}

impl Watched {
    /// One that goes on from there.
    pub fn after(progress: Progress) -> Self {
        Self { state: Mutex::new(State { progress, ..State::default() }), ..Self::default() }
    }

    /// Begins to run; not when it was to stop before.
    pub fn begin(&self) -> bool {
        let mut state = self.state();
        let begins = state.phase == Phase::Preparing;
        if begins {
            state.phase = Phase::Running;
        }
        begins
    }

    /// Has it stop after what it has in hand. Whether it never began, and never will.
    pub fn stop(&self) -> bool {
        self.stop.store(true, Relaxed);
        let mut state = self.state();
        if state.phase == Phase::Preparing {
            state.phase = Phase::Stopped;
        }
        state.may_write.get_or_insert(false);
        self.answered.notify_all();
        state.phase == Phase::Stopped
    }

    /// Set when it shall stop.
    pub fn stop_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        self.state().progress
    }

    /// Comes back when it asks whether it may write its output.
    pub async fn asked(&self) {
        self.asks.notified().await;
    }

    /// Whether it waits for an answer to that.
    pub fn is_asking(&self) -> bool {
        let state = self.state();
        state.asks && state.may_write.is_none()
    }

    /// Whether it may. From then on what lies where the output is to be counts as its own: that must have been put down before.
    pub fn answer(&self, may_write: bool) {
        self.state().may_write.get_or_insert(may_write);
        self.answered.notify_all();
    }

    /// What the attempt tells; says whether it goes on.
    pub fn see(&self, progress: &recode::Progress<'_>) -> bool {
        let mut state = self.state();
        state.progress = Progress {
            rows: progress.counts.rows,
            failed: progress.counts.failures(),
            automatic_rate: progress.counts.automatic_rate(),
            share: progress.share,
            finishing: progress.is_finishing || state.progress.finishing,
        };
        if progress.is_finishing {
            state.asks = true;
            self.asks.notify_one();
            while state.may_write.is_none() {
                state = self.answered.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            return state.may_write == Some(true);
        }
        !self.stop.load(Relaxed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recode::summary::Counts;

    fn told(is_finishing: bool) -> recode::Progress<'static> {
        recode::Progress { counts: Box::leak(Box::new(Counts::default())), share: 0.5, is_finishing }
    }

    #[test]
    fn what_has_not_begun_never_does_once_it_is_stopped() {
        let watched = Watched::default();
        assert!(watched.stop() && !watched.begin());
        let watched = Watched::default();
        assert!(watched.begin() && watched.see(&told(false)));
        assert!(!watched.stop() && !watched.see(&told(false)));
    }

    #[tokio::test]
    async fn an_output_is_written_once_it_was_put_down_that_it_is() {
        for may in [true, false] {
            let watched = Arc::new(Watched::default());
            let attempt = {
                let watched = Arc::clone(&watched);
                tokio::task::spawn_blocking(move || watched.see(&told(true)))
            };
            watched.asked().await;
            assert!(watched.is_asking() && watched.progress().finishing);
            if may {
                watched.answer(true);
            } else {
                assert!(watched.begin() && !watched.stop());
            }
            assert_eq!((attempt.await.unwrap(), watched.is_asking()), (may, false));
        }
    }
}
