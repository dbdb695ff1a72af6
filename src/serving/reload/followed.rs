//! One model that is followed, and what is known of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use jiff::Timestamp;

use super::Outcome;
use crate::coding::{Coder, ModelVersion};
use crate::registry::ModelReference;
use crate::registry::error::in_one_line;
use crate::serving::ServingError;
use crate::serving::shadow::Shadow;
use crate::serving::status::{Agreements, Failure, ModelStatus, Role, now};

/// A model that is followed.
pub struct Followed {
    /// How it is named.
    pub reference: ModelReference,
    /// What it is there for.
    pub role: Role,
    /// The share it answers or sees; of production all.
    pub share: f64,
    /// Held while the registry is asked and a version loaded: one look at a model at a time.
    pub(super) looking: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

/// What is known of a followed model: looked at and changed in an instant, never held while anything is loaded.
#[derive(Default)]
pub(super) struct State {
    /// The version in service, or on trial.
    pub coder: Option<Arc<Coder>>,
    /// What it sees, and how far it agrees, when it is a shadow.
    pub shadow: Option<Arc<Shadow>>,
    /// Why what is served may be out of date.
    pub stale: Option<Failure>,
    /// The version that was refused last: it is not tried again until somebody asks.
    pub refused: Option<Failure>,
    /// When the last look began, and what came of it.
    pub last: Option<(Instant, Outcome)>,
    pub since: Option<Timestamp>,
    pub load_seconds: Option<f64>,
    pub checked_at: Option<Timestamp>,
}

impl Followed {
    /// A model to follow that is not loaded yet.
    pub fn new(reference: ModelReference, role: Role, share: f64) -> Self {
        Self { reference, role, share, looking: tokio::sync::Mutex::default(), state: Mutex::default() }
    }

    /// A model that is in service already, and why it may be out of date.
    pub fn serving(reference: ModelReference, coder: Arc<Coder>, load_seconds: f64, stale: Option<Failure>) -> Self {
        let (coder, load_seconds, now) = (Some(coder), Some(load_seconds), Some(now()));
        let state = State { coder, stale, load_seconds, since: now, checked_at: now, ..State::default() };
        Self { state: Mutex::new(state), ..Self::new(reference, Role::Production, 1.0) }
    }

    /// What is known of it.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The version in service, or on trial.
    pub(super) fn coder(&self) -> Option<Arc<Coder>> {
        self.state().coder.clone()
    }

    /// Takes note that it could not be brought up to date, because of a version or, when none is named, of something that may pass.
    pub(super) fn failed(&self, version: Option<&ModelVersion>, error: &ServingError) -> Outcome {
        let reason = in_one_line(error);
        let mut state = self.state();
        let same = |stale: &&Failure| stale.version.as_ref() == version && stale.reason == reason;
        let same = state.stale.as_ref().filter(same).map(|stale| stale.since);
        if same.is_none() {
            let version = version.map(ToString::to_string);
            tracing::warn!(model = %self.reference, version, reason, "the model could not be brought up to date");
        }
        let failure = Failure { version: version.cloned(), reason: reason.clone(), since: same.unwrap_or_else(now) };
        if error.is_of_the_version() {
            state.refused = Some(failure.clone());
        }
        state.stale = Some(failure);
        Outcome::Failed(reason)
    }

    /// What is told of it; `previous` is the version before that is at hand.
    pub(super) fn status(&self, previous: impl FnOnce(&str) -> Option<Arc<ModelVersion>>) -> ModelStatus {
        let state = self.state();
        let nomenclature = state.coder.as_ref().map(|coder| coder.nomenclature.id().to_owned());
        let is_on_trial = self.role != Role::Production;
        let previous = nomenclature.as_deref().filter(|_| !is_on_trial).and_then(previous);
        ModelStatus {
            reference: self.reference.to_string(),
            role: self.role,
            share: is_on_trial.then_some(self.share),
            nomenclature,
            version: state.coder.as_ref().map(|coder| ModelVersion::clone(&coder.model)),
            since: state.since,
            load_seconds: state.load_seconds,
            previous: previous.map(|model| ModelVersion::clone(&model)),
            checked_at: state.checked_at,
            stale: state.stale.clone(),
            agreement: state.shadow.as_ref().map(|shadow| Agreements::new(shadow.sections())),
        }
    }
}
