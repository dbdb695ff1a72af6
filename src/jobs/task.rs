//! A request made exact: the versions of the models, where the rows come from and go. This is what the store keeps.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::error::JobError;
use super::request::JobRequest;
use crate::recode::format::{Compression, Format};
use crate::recode::remote::{S3_SCHEME, check_is_one};
use crate::serving::Coders;

/// What is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// What was asked.
    pub request: JobRequest,
    /// The name of the uploaded file in the place of the job.
    pub upload: Option<String>,
    /// The versions that code, `NAME:VERSION`: those in service when the job was asked for, whatever is promoted since.
    pub models: Vec<String>,
}

/// Where the rows go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The address, or the name of a file in the place of the job.
    pub output: String,
    /// What they are written as.
    pub format: Format,
    /// How that is compressed.
    pub compression: Compression,
    /// Whether it is a directory of parts.
    pub is_directory: bool,
}

impl Task {
    /// Checks a request, and makes it exact.
    pub fn new(
        request: JobRequest,
        upload: Option<String>,
        coders: &Coders,
        allowed: &[String],
    ) -> Result<Self, JobError> {
        request.check()?;
        match (&upload, request.input.is_empty()) {
            (None, true) => return Err(no_input("upload a file, or name s3:// addresses as input")),
            (Some(_), false) => return Err(no_input("either upload a file or name addresses as input, not both")),
            _ => {}
        }
        for address in request.input.iter().chain(&request.output) {
            check_allowed(address, allowed)?;
        }
        if let Some(Err(error)) = request.output.as_deref().map(check_is_one) {
            return Err(JobError::Invalid { code: "no_address", detail: error.to_string() });
        }
        check_apart(&request)?;
        let models = models(&request, coders)?;
        let task = Self { request, upload, models };
        task.target(None)?;
        Ok(task)
    }

    /// Where the rows go; the format of the input counts where nothing else says it.
    pub fn target(&self, of_input: Option<Format>) -> Result<Target, JobError> {
        let JobRequest { output, format, compression, .. } = &self.request;
        let of_upload = self.upload.as_deref().and_then(Format::of).map(|(format, _)| format);
        let compression = compression.unwrap_or(Compression::None);
        let Some(output) = output else {
            let format = format.or(of_upload).or(of_input).unwrap_or(Format::Parquet);
            let compression = if format == Format::Parquet { Compression::None } else { compression };
            let output = format!("result.{}", format.extension(compression));
            return Ok(Target { output, format, compression, is_directory: false });
        };
        let target =
            |format, compression, is_directory| Target { output: output.clone(), format, compression, is_directory };
        if output.ends_with('/') {
            return Ok(target(format.unwrap_or(Format::Parquet), compression, true));
        }
        let unknown = || JobError::Invalid {
            code: "unknown_format",
            detail: format!(
                "{output}: its ending says no format that codif writes (.csv, .tsv, .ndjson, also .gz or .zst, .parquet); \
                 for a directory of this name end it with /"
            ),
        };
        let (of_name, compression) = Format::of(output).ok_or_else(unknown)?;
        match format {
            Some(format) if *format != of_name => Err(JobError::Invalid {
                code: "unknown_format",
                detail: format!("{output} says another format than format does"),
            }),
            _ => Ok(target(of_name, compression, false)),
        }
    }
}

/// Whether a result lies elsewhere than in the place of its job.
pub fn is_elsewhere(output: &str) -> bool {
    output.starts_with(S3_SCHEME)
}

/// An output among the inputs would be one of them at the next attempt.
fn check_apart(request: &JobRequest) -> Result<(), JobError> {
    let Some(output) = &request.output else { return Ok(()) };
    let means = |input: &&String| {
        is_below(output, input) || glob::Pattern::new(input).is_ok_and(|pattern| pattern.matches(output))
    };
    match request.input.iter().find(means) {
        None => Ok(()),
        Some(input) => {
            let detail = format!("{output} would be among the inputs of {input}: name an output elsewhere");
            Err(JobError::Invalid { code: "output_is_input", detail })
        }
    }
}

/// Whether an address is a prefix or below it.
pub fn is_below(address: &str, prefix: &str) -> bool {
    let rest = address.trim_end_matches('/').strip_prefix(prefix.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whoever may call may not read what only codif's own credentials open: addresses are those that were allowed.
fn check_allowed(address: &str, allowed: &[String]) -> Result<(), JobError> {
    if !address.starts_with(S3_SCHEME) {
        let detail = format!("{address}: jobs read and write s3:// addresses, or an uploaded file");
        return Err(JobError::Invalid { code: "no_address", detail });
    }
    // Some stores are file systems behind a gateway, to which these mean something.
    let parts = address.strip_prefix(S3_SCHEME).unwrap_or_default().trim_end_matches('/').split('/');
    if parts.into_iter().any(|part| ["", ".", ".."].contains(&part)) {
        let detail = format!("{address}: a part of it is empty, . or ..");
        return Err(JobError::Invalid { code: "no_address", detail });
    }
    // The prefix itself is a directory, and is called one.
    let is_within = |prefix: &String| address.starts_with(&format!("{}/", prefix.trim_end_matches('/')));
    if allowed.iter().any(is_within) {
        return Ok(());
    }
    let detail = match allowed {
        [] => {
            format!("{address}: this codif lets jobs use no address in S3; its setting --jobs-s3 names those it does")
        }
        _ => format!("{address}: jobs may use addresses below {} here", allowed.join(", ")),
    };
    Err(JobError::Forbidden(detail))
}

/// The versions in service of the nomenclatures asked.
fn models(request: &JobRequest, coders: &Coders) -> Result<Vec<String>, JobError> {
    let Some(asked) = &request.nomenclatures else {
        return Ok(coders.iter().map(|(_, served)| served.coder.model.to_string()).collect());
    };
    let invalid = |code, detail| Err(JobError::Invalid { code, detail });
    if asked.is_empty() {
        return invalid("no_nomenclature", "nomenclatures names none: leave it out for all that are served".to_owned());
    }
    if asked.iter().collect::<BTreeSet<_>>().len() < asked.len() {
        return invalid("nomenclature_twice", "nomenclatures names one twice".to_owned());
    }
    let unknown = |nomenclature: &String| JobError::Invalid {
        code: "unknown_nomenclature",
        detail: format!("no model serves the nomenclature {nomenclature:?} here"),
    };
    if let Some(unserved) = asked.iter().find(|nomenclature| !coders.serves(nomenclature)) {
        return Err(unknown(unserved));
    }
    // In the order of the nomenclatures, as in every answer.
    let chosen = coders.iter().filter(|(nomenclature, _)| asked.iter().any(|other| other == nomenclature));
    Ok(chosen.map(|(_, served)| served.coder.model.to_string()).collect())
}

fn no_input(detail: &str) -> JobError {
    JobError::Invalid { code: "no_input", detail: detail.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn task(request: serde_json::Value, upload: Option<&str>) -> Task {
        let request = serde_json::from_value(request).unwrap();
        Task { request, upload: upload.map(str::to_owned), models: Vec::new() }
    }

    #[test]
    fn rows_go_where_and_as_was_asked() {
        let file = |request, upload, of_input| {
            let target = task(request, upload).target(of_input).unwrap();
            (target.output, target.format, target.is_directory)
        };
        assert_eq!(file(json!({}), Some("upload.csv.gz"), None), ("result.csv".into(), Format::Csv, false));
        assert_eq!(file(json!({}), None, Some(Format::Tsv)), ("result.tsv".into(), Format::Tsv, false));
        let asked = json!({"format": "csv", "compression": "gzip"});
        assert_eq!(file(asked, Some("upload.parquet"), None), ("result.csv.gz".into(), Format::Csv, false));
        let asked = json!({"output": "s3://b/out.csv"});
        assert_eq!(file(asked, None, Some(Format::Parquet)), ("s3://b/out.csv".into(), Format::Csv, false));
        let asked = json!({"output": "s3://b/out/"});
        assert_eq!(file(asked, None, Some(Format::Csv)), ("s3://b/out/".into(), Format::Parquet, true));
        for asked in [json!({"output": "s3://b/out"}), json!({"output": "s3://b/out.csv", "format": "parquet"})] {
            assert!(task(asked.clone(), None).target(None).is_err(), "{asked}");
        }
    }

    #[test]
    fn no_output_is_among_the_inputs() {
        let checked =
            |input: &str, output: &str| check_apart(&task(json!({"input": [input], "output": output}), None).request);
        for input in ["s3://b/a.csv", "s3://b/", "s3://b/*.csv", "s3://b"] {
            assert!(checked(input, "s3://b/a.csv").is_err(), "{input}");
        }
        for input in ["s3://b/a.csv", "s3://b/in/", "s3://b/in/*.csv"] {
            assert!(checked(input, "s3://b/out/a.csv").is_ok(), "{input}");
        }
    }

    #[test]
    fn addresses_are_those_that_were_allowed() {
        let allowed = ["s3://open/".to_owned(), "s3://shared/stock".to_owned()];
        for address in ["s3://open/a.csv", "s3://open/a/*.parquet", "s3://shared/stock/a.csv", "s3://shared/stock/"] {
            assert!(check_allowed(address, &allowed).is_ok(), "{address}");
        }
        for address in [
            "s3://open",
            "s3://open/../models/a",
            "s3://open//a",
            "s3://open/./a",
            "s3://shared/stock",
            "s3://opener/a.csv",
            "s3://shared/stocks/a.csv",
            "s3://models/ape",
            "/etc/passwd",
            "",
        ] {
            assert!(check_allowed(address, &allowed).is_err(), "{address}");
        }
        assert!(check_allowed("s3://open/a.csv", &[]).unwrap_err().to_string().contains("--jobs-s3"));
    }
}
