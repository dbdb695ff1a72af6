//! A known word and all its sub-words always add the same rows: they are summed once, when a model is loaded, and a text
//! then gathers one row a known word instead of some ten.

use super::features::ngrams::{KnownWords, NgramFeatures};

/// Sums the first `most` known words; gives the sums, one after the other. `add` adds a row of the table to a sum.
pub fn sum_known_words(
    features: &mut NgramFeatures,
    most: usize,
    dimension: usize,
    first_row: u32,
    add: impl Fn(u32, &mut [f32]),
) -> Vec<f32> {
    let count = most.min(features.words.len());
    let mut sums = vec![0f32; count * dimension];
    let mut counts = vec![0; count];
    let words = features.words.iter().zip(sums.chunks_exact_mut(dimension.max(1))).zip(&mut counts);
    for ((word, sum), count) in words {
        features.for_each_word_row(word, 0, &mut |row, _| {
            add(row, sum);
            *count += 1;
        });
    }
    features.known_words = Some(KnownWords::new(first_row, counts));
    sums
}
