//! The configuration file, below the environment and the flags.
//!
//! A value of the file becomes the default of its flag: one parser reads all three, and which of them wins is clap's own
//! order.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{ArgMatches, Command};
use serde::Deserialize;
use toml::{Table, Value};

use crate::http::auth::keys::KeyEntry;

/// The file as it was read: plain settings by their dotted key, and the API keys.
#[derive(Clone, Debug, Default)]
pub struct ConfigurationFile {
    /// Where it was read.
    pub path: PathBuf,
    /// Values by dotted key, in the order of the file.
    pub settings: Vec<(String, Vec<String>)>,
    /// The API keys.
    pub keys: Vec<KeyEntry>,
}

/// Why a configuration file is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// It cannot be read.
    #[error("cannot read the configuration {}", .0.display())]
    Unreadable(PathBuf, #[source] std::io::Error),
    /// It is no TOML.
    #[error("{}: {}", .0.display(), .1)]
    Malformed(PathBuf, Box<toml::de::Error>),
    /// It has a key that is no setting.
    #[error("{}: unknown setting {key:?}{}", .path.display(), suggestion.as_ref().map(|s| format!(": did you mean {s:?}?")).unwrap_or_default())]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// The nearest setting.
        suggestion: Option<String>,
    },
    /// A setting has a value that it cannot have.
    #[error("{}: {message}", .path.display())]
    BadValue {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
}

/// The file's own form: tables of settings, and `[[keys]]`.
#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    keys: Vec<KeyEntry>,
    #[serde(flatten)]
    settings: Table,
}

impl ConfigurationFile {
    /// Reads the file; `known` are the keys that exist.
    pub fn read(path: &Path, known: &[String]) -> Result<Self, ConfigurationError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigurationError::Unreadable(path.into(), error))?;
        Self::parse(path, &text, known)
    }

    fn parse(path: &Path, text: &str, known: &[String]) -> Result<Self, ConfigurationError> {
        let malformed = |error| ConfigurationError::Malformed(path.into(), Box::new(error));
        let document: Document = toml::from_str(text).map_err(malformed)?;
        let mut settings = Vec::new();
        flatten("", document.settings, &mut settings);
        if let Some((key, _)) = settings.iter().find(|(key, _)| !known.contains(key)) {
            return Err(ConfigurationError::UnknownKey {
                path: path.into(),
                key: key.clone(),
                suggestion: nearest(key, known.iter().map(String::as_str).chain(["keys"])),
            });
        }
        Ok(Self { path: path.into(), settings, keys: document.keys })
    }

    /// Parses a command line that was read without fault before, with the file's values as the defaults of its settings.
    pub fn beneath(&self, command: Command, arguments: &[OsString]) -> Result<ArgMatches, ConfigurationError> {
        with_defaults(command, &self.settings).try_get_matches_from(arguments).map_err(|error| {
            // Flags and environment alone had no fault: this one is the file's.
            ConfigurationError::BadValue { path: self.path.clone(), message: first_line(&error.to_string()) }
        })
    }
}

/// The command, and its sub-command `serve`, with other defaults.
fn with_defaults(command: Command, settings: &[(String, Vec<String>)]) -> Command {
    let set = |command: Command| {
        settings.iter().fold(command, |command, (key, values)| {
            let values = values.clone();
            command.mut_arg(key, move |argument| argument.default_values(values))
        })
    };
    set(command).mut_subcommand("serve", set)
}

fn flatten(prefix: &str, table: Table, settings: &mut Vec<(String, Vec<String>)>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        match value {
            Value::Table(table) => flatten(&key, table, settings),
            Value::Array(values) => settings.push((key, values.iter().map(plain).collect())),
            value => settings.push((key, vec![plain(&value)])),
        }
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The known key that is most like the one written, when one is like it.
fn nearest<'a>(key: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let likeness = known.map(|known| (strsim::jaro_winkler(key, known), known));
    let (likeness, nearest) = likeness.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (likeness > 0.7).then(|| nearest.to_owned())
}

fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ConfigurationFile, ConfigurationError> {
        let known = ["listen", "limits.connections", "models"].map(str::to_owned);
        ConfigurationFile::parse(Path::new("codif.toml"), text, &known)
    }

    #[test]
    fn tables_become_dotted_keys() {
        let file = parse("listen = \"127.0.0.1:1\"\nmodels = [\"a\", \"b\"]\n[limits]\nconnections = 3\n").unwrap();
        let expected = [("limits.connections", vec!["3"]), ("listen", vec!["127.0.0.1:1"]), ("models", vec!["a", "b"])];
        let mut found: Vec<(&str, Vec<&str>)> =
            file.settings.iter().map(|(k, v)| (k.as_str(), v.iter().map(String::as_str).collect())).collect();
        found.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn an_unknown_key_suggests_the_nearest() {
        let error = parse("[limits]\nconections = 3\n").unwrap_err().to_string();
        assert_eq!(error, "codif.toml: unknown setting \"limits.conections\": did you mean \"limits.connections\"?");
        let error = parse("zzz = 1\n").unwrap_err().to_string();
        assert_eq!(error, "codif.toml: unknown setting \"zzz\"");
    }
}
