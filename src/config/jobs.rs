//! Jobs: where they are kept, how many there may be, what they may touch.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;

use super::secret::Secret;
use super::{duration, positive};

/// Files coded in the background, at `/v1/jobs`.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Jobs")]
pub struct JobOptions {
    /// Directory, or s3://BUCKET/PREFIX, for what jobs are given and make; without it /v1/jobs is off
    #[arg(
        id = "jobs.place",
        long = "jobs-place",
        env = "CODIF_JOBS_PLACE",
        value_name = "DIRECTORY|s3://BUCKET/PREFIX"
    )]
    pub place: Option<String>,
    /// Database of the jobs: sqlite://FILE for one process, postgres://USER:PASSWORD@HOST/DATABASE for several replicas
    /// [default: the file codif.sqlite in the directory of --jobs-place]
    #[arg(
        id = "database.url",
        long = "database-url",
        env = "CODIF_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub database: Option<Secret>,
    /// Directory of this process alone for jobs under way, when --jobs-place is in S3 [default: codif-jobs in the system's
    /// directory for temporary files]
    #[arg(id = "jobs.scratch", long = "jobs-scratch", env = "CODIF_JOBS_SCRATCH", value_name = "DIRECTORY")]
    pub scratch: Option<PathBuf>,
    /// Address in S3 below which jobs may read and write; repeatable; none by default
    #[arg(id = "jobs.s3", long = "jobs-s3", env = "CODIF_JOBS_S3", value_delimiter = ',', value_name = "s3://BUCKET/PREFIX",
        value_parser = s3_address)]
    pub s3: Vec<String>,
    /// Largest file that is uploaded, once inflated
    #[arg(
        id = "jobs.upload",
        long = "jobs-upload",
        env = "CODIF_JOBS_UPLOAD",
        default_value = "1GiB",
        value_name = "SIZE"
    )]
    pub upload: ByteSize,
    /// Jobs under way at once, of this process
    #[arg(id = "jobs.concurrent", long = "jobs-concurrent", env = "CODIF_JOBS_CONCURRENT", default_value_t = 1,
        value_name = "NUMBER", value_parser = positive)]
    pub concurrent: usize,
    /// Threads that code the rows of a job, of the lowest priority [default: half of the cores]
    #[arg(id = "jobs.threads", long = "jobs-threads", env = "CODIF_JOBS_THREADS", value_name = "NUMBER",
        value_parser = positive)]
    pub threads: Option<usize>,
    /// Jobs that may wait; beyond it 429
    #[arg(id = "jobs.waiting", long = "jobs-waiting", env = "CODIF_JOBS_WAITING", default_value_t = 100,
        value_name = "NUMBER", value_parser = positive)]
    pub waiting: usize,
    /// How long jobs that ended are kept, with what they made here
    #[arg(id = "jobs.keep", long = "jobs-keep", env = "CODIF_JOBS_KEEP", default_value = "168h", value_name = "DURATION",
        value_parser = duration)]
    pub keep: Duration,
}

/// An address such as s3://bucket/prefix.
fn s3_address(text: &str) -> Result<String, String> {
    match text.strip_prefix("s3://") {
        Some(rest) if !rest.trim_matches('/').is_empty() && !rest.starts_with('/') => Ok(text.to_owned()),
        _ => Err("write s3://BUCKET or s3://BUCKET/PREFIX".to_owned()),
    }
}
