//! What a registry holds.

use std::collections::BTreeMap;

use super::error::RegistryError;
use super::reference::Selector;

/// Versions or models named in a message, at most.
const NAMED: usize = 20;

/// A model of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelListing {
    /// Its name.
    pub name: String,
    /// Its whole versions, ascending.
    pub versions: Vec<u32>,
    /// Its aliases and the versions they point to.
    pub aliases: BTreeMap<String, u32>,
}

impl ModelListing {
    /// The version that is meant, which must be whole.
    pub fn version(&self, selector: &Selector) -> Result<u32, RegistryError> {
        let version = match selector {
            Selector::Default => self.aliases.get(super::PRODUCTION).or(self.versions.last()).copied(),
            Selector::Alias(alias) => self.aliases.get(alias).copied(),
            Selector::Version(version) => Some(*version),
        };
        version.filter(|version| self.versions.contains(version)).ok_or_else(|| self.lacks(selector))
    }

    /// There is no such version; what there is.
    pub fn lacks(&self, selector: &Selector) -> RegistryError {
        let wanted = match selector {
            Selector::Default => "version".to_owned(),
            Selector::Alias(alias) => format!("alias {alias:?} to a version"),
            Selector::Version(version) => format!("version {version}"),
        };
        let versions = self.versions.iter().rev().map(u32::to_string);
        let aliases: Vec<String> = self.aliases.iter().map(|(alias, version)| format!("{alias} → {version}")).collect();
        let known = format!("its versions are [{}], its aliases [{}]", some(versions), aliases.join(", "));
        RegistryError::NoVersion { name: self.name.clone(), wanted, known }
    }
}

/// There is no such model among these.
pub fn no_model(name: &str, place: String, models: &[ModelListing]) -> RegistryError {
    let known = match models {
        [] => "it holds none".to_owned(),
        models => format!("it holds {}", some(models.iter().map(|model| model.name.clone()))),
    };
    RegistryError::NoModel { name: name.to_owned(), place, known }
}

/// The first of some names, and whether there are more.
fn some(mut names: impl Iterator<Item = String>) -> String {
    let mut shown: Vec<String> = names.by_ref().take(NAMED).collect();
    shown.extend(names.next().map(|_| "…".to_owned()));
    shown.join(", ")
}
