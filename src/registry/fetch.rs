//! A version fetched to this machine: each file to a temporary name, its size and digest checked on the way; the directory
//! gets its name when all is there. Whoever was interrupted goes on from where it stopped.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::directory::{each_chunk, remove_at_once, sync_folder};
use super::{Registry, RegistryError};
use crate::coding::ModelVersion;
use crate::model::bundle::parse_manifest;
use crate::model::digest::FileDigest;
use crate::model::error::{ModelError, ModelFault};
use crate::model::manifest::Manifest;
use crate::model::signature::{SIGNATURE_FILE, Trust};

/// Why a version cannot be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The registry has no answer.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// What it sent is not what the manifest says.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// Where a version is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// From the registry, every byte checked on the way.
    Now,
    /// It was there already; its manifest is the registry's, its files were not looked at.
    Before,
}

/// Fetches a version that is signed as `trust` wants it to the directory `target`, unless it is there already. `came` is told of
/// bytes as they come.
pub async fn fetch(
    registry: &Registry,
    version: &ModelVersion,
    target: &Path,
    trust: &Trust,
    came: &(dyn Fn(u64) + Send + Sync),
) -> Result<Fetched, FetchError> {
    let bytes = registry.manifest(version).await?;
    let signature = registry.read(version, SIGNATURE_FILE).await?;
    let fault = |(file, fault): (&str, ModelFault)| fault.of(named(version, file));
    let manifest = parse_manifest(&bytes).map_err(|fault| fault.of(named(version, Manifest::FILE)))?;
    // Before anything is fetched, and before what is there is touched.
    trust.check((&manifest, &bytes), signature.as_deref(), Some(version)).map_err(fault)?;
    if is_there(target, &bytes) {
        write_signature(target, signature.as_deref())?;
        return Ok(Fetched::Before);
    }
    let Some(work) = Work::begin(target, &bytes).await? else {
        write_signature(target, signature.as_deref())?;
        return Ok(Fetched::Before);
    };
    for (file, digest) in &manifest.files {
        work.file(registry, version, file, digest, came).await?;
    }
    write_signature(&work.folder, signature.as_deref())?;
    work.finish(target)?;
    Ok(Fetched::Now)
}

/// Whether the directory holds this very version.
fn is_there(target: &Path, manifest: &[u8]) -> bool {
    fs::read(target.join(Manifest::FILE)).is_ok_and(|found| found == manifest)
}

/// A file of a version, as messages name it.
fn named(version: &ModelVersion, file: &str) -> PathBuf {
    PathBuf::from(format!("{}:{}/{file}", version.name, version.version))
}

fn write_signature(folder: &Path, signature: Option<&[u8]>) -> Result<(), RegistryError> {
    let path = folder.join(SIGNATURE_FILE);
    match signature {
        Some(signature) if fs::read(&path).is_ok_and(|found| found == signature) => Ok(()),
        Some(signature) => write_durably(&path, signature).map_err(RegistryError::of_file(path)),
        None if path.exists() => fs::remove_file(&path).map_err(RegistryError::of_file(path)),
        None => Ok(()),
    }
}

/// The directory in which a version is put together, beside the one it will be.
struct Work {
    folder: PathBuf,
    _lock: File,
}

impl Work {
    /// Takes the directory for itself and keeps what is there of this very version; none when another process finished it in the
    /// meantime.
    async fn begin(target: &Path, manifest: &[u8]) -> Result<Option<Self>, RegistryError> {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let folder = target.with_file_name(format!(".unfinished-{name}"));
        loop {
            if is_there(target, manifest) {
                return Ok(None);
            }
            // Another process may be fetching it: that one is waited for.
            let waiting = {
                let folder = folder.clone();
                tokio::task::spawn_blocking(move || lock_folder(&folder)).await
            };
            let lock = waiting.map_err(std::io::Error::other).flatten().map_err(RegistryError::of_file(&folder))?;
            if let Some(_lock) = lock {
                let work = Self { folder, _lock };
                if !is_there(&work.folder, manifest) {
                    work.restart(manifest).map_err(RegistryError::of_file(&work.folder))?;
                }
                return Ok(Some(work));
            }
        }
    }

    fn restart(&self, manifest: &[u8]) -> std::io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            fs::remove_file(entry?.path())?;
        }
        write_durably(&self.folder.join(Manifest::FILE), manifest)
    }

    /// Fetches one file, or what is missing of it.
    async fn file(
        &self,
        registry: &Registry,
        version: &ModelVersion,
        file: &str,
        expected: &FileDigest,
        came: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<(), FetchError> {
        let (whole, part) = (self.folder.join(file), self.folder.join(format!(".{file}.part")));
        if whole.exists() {
            came(expected.bytes);
            return Ok(());
        }
        let mut partial = Part::open(&part, expected.bytes).map_err(RegistryError::of_file(&part))?;
        came(partial.bytes);
        if partial.bytes < expected.bytes {
            let offset = partial.bytes;
            let mut sink = |chunk: &[u8]| {
                came(chunk.len() as u64);
                partial.take(chunk, expected.bytes)
            };
            let downloaded = registry.download(version, file, offset, &mut sink).await;
            if let Err(error) = downloaded {
                // On a full disk the part is in the way; otherwise the next attempt goes on from it.
                if matches!(&error, RegistryError::Unreadable { .. }) {
                    let _ = fs::remove_file(&part);
                }
                return Err(error.into());
            }
        }
        let found = partial.digest();
        if let Some(fault) = ModelFault::difference(&found, expected) {
            let _ = fs::remove_file(&part);
            return Err(fault.of(named(version, file)).into());
        }
        let keep = || {
            partial.file.sync_all()?;
            fs::rename(&part, &whole)
        };
        Ok(keep().map_err(RegistryError::of_file(&whole))?)
    }

    /// Gives the directory its name; what had it before goes.
    fn finish(self, target: &Path) -> Result<(), RegistryError> {
        let finish = || {
            sync_folder(&self.folder.join(Manifest::FILE))?;
            // Only what is a version is replaced: never somebody's own files.
            if target.join(Manifest::FILE).exists() {
                remove_at_once(target)?;
            }
            fs::rename(&self.folder, target)?;
            sync_folder(target)
        };
        finish().map_err(RegistryError::of_file(target))
    }
}

/// A file that is being fetched.
struct Part {
    file: File,
    hash: Sha256,
    bytes: u64,
}

impl Part {
    /// What is there of it by now, read again for its digest; what is longer than it can be is begun anew.
    fn open(path: &Path, longest: u64) -> std::io::Result<Self> {
        let mut file = File::options().create(true).truncate(false).read(true).write(true).open(path)?;
        if file.metadata()?.len() > longest {
            file.set_len(0)?;
        }
        let (mut hash, mut bytes) = (Sha256::new(), 0);
        each_chunk(&mut file, &mut |chunk| {
            hash.update(chunk);
            bytes += chunk.len() as u64;
            Ok(())
        })?;
        Ok(Self { file, hash, bytes })
    }

    fn take(&mut self, chunk: &[u8], longest: u64) -> std::io::Result<()> {
        self.bytes += chunk.len() as u64;
        if self.bytes > longest {
            return Err(std::io::Error::other(format!("more bytes came than the {longest} that the manifest says")));
        }
        self.hash.update(chunk);
        self.file.write_all(chunk)
    }

    fn digest(&self) -> FileDigest {
        FileDigest { sha256: hex::encode(self.hash.clone().finalize()), bytes: self.bytes }
    }
}

/// Makes a folder and holds it, once nobody else does; none when it has another name by then.
fn lock_folder(folder: &Path) -> std::io::Result<Option<File>> {
    fs::create_dir_all(folder)?;
    let file = File::open(folder)?;
    file.lock()?;
    let (held, found) = (file.metadata()?, fs::metadata(folder));
    Ok(found.is_ok_and(|found| found.ino() == held.ino()).then_some(file))
}

fn write_durably(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
