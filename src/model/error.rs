//! Why a model is refused: always the file and the reason.

use std::path::PathBuf;

use super::digest::FileDigest;

/// A model that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", .file.display())]
pub struct ModelError {
    /// The file at fault.
    pub file: PathBuf,
    /// What is wrong with it.
    pub fault: ModelFault,
}

/// What is wrong with a file of a model.
#[derive(Debug, thiserror::Error)]
pub enum ModelFault {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(#[from] std::io::Error),
    /// It is not what it should be.
    #[error("not a valid {expected}: {reason}")]
    Malformed {
        /// What it should be.
        expected: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Its size or digest is not the manifest's.
    #[error("{what} is {found}, the manifest says {expected}: the file is damaged or was changed")]
    Mismatch {
        /// "size" or "sha256".
        what: &'static str,
        /// What was found.
        found: String,
        /// What the manifest says.
        expected: String,
    },
    /// The version is not signed.
    #[error("the version is not signed, and only signed ones are taken here")]
    Unsigned,
    /// The signature is by another key, or of another manifest.
    #[error("the signature is of another manifest, or by a key that is not trusted here")]
    ForeignSignature,
    /// A file the model needs is not in the manifest.
    #[error("the manifest lists no file of this name")]
    NotListed,
    /// The device does not take it: it is full, or lost.
    #[error("the device does not take it: {0}")]
    Device(String),
    /// A golden case comes out otherwise.
    #[error("golden case {line}: {reason}")]
    Golden {
        /// Line in the file, from 1.
        line: usize,
        /// What came out instead.
        reason: String,
    },
}

impl ModelFault {
    /// How a file differs from what the manifest says, if it does.
    pub fn difference(found: &FileDigest, expected: &FileDigest) -> Option<Self> {
        let mismatch = |what, found: String, expected: String| Some(Self::Mismatch { what, found, expected });
        if found.bytes != expected.bytes {
            return mismatch("size", found.bytes.to_string(), expected.bytes.to_string());
        }
        if found.sha256 != expected.sha256 {
            return mismatch("sha256", found.sha256.clone(), expected.sha256.clone());
        }
        None
    }

    /// Whether the file is not what it was when it was written: whole elsewhere, it is worth fetching again.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Mismatch { .. } => true,
            Self::Unreadable(error) => error.kind() == std::io::ErrorKind::NotFound,
            _ => false,
        }
    }

    /// The fault of this file.
    pub fn of(self, file: impl Into<PathBuf>) -> ModelError {
        ModelError { file: file.into(), fault: self }
    }

    /// Not a valid `expected`.
    pub fn malformed(expected: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Malformed { expected, reason: one_line(reason) }
    }

    /// A golden case, by its line from 1, that is not what it should be.
    pub fn golden(line: usize, reason: impl std::fmt::Display) -> Self {
        Self::Golden { line, reason: one_line(reason) }
    }
}

/// Messages are one line; a faulty pattern, for one, is shown on several.
fn one_line(reason: impl std::fmt::Display) -> String {
    reason.to_string().lines().map(str::trim).collect::<Vec<_>>().join(" ")
}
