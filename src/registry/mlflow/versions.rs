//! The artefacts of a version: where they are, and whether codif can load them.

use std::sync::PoisonError;

use super::Mlflow;
use super::answers::{DownloadUri, OneRun};
use super::artifacts::Artifacts;
use super::failure::if_there;
use super::uri::of_run;
use crate::coding::ModelVersion;
use crate::model::digest::digest;
use crate::model::manifest::Manifest;
use crate::registry::error::RegistryError;
use crate::registry::object::{Listed, Sink, Tag};

/// The folder of a version's artefacts that may hold what is codif's, beside its root.
pub const FOLDER: &str = "codif";

/// What the artefacts of a version are.
enum Found {
    /// There is no such version.
    NoVersion,
    /// No manifest is among them.
    NoManifest {
        /// Their folder.
        root: Artifacts,
        /// The files at its root.
        files: Vec<Listed>,
    },
    /// This folder holds the manifest.
    Folder(Artifacts),
}

impl Mlflow {
    /// A small file of a version and its state, which is its content; none when there is none.
    pub async fn read(&self, version: &ModelVersion, file: &str) -> Result<Option<(Vec<u8>, Tag)>, RegistryError> {
        let bytes = self.folder(version).await?.get(file).await?;
        Ok(bytes.map(|bytes| {
            let tag = Tag(digest(&bytes).sha256);
            (bytes, tag)
        }))
    }

    /// The bytes of a file of a version from an offset on. What is cut off is gone on with; a server that keeps its
    /// artefacts in S3 sends them from the beginning again, which are passed over.
    pub async fn download(
        &self,
        version: &ModelVersion,
        file: &str,
        offset: u64,
        sink: &mut Sink<'_>,
    ) -> Result<(), RegistryError> {
        self.folder(version).await?.download(file, offset, sink).await
    }

    /// Whether there is such a version and it has a manifest.
    pub(super) async fn has_manifest(&self, name: &str, version: u32) -> Result<bool, RegistryError> {
        Ok(matches!(self.find(name, version).await?, Found::Folder(_)))
    }

    /// The folder of a version that files are written to: the one with the manifest, or the root while there is none.
    pub(super) async fn writable(&self, version: &ModelVersion) -> Result<Artifacts, RegistryError> {
        match self.find(&version.name, version.version).await? {
            Found::Folder(folder) | Found::NoManifest { root: folder, .. } => Ok(folder),
            Found::NoVersion => Err(self.lacks(&version.name, version.version).await),
        }
    }

    /// The folder of a version that codif can load.
    async fn folder(&self, version: &ModelVersion) -> Result<Artifacts, RegistryError> {
        match self.find(&version.name, version.version).await? {
            Found::Folder(folder) => Ok(folder),
            Found::NoManifest { files, .. } => Err(self.no_codif_version(version, &files)),
            Found::NoVersion => Err(self.lacks(&version.name, version.version).await),
        }
    }

    async fn find(&self, name: &str, version: u32) -> Result<Found, RegistryError> {
        // Asked each time: a model that was deleted and made anew has other artefacts under the same number.
        let Some(uri) = self.uri(name, version).await? else { return Ok(Found::NoVersion) };
        let known = self.folders.lock().unwrap_or_else(PoisonError::into_inner).get(&uri).cloned();
        if let Some(folder) = known {
            return Ok(Found::Folder(folder));
        }
        let root = Artifacts::at(&uri, &self.client, &self.s3).await?;
        let files = root.files().await?;
        let folder = if has_manifest(&files) {
            root
        } else {
            let folder = root.below(FOLDER);
            if !has_manifest(&folder.files().await?) {
                return Ok(Found::NoManifest { root, files });
            }
            folder
        };
        self.folders.lock().unwrap_or_else(PoisonError::into_inner).insert(uri, folder.clone());
        Ok(Found::Folder(folder))
    }

    /// Where the artefacts of a version are; none when there is no such version.
    async fn uri(&self, name: &str, version: u32) -> Result<Option<String>, RegistryError> {
        let number = version.to_string();
        let query = [("name", name), ("version", number.as_str())];
        let found = self.client.get::<DownloadUri>("model-versions/get-download-uri", &query).await;
        let Some(DownloadUri { artifact_uri }) = if_there(found)? else { return Ok(None) };
        let Some((id, path)) = of_run(&artifact_uri) else { return Ok(Some(artifact_uri)) };
        let found: OneRun = self.client.get("runs/get", &[("run_id", id)]).await?;
        Ok(Some(format!("{}/{path}", found.run.info.artifact_uri.trim_end_matches('/'))))
    }

    fn no_codif_version(&self, version: &ModelVersion, files: &[Listed]) -> RegistryError {
        let named = format!("version {} of {:?} in {}", version.version, version.name, self.client.place());
        let pickled = files.iter().any(|file| file.key == "MLmodel" || file.key.ends_with(".pkl"));
        RegistryError::NoCodifVersion(if pickled {
            format!(
                "{named} is a pyfunc of pickles, which codif never loads: export the model with \
                 python/export_torch_text.py, then `codif model import torch-text` and `codif model push`"
            )
        } else {
            format!("{named} holds no manifest.json at its root or in {FOLDER}/: it is no version that codif can load")
        })
    }
}

fn has_manifest(files: &[Listed]) -> bool {
    files.iter().any(|file| file.key == Manifest::FILE)
}
