//! Why a run stops. What was finished stays, and the same command goes on from it, unless the message says otherwise.

use std::path::PathBuf;

use super::columns::ColumnError;
use super::sink::SinkError;
use super::source::SourceError;
use crate::registry::RegistryError;

/// Why a run stops.
#[derive(Debug, thiserror::Error)]
pub enum RecodeError {
    /// An input cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The columns are not what they should be.
    #[error(transparent)]
    Column(#[from] ColumnError),
    /// The output cannot be written.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// S3 has no answer, or refuses.
    #[error("{address}: {error}")]
    Remote {
        /// What was asked for.
        address: String,
        /// Why it is not there.
        error: RegistryError,
    },
    /// A file of the work place or the output.
    #[error("{}: {reason}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// No file of a known format is there.
    #[error("{0}")]
    NoInput(String),
    /// An input is not what it was when the run began.
    #[error("{name} has changed since the run began: put it back, or begin anew with --restart (which deletes {work})")]
    InputChanged {
        /// The input.
        name: String,
        /// The work place.
        work: String,
    },
    /// The work place belongs to a run with other settings.
    #[error(
        "{work} holds the beginning of another run ({field} differs): run that command again, or begin anew with --restart"
    )]
    AnotherRun {
        /// What differs.
        field: String,
        /// The work place.
        work: String,
    },
    /// Another process is at it.
    #[error("{0} is in use by another codif: wait for it to end, or name another --work")]
    InUse(String),
    /// The output is there already.
    #[error("{0} is there already: name another output, or replace it with --overwrite")]
    OutputExists(String),
    /// An input has other columns than the first.
    #[error("{name}: its columns are {found}, those of {first} are {expected}: code them apart")]
    OtherColumns {
        /// The input.
        name: String,
        /// Its columns.
        found: String,
        /// The first input.
        first: String,
        /// Its columns.
        expected: String,
    },
    /// More rows are bad than were allowed.
    #[error("{found} rows could not be coded, more than the {allowed} of --max-errors; the last: {last}")]
    TooManyErrors {
        /// So many were found.
        found: u64,
        /// So many were allowed.
        allowed: u64,
        /// What was wrong with the last one.
        last: String,
    },
    /// Whoever watches asked for it.
    #[error("stopped")]
    Stopped,
    /// The model's own failure, or the machine's.
    #[error("{0}")]
    Internal(String),
}

impl RecodeError {
    /// An error of this address in S3.
    pub fn of_address(address: &str) -> impl FnOnce(RegistryError) -> Self {
        let address = address.to_owned();
        |error| Self::Remote { address, error }
    }

    /// An error of this file.
    pub fn of_file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |error| Self::File { path, reason: error.to_string() }
    }
}

impl From<candle_core::Error> for RecodeError {
    fn from(error: candle_core::Error) -> Self {
        Self::Internal(format!("coding failed: {error}"))
    }
}
