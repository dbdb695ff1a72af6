//! What a run does, said once: written to the work place when it begins, and compared with what is asked when it goes on.

use serde::{Deserialize, Serialize};

use super::columns::ColumnNames;
use super::error::RecodeError;
use super::format::{Compression, Format};
use crate::coding::Coder;

/// Input rows of a chunk: what is read, coded and written at once.
pub const CHUNK_ROWS: usize = 2048;
/// Input rows of a part, unless told otherwise: what is done again at most after a kill. A whole number of chunks.
pub const PART_ROWS: u64 = 128 * CHUNK_ROWS as u64;

/// What a run does. Two runs of equal plans write equal bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Version of codif.
    pub codif: String,
    /// The inputs, in their order.
    pub inputs: Vec<Input>,
    /// What the input files are like where their names do not say it.
    pub delimiter: Option<u8>,
    /// Where the rows go.
    pub output: String,
    /// What they are written as.
    pub format: Format,
    /// How that is compressed; a Parquet file compresses its pages by itself.
    pub compression: Compression,
    /// Whether the output is a directory of parts rather than one file.
    pub is_directory: bool,
    /// The column by whose values the parts are laid out in folders.
    pub partition_by: Option<String>,
    /// The models as they were asked for; none when all in production were.
    pub asked: Vec<String>,
    /// The versions these were then, one a nomenclature.
    pub models: Vec<PlannedModel>,
    /// Which columns hold what.
    pub columns: ColumnNames,
    /// The input columns that are kept; all of them when none is named.
    pub keep: Option<Vec<String>>,
    /// How many codes a row gets.
    pub top_k: usize,
    /// Replaces the models' thresholds.
    pub threshold: Option<f64>,
    /// The codes the rows had.
    pub previous: Option<Previous>,
    /// Input rows of a part.
    pub part_rows: u64,
}

/// An input file and the state it was found in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Path, or `s3://` address.
    pub name: String,
    /// Its format.
    pub format: Format,
    /// How it is compressed.
    pub compression: Compression,
    /// Its size.
    pub bytes: u64,
    /// When it was changed last, or its ETag.
    pub state: String,
}

/// A model version and the manifest it had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedModel {
    /// `NAME:VERSION`.
    pub version: String,
    /// The nomenclature it codes in.
    pub nomenclature: String,
}

impl PlannedModel {
    /// The version of a coder.
    pub fn of(coder: &Coder) -> Self {
        Self { version: coder.model.to_string(), nomenclature: coder.nomenclature.id().to_owned() }
    }
}

/// The codes that the rows had before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Previous {
    /// Their column.
    pub column: String,
    /// Their nomenclature.
    pub nomenclature: String,
    /// Whether a new code is one of their successors.
    pub constrain: bool,
}

impl Plan {
    /// Whether what is asked now is what was begun; else the first difference.
    pub fn check_same(&self, begun: &Self, work: &str) -> Result<(), RecodeError> {
        for input in &self.inputs {
            let Some(before) = begun.inputs.iter().find(|before| before.name == input.name) else { continue };
            if before != input {
                return Err(RecodeError::InputChanged { name: input.name.clone(), work: work.to_owned() });
            }
        }
        let (asked, begun) = (fields(self)?, fields(begun)?);
        let difference = asked.iter().find(|(name, value)| begun.get(name.as_str()) != Some(value));
        match difference {
            None => Ok(()),
            Some((field, _)) => {
                let field = if field == "asked" { "model".to_owned() } else { field.clone() };
                Err(RecodeError::AnotherRun { field, work: work.to_owned() })
            }
        }
    }
}

fn fields(plan: &Plan) -> Result<serde_json::Map<String, serde_json::Value>, RecodeError> {
    match serde_json::to_value(plan) {
        Ok(serde_json::Value::Object(fields)) => Ok(fields),
        other => Err(RecodeError::Internal(format!("the plan is no object: {other:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let input = |name: &str| Input {
            name: name.to_owned(),
            format: Format::Csv,
            compression: Compression::None,
            bytes: 10,
            state: "1".to_owned(),
        };
        Plan {
            codif: "0.1.0".to_owned(),
            inputs: vec![input("a.csv"), input("b.csv")],
            delimiter: None,
            output: "out.csv".to_owned(),
            format: Format::Csv,
            compression: Compression::None,
            is_directory: false,
            partition_by: None,
            asked: Vec::new(),
            models: Vec::new(),
            columns: ColumnNames::default(),
            keep: None,
            top_k: 5,
            threshold: Some(0.5),
            previous: None,
            part_rows: PART_ROWS,
        }
    }

    #[test]
    fn a_plan_reads_back_as_it_was() {
        let text = serde_json::to_string(&plan()).unwrap();
        let read: Plan = serde_json::from_str(&text).unwrap();
        assert_eq!(read, plan());
        plan().check_same(&read, "work").unwrap();
    }

    #[test]
    fn what_differs_is_named() {
        let mut changed = plan();
        changed.inputs[1].bytes += 1;
        let error = changed.check_same(&plan(), "work").unwrap_err().to_string();
        assert!(error.contains("b.csv") && error.contains("work"), "{error}");
        let mut other = plan();
        other.top_k = 3;
        let error = other.check_same(&plan(), "work").unwrap_err().to_string();
        assert!(error.contains("top_k"), "{error}");
        let mut fewer = plan();
        fewer.inputs.pop();
        let error = fewer.check_same(&plan(), "work").unwrap_err().to_string();
        assert!(error.contains("inputs"), "{error}");
    }
}
