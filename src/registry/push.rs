//! A version sent to a registry: its files first, its manifest last.

use std::path::Path;

use super::object::Sent;
use super::{Registry, RegistryError};
use crate::coding::ModelVersion;
use crate::model::digest::FileDigest;
use crate::model::manifest::Manifest;
use crate::model::signature::{SIGNATURE_FILE, SigningKey};

/// A version to send.
pub struct Push<'a> {
    /// Where its files are.
    pub directory: &'a Path,
    /// Its manifest, whose name and version are filled in.
    pub manifest: Manifest,
    /// Name of the model in the registry.
    pub name: &'a str,
    /// Who signs it.
    pub key: Option<&'a SigningKey>,
}

impl Push<'_> {
    /// Sends it under the next number. What an earlier push of the same version left unfinished is gone on with.
    pub async fn send(mut self, registry: &Registry, sent: &Sent<'_>) -> Result<ModelVersion, RegistryError> {
        let version = match registry {
            Registry::Objects(registry) => registry.begin(self.name, &self.identity()?).await?,
            Registry::Mlflow(mlflow) => mlflow.begin(self.name, &self.identity()?).await?,
        };
        let version = ModelVersion { name: self.name.to_owned(), version };
        for (file, digest) in &self.manifest.files {
            self.upload(registry, &version, file, digest, sent).await?;
        }
        self.manifest.name.clone_from(&version.name);
        self.manifest.version = version.version;
        let manifest = written(&self.manifest)?;
        if let Some(key) = self.key {
            registry.put(&version, SIGNATURE_FILE, key.sign(&manifest)).await?;
        }
        match registry {
            Registry::Objects(registry) => registry.finish(&version, manifest).await?,
            Registry::Mlflow(mlflow) => mlflow.finish(&version, manifest).await?,
        }
        Ok(version)
    }

    async fn upload(
        &self,
        registry: &Registry,
        version: &ModelVersion,
        file: &str,
        digest: &FileDigest,
        sent: &Sent<'_>,
    ) -> Result<(), RegistryError> {
        let path = self.directory.join(file);
        match registry {
            Registry::Objects(registry) => {
                registry.objects.upload(&super::layout::key(version, file), &path, digest, sent).await
            }
            Registry::Mlflow(mlflow) => mlflow.upload(version, file, &path, digest, sent).await,
        }
    }

    /// What tells this version from others, whatever its number: the digest of its manifest.
    fn identity(&self) -> Result<String, RegistryError> {
        let nameless = Manifest { name: String::new(), version: 0, ..self.manifest.clone() };
        Ok(crate::model::digest::digest(&written(&nameless)?).sha256)
    }
}

fn written(manifest: &Manifest) -> Result<Vec<u8>, RegistryError> {
    serde_json::to_vec_pretty(manifest).map_err(|error| RegistryError::Refused(format!("manifest.json: {error}")))
}
