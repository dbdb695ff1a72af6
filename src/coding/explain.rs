//! Exact explanation of a linear model: what each word, covariate and the end of text add to the logit of a label.

pub mod letters;

use candle_core::Result;

use super::activity::Activity;
use super::classifier::Classifier;
use super::features::{END_OF_TEXT, Features, Origin};
use super::normalise::NormalisedText;

/// What one term adds to a logit. A word counts with its sub-words and its share of the word n-grams it is in.
#[derive(Clone, Debug, PartialEq)]
pub struct Contribution {
    /// The normalised word, `field=value` for a covariate, `</s>` for the end of the text.
    pub term: String,
    /// What it adds to the logit; all together they are the logit minus the bias.
    pub contribution: f64,
}

/// The terms of one text in their order (words, end of text, covariates), with what each adds to the logit of `label`.
pub fn contributions(
    features: &Features,
    classifier: &Classifier,
    text: &NormalisedText,
    activity: &Activity,
    label: usize,
) -> Result<Vec<Contribution>> {
    let words: Vec<&str> = text.as_str().split_whitespace().collect();
    let (rows, origins) = rows_and_origins(features, text, activity);
    let products = classifier.row_products(&rows, &[label])?;
    let divisor = rows.len() as f64;
    let mut of_words = vec![0.0; words.len() + 1];
    let mut of_covariates = Vec::new();
    for (origin, product) in origins.into_iter().zip(products.iter().flatten()) {
        let added = f64::from(*product) / divisor;
        match origin {
            Origin::Word(place) | Origin::Subword(place, ..) => share(&mut of_words, place, 1, added),
            Origin::WordNgram(place, length) => share(&mut of_words, place, length, added),
            Origin::EndOfText => share(&mut of_words, words.len(), 1, added),
            Origin::Covariate(covariate) => {
                let value = activity.covariate(covariate).unwrap_or_default();
                of_covariates.push((format!("{}={value}", covariate.field()), added));
            }
        }
    }
    let terms = words.into_iter().chain([END_OF_TEXT]).map(str::to_owned);
    let all = terms.zip(of_words).chain(of_covariates);
    Ok(all.map(|(term, contribution)| Contribution { term, contribution }).collect())
}

/// Adds an equal share to each of the `length` words from `place` on.
fn share(of_words: &mut [f64], place: usize, length: usize, added: f64) {
    for word in of_words.iter_mut().skip(place).take(length) {
        *word += added / length as f64;
    }
}

/// The rows of a text and where each comes from.
fn rows_and_origins(features: &Features, text: &NormalisedText, activity: &Activity) -> (Vec<u32>, Vec<Origin>) {
    let (mut rows, mut origins) = (Vec::new(), Vec::new());
    features.for_each_row(text.as_str(), activity, |row, origin| {
        rows.push(row);
        origins.push(origin);
    });
    (rows, origins)
}
