//! A folder of artefacts, wherever it is.

use std::path::Path;

use super::client::Client;
use super::proxy::Proxy;
use super::uri::ArtifactUri;
use crate::model::digest::FileDigest;
use crate::registry::directory::Directory;
use crate::registry::error::RegistryError;
use crate::registry::object::{Condition, Listed, Sent, Sink};
use crate::registry::objects::Objects;
use crate::registry::s3::{S3, S3Settings};

/// A folder of artefacts.
#[derive(Clone, Debug)]
pub enum Artifacts {
    /// Behind an MLflow server.
    Proxied(Proxy),
    /// In S3 or on this machine, where nothing need pass through a server.
    Kept {
        /// All that is kept there.
        objects: Objects,
        /// What stands before the names of the files: empty, or ending in `/`.
        prefix: String,
    },
}

impl Artifacts {
    /// The folder at an address that the tracking server gave.
    pub async fn at(uri: &str, client: &Client, s3: &S3Settings) -> Result<Self, RegistryError> {
        let refused =
            |reason: &str| RegistryError::Refused(format!("{} keeps artefacts at {uri}, {reason}", client.place()));
        match ArtifactUri::parse(uri, client.tracking()) {
            Some(ArtifactUri::Proxied { server, path }) => {
                Ok(Self::Proxied(Proxy { client: client.clone(), server, path }))
            }
            Some(ArtifactUri::S3 { bucket, prefix }) => {
                Ok(Self::Kept { objects: Objects::S3(S3::open(&bucket, "", s3).await?), prefix })
            }
            Some(ArtifactUri::File(path)) if path.is_dir() => {
                Ok(Self::Kept { objects: Objects::Directory(Directory::open(&path)?), prefix: String::new() })
            }
            Some(ArtifactUri::File(_)) => Err(refused(
                "a disk this machine does not have: start the server with --serve-artifacts or a root in S3",
            )),
            None => Err(refused("where codif cannot read: it reads from mlflow-artifacts, s3 and file addresses")),
        }
    }

    /// A folder in this one.
    pub fn below(&self, folder: &str) -> Self {
        match self {
            Self::Proxied(proxy) => Self::Proxied(proxy.below(folder)),
            Self::Kept { objects, prefix } => {
                Self::Kept { objects: objects.clone(), prefix: format!("{prefix}{folder}/") }
            }
        }
    }

    /// The files of the folder, without those of the folders in it. A folder that is not there has none.
    pub async fn files(&self) -> Result<Vec<Listed>, RegistryError> {
        match self {
            Self::Proxied(proxy) => proxy.files().await,
            Self::Kept { objects, prefix } => {
                let listed = objects.list(prefix).await?.into_iter();
                let own = listed.filter_map(|Listed { key, bytes, tag }| {
                    let name = key.strip_prefix(prefix)?;
                    (!name.contains('/')).then(|| Listed { key: name.to_owned(), bytes, tag })
                });
                Ok(own.collect())
            }
        }
    }

    /// A small file; none when there is none.
    pub async fn get(&self, file: &str) -> Result<Option<Vec<u8>>, RegistryError> {
        match self {
            Self::Proxied(proxy) => proxy.get(file).await,
            Self::Kept { objects, prefix } => {
                Ok(objects.get(&format!("{prefix}{file}")).await?.map(|(bytes, _)| bytes))
            }
        }
    }

    /// The bytes of a file from an offset on.
    pub async fn download(&self, file: &str, offset: u64, sink: &mut Sink<'_>) -> Result<(), RegistryError> {
        match self {
            Self::Proxied(proxy) => proxy.download(file, offset, sink).await,
            Self::Kept { objects, prefix } => objects.download(&format!("{prefix}{file}"), offset, sink).await,
        }
    }

    /// Sends a file that has this digest, unless it is there already.
    pub async fn upload(
        &self,
        file: &str,
        path: &Path,
        digest: &FileDigest,
        sent: &Sent<'_>,
    ) -> Result<(), RegistryError> {
        match self {
            Self::Proxied(proxy) => proxy.upload(file, path, digest, sent).await,
            Self::Kept { objects, prefix } => objects.upload(&format!("{prefix}{file}"), path, digest, sent).await,
        }
    }

    /// Writes a small file, in place of one that is there.
    pub async fn put(&self, file: &str, bytes: Vec<u8>) -> Result<(), RegistryError> {
        match self {
            Self::Proxied(proxy) => proxy.put(file, bytes).await,
            Self::Kept { objects, prefix } => {
                let key = format!("{prefix}{file}");
                let found = objects.get(&key).await?;
                let condition = found.as_ref().map_or(Condition::Absent, |(_, tag)| Condition::Unchanged(tag));
                objects.put(&key, bytes, condition).await
            }
        }
    }
}
