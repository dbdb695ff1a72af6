//! Why a file cannot be read on.

use std::io;

/// Why a file cannot be read on. Every message names the file as the user knows it, and the row where that is known.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It cannot be opened.
    #[error("cannot open {file}: {cause}")]
    Unopened {
        /// The file.
        file: String,
        /// Why.
        cause: io::Error,
    },
    /// Its bytes cannot be read, or not be decompressed.
    #[error("cannot read {file} after row {row}: {cause}")]
    Unreadable {
        /// The file.
        file: String,
        /// The last row that was read, 0 before the first.
        row: u64,
        /// Why.
        cause: io::Error,
    },
    /// The file as a whole is at fault.
    #[error("{file}: {reason}")]
    Whole {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing can be read from a row on.
    #[error("{file}, row {row}: {reason}")]
    Row {
        /// The file.
        file: String,
        /// The row, from 1.
        row: u64,
        /// What is wrong there.
        reason: String,
    },
    /// It holds fewer rows than were read before.
    #[error("{file} ends before row {row}, which was read before: the file was changed, start it again")]
    Shorter {
        /// The file.
        file: String,
        /// The last row that was read before.
        row: u64,
    },
    /// There was an error before.
    #[error("{file}: nothing is read after an error")]
    Failed {
        /// The file.
        file: String,
    },
}
