//! Keeps what is served at what the registry's aliases point to: looked at every so often, or when asked. A version is
//! loaded and verified before it replaces another; one that fails changes nothing but what is told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rand::RngExt;
use tokio::runtime::Handle;
use tokio::sync::Mutex;

use super::canary::Canary;
use super::loading::Loader;
use super::shadow::{Shadow, ShadowDesk};
use super::slot::Slot;
use super::status::{Agreements, Failure, ModelStatus, Role, now};
use super::{Coders, ServingError};
use crate::coding::{Coder, ModelVersion};
use crate::process::give_memory_back;
use crate::registry::ModelReference;
use crate::registry::error::in_one_line;
use crate::telemetry::Metrics;

/// A model that is followed.
pub struct Followed {
    /// How it is named.
    pub reference: ModelReference,
    /// What it is there for.
    pub role: Role,
    /// The share it answers or sees; of production all.
    pub share: f64,
    coder: Option<Arc<Coder>>,
    shadow: Option<Arc<Shadow>>,
    since: Option<Timestamp>,
    load_seconds: Option<f64>,
    checked_at: Option<Timestamp>,
    stale: Option<Failure>,
    /// The version that was refused last: it is not tried again until somebody asks.
    refused: Option<Failure>,
}

/// Follows the registry.
pub struct Reloader {
    loader: Loader,
    coders: Arc<Coders>,
    metrics: Arc<Metrics>,
    desk: ShadowDesk,
    keep_previous: Duration,
    followed: Mutex<Vec<Followed>>,
    /// What is told of them: whoever asks does not wait for a version that is being loaded.
    told: ArcSwap<Vec<(ModelStatus, Option<Arc<Shadow>>)>>,
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

impl Followed {
    /// A model to follow that is not loaded yet.
    pub fn new(reference: ModelReference, role: Role, share: f64) -> Self {
        let (coder, shadow, since, load_seconds, checked_at) = (None, None, None, None, None);
        Self { reference, role, share, coder, shadow, since, load_seconds, checked_at, stale: None, refused: None }
    }

    /// A model that is in service already, and why it may be out of date.
    pub fn serving(reference: ModelReference, coder: Arc<Coder>, load_seconds: f64, stale: Option<Failure>) -> Self {
        let now = Some(now());
        let (coder, load_seconds) = (Some(coder), Some(load_seconds));
        let refused = None;
        let new = Self::new(reference, Role::Production, 1.0);
        Self { coder, since: now, load_seconds, checked_at: now, stale, refused, ..new }
    }

    fn version(&self) -> Option<&ModelVersion> {
        self.coder.as_ref().map(|coder| coder.model.as_ref())
    }

    fn failed(&mut self, version: Option<&ModelVersion>, error: &ServingError) -> Outcome {
        let reason = in_one_line(error);
        let same = |stale: &Failure| stale.version.as_ref() == version && stale.reason == reason;
        let same = self.stale.as_ref().is_some_and(same);
        let since = self.stale.as_ref().filter(|_| same).map_or_else(now, |stale| stale.since);
        if !same {
            let version = version.map(ToString::to_string);
            tracing::warn!(model = %self.reference, version, reason, "the model could not be brought up to date");
        }
        let failure = Failure { version: version.cloned(), reason: reason.clone(), since };
        if error.is_of_the_version() {
            self.refused = Some(failure.clone());
        }
        self.stale = Some(failure);
        Outcome::Failed(reason)
    }
}

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
        for followed in &followed {
            metrics.stale(&followed.reference.to_string(), followed.stale.is_some());
        }
        let told = ArcSwap::default();
        let reloader = Self { loader, coders, metrics, desk, keep_previous, followed: Mutex::default(), told };
        reloader.metrics.in_service(in_service(&followed));
        reloader.tell(&followed);
        Ok(Self { followed: Mutex::new(followed), ..reloader })
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
    /// threads that answer: it reads, writes and frees what is as large as models.
    pub async fn look(
        self: &Arc<Self>,
        name: Option<String>,
        again: bool,
    ) -> Result<Vec<Looked>, tokio::task::JoinError> {
        let (reloader, runtime) = (Arc::clone(self), Handle::current());
        let look = move || runtime.block_on(reloader.look_now(name.as_deref(), again));
        tokio::task::spawn_blocking(look).await
    }

    /// Looks at the registry, for one model or for all. `again` tries a version once more that was refused.
    async fn look_now(self: &Arc<Self>, name: Option<&str>, again: bool) -> Vec<Looked> {
        let mut followed = self.followed.lock().await;
        let mut outcomes = Vec::new();
        let mut changed = false;
        let mut loaded: Vec<Arc<Coder>> = followed.iter().filter_map(|one| one.coder.clone()).collect();
        for one in followed.iter_mut().filter(|one| name.is_none_or(|name| one.reference.name == name)) {
            let outcome = self.bring_up_to_date(one, &loaded, again).await;
            loaded.extend(one.coder.clone());
            changed |= matches!(outcome, Outcome::Replaced(_));
            outcomes.push((one.reference.to_string(), one.role, outcome));
        }
        if changed {
            self.accompany(&mut followed);
            self.metrics.in_service(in_service(&followed));
        }
        followed.iter().for_each(|one| self.metrics.stale(&one.reference.to_string(), one.stale.is_some()));
        self.tell(&followed);
        if changed {
            self.forget_later();
        }
        outcomes
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
                reloader
            };
            if let Ok(reloader) = tokio::task::spawn_blocking(forget).await {
                reloader.tell(&reloader.followed.lock().await);
            }
        });
    }

    async fn bring_up_to_date(&self, one: &mut Followed, loaded: &[Arc<Coder>], again: bool) -> Outcome {
        one.checked_at = Some(now());
        let version = match self.loader.registry.resolve(&one.reference).await {
            Ok(version) => version,
            Err(error) => return one.failed(None, &error.into()),
        };
        if one.version() == Some(&version) {
            self.loader.touch(&version);
            one.refused = None;
            if one.stale.take().is_some() {
                tracing::info!(model = %one.reference, %version, "the model is up to date again");
            }
            return Outcome::Unchanged(version);
        }
        let refused = one.refused.as_ref().filter(|refused| refused.version.as_ref() == Some(&version));
        if let Some(refused) = refused.filter(|_| !again).cloned() {
            let reason = refused.reason.clone();
            one.stale = Some(refused);
            return Outcome::Failed(reason);
        }
        let started = Instant::now();
        match self.coder(one, loaded, &version).await {
            Ok(coder) => {
                one.load_seconds = Some(started.elapsed().as_secs_f64());
                self.put_in_service(one, coder);
                self.loader.remember(&one.reference, &version);
                self.metrics.reloaded(&one.reference.to_string(), "replaced");
                tracing::info!(model = %one.reference, role = one.role.name(), %version, seconds = one.load_seconds, "in service");
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
    async fn coder(
        &self,
        one: &Followed,
        loaded: &[Arc<Coder>],
        version: &ModelVersion,
    ) -> Result<Arc<Coder>, ServingError> {
        let serving = one.coder.as_ref().map(|coder| coder.nomenclature.id());
        let slot = serving.and_then(|id| self.coders.slot(id));
        let there = loaded.iter().find(|coder| *coder.model == *version).map(Arc::clone);
        let there = there.or_else(|| slot.and_then(|slot| slot.previous_of(version)));
        let coder = match there {
            Some(coder) => coder,
            None => Arc::new(self.loader.load(version).await?),
        };
        let found = coder.nomenclature.id();
        let fits = serving.map_or_else(|| self.coders.serves(found), |serving| serving == found);
        if !fits {
            let expected = serving.map_or_else(|| "a nomenclature that is served".to_owned(), str::to_owned);
            let (model, found) = (version.to_string(), found.to_owned());
            return Err(ServingError::OtherNomenclature { model, found, expected });
        }
        Ok(coder)
    }

    fn put_in_service(&self, one: &mut Followed, coder: Arc<Coder>) {
        if one.role == Role::Production
            && let Some(slot) = self.coders.slot(coder.nomenclature.id())
        {
            slot.replace(Arc::clone(&coder));
        }
        one.coder = Some(coder);
        one.since = Some(now());
        one.stale = None;
        one.refused = None;
    }

    /// Sets beside each coder in service what accompanies it: another version of its nomenclature, never the same. A shadow begins to
    /// count anew when either of the two changes.
    fn accompany(&self, followed: &mut [Followed]) {
        for (id, served) in self.coders.iter() {
            let (mut canary, mut shadow) = (None, None);
            for one in followed.iter_mut().filter(|one| one.role != Role::Production) {
                let other = one.coder.as_ref().filter(|coder| coder.nomenclature.id() == id);
                if other.is_some() {
                    one.shadow = None;
                }
                let Some(coder) = other.filter(|coder| coder.model != served.coder.model) else { continue };
                let is_taken = if one.role == Role::Canary { canary.is_some() } else { shadow.is_some() };
                if is_taken {
                    let reason = format!("another {} of {id} comes before it", one.role.name());
                    let version = one.coder.take().map(|coder| ModelVersion::clone(&coder.model));
                    one.stale = Some(Failure { version, reason, since: now() });
                    one.refused.clone_from(&one.stale);
                } else if one.role == Role::Canary {
                    canary = Some(Arc::new(Canary { coder: Arc::clone(coder), share: one.share }));
                } else {
                    let kept = served.shadow.as_ref().filter(|kept| *kept.model() == *coder.model).map(Arc::clone);
                    let new = || Arc::new(Shadow::new(Arc::clone(coder), one.share, self.desk.clone()));
                    one.shadow = Some(kept.unwrap_or_else(new));
                    shadow.clone_from(&one.shadow);
                }
            }
            if let Some(slot) = self.coders.slot(id) {
                slot.accompany(canary, shadow);
            }
        }
    }

    fn tell(&self, followed: &[Followed]) {
        let told = followed.iter().map(|one| (self.status_of(one), one.shadow.clone()));
        self.told.store(Arc::new(told.collect()));
    }

    fn status_of(&self, one: &Followed) -> ModelStatus {
        let nomenclature = one.coder.as_ref().map(|coder| coder.nomenclature.id().to_owned());
        let slot = nomenclature.as_ref().filter(|_| one.role == Role::Production);
        let previous = slot.and_then(|id| self.coders.slot(id)).and_then(Slot::previous);
        ModelStatus {
            reference: one.reference.to_string(),
            role: one.role,
            share: (one.role != Role::Production).then_some(one.share),
            nomenclature,
            version: one.version().cloned(),
            since: one.since,
            load_seconds: one.load_seconds,
            previous: previous.map(|model| ModelVersion::clone(&model)),
            checked_at: one.checked_at,
            stale: one.stale.clone(),
            agreement: None,
        }
    }

    /// What is known of each model.
    pub fn status(&self) -> Vec<ModelStatus> {
        let told = self.told.load();
        let status = told.iter().map(|(status, shadow)| {
            let agreement = shadow.as_ref().map(|shadow| Agreements::new(shadow.sections()));
            ModelStatus { agreement, ..status.clone() }
        });
        status.collect()
    }
}

fn in_service(followed: &[Followed]) -> impl Iterator<Item = (&Coder, &'static str)> {
    followed.iter().filter_map(|one| Some((one.coder.as_deref()?, one.role.name())))
}
