//! A version that answers a fixed share of the activities, always the same ones.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::coding::Coder;
use crate::coding::activity::Activity;

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
