//! Why a registry has no answer, and whether waiting may help.

use std::error::Error;
use std::path::PathBuf;

/// Why a registry has no answer. Every message says where it was asked, and what to do where that is known.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A file cannot be read or written.
    #[error("cannot read or write {}", .path.display())]
    Unreadable {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is no such registry: no directory, no bucket, no tracking server.
    #[error("there is nothing at {place}: {hint}")]
    NoRegistry {
        /// The registry.
        place: String,
        /// What to look at.
        hint: String,
    },
    /// The registry cannot be reached, or answers that it cannot answer now.
    #[error("{place} cannot be reached: {reason}")]
    Unreachable {
        /// The registry.
        place: String,
        /// Why.
        reason: String,
    },
    /// The registry refuses the credentials, or has none.
    #[error("{place} refuses: {reason}")]
    Denied {
        /// The registry.
        place: String,
        /// What it says, and what to look at.
        reason: String,
    },
    /// The registry answers what codif does not understand.
    #[error("{place} answered what codif does not understand: {reason}")]
    Unexpected {
        /// The registry.
        place: String,
        /// What.
        reason: String,
    },
    /// Somebody else wrote in the meantime, or it was there before.
    #[error("{what} was changed by somebody else: {hint}")]
    Conflict {
        /// What.
        what: String,
        /// What to do.
        hint: String,
    },
    /// There is no such model.
    #[error("there is no model {name:?} in {place}: {known}")]
    NoModel {
        /// The name asked for.
        name: String,
        /// The registry.
        place: String,
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
    #[error("{0}: it should hold the number of a version of the model")]
    BadAlias(String),
    /// A file that the manifest lists is missing.
    #[error("{0}: there is no such file, though the manifest lists it")]
    NoFile(String),
    /// A version is none that codif can load.
    #[error("{0}")]
    NoCodifVersion(String),
    /// What was asked cannot be done.
    #[error("{0}")]
    Refused(String),
    /// No model is in production.
    #[error("no model in {0} has the alias production: name one with --model")]
    NothingInProduction(String),
}

impl RegistryError {
    /// Whether the same may succeed later without anybody changing anything.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// A file that cannot be read or written.
    pub fn of_file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Unreadable { path, source }
    }
}

/// An error and its causes in one line, each said once.
pub fn in_one_line(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
        cause = error.source();
    }
    line
}
