//! The coders in service, one a nomenclature.

pub mod admission;
pub mod answer;
pub mod desk;
pub mod pool;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::coding::activity::Activity;
use crate::coding::{Coder, Coding, CodingOptions, Stage};
use crate::model::{bundle, error::ModelError};
use crate::nomenclature::{NomenclatureError, Nomenclatures};
use crate::process::give_memory_back;
use crate::registry::{DirectoryRegistry, ModelReference, RegistryError};

/// The coders in service and the nomenclatures they code in.
pub struct Coders {
    nomenclatures: Arc<Nomenclatures>,
    by_nomenclature: BTreeMap<String, Arc<Coder>>,
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
}

impl Coders {
    /// Loads and verifies the models named, or every model in production when none is.
    pub fn load(registry: &Path, references: &[ModelReference]) -> Result<Self, ServingError> {
        let nomenclatures = Arc::new(Nomenclatures::embedded()?);
        let registry = DirectoryRegistry::open(registry)?;
        let references = if references.is_empty() { registry.in_production()? } else { references.to_vec() };
        let mut by_nomenclature: BTreeMap<String, Arc<Coder>> = BTreeMap::new();
        for reference in &references {
            let resolved = registry.resolve(reference)?;
            let coder = bundle::load(&resolved.directory, &nomenclatures)?;
            let nomenclature = coder.nomenclature.id().to_owned();
            let name = |coder: &Coder| format!("{}:{}", coder.model.name, coder.model.version);
            if let Some(other) = by_nomenclature.get(&nomenclature) {
                return Err(ServingError::TwoModels { one: name(other), other: name(&coder), nomenclature });
            }
            by_nomenclature.insert(nomenclature, Arc::new(coder));
        }
        give_memory_back();
        Ok(Self { nomenclatures, by_nomenclature })
    }

    /// All nomenclatures codif knows, served or not.
    pub fn nomenclatures(&self) -> &Nomenclatures {
        &self.nomenclatures
    }

    /// The coders, by the id of their nomenclature.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Arc<Coder>)> {
        self.by_nomenclature.iter().map(|(id, coder)| (id.as_str(), coder))
    }

    /// The coder of a nomenclature.
    pub fn get(&self, nomenclature: &str) -> Option<&Arc<Coder>> {
        self.by_nomenclature.get(nomenclature)
    }
}

/// Codes activities in each nomenclature asked: one list a coder, in the order of the activities. `done` is told of each
/// stage when it ends.
pub fn code_in_each(
    coders: &[Arc<Coder>],
    activities: &[Activity],
    options: CodingOptions,
    done: &mut dyn FnMut(Stage),
) -> candle_core::Result<Vec<Vec<Coding>>> {
    coders.iter().map(|coder| coder.code_watched(activities, options, done)).collect()
}
