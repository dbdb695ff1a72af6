//! The configuration file, below the environment and the flags.
//!
//! A value of the file becomes the default of its flag: one parser reads all three, and which of them wins is clap's own
//! order.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{ArgMatches, Command};
use serde::Deserialize;
use toml::{Table, Value};

use super::keys::KeyEntry;

/// Values that stand below the flags and the environment: those of a file, and before it those of the service before codif.
#[derive(Clone, Debug, Default)]
pub struct ConfigurationFile {
    /// Where it was read.
    pub path: PathBuf,
    /// Values by dotted key, in the order of the file.
    pub settings: Vec<(String, Vec<String>)>,
    /// Values by key that the variables of the service before codif stand for, where nothing else is said.
    pub inherited: Vec<(String, Vec<String>)>,
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
    #[error("{}:{message}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        message: String,
    },
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

/// The part of the file that is no plain setting.
#[derive(Deserialize)]
struct Keys {
    #[serde(default)]
    keys: Vec<KeyEntry>,
}

impl ConfigurationFile {
    /// Reads the file; `known` are the keys that exist.
    pub fn read(path: &Path, known: &[(String, bool)]) -> Result<Self, ConfigurationError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigurationError::Unreadable(path.into(), error))?;
        Self::parse(path, &text, known)
    }

    fn parse(path: &Path, text: &str, known: &[(String, bool)]) -> Result<Self, ConfigurationError> {
        let malformed = |error: toml::de::Error| {
            // Its own text would quote the line, and with it maybe a password.
            let line = error.span().and_then(|span| Some(text.get(..span.start)?.matches('\n').count() + 1));
            let line = line.map(|line| format!(" line {line}:")).unwrap_or_default();
            ConfigurationError::Malformed { path: path.into(), message: format!("{line} {}", error.message()) }
        };
        let mut table: Table = toml::from_str(text).map_err(malformed)?;
        let Keys { keys } = toml::from_str(text).map_err(malformed)?;
        table.remove("keys");
        let mut settings = Vec::new();
        flatten("", table, &mut settings);
        for (key, given) in &settings {
            let Some((_, several)) = known.iter().find(|(known, _)| known == key) else {
                let names = known.iter().map(|(known, _)| known.as_str()).chain(["keys"]);
                let suggestion = nearest(key, names);
                return Err(ConfigurationError::UnknownKey { path: path.into(), key: key.clone(), suggestion });
            };
            if given.is_list && !several {
                let message = format!("{key} takes one value, not a list");
                return Err(ConfigurationError::BadValue { path: path.into(), message });
            }
        }
        let settings = settings.into_iter().map(|(key, given)| (key, given.values)).collect();
        Ok(Self { path: path.into(), settings, keys, inherited: Vec::new() })
    }

    /// Whether there is nothing that stands beneath.
    pub fn is_empty(&self) -> bool {
        self.settings.is_empty() && self.inherited.is_empty()
    }

    fn with_defaults(&self, command: Command) -> Command {
        self.inherited.iter().chain(&self.settings).fold(command, |command, (key, values)| {
            let values = values.clone();
            command.mut_arg(key, move |argument| argument.default_values(values))
        })
    }

    /// Parses a command line that was read without fault before, with the file's values as the defaults of its settings,
    /// which are the arguments of `subcommand` where one is named.
    pub fn beneath(
        &self,
        command: Command,
        subcommand: Option<&str>,
        arguments: &[OsString],
    ) -> Result<ArgMatches, ConfigurationError> {
        let command = match subcommand {
            Some(name) => command.mut_subcommand(name, |command| self.with_defaults(command)),
            None => self.with_defaults(command),
        };
        command.try_get_matches_from(arguments).map_err(|error| {
            // Flags and environment alone had no fault: this one is the file's.
            ConfigurationError::BadValue { path: self.path.clone(), message: first_line(&error.to_string()) }
        })
    }
}

/// The values of a setting as the file gives them.
struct Given {
    values: Vec<String>,
    is_list: bool,
}

fn flatten(prefix: &str, table: Table, settings: &mut Vec<(String, Given)>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        match value {
            Value::Table(table) => flatten(&key, table, settings),
            Value::Array(values) => {
                settings.push((key, Given { values: values.iter().map(plain).collect(), is_list: true }));
            }
            value => settings.push((key, Given { values: vec![plain(&value)], is_list: false })),
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
    // A setting written outside of its table is recognised by its own name.
    let alike = |known: &str| {
        let own = known.rsplit('.').next().filter(|_| !key.contains('.')).unwrap_or(known);
        strsim::jaro_winkler(key, known).max(0.99 * strsim::jaro_winkler(key, own))
    };
    let likeness = known.map(|known| (alike(known), known));
    let (likeness, nearest) = likeness.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (likeness > 0.8).then(|| nearest.to_owned())
}

fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ConfigurationFile, ConfigurationError> {
        let known = [("listen", false), ("limits.connections", false), ("models", true)];
        let known = known.map(|(key, several)| (key.to_owned(), several));
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
