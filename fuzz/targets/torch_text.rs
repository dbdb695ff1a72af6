//! The files of an exported torchTextClassifiers model, but for its tokenizer.

use std::collections::HashSet;
use std::sync::LazyLock;

use codif::model::import::torch_text::config::{Config, Joining};
use codif::model::import::torch_text::golden;
use codif::model::import::torch_text::mappings::{Mappings, SURFACE};
use codif::model::import::torch_text::tensors::Tensors;
use serde_json::{Map, Value};

use super::{one_line, twice};

/// The model whose other files are read.
static MODEL: LazyLock<(Config, Mappings)> = LazyLock::new(|| {
    let config = include_bytes!("../../tests/data/torch-text/ngram-concatenate/config.json");
    let mappings = include_bytes!("../../tests/data/torch-text/ngram-concatenate/mappings.json");
    (Config::read(config).unwrap(), Mappings::read(mappings, SURFACE).unwrap())
});
/// The rows of its tokens.
const TOKEN_ROWS: usize = 423;

/// A `config.json`: what is accepted has sizes, asks for no attention, and gives every covariate its place in the hidden vector.
pub fn torch_text_config(data: &[u8]) {
    let config = match twice(|| Config::read(data).map_err(|fault| fault.to_string())) {
        Ok(config) => config,
        Err(reason) => return one_line(&reason),
    };
    assert!(config.embedding_dim > 0 && config.num_classes > 0 && config.aggregation == "mean");
    assert!(config.surface_bins.is_none_or(|bins| bins.is_sorted_by(|one, next| one < next)));
    let fields: Map<String, Value> = serde_json::from_slice(data).unwrap();
    let is_off = |value: &Value| matches!(value, Value::Null | Value::Bool(false)) || value.as_f64() == Some(0.0);
    assert!(fields.iter().all(|(name, value)| !name.contains("attention") || is_off(value)), "{fields:?}");
    let appended = match &config.joining {
        Joining::Appended(dimensions) => dimensions.len(),
        Joining::Averaged(_) | Joining::Added => 0,
    };
    for covariates in [0, 1, 5, appended].into_iter().filter(|covariates| config.joining.suits(*covariates)) {
        let places = config.places(covariates);
        assert_eq!(places.len(), covariates);
        for place in places {
            assert!(place.dimension > 0 && place.divisor > 0.0, "{place:?}");
            assert!(place.offset.saturating_add(place.dimension) <= config.width(), "{place:?}");
        }
    }
}

/// A `mappings.json`: what is accepted has distinct values, and one of them for unknown ones.
pub fn torch_text_mappings(data: &[u8]) {
    let mappings = match twice(|| Mappings::read(data, SURFACE).map_err(|fault| fault.to_string())) {
        Ok(mappings) => mappings,
        Err(reason) => return one_line(&reason),
    };
    let distinct = |values: &[String]| values.iter().collect::<HashSet<_>>().len() == values.len();
    assert!(!mappings.labels.is_empty() && distinct(&mappings.labels));
    let names: Vec<String> = mappings.covariates.iter().map(|covariate| covariate.name.clone()).collect();
    assert!(distinct(&names));
    for covariate in &mappings.covariates {
        assert!(covariate.missing < covariate.values.len());
        assert!(distinct(&covariate.values));
    }
}

/// A `golden.jsonl` of an export: every index in what is accepted is one of the model's.
pub fn torch_text_golden(data: &[u8]) {
    let (_, mappings) = &*MODEL;
    let read = |rows: usize| golden::read(data, mappings, rows);
    let lines = match twice(|| read(TOKEN_ROWS).map_err(|fault| fault.to_string())) {
        Ok(lines) => lines,
        Err(reason) => return one_line(&reason),
    };
    assert!(!lines.is_empty() && lines.len() == std::str::from_utf8(data).unwrap().lines().count());
    for line in &lines {
        assert_eq!(line.categorical_ids.len(), mappings.covariates.len());
        let mut covariates = mappings.covariates.iter().zip(&line.categorical_ids);
        assert!(covariates.all(|(covariate, index)| *index < covariate.values.len()));
        assert!(line.top5_full_precision.iter().all(|(code, _)| mappings.labels.contains(code)));
    }
    if let Some(last) = lines.iter().flat_map(|line| &line.input_ids).max() {
        assert!((*last as usize) < TOKEN_ROWS);
        assert!(read(*last as usize).is_err(), "a token without a row is read");
    }
}

/// The `model.safetensors` of an export: the numbers of what is accepted are those of the model's sizes, and all that the file
/// holds.
pub fn torch_text_tensors(data: &[u8]) {
    let (config, mappings) = &*MODEL;
    let read = |data: &[u8], length: usize| Tensors::read(data, length as u64, config, mappings);
    let numbers = twice(|| read(data, data.len()).ok().map(numbers));
    let tensors = match read(data, data.len()) {
        Ok(tensors) => tensors,
        Err(fault) => return one_line(&fault),
    };
    let (width, labels) = (config.width(), mappings.labels.len());
    let places = config.places(mappings.covariates.len());
    let covariates = mappings.covariates.iter().zip(places);
    let mut sizes: Vec<usize> = covariates.map(|(one, place)| one.values.len() * place.dimension).collect();
    sizes.extend([labels, labels * width, tensors.token_rows * config.embedding_dim]);
    let numbers = numbers.unwrap();
    assert_eq!(numbers.iter().map(Vec::len).collect::<Vec<_>>(), sizes);
    assert!(numbers.iter().flatten().all(|number| number.is_finite()));
    let cut = &data[..data.len() - 1];
    assert!(read(cut, cut.len()).is_err(), "a file that was cut is read");
    assert!(read(cut, data.len()).is_err(), "a file that ends too soon is read");
    assert!(read(data, data.len() + 1).is_err(), "a file is read that should be longer");
}

/// All numbers, tensor by tensor.
fn numbers(tensors: Tensors) -> Vec<Vec<f32>> {
    let Tensors { token_embeddings, categorical, head_weight, head_bias, .. } = tensors;
    [categorical, vec![head_bias, head_weight, token_embeddings]].concat()
}
