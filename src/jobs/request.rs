//! What a caller asks of a job: the settings of `codif recode`, under the same names.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::JobError;
use crate::nomenclature::Nomenclatures;
use crate::recode::columns::ColumnNames;
use crate::recode::format::{Compression, Format, delimiter};
use crate::recode::plan::Previous;

/// Most codes a row gets.
const MOST_CODES: usize = 50;
/// Most inputs that are named.
const MOST_INPUTS: usize = 100;

/// What a job does. Everything but `input` and `output` is as `codif recode` has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct JobRequest {
    /// `s3://` addresses of what is coded: files, directories that end in `/`, patterns with `*`. Left out with an uploaded file.
    #[schema(example = json!(["s3://sirene/stock/"]))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub input: Vec<String>,
    /// `s3://` address of where the rows go: a file of a known ending, or a directory that ends in `/`. Without it the result is
    /// kept here, at `/v1/jobs/{id}/result`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Whether an output that is there is replaced.
    pub overwrite: bool,
    /// Which columns hold what; a field that is not named is read from the column called as the field.
    pub columns: ColumnNames,
    /// Input columns to keep, in this order; all of them by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep: Option<Vec<String>>,
    /// Ids of the nomenclatures to code in; all that are served by default.
    #[schema(example = json!(["naf2008", "naf2025"]))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nomenclatures: Option<Vec<String>>,
    /// How many codes a row gets, 1 to 50.
    #[schema(minimum = 1, maximum = 50, default = 5)]
    pub top_k: usize,
    /// Replaces the models' thresholds.
    #[schema(minimum = 0, maximum = 1)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// Column of the code that a row had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_code: Option<String>,
    /// Nomenclature of that code; naf2008 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_nomenclature: Option<String>,
    /// Whether to choose among the legal successors of that code.
    pub constrain_to_successors: bool,
    /// What stands between two cells of CSV, in the input and in the output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    /// Format of the result, where `output` does not say it; that of the input by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// Compression of the result, where `output` does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compression: Option<Compression>,
    /// Column by whose values a directory is laid out in folders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition_by: Option<String>,
    /// More rows than this that cannot be coded end the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_errors: Option<u64>,
}

impl Default for JobRequest {
    fn default() -> Self {
        Self {
            input: Vec::new(),
            output: None,
            overwrite: false,
            columns: ColumnNames::default(),
            keep: None,
            nomenclatures: None,
            top_k: 5,
            threshold: None,
            previous_code: None,
            previous_nomenclature: None,
            constrain_to_successors: false,
            delimiter: None,
            format: None,
            compression: None,
            partition_by: None,
            max_errors: None,
        }
    }
}

impl JobRequest {
    /// Refuses what no job can do, in the words of who asks.
    pub fn check(&self) -> Result<(), JobError> {
        let invalid = |code, detail: &str| Err(JobError::Invalid { code, detail: detail.to_owned() });
        if !(1..=MOST_CODES).contains(&self.top_k) {
            return invalid("invalid_top_k", "top_k must be between 1 and 50");
        }
        if self.threshold.is_some_and(|threshold| !(0.0..=1.0).contains(&threshold)) {
            return invalid("invalid_threshold", "threshold must be between 0 and 1");
        }
        if self.input.iter().collect::<BTreeSet<_>>().len() < self.input.len() {
            return invalid("input_twice", "an input is named twice");
        }
        if self.input.len() > MOST_INPUTS {
            return invalid("too_many_inputs", "name at most 100 inputs: directories and patterns stand for many");
        }
        let about_previous = self.previous_nomenclature.is_some() || self.constrain_to_successors;
        if self.previous_code.is_none() && about_previous {
            return invalid("missing_previous_code", "previous_code must name the column of the code that a row had");
        }
        if self.partition_by.is_some() && !self.output.as_deref().is_some_and(|output| output.ends_with('/')) {
            return invalid("no_directory", "partition_by needs an output that is a directory: s3://BUCKET/PREFIX/");
        }
        self.delimiter()?;
        self.previous()?;
        Ok(())
    }

    /// What stands between two cells.
    pub fn delimiter(&self) -> Result<Option<u8>, JobError> {
        let Some(text) = &self.delimiter else { return Ok(None) };
        let invalid = || JobError::Invalid {
            code: "invalid_delimiter",
            detail: "delimiter must be one ASCII character, such as ; or a tab".to_owned(),
        };
        delimiter(text).map(Some).ok_or_else(invalid)
    }

    /// The codes that the rows had.
    pub fn previous(&self) -> Result<Option<Previous>, JobError> {
        let Some(column) = self.previous_code.clone() else { return Ok(None) };
        let nomenclature = self.previous_nomenclature.clone().unwrap_or_else(|| "naf2008".to_owned());
        let known = Nomenclatures::embedded().map_err(JobError::internal)?;
        known
            .nomenclature(&nomenclature)
            .map_err(|error| JobError::Invalid { code: "unknown_nomenclature", detail: error.to_string() })?;
        Ok(Some(Previous { column, nomenclature, constrain: self.constrain_to_successors }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(request: serde_json::Value) -> &'static str {
        let request: JobRequest = serde_json::from_value(request).unwrap();
        match request.check().unwrap_err() {
            JobError::Invalid { code, .. } => code,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn what_no_job_can_do_is_refused_by_its_name() {
        for (request, code) in [
            (json!({"top_k": 0}), "invalid_top_k"),
            (json!({"top_k": 51}), "invalid_top_k"),
            (json!({"threshold": 1.5}), "invalid_threshold"),
            (json!({"constrain_to_successors": true}), "missing_previous_code"),
            (json!({"previous_code": "ape", "previous_nomenclature": "naf1993"}), "unknown_nomenclature"),
            (json!({"partition_by": "nature"}), "no_directory"),
            (json!({"partition_by": "nature", "output": "s3://bucket/out.csv"}), "no_directory"),
            (json!({"delimiter": ";;"}), "invalid_delimiter"),
            (json!({"input": ["s3://a/b", "s3://a/b"]}), "input_twice"),
            (json!({"input": (0..101).map(|n| format!("s3://a/{n}")).collect::<Vec<_>>()}), "too_many_inputs"),
        ] {
            assert_eq!(refusal(request.clone()), code, "{request}");
        }
    }

    #[test]
    fn a_request_reads_back_and_knows_no_other_fields() {
        let request: JobRequest =
            serde_json::from_value(json!({"columns": {"description": "libelle", "nature": "nat"}, "top_k": 3}))
                .unwrap();
        assert_eq!(request.columns.description, ["libelle"]);
        assert!(request.check().is_ok());
        let again: JobRequest = serde_json::from_value(serde_json::to_value(&request).unwrap()).unwrap();
        assert_eq!(again, request);
        assert!(serde_json::from_value::<JobRequest>(json!({"topk": 3})).is_err());
        assert!(serde_json::from_value::<JobRequest>(json!({"columns": {"libelle": "description"}})).is_err());
    }
}
