//! A model version written to a directory: files first, the manifest last, under a temporary name until it is whole.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::assembly::{TextParts, assemble};
use super::bundle::{self, VOCABULARY_FILE};
use super::digest::Hashed;
use super::error::{ModelError, ModelFault};
use super::golden::{self, GoldenCase};
use super::manifest::Manifest;
use super::options::LoadOptions;
use super::weights::{self, Weights};
use crate::coding::Coder;
use crate::nomenclature::Nomenclatures;

/// Name of the model card.
pub const CARD_FILE: &str = "MODEL_CARD.md";

/// A model that is not in a registry yet.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Its manifest, whose `version` and `files` are filled in when it is written.
    pub manifest: Manifest,
    /// Its words, in the order of their rows.
    pub words: Vec<String>,
    /// The bytes of its weights' file.
    pub weights: Vec<u8>,
}

impl Draft {
    /// The coder that a registry would load.
    pub fn coder(&self, nomenclatures: &Nomenclatures) -> Result<Coder, ModelFault> {
        let sizes = self.manifest.sizes().map_err(|reason| ModelFault::malformed("manifest", reason))?;
        let (weights, length) = (self.weights.as_slice(), self.weights.len() as u64);
        let weights = Weights::read(weights, length, sizes, self.words.len())?;
        let words = TextParts::Words(self.words.iter().map(String::as_str).collect(), self.manifest.features()?);
        assemble(&self.manifest, words, weights, &LoadOptions::default(), nomenclatures)
    }

    /// Writes the draft as the next version below `versions`, and gives the directory it stands in.
    pub fn write(self, versions: &Path, golden: &[GoldenCase], card: &str) -> Result<PathBuf, ModelError> {
        let mut vocabulary = self.words.join("\n");
        vocabulary.push('\n');
        let mut unpublished = Unpublished::begin(versions, self.manifest)?;
        unpublished.write(weights::FILE, self.weights.as_slice())?;
        unpublished.write(VOCABULARY_FILE, vocabulary.as_bytes())?;
        unpublished.write_golden(golden)?;
        unpublished.write(CARD_FILE, card.as_bytes())?;
        unpublished.publish()
    }
}

/// A version that is being written under a hidden name. A run that is cut short leaves that at most, which no registry lists.
pub struct Unpublished {
    // Dropped in this order: what was written goes before the folders that were made for it.
    folder: tempfile::TempDir,
    _made: Made,
    versions: PathBuf,
    manifest: Manifest,
}

/// Folders that were made for a version. They go again if nothing came to stand in them.
struct Made(Vec<PathBuf>);

impl Made {
    /// Makes a folder, and those above it that are missing.
    fn folder(path: &Path) -> std::io::Result<Self> {
        let missing = path.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists());
        let missing = Self(missing.map(Path::to_owned).collect());
        fs::create_dir_all(path)?;
        Ok(missing)
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        // Those that hold something stay.
        for folder in &self.0 {
            if fs::remove_dir(folder).is_err() {
                return;
            }
        }
    }
}

impl Unpublished {
    /// Begins a version below `versions`; `version` and `files` of its manifest are filled in.
    pub fn begin(versions: &Path, manifest: Manifest) -> Result<Self, ModelError> {
        let unwritable = |error: std::io::Error| ModelFault::from(error).of(versions);
        let made = Made::folder(versions).map_err(unwritable)?;
        let folder = tempfile::Builder::new().prefix(".unfinished-").tempdir_in(versions).map_err(unwritable)?;
        Ok(Self { folder, _made: made, versions: versions.to_owned(), manifest })
    }

    /// Its manifest so far.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Writes a file, to be listed in the manifest.
    pub fn write(&mut self, name: &str, bytes: impl Read) -> Result<(), ModelError> {
        let path = self.folder.path().join(name);
        let mut bytes = Hashed::new(bytes);
        let mut write = || {
            let mut file = File::create(&path)?;
            std::io::copy(&mut bytes, &mut file)?;
            file.sync_all()
        };
        write().map_err(|error| ModelFault::from(error).of(&path))?;
        self.manifest.files.insert(name.to_owned(), bytes.digest());
        Ok(())
    }

    /// Writes the golden cases.
    pub fn write_golden(&mut self, golden: &[GoldenCase]) -> Result<(), ModelError> {
        let mut cases = String::new();
        for case in golden {
            cases.push_str(&json(case).map_err(|fault| fault.of(self.folder.path()))?);
            cases.push('\n');
        }
        self.write(golden::FILE, cases.as_bytes())
    }

    /// The coder of what was written so far: what the golden cases are recorded with.
    pub fn coder(&self, nomenclatures: &Nomenclatures) -> Result<Coder, ModelError> {
        bundle::unproven(self.folder.path(), &self.manifest, nomenclatures)
    }

    /// Writes the manifest and gives the directory its name: the number after the highest one.
    pub fn publish(mut self) -> Result<PathBuf, ModelError> {
        let versions = &self.versions;
        loop {
            self.manifest.version = next_version(versions).map_err(|error| ModelFault::from(error).of(versions))?;
            let manifest = serde_json::to_string_pretty(&self.manifest)
                .map_err(|error| ModelFault::malformed("manifest", error).of(self.folder.path()))?;
            write_durably(&self.folder.path().join(Manifest::FILE), manifest.as_bytes())?;
            let directory = versions.join(self.manifest.version.to_string());
            match fs::rename(self.folder.path(), &directory) {
                Ok(()) => {
                    make_readable(&directory);
                    return Ok(directory);
                }
                // Another run took the number in the meantime: take the next one.
                Err(_) if directory.exists() => {}
                Err(error) => return Err(ModelFault::from(error).of(directory)),
            }
        }
    }
}

/// The number after the highest version in a directory; 1 when there is none.
fn next_version(versions: &Path) -> std::io::Result<u32> {
    let mut highest = 0;
    for entry in fs::read_dir(versions)? {
        let number = entry?.file_name().to_str().and_then(|name| name.parse().ok());
        highest = highest.max(number.unwrap_or(0));
    }
    Ok(highest + 1)
}

fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), ModelError> {
    let write = || {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|error| ModelFault::from(error).of(path))
}

/// Temporary directories are private; a version is for every user who may read the registry.
fn make_readable(directory: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if let Err(error) = fs::set_permissions(directory, fs::Permissions::from_mode(0o755)) {
            tracing::warn!(%error, directory = %directory.display(), "cannot make the version readable by others");
        }
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, ModelFault> {
    serde_json::to_string(value).map_err(|error| ModelFault::malformed("golden case", error))
}
