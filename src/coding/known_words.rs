//! A known word and all its sub-words always add the same rows: they are summed once, when a model is loaded, and a text
//! then gathers one row a known word instead of some ten.

use candle_core::{Result, Tensor};

use super::features::{Features, KnownWords};

/// Sums the known words of a table; gives the table with the sums below its rows.
pub fn with_known_words(features: &mut Features, words: &[&str], table: Tensor) -> Result<Tensor> {
    let (rows, dimension) = table.dims2()?;
    let device = table.device().clone();
    let mut values: Vec<f32> = table.flatten_all()?.to_vec1()?;
    drop(table);
    let mut sums = vec![0f32; words.len() * dimension];
    let mut counts = vec![0; words.len()];
    for ((word, sum), count) in words.iter().zip(sums.chunks_exact_mut(dimension.max(1))).zip(&mut counts) {
        features.for_each_word_row(word, 0, &mut |row, _| {
            let start = row as usize * dimension;
            let row = values.get(start..start + dimension).unwrap_or_default();
            sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            *count += 1;
        });
    }
    features.known_words = Some(KnownWords::new(rows as u32, counts));
    values.extend(sums);
    Tensor::from_vec(values, (rows + words.len(), dimension), &device)
}
