//! `config.json`: the sizes of a torchTextClassifiers model, and which of its variants it is.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::model::error::ModelFault;
use crate::model::manifest::TokenizerKind;

/// The configuration of a model. What it holds beyond this is passed over, unless it asks for attention.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Config {
    /// Numbers in the vector of a token.
    pub embedding_dim: usize,
    /// How covariates join the text.
    #[serde(rename = "categorical_embedding_dims")]
    pub joining: Joining,
    /// How token vectors become one: only "mean" is read.
    pub aggregation: String,
    /// Number of labels.
    pub num_classes: usize,
    /// Id of the token that fills up shorter texts; codif fills up nothing.
    pub padding_idx: Option<u32>,
    /// Bounds of the classes of the surface, in square metres, in increasing order.
    pub surface_bins: Option<[f64; 4]>,
    /// Kind of the tokenizer.
    #[serde(default)]
    pub tokenizer: TokenizerKind,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

/// How the vectors of covariates join that of the text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Joining {
    /// Their mean, of so many numbers, is appended (AVERAGE_AND_CONCAT).
    Averaged(usize),
    /// Each is appended, with its own numbers (CONCATENATE_ALL).
    Appended(Vec<usize>),
    /// They are added (SUM_TO_TEXT).
    Added,
}

/// Where the vector of a covariate stands in the hidden vector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Its first number.
    pub offset: usize,
    /// How many numbers.
    pub dimension: usize,
    /// What they are divided by.
    pub divisor: f32,
}

impl Config {
    /// Reads a configuration, whose sizes are at least 1.
    pub fn read(bytes: &[u8]) -> Result<Self, ModelFault> {
        let config: Self = serde_json::from_slice(bytes).map_err(malformed)?;
        if config.aggregation != "mean" {
            return Err(malformed(format!("aggregation {:?} is not read, only \"mean\"", config.aggregation)));
        }
        let mut others = config.others.iter();
        if let Some((name, _)) = others.find(|(name, value)| name.contains("attention") && !is_off(value)) {
            return Err(malformed(format!("attention variants are not read: {name}")));
        }
        if [config.embedding_dim, config.num_classes].contains(&0) || config.joining.has_zero() {
            return Err(malformed("a size is 0"));
        }
        if config.surface_bins.is_some_and(|bins| !bins.is_sorted_by(|one, next| one < next)) {
            return Err(malformed("the surface_bins are not in increasing order"));
        }
        Ok(config)
    }

    /// Numbers in the hidden vector.
    pub fn width(&self) -> usize {
        match &self.joining {
            Joining::Added => self.embedding_dim,
            Joining::Averaged(dimension) => self.embedding_dim.saturating_add(*dimension),
            Joining::Appended(dimensions) => {
                dimensions.iter().fold(self.embedding_dim, |width, dimension| width.saturating_add(*dimension))
            }
        }
    }

    /// Where the vectors of so many covariates stand.
    pub fn places(&self, covariates: usize) -> Vec<Place> {
        match &self.joining {
            Joining::Added => vec![Place { offset: 0, dimension: self.embedding_dim, divisor: 1.0 }; covariates],
            Joining::Averaged(dimension) => {
                let (offset, divisor) = (self.embedding_dim, covariates as f32);
                vec![Place { offset, dimension: *dimension, divisor }; covariates]
            }
            Joining::Appended(dimensions) => {
                let after = |offset: &mut usize, dimension: &usize| {
                    let place = Place { offset: *offset, dimension: *dimension, divisor: 1.0 };
                    *offset = offset.saturating_add(*dimension);
                    Some(place)
                };
                dimensions.iter().scan(self.embedding_dim, after).collect()
            }
        }
    }
}

impl Joining {
    /// Whether so many covariates can join in this way.
    pub fn suits(&self, covariates: usize) -> bool {
        match self {
            Self::Added => true,
            Self::Averaged(_) => covariates > 0,
            Self::Appended(dimensions) => covariates == dimensions.len(),
        }
    }

    fn has_zero(&self) -> bool {
        match self {
            Self::Added => false,
            Self::Averaged(dimension) => *dimension == 0,
            Self::Appended(dimensions) => dimensions.contains(&0),
        }
    }
}

/// Whether the value of a setting leaves it out.
fn is_off(value: &Value) -> bool {
    matches!(value, Value::Null | Value::Bool(false)) || value.as_f64() == Some(0.0)
}

fn malformed(reason: impl std::fmt::Display) -> ModelFault {
    ModelFault::malformed("torch-text configuration", reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(joining: &str, more: &str) -> Result<Config, ModelFault> {
        let text = format!(
            r#"{{"embedding_dim": 4, "categorical_embedding_dims": {joining}, "aggregation": "mean", "num_classes": 2{more}}}"#
        );
        Config::read(text.as_bytes())
    }

    #[test]
    fn covariates_join_in_three_ways() {
        let place = |offset, dimension, divisor| Place { offset, dimension, divisor };
        let added = config("null", "").unwrap();
        assert_eq!((added.width(), added.places(2)), (4, vec![place(0, 4, 1.0); 2]));
        let averaged = config("3", "").unwrap();
        assert_eq!((averaged.width(), averaged.places(2)), (7, vec![place(4, 3, 2.0); 2]));
        let appended = config("[3, 1]", "").unwrap();
        assert_eq!((appended.width(), appended.places(2)), (8, vec![place(4, 3, 1.0), place(7, 1, 1.0)]));
        assert!(added.joining.suits(0) && !averaged.joining.suits(0) && !appended.joining.suits(1));
    }

    #[test]
    fn a_configuration_that_is_not_read_is_refused_with_the_reason() {
        assert_eq!(config("3", "").unwrap().tokenizer, TokenizerKind::WordPiece);
        assert_eq!(config("3", r#", "tokenizer": "ngram""#).unwrap().tokenizer, TokenizerKind::Ngram);
        let off = r#", "n_heads_label_attention": null, "attention": false, "attention_heads": 0, "other": 1"#;
        assert!(config("3", off).is_ok());
        for (joining, more, reason) in [
            ("3", r#", "n_heads_label_attention": 4"#, "n_heads_label_attention"),
            ("0", "", "a size is 0"),
            ("[3, 0]", "", "a size is 0"),
            ("\"3\"", "", "Joining"),
            ("3", r#", "surface_bins": [0, 2, 2, 3]"#, "increasing"),
            ("3", r#", "surface_bins": [0, 2]"#, "length 2"),
            ("3", r#", "tokenizer": "words""#, "unknown variant"),
        ] {
            let error = config(joining, more).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
