//! Starting, ready, draining: what the probes say.

use std::sync::Arc;

use tokio::sync::watch;

/// Where the process stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Models are being loaded; why there are none yet, once an attempt failed.
    Starting(Option<String>),
    /// Models are in service.
    Ready,
    /// Asked to stop: requests under way are finished.
    Draining,
}

/// The phase, for those who look and those who wait.
#[derive(Clone)]
pub struct Lifecycle {
    phase: Arc<watch::Sender<Phase>>,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self { phase: Arc::new(watch::Sender::new(Phase::Starting(None))) }
    }
}

impl Lifecycle {
    /// The phase now.
    pub fn phase(&self) -> Phase {
        self.phase.borrow().clone()
    }

    /// Enters a phase.
    pub fn enter(&self, phase: Phase) {
        tracing::info!(phase = ?phase, "entered");
        self.phase.send_replace(phase);
    }
}
