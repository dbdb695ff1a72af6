//! The coders in service, one a nomenclature.

pub mod admission;
pub mod answer;
pub mod canary;
pub mod desk;
pub mod loading;
pub mod pool;
pub mod reload;
pub mod shadow;
pub mod slot;
pub mod start;
pub mod status;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::coding::activity::Activity;
use crate::coding::{Coder, Coding, CodingOptions, Stage};
use crate::model::device::DeviceError;
use crate::model::error::{ModelError, ModelFault};
use crate::nomenclature::{NomenclatureError, Nomenclatures};
use crate::registry::RegistryError;
use crate::registry::fetch::FetchError;
use slot::{Served, Slot};

/// The coders in service, each in a slot of its own, and the nomenclatures they code in.
pub struct Coders {
    nomenclatures: Arc<Nomenclatures>,
    slots: BTreeMap<String, Slot>,
}

/// Why coders cannot be put in service.
#[derive(Debug, thiserror::Error)]
pub enum ServingError {
    /// The embedded nomenclatures are faulty.
    #[error(transparent)]
    Nomenclature(#[from] NomenclatureError),
    /// The registry has no answer.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A model is refused.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The device for the models cannot be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// Two models for one nomenclature.
    #[error("{one} and {other} both code in {nomenclature}: name one of them with --model")]
    TwoModels {
        /// The first.
        one: String,
        /// The second.
        other: String,
        /// Their nomenclature.
        nomenclature: String,
    },
    /// A version codes in another nomenclature than the one it should replace or accompany.
    #[error("{model} codes in {found}, it should code in {expected}")]
    OtherNomenclature {
        /// The version.
        model: String,
        /// Its nomenclature.
        found: String,
        /// The nomenclature wanted.
        expected: String,
    },
    /// Another version of its nomenclature is followed for the same.
    #[error("{model} cannot be the {role} of {nomenclature}: {other} is already")]
    Taken {
        /// The version.
        model: String,
        /// What it should be.
        role: &'static str,
        /// Its nomenclature.
        nomenclature: String,
        /// What is already.
        other: String,
    },
    /// The work of loading was lost.
    #[error("loading failed: {0}")]
    Lost(String),
}

impl From<FetchError> for ServingError {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Registry(error) => Self::Registry(error),
            FetchError::Model(error) => Self::Model(error),
        }
    }
}

impl ServingError {
    /// Whether it is the version's own fault: the same version would fail again.
    pub fn is_of_the_version(&self) -> bool {
        match self {
            Self::Model(error) => !matches!(error.fault, ModelFault::Unreadable(_) | ModelFault::Device(_)),
            Self::OtherNomenclature { .. } | Self::Taken { .. } => true,
            _ => false,
        }
    }

    /// Whether the same may succeed later without anybody changing anything.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Registry(error) if error.may_pass())
    }
}

impl Coders {
    /// These coders, one a nomenclature.
    pub fn new(nomenclatures: Arc<Nomenclatures>, coders: Vec<Arc<Coder>>) -> Result<Self, ServingError> {
        let mut slots: BTreeMap<String, Slot> = BTreeMap::new();
        for coder in coders {
            let nomenclature = coder.nomenclature.id().to_owned();
            if let Some(other) = slots.get(&nomenclature) {
                let (one, other) = (other.served().coder.model.to_string(), coder.model.to_string());
                return Err(ServingError::TwoModels { one, other, nomenclature });
            }
            slots.insert(nomenclature, Slot::new(coder));
        }
        Ok(Self { nomenclatures, slots })
    }

    /// All nomenclatures codif knows, served or not.
    pub fn nomenclatures(&self) -> &Nomenclatures {
        &self.nomenclatures
    }

    /// What serves each nomenclature at this moment, by its id. A request looks once: its whole answer comes from that.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Arc<Served>)> {
        self.slots.iter().map(|(id, slot)| (id.as_str(), slot.served()))
    }

    /// What serves a nomenclature at this moment.
    pub fn get(&self, nomenclature: &str) -> Option<Arc<Served>> {
        self.slots.get(nomenclature).map(Slot::served)
    }

    /// Whether a nomenclature is served.
    pub fn serves(&self, nomenclature: &str) -> bool {
        self.slots.contains_key(nomenclature)
    }

    /// The slot of a nomenclature.
    pub fn slot(&self, nomenclature: &str) -> Option<&Slot> {
        self.slots.get(nomenclature)
    }
}

/// Codes activities in each nomenclature asked: one list a coder, in the order of the activities. `done` is told of each
/// stage when it ends.
pub fn code_in_each<C: AsRef<Coder>>(
    coders: &[Arc<C>],
    activities: &[Activity],
    options: CodingOptions,
    done: &mut dyn FnMut(Stage),
) -> candle_core::Result<Vec<Vec<Coding>>> {
    coders.iter().map(|coder| coder.as_ref().as_ref().code_watched(activities, options, done)).collect()
}
