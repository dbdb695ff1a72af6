//! A known word and all its sub-words always add the same rows: they are summed once, when a model is loaded, and a text
//! then gathers one row a known word instead of some ten.

use candle_core::{Device, Result, Tensor};

use super::features::{Features, KnownWords};

/// Sums the known words of a table of rows of `dimension` numbers; gives the table with the sums below its rows. A table that
/// was given room for them is not moved.
pub fn with_known_words(
    features: &mut Features,
    words: &[&str],
    mut table: Vec<f32>,
    dimension: usize,
    device: &Device,
) -> Result<Tensor> {
    let rows = table.len() / dimension.max(1);
    let mut counts = vec![0; words.len()];
    let mut sum = vec![0f32; dimension];
    for (word, count) in words.iter().zip(&mut counts) {
        sum.fill(0.0);
        features.for_each_word_row(word, 0, &mut |row, _| {
            let start = row as usize * dimension;
            let row = table.get(start..start + dimension).unwrap_or_default();
            sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            *count += 1;
        });
        table.extend_from_slice(&sum);
    }
    features.known_words = Some(KnownWords::new(rows as u32, counts));
    Tensor::from_vec(table, (rows + words.len(), dimension), device)
}
