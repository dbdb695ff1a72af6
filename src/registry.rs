//! Where models are kept: in a directory, in S3 or in MLflow.
//!
//! A version is immutable; an alias (`production`) points to one and is moved by compare-and-swap. Files are written first
//! and the manifest last, so that what is there is whole.

use std::path::PathBuf;

pub mod alias;
pub mod cache;
pub mod directory;
pub mod error;
pub mod fetch;
pub mod layout;
pub mod listing;
pub mod location;

pub mod mlflow;
pub mod object;
pub mod objects;
pub mod push;
pub mod reference;

pub mod s3;

pub use error::RegistryError;
pub use listing::ModelListing;
pub use location::{LocationError, RegistryLocation};
pub use reference::{ModelReference, ReferenceError, Selector};

use crate::coding::ModelVersion;
use crate::model::manifest::Manifest;
use alias::Alias;
use directory::Directory;
use layout::ObjectRegistry;
use mlflow::Mlflow;
use object::{Sink, Tag};
use objects::Objects;
use s3::{S3, S3Settings};

/// The alias that is served.
pub const PRODUCTION: &str = "production";

/// A registry.
#[derive(Clone, Debug)]
pub enum Registry {
    /// In a directory or in S3.
    Objects(ObjectRegistry),
    /// In an MLflow tracking server.
    Mlflow(Mlflow),
}

impl Registry {
    /// Opens the registry. A directory must be there; a server is not asked yet.
    pub async fn open(location: &RegistryLocation, s3: &S3Settings) -> Result<Self, RegistryError> {
        let objects = match location {
            RegistryLocation::Directory(root) => Objects::Directory(Directory::open(root)?),
            RegistryLocation::S3 { bucket, prefix } => Objects::S3(S3::open(bucket, prefix, s3).await?),
            RegistryLocation::Locked { address } => {
                return Err(RegistryError::Refused(LocationError(address.clone()).to_string()));
            }
            RegistryLocation::Mlflow { url } => return Ok(Self::Mlflow(Mlflow::open(url, s3)?)),
        };
        Ok(Self::Objects(ObjectRegistry { objects, place: location.to_string() }))
    }

    /// How messages name it.
    pub fn place(&self) -> String {
        match self {
            Self::Objects(registry) => registry.place.clone(),
            Self::Mlflow(mlflow) => mlflow.place(),
        }
    }

    /// What tells it from any other: its place, and the server when that is not said by the place.
    pub fn identity(&self) -> String {
        match self {
            Self::Objects(ObjectRegistry { objects: Objects::S3(s3), place }) => {
                format!("{place} {}", s3.endpoint().unwrap_or_default())
            }
            registry => registry.place(),
        }
    }

    /// Whether its versions lie on this machine.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Objects(ObjectRegistry { objects: Objects::Directory(_), .. }))
    }

    /// Where a version already lies on this machine; none when it has to be fetched.
    pub fn local(&self, version: &ModelVersion) -> Option<PathBuf> {
        match self {
            Self::Objects(ObjectRegistry { objects: Objects::Directory(directory), .. }) => {
                Some(directory.root().join(&version.name).join("versions").join(version.version.to_string()))
            }
            _ => None,
        }
    }

    /// The models, by name.
    pub async fn models(&self) -> Result<Vec<ModelListing>, RegistryError> {
        match self {
            Self::Objects(registry) => registry.models().await,
            Self::Mlflow(mlflow) => mlflow.models().await,
        }
    }

    /// One model.
    pub async fn model(&self, name: &str) -> Result<ModelListing, RegistryError> {
        match self {
            Self::Objects(registry) => registry.model(name).await,
            Self::Mlflow(mlflow) => match mlflow.model(name).await? {
                Some(model) => Ok(model),
                None => Err(listing::no_model(name, self.place(), &mlflow.models().await?)),
            },
        }
    }

    /// The version a reference means. Of an alias only where it points to is asked: cheap enough for every few seconds.
    pub async fn resolve(&self, reference: &ModelReference) -> Result<ModelVersion, RegistryError> {
        let name = reference.name.clone();
        let version = match &reference.selector {
            Selector::Version(version) => Some(*version),
            Selector::Alias(alias) => self.alias(&name, alias).await?.map(|(alias, _)| alias.current()),
            Selector::Default => self.alias(&name, PRODUCTION).await?.map(|(alias, _)| alias.current()),
        };
        match version {
            Some(version) => Ok(ModelVersion { name, version }),
            None => {
                let version = self.model(&name).await?.version(&reference.selector)?;
                Ok(ModelVersion { name, version })
            }
        }
    }

    /// References to every model in production.
    pub async fn in_production(&self) -> Result<Vec<ModelReference>, RegistryError> {
        let mut references = Vec::new();
        for model in self.models().await? {
            let is_in_production = match self {
                // An alias that cannot be read is left out of a listing; here it would be a model that silently is not served.
                Self::Objects(registry) => registry.alias(&model.name, PRODUCTION).await?.is_some(),
                Self::Mlflow(_) => model.aliases.contains_key(PRODUCTION),
            };
            let selector = Selector::Alias(PRODUCTION.to_owned());
            references.extend(is_in_production.then_some(ModelReference { name: model.name, selector }));
        }
        if references.is_empty() {
            return Err(RegistryError::NothingInProduction(self.place()));
        }
        Ok(references)
    }

    /// An alias and its state.
    pub async fn alias(&self, name: &str, alias: &str) -> Result<Option<(Alias, Tag)>, RegistryError> {
        match self {
            Self::Objects(registry) => registry.alias(name, alias).await,
            Self::Mlflow(mlflow) => mlflow.alias(name, alias).await,
        }
    }

    /// The bytes of a version's manifest.
    pub async fn manifest(&self, version: &ModelVersion) -> Result<Vec<u8>, RegistryError> {
        match self.read(version, Manifest::FILE).await? {
            Some(manifest) => Ok(manifest),
            None => Err(match self {
                Self::Objects(registry) => registry.lacks(version).await,
                Self::Mlflow(_) => self.model(&version.name).await?.lacks(&Selector::Version(version.version)),
            }),
        }
    }

    /// A small file of a version; none when there is none.
    pub async fn read(&self, version: &ModelVersion, file: &str) -> Result<Option<Vec<u8>>, RegistryError> {
        let found = match self {
            Self::Objects(registry) => registry.read(version, file).await?,
            Self::Mlflow(mlflow) => mlflow.read(version, file).await?,
        };
        Ok(found.map(|(bytes, _)| bytes))
    }

    /// The bytes of a file of a version from an offset on.
    pub async fn download(
        &self,
        version: &ModelVersion,
        file: &str,
        offset: u64,
        sink: &mut Sink<'_>,
    ) -> Result<(), RegistryError> {
        match self {
            Self::Objects(registry) => registry.objects.download(&layout::key(version, file), offset, sink).await,
            Self::Mlflow(mlflow) => mlflow.download(version, file, offset, sink).await,
        }
    }

    /// Writes a small file of a version beside its manifest, such as its signature.
    pub async fn put(&self, version: &ModelVersion, file: &str, bytes: Vec<u8>) -> Result<(), RegistryError> {
        match self {
            Self::Objects(registry) => registry.put(version, file, bytes).await,
            Self::Mlflow(mlflow) => mlflow.put(version, file, bytes).await,
        }
    }

    /// Points an alias to a version, which must be whole. Whoever moved it in the meantime wins: [`RegistryError::Conflict`].
    pub async fn promote(&self, version: &ModelVersion, alias: &str) -> Result<Alias, RegistryError> {
        let found = self.alias(&version.name, alias).await?;
        self.manifest(version).await?;
        let to =
            found.as_ref().map_or_else(|| Alias::new(version.version), |(alias, _)| alias.moved_to(version.version));
        self.set_alias(&version.name, alias, &to, found.as_ref().map(|(_, tag)| tag)).await?;
        Ok(to)
    }

    /// Points an alias to the version before.
    pub async fn roll_back(&self, name: &str, alias: &str) -> Result<Alias, RegistryError> {
        let Some((found, tag)) = self.alias(name, alias).await? else {
            return Err(self.model(name).await?.lacks(&Selector::Alias(alias.to_owned())));
        };
        let Some(to) = found.rolled_back() else {
            let message = format!("alias {alias:?} of {name:?} points to {}, its first version", found.current());
            return Err(RegistryError::Refused(format!("{message}: there is none to go back to")));
        };
        self.manifest(&ModelVersion { name: name.to_owned(), version: to.current() }).await?;
        self.set_alias(name, alias, &to, Some(&tag)).await?;
        Ok(to)
    }

    async fn set_alias(
        &self,
        name: &str,
        alias: &str,
        to: &Alias,
        expected: Option<&Tag>,
    ) -> Result<(), RegistryError> {
        let set = match self {
            Self::Objects(registry) => registry.set_alias(name, alias, to, expected).await,
            Self::Mlflow(mlflow) => mlflow.set_alias(name, alias, to, expected).await,
        };
        match set {
            Err(RegistryError::Conflict { .. }) => {
                let what = format!("alias {alias:?} of {name:?}");
                let hint = "nothing was moved; look with `codif model list`, then try again".to_owned();
                Err(RegistryError::Conflict { what, hint })
            }
            set => set,
        }
    }

    /// Deletes a version that no alias points to.
    pub async fn delete(&self, version: &ModelVersion) -> Result<(), RegistryError> {
        if let Self::Objects(registry) = self
            && registry.is_half_deleted(version).await?
        {
            // One that was interrupted is brought to its end.
            return registry.delete(version).await;
        }
        let model = self.model(&version.name).await?;
        model.version(&Selector::Version(version.version))?;
        let pointing = model.aliases.iter().find(|(_, pointed)| **pointed == version.version);
        if let Some((alias, _)) = pointing {
            let message = format!("alias {alias:?} points to version {} of {:?}", version.version, version.name);
            return Err(RegistryError::Refused(format!("{message}: move it first")));
        }
        match self {
            Self::Objects(registry) => registry.delete(version).await,
            Self::Mlflow(mlflow) => mlflow.delete(version).await,
        }
    }
}
