//! A version that answers a fixed share of the activities, always the same ones.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::slot::Served;
use crate::coding::activity::Activity;
use crate::coding::{Coder, Coding, CodingOptions, Stage};

/// A version that answers some of the activities.
pub struct Canary {
    /// Its coder.
    pub coder: Arc<Coder>,
    /// Which share of the activities it answers, 0 to 1.
    pub share: f64,
}

impl Canary {
    /// Whether it answers an activity: chosen by the activity's id, or its text when it has none, so that every pod and every
    /// repetition chooses alike.
    pub fn answers(&self, id: Option<&str>, activity: &Activity) -> bool {
        let digest = Sha256::digest(id.unwrap_or(activity.text()).as_bytes());
        let number = digest.iter().take(8).fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        (number as f64 / 2f64.powi(64)) < self.share
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
