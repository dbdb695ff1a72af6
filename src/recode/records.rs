//! What is noted of a finished part: its files, and where the input stands after it.

use serde::{Deserialize, Serialize};

use super::source::Position;
use super::summary::Counts;

/// A part that is finished.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartRecord {
    /// Its number, from 1.
    pub number: u64,
    /// Its files: one, or one a folder of the layout.
    pub files: Vec<FileRecord>,
    /// The rows that could not be coded.
    pub errors: Option<FileRecord>,
    /// Where the input stands at its end.
    pub end: Place,
    /// Whether nothing comes after it.
    pub is_last: bool,
    /// What was counted.
    pub counts: Counts,
}

/// A file of a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    /// Its name in the work place.
    pub name: String,
    /// The folder of the layout it goes to, `column=value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its bytes.
    pub sha256: String,
}

/// A place in the inputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Which input.
    pub input: usize,
    /// Where in it.
    pub position: Position,
}
