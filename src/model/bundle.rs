//! A model version in a directory, read into a [`Coder`]: nothing serves before its digests match the manifest and
//! its golden cases come out right.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;

use serde::Deserialize;

use super::assembly::{TextParts, assemble};
use super::digest::{FileDigest, Hashed};
use super::error::{ModelError, ModelFault};
use super::manifest::{Manifest, TokenizerKind};
use super::options::LoadOptions;
use super::signature::SIGNATURE_FILE;
use super::weights::Weights;
use super::{golden, weights};
use crate::coding::tokens::Tokenizer;
use crate::coding::{Coder, ModelVersion};
use crate::nomenclature::Nomenclatures;

/// Name of the file of words, one a line, in the order of their rows.
pub const VOCABULARY_FILE: &str = "vocabulary.txt";

/// Bytes from which the digest of a file is taken on a thread of its own.
const LARGE: u64 = 16 << 20;

/// Reads the manifest of the version in `directory`.
pub fn manifest(directory: &Path) -> Result<Manifest, ModelError> {
    manifest_and_bytes(directory).map(|(manifest, _)| manifest)
}

fn manifest_and_bytes(directory: &Path) -> Result<(Manifest, Vec<u8>), ModelError> {
    let file = directory.join(Manifest::FILE);
    let bytes = fs::read(&file).map_err(|error| ModelFault::from(error).of(&file))?;
    let manifest = parse_manifest(&bytes).map_err(|fault| fault.of(&file))?;
    Ok((manifest, bytes))
}

/// Reads a manifest. One of another format is refused as such, whatever else it holds.
pub fn parse_manifest(bytes: &[u8]) -> Result<Manifest, ModelFault> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let malformed = |error| ModelFault::malformed("manifest", error);
    let Format { format } = serde_json::from_slice(bytes).map_err(malformed)?;
    if format != Manifest::FORMAT {
        let reason = format!("its format is {format}, this codif reads format {}", Manifest::FORMAT);
        return Err(ModelFault::malformed("manifest", reason));
    }
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(malformed)?;
    match manifest.files.keys().find(|file| !is_plain(file)) {
        Some(path) => Err(ModelFault::malformed("name of a file", path)),
        None => Ok(manifest),
    }
}

/// Whether a name is that of a file beside the manifest: no path elsewhere, and nothing that a registry itself writes there.
fn is_plain(file: &str) -> bool {
    const OTHERS: [&str; 5] = ["", Manifest::FILE, SIGNATURE_FILE, "unfinished", "deleted"];
    !file.starts_with('.')
        && !OTHERS.contains(&file)
        && file.chars().all(|character| character.is_ascii_alphanumeric() || "._-".contains(character))
}

/// Checks size and digest of every file that the manifest in `directory` lists.
pub fn check_files(directory: &Path) -> Result<(), ModelError> {
    let manifest = manifest(directory)?;
    Bundle { directory, manifest: &manifest }.check_all(&[])
}

/// Loads and verifies the version in `directory`, under the name and number that its manifest gives.
pub fn load(directory: &Path, nomenclatures: &Nomenclatures) -> Result<Coder, ModelError> {
    load_as(directory, None, &LoadOptions::default(), nomenclatures)
}

/// The same, under the name and number by which the registry knows it; a signed one must be signed as that.
pub fn load_as(
    directory: &Path,
    known_as: Option<&ModelVersion>,
    options: &LoadOptions,
    nomenclatures: &Nomenclatures,
) -> Result<Coder, ModelError> {
    let (mut manifest, bytes) = manifest_and_bytes(directory)?;
    let signature = match fs::read(directory.join(SIGNATURE_FILE)) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        read => Some(read.map_err(|error| ModelFault::from(error).of(directory.join(SIGNATURE_FILE)))?),
    };
    let checked = options.trust.check((&manifest, &bytes), signature.as_deref(), known_as);
    checked.map_err(|(file, fault)| fault.of(directory.join(file)))?;
    if let Some(known_as) = known_as {
        manifest.name.clone_from(&known_as.name);
        manifest.version = known_as.version;
    }
    let bundle = Bundle { directory, manifest: &manifest };
    // What is read is checked as it is read.
    bundle.check_all(&[golden::FILE, bundle.text_file(), weights::FILE])?;
    let cases = bundle.read_text(golden::FILE)?;
    let coder = bundle.coder(options, nomenclatures)?;
    let golden_file = directory.join(golden::FILE);
    let cases = golden::read(&cases).map_err(|fault| fault.of(&golden_file))?;
    golden::replay(&coder, &cases).map_err(|fault| fault.of(&golden_file))?;
    Ok(coder)
}

/// The coder of a version in a directory whose golden cases are still to be recorded.
pub(super) fn unproven(
    directory: &Path,
    manifest: &Manifest,
    nomenclatures: &Nomenclatures,
) -> Result<Coder, ModelError> {
    Bundle { directory, manifest }.coder(&LoadOptions::default(), nomenclatures)
}

struct Bundle<'a> {
    directory: &'a Path,
    manifest: &'a Manifest,
}

impl Bundle<'_> {
    fn coder(&self, options: &LoadOptions, nomenclatures: &Nomenclatures) -> Result<Coder, ModelError> {
        let of_manifest = |fault: ModelFault| fault.of(self.directory.join(Manifest::FILE));
        let sizes = self.manifest.sizes().map_err(|reason| of_manifest(ModelFault::malformed("manifest", reason)))?;
        let text = self.read_text(self.text_file())?;
        let parts = self.parts(&text).map_err(|fault| fault.of(self.directory.join(self.text_file())))?;
        // Rows that are quantised stay by themselves.
        let more = parts.more_rows(options.known_words, sizes.dimension, None);
        let weights = self.checked(weights::FILE, |file, length| Weights::read(file, length, sizes, more))?;
        assemble(self.manifest, parts, weights, options, nomenclatures).map_err(of_manifest)
    }

    /// The file that says what is read of a text.
    fn text_file(&self) -> &'static str {
        self.manifest.tokenizer.as_ref().map_or(VOCABULARY_FILE, |tokenizer| tokenizer.kind.file())
    }

    fn parts<'t>(&'t self, text: &'t str) -> Result<TextParts<'t>, ModelFault> {
        let Some(settings) = &self.manifest.tokenizer else {
            let words: Vec<&str> = text.lines().collect();
            let features = self.manifest.features()?;
            if words.len() != features.words {
                let reason = format!("it has {} words, the manifest says {}", words.len(), features.words);
                return Err(ModelFault::malformed("vocabulary", reason));
            }
            return Ok(TextParts::Words(words, features));
        };
        let tokenizer = match settings.kind {
            TokenizerKind::WordPiece => Tokenizer::word_piece(text.as_bytes()),
            TokenizerKind::Ngram => Tokenizer::ngrams(text.as_bytes()),
        };
        let tokenizer = tokenizer.map_err(|error| ModelFault::malformed("tokenizer", error))?;
        if tokenizer.size() > settings.tokens {
            let reason = format!("it makes {} tokens, the manifest says {}", tokenizer.size(), settings.tokens);
            return Err(ModelFault::malformed("tokenizer", reason));
        }
        Ok(TextParts::Tokenizer(tokenizer))
    }

    fn read_text(&self, name: &str) -> Result<String, ModelError> {
        self.checked(name, |file, _| {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            String::from_utf8(bytes).map_err(|error| ModelFault::malformed("UTF-8 text", error))
        })
    }

    /// Checks every file that is listed but for these.
    fn check_all(&self, but: &[&str]) -> Result<(), ModelError> {
        let mut names = self.manifest.files.keys().filter(|name| !but.contains(&name.as_str()));
        names.try_for_each(|name| self.checked(name, |_, _| Ok(())))
    }

    /// What is made of a file whose size and digest are the manifest's; its digest is known once it was read.
    fn checked<T>(
        &self,
        name: &str,
        make: impl FnOnce(&mut Hashed<File>, u64) -> Result<T, ModelFault>,
    ) -> Result<T, ModelError> {
        let path = self.directory.join(name);
        let read = || {
            let expected = self.manifest.files.get(name).ok_or(ModelFault::NotListed)?;
            let file = File::open(&path)?;
            let length = file.metadata()?.len();
            if length != expected.bytes {
                let found = FileDigest { bytes: length, ..expected.clone() };
                return Err(ModelFault::difference(&found, expected).unwrap_or(ModelFault::NotListed));
            }
            let mut file = if length > LARGE { Hashed::aside(file) } else { Hashed::new(file) };
            let made = make(&mut file, length);
            std::io::copy(&mut file, &mut std::io::sink())?;
            // A file that is not what it should be is damaged, whatever was found in it before.
            ModelFault::difference(&file.digest(), expected).map_or(made, Err)
        };
        read().map_err(|fault| fault.of(&path))
    }
}
