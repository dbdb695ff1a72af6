//! `codif recode`: files of millions of rows coded again.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};

mod arguments;

use crate::coding::Coder;
use crate::config::ModelOptions;
use crate::nomenclature::Nomenclatures;
use crate::recode::error::RecodeError;
use crate::recode::finish::errors_beside;
use crate::recode::inputs::{Forced, inputs};
use crate::recode::plan::{Plan, PlannedModel};
use crate::recode::remote::{Buckets, S3_SCHEME};
use crate::recode::work::begun;
use crate::recode::{Progress, Recode};
use crate::registry::ModelReference;
use crate::serving::Coders;
use arguments::{Codes, Formats, RecodeColumns, Running, format_of};

/// What `codif recode` takes.
#[derive(Debug, clap::Args)]
pub struct RecodeArguments {
    /// Files, directories, globs or s3:// addresses of CSV, TSV, NDJSON (.gz, .zst) or Parquet; then where the rows go: a file
    /// of one of these formats, or a directory
    #[arg(required = true, num_args = 2.., value_names = ["INPUT", "OUTPUT"])]
    paths: Vec<String>,
    #[command(flatten)]
    models: ModelOptions,
    #[command(flatten)]
    columns: RecodeColumns,
    #[command(flatten)]
    formats: Formats,
    #[command(flatten)]
    codes: Codes,
    #[command(flatten)]
    running: Running,
}

/// Codes the files; the summary is printed as one JSON object.
pub fn run(arguments: RecodeArguments, output: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let quiet = arguments.running.quiet;
    let mut recode = arguments.recode()?;
    // From here on: until the models are there Ctrl-C ends the program, and nothing is lost.
    let interrupted = super::train::interrupted_by_ctrl_c()?;
    recode.buckets = recode.buckets.stopped_by(Arc::clone(&interrupted));
    let bar = if quiet { ProgressBar::hidden() } else { bar() };
    let watch = |progress: &Progress<'_>| {
        show(&bar, progress);
        !interrupted.load(Relaxed)
    };
    let summary = recode.run(&watch);
    bar.finish_and_clear();
    match summary {
        Ok(summary) => writeln!(output, "{}", serde_json::to_string_pretty(&summary)?)?,
        Err(RecodeError::Stopped) => {
            let begun = recode.work.exists();
            let from = if begun {
                format!("from what is in {}", recode.work.display())
            } else {
                "from the beginning".to_owned()
            };
            eprintln!("codif: stopped: the same command goes on {from}");
            return Ok(ExitCode::from(130));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(ExitCode::SUCCESS)
}

/// Units of the progress bar.
const UNITS: u64 = 10_000;

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {percent} %, {msg}, {eta} left");
    ProgressBar::new(UNITS).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn show(bar: &ProgressBar, progress: &Progress<'_>) {
    let (rows, seconds) = (progress.counts.rows, bar.elapsed().as_secs_f64());
    let automatic = 100.0 * progress.counts.automatic_rate();
    bar.set_message(format!("{rows} rows, {:.0} rows/s, {automatic:.1} % automatic", rows as f64 / seconds.max(1e-3)));
    bar.set_position((progress.share * UNITS as f64) as u64);
}

impl RecodeArguments {
    /// What is to be done, and what carries it out.
    fn recode(self) -> anyhow::Result<Recode> {
        let Self { mut paths, models, columns, formats, codes, running } = self;
        let output = paths.pop().context("name where the rows go")?;
        let buckets = Buckets::new(models.registry.s3());
        let work = running.work.clone().unwrap_or_else(|| work_of(&output));
        let forced = Forced(formats.input_format.as_deref().map(format_of));
        let inputs = inputs(&paths, forced, &buckets)?;
        let (format, compression, is_directory) = formats.output(&output)?;
        let asked: Vec<String> = models.models.iter().map(ToString::to_string).collect();
        // A run that goes on keeps the versions it began with, wherever their aliases point by now.
        let before = if running.restart { None } else { begun(&work)?.filter(|plan| plan.asked == asked) };
        let coders = load(models, before.as_ref())?;
        let (keep, columns) = columns.split();
        let previous = codes.previous()?;
        let errors = running.errors.clone().unwrap_or_else(|| errors_beside(&output, is_directory));
        let plan = Plan {
            codif: env!("CARGO_PKG_VERSION").to_owned(),
            inputs,
            delimiter: formats.delimiter,
            output,
            format,
            compression,
            is_directory,
            partition_by: formats.partition_by,
            asked,
            models: coders.iter().map(|coder| PlannedModel::of(coder)).collect(),
            columns,
            keep,
            top_k: usize::from(codes.top_k),
            threshold: codes.threshold,
            previous,
            part_rows: running.part_rows,
        };
        Ok(Recode {
            plan,
            coders,
            nomenclatures: Arc::new(Nomenclatures::embedded()?),
            work,
            errors,
            buckets,
            options: running.options(),
        })
    }
}

/// The coders: those that a run began with, or those asked for now.
fn load(mut models: ModelOptions, before: Option<&Plan>) -> anyhow::Result<Vec<Arc<Coder>>> {
    if let Some(plan) = before {
        let versions = plan.models.iter().map(|model| model.version.parse::<ModelReference>());
        models.models = versions.collect::<Result<_, _>>()?;
    }
    let coders = Coders::load(&models)?;
    Ok(coders.iter().map(|(_, served)| Arc::clone(&served.coder)).collect())
}

/// The work place of an output: beside it, or here for one in S3.
fn work_of(output: &str) -> PathBuf {
    let output = output.trim_end_matches('/');
    let beside = output.strip_prefix(S3_SCHEME).map_or(output, |address| address.rsplit('/').next().unwrap_or(address));
    PathBuf::from(format!("{beside}.recode"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_place_and_the_errors_stand_beside_the_output() {
        for (output, is_directory, work, errors) in [
            ("out.csv.gz", false, "out.csv.gz.recode", "out.errors.parquet"),
            ("a/b/out.parquet", false, "a/b/out.parquet.recode", "a/b/out.errors.parquet"),
            ("/out.parquet", false, "/out.parquet.recode", "/out.errors.parquet"),
            ("out.2024.csv", false, "out.2024.csv.recode", "out.2024.errors.parquet"),
            ("a/out/", true, "a/out.recode", "a/out/_errors.parquet"),
            ("s3://bucket/a/out", true, "out.recode", "s3://bucket/a/out/_errors.parquet"),
            ("s3://bucket/out.csv", false, "out.csv.recode", "s3://bucket/out.errors.parquet"),
        ] {
            assert_eq!((work_of(output), errors_beside(output, is_directory)), (work.into(), errors.to_owned()));
        }
    }
}
