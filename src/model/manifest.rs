//! `manifest.json`: everything a model carries beside its weights. Unknown fields, families and steps are refused.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

mod inputs;
pub mod metrics;

use super::digest::FileDigest;
use super::error::ModelFault;
use super::weights::Sizes;
use crate::coding::label_tree::LabelTree;
use crate::coding::normalise::Step;
use crate::coding::quantiser::QuantiserSettings;
use crate::coding::scoring::Loss;
pub use inputs::{CovariateSettings, Entry, FeatureSettings, TokenizerKind, TokenizerSettings};
use metrics::Metrics;

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
    /// Which features a model of the `fasttext` family reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<FeatureSettings>,
    /// What makes tokens of a text, in a model of the `torch-text` family.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<TokenizerSettings>,
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
    /// Whether the labels are of no nomenclature: each is its own title, and `nomenclature` is the model's name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub free_labels: bool,
    /// How often each label was seen, for a hierarchical loss: they make its tree.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub label_counts: Vec<u64>,
}

impl Manifest {
    /// The form of manifest this program reads and writes.
    pub const FORMAT: u32 = 1;
    /// Name of the file.
    pub const FILE: &'static str = "manifest.json";

    /// The sizes announced, once they are seen to agree with each other and to be within bounds.
    pub fn sizes(&self) -> Result<Sizes, String> {
        let architecture = &self.architecture;
        let values: usize = self.covariates.iter().filter(|one| one.has_rows()).map(|one| one.values.len()).sum();
        let of_text = self.text_rows()?;
        let rows = of_text.saturating_add(values);
        if rows != architecture.rows {
            return Err(format!("{} rows are announced, text and covariates make {rows}", architecture.rows));
        }
        if rows > MOST_ROWS {
            return Err(format!("{rows} rows are announced, more than {MOST_ROWS}"));
        }
        if !(1..=LARGEST_DIMENSION).contains(&architecture.dimension) {
            let dimension = architecture.dimension;
            return Err(format!("a dimension of {dimension} is announced, it must be from 1 to {LARGEST_DIMENSION}"));
        }
        if !(0.0..=1.0).contains(&self.decision.threshold) {
            return Err(format!("the threshold is {}, it must be between 0 and 1", self.decision.threshold));
        }
        if !(self.temperature.is_finite() && self.temperature > 0.0) {
            return Err(format!("the temperature is {}, it must be above 0", self.temperature));
        }
        let counted = self.label_counts.len();
        if counted != if self.loss == Loss::Hierarchical { self.labels.len() } else { 0 } {
            return Err(format!(
                "{} labels have {counted} counts: a hierarchical loss has one each",
                self.labels.len()
            ));
        }
        let seen = self.label_counts.iter().fold(0, |sum: u64, count| sum.saturating_add(*count));
        if seen >= LabelTree::UNTAKEN {
            return Err(format!("its labels were seen {seen} times, which makes no tree"));
        }
        for quantiser in [architecture.quantiser, architecture.head_quantiser].into_iter().flatten() {
            if !(1..=architecture.dimension).contains(&quantiser.width) {
                return Err(format!(
                    "a quantiser of {} numbers is announced for {}",
                    quantiser.width, architecture.dimension
                ));
            }
        }
        Ok(Sizes {
            rows,
            dimension: architecture.dimension,
            labels: self.labels.len(),
            kept_buckets: self
                .features
                .as_ref()
                .map_or((0, true), |features| (features.kept_buckets, features.keeps_all())),
            quantiser: architecture.quantiser,
            head_quantiser: architecture.head_quantiser,
        })
    }

    /// What a model of the `fasttext` family reads of a text.
    pub fn features(&self) -> Result<&FeatureSettings, ModelFault> {
        let missing = || ModelFault::malformed("manifest", "the family fasttext has features, and no tokenizer");
        self.features.as_ref().ok_or_else(missing)
    }

    /// The rows of what is read of a text: words and kept buckets, or tokens.
    fn text_rows(&self) -> Result<usize, String> {
        match (self.architecture.family, &self.features, &self.tokenizer) {
            (Family::Fasttext, Some(features), None) => {
                if !features.keeps_all() && features.buckets > MOST_BUCKETS {
                    return Err(format!("{} buckets are announced, more than {MOST_BUCKETS}", features.buckets));
                }
                Ok(features.words.saturating_add(features.kept_buckets))
            }
            (Family::TorchText, None, Some(tokenizer)) => {
                match self.covariates.iter().any(|covariate| !covariate.has_rows()) {
                    true => Err("a covariate is a word, and the family torch-text reads tokens".to_owned()),
                    false => Ok(tokenizer.tokens),
                }
            }
            (Family::Fasttext, ..) => Err("the family fasttext has features, and no tokenizer".to_owned()),
            (Family::TorchText, ..) => Err("the family torch-text has a tokenizer, and no features".to_owned()),
        }
    }
}

/// Most rows: their numbers, and those of the sums of known words below them, are of 32 bits.
const MOST_ROWS: usize = 1 << 31;
/// Largest dimension a manifest may announce: a row of it is allocated before any was read.
pub const LARGEST_DIMENSION: usize = 1 << 16;
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
    /// How the rows are quantised, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantiser: Option<QuantiserSettings>,
    /// How the head is quantised, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_quantiser: Option<QuantiserSettings>,
}

/// Families of models. A family codif does not know is refused by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Words and hashed n-grams → mean → linear.
    Fasttext,
    /// Tokens → mean, with the covariates' own vectors → scaled to length → linear.
    TorchText,
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
