//! Inputs and outputs in S3. An input is brought here whole before it is read, an output sent when it is whole: a run needs S3 only
//! between its parts, and what is cut off goes on.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use tokio::runtime::{Builder, Runtime};

use super::error::RecodeError;
use super::records::FileRecord;
use crate::model::digest::FileDigest;
use crate::registry::directory::sync_folder;
use crate::registry::s3::{S3, S3Settings};

/// What addresses in S3 begin with.
pub const S3_SCHEME: &str = "s3://";

/// The buckets that are named, opened when they are first.
#[derive(Default)]
pub struct Buckets {
    settings: S3Settings,
    open: Mutex<HashMap<String, S3>>,
    stop: Arc<AtomicBool>,
}

/// An object, as a listing tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteObject {
    /// Its `s3://` address.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its ETag.
    pub state: String,
}

impl Buckets {
    /// Reached so.
    pub fn new(settings: S3Settings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// Nothing more is brought here once this is set.
    pub fn stopped_by(self, stop: Arc<AtomicBool>) -> Self {
        Self { stop, ..self }
    }

    /// The objects that an address means: one, those below it when it ends in `/`, or those that match its `*`.
    pub fn list(&self, address: &str) -> Result<Vec<RemoteObject>, RecodeError> {
        let (bucket, pattern) = parts(address)?;
        let (s3, runtime) = self.bucket(bucket)?;
        let is_glob = pattern.contains(['*', '?', '[']);
        let prefix = pattern.split(['*', '?', '[']).next().unwrap_or_default();
        let matching = glob::Pattern::new(pattern).map_err(|error| refused(address, error))?;
        // A star stands for a part of a name, not for folders.
        let options = glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::default() };
        let is_meant = |key: &str| match (is_glob, pattern.is_empty() || pattern.ends_with('/')) {
            (true, _) => matching.matches_with(key, options),
            (false, true) => true,
            (false, false) => key == pattern || key.strip_prefix(pattern).is_some_and(|rest| rest.starts_with('/')),
        };
        let listed = runtime
            .block_on(s3.list(prefix))
            .map_err(RecodeError::of_address(address))?
            .into_iter()
            .filter(|object| is_meant(&object.key));
        let objects = listed.map(|object| RemoteObject {
            name: format!("{S3_SCHEME}{bucket}/{}", object.key),
            bytes: object.bytes,
            state: object.tag.map(|tag| tag.0).unwrap_or_default(),
        });
        Ok(objects.collect())
    }

    /// Brings an object here; the file has its name when it is whole.
    pub fn fetch(&self, address: &str, bytes: u64, path: &Path) -> Result<(), RecodeError> {
        let (bucket, key) = parts(address)?;
        let (s3, runtime) = self.bucket(bucket)?;
        let folder = path.parent().unwrap_or(path);
        let mut file =
            tempfile::Builder::new().prefix(".fetching-").tempfile_in(folder).map_err(RecodeError::of_file(folder))?;
        let mut came = 0;
        runtime
            .block_on(s3.download(key, 0, &mut |chunk| {
                came += chunk.len() as u64;
                if self.stop.load(Relaxed) {
                    return Err(io::ErrorKind::Interrupted.into());
                }
                file.write_all(chunk)
            }))
            .map_err(|error| match self.stop.load(Relaxed) {
                true => RecodeError::Stopped,
                false => RecodeError::of_address(address)(error),
            })?;
        if came != bytes {
            return Err(RecodeError::InputChanged { name: address.to_owned(), work: folder.display().to_string() });
        }
        file.persist(path).map_err(|error| RecodeError::of_file(path)(error.error))?;
        sync_folder(path).map_err(RecodeError::of_file(path))
    }

    /// Whether something is at an address, or below it.
    pub fn is_there(&self, address: &str) -> Result<bool, RecodeError> {
        Ok(!self.list(address)?.is_empty())
    }

    /// Sends a file in parts; an upload that was cut off goes on, and none stays behind.
    pub fn send(&self, path: &Path, record: &FileRecord, address: &str) -> Result<(), RecodeError> {
        let (bucket, key) = parts(address)?;
        let (s3, runtime) = self.bucket(bucket)?;
        let digest = FileDigest { sha256: record.sha256.clone(), bytes: record.bytes };
        File::open(path).map_err(RecodeError::of_file(path))?;
        runtime.block_on(s3.upload(key, path, &digest, &|_| ())).map_err(RecodeError::of_address(address))?;
        runtime.block_on(s3.abandon_uploads(key));
        Ok(())
    }

    /// Gives up the uploads below an address that were begun and not ended.
    pub fn abandon_uploads(&self, address: &str) -> Result<(), RecodeError> {
        let (bucket, prefix) = parts(address)?;
        let (s3, runtime) = self.bucket(bucket)?;
        runtime.block_on(s3.abandon_uploads_below(prefix));
        Ok(())
    }

    /// Deletes an object.
    pub fn delete(&self, address: &str) -> Result<(), RecodeError> {
        let (bucket, key) = parts(address)?;
        let (s3, runtime) = self.bucket(bucket)?;
        runtime.block_on(s3.delete(key)).map_err(RecodeError::of_address(address))
    }

    fn bucket(&self, name: &str) -> Result<(S3, Runtime), RecodeError> {
        // One a call: what waits is one request after the other, and a client may have been made in a runtime that is gone.
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| RecodeError::Internal(format!("no runtime: {error}")))?;
        let mut open = self.open.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(s3) = open.get(name) {
            return Ok((s3.clone(), runtime));
        }
        let s3 = runtime.block_on(S3::open(name, "", &self.settings));
        let s3 = s3.map_err(RecodeError::of_address(&format!("{S3_SCHEME}{name}")))?;
        open.insert(name.to_owned(), s3.clone());
        Ok((s3, runtime))
    }
}

/// Refuses an address that would mean many objects, where one is meant.
pub fn check_is_one(address: &str) -> Result<(), RecodeError> {
    match address.starts_with(S3_SCHEME) && address.contains(['*', '?', '[']) {
        true => Err(refused(address, "an output has a name of its own, without * ? or [")),
        false => Ok(()),
    }
}

/// Bucket and key of an address.
pub fn parts(address: &str) -> Result<(&str, &str), RecodeError> {
    let rest = address.strip_prefix(S3_SCHEME).unwrap_or(address);
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(refused(address, "it names no bucket: write s3://BUCKET/KEY"));
    }
    Ok((bucket, key))
}

fn refused(address: &str, reason: impl std::fmt::Display) -> RecodeError {
    RecodeError::NoInput(format!("{address}: {reason}"))
}
