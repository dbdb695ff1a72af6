//! The layout of a registry in objects: `NAME/versions/N/…` and `NAME/aliases/ALIAS`.
//!
//! A version is whole when it has a manifest, which is written last. While it is pushed it holds its number with the object
//! `unfinished`; one that was deleted keeps it with the object `deleted`, so that a number never means two things.

use std::collections::{BTreeMap, BTreeSet};

use super::alias::Alias;
use super::error::RegistryError;
use super::listing::{ModelListing, no_model};
use super::object::{Condition, Tag};
use super::objects::Objects;
use super::reference::{Selector, plain};
use crate::coding::ModelVersion;
use crate::model::manifest::Manifest;

/// Held by a version that is being pushed; says what is pushed.
const UNFINISHED: &str = "unfinished";
/// Left by a version that was deleted.
const DELETED: &str = "deleted";

/// A registry in objects.
#[derive(Clone, Debug)]
pub struct ObjectRegistry {
    /// The objects.
    pub objects: Objects,
    /// How messages name the registry.
    pub place: String,
}

/// What is known of a model from the keys of its objects.
#[derive(Default)]
struct Found {
    numbers: BTreeSet<u32>,
    whole: BTreeSet<u32>,
    unfinished: BTreeSet<u32>,
    deleted: BTreeSet<u32>,
    aliases: Vec<String>,
}

impl ObjectRegistry {
    /// The models, by name. A name without a whole version is no model.
    pub async fn models(&self) -> Result<Vec<ModelListing>, RegistryError> {
        let mut models = Vec::new();
        for (name, found) in self.found("").await? {
            if !found.whole.is_empty() {
                models.push(self.listing(name, found).await?);
            }
        }
        Ok(models)
    }

    /// One model.
    pub async fn model(&self, name: &str) -> Result<ModelListing, RegistryError> {
        match self.found(&format!("{name}/")).await?.remove(name) {
            Some(found) if !found.whole.is_empty() => self.listing(name.to_owned(), found).await,
            _ => Err(no_model(name, self.place.clone(), &self.models().await?)),
        }
    }

    async fn listing(&self, name: String, found: Found) -> Result<ModelListing, RegistryError> {
        let mut aliases = BTreeMap::new();
        for alias in found.aliases {
            match self.alias(&name, &alias).await {
                Ok(Some((found, _))) => drop(aliases.insert(alias, found.current())),
                // Whoever asks for that alias is told; the others go on.
                Ok(None) | Err(RegistryError::BadAlias(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(ModelListing { name, versions: found.whole.into_iter().collect(), aliases })
    }

    async fn found(&self, prefix: &str) -> Result<BTreeMap<String, Found>, RegistryError> {
        let mut models: BTreeMap<String, Found> = BTreeMap::new();
        for listed in self.objects.list(prefix).await? {
            let parts: Vec<&str> = listed.key.split('/').collect();
            let Some(name) = parts.first().and_then(|name| plain(name)) else { continue };
            let found = models.entry(name.to_owned()).or_default();
            match (parts.get(1).copied(), parts.get(2).copied(), parts.get(3..).unwrap_or_default()) {
                (Some("aliases"), Some(alias), []) => found.aliases.extend(plain(alias).map(str::to_owned)),
                (Some("versions"), Some(number), [file, ..]) => {
                    let Some(number) = version_number(number) else { continue };
                    found.numbers.insert(number);
                    match *file {
                        Manifest::FILE => found.whole.insert(number),
                        UNFINISHED => found.unfinished.insert(number),
                        DELETED => found.deleted.insert(number),
                        _ => false,
                    };
                }
                _ => {}
            }
        }
        Ok(models)
    }

    /// An alias and its state.
    pub async fn alias(&self, name: &str, alias: &str) -> Result<Option<(Alias, Tag)>, RegistryError> {
        let Some((bytes, tag)) = self.objects.get(&alias_key(name, alias)).await? else { return Ok(None) };
        let text = String::from_utf8_lossy(&bytes);
        let found = text.parse().map_err(|_| RegistryError::BadAlias(self.named(&alias_key(name, alias))))?;
        Ok(Some((found, tag)))
    }

    /// Moves an alias that is in the state expected; none when it does not exist.
    pub async fn set_alias(
        &self,
        name: &str,
        alias: &str,
        to: &Alias,
        expected: Option<&Tag>,
    ) -> Result<(), RegistryError> {
        let condition = expected.map_or(Condition::Absent, Condition::Unchanged);
        self.objects.put(&alias_key(name, alias), to.to_string().into_bytes(), condition).await
    }

    /// A small file of a version.
    pub async fn read(&self, version: &ModelVersion, file: &str) -> Result<Option<(Vec<u8>, Tag)>, RegistryError> {
        self.objects.get(&key(version, file)).await
    }

    /// Takes the next number for what `identity` tells apart, or goes on with the one it took before.
    pub async fn begin(&self, name: &str, identity: &str) -> Result<u32, RegistryError> {
        let found = self.found(&format!("{name}/")).await?.remove(name).unwrap_or_default();
        let taken = &found.whole | &found.deleted;
        for number in found.unfinished.difference(&taken) {
            let version = ModelVersion { name: name.to_owned(), version: *number };
            let marker = self.read(&version, UNFINISHED).await?;
            if marker.is_some_and(|(marker, _)| marker == identity.as_bytes()) {
                return Ok(*number);
            }
        }
        let mut number = found.numbers.last().copied().unwrap_or_default();
        loop {
            number =
                number.checked_add(1).ok_or_else(|| RegistryError::Refused("there is no number left".to_owned()))?;
            let version = ModelVersion { name: name.to_owned(), version: number };
            let marker = identity.as_bytes().to_vec();
            match self.objects.put(&key(&version, UNFINISHED), marker, Condition::Absent).await {
                // Another push took the number in the meantime.
                Err(RegistryError::Conflict { .. }) => {}
                Err(error) => return Err(error),
                Ok(()) if self.read(&version, Manifest::FILE).await?.is_none() => return Ok(number),
                // Another push took it and has come to its end already.
                Ok(()) => self.objects.delete(&key(&version, UNFINISHED)).await?,
            }
        }
    }

    /// Writes the manifest: from now on the version exists.
    pub async fn finish(&self, version: &ModelVersion, manifest: Vec<u8>) -> Result<(), RegistryError> {
        self.objects.put(&key(version, Manifest::FILE), manifest, Condition::Absent).await?;
        self.objects.delete(&key(version, UNFINISHED)).await
    }

    /// Writes a small file of a version, in place of one that is there.
    pub async fn put(&self, version: &ModelVersion, file: &str, bytes: Vec<u8>) -> Result<(), RegistryError> {
        let found = self.read(version, file).await?;
        let condition = found.as_ref().map_or(Condition::Absent, |(_, tag)| Condition::Unchanged(tag));
        self.objects.put(&key(version, file), bytes, condition).await
    }

    /// Whether the deletion of a version was begun, and not brought to its end.
    pub async fn is_half_deleted(&self, version: &ModelVersion) -> Result<bool, RegistryError> {
        let begun = self.read(version, DELETED).await?.is_some();
        let files = self.objects.list(&key(version, "")).await?;
        Ok(begun && files.len() > 1 && !files.iter().any(|listed| listed.key == key(version, Manifest::FILE)))
    }

    /// Deletes a version, its manifest first. Its number is not given again.
    pub async fn delete(&self, version: &ModelVersion) -> Result<(), RegistryError> {
        match self.objects.put(&key(version, DELETED), Vec::new(), Condition::Absent).await {
            Ok(()) | Err(RegistryError::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
        self.objects.delete(&key(version, Manifest::FILE)).await?;
        for listed in self.objects.list(&key(version, "")).await? {
            if listed.key != key(version, DELETED) {
                self.objects.delete(&listed.key).await?;
            }
        }
        Ok(())
    }

    /// There is no such version.
    pub async fn lacks(&self, version: &ModelVersion) -> RegistryError {
        let files = self.objects.list(&key(version, "")).await.unwrap_or_default();
        if files.iter().any(|listed| listed.key != key(version, DELETED)) {
            let manifest = self.named(&key(version, Manifest::FILE));
            let known = format!("{manifest}: there is none: the version was never pushed whole, or it was damaged");
            let wanted = format!("version {}", version.version);
            return RegistryError::NoVersion { name: version.name.clone(), wanted, known };
        }
        match self.model(&version.name).await {
            Ok(model) => model.lacks(&Selector::Version(version.version)),
            Err(error) => error,
        }
    }

    /// An object, as messages name it.
    pub fn named(&self, key: &str) -> String {
        format!("{}/{key}", self.place.trim_end_matches('/'))
    }
}

/// The number of a version, as it is written and in no other way.
fn version_number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|number: &u32| number.to_string() == text)
}

/// The key of a file of a version.
pub fn key(version: &ModelVersion, file: &str) -> String {
    format!("{}/versions/{}/{file}", version.name, version.version)
}

fn alias_key(name: &str, alias: &str) -> String {
    format!("{name}/aliases/{alias}")
}
