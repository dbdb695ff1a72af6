//! Named bytes with conditional writes: all that a registry asks of the place it is kept in, a directory or S3.

use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;

use super::directory::Directory;
use super::error::RegistryError;
use super::object::{Condition, Listed, Sent, Sink, Tag};
use super::s3::S3;
use crate::model::digest::FileDigest;

/// Where the objects of a registry are kept. Keys are relative to the registry's root, parts separated by `/`.
#[derive(Clone, Debug)]
pub enum Objects {
    /// Files below a directory.
    Directory(Directory),
    /// Objects below a prefix of a bucket.
    S3(S3),
}

impl Objects {
    /// What is below a prefix that ends in `/` or is empty, by key.
    pub async fn list(&self, prefix: &str) -> Result<Vec<Listed>, RegistryError> {
        match self {
            Self::Directory(directory) => {
                let prefix = prefix.to_owned();
                beside(directory, move |directory| directory.list(&prefix)).await
            }
            Self::S3(s3) => s3.list(prefix).await,
        }
    }

    /// A small object and its state; none when there is none.
    pub async fn get(&self, key: &str) -> Result<Option<(Vec<u8>, Tag)>, RegistryError> {
        match self {
            Self::Directory(directory) => {
                let key = key.to_owned();
                beside(directory, move |directory| directory.get(&key)).await
            }
            Self::S3(s3) => s3.get(key).await,
        }
    }

    /// The bytes of a large object from an offset on; whoever is cut off goes on from where it stopped.
    pub async fn download(&self, key: &str, offset: u64, sink: &mut Sink<'_>) -> Result<(), RegistryError> {
        match self {
            Self::Directory(directory) => directory.download(key, offset, sink),
            Self::S3(s3) => s3.download(key, offset, sink).await,
        }
    }

    /// Writes a small object if the condition holds; else [`RegistryError::Conflict`].
    pub async fn put(&self, key: &str, bytes: Vec<u8>, condition: Condition<'_>) -> Result<(), RegistryError> {
        match self {
            // Only commands write, and they wait for nothing else.
            Self::Directory(directory) => directory.put(key, &bytes, condition),
            Self::S3(s3) => s3.put(key, bytes, condition).await,
        }
    }

    /// Uploads a file that has this digest, in parts when it is large; what an earlier upload of the same file left is not
    /// sent again. An object of other bytes under this key is a [`RegistryError::Conflict`].
    pub async fn upload(
        &self,
        key: &str,
        file: &Path,
        digest: &FileDigest,
        sent: &Sent<'_>,
    ) -> Result<(), RegistryError> {
        match self {
            Self::Directory(directory) => directory.upload(key, file, digest, sent),
            Self::S3(s3) => s3.upload(key, file, digest, sent).await,
        }
    }

    /// Deletes an object; one that is not there is no error.
    pub async fn delete(&self, key: &str) -> Result<(), RegistryError> {
        match self {
            Self::Directory(directory) => directory.delete(key),
            Self::S3(s3) => s3.delete(key).await,
        }
    }
}

/// How long a look into a directory may take.
const LOOKING: Duration = Duration::from_secs(30);

/// Looks into a directory beside the threads that answer: it may be one of a file server that hangs.
async fn beside<T: Send + 'static>(
    directory: &Directory,
    look: impl FnOnce(&Directory) -> Result<T, RegistryError> + Send + 'static,
) -> Result<T, RegistryError> {
    let directory = directory.clone();
    let place = directory.root().display().to_string();
    match timeout(LOOKING, tokio::task::spawn_blocking(move || look(&directory))).await {
        Ok(looked) => looked.unwrap_or_else(|error| Err(RegistryError::Refused(error.to_string()))),
        Err(_) => Err(RegistryError::Unreachable { place, reason: "its file system does not answer".to_owned() }),
    }
}
