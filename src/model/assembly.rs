//! The coder that a manifest, what it reads of a text and its weights make.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use candle_core::{Device, Tensor};
use candle_nn::Linear;

use super::error::ModelFault;
use super::manifest::{CovariateSettings, Entry, Family, FeatureSettings, Manifest};
use super::options::{KnownWordSums, LoadOptions};
use super::weights::{Matrix, Weights};
use crate::coding::classifier::Classifier;
use crate::coding::covariates::{CovariateFeature, Enters};
use crate::coding::features::ngrams::LabelWords;
use crate::coding::features::{Buckets, Features, NgramFeatures, TextFeatures};
use crate::coding::known_words::sum_known_words;
use crate::coding::normalise::Normaliser;
use crate::coding::repeats::Repeats;
use crate::coding::scoring::Scoring;
use crate::coding::table::Table;
use crate::coding::tokens::Tokenizer;
use crate::coding::{Coder, Label, ModelVersion};
use crate::nomenclature::{Nomenclature, Nomenclatures};

/// What a model reads of a text, as its files give it.
pub enum TextParts<'a> {
    /// The words of a model of the `fasttext` family, in the order of their rows, and what else it reads.
    Words(Vec<&'a str>, &'a FeatureSettings),
    /// The tokenizer of one of the `torch-text` family.
    Tokenizer(Tokenizer),
}

impl TextParts<'_> {
    /// How many rows may be added to a table, of which `quantised` bytes are codes.
    pub fn more_rows(&self, sums: KnownWordSums, dimension: usize, quantised: Option<usize>) -> usize {
        match self {
            Self::Words(words, _) => sums.most(words.len(), dimension, quantised),
            Self::Tokenizer(_) => 0,
        }
    }
}

/// Puts the coder together; what does not fit is refused.
pub fn assemble(
    manifest: &Manifest,
    parts: TextParts<'_>,
    weights: Weights,
    options: &LoadOptions,
    nomenclatures: &Nomenclatures,
) -> Result<Coder, ModelFault> {
    let nomenclature = nomenclature(manifest, nomenclatures)?;
    let dimension = manifest.architecture.dimension;
    let (device, quantised) = (&options.device, weights.table.quantised_bytes());
    let most = parts.more_rows(options.known_words, dimension, quantised);
    let refused = |error| refused(device, error);
    let mut features = features(manifest, parts, weights.buckets.as_deref());
    let table = table(&mut features, weights.table, most, dimension, device).map_err(refused)?;
    let scoring = Scoring::new(manifest.loss, &manifest.label_counts);
    let head = head(weights.head, weights.bias, dimension, device).map_err(refused)?;
    let classifier = Classifier::new(table, head, scoring, manifest.temperature);
    let classifier = match manifest.architecture.family {
        Family::Fasttext => classifier,
        Family::TorchText => classifier.scaled().map_err(refused)?,
    };
    Ok(Coder {
        model: Arc::new(ModelVersion { name: manifest.name.clone(), version: manifest.version }),
        labels: labels(&manifest.labels, &nomenclature).map_err(malformed)?,
        nomenclature,
        normaliser: Normaliser::new(manifest.normaliser.clone()).map_err(malformed)?,
        features,
        classifier,
        threshold: manifest.decision.threshold,
        repeats: Repeats::new(options.repeats),
    })
}

fn malformed(reason: impl std::fmt::Display) -> ModelFault {
    ModelFault::malformed("manifest", reason)
}

/// Weights that candle does not take: on the processor their sizes are wrong, another device may have no room for them.
fn refused(device: &Device, error: candle_core::Error) -> ModelFault {
    if device.is_cpu() { malformed(error) } else { ModelFault::Device(error.to_string()) }
}

/// The nomenclature of the labels; labels that are of none make one of their own.
fn nomenclature(manifest: &Manifest, nomenclatures: &Nomenclatures) -> Result<Arc<Nomenclature>, ModelFault> {
    let id = &manifest.nomenclature;
    match (manifest.free_labels, nomenclatures.get(id)) {
        (false, Some(nomenclature)) => Ok(Arc::clone(nomenclature)),
        (false, None) => Err(malformed(format!("unknown nomenclature {id:?}"))),
        (true, Some(_)) => {
            Err(malformed(format!("its labels are free, and {id:?} is a nomenclature: give it another name")))
        }
        (true, None) => Ok(Arc::new(Nomenclature::of_labels(id, &manifest.labels))),
    }
}

/// Whether the labels are what they should be; those that are not are named.
pub fn check_labels(manifest: &Manifest, nomenclatures: &Nomenclatures) -> Result<(), ModelFault> {
    labels(&manifest.labels, &*nomenclature(manifest, nomenclatures)?).map(drop).map_err(malformed)
}

/// The labels with their titles; codes outside the nomenclature's sub-classes are refused, all of them named.
fn labels(codes: &[String], nomenclature: &Nomenclature) -> Result<Vec<Arc<Label>>, String> {
    let mut labels = Vec::with_capacity(codes.len());
    let mut outside = Vec::new();
    let mut seen = HashSet::new();
    for text in codes {
        match nomenclature.sub_class(text) {
            Some(entry) if !seen.insert(&entry.code) => return Err(format!("label {text} is given twice")),
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

/// The rows in their order: what is read of the text but for buckets, values of the covariates, kept buckets.
fn features(manifest: &Manifest, parts: TextParts<'_>, kept_buckets: Option<&[u32]>) -> Features {
    let first_row = match &parts {
        TextParts::Words(words, _) => words.len(),
        TextParts::Tokenizer(tokenizer) => {
            manifest.tokenizer.as_ref().map_or(tokenizer.size(), |settings| settings.tokens)
        }
    };
    let (covariates, next_row) = covariates(&manifest.covariates, first_row as u32);
    let text = match parts {
        TextParts::Words(words, settings) => {
            TextFeatures::Ngrams(ngrams(settings, &words, &manifest.labels, kept_buckets, next_row))
        }
        TextParts::Tokenizer(tokenizer) => TextFeatures::Tokens(tokenizer),
    };
    Features { text, covariates }
}

/// The features of a model's covariates, whose rows begin at `next_row`; and the row after the last.
pub fn covariates(settings: &[CovariateSettings], mut next_row: u32) -> (Vec<CovariateFeature>, u32) {
    let covariates = settings.iter().map(|covariate| {
        let mut rows = || {
            let rows: HashMap<Box<str>, u32> =
                covariate.values.iter().map(|value| value.as_str().into()).zip(next_row..).collect();
            next_row += covariate.values.len() as u32;
            rows
        };
        let enters = match &covariate.enters {
            Entry::Token => Enters::Token(rows()),
            Entry::Vector => Enters::Vector(rows()),
            Entry::Word(prefix) => Enters::Word(prefix.clone()),
        };
        CovariateFeature { covariate: covariate.field, enters, surface_bins: covariate.surface_bins }
    });
    let covariates = covariates.collect();
    (covariates, next_row)
}

/// The features of words, sub-words and word n-grams.
pub fn ngrams(
    settings: &FeatureSettings,
    words: &[&str],
    labels: &[String],
    kept_buckets: Option<&[u32]>,
    first_bucket: u32,
) -> NgramFeatures {
    NgramFeatures {
        words: words.iter().copied().collect(),
        subword_lengths: (settings.shortest_subword, settings.longest_subword),
        longest_word_ngram: settings.longest_word_ngram,
        buckets: match kept_buckets {
            Some(kept) => Buckets::new(settings.buckets, kept, first_bucket),
            None => Buckets::all(settings.buckets, first_bucket),
        },
        labels: settings.label_prefix.as_ref().map(|prefix| LabelWords::new(prefix, labels)),
        known_words: None,
    }
}

/// The table, with the sums of the first `most` known words below. One that was given room for them is not moved. Rows stay
/// quantised on the processor alone.
fn table(
    features: &mut Features,
    rows: Matrix,
    most: usize,
    dimension: usize,
    device: &Device,
) -> candle_core::Result<Table> {
    let tensor = |values: Vec<f32>| Tensor::from_vec(values, ((), dimension), device);
    let rows = match rows {
        Matrix::Quantised(rows) if !device.is_cpu() => Matrix::Dense(rows.unfolded()),
        rows => rows,
    };
    match rows {
        Matrix::Dense(mut table) => {
            if let TextFeatures::Ngrams(ngrams) = &mut features.text {
                let first_row = (table.len() / dimension.max(1)) as u32;
                let add = |row: u32, sum: &mut [f32]| {
                    let start = row as usize * dimension;
                    let values = table.get(start..start + dimension).unwrap_or_default();
                    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
                };
                let sums = sum_known_words(ngrams, most, dimension, first_row, add);
                table.extend_from_slice(&sums);
            }
            Ok(Table::Dense(tensor(table)?))
        }
        Matrix::Quantised(rows) => {
            let add = |row: u32, sum: &mut [f32]| {
                rows.add_to(row, sum);
            };
            let sums = match &mut features.text {
                TextFeatures::Ngrams(ngrams) => sum_known_words(ngrams, most, dimension, rows.len() as u32, add),
                TextFeatures::Tokens(_) => Vec::new(),
            };
            Ok(Table::Quantised(Arc::new(rows), tensor(sums)?))
        }
    }
}

/// The head, stored column by column: the product of one text reads it in one stretch. It is small, and unfolded when it was
/// quantised.
fn head(weights: Matrix, bias: Vec<f32>, dimension: usize, device: &Device) -> candle_core::Result<Linear> {
    let values = match weights {
        Matrix::Dense(values) => values,
        Matrix::Quantised(rows) => rows.unfolded(),
    };
    let labels = bias.len();
    let weights = Tensor::from_vec(values, (labels, dimension), device)?.t()?.contiguous()?.t()?;
    // Other programs' models have none.
    let bias = Some(bias).filter(|bias| bias.iter().any(|value| *value != 0.0));
    let bias = bias.map(|bias| Tensor::from_vec(bias, labels, device)).transpose()?;
    Ok(Linear::new(weights, bias))
}
