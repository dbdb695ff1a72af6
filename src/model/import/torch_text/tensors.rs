//! `model.safetensors`: the embeddings and the head, under the names of the `state_dict`.

use std::collections::BTreeMap;
use std::io::Read;

use safetensors::tensor::{Metadata, TensorInfo};

use super::LARGEST_TABLE;
use super::config::Config;
use super::mappings::Mappings;
use crate::model::error::ModelFault;
use crate::model::weights::{header, read_numbers};

/// How many times as wide as the vector of a token the hidden vector may be.
const WIDENED: usize = 64;
const TOKENS: &str = "token_embedder.embedding_layer.weight";
const HEAD_WEIGHT: &str = "classification_head.net.weight";
const HEAD_BIAS: &str = "classification_head.net.bias";

/// The tensors of a model, row by row.
#[derive(Clone, Debug)]
pub struct Tensors {
    /// One row a token.
    pub token_embeddings: Vec<f32>,
    /// How many rows those are.
    pub token_rows: usize,
    /// One row a value, of each covariate.
    pub categorical: Vec<Vec<f32>>,
    /// Labels × width of the hidden vector.
    pub head_weight: Vec<f32>,
    /// One number a label.
    pub head_bias: Vec<f32>,
}

impl Tensors {
    /// Reads a file of so many bytes, whose shapes must be those of the configuration and the mappings.
    pub fn read(mut file: impl Read, length: u64, config: &Config, mappings: &Mappings) -> Result<Self, ModelFault> {
        let header = header(&mut file, length)?;
        let token_rows = header.info(TOKENS).and_then(|info| info.shape.first().copied()).unwrap_or(0);
        check(&header, &shapes(config, mappings, token_rows))?;
        check_table(config, mappings, token_rows)?;
        let mut in_order: Vec<(String, &TensorInfo)> = header.tensors().into_iter().collect();
        in_order.sort_by_key(|(_, info)| info.data_offsets);
        let mut numbers = BTreeMap::new();
        for (name, info) in in_order {
            let values = read_numbers(&mut file, &name, info.dtype, info.shape.iter().product(), 0)?;
            numbers.insert(name, values);
        }
        let mut take = |name: &str| numbers.remove(name).unwrap_or_default();
        Ok(Self {
            token_embeddings: take(TOKENS),
            token_rows,
            categorical: (0..mappings.covariates.len()).map(|index| take(&categorical(index))).collect(),
            head_weight: take(HEAD_WEIGHT),
            head_bias: take(HEAD_BIAS),
        })
    }
}

fn categorical(index: usize) -> String {
    format!("categorical_variable_net.categorical_embedding_{index}.weight")
}

/// The tensors a model must have, and their shapes.
fn shapes(config: &Config, mappings: &Mappings, token_rows: usize) -> BTreeMap<String, Vec<usize>> {
    let (covariates, labels) = (&mappings.covariates, config.num_classes);
    let places = config.places(covariates.len());
    let values = covariates.iter().zip(places).enumerate();
    let of_covariates =
        values.map(|(index, (one, place))| (categorical(index), vec![one.values.len(), place.dimension]));
    let mut shapes: BTreeMap<String, Vec<usize>> = of_covariates.collect();
    shapes.insert(TOKENS.to_owned(), vec![token_rows, config.embedding_dim]);
    shapes.insert(HEAD_WEIGHT.to_owned(), vec![labels, config.width()]);
    shapes.insert(HEAD_BIAS.to_owned(), vec![labels]);
    shapes
}

fn check(header: &Metadata, shapes: &BTreeMap<String, Vec<usize>>) -> Result<(), ModelFault> {
    let mut names = header.offset_keys();
    names.sort();
    if let Some(name) = names.iter().find(|name| name.contains("attention") || name.contains("transformer")) {
        return Err(malformed(format!("attention variants are not read: tensor {name:?}")));
    }
    if let Some(name) = names.iter().find(|name| !shapes.contains_key(*name)) {
        return Err(malformed(format!("tensor {name:?} is none of a model's with this configuration")));
    }
    for (name, shape) in shapes {
        let info = header.info(name).ok_or_else(|| malformed(format!("tensor {name:?} is missing")))?;
        if info.shape != *shape {
            let reason = format!("tensor {name:?} has shape {:?}, it should have {shape:?}", info.shape);
            return Err(malformed(reason));
        }
    }
    Ok(())
}

/// The rows of tokens and of values are made as wide as the hidden vector: they must still fit.
fn check_table(config: &Config, mappings: &Mappings, token_rows: usize) -> Result<(), ModelFault> {
    let values: usize = mappings.covariates.iter().map(|covariate| covariate.values.len()).sum();
    let rows = token_rows.saturating_add(values);
    // What is made must stay in proportion to what is read.
    if config.width() > config.embedding_dim.saturating_mul(WIDENED) {
        let (width, token) = (config.width(), config.embedding_dim);
        return Err(malformed(format!(
            "a hidden vector of {width} numbers for tokens of {token}: at most {WIDENED} times as many"
        )));
    }
    if rows.saturating_mul(config.width()) > LARGEST_TABLE {
        let reason = format!("{rows} rows of {} numbers: at most {LARGEST_TABLE} numbers are read", config.width());
        return Err(malformed(reason));
    }
    Ok(())
}

fn malformed(reason: impl std::fmt::Display) -> ModelFault {
    ModelFault::malformed("torch-text set of weights", reason)
}
