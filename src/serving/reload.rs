//! Keeps what is served at what the registry's aliases point to: looked at every so often, or when asked. A version is
//! loaded and verified before it replaces another; one that fails changes nothing but what is told.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rand::RngExt;
use tokio::runtime::Handle;

mod company;
mod followed;

use super::loading::Loader;
use super::shadow::ShadowDesk;
use super::slot::Slot;
use super::status::{ModelStatus, Role, now};
use super::{Coders, ServingError};
use crate::coding::{Coder, ModelVersion};
use crate::process::give_memory_back;
use crate::telemetry::Metrics;
pub use followed::Followed;

/// Follows the registry.
pub struct Reloader {
    loader: Loader,
    coders: Arc<Coders>,
    metrics: Arc<Metrics>,
    desk: ShadowDesk,
    keep_previous: Duration,
    followed: Vec<Followed>,
    /// Held in the instant in which what was loaded is put in service, with what accompanies it.
    exchanging: Mutex<()>,
}

/// What a look at the registry led to.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// What is served is what the alias points to.
    Unchanged(ModelVersion),
    /// Another version is in service now.
    Replaced(ModelVersion),
    /// What was served goes on.
    Failed(String),
}

/// What a look led to for a model: how it is named, what it is there for, what came of it.
pub type Looked = (String, Role, Outcome);

impl Reloader {
    /// Follows these models, those in production being in service already.
    pub fn new(
        loader: Loader,
        coders: Arc<Coders>,
        followed: Vec<Followed>,
        metrics: Arc<Metrics>,
        keep_previous: Duration,
    ) -> std::io::Result<Self> {
        let desk = ShadowDesk::start(Arc::clone(&metrics))?;
        let reloader = Self { loader, coders, metrics, desk, keep_previous, followed, exchanging: Mutex::default() };
        reloader.followed.iter().for_each(|one| reloader.tell_stale(one));
        reloader.metrics.in_service(&reloader.in_service());
        Ok(reloader)
    }

    /// Looks at the registry every so often, for ever; never, when the interval is 0. Pods do not look all at once.
    pub async fn follow(self: Arc<Self>, interval: Duration) {
        loop {
            // The first look loads what accompanies.
            if let Err(error) = self.look(None, false).await {
                tracing::error!(%error, "a look at the registry was lost");
            }
            if interval.is_zero() {
                return;
            }
            let jitter = rand::rng().random_range(0.8..1.2);
            tokio::time::sleep(interval.mul_f64(jitter)).await;
        }
    }

    /// Looks at the registry now, for one model or for all; goes on to its end whether or not anybody waits for it. Beside the
    /// threads that answer: it reads, writes and frees what is as large as models. `again` tries a version once more that was refused.
    pub async fn look(
        self: &Arc<Self>,
        name: Option<String>,
        again: bool,
    ) -> Result<Vec<Looked>, tokio::task::JoinError> {
        let (reloader, runtime) = (Arc::clone(self), Handle::current());
        let look = move || runtime.block_on(reloader.look_now(name.as_deref(), again));
        tokio::task::spawn_blocking(look).await
    }

    async fn look_now(self: &Arc<Self>, name: Option<&str>, again: bool) -> Vec<Looked> {
        let asked = Instant::now();
        let mut outcomes = Vec::new();
        for one in self.followed.iter().filter(|one| name.is_none_or(|name| one.reference.name == name)) {
            let _looking = one.looking.lock().await;
            // Of several who ask at once one looks, for all of them.
            let answered = one.state().last.clone().filter(|(began, _)| *began >= asked);
            let outcome = match answered {
                Some((_, outcome)) => outcome,
                None => {
                    let began = Instant::now();
                    let outcome = self.bring_up_to_date(one, again).await;
                    one.state().last = Some((began, outcome.clone()));
                    outcome
                }
            };
            self.tell_stale(one);
            outcomes.push((one.reference.to_string(), one.role, outcome));
        }
        outcomes
    }

    fn tell_stale(&self, one: &Followed) {
        self.metrics.stale(&one.reference.to_string(), one.state().stale.is_some());
    }

    /// Lets go of the versions before, once they were kept long enough.
    fn forget_later(self: &Arc<Self>) {
        let reloader = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(reloader.keep_previous).await;
            let forget = move || {
                let slots = reloader.coders.iter().filter_map(|(id, _)| reloader.coders.slot(id));
                slots.for_each(|slot| slot.forget_previous(reloader.keep_previous));
                give_memory_back();
            };
            if let Err(error) = tokio::task::spawn_blocking(forget).await {
                tracing::error!(%error, "the version before could not be let go of");
            }
        });
    }

    async fn bring_up_to_date(self: &Arc<Self>, one: &Followed, again: bool) -> Outcome {
        one.state().checked_at = Some(now());
        let version = match self.loader.registry.resolve(&one.reference).await {
            Ok(version) => version,
            Err(error) => return one.failed(None, &error.into()),
        };
        if one.coder().is_some_and(|coder| *coder.model == version) {
            self.loader.touch(&version);
            let mut state = one.state();
            state.refused = None;
            if state.stale.take().is_some() {
                tracing::info!(model = %one.reference, %version, "the model is up to date again");
            }
            return Outcome::Unchanged(version);
        }
        let refused = one.state().refused.clone().filter(|refused| refused.version.as_ref() == Some(&version));
        if let Some(refused) = refused.filter(|_| !again) {
            let reason = refused.reason.clone();
            one.state().stale = Some(refused);
            return Outcome::Failed(reason);
        }
        let started = Instant::now();
        match self.load(one, &version).await.and_then(|coder| self.put_in_service(one, coder)) {
            Ok(()) => {
                let seconds = started.elapsed().as_secs_f64();
                one.state().load_seconds = Some(seconds);
                self.loader.remember(&one.reference, &version);
                self.metrics.reloaded(&one.reference.to_string(), "replaced");
                tracing::info!(model = %one.reference, role = one.role.name(), %version, seconds, "in service");
                self.forget_later();
                Outcome::Replaced(version)
            }
            Err(error) => {
                self.metrics.reloaded(&one.reference.to_string(), "failed");
                // What is no fault of the version is tried again at the next look.
                let version = (!error.may_pass()).then_some(&version);
                one.failed(version, &error)
            }
        }
    }

    /// The coder of a version: the one that is there already, on trial or as the one before, else loaded and verified.
    async fn load(&self, one: &Followed, version: &ModelVersion) -> Result<Arc<Coder>, ServingError> {
        let there = self.followed.iter().filter_map(Followed::coder).find(|coder| *coder.model == *version);
        let before = || {
            let serving = one.coder()?;
            self.coders.slot(serving.nomenclature.id())?.previous_of(version)
        };
        match there.or_else(before) {
            Some(coder) => Ok(coder),
            None => self.loader.load(version).await.map(Arc::new),
        }
    }

    /// Puts a version where it is followed for, and says so.
    fn put_in_service(&self, one: &Followed, coder: Arc<Coder>) -> Result<(), ServingError> {
        let _exchanging = self.exchanging.lock().unwrap_or_else(PoisonError::into_inner);
        self.fits(one, &coder)?;
        if one.role == Role::Production
            && let Some(slot) = self.coders.slot(coder.nomenclature.id())
        {
            slot.replace(Arc::clone(&coder));
        }
        let mut state = one.state();
        (state.coder, state.since) = (Some(coder), Some(now()));
        (state.stale, state.refused) = (None, None);
        drop(state);
        self.accompany();
        self.metrics.in_service(&self.in_service());
        Ok(())
    }

    /// What is known of each model.
    pub fn status(&self) -> Vec<ModelStatus> {
        let previous = |id: &str| self.coders.slot(id).and_then(Slot::previous);
        self.followed.iter().map(|one| one.status(previous)).collect()
    }
}
