//! The place of the jobs: a folder for each, with what was uploaded and what came of it. It is a directory, or a prefix in S3 that
//! all replicas share; what a job needs while it is under way is in a directory of the process.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::recode::error::RecodeError;
use crate::recode::records::FileRecord;
use crate::recode::remote::{Buckets, S3_SCHEME};
use crate::recode::work::sha256_of;
use crate::store::job::JobId;

/// Where the files of jobs are.
#[derive(Clone, Debug)]
pub enum JobPlace {
    /// In a directory.
    Directory(PathBuf),
    /// In S3.
    S3 {
        /// The address, without a `/` at the end.
        address: String,
        /// A directory of this process alone.
        scratch: PathBuf,
    },
}

impl JobPlace {
    /// The place of this name.
    pub fn new(name: &str, scratch: Option<&Path>) -> Self {
        if !name.starts_with(S3_SCHEME) {
            return Self::Directory(name.into());
        }
        let usual = || std::env::temp_dir().join("codif-jobs");
        Self::S3 { address: name.trim_end_matches('/').to_owned(), scratch: scratch.map_or_else(usual, Path::to_owned) }
    }

    /// Makes the directory, if it is not there.
    pub fn prepare(&self) -> Result<(), RecodeError> {
        let folder = self.here();
        fs::create_dir_all(folder).map_err(RecodeError::of_file(folder))?;
        // Found out now, and not by whoever uploads first.
        tempfile::tempfile_in(folder).map(drop).map_err(RecodeError::of_file(folder))
    }

    /// Whether several processes may use it.
    pub fn is_shared(&self) -> bool {
        matches!(self, Self::S3 { .. })
    }

    /// Its address in S3, if it is there.
    pub fn shared(&self) -> Option<&str> {
        match self {
            Self::S3 { address, .. } => Some(address),
            Self::Directory(_) => None,
        }
    }

    /// The address of a file of a job, as a run takes it.
    pub fn address(&self, id: &JobId, name: &str) -> String {
        match self {
            Self::Directory(directory) => directory.join(id.as_str()).join(name).to_string_lossy().into_owned(),
            Self::S3 { address, .. } => format!("{address}/{id}/{name}"),
        }
    }

    /// The folder of a job on this machine.
    pub fn folder(&self, id: &JobId) -> PathBuf {
        self.here().join(id.as_str())
    }

    fn here(&self) -> &Path {
        match self {
            Self::Directory(directory) => directory,
            Self::S3 { scratch, .. } => scratch,
        }
    }

    /// Takes an upload that lies in the folder of its job to where every process finds it.
    pub fn keep(&self, id: &JobId, name: &str, buckets: &Buckets) -> Result<(), RecodeError> {
        if !self.is_shared() {
            return Ok(());
        }
        let path = self.folder(id).join(name);
        let (sha256, bytes) = sha256_of(&path).map_err(RecodeError::of_file(&path))?;
        let record = FileRecord { name: name.to_owned(), folder: None, bytes, sha256 };
        buckets.send(&path, &record, &self.address(id, name))?;
        self.leave(id)
    }

    /// Removes the folder of a job on this machine; what is kept in S3 stays.
    pub fn leave(&self, id: &JobId) -> Result<(), RecodeError> {
        let folder = self.folder(id);
        unless_missing(fs::remove_dir_all(&folder)).map_err(RecodeError::of_file(folder))
    }

    /// Removes a file of a job.
    pub fn remove(&self, id: &JobId, name: &str, buckets: &Buckets) -> Result<(), RecodeError> {
        let address = self.address(id, name);
        match self {
            Self::Directory(_) => unless_missing(fs::remove_file(&address)).map_err(RecodeError::of_file(address)),
            Self::S3 { .. } => buckets.delete(&address),
        }
    }

    /// Removes all that a job has.
    pub fn clear(&self, id: &JobId, buckets: &Buckets) -> Result<(), RecodeError> {
        self.leave(id)?;
        if let Self::S3 { address, .. } = self {
            for object in buckets.list(&format!("{address}/{id}/"))? {
                buckets.delete(&object.name)?;
            }
            buckets.abandon_uploads(&format!("{address}/{id}/"))?;
        }
        Ok(())
    }

    /// The jobs that have something in S3.
    pub fn sent(&self, buckets: &Buckets) -> Result<BTreeSet<JobId>, RecodeError> {
        let Self::S3 { address, .. } = self else { return Ok(BTreeSet::new()) };
        let below = format!("{address}/");
        let objects = buckets.list(&below)?;
        let folders = objects.iter().filter_map(|object| object.name.strip_prefix(&below)?.split('/').next());
        Ok(folders.filter_map(|folder| folder.parse().ok()).collect())
    }

    /// The jobs that have a folder on this machine which nothing has changed in for so long.
    pub fn left(&self, age: std::time::Duration) -> Result<Vec<JobId>, RecodeError> {
        let folder = self.here();
        let is_old = |entry: &fs::DirEntry| {
            let changed = entry.metadata().and_then(|metadata| metadata.modified());
            changed.is_ok_and(|changed| changed.elapsed().is_ok_and(|elapsed| elapsed > age))
        };
        let entries = fs::read_dir(folder).map_err(RecodeError::of_file(folder))?;
        let names =
            entries.filter_map(Result::ok).filter(is_old).filter_map(|entry| entry.file_name().into_string().ok());
        Ok(names.filter_map(|name| name.parse().ok()).collect())
    }
}

fn unless_missing(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_job_has_a_folder_of_its_own() {
        let id = JobId::random();
        let local = JobPlace::new("/var/lib/codif", None);
        assert_eq!(local.address(&id, "result.csv"), format!("/var/lib/codif/{id}/result.csv"));
        assert!(!local.is_shared());
        let shared = JobPlace::new("s3://bucket/jobs/", Some(Path::new("/scratch")));
        assert_eq!(shared.address(&id, "result.csv"), format!("s3://bucket/jobs/{id}/result.csv"));
        assert_eq!(shared.folder(&id), Path::new("/scratch").join(id.as_str()));
        assert!(shared.is_shared());
    }

    #[test]
    fn what_a_job_left_is_found_and_removed_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let place = JobPlace::new(&directory.path().to_string_lossy(), None);
        let id = JobId::random();
        fs::create_dir_all(place.folder(&id).join("work")).unwrap();
        fs::write(directory.path().join("codif.sqlite"), "").unwrap();
        assert!(place.left(Duration::from_secs(3600)).unwrap().is_empty());
        std::thread::sleep(Duration::from_millis(10));
        assert_eq!(place.left(Duration::ZERO).unwrap(), std::slice::from_ref(&id));
        place.clear(&id, &Buckets::default()).unwrap();
        place.clear(&id, &Buckets::default()).unwrap();
        assert!(!place.folder(&id).exists() && directory.path().join("codif.sqlite").exists());
    }
}
