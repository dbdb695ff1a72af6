//! What serves one nomenclature, exchanged as a whole while requests go on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use super::canary::Canary;
use super::shadow::Shadow;
use crate::coding::activity::Activity;
use crate::coding::{Coder, Coding, CodingOptions, ModelVersion, Stage};

/// What serves a nomenclature at a moment. It never changes: a request holds it from its first look to its answer.
#[derive(Clone)]
pub struct Served {
    /// The coder that answers.
    pub coder: Arc<Coder>,
    /// Another version that answers some activities.
    pub canary: Option<Arc<Canary>>,
    /// Another version that sees the same activities, and answers none.
    pub shadow: Option<Arc<Shadow>>,
}

impl Served {
    /// One coder alone.
    pub fn only(coder: Arc<Coder>) -> Self {
        Self { coder, canary: None, shadow: None }
    }
}

impl Served {
    /// The coder that made a coding.
    pub fn coder_of(&self, coding: &Coding) -> &Coder {
        let canary = self.canary.as_ref().map(|canary| canary.coder.as_ref());
        canary.filter(|coder| Arc::ptr_eq(&coder.model, &coding.model)).unwrap_or(&self.coder)
    }

    /// Codes activities, some of them by the canary. `ids` are the activities' own, in their order; none for what has none.
    pub fn code(
        &self,
        activities: &[Activity],
        ids: &[Option<&str>],
        options: CodingOptions,
        done: &mut dyn FnMut(Stage),
    ) -> candle_core::Result<Vec<Coding>> {
        let Some(canary) = &self.canary else { return self.coder.code_watched(activities, options, done) };
        let ids = ids.iter().copied().chain(std::iter::repeat(None));
        let chosen: Vec<bool> = activities.iter().zip(ids).map(|(activity, id)| canary.answers(id, activity)).collect();
        let of = |wanted: bool| {
            let those = activities.iter().zip(&chosen).filter(|(_, chosen)| **chosen == wanted);
            those.map(|(activity, _)| activity.clone()).collect::<Vec<_>>()
        };
        let mut by_canary = canary.coder.code_watched(&of(true), options, done)?.into_iter();
        let mut by_coder = self.coder.code_watched(&of(false), options, done)?.into_iter();
        let in_order = chosen.iter().filter_map(|chosen| if *chosen { by_canary.next() } else { by_coder.next() });
        Ok(in_order.collect())
    }
}

impl AsRef<Coder> for Served {
    fn as_ref(&self) -> &Coder {
        &self.coder
    }
}

/// The place of a nomenclature's coder: many look, one exchanges.
pub struct Slot {
    served: ArcSwap<Served>,
    previous: Mutex<Option<(Arc<Coder>, Instant)>>,
}

impl Slot {
    /// A slot with its first coder.
    pub fn new(coder: Arc<Coder>) -> Self {
        Self { served: ArcSwap::from_pointee(Served::only(coder)), previous: Mutex::new(None) }
    }

    /// What serves at this moment.
    pub fn served(&self) -> Arc<Served> {
        self.served.load_full()
    }

    /// Puts another coder in service; the one before is kept at hand. Its canary goes on, its shadow is for whoever accompanies to
    /// set again: it was compared with the one before.
    pub fn replace(&self, coder: Arc<Coder>) {
        let before = self.served.load_full();
        let canary = before.canary.clone().filter(|canary| canary.coder.model != coder.model);
        self.served.store(Arc::new(Served { canary, ..Served::only(coder) }));
        *self.previous.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((Arc::clone(&before.coder), Instant::now()));
    }

    /// Sets what accompanies the coder in service.
    pub fn accompany(&self, canary: Option<Arc<Canary>>, shadow: Option<Arc<Shadow>>) {
        let coder = Arc::clone(&self.served.load().coder);
        self.served.store(Arc::new(Served { coder, canary, shadow }));
    }

    /// The coder before, if it is at hand and this version.
    pub fn previous_of(&self, version: &ModelVersion) -> Option<Arc<Coder>> {
        let previous = self.previous.lock().unwrap_or_else(PoisonError::into_inner);
        previous.as_ref().filter(|(coder, _)| *coder.model == *version).map(|(coder, _)| Arc::clone(coder))
    }

    /// The version before, while it is at hand.
    pub fn previous(&self) -> Option<Arc<ModelVersion>> {
        let previous = self.previous.lock().unwrap_or_else(PoisonError::into_inner);
        previous.as_ref().map(|(coder, _)| Arc::clone(&coder.model))
    }

    /// Lets go of the coder before once it was kept long enough.
    pub fn forget_previous(&self, kept: Duration) {
        let mut previous = self.previous.lock().unwrap_or_else(PoisonError::into_inner);
        drop(previous.take_if(|(_, since)| since.elapsed() >= kept));
    }
}
