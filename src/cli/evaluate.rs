//! `codif evaluate`: what a model is worth on coded activities.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, bail};

use super::train::ColumnArguments;
use crate::config::ModelOptions;
use crate::model::manifest::metrics::Interval;
use crate::serving::Coders;
use crate::training::corpus::Corpus;
use crate::training::evaluation::{Evaluation, evaluate};
use crate::training::report;

/// What `codif evaluate` takes.
#[derive(Debug, clap::Args)]
pub struct EvaluateArguments {
    /// Coded activities: .tsv, .csv or .parquet, with named columns
    file: PathBuf,
    #[command(flatten)]
    models: ModelOptions,
    #[command(flatten)]
    columns: ColumnArguments,
    /// Print everything that was measured as one JSON object
    #[arg(long)]
    json: bool,
    /// Write an HTML report with curves to this file
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Measures one model.
pub fn run(arguments: EvaluateArguments, output: &mut dyn Write) -> anyhow::Result<()> {
    let [_] = arguments.models.models.as_slice() else {
        bail!("name the one model to evaluate with --model");
    };
    let coders = Coders::load(&arguments.models)?;
    let (_, served) = coders.iter().next().context("no model was loaded")?;
    let coder = &served.coder;
    let columns = arguments.columns.columns(coder.nomenclature.id());
    let corpus = Corpus::read(&arguments.file, &columns, &coder.nomenclature)?;
    let evaluation = evaluate(coder, &corpus.lines)?;
    if let Some(path) = &arguments.report {
        let page = report::html(&evaluation, &coder.nomenclature, &arguments.file.display().to_string())?;
        fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if arguments.json {
        writeln!(output, "{}", serde_json::to_string(&evaluation)?)?;
    } else {
        table(&evaluation, output)?;
    }
    Ok(())
}

fn table(evaluation: &Evaluation, output: &mut dyn Write) -> std::io::Result<()> {
    let metrics = &evaluation.metrics;
    writeln!(output, "{} on {} cases ({})", evaluation.model, metrics.cases, evaluation.nomenclature)?;
    let mut line = |name: &str, figure: Interval| {
        let [value, low, high] = [figure.value, figure.low, figure.high].map(|share| 100.0 * share);
        writeln!(output, "  {name:<34} {value:5.1} %   [{low:.1}, {high:.1}]")
    };
    for top in &metrics.top_k {
        line(&format!("top-{}", top.k), Interval { value: top.accuracy, low: top.low, high: top.high })?;
    }
    for level in &metrics.levels {
        let figure = Interval { value: level.accuracy, low: level.low, high: level.high };
        line(&format!("right at level {}", level.level), figure)?;
    }
    line("macro-F1", metrics.macro_f1)?;
    line("expected calibration error", metrics.expected_calibration_error)?;
    line(&format!("automatic at gap ≥ {:.2}", metrics.at_threshold.threshold), metrics.at_threshold.automatic_rate)?;
    if let Some(error) = metrics.at_threshold.error_rate {
        line("wrong among automatic codings", error)?;
    }
    Ok(())
}
