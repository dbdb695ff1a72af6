//! One attempt at a job: its task as a run of `codif recode`, watched from outside.

use std::sync::Arc;

use super::error::JobError;
use super::failure;
use super::place::JobPlace;
use super::task::{Target, Task, is_elsewhere};
use super::watched::Watched;
use crate::coding::Coder;
use crate::nomenclature::Nomenclatures;
use crate::process::give_memory_back;
use crate::recode::error::RecodeError;
use crate::recode::finish::errors_beside;
use crate::recode::inputs::{Forced, inputs};
use crate::recode::plan::{PART_ROWS, Plan, PlannedModel};
use crate::recode::remote::Buckets;
use crate::recode::summary::Summary;
use crate::recode::work::begun;
use crate::recode::{Recode, RunOptions};
use crate::store::job::JobId;

/// The rows that could not be coded, in the place of a job.
const ERRORS: &str = "errors.parquet";

/// What an attempt needs.
pub struct Attempt {
    /// The job.
    pub id: JobId,
    /// What is done.
    pub task: Task,
    /// The coders of the task's models, in its order.
    pub coders: Vec<Arc<Coder>>,
    /// The nomenclatures there are.
    pub nomenclatures: Arc<Nomenclatures>,
    /// Where the files of jobs are.
    pub place: JobPlace,
    /// Where `s3://` addresses are.
    pub buckets: Buckets,
    /// Threads that code.
    pub threads: usize,
}

/// What came of an attempt.
#[derive(Debug)]
pub enum Outcome {
    /// It is done.
    Finished(Box<Summary>),
    /// It was stopped; the next attempt goes on from where it is.
    Stopped,
    /// It may succeed later.
    Later(String),
    /// It cannot be done.
    Failed(String),
}

impl Attempt {
    /// Carries it out.
    pub fn run(self, watched: &Watched) -> Outcome {
        let folders = [self.place.address(&self.id, ""), self.place.folder(&self.id).to_string_lossy().into_owned()];
        let outcome = self.run_to_its_end(watched);
        give_memory_back();
        match outcome {
            Ok(summary) => Outcome::Finished(Box::new(summary)),
            Err(RecodeError::Stopped) => Outcome::Stopped,
            Err(error) if failure::may_pass(&error) => Outcome::Later(failure::reason(&error, &folders)),
            Err(error) => Outcome::Failed(failure::reason(&error, &folders)),
        }
    }

    fn run_to_its_end(self, watched: &Watched) -> Result<Summary, RecodeError> {
        let (recode, target) = self.recode(watched.progress().finishing)?;
        let summary = recode.run(&|progress| watched.see(progress))?;
        if is_elsewhere(&target.output) {
            return Ok(summary);
        }
        let errors_file = summary.errors_file.map(|_| ERRORS.to_owned());
        Ok(Summary { output: target.output, errors_file, ..summary })
    }

    /// The task as a run. What an earlier attempt had begun to write as the output is replaced.
    fn recode(self, was_finishing: bool) -> Result<(Recode, Target), RecodeError> {
        let Self { id, task, coders, nomenclatures, place, buckets, threads } = self;
        let named = task.upload.as_ref().map(|name| vec![place.address(&id, name)]);
        let inputs = inputs(&named.unwrap_or_else(|| task.request.input.clone()), Forced::default(), &buckets)?;
        let of_request = |error: JobError| RecodeError::NoInput(error.to_string());
        let target = task.target(inputs.first().map(|input| input.format)).map_err(of_request)?;
        let is_elsewhere = is_elsewhere(&target.output);
        let output = if is_elsewhere { target.output.clone() } else { place.address(&id, &target.output) };
        let errors = match is_elsewhere {
            true => errors_beside(&output, target.is_directory),
            false => place.address(&id, ERRORS),
        };
        let request = task.request;
        let plan = Plan {
            codif: env!("CARGO_PKG_VERSION").to_owned(),
            inputs,
            delimiter: request.delimiter().map_err(of_request)?,
            output,
            format: target.format,
            compression: target.compression,
            is_directory: target.is_directory,
            previous: request.previous().map_err(of_request)?,
            partition_by: request.partition_by,
            asked: task.models,
            models: coders.iter().map(|coder| PlannedModel::of(coder)).collect(),
            columns: request.columns,
            keep: request.keep,
            top_k: request.top_k,
            threshold: request.threshold,
            part_rows: PART_ROWS,
        };
        let work = place.folder(&id).join("work");
        // What an earlier attempt began is gone on with where it is the same: not after an input has changed, nor with another codif.
        let restart = match begun(&work) {
            Ok(begun) => begun.is_some_and(|begun| plan.check_same(&begun, "").is_err()),
            Err(_) => true,
        };
        let overwrite = request.overwrite || was_finishing || !is_elsewhere;
        let options = RunOptions { threads, max_errors: request.max_errors, restart, overwrite, in_background: true };
        Ok((Recode { plan, coders, nomenclatures, work, errors, buckets, options }, target))
    }
}
