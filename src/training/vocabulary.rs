//! Which words, hashed n-grams and covariate values get a row: those seen on enough lines, the most frequent first.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::settings::TrainingSettings;
use crate::coding::activity::{Activity, Covariate};
use crate::coding::features::{Buckets, END_OF_TEXT, NgramFeatures, Words};
use crate::coding::normalise::NormalisedText;
use crate::model::manifest::{CovariateSettings, Entry, FeatureSettings};

/// What gets a row, in the order of the rows.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    /// The words, the most frequent first, the end of text at the head.
    pub words: Vec<String>,
    /// The covariates and their values.
    pub covariates: Vec<CovariateSettings>,
    /// The buckets kept, in ascending order.
    pub buckets: Vec<u32>,
}

impl Vocabulary {
    /// Counts the lines that each word, bucket and value stands on.
    pub fn count(lines: &[(&NormalisedText, &Activity)], settings: &TrainingSettings) -> Self {
        let words = words(lines, settings);
        let covariates = covariates(lines);
        let taken = words.len() + covariates.iter().map(|covariate| covariate.values.len()).sum::<usize>();
        let buckets = buckets(lines, settings, settings.most_rows.saturating_sub(taken));
        Self { words, covariates, buckets }
    }

    /// How many rows there are in all.
    pub fn rows(&self) -> usize {
        let values: usize = self.covariates.iter().map(|covariate| covariate.values.len()).sum();
        self.words.len() + values + self.buckets.len()
    }

    /// What the manifest says of it.
    pub fn feature_settings(&self, settings: &TrainingSettings) -> FeatureSettings {
        FeatureSettings {
            words: self.words.len(),
            shortest_subword: settings.shortest_subword,
            longest_subword: settings.longest_subword,
            longest_word_ngram: settings.longest_word_ngram,
            buckets: settings.buckets as usize,
            kept_buckets: self.buckets.len(),
            label_prefix: None,
        }
    }
}

fn words(lines: &[(&NormalisedText, &Activity)], settings: &TrainingSettings) -> Vec<String> {
    let mut counts: HashMap<&str, u32> = HashMap::new();
    for (text, _) in lines {
        let distinct: HashSet<&str> = text.as_str().split_whitespace().collect();
        distinct.into_iter().for_each(|word| *counts.entry(word).or_default() += 1);
    }
    let mut words: Vec<(&str, u32)> =
        counts.into_iter().filter(|(_, count)| *count >= settings.minimum_count).collect();
    words.sort_by(|(one, count), (other, other_count)| other_count.cmp(count).then(one.cmp(other)));
    std::iter::once(END_OF_TEXT).chain(words.into_iter().map(|(word, _)| word)).map(str::to_owned).collect()
}

fn covariates(lines: &[(&NormalisedText, &Activity)]) -> Vec<CovariateSettings> {
    let mut values: BTreeMap<Covariate, HashMap<&str, u32>> = BTreeMap::new();
    for (_, activity) in lines {
        for covariate in Covariate::ALL {
            if let Some(value) = activity.covariate(covariate) {
                *values.entry(covariate).or_default().entry(value).or_default() += 1;
            }
        }
    }
    let settings = values.into_iter().map(|(field, values)| {
        let mut values: Vec<String> = values.into_keys().map(str::to_owned).collect();
        values.sort();
        CovariateSettings { field, enters: Entry::Token, values, surface_bins: None }
    });
    settings.collect()
}

/// The buckets of at least `minimum_count` lines, at most `most` of them.
fn buckets(lines: &[(&NormalisedText, &Activity)], settings: &TrainingSettings, most: usize) -> Vec<u32> {
    let every_bucket = NgramFeatures {
        words: Words::default(),
        subword_lengths: (settings.shortest_subword, settings.longest_subword),
        longest_word_ngram: settings.longest_word_ngram,
        buckets: Buckets::all(settings.buckets as usize, 0),
        labels: None,
        known_words: None,
    };
    let mut counts: HashMap<u32, u32> = HashMap::new();
    for (text, _) in lines {
        let mut distinct = HashSet::new();
        every_bucket.for_each_text_row(text.as_str(), &mut |bucket, _| {
            distinct.insert(bucket);
        });
        distinct.into_iter().for_each(|bucket| *counts.entry(bucket).or_default() += 1);
    }
    let mut kept: Vec<(u32, u32)> = counts.into_iter().filter(|(_, count)| *count >= settings.minimum_count).collect();
    kept.sort_by(|(one, count), (other, other_count)| other_count.cmp(count).then(one.cmp(other)));
    kept.truncate(most);
    let mut buckets: Vec<u32> = kept.into_iter().map(|(bucket, _)| bucket).collect();
    buckets.sort_unstable();
    buckets
}
