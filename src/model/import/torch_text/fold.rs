//! The embeddings of a torchTextClassifiers model as one table, from which a text takes its rows as from any other:
//! hidden vector = mean of the token rows + sum of the covariate rows. What can be done once is done here: the norm of each
//! token vector, and the place of each covariate in the hidden vector. The norm of the hidden vector itself remains.

use super::TorchText;

/// The embeddings as one table.
#[derive(Clone, Debug)]
pub struct Folded {
    /// The rows: tokens first, then the values of each covariate in its turn.
    pub table: Vec<f32>,
    /// Numbers in a row, and in the hidden vector.
    pub width: usize,
    /// How many of the rows are tokens.
    pub token_rows: usize,
}

/// Folds the embeddings of a model.
pub fn fold(model: &TorchText) -> Folded {
    let (width, dimension) = (model.config.width(), model.config.embedding_dim);
    let covariates = &model.mappings.covariates;
    let rows = model.token_rows + covariates.iter().map(|covariate| covariate.values.len()).sum::<usize>();
    let mut table = Vec::with_capacity(rows * width);
    for row in model.token_embeddings.chunks_exact(dimension.max(1)) {
        let norm = norm(row);
        append(&mut table, row.iter().map(|value| value * norm), 0, width);
    }
    for (values, place) in model.categorical.iter().zip(model.config.places(covariates.len())) {
        for row in values.chunks_exact(place.dimension.max(1)) {
            append(&mut table, row.iter().map(|value| value / place.divisor), place.offset, width);
        }
    }
    Folded { table, width, token_rows: model.token_rows }
}

/// What a vector is multiplied by in a root mean square norm without weights, computed as torch does (Zhang and Sennrich,
/// "Root Mean Square Layer Normalization", NeurIPS 2019, with torch's default epsilon).
pub fn norm(vector: &[f32]) -> f32 {
    let mean_square = vector.iter().map(|value| value * value).sum::<f32>() / vector.len() as f32;
    1.0 / (mean_square + f32::EPSILON).sqrt()
}

/// Adds a row of `width` numbers: these from `offset` on, zeros elsewhere.
fn append(table: &mut Vec<f32>, numbers: impl Iterator<Item = f32>, offset: usize, width: usize) {
    let start = table.len();
    table.resize(start + offset, 0.0);
    table.extend(numbers);
    table.resize(start + width, 0.0);
}

#[cfg(test)]
mod tests {
    use super::super::golden::GoldenLine;
    use super::super::mappings::{CovariateMapping, SURFACE};
    use super::super::tests::{FIXTURES, fixture};
    use super::*;
    use crate::coding::tokens::Tokenizer;
    use unicode_normalization::UnicodeNormalization;

    /// Mean of the token rows and sum of the covariate rows, normed.
    fn hidden(folded: &Folded, covariates: &[CovariateMapping], line: &GoldenLine) -> Vec<f32> {
        let mut hidden = vec![0f32; folded.width];
        let mut add = |row: usize, divisor: f32| {
            let row = &folded.table[row * folded.width..][..folded.width];
            hidden.iter_mut().zip(row).for_each(|(sum, value)| *sum += value / divisor);
        };
        line.input_ids.iter().for_each(|id| add(*id as usize, line.input_ids.len() as f32));
        let mut first = folded.token_rows;
        for (covariate, index) in covariates.iter().zip(&line.categorical_ids) {
            add(first + index, 1.0);
            first += covariate.values.len();
        }
        let norm = norm(&hidden);
        hidden.iter().map(|value| value * norm).collect()
    }

    fn logits(model: &TorchText, hidden: &[f32]) -> Vec<f32> {
        let rows = model.head_weight.chunks_exact(hidden.len());
        let product = |row: &[f32]| row.iter().zip(hidden).map(|(weight, value)| weight * value).sum::<f32>();
        rows.zip(&model.head_bias).map(|(row, bias)| product(row) + bias).collect()
    }

    /// The labels and their probabilities, the best first.
    fn ranking<'a>(model: &'a TorchText, logits: &[f32]) -> Vec<(&'a String, f64)> {
        let highest = f64::from(logits.iter().copied().fold(f32::MIN, f32::max));
        let powers: Vec<f64> = logits.iter().map(|logit| (f64::from(*logit) - highest).exp()).collect();
        let sum: f64 = powers.iter().sum();
        let mut ranking: Vec<_> = model.mappings.labels.iter().zip(powers.iter().map(|power| power / sum)).collect();
        ranking.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        ranking
    }

    #[test]
    fn the_folded_table_answers_as_the_model_did() {
        for name in FIXTURES {
            let model = TorchText::read(&fixture(name), SURFACE).unwrap();
            let (folded, covariates) = (fold(&model), &model.mappings.covariates);
            let values: usize = covariates.iter().map(|covariate| covariate.values.len()).sum();
            assert_eq!(folded.table.len(), (folded.token_rows + values) * folded.width);
            for line in &model.golden {
                let logits = logits(&model, &hidden(&folded, covariates, line));
                for (found, expected) in logits.iter().zip(&line.logits_first8) {
                    assert!((f64::from(*found) - expected).abs() < 2e-5, "{name} {:?}: {found}, {expected}", line.text);
                }
                let ranking = ranking(&model, &logits);
                for ((label, found), (code, expected)) in ranking.iter().zip(&line.top5_full_precision) {
                    assert_eq!(*label, code, "{name} {:?}", line.text);
                    assert!((found - expected).abs() < 1e-5, "{name} {:?}: {found}, {expected}", line.text);
                }
            }
        }
    }

    /// The cleaning of the n-gram tokenizer.
    fn cleaned(text: &str) -> String {
        let plain: String = text.to_lowercase().nfkd().filter(|c| !('\u{300}'..='\u{36f}').contains(c)).collect();
        plain.replace(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit()), " ")
    }

    #[test]
    fn texts_have_the_tokens_they_had_where_the_model_was_made() {
        for name in FIXTURES {
            let model = TorchText::read(&fixture(name), SURFACE).unwrap();
            let ngrams = model.tokenizer_file == "ngram.json";
            let bytes = &model.tokenizer;
            let tokenizer = if ngrams { Tokenizer::ngrams(bytes) } else { Tokenizer::word_piece(bytes) }.unwrap();
            for line in &model.golden {
                let text = if ngrams { cleaned(&line.text) } else { line.text.clone() };
                let (mut quick, mut slow) = (Vec::new(), Vec::new());
                tokenizer.ids(&text, &mut quick);
                tokenizer.for_each_token(&text, &mut |id, _| slow.push(id));
                assert_eq!(quick, line.input_ids, "{name} {:?}", line.text);
                assert_eq!(slow, line.input_ids, "{name} {:?}", line.text);
            }
        }
    }
}
