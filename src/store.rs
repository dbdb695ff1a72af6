//! What outlives the process: [`jobs`]. It is kept in a file of SQLite for one process, or in PostgreSQL for several
//! replicas; both are asked with the same SQL. A store has no clock: whoever asks says what time it is.

pub mod error;
pub mod job;
pub mod jobs;
pub mod location;

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, PgPool, SqlSafeStr, SqlitePool};

use crate::config::secret::Secret;
use error::StoreError;
use jobs::Jobs;
use location::StoreLocation;

/// How long anybody waits for a connection.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections to a server, of each replica.
const CONNECTIONS: u32 = 8;

/// An open store. Its clones are the same store; it is let go with the last of them.
#[derive(Clone, Debug)]
pub struct Store {
    database: Database,
    /// Where it is, for messages.
    place: Arc<str>,
}

#[derive(Clone, Debug)]
enum Database {
    Sqlite {
        pool: SqlitePool,
        /// Locked as long as the pool lives: it comes after it, to be dropped after it.
        _held: Arc<File>,
    },
    Postgres(PgPool),
}

impl Store {
    /// Opens a store, and makes its tables or brings them up to date. A file is made when it is not there, with its
    /// directory; the database of a server is not.
    pub async fn open(location: &StoreLocation) -> Result<Self, StoreError> {
        let place = location.to_string();
        let database = match location {
            StoreLocation::File(path) => open_file(path, &place).await?,
            StoreLocation::Postgres { url, .. } => open_server(url, &place).await?,
        };
        Ok(Self { database, place: place.into() })
    }

    /// Its jobs.
    pub fn jobs(&self) -> Jobs {
        Jobs::of(self.clone())
    }

    /// Waits for what is under way and closes every connection; what is asked afterwards fails.
    pub async fn close(&self) {
        match &self.database {
            Database::Sqlite { pool, .. } => pool.close().await,
            Database::Postgres(pool) => pool.close().await,
        }
    }
}

/// Asks whichever database a store has, with the same SQL and the same values, for all rows of the answer, whose type
/// is that of the variable they are for.
///
/// All of them even where there is one at most: SQLite commits after the last row, and only then says that it could
/// not.
macro_rules! ask {
    ($store:expr, $sql:expr $(, $value:expr)* $(,)?) => {{
        let (store, sql): (&$crate::store::Store, &'static str) = (&$store, $sql);
        let answer = match &store.database {
            Database::Sqlite { pool, .. } => sqlx::query_as(sql)$(.bind($value))*.fetch_all(pool).await,
            Database::Postgres(pool) => sqlx::query_as(sql)$(.bind($value))*.fetch_all(pool).await,
        };
        answer.map_err(|error| StoreError::of(&store.place, error))
    }};
}
pub(crate) use ask;

async fn open_file(path: &Path, place: &str) -> Result<Database, StoreError> {
    let path = resolved(path).map_err(|source| StoreError::Unwritable { path: path.to_owned(), source })?;
    let held = Arc::new(hold(&path)?);
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(PATIENCE);
    // SQLite takes one writer at a time: with one connection they queue here, in order, and none is told to try again.
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(PATIENCE)
        .connect_with(options)
        .await
        .map_err(|source| StoreError::of(place, source))?;
    // Reads all of it once, which is little: a damaged page is found now and not by whoever needs it.
    let found: String = sqlx::query_scalar("PRAGMA quick_check(1)")
        .fetch_one(&pool)
        .await
        .map_err(|source| StoreError::of(place, source))?;
    if found != "ok" {
        return Err(StoreError::Corrupt { place: place.to_owned(), reason: found });
    }
    let tables = migrator(include_str!("../migrations/sqlite/0001_jobs.sql"));
    tables.run(&pool).await.map_err(|source| StoreError::of_migration(place, source))?;
    // Whoever held a job is gone, for the file is ours: nobody waits for the end of a lease after a restart.
    let left = "UPDATE jobs SET held_until = 0 WHERE state = 'running'";
    sqlx::query(left).execute(&pool).await.map_err(|source| StoreError::of(place, source))?;
    Ok(Database::Sqlite { pool, _held: held })
}

async fn open_server(url: &Secret, place: &str) -> Result<Database, StoreError> {
    let refused = |source: sqlx::Error| StoreError::of_connection(place, &source);
    let options = url.reveal().parse::<PgConnectOptions>().map_err(refused)?;
    // A pool tries until time is up and then says no more than that; a connection by itself says why.
    match tokio::time::timeout(PATIENCE, options.connect()).await {
        Ok(connection) => connection.map_err(refused)?.close().await.map_err(refused)?,
        Err(_) => {
            let reason = format!("no answer within {} s", PATIENCE.as_secs());
            return Err(StoreError::Unreachable { place: place.to_owned(), reason });
        }
    }
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(PATIENCE).connect_lazy_with(options);
    // One replica at a time: sqlx takes a lock in the server, which goes with the connection.
    let tables = migrator(include_str!("../migrations/postgres/0001_jobs.sql"));
    if let Err(source) = tables.run(&pool).await {
        pool.close().await;
        return Err(StoreError::of_migration(place, source));
    }
    Ok(Database::Postgres(pool))
}

/// The steps that make the tables. What stands in one is never changed once codif was released with it.
fn migrator(jobs: &'static str) -> Migrator {
    let step = |version, name: &'static str, sql: &'static str| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(vec![step(1, "jobs", jobs)])
}

/// The one path of a file, so that who comes by a link meets the same lock. Its directory is made when it is not there.
fn resolved(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Ok(path) if path.is_dir() => return Err(ErrorKind::IsADirectory.into()),
        Ok(path) => return Ok(path),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let name = path.file_name().ok_or(ErrorKind::InvalidInput)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    Ok(fs::canonicalize(folder)?.join(name))
}

/// Takes the lock of a SQLite file, which no other process nor another store of this one has then. It lies beside it:
/// SQLite loses its own locks when anybody in the process closes the file itself.
fn hold(path: &Path) -> Result<File, StoreError> {
    let mut lock = path.as_os_str().to_owned();
    lock.push(".lock");
    let unwritable = |source| StoreError::Unwritable { path: PathBuf::from(&lock), source };
    let file = File::options().create(true).truncate(false).write(true).open(&lock).map_err(unwritable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Taken(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(unwritable(source)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::registry::error::in_one_line;
    use crate::store::job::JobId;

    fn file(folder: &tempfile::TempDir) -> StoreLocation {
        StoreLocation::File(folder.path().join("jobs.sqlite"))
    }

    fn pool(store: &Store) -> &SqlitePool {
        match &store.database {
            Database::Sqlite { pool, .. } => pool,
            Database::Postgres(_) => panic!("not a file"),
        }
    }

    async fn refusal(location: &StoreLocation) -> String {
        in_one_line(&Store::open(location).await.unwrap_err())
    }

    #[tokio::test]
    async fn a_file_has_one_store_at_a_time_by_whichever_name() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&file(&folder)).await.unwrap();
        let link = folder.path().join("link.sqlite");
        symlink(folder.path().join("jobs.sqlite"), &link).unwrap();
        for location in [file(&folder), StoreLocation::File(link)] {
            let said = refusal(&location).await;
            assert!(said.contains("jobs.sqlite is held by another codif process"), "{said}");
            assert!(said.contains("CODIF_DATABASE_URL"), "{said}");
        }
        let clone = store.clone();
        drop(store);
        refusal(&file(&folder)).await;
        drop(clone);
        Store::open(&file(&folder)).await.unwrap();
    }

    #[tokio::test]
    async fn what_was_kept_is_there_again_and_safe_from_a_power_cut() {
        let folder = tempfile::tempdir().unwrap();
        let location = StoreLocation::File(folder.path().join("made/when/missing/jobs.sqlite"));
        let store = Store::open(&location).await.unwrap();
        let job =
            store.jobs().insert(&JobId::random(), &json!({"rows": "é"}), Some("batch"), Timestamp::UNIX_EPOCH).await;
        let job = job.unwrap();
        store.close().await;
        drop(store);
        let store = Store::open(&location).await.unwrap();
        assert_eq!(store.jobs().get(&job.id).await.unwrap(), Some(job));
        let journal: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(pool(&store)).await.unwrap();
        let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(pool(&store)).await.unwrap();
        assert_eq!((journal.as_str(), synchronous), ("wal", 2));
    }

    #[tokio::test]
    async fn a_file_of_a_newer_codif_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&file(&folder)).await.unwrap();
        let later = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                     VALUES (99, 'later', TRUE, x'00', 0)";
        sqlx::query(later).execute(pool(&store)).await.unwrap();
        store.close().await;
        drop(store);
        let said = refusal(&file(&folder)).await;
        assert!(said.contains("jobs.sqlite was written by a newer codif (its schema has version 99)"), "{said}");
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_or_a_damaged_one_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs.sqlite");
        let text = "libelle;nature\nboulangerie;artisanale\n".repeat(500);
        fs::write(&path, &text).unwrap();
        let said = refusal(&file(&folder)).await;
        assert!(said.contains("jobs.sqlite is damaged or no database"), "{said}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);

        fs::remove_file(&path).unwrap();
        let store = Store::open(&file(&folder)).await.unwrap();
        for _ in 0..100 {
            let request = json!("x".repeat(1000));
            store.jobs().insert(&JobId::random(), &request, None, Timestamp::UNIX_EPOCH).await.unwrap();
        }
        store.close().await;
        drop(store);
        let mut bytes = fs::read(&path).unwrap();
        let half = bytes.len() / 2;
        bytes.truncate(half);
        fs::write(&path, &bytes).unwrap();
        let said = refusal(&file(&folder)).await;
        assert!(said.contains("jobs.sqlite is damaged or no database"), "{said}");
    }

    #[tokio::test]
    async fn a_place_where_nothing_can_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("taken"), "").unwrap();
        for path in ["taken/jobs.sqlite", "."] {
            let said = refusal(&StoreLocation::File(folder.path().join(path))).await;
            assert!(said.contains(path.trim_end_matches("/jobs.sqlite")) && said.contains("cannot open"), "{said}");
        }
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_named_without_its_password() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let location: StoreLocation = format!("postgres://codif:hunter2@{free}/jobs").parse().unwrap();
        let error = Store::open(&location).await.unwrap_err();
        let said = in_one_line(&error);
        assert!(said.starts_with(&format!("postgres://{free}/jobs cannot be reached: ")), "{said}");
        assert!(!said.contains("hunter2") && error.may_pass(), "{said}");
    }
}
