//! Why a store has no answer, and whether waiting may help.

use std::path::PathBuf;

use sqlx::migrate::MigrateError;
use sqlx::sqlite::SqliteError;

/// Why a store has no answer. Every message says which store, and what to do where that is known.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the file.
    #[error(
        "{} is held by another codif process: a file serves one process alone; stop the other, or give all replicas \
         one PostgreSQL by CODIF_DATABASE_URL",
        .0.display()
    )]
    Taken(PathBuf),
    /// The file, or the one beside it that says who has it, cannot be made or opened.
    #[error("cannot open {}: codif must be able to write it and its directory", .path.display())]
    Unwritable {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not one of SQLite, or is damaged.
    #[error("{place} is damaged or no database ({reason}): put a copy of it back, or move it away to begin anew")]
    Corrupt {
        /// The store.
        place: String,
        /// What SQLite found.
        reason: String,
    },
    /// A codif that is newer than this one wrote it.
    #[error("{place} was written by a newer codif (its schema has version {version}): run that one again")]
    Newer {
        /// The store.
        place: String,
        /// The version of the schema.
        version: i64,
    },
    /// The tables cannot be made or changed.
    #[error("cannot bring the tables of {place} up to date")]
    Migration {
        /// The store.
        place: String,
        /// Why.
        source: MigrateError,
    },
    /// The server lets codif not in, or has no such database.
    #[error("{place} refuses: {reason}")]
    Refused {
        /// The store.
        place: String,
        /// What it says.
        reason: String,
    },
    /// The server cannot be reached.
    #[error("{place} cannot be reached: {reason}")]
    Unreachable {
        /// The store.
        place: String,
        /// Why.
        reason: String,
    },
    /// The database refuses or breaks off: a full disk, a lost connection, a row that cannot be read.
    #[error("{place} failed")]
    Failed {
        /// The store.
        place: String,
        /// Why.
        source: sqlx::Error,
    },
}

impl StoreError {
    /// Whether the same may succeed later without anybody changing anything.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Failed { source: sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut, .. } => true,
            Self::Failed { source, .. } => is_passing(source),
            _ => false,
        }
    }

    /// What went wrong with a store that is open or being opened.
    pub(super) fn of(place: &str, source: sqlx::Error) -> Self {
        let place = place.to_owned();
        match damage(&source) {
            Some(reason) => Self::Corrupt { place, reason },
            None => Self::Failed { place, source },
        }
    }

    /// Why a server lets nobody in.
    pub(super) fn of_connection(place: &str, source: &sqlx::Error) -> Self {
        let (place, reason) = (place.to_owned(), source.to_string());
        let is_away = source.as_database_error().is_none() || is_passing(source);
        if is_away { Self::Unreachable { place, reason } } else { Self::Refused { place, reason } }
    }

    /// What went wrong when the tables were made.
    pub(super) fn of_migration(place: &str, source: MigrateError) -> Self {
        match source {
            MigrateError::VersionMissing(version) => Self::Newer { place: place.to_owned(), version },
            MigrateError::Execute(source) => Self::of(place, source),
            source => Self::Migration { place: place.to_owned(), source },
        }
    }
}

/// Whether a server is starting or stopping, or has no connection left.
fn is_passing(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    matches!(code.as_deref(), Some("57P01" | "57P02" | "57P03" | "53300"))
}

/// What SQLite says of a file that is damaged (SQLITE_CORRUPT) or none of its own (SQLITE_NOTADB).
fn damage(error: &sqlx::Error) -> Option<String> {
    let error = error.as_database_error()?;
    error.try_downcast_ref::<SqliteError>()?;
    let code: i32 = error.code()?.parse().ok()?;
    // The low byte is the kind, the rest tells kinds apart further.
    matches!(code & 0xff, 11 | 26).then(|| error.message().to_owned())
}
