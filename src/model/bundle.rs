//! A model version in a directory, read into a [`Coder`]: nothing serves before its digests match the manifest and
//! its golden cases come out right.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use sha2::{Digest, Sha256};

use super::error::{ModelError, ModelFault};
use super::manifest::{FileDigest, Manifest};
use super::weights::Weights;
use super::{golden, weights};
use crate::coding::classifier::Classifier;
use crate::coding::features::{Buckets, Features};
use crate::coding::known_words::with_known_words;
use crate::coding::normalise::Normaliser;
use crate::coding::{Coder, Label, ModelVersion};
use crate::nomenclature::{Code, Level, Nomenclature, Nomenclatures};

/// Name of the file of words, one a line, in the order of their rows.
pub const VOCABULARY_FILE: &str = "vocabulary.txt";

/// Reads the manifest of the version in `directory`.
pub fn manifest(directory: &Path) -> Result<Manifest, ModelError> {
    let file = directory.join(Manifest::FILE);
    let fault = |fault: ModelFault| fault.of(&file);
    let text = fs::read_to_string(&file).map_err(|error| fault(error.into()))?;
    let manifest: Manifest =
        serde_json::from_str(&text).map_err(|error| fault(ModelFault::malformed("manifest", error)))?;
    if manifest.format != Manifest::FORMAT {
        let reason = format!("its format is {}, this codif reads format {}", manifest.format, Manifest::FORMAT);
        return Err(fault(ModelFault::malformed("manifest", reason)));
    }
    Ok(manifest)
}

/// Loads and verifies the version in `directory`.
pub fn load(directory: &Path, nomenclatures: &Nomenclatures) -> Result<Coder, ModelError> {
    let manifest = manifest(directory)?;
    let bundle = Bundle { directory, manifest: &manifest };
    let cases = bundle.read_text(golden::FILE)?;
    let coder = bundle.coder(nomenclatures)?;
    let golden_file = directory.join(golden::FILE);
    let cases = golden::read(&cases).map_err(|fault| fault.of(&golden_file))?;
    golden::replay(&coder, &cases).map_err(|fault| fault.of(&golden_file))?;
    Ok(coder)
}

struct Bundle<'a> {
    directory: &'a Path,
    manifest: &'a Manifest,
}

impl Bundle<'_> {
    fn coder(&self, nomenclatures: &Nomenclatures) -> Result<Coder, ModelError> {
        let of_manifest = |fault: ModelFault| fault.of(self.directory.join(Manifest::FILE));
        let sizes = self.manifest.sizes().map_err(|reason| of_manifest(ModelFault::malformed("manifest", reason)))?;
        let words = self.read_text(VOCABULARY_FILE)?;
        let words = self.words(&words)?;
        let weights = Weights::read(&self.read(weights::FILE)?, sizes, &Device::Cpu)
            .map_err(|fault| fault.of(self.directory.join(weights::FILE)))?;
        assemble(self.manifest, words, weights, nomenclatures).map_err(of_manifest)
    }

    fn words<'t>(&self, text: &'t str) -> Result<Vec<&'t str>, ModelError> {
        let words: Vec<&str> = text.lines().collect();
        if words.len() != self.manifest.features.words {
            let reason = format!("it has {} words, the manifest says {}", words.len(), self.manifest.features.words);
            return Err(ModelFault::malformed("vocabulary", reason).of(self.directory.join(VOCABULARY_FILE)));
        }
        Ok(words)
    }

    fn read_text(&self, name: &str) -> Result<String, ModelError> {
        String::from_utf8(self.read(name)?)
            .map_err(|error| ModelFault::malformed("UTF-8 text", error).of(self.directory.join(name)))
    }

    /// The bytes of a file whose size and digest are the manifest's.
    fn read(&self, name: &str) -> Result<Vec<u8>, ModelError> {
        let path = self.directory.join(name);
        let read = || {
            let expected = self.manifest.files.get(name).ok_or(ModelFault::NotListed)?;
            let size = fs::metadata(&path)?.len();
            if size != expected.bytes {
                return Err(mismatch("size", &size, &expected.bytes));
            }
            let bytes = fs::read(&path)?;
            let found = digest(&bytes);
            if found.sha256 != expected.sha256 {
                return Err(mismatch("sha256", &found.sha256, &expected.sha256));
            }
            Ok(bytes)
        };
        read().map_err(|fault| fault.of(&path))
    }
}

fn mismatch(what: &'static str, found: &dyn ToString, expected: &dyn ToString) -> ModelFault {
    ModelFault::Mismatch { what, found: found.to_string(), expected: expected.to_string() }
}

/// Size and digest of bytes.
pub fn digest(bytes: &[u8]) -> FileDigest {
    FileDigest { sha256: hex::encode(Sha256::digest(bytes)), bytes: bytes.len() as u64 }
}

/// The coder that a manifest, its words and its weights make.
pub fn assemble(
    manifest: &Manifest,
    words: Vec<&str>,
    weights: Weights,
    nomenclatures: &Nomenclatures,
) -> Result<Coder, ModelFault> {
    let malformed = |reason: String| ModelFault::malformed("manifest", reason);
    let nomenclature = nomenclatures
        .get(&manifest.nomenclature)
        .ok_or_else(|| malformed(format!("unknown nomenclature {:?}", manifest.nomenclature)))?;
    let mut features = features(manifest, words.clone(), &weights.buckets);
    let table = with_known_words(&mut features, &words, weights.table).map_err(|error| malformed(error.to_string()))?;
    let head = by_columns(&weights.head).map_err(|error| malformed(error.to_string()))?;
    Ok(Coder {
        model: Arc::new(ModelVersion { name: manifest.name.clone(), version: manifest.version }),
        labels: labels(&manifest.labels, nomenclature).map_err(malformed)?,
        nomenclature: Arc::clone(nomenclature),
        normaliser: Normaliser::new(manifest.normaliser.clone()).map_err(|error| malformed(error.to_string()))?,
        features,
        classifier: Classifier::new(table, head, weights.bias, manifest.loss, manifest.temperature),
        threshold: manifest.decision.threshold,
    })
}

/// The same weights, stored column by column: the product of one text reads them in one stretch.
fn by_columns(weights: &Tensor) -> candle_core::Result<Tensor> {
    weights.t()?.contiguous()?.t()
}

/// The labels with their titles; codes outside the nomenclature's sub-classes are refused, all of them named.
fn labels(codes: &[String], nomenclature: &Nomenclature) -> Result<Vec<Arc<Label>>, String> {
    let mut labels = Vec::with_capacity(codes.len());
    let mut outside = Vec::new();
    for text in codes {
        let entry = text.parse::<Code>().ok().and_then(|code| nomenclature.entry(&code));
        match entry.filter(|entry| entry.level == Level::SubClass) {
            Some(entry) => {
                let path = nomenclature.path(&entry.code);
                let label = Label::new(entry.code.clone(), entry.title.clone(), path);
                labels.push(Arc::new(label.map_err(|error| error.to_string())?));
            }
            None => outside.push(text.as_str()),
        }
    }
    match outside.as_slice() {
        [] if labels.is_empty() => Err("it has no label".to_owned()),
        [] => Ok(labels),
        outside => Err(format!("labels that are no sub-class of {}: {}", nomenclature.id(), outside.join(", "))),
    }
}

/// The rows in their order: words, values of the covariates, kept buckets.
pub fn features(manifest: &Manifest, words: Vec<&str>, kept_buckets: &[u32]) -> Features {
    let settings = &manifest.features;
    let mut next_row = words.len() as u32;
    let covariates = manifest.covariates.iter().map(|covariate| {
        let rows: HashMap<Box<str>, u32> =
            covariate.values.iter().map(|value| value.as_str().into()).zip(next_row..).collect();
        next_row += covariate.values.len() as u32;
        (covariate.field, rows)
    });
    let covariates = covariates.collect();
    Features {
        words: words.into_iter().map(Box::from).zip(0..).collect(),
        subword_lengths: (settings.shortest_subword, settings.longest_subword),
        longest_word_ngram: settings.longest_word_ngram,
        buckets: Buckets::new(settings.buckets, kept_buckets, next_row),
        covariates,
        known_words: None,
    }
}
