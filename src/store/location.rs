//! Where the store is: `sqlite://PATH` or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;

use crate::config::secret::Secret;

/// Where the store is. Its text never holds a password; it is read from a [`Secret`], for it comes with one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreLocation {
    /// In a file of SQLite, for one process alone.
    File(PathBuf),
    /// In a PostgreSQL server, for several replicas.
    Postgres {
        /// Its address, with the password.
        url: Secret,
        /// Its host and database, for messages.
        place: String,
    },
}

/// An address of no database that codif knows. The message does not repeat it: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// Neither SQLite nor PostgreSQL.
    #[error("this is no database: write sqlite://PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE")]
    Unknown,
    /// An address of PostgreSQL that cannot be read.
    #[error("this is no address of PostgreSQL ({0}): write postgres://USER:PASSWORD@HOST:PORT/DATABASE")]
    Postgres(String),
    /// A name of a SQLite file that means something else to SQLite.
    #[error("this is no file for SQLite: write sqlite://PATH, neither in memory nor with options")]
    File,
}

impl FromStr for StoreLocation {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        if let Some(rest) = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://")) {
            let options = server(text, rest).map_err(LocationError::Postgres)?;
            return Ok(Self::Postgres { url: secret(text), place: place(&options) });
        }
        let path = text.strip_prefix("sqlite:").ok_or(LocationError::Unknown)?;
        match path.strip_prefix("//").unwrap_or(path) {
            path if path.is_empty() || path.ends_with('/') || path.starts_with(':') || path.contains('?') => {
                Err(LocationError::File)
            }
            path => Ok(Self::File(path.into())),
        }
    }
}

impl fmt::Display for StoreLocation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(formatter, "{}", path.display()),
            Self::Postgres { place, .. } => formatter.write_str(place),
        }
    }
}

fn secret(text: &str) -> Secret {
    let Ok(secret) = text.parse::<Secret>();
    secret
}

/// The server of an address. A sign in a password may seem to end the host's part: what follows would count as a
/// database, and be printed.
fn server(text: &str, rest: &str) -> Result<PgConnectOptions, String> {
    if rest.split_once(['/', '?', '#']).is_some_and(|(_, after)| after.contains('@')) {
        return Err("write / ? # and @ as %2F %3F %23 and %40 in a user name or password".to_owned());
    }
    text.parse::<PgConnectOptions>().map_err(|error| error.to_string())
}

/// Host, port and database, of which none is secret.
fn place(options: &PgConnectOptions) -> String {
    let host = options.get_socket().map_or(options.get_host().to_owned(), |socket| socket.display().to_string());
    let database = options.get_database().unwrap_or(options.get_username());
    format!("postgres://{host}:{}/{database}", options.get_port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(text: &str) -> StoreLocation {
        text.parse().unwrap()
    }

    #[test]
    fn files_are_named_as_by_sqlite() {
        for (text, path) in [
            ("sqlite://jobs.sqlite", "jobs.sqlite"),
            ("sqlite:///var/lib/codif/jobs.sqlite", "/var/lib/codif/jobs.sqlite"),
            ("sqlite:state/jobs.sqlite", "state/jobs.sqlite"),
        ] {
            assert_eq!(location(text), StoreLocation::File(path.into()), "{text}");
            assert_eq!(location(text).to_string(), path);
        }
    }

    #[test]
    fn no_text_of_a_location_holds_its_password() {
        for text in [
            "postgres://codif:hunter2@db.example.org/jobs",
            "postgresql://codif:hunter2@db.example.org:5432/jobs?sslmode=require",
            "postgres://db.example.org:5432/jobs?user=codif&password=hunter2",
        ] {
            let location = location(text);
            assert_eq!(location.to_string(), "postgres://db.example.org:5432/jobs", "{text}");
            assert!(!format!("{location:?}").contains("hunter2"), "{location:?}");
        }
    }

    #[test]
    fn what_is_no_location_is_refused_without_being_repeated() {
        for text in [
            "",
            "jobs.sqlite",
            "mysql://codif:hunter2@host/jobs",
            "postgres://codif:hun/ter2@host/jobs",
            "postgres://codif:12?ter2@host/jobs",
            "postgres://codif:12/ter2@host/jobs",
            "postgres://codif:hunter2@host:many/jobs",
            "sqlite:",
            "sqlite://",
            "sqlite::memory:",
            "sqlite://directory/",
            "sqlite://jobs.sqlite?mode=memory",
        ] {
            let error = text.parse::<StoreLocation>().unwrap_err().to_string();
            assert!(!error.contains("hun") && !error.contains("ter2"), "{text}: {error}");
        }
    }
}
