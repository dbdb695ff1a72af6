//! What was fetched from a registry, and which versions came out right last: laid out as a registry in a directory. With the
//! registry down it is what codif starts from.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::alias::Alias;
use super::directory::{Directory, REMOVED, remove_at_once};
use super::object::Condition;
use super::{ModelReference, PRODUCTION, Registry, RegistryError, Selector};
use crate::coding::ModelVersion;

/// Versions of a model that are kept.
const KEPT: usize = 4;
/// The alias under which is remembered what a plain name meant. No registry has one of such a name.
const OF_PLAIN_NAME: &str = ".default";

/// The cache of one registry.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// The part of the cache below `root` that is this registry's.
    pub fn of(registry: &Registry, root: &Path) -> Self {
        let digest = hex::encode(Sha256::digest(registry.identity().as_bytes()));
        Self { root: root.join(digest.get(..16).unwrap_or_default()) }
    }

    /// Where a version is, or would be.
    pub fn directory(&self, version: &ModelVersion) -> PathBuf {
        self.versions(version).join(version.version.to_string())
    }

    fn versions(&self, version: &ModelVersion) -> PathBuf {
        self.root.join(&version.name).join("versions")
    }

    /// The version that a reference meant when it came out right last.
    pub fn last_good(&self, reference: &ModelReference) -> Option<ModelVersion> {
        let version = match &reference.selector {
            Selector::Version(version) => *version,
            _ => {
                let (text, _) = Directory::open(&self.root).ok()?.get(&alias_key(reference)?).ok()??;
                String::from_utf8(text).ok()?.parse::<Alias>().ok()?.current()
            }
        };
        Some(ModelVersion { name: reference.name.clone(), version })
    }

    /// Remembers that a reference means this version, which came out right. Of the versions that were not used for longest, those
    /// beyond a few go.
    pub fn remember(&self, reference: &ModelReference, version: &ModelVersion) -> Result<(), RegistryError> {
        if let Some(key) = alias_key(reference) {
            let directory = Directory::open(&self.root)?;
            let found = directory.get(&key)?;
            let condition = found.as_ref().map_or(Condition::Absent, |(_, tag)| Condition::Unchanged(tag));
            match directory.put(&key, Alias::new(version.version).to_string().as_bytes(), condition) {
                // Another process on the same cache remembered one at the same moment: as good.
                Err(RegistryError::Conflict { .. }) => {}
                put => put?,
            }
        }
        let versions = self.versions(version);
        self.let_go(version).map_err(RegistryError::of_file(versions))
    }

    /// Removes a version.
    pub fn forget(&self, version: &ModelVersion) -> Result<(), RegistryError> {
        let directory = self.directory(version);
        remove_at_once(&directory).map_err(RegistryError::of_file(directory))
    }

    /// Notes that a version is in use: others leave before it.
    pub fn touch(&self, used: &ModelVersion) -> std::io::Result<()> {
        File::open(self.directory(used))?.set_modified(SystemTime::now())
    }

    fn let_go(&self, used: &ModelVersion) -> std::io::Result<()> {
        self.touch(used)?;
        let meant = self.meant(&used.name);
        let mut versions = Vec::new();
        for entry in fs::read_dir(self.versions(used))? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(REMOVED) {
                // A removal that was cut off. Another process may be ending one of its own.
                let _ = fs::remove_dir_all(entry.path());
                continue;
            }
            let number = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
            if let Some(number) = number {
                versions.push((entry.metadata()?.modified()?, entry.path(), meant.contains(&number)));
            }
        }
        versions.sort_by(|one, other| other.cmp(one));
        let mut old = versions.iter().skip(KEPT).filter(|(_, _, is_meant)| !is_meant);
        old.try_for_each(|(_, directory, _)| remove_at_once(directory))
    }
}

/// The models in production, a name a line.
const PRODUCTION_FILE: &str = ".in-production";

impl Cache {
    /// The versions of a model that some reference means: what a start without the registry needs.
    fn meant(&self, name: &str) -> Vec<u32> {
        let Ok(aliases) = fs::read_dir(self.root.join(name).join("aliases")) else { return Vec::new() };
        let texts = aliases.filter_map(|alias| fs::read_to_string(alias.ok()?.path()).ok());
        texts.filter_map(|text| text.parse::<Alias>().ok()).map(|alias| alias.current()).collect()
    }

    /// Remembers which models are in production.
    pub fn remember_production(&self, names: &[&str]) -> Result<(), RegistryError> {
        fs::create_dir_all(&self.root).map_err(RegistryError::of_file(&self.root))?;
        let directory = Directory::open(&self.root)?;
        let found = directory.get(PRODUCTION_FILE)?;
        let condition = found.as_ref().map_or(Condition::Absent, |(_, tag)| Condition::Unchanged(tag));
        directory.put(PRODUCTION_FILE, names.join("\n").as_bytes(), condition)
    }

    /// References to the models that were in production when the registry was asked last.
    pub fn in_production(&self) -> Option<Vec<ModelReference>> {
        let text = fs::read_to_string(self.root.join(PRODUCTION_FILE)).ok()?;
        text.lines().map(|name| format!("{name}@{PRODUCTION}").parse().ok()).collect()
    }
}

fn alias_key(reference: &ModelReference) -> Option<String> {
    let alias = match &reference.selector {
        Selector::Alias(alias) => alias,
        Selector::Default => OF_PLAIN_NAME,
        Selector::Version(_) => return None,
    };
    Some(format!("{}/aliases/{alias}", reference.name))
}
