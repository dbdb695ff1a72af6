//! The answers of MLflow's interface, of which only what codif needs is read. Empty lists and texts may be left out.

use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};

use crate::registry::alias::Alias;
use crate::registry::object::Tag;

/// A page of what a search found.
pub trait Page: DeserializeOwned {
    /// What is searched for.
    type Entry;

    /// The entries, and what to ask for the next page with.
    fn into_parts(self) -> (Vec<Self::Entry>, Option<String>);
}

/// A registered model.
#[derive(Debug, Deserialize)]
pub struct Registered {
    /// Its name.
    pub name: String,
    #[serde(default)]
    tags: Vec<KeyValue>,
    #[serde(default)]
    aliases: Vec<Pointed>,
}

impl Registered {
    /// Its aliases and the versions they point to.
    pub fn aliases(&self) -> BTreeMap<String, u32> {
        self.aliases.iter().map(|pointed| (pointed.alias.clone(), pointed.version)).collect()
    }

    /// An alias and its state, which is the version it points to.
    pub fn alias(&self, alias: &str) -> Option<(Alias, Tag)> {
        let version = self.aliases.iter().find(|pointed| pointed.alias == alias)?.version;
        let history = value(&self.tags, &history_key(alias)).and_then(|history| history.parse().ok());
        // Whoever moved the alias without codif left the tag behind.
        let history = history.filter(|history: &Alias| history.current() == version);
        Some((history.unwrap_or_else(|| Alias::new(version)), Tag(version.to_string())))
    }
}

/// The tag of a registered model that says where an alias pointed to before.
pub fn history_key(alias: &str) -> String {
    format!("codif.alias.{alias}")
}

#[derive(Debug, Deserialize)]
struct Pointed {
    alias: String,
    #[serde(deserialize_with = "number")]
    version: u32,
}

/// A version of a registered model.
#[derive(Debug, Deserialize)]
pub struct Version {
    /// Name of the model.
    pub name: String,
    /// Its number.
    #[serde(deserialize_with = "number")]
    pub version: u32,
    /// Id of the run it comes from, or nothing.
    #[serde(default)]
    pub run_id: String,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    tags: Vec<KeyValue>,
}

impl Version {
    /// Whether MLflow is done with making it.
    pub fn is_ready(&self) -> bool {
        self.status.as_ref().is_none_or(|status| status == "READY")
    }

    /// The value of one of its tags.
    pub fn tag(&self, key: &str) -> Option<&str> {
        value(&self.tags, key)
    }
}

#[derive(Debug, Deserialize)]
struct KeyValue {
    key: String,
    #[serde(default)]
    value: String,
}

fn value<'a>(tags: &'a [KeyValue], key: &str) -> Option<&'a str> {
    tags.iter().find(|tag| tag.key == key).map(|tag| tag.value.as_str())
}

/// MLflow writes the number of a version as a text.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| D::Error::custom(format!("version {text:?} is no number of a version")))
}

/// A page of registered models.
#[derive(Debug, Deserialize)]
pub struct RegisteredPage {
    #[serde(default)]
    registered_models: Vec<Registered>,
    next_page_token: Option<String>,
}

impl Page for RegisteredPage {
    type Entry = Registered;

    fn into_parts(self) -> (Vec<Registered>, Option<String>) {
        (self.registered_models, self.next_page_token)
    }
}

/// A page of versions.
#[derive(Debug, Deserialize)]
pub struct VersionPage {
    #[serde(default)]
    model_versions: Vec<Version>,
    next_page_token: Option<String>,
}

impl Page for VersionPage {
    type Entry = Version;

    fn into_parts(self) -> (Vec<Version>, Option<String>) {
        (self.model_versions, self.next_page_token)
    }
}

/// A registered model, alone.
#[derive(Debug, Deserialize)]
pub struct OneRegistered {
    /// The model.
    pub registered_model: Registered,
}

/// A version, alone.
#[derive(Debug, Deserialize)]
pub struct OneVersion {
    /// The version.
    pub model_version: Version,
}

/// Where the artefacts of a version are.
#[derive(Debug, Deserialize)]
pub struct DownloadUri {
    /// An address of any of MLflow's schemes.
    pub artifact_uri: String,
}

/// An experiment, found.
#[derive(Debug, Deserialize)]
pub struct OneExperiment {
    /// The experiment.
    pub experiment: Experiment,
}

/// An experiment.
#[derive(Debug, Deserialize)]
pub struct Experiment {
    /// Its id.
    pub experiment_id: String,
    /// `active` or `deleted`.
    #[serde(default)]
    pub lifecycle_stage: String,
}

/// The id of an experiment that was made.
#[derive(Debug, Deserialize)]
pub struct MadeExperiment {
    /// The id.
    pub experiment_id: String,
}

/// A run, alone.
#[derive(Debug, Deserialize)]
pub struct OneRun {
    /// The run.
    pub run: Run,
}

/// A run.
#[derive(Debug, Deserialize)]
pub struct Run {
    /// What is known of it.
    pub info: RunInfo,
}

/// What is known of a run.
#[derive(Debug, Deserialize)]
pub struct RunInfo {
    /// Its id.
    pub run_id: String,
    /// Where its artefacts are.
    pub artifact_uri: String,
}

/// What is in a folder of artefacts.
#[derive(Debug, Deserialize)]
pub struct FolderContents {
    /// The files and folders.
    #[serde(default)]
    pub files: Vec<Artifact>,
}

/// A file or folder of artefacts.
#[derive(Debug, Deserialize)]
pub struct Artifact {
    /// Its name in the folder.
    pub path: String,
    /// Whether it is a folder.
    #[serde(default)]
    pub is_dir: bool,
    /// Its size.
    #[serde(default)]
    pub file_size: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_has_the_history_of_its_tag_only_while_codif_moved_it_last() {
        let model = |version: &str| -> Registered {
            let tags = serde_json::json!([{"key": "codif.alias.production", "value": "3\n2\n1\n"}]);
            let aliases = serde_json::json!([{"alias": "production", "version": version}]);
            serde_json::from_value(serde_json::json!({"name": "ape", "tags": tags, "aliases": aliases})).unwrap()
        };
        let (alias, tag) = model("3").alias("production").unwrap();
        assert_eq!((alias.before(), tag), ([2, 1].as_slice(), Tag("3".to_owned())));
        assert_eq!(model("4").alias("production").unwrap().0, Alias::new(4));
        assert_eq!(model("4").alias("staging"), None);
    }

    #[test]
    fn what_is_left_out_is_empty_and_a_number_is_a_text() {
        let page: VersionPage = serde_json::from_str("{}").unwrap();
        assert!(page.into_parts().0.is_empty());
        let version = |text: &str| serde_json::from_str::<Version>(&format!(r#"{{"name":"ape","version":"{text}"}}"#));
        assert_eq!(version("4294967295").unwrap().version, u32::MAX);
        assert!(["4294967296", "-1", "", "x"].iter().all(|text| version(text).is_err()));
    }
}
