//! `manifest.json`: everything a model carries beside its weights. Unknown fields, families and steps are refused.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::digest::FileDigest;
use super::weights::Sizes;
use crate::coding::activity::Covariate;
use crate::coding::classifier::Loss;
use crate::coding::normalise::Step;
use crate::training::evaluation::Metrics;

/// The manifest of one model version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the manifest's own form; codif reads [`Manifest::FORMAT`].
    pub format: u32,
    /// Name of the model.
    pub name: String,
    /// Version of the model, from 1.
    pub version: u32,
    /// When it was made, UTC.
    pub created_at: jiff::Timestamp,
    /// Id of the nomenclature of its labels.
    pub nomenclature: String,
    /// Family and sizes.
    pub architecture: Architecture,
    /// The normaliser's steps, in order.
    pub normaliser: Vec<Step>,
    /// Which features are read.
    pub features: FeatureSettings,
    /// The covariates, in the order of their rows.
    pub covariates: Vec<CovariateSettings>,
    /// How logits become probabilities.
    pub loss: Loss,
    /// Divides the logits; chosen on the calibration part.
    pub temperature: f64,
    /// When a code is given automatically.
    pub decision: DecisionSettings,
    /// What was measured on the test part.
    pub metrics: Option<Metrics>,
    /// Where it comes from.
    pub training: Training,
    /// Every other file of the version.
    pub files: BTreeMap<String, FileDigest>,
    /// The labels, in the order of the output.
    pub labels: Vec<String>,
}

impl Manifest {
    /// The form of manifest this program reads and writes.
    pub const FORMAT: u32 = 1;
    /// Name of the file.
    pub const FILE: &'static str = "manifest.json";

    /// The sizes announced, once they are seen to agree with each other and to be within bounds.
    pub fn sizes(&self) -> Result<Sizes, String> {
        let features = &self.features;
        let values: usize = self.covariates.iter().map(|covariate| covariate.values.len()).sum();
        let rows = features.words.saturating_add(values).saturating_add(features.kept_buckets);
        if rows != self.architecture.rows {
            let announced = self.architecture.rows;
            return Err(format!("{announced} rows are announced, words, covariates and buckets make {rows}"));
        }
        if !(1..=LARGEST_DIMENSION).contains(&self.architecture.dimension) {
            let dimension = self.architecture.dimension;
            return Err(format!("a dimension of {dimension} is announced, it must be from 1 to {LARGEST_DIMENSION}"));
        }
        if features.buckets > MOST_BUCKETS {
            return Err(format!("{} buckets are announced, more than {MOST_BUCKETS}", features.buckets));
        }
        if !(0.0..=1.0).contains(&self.decision.threshold) {
            return Err(format!("the threshold is {}, it must be between 0 and 1", self.decision.threshold));
        }
        if !(self.temperature.is_finite() && self.temperature > 0.0) {
            return Err(format!("the temperature is {}, it must be above 0", self.temperature));
        }
        Ok(Sizes {
            rows,
            dimension: self.architecture.dimension,
            labels: self.labels.len(),
            kept_buckets: features.kept_buckets,
        })
    }
}

/// Largest dimension a manifest may announce: a row of it is allocated before any was read.
const LARGEST_DIMENSION: usize = 1 << 16;
/// Largest number of buckets a manifest may announce: the map of buckets is allocated from it.
const MOST_BUCKETS: usize = 1 << 26;

/// Family and sizes of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// How rows become logits.
    pub family: Family,
    /// Numbers in a row of the table.
    pub dimension: usize,
    /// Rows of the table.
    pub rows: usize,
}

/// Families of models. A family codif does not know is refused by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Words and hashed n-grams → mean → linear.
    Fasttext,
}

/// Which features a model of the `fasttext` family reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureSettings {
    /// Words of the vocabulary; they are the first rows of the table.
    pub words: usize,
    /// Fewest characters of a sub-word.
    pub shortest_subword: usize,
    /// Most characters of a sub-word; 0 for none.
    pub longest_subword: usize,
    /// Most words of a word n-gram; 1 for none.
    pub longest_word_ngram: usize,
    /// Buckets the n-grams are hashed in.
    pub buckets: usize,
    /// Buckets that were kept; they are the last rows of the table.
    pub kept_buckets: usize,
}

/// One covariate of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CovariateSettings {
    /// Which one.
    pub field: Covariate,
    /// How it enters.
    pub enters: Entry,
    /// The values the model has seen, in the order of their rows.
    pub values: Vec<String>,
}

/// How a covariate enters a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry {
    /// As one more row of the bag.
    Token,
}

/// When a code is given automatically.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionSettings {
    /// What is compared with the threshold.
    pub confidence: Confidence,
    /// The confidence from which a code is given automatically.
    pub threshold: f64,
    /// The error rate among automatic codings that the threshold was chosen for.
    pub target_error: Option<f64>,
    /// The calibration cases that the choice rests on.
    pub calibration: Option<ThresholdEvidence>,
}

/// Definitions of confidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Best minus second probability.
    Gap,
}

/// What was counted on the calibration part at the threshold chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThresholdEvidence {
    /// Cases in all.
    pub cases: usize,
    /// Cases coded automatically.
    pub automatic: usize,
    /// Wrong ones among them.
    pub errors: usize,
    /// Upper 95 % bound of the error rate among them (exact binomial).
    pub upper_bound: f64,
}

/// Where a model comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// What it was trained on.
    pub corpus: Vec<CorpusDigest>,
    /// Whether the model that was measured was trained once more on all lines.
    pub refitted_on_all_lines: bool,
    /// Seed of the random numbers.
    pub seed: u64,
    /// Version of codif that made it.
    pub codif: String,
    /// Every other setting of the training, as given.
    pub settings: serde_json::Value,
}

/// A file a model was trained on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorpusDigest {
    /// Name of the file, without its folder.
    pub file: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// Lines used.
    pub lines: usize,
}
