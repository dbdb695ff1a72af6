//! A model version written to a directory: files first, the manifest last, under a temporary name until it is whole.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::assembly::assemble;
use super::bundle::VOCABULARY_FILE;
use super::digest::digest;
use super::error::{ModelError, ModelFault};
use super::golden::{self, GoldenCase};
use super::manifest::Manifest;
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
        let weights = Weights::read(weights, length, sizes, self.words.len(), &candle_core::Device::Cpu)?;
        let words = self.words.iter().map(String::as_str).collect();
        assemble(&self.manifest, words, weights, nomenclatures)
    }

    /// Writes the draft as the next version below `versions`, and gives the directory it stands in.
    /// A run that is cut short leaves a hidden temporary directory at most, which no registry lists.
    pub fn write(mut self, versions: &Path, golden: &[GoldenCase], card: &str) -> Result<PathBuf, ModelError> {
        let unwritable = |error: std::io::Error| ModelFault::from(error).of(versions);
        fs::create_dir_all(versions).map_err(unwritable)?;
        let temporary = tempfile::Builder::new().prefix(".unfinished-").tempdir_in(versions).map_err(unwritable)?;
        let mut cases = String::new();
        for case in golden {
            cases.push_str(&json(case).map_err(|fault| fault.of(temporary.path()))?);
            cases.push('\n');
        }
        let mut vocabulary = self.words.join("\n");
        vocabulary.push('\n');
        let files: [(&str, &[u8]); 4] = [
            (weights::FILE, &self.weights),
            (VOCABULARY_FILE, vocabulary.as_bytes()),
            (golden::FILE, cases.as_bytes()),
            (CARD_FILE, card.as_bytes()),
        ];
        for (name, bytes) in files {
            write_durably(&temporary.path().join(name), bytes)?;
            self.manifest.files.insert(name.to_owned(), digest(bytes));
        }
        self.publish(versions, &temporary)
    }

    /// Writes the manifest and gives the directory its name: the number after the highest one.
    fn publish(&mut self, versions: &Path, temporary: &tempfile::TempDir) -> Result<PathBuf, ModelError> {
        loop {
            self.manifest.version = next_version(versions).map_err(|error| ModelFault::from(error).of(versions))?;
            let manifest = serde_json::to_string_pretty(&self.manifest)
                .map_err(|error| ModelFault::malformed("manifest", error).of(temporary.path()))?;
            write_durably(&temporary.path().join(Manifest::FILE), manifest.as_bytes())?;
            let directory = versions.join(self.manifest.version.to_string());
            match fs::rename(temporary.path(), &directory) {
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
