//! `codif recode`: files of millions of rows coded again.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use anyhow::{Context, bail};
use clap::builder::PossibleValuesParser;
use indicatif::{ProgressBar, ProgressStyle};

use super::code::threshold;
use crate::coding::Coder;
use crate::config::ModelOptions;
use crate::nomenclature::Nomenclatures;
use crate::recode::columns::ColumnNames;
use crate::recode::error::RecodeError;
use crate::recode::finish::ERRORS;
use crate::recode::format::{Compression, Format};
use crate::recode::inputs::{Forced, inputs};
use crate::recode::plan::{PART_ROWS, Plan, PlannedModel, Previous};
use crate::recode::remote::{Buckets, S3_SCHEME};
use crate::recode::work::begun;
use crate::recode::{Progress, Recode, RunOptions};
use crate::registry::ModelReference;
use crate::serving::Coders;

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

/// Which columns hold what; one that is not named is the column called as the field, if there is one.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Columns")]
struct RecodeColumns {
    /// Column of the text; repeatable, several are joined
    #[arg(long, value_name = "COLUMN")]
    description: Vec<String>,
    /// Column of further text ("autre nature")
    #[arg(long, value_name = "COLUMN")]
    other_nature: Option<String>,
    /// Column of further text ("précision sur l'activité agricole")
    #[arg(long, value_name = "COLUMN")]
    agricultural_detail: Option<String>,
    /// Column of the kind of registration form
    #[arg(long, value_name = "COLUMN")]
    form_type: Option<String>,
    /// Column of the nature of the activity
    #[arg(long, value_name = "COLUMN")]
    nature: Option<String>,
    /// Column of the event declared
    #[arg(long, value_name = "COLUMN")]
    event: Option<String>,
    /// Column of the surface in square metres
    #[arg(long, value_name = "COLUMN")]
    surface: Option<String>,
    /// Column of the surface class
    #[arg(long, value_name = "COLUMN")]
    surface_class: Option<String>,
    /// Column of the legal category
    #[arg(long, value_name = "COLUMN")]
    legal_category: Option<String>,
    /// Column of permanent (P) or seasonal (S)
    #[arg(long, value_name = "COLUMN")]
    permanence: Option<String>,
    /// Input columns to keep, in this order [default: all of them]
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    keep: Option<Vec<String>>,
}

/// How files are written and read.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Formats")]
struct Formats {
    /// Format of the inputs, where their names do not say it
    #[arg(long, value_parser = format_names(), value_name = "FORMAT")]
    input_format: Option<String>,
    /// Format of the output, where its name does not say it: csv, tsv, ndjson or parquet [default: parquet, in a directory]
    #[arg(long, value_parser = format_names(), value_name = "FORMAT")]
    format: Option<String>,
    /// Compression of the files of a directory: none, gzip or zstd
    #[arg(long, value_parser = PossibleValuesParser::new(["none", "gzip", "zstd"]), default_value = "none", value_name = "COMPRESSION")]
    compression: String,
    /// What stands between two cells of CSV and TSV [default: comma or semicolon, as the input has it; comma in the output; tab in TSV]
    #[arg(long, value_parser = delimiter, value_name = "CHARACTER")]
    delimiter: Option<u8>,
    /// Lay the output out in folders by the values of this column, as Hive does: COLUMN=VALUE/
    #[arg(long, value_name = "COLUMN")]
    partition_by: Option<String>,
}

/// What a row gets.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Codes")]
struct Codes {
    /// How many codes to give
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=50))]
    top_k: u16,
    /// Replaces the models' threshold
    #[arg(long, value_parser = threshold)]
    threshold: Option<f64>,
    /// Column of the code the row had: adds whether the new one agrees with it, or may legally succeed it
    #[arg(long, value_name = "COLUMN")]
    previous_code: Option<String>,
    /// Nomenclature of the code the row had
    #[arg(long, default_value = "naf2008", value_name = "ID", requires = "previous_code")]
    previous_nomenclature: String,
    /// Choose among the legal successors of the code the row had: probabilities are of these alone
    #[arg(long, requires = "previous_code")]
    constrain_to_successors: bool,
}

/// How the run goes.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Run")]
struct Running {
    /// Threads that code [default: as many as there are cores]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..), value_name = "COUNT")]
    threads: Option<u16>,
    /// Stop when more rows than this cannot be coded
    #[arg(long, value_name = "COUNT")]
    max_errors: Option<u64>,
    /// Where the rows that cannot be coded go [default: OUTPUT.errors.parquet beside the output, _errors.parquet in a directory]
    #[arg(long, value_name = "FILE")]
    errors: Option<String>,
    /// Directory of what is finished so far; the same command goes on from it [default: OUTPUT.recode beside the output]
    #[arg(long, value_name = "DIRECTORY")]
    work: Option<PathBuf>,
    /// Forget what was begun, and begin anew
    #[arg(long)]
    restart: bool,
    /// Replace an output that is there
    #[arg(long)]
    overwrite: bool,
    /// Rows of a part: what is done again at most after a kill
    #[arg(long, default_value_t = PART_ROWS, value_parser = clap::value_parser!(u64).range(1..), value_name = "ROWS")]
    part_rows: u64,
    /// No progress bar
    #[arg(long)]
    quiet: bool,
}

fn format_names() -> PossibleValuesParser {
    PossibleValuesParser::new(["csv", "tsv", "ndjson", "parquet"])
}

fn format_of(name: &str) -> Format {
    match name {
        "csv" => Format::Csv,
        "tsv" => Format::Tsv,
        "ndjson" => Format::Ndjson,
        _ => Format::Parquet,
    }
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !b"\"\r\n".contains(byte) => Ok(*byte),
        _ => Err("it must be one ASCII character, such as ; or \\t".to_owned()),
    }
}

/// Codes the files; the summary is printed as one JSON object.
pub fn run(arguments: RecodeArguments, output: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let quiet = arguments.running.quiet;
    let recode = arguments.recode()?;
    let interrupted = super::train::interrupted_by_ctrl_c()?;
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
        if let Some(input) = inputs.iter().find(|input| is_same(&input.name, &output)) {
            bail!("{} is an input: name another output", input.name);
        }
        let asked: Vec<String> = models.models.iter().map(ToString::to_string).collect();
        // A run that goes on keeps the versions it began with, wherever their aliases point by now.
        let before = if running.restart { None } else { begun(&work)?.filter(|plan| plan.asked == asked) };
        let coders = load(models, before.as_ref())?;
        let (keep, columns) = columns.split();
        let previous = codes.previous()?;
        let errors = running.errors.clone().unwrap_or_else(|| errors_of(&output, is_directory));
        let planned = |coder: &Arc<Coder>| PlannedModel {
            version: coder.model.to_string(),
            nomenclature: coder.nomenclature.id().to_owned(),
        };
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
            models: coders.iter().map(planned).collect(),
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

impl RecodeColumns {
    fn split(self) -> (Option<Vec<String>>, ColumnNames) {
        let names = ColumnNames {
            description: self.description,
            other_nature: self.other_nature,
            agricultural_detail: self.agricultural_detail,
            form_type: self.form_type,
            nature: self.nature,
            event: self.event,
            surface: self.surface,
            surface_class: self.surface_class,
            legal_category: self.legal_category,
            permanence: self.permanence,
        };
        (self.keep, names)
    }
}

impl Formats {
    /// Format and compression of the output, and whether it is a directory.
    fn output(&self, output: &str) -> anyhow::Result<(Format, Compression, bool)> {
        let named = Format::of(output).filter(|_| !output.ends_with('/') && !Path::new(output).is_dir());
        let given = self.format.as_deref().map(format_of);
        let compression = match self.compression.as_str() {
            "gzip" => Compression::Gzip,
            "zstd" => Compression::Zstd,
            _ => Compression::None,
        };
        match (named, &self.partition_by) {
            (Some(_), Some(_)) => bail!("{output} is a file: --partition-by needs a directory"),
            (Some((format, _)), None) if given.is_some_and(|given| given != format) => {
                bail!("{output} says another format than --format")
            }
            (Some((format, by_name)), None) => Ok((format, by_name, false)),
            (None, _) if given.is_none() && is_unknown_file(output) => {
                bail!(
                    "{output}: its ending says no format that codif writes; for a directory of this name end it with /"
                )
            }
            (None, _) => Ok((given.unwrap_or(Format::Parquet), compression, true)),
        }
    }
}

impl Codes {
    fn previous(&self) -> anyhow::Result<Option<Previous>> {
        let Some(column) = &self.previous_code else { return Ok(None) };
        Nomenclatures::embedded()?.nomenclature(&self.previous_nomenclature)?;
        Ok(Some(Previous {
            column: column.clone(),
            nomenclature: self.previous_nomenclature.clone(),
            constrain: self.constrain_to_successors,
        }))
    }
}

impl Running {
    fn options(&self) -> RunOptions {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        RunOptions {
            threads: self.threads.map_or_else(cores, usize::from),
            max_errors: self.max_errors,
            restart: self.restart,
            overwrite: self.overwrite,
        }
    }
}

/// Whether both are one file.
fn is_same(input: &str, output: &str) -> bool {
    let real = |path: &str| std::fs::canonicalize(path).ok();
    input == output || real(input).is_some_and(|input| real(output) == Some(input))
}

/// Whether the name of an output ends like that of a file, of a format that is not written.
fn is_unknown_file(output: &str) -> bool {
    let name = output.rsplit('/').next().unwrap_or_default();
    Path::new(name).extension().is_some() && !Path::new(output).is_dir()
}

/// The work place of an output: beside it, or here for one in S3.
fn work_of(output: &str) -> PathBuf {
    let output = output.trim_end_matches('/');
    let beside = output.strip_prefix(S3_SCHEME).map_or(output, |address| address.rsplit('/').next().unwrap_or(address));
    PathBuf::from(format!("{beside}.recode"))
}

/// Where the rows that cannot be coded go.
fn errors_of(output: &str, is_directory: bool) -> String {
    let output = output.trim_end_matches('/');
    if is_directory {
        return format!("{output}/{ERRORS}");
    }
    let endings = [".gz", ".zst", ".csv", ".tsv", ".ndjson", ".jsonl", ".parquet"];
    let stem = endings.iter().fold(output, |stem, ending| stem.strip_suffix(ending).unwrap_or(stem));
    format!("{stem}.errors.parquet")
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
            assert_eq!((work_of(output), errors_of(output, is_directory)), (work.into(), errors.to_owned()));
        }
    }

    #[test]
    fn a_delimiter_is_one_character() {
        assert_eq!([";", "\\t", "|"].map(|text| delimiter(text).unwrap()), [b';', b'\t', b'|']);
        assert!(["", ";;", "é", "\"", "\n"].into_iter().all(|text| delimiter(text).is_err()));
    }
}
