//! `golden.jsonl` of an export: what the model answered where it was made, at full precision.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::mappings::Mappings;
use crate::model::error::ModelFault;

/// One answer of the model. What a line holds beyond this is passed over.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct GoldenLine {
    /// What the form held.
    pub form: Map<String, Value>,
    /// The text that was given to the tokenizer.
    pub text: String,
    /// The index of each covariate, in the order of the mappings.
    pub categorical_ids: Vec<usize>,
    /// The tokens of the text.
    pub input_ids: Vec<u32>,
    /// The best codes and their probabilities, the best first.
    pub top5_full_precision: Vec<(String, f64)>,
    /// The logits of the first labels.
    pub logits_first8: Vec<f64>,
}

/// Reads the lines, whose indices must be the model's.
pub fn read(bytes: &[u8], mappings: &Mappings, token_rows: usize) -> Result<Vec<GoldenLine>, ModelFault> {
    let malformed = |reason: &str| ModelFault::malformed("set of golden cases", reason);
    let text = std::str::from_utf8(bytes).map_err(|error| malformed(&error.to_string()))?;
    let read = |(index, line): (usize, &str)| {
        GoldenLine::read(line, mappings, token_rows).map_err(|reason| ModelFault::Golden { line: index + 1, reason })
    };
    let lines: Vec<GoldenLine> = text.lines().enumerate().map(read).collect::<Result<_, _>>()?;
    if lines.is_empty() {
        return Err(malformed("it holds no case"));
    }
    Ok(lines)
}

impl GoldenLine {
    fn read(line: &str, mappings: &Mappings, token_rows: usize) -> Result<Self, String> {
        let line: Self = serde_json::from_str(line).map_err(|error| error.to_string())?;
        if let Some(id) = line.input_ids.iter().find(|id| **id as usize >= token_rows) {
            return Err(format!("token {id} has no row, of {token_rows}"));
        }
        let mut covariates = mappings.covariates.iter().zip(&line.categorical_ids);
        let known = covariates.all(|(covariate, index)| *index < covariate.values.len());
        if line.categorical_ids.len() != mappings.covariates.len() || !known {
            return Err(format!("{:?} are not indices of the model's covariates", line.categorical_ids));
        }
        let mut codes = line.top5_full_precision.iter().map(|(code, _)| code);
        match codes.find(|code| !mappings.labels.contains(code)) {
            Some(code) => Err(format!("{code:?} is no label of the model")),
            None => Ok(line),
        }
    }
}
