//! From a reference to a coder: resolved in the registry, fetched if it is elsewhere, verified.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Coders, ServingError};
use crate::coding::{Coder, ModelVersion};
use crate::config::{ModelOptions, RegistryOptions};
use crate::model::bundle;
use crate::model::manifest::Manifest;
use crate::model::options::LoadOptions;
use crate::nomenclature::Nomenclatures;
use crate::process::give_memory_back;
use crate::registry::cache::Cache;
use crate::registry::error::in_one_line;
use crate::registry::fetch::{Fetched, fetch};
use crate::registry::{ModelReference, Registry, RegistryError};

/// Loads models of one registry.
pub struct Loader {
    /// The registry.
    pub registry: Registry,
    cache: Option<Cache>,
    options: LoadOptions,
    nomenclatures: Arc<Nomenclatures>,
}

impl Loader {
    /// For the registry of these settings.
    pub async fn open(options: &RegistryOptions) -> Result<Self, ServingError> {
        let load_options = options.load_options()?;
        let registry = Registry::open(&options.registry, &options.s3()).await?;
        let nomenclatures = Arc::new(Nomenclatures::embedded()?);
        let cache = (!registry.is_local()).then(|| Cache::of(&registry, &options.cache()));
        Ok(Self { registry, cache, options: load_options, nomenclatures })
    }

    /// The nomenclatures.
    pub fn nomenclatures(&self) -> &Arc<Nomenclatures> {
        &self.nomenclatures
    }

    /// Fetches a version if it is elsewhere, verifies it and replays its golden cases.
    pub async fn load(&self, version: &ModelVersion) -> Result<Coder, ServingError> {
        let directory = match (self.registry.local(version), &self.cache) {
            (Some(directory), _) => {
                if !directory.join(Manifest::FILE).exists() {
                    // Says which versions there are.
                    self.registry.manifest(version).await?;
                }
                directory
            }
            (None, Some(cache)) => {
                let directory = cache.directory(version);
                let fetched = fetch(&self.registry, version, &directory, &self.options.trust, &|_| ()).await?;
                match self.load_from(directory.clone(), version).await {
                    // The copy may have been damaged since; the registry's own is what counts.
                    Err(ServingError::Model(error)) if fetched == Fetched::Before && error.fault.is_damage() => {
                        cache.forget(version)?;
                    }
                    loaded => return loaded,
                }
                fetch(&self.registry, version, &directory, &self.options.trust, &|_| ()).await?;
                directory
            }
            (None, None) => return Err(ServingError::Lost("the registry needs a cache".to_owned())),
        };
        self.load_from(directory, version).await
    }

    /// Loads the version of a reference that came out right last, from the cache alone.
    pub async fn load_cached(&self, reference: &ModelReference) -> Option<Coder> {
        let cache = self.cache.as_ref()?;
        let version = cache.last_good(reference)?;
        let loaded = self.load_from(cache.directory(&version), &version).await;
        let told =
            |error: &ServingError| tracing::warn!(%version, error = in_one_line(error), "the cache has no answer");
        loaded.inspect_err(told).ok()
    }

    /// The models in production.
    pub async fn in_production(&self) -> Result<Vec<ModelReference>, RegistryError> {
        let references = self.registry.in_production().await?;
        let names: Vec<&str> = references.iter().map(|reference| reference.name.as_str()).collect();
        self.note(|cache| cache.remember_production(&names));
        Ok(references)
    }

    /// The models in production when the registry was asked last.
    pub fn in_production_once(&self) -> Option<Vec<ModelReference>> {
        self.cache.as_ref()?.in_production()
    }

    async fn load_from(&self, directory: PathBuf, version: &ModelVersion) -> Result<Coder, ServingError> {
        let (version, options, nomenclatures) =
            (version.clone(), self.options.clone(), Arc::clone(&self.nomenclatures));
        let loading = tokio::task::spawn_blocking(move || {
            let loaded = bundle::load_as(&directory, Some(&version), &options, &nomenclatures);
            give_memory_back();
            loaded
        });
        Ok(loading.await.map_err(|error| ServingError::Lost(error.to_string()))??)
    }

    /// Remembers that a reference means this version, which came out right; old versions leave the cache.
    pub fn remember(&self, reference: &ModelReference, version: &ModelVersion) {
        self.note(|cache| cache.remember(reference, version));
    }

    /// Notes that a version is still in use.
    pub fn touch(&self, version: &ModelVersion) {
        self.note(|cache| cache.touch(version).map_err(RegistryError::of_file(cache.directory(version))));
    }

    fn note(&self, note: impl FnOnce(&Cache) -> Result<(), RegistryError>) {
        if let Some(Err(error)) = self.cache.as_ref().map(note) {
            tracing::warn!(error = in_one_line(&error), "the cache of models cannot be written");
        }
    }

    /// Loads the models named, or every model in production when none is.
    pub async fn load_all(&self, references: &[ModelReference]) -> Result<Coders, ServingError> {
        let references = if references.is_empty() { self.in_production().await? } else { references.to_vec() };
        let mut coders = Vec::new();
        for reference in &references {
            let version = self.registry.resolve(reference).await?;
            coders.push(Arc::new(self.load(&version).await?));
            self.remember(reference, &version);
        }
        Coders::new(Arc::clone(&self.nomenclatures), coders)
    }
}

impl Coders {
    /// Loads the models of these settings, for a command that codes and ends.
    pub fn load(options: &ModelOptions) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let loading = async { Loader::open(&options.registry).await?.load_all(&options.models).await };
        Ok(runtime.block_on(loading)?)
    }
}
