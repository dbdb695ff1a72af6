//! The coder that a manifest, its words and its weights make.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use candle_core::Tensor;

use super::error::ModelFault;
use super::manifest::Manifest;
use super::weights::Weights;
use crate::coding::classifier::Classifier;
use crate::coding::features::{Buckets, Features};
use crate::coding::known_words::with_known_words;
use crate::coding::normalise::Normaliser;
use crate::coding::{Coder, Label, ModelVersion};
use crate::nomenclature::{Code, Level, Nomenclature, Nomenclatures};

/// Puts the coder together; what does not fit is refused.
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
    let dimension = manifest.architecture.dimension;
    let table = with_known_words(&mut features, &words, weights.table, dimension, weights.bias.device());
    let table = table.map_err(|error| malformed(error.to_string()))?;
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
    let mut seen = HashSet::new();
    if let Some(twice) = codes.iter().find(|code| !seen.insert(code.as_str())) {
        return Err(format!("label {twice} is given twice"));
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
