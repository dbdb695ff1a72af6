//! What each word, covariate and the end of text add to the logit of a label: exactly so in a linear model. In one that scales a
//! text to length, what they add there where it is, the length held at its value.

pub mod letters;

use candle_core::Result;
use serde::Serialize;

use super::activity::Activity;
use super::classifier::Classifier;
use super::features::{END_OF_TEXT, FeatureBags, Features, Origin};
use super::normalise::NormalisedText;

/// What one term adds to a logit. A word counts with its sub-words and its share of the word n-grams it is in.
#[derive(Clone, Debug, PartialEq)]
pub struct Contribution {
    /// The normalised word, `field=value` for a covariate, `</s>` for the end of the text.
    pub term: String,
    /// What it adds to the logit; all together they are the logit minus the bias.
    pub contribution: f64,
}

/// How far an explanation reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ExplanationKind)]
pub enum Method {
    /// Each term adds this whatever the others are, but for their number.
    Exact,
    /// Each term adds this to the text as it is: with other terms its length, held at its value here, would be another.
    Local,
}

impl Method {
    /// That of a classifier.
    pub fn of(classifier: &Classifier) -> Self {
        if classifier.is_linear() { Self::Exact } else { Self::Local }
    }
}

/// The terms of one text in their order (words, end of text, covariates), with what each adds to the logit of `label`.
pub fn contributions(
    features: &Features,
    classifier: &Classifier,
    text: &NormalisedText,
    activity: &Activity,
    label: usize,
) -> Result<Vec<Contribution>> {
    let words = features.words(text.as_str(), activity);
    let rows = WeightedRows::of(features, classifier, text, activity)?;
    let mut of_words = vec![0.0; words.len() + 1];
    let mut of_covariates = Vec::new();
    for (origin, added) in rows.origins_and_products(classifier, &[label])? {
        let added = added.first().copied().unwrap_or_default();
        match origin {
            Origin::Word(place) | Origin::Subword(place, ..) | Origin::Unknown(place) => {
                share(&mut of_words, place, 1, added);
            }
            Origin::WordNgram(place, length) => share(&mut of_words, place, length, added),
            Origin::EndOfText => share(&mut of_words, words.len(), 1, added),
            Origin::Covariate(covariate) => {
                let value = activity.covariate(covariate).unwrap_or_default();
                of_covariates.push((format!("{}={value}", covariate.field()), added));
            }
        }
    }
    let terms = words.into_iter().chain([END_OF_TEXT.to_owned()]);
    let all = terms.zip(of_words).chain(of_covariates);
    Ok(all.map(|(term, contribution)| Contribution { term, contribution }).collect())
}

/// Adds an equal share to each of the `length` words from `place` on.
fn share(of_words: &mut [f64], place: usize, length: usize, added: f64) {
    for word in of_words.iter_mut().skip(place).take(length) {
        *word += added / length as f64;
    }
}

/// The rows of a text, where each comes from, and how much of it counts.
struct WeightedRows {
    rows: Vec<u32>,
    origins: Vec<Origin>,
    weights: Vec<f64>,
}

impl WeightedRows {
    fn of(features: &Features, classifier: &Classifier, text: &NormalisedText, activity: &Activity) -> Result<Self> {
        let (mut rows, mut origins, mut averaged) = (Vec::new(), Vec::new(), Vec::new());
        features.for_each_row(text.as_str(), activity, |row, origin, is_averaged| {
            rows.push(row);
            origins.push(origin);
            averaged.push(is_averaged);
        });
        let divisor = averaged.iter().filter(|is_averaged| **is_averaged).count();
        let bounds = vec![[0, divisor, rows.len(), divisor].map(|place| place as u32)];
        let bag = FeatureBags { rows, bounds, known: vec![true] };
        let scale = classifier.scale(&bag)?;
        let weight = |is_averaged: bool| if is_averaged { 1.0 / (scale * divisor as f64) } else { 1.0 / scale };
        Ok(Self { rows: bag.rows, origins, weights: averaged.into_iter().map(weight).collect() })
    }

    /// Each row's origin and what it adds to the logits of some labels.
    fn origins_and_products(
        &self,
        classifier: &Classifier,
        labels: &[usize],
    ) -> Result<impl Iterator<Item = (Origin, Vec<f64>)>> {
        let products = classifier.row_products(&self.rows, labels)?;
        let weighted = products
            .into_iter()
            .zip(&self.weights)
            .map(|(products, weight)| products.into_iter().map(|product| f64::from(product) * weight).collect());
        Ok(self.origins.iter().copied().zip(weighted))
    }
}
