//! The models of a tracking server.

use std::collections::BTreeMap;

use super::Mlflow;
use super::answers::{OneRegistered, Registered, RegisteredPage, Version, VersionPage};
use super::failure::if_there;
use crate::registry::error::RegistryError;
use crate::registry::listing::{ModelListing, no_model};
use crate::registry::reference::{Selector, plain};

/// The tag of a version that codif pushes; says what is pushed.
pub const IDENTITY: &str = "codif.identity";
/// The tag of a version that codif pushed whole. It only spares a look: the manifest decides.
pub const WHOLE: &str = "codif.whole";
/// The order in which pages stay as they are while versions are added.
const ORDER: [(&str, &str); 2] = [("order_by", "name ASC"), ("order_by", "version_number ASC")];

impl Mlflow {
    /// The models with a version, by name. Models that are none of codif's are listed too, since their artefacts would
    /// have to be looked at to tell. Versions of which a push was not finished are left out, and so are models whose
    /// name no reference can say.
    pub async fn models(&self) -> Result<Vec<ModelListing>, RegistryError> {
        let registered = self.client.search::<RegisteredPage>("registered-models/search", &[]).await?;
        let mut versions: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for version in self.client.search::<VersionPage>("model-versions/search", &ORDER).await? {
            if plain(&version.name).is_some() && self.is_whole(&version).await? {
                versions.entry(version.name).or_default().push(version.version);
            }
        }
        let models = registered.into_iter().filter_map(|model| Some(listing(&model, versions.remove(&model.name)?)));
        let mut models: Vec<ModelListing> = models.collect();
        models.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(models)
    }

    /// One model; none when no model of this name is registered.
    pub async fn model(&self, name: &str) -> Result<Option<ModelListing>, RegistryError> {
        let Some(model) = self.registered(name).await? else { return Ok(None) };
        let mut versions = Vec::new();
        for version in self.versions(name).await? {
            if self.is_whole(&version).await? {
                versions.push(version.version);
            }
        }
        Ok(Some(listing(&model, versions)))
    }

    /// A registered model with its aliases.
    pub(super) async fn registered(&self, name: &str) -> Result<Option<Registered>, RegistryError> {
        let found = self.client.get::<OneRegistered>("registered-models/get", &[("name", name)]).await;
        Ok(if_there(found)?.map(|found| found.registered_model))
    }

    /// All versions of a model, whole or not.
    pub(super) async fn versions(&self, name: &str) -> Result<Vec<Version>, RegistryError> {
        // Nothing else is ever asked for, and a quote would end the text in the filter.
        let Some(name) = plain(name) else { return Ok(Vec::new()) };
        let filter = format!("name='{name}'");
        let query: Vec<(&str, &str)> = [("filter", filter.as_str())].into_iter().chain(ORDER).collect();
        self.client.search::<VersionPage>("model-versions/search", &query).await
    }

    /// Whether a version is more than the beginning of a push.
    pub(super) async fn is_whole(&self, version: &Version) -> Result<bool, RegistryError> {
        if version.tag(IDENTITY).is_none() || version.tag(WHOLE).is_some() {
            return Ok(version.is_ready());
        }
        Ok(version.is_ready() && self.has_manifest(&version.name, version.version).await?)
    }

    /// There is no such version; what there is.
    pub(super) async fn lacks(&self, name: &str, version: u32) -> RegistryError {
        match self.model(name).await {
            Ok(Some(model)) => model.lacks(&Selector::Version(version)),
            Ok(None) => match self.models().await {
                Ok(models) => no_model(name, self.place(), &models),
                Err(error) => error,
            },
            Err(error) => error,
        }
    }
}

fn listing(model: &Registered, mut versions: Vec<u32>) -> ModelListing {
    versions.sort_unstable();
    // An entry that moved from one page to the next is there twice.
    versions.dedup();
    ModelListing { name: model.name.clone(), versions, aliases: model.aliases() }
}
