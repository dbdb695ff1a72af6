//! A registry in a directory.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::reference::{ModelReference, Selector, plain};

/// The alias that is served.
const PRODUCTION: &str = "production";

/// A registry in a directory.
#[derive(Clone, Debug)]
pub struct DirectoryRegistry {
    root: PathBuf,
}

/// A model of the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelListing {
    /// Its name.
    pub name: String,
    /// Its versions, ascending.
    pub versions: Vec<u32>,
    /// Its aliases and the versions they point to.
    pub aliases: BTreeMap<String, u32>,
}

/// A version that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Name of the model.
    pub name: String,
    /// Version of the model.
    pub version: u32,
    /// Where it is.
    pub directory: PathBuf,
}

/// Why a registry has no answer.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// It cannot be read or written.
    #[error("cannot read or write {}", .path.display())]
    Unreadable {
        /// What cannot be read.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is no such directory.
    #[error("there is no model registry at {}: give its directory with --registry", .0.display())]
    NoRegistry(PathBuf),
    /// There is no such model.
    #[error("there is no model {name:?} in {}: {known}", .root.display())]
    NoModel {
        /// The name asked for.
        name: String,
        /// The registry.
        root: PathBuf,
        /// What there is.
        known: String,
    },
    /// There is no such version or alias.
    #[error("there is no {wanted} of {name:?}: {known}")]
    NoVersion {
        /// The name asked for.
        name: String,
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: String,
    },
    /// An alias holds no version.
    #[error("{}: it should hold the number of a version of the model", .0.display())]
    BadAlias(PathBuf),
    /// No model is in production.
    #[error("no model in {} has the alias production: name one with --model", .0.display())]
    NothingInProduction(PathBuf),
}

impl DirectoryRegistry {
    /// The registry in `root`, which must be a directory.
    pub fn open(root: &Path) -> Result<Self, RegistryError> {
        if !root.is_dir() {
            return Err(RegistryError::NoRegistry(root.to_owned()));
        }
        Ok(Self { root: root.to_owned() })
    }

    /// The models, by name. A directory without versions is no model.
    pub fn models(&self) -> Result<Vec<ModelListing>, RegistryError> {
        let mut models = Vec::new();
        for name in names(&self.root)? {
            if plain(&name).is_some() && self.versions_of(&name).is_dir() {
                models.push(self.model(&name)?);
            }
        }
        Ok(models)
    }

    /// One model.
    pub fn model(&self, name: &str) -> Result<ModelListing, RegistryError> {
        let mut versions: Vec<u32> =
            names(&self.versions_of(name))?.iter().filter_map(|name| name.parse().ok()).collect();
        versions.sort_unstable();
        let mut aliases = BTreeMap::new();
        let folder = self.root.join(name).join("aliases");
        if folder.is_dir() {
            for alias in names(&folder)?.into_iter().filter(|alias| plain(alias).is_some()) {
                let path = folder.join(&alias);
                let text = fs::read_to_string(&path).map_err(unreadable(&path))?;
                let version = text.trim().parse().map_err(|_| RegistryError::BadAlias(path))?;
                aliases.insert(alias, version);
            }
        }
        Ok(ModelListing { name: name.to_owned(), versions, aliases })
    }

    /// The version a reference means.
    pub fn resolve(&self, reference: &ModelReference) -> Result<Resolved, RegistryError> {
        let name = &reference.name;
        let known: Vec<String> = self.models()?.into_iter().map(|model| model.name).collect();
        if !known.contains(name) {
            let known = match known.as_slice() {
                [] => "it holds none".to_owned(),
                known => format!("it holds {}", known.join(", ")),
            };
            return Err(RegistryError::NoModel { name: name.clone(), root: self.root.clone(), known });
        }
        let model = self.model(name)?;
        let version = match &reference.selector {
            Selector::Default => model.aliases.get(PRODUCTION).or(model.versions.last()).copied(),
            Selector::Alias(alias) => model.aliases.get(alias).copied(),
            Selector::Version(version) => Some(*version),
        };
        let version = version.filter(|version| model.versions.contains(version));
        let version = version.ok_or_else(|| model.lacks(&reference.selector))?;
        let directory = self.versions_of(name).join(version.to_string());
        Ok(Resolved { name: name.clone(), version, directory })
    }

    /// References to every model in production.
    pub fn in_production(&self) -> Result<Vec<ModelReference>, RegistryError> {
        let models = self.models()?.into_iter().filter(|model| model.aliases.contains_key(PRODUCTION));
        let selector = || Selector::Alias(PRODUCTION.to_owned());
        let references: Vec<ModelReference> =
            models.map(|model| ModelReference { name: model.name, selector: selector() }).collect();
        if references.is_empty() {
            return Err(RegistryError::NothingInProduction(self.root.clone()));
        }
        Ok(references)
    }

    /// The directory of a model's versions, whether it exists or not.
    pub fn versions_of(&self, name: &str) -> PathBuf {
        self.root.join(name).join("versions")
    }

    /// Points an alias to a version, at once for every reader.
    pub fn set_alias(&self, name: &str, alias: &str, version: u32) -> Result<(), RegistryError> {
        let folder = self.root.join(name).join("aliases");
        let write = || {
            fs::create_dir_all(&folder)?;
            let mut file = tempfile::Builder::new().prefix(".alias-").tempfile_in(&folder)?;
            writeln!(file, "{version}")?;
            file.as_file().sync_all()?;
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
            }
            file.persist(folder.join(alias)).map_err(|error| error.error)?;
            Ok(())
        };
        write().map_err(unreadable(&folder))
    }
}

impl ModelListing {
    fn lacks(&self, selector: &Selector) -> RegistryError {
        let versions: Vec<String> = self.versions.iter().map(u32::to_string).collect();
        let aliases: Vec<String> = self.aliases.iter().map(|(alias, version)| format!("{alias} → {version}")).collect();
        let wanted = match selector {
            Selector::Default => "version".to_owned(),
            Selector::Alias(alias) => format!("alias {alias:?} to a version"),
            Selector::Version(version) => format!("version {version}"),
        };
        let known = format!("its versions are [{}], its aliases [{}]", versions.join(", "), aliases.join(", "));
        RegistryError::NoVersion { name: self.name.clone(), wanted, known }
    }
}

/// The names in a directory that are UTF-8, sorted.
fn names(directory: &Path) -> Result<Vec<String>, RegistryError> {
    let entries = fs::read_dir(directory).map_err(unreadable(directory))?;
    let mut names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    Ok(names)
}

fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> RegistryError + use<> {
    let path = path.to_owned();
    move |source| RegistryError::Unreadable { path, source }
}
