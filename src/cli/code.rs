//! `codif code`: one label, or one label a line from standard input.

use std::io::{BufRead, IsTerminal, Write, stdin, stdout};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets::UTF8_HORIZONTAL_ONLY};

use crate::coding::activity::{Activity, ActivityError, RawActivity};
use crate::coding::explain::Method;
use crate::coding::raw_activity::UnreadActivity;
use crate::coding::{Coder, Coding, CodingOptions};
use crate::config::ModelOptions;
use crate::serving::answer::{ReadActivity, answers};
use crate::serving::{Coders, code_in_each};

/// Lines of standard input coded together.
const BATCH: usize = 256;

/// What `codif code` takes.
#[derive(Debug, clap::Args)]
pub struct CodeArguments {
    /// The label; without it one label a line is read from standard input
    label: Option<String>,
    #[command(flatten)]
    models: ModelOptions,
    #[command(flatten)]
    covariates: CovariateArguments,
    /// How many codes to give
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=50))]
    top_k: u16,
    /// Replaces the models' threshold
    #[arg(long, value_parser = threshold)]
    threshold: Option<f64>,
    /// Explain the best code
    #[arg(long)]
    explain: bool,
    /// One JSON object a line, as in `results` of /v1/code
    #[arg(long)]
    json: bool,
}

/// What is known beside the label; the same for every line of standard input.
#[derive(Clone, Debug, clap::Args)]
struct CovariateArguments {
    /// Kind of registration form, a letter
    #[arg(long)]
    form_type: Option<String>,
    /// Nature of the activity, two digits
    #[arg(long)]
    nature: Option<String>,
    /// Event declared, two digits and a letter
    #[arg(long)]
    event: Option<String>,
    /// Surface in square metres
    #[arg(long)]
    surface: Option<f64>,
    /// Surface class, 1 to 4
    #[arg(long)]
    surface_class: Option<String>,
    /// Legal category, four digits
    #[arg(long)]
    legal_category: Option<String>,
    /// P (permanent) or S (seasonal)
    #[arg(long)]
    permanence: Option<String>,
}

/// A threshold, between 0 and 1.
pub fn threshold(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "it must be a number".to_owned())?;
    if (0.0..=1.0).contains(&number) { Ok(number) } else { Err("it must be between 0 and 1".to_owned()) }
}

/// Codes; the exit status says whether the one label given could be coded.
pub fn run(arguments: CodeArguments, output: &mut dyn Write) -> anyhow::Result<ExitCode> {
    if arguments.label.is_none() && stdin().is_terminal() {
        bail!("give a label, such as codif code \"coiffure à domicile\", or one label a line on standard input");
    }
    let coders = Coders::load(&arguments.models)?;
    let coders: Vec<Arc<Coder>> = coders.iter().map(|(_, served)| Arc::clone(&served.coder)).collect();
    let options = CodingOptions {
        top_k: usize::from(arguments.top_k),
        threshold: arguments.threshold,
        explain: arguments.explain,
    };
    if let Some(label) = &arguments.label {
        let read = vec![Ok(arguments.covariates.with(label.clone()))];
        return print(&coders, read, options, arguments.json, output);
    }
    let mut lines = stdin().lock().split(b'\n').peekable();
    while lines.peek().is_some() {
        let batch: Vec<Vec<u8>> = lines.by_ref().take(BATCH).collect::<Result<_, _>>().context("standard input")?;
        let read = batch.into_iter().map(|line| arguments.covariates.with_line(line)).collect();
        print(&coders, read, options, arguments.json, output)?;
        output.flush()?;
    }
    Ok(ExitCode::SUCCESS)
}

impl CovariateArguments {
    fn with(&self, description: String) -> RawActivity {
        RawActivity {
            description: Some(description),
            form_type: self.form_type.clone(),
            nature: self.nature.clone(),
            event: self.event.clone(),
            surface: self.surface,
            surface_class: self.surface_class.clone(),
            legal_category: self.legal_category.clone(),
            permanence: self.permanence.clone(),
            ..RawActivity::default()
        }
    }

    fn with_line(&self, line: Vec<u8>) -> ReadActivity {
        match String::from_utf8(line) {
            Ok(line) => Ok(self.with(line)),
            Err(error) => {
                let place = error.utf8_error().valid_up_to() + 1;
                Err(UnreadActivity { id: None, error: ActivityError::InvalidUtf8(place) })
            }
        }
    }
}

fn print(
    coders: &[Arc<Coder>],
    read: Vec<ReadActivity>,
    options: CodingOptions,
    json: bool,
    output: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let mut status = ExitCode::SUCCESS;
    if json {
        for answer in answers(coders, read, options)? {
            if matches!(answer, crate::serving::answer::Answer::Failed { .. }) {
                status = ExitCode::FAILURE;
            }
            writeln!(output, "{}", serde_json::to_string(&answer)?)?;
        }
        return Ok(status);
    }
    for raw in read {
        match raw.map_err(|unread| unread.error).and_then(Activity::try_from) {
            Ok(activity) => {
                writeln!(output, "{}", activity.text())?;
                let codings = code_in_each(coders, &[activity], options, &mut |_| {})?;
                for (coder, coding) in coders.iter().zip(codings.iter().flatten()) {
                    show(coder.nomenclature.id(), coding, output)?;
                }
            }
            Err(error) => {
                output.flush()?;
                eprintln!("codif: {error}");
                status = ExitCode::FAILURE;
            }
        }
    }
    Ok(status)
}

fn show(nomenclature: &str, coding: &Coding, output: &mut dyn Write) -> anyhow::Result<()> {
    let decision = match coding.decision.reason() {
        None => "automatic".to_owned(),
        Some(reason) => format!("manual ({})", reason.as_str()),
    };
    let (gap, threshold) = (coding.gap, coding.threshold);
    let model = format!("{}:{}", coding.model.name, coding.model.version);
    writeln!(output, "{nomenclature}: {decision}, gap {gap:.3} (threshold {threshold:.2}), {model}")?;
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    if !stdout().is_terminal() {
        table.force_no_tty();
    }
    table.set_header(["code", "probability", "title"]);
    for (rank, prediction) in coding.predictions.iter().enumerate() {
        let mut code = Cell::new(prediction.label.code.dotted());
        if rank == 0 {
            code = code.add_attribute(Attribute::Bold);
            code = code.fg(if coding.decision.is_automatic() { Color::Green } else { Color::Yellow });
        }
        let probability = Cell::new(format!("{:.1} %", 100.0 * prediction.probability));
        table.add_row([code, probability, Cell::new(&prediction.label.title)]);
    }
    writeln!(output, "{table}")?;
    if coding.explanation.as_ref().is_some_and(|explanation| explanation.method == Method::Local) {
        writeln!(output, "what each term adds to this text, its length held at its value:")?;
    }
    for term in coding.explanation.iter().flat_map(|explanation| &explanation.contributions) {
        writeln!(output, "  {:+.3}  {}", term.contribution, term.term)?;
    }
    Ok(())
}
