//! From the settings to the desk. A database that cannot be reached now is waited for beside everything else: coding needs none.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::JobDesk;
use super::place::JobPlace;
use super::task::is_below;
use crate::config::jobs::JobOptions;
use crate::config::{RegistryOptions, ServeOptions};
use crate::recode::error::RecodeError;
use crate::recode::remote::S3_SCHEME;
use crate::registry::RegistryLocation;
use crate::registry::error::in_one_line;
use crate::serving::loading::Loader;
use crate::serving::{Coders, ServingError};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::location::{LocationError, StoreLocation};

/// The file of the jobs, in their place.
const FILE: &str = "codif.sqlite";
/// Between two looks for a database that is not reached.
const PAUSE: Duration = Duration::from_secs(5);

/// The desk, once there is one.
pub type Desks = watch::Receiver<Option<Arc<JobDesk>>>;

/// Where jobs will be.
pub struct Opening {
    location: StoreLocation,
    place: JobPlace,
    options: JobOptions,
    registry: RegistryOptions,
}

/// Why codif does not start with these settings of jobs.
#[derive(Debug, thiserror::Error)]
pub enum OpeningError {
    /// A database and no place.
    #[error("CODIF_DATABASE_URL names a database, but jobs have no place for their files: set --jobs-place")]
    NoPlace,
    /// A place that several processes share and no database.
    #[error(
        "--jobs-place {0} needs a database: set CODIF_DATABASE_URL to postgres://…, or to sqlite://FILE for one process"
    )]
    NoDatabase(String),
    /// A database that several processes share, and a place that they do not.
    #[error(
        "--jobs-place {0} is on this machine alone: with PostgreSQL it must be s3://BUCKET/PREFIX, which every replica reaches"
    )]
    NotShared(String),
    /// Callers would read each other's files, or the models.
    #[error("--jobs-s3 {0} and {1} overlap: callers would reach what is not theirs; name prefixes apart")]
    Overlap(String, String),
    /// No address of a database.
    #[error("CODIF_DATABASE_URL: {0}")]
    Location(#[from] LocationError),
    /// The place cannot be used.
    #[error("--jobs-place cannot be used: {0}")]
    Place(#[from] RecodeError),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The registry of the models cannot be used.
    #[error(transparent)]
    Registry(#[from] ServingError),
}

impl Opening {
    /// As the settings have it; none where jobs are off.
    pub fn of(options: &ServeOptions) -> Result<Option<Self>, OpeningError> {
        let JobOptions { place, database, scratch, .. } = &options.jobs;
        let database = database.as_ref().filter(|database| !database.reveal().is_empty());
        let Some(name) = place.as_ref().filter(|place| !place.is_empty()) else {
            return if database.is_some() { Err(OpeningError::NoPlace) } else { Ok(None) };
        };
        let place = JobPlace::new(name, scratch.as_deref());
        let location = match (database, &place) {
            (Some(database), _) => database.reveal().parse()?,
            (None, JobPlace::Directory(directory)) => StoreLocation::File(directory.join(FILE)),
            (None, JobPlace::S3 { .. }) => return Err(OpeningError::NoDatabase(name.clone())),
        };
        let own = [place.shared().map(str::to_owned), s3_address(&options.models.registry.registry)];
        for own in own.into_iter().flatten() {
            let overlaps = |allowed: &&String| is_below(allowed, &own) || is_below(&own, allowed);
            if let Some(allowed) = options.jobs.s3.iter().find(overlaps) {
                return Err(OpeningError::Overlap(allowed.clone(), own));
            }
        }
        if matches!(location, StoreLocation::Postgres { .. }) && !place.is_shared() {
            return Err(OpeningError::NotShared(name.clone()));
        }
        let (options, registry) = (options.jobs.clone(), options.models.registry.clone());
        Ok(Some(Self { location, place, options, registry }))
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.options.concurrent
    }

    /// Opens the desk.
    pub async fn open(&self, coders: &Arc<Coders>) -> Result<Arc<JobDesk>, OpeningError> {
        self.place.prepare()?;
        let loader = Loader::open(&self.registry).await?;
        let store = Store::open(&self.location).await?;
        tracing::info!(store = %self.location, "jobs are taken");
        let (place, coders, s3) = (self.place.clone(), Arc::clone(coders), self.registry.s3());
        Ok(Arc::new(JobDesk::new(store, place, &self.options, coders, loader, s3)))
    }

    /// Opens the desk when the database is reached, however late; whoever waits for it is told.
    pub async fn open_in_time(self, coders: Arc<Coders>, desks: watch::Sender<Option<Arc<JobDesk>>>) {
        while desks.receiver_count() > 0 {
            match self.open(&coders).await {
                Ok(desk) => {
                    desks.send_replace(Some(desk));
                    // Who comes later finds it too.
                    return desks.closed().await;
                }
                Err(error) => tracing::warn!(error = in_one_line(&error), "no jobs are taken yet"),
            }
            sleep(PAUSE).await;
        }
    }
}

/// The address of a registry in S3.
fn s3_address(registry: &RegistryLocation) -> Option<String> {
    match registry {
        RegistryLocation::S3 { bucket, prefix } => Some(format!("{S3_SCHEME}{bucket}/{prefix}")),
        _ => None,
    }
}

impl OpeningError {
    /// Whether the same may succeed later without anybody changing anything.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Store(error) => error.may_pass(),
            Self::Registry(error) => error.may_pass(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, FromArgMatches};

    use super::*;

    fn opening(arguments: &[&str]) -> Result<Option<Opening>, OpeningError> {
        let command = ServeOptions::augment_args(clap::Command::new("serve"));
        let matches = command.get_matches_from([&["serve"], arguments].concat());
        Opening::of(&ServeOptions::from_arg_matches(&matches).unwrap())
    }

    #[test]
    fn a_directory_has_its_own_file_and_replicas_need_what_all_of_them_reach() {
        assert!(opening(&[]).unwrap().is_none());
        let local = opening(&["--jobs-place", "/var/lib/codif"]).unwrap().unwrap();
        assert_eq!(local.location, StoreLocation::File("/var/lib/codif/codif.sqlite".into()));
        let url = "--database-url=postgres://codif:hunter2@db/codif";
        let apart = [url, "--jobs-place=s3://bucket/jobs", "--jobs-s3=s3://bucket/jobs-in"];
        assert!(opening(&apart).unwrap().is_some());
        for (arguments, said) in [
            (&[url][..], "set --jobs-place"),
            (&[url, "--jobs-place=here"], "on this machine alone"),
            (&["--jobs-place=s3://bucket/jobs"], "needs a database"),
            (&[url, "--jobs-place=s3://b/jobs", "--jobs-s3=s3://b"], "overlap"),
            (&[url, "--jobs-place=s3://b/jobs", "--jobs-s3=s3://b/jobs/in"], "overlap"),
            (&["--jobs-place=here", "--registry=s3://b/models", "--jobs-s3=s3://b"], "overlap"),
            (&["--database-url=mysql://codif:hunter2@db/codif", "--jobs-place=here"], "no database"),
        ] {
            let error = opening(arguments).err().unwrap().to_string();
            assert!(error.contains(said) && !error.contains("hunter2"), "{error}");
        }
    }
}
