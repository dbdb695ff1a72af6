//! `codif train`: a corpus in, a calibrated and measured model version out.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use anyhow::{Context, bail};
use askama::Template;
use indicatif::{ProgressBar, ProgressStyle};

use crate::coding::ModelVersion;
use crate::model::digest::digest;
use crate::model::manifest::metrics::Metrics;
use crate::model::manifest::{CorpusDigest, Manifest};
use crate::nomenclature::{Nomenclature, Nomenclatures};
use crate::registry::s3::S3Settings;
use crate::registry::{ModelReference, Registry, RegistryLocation, Selector};
use crate::training::corpus::{CodedActivity, Columns, Corpus};
use crate::training::settings::TrainingSettings;
use crate::training::split::Split;
use crate::training::{TrainedModel, TrainingEvent, TrainingPlan, train};

/// What `codif train` takes.
#[derive(Debug, clap::Args)]
pub struct TrainArguments {
    /// Coded activities: .tsv, .csv or .parquet, with named columns
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Name of the model
    #[arg(long)]
    name: String,
    /// Nomenclature of the codes
    #[arg(long)]
    nomenclature: String,
    /// Model registry, a directory; made when it is not there. To send a version elsewhere: `codif model push`
    #[arg(long, env = "CODIF_REGISTRY", default_value = "models", value_name = "DIRECTORY")]
    registry: RegistryLocation,
    #[command(flatten)]
    columns: ColumnArguments,
    /// Error rate among automatic codings that the threshold is chosen for
    #[arg(long, default_value_t = 0.10, value_name = "RATE")]
    target_error: f64,
    /// Train once more on all lines after measuring, with the temperature and threshold found
    #[arg(long)]
    refit: bool,
    /// Point this alias to the new version
    #[arg(long)]
    alias: Option<String>,
    /// Only write the split (test.tsv, calibration.tsv, training.tsv) to this directory, and train nothing
    #[arg(long, value_name = "DIRECTORY")]
    write_split: Option<PathBuf>,
    #[command(flatten)]
    settings: TrainingSettings,
}

/// Which columns of a file hold what.
#[derive(Debug, Clone, clap::Args)]
pub struct ColumnArguments {
    /// Column of the code [default: the id of the nomenclature]
    #[arg(long, value_name = "COLUMN")]
    code_column: Option<String>,
    /// Column of a field that has another name, such as description=libelle; repeatable
    #[arg(long = "column", value_name = "FIELD=COLUMN", value_parser = field_and_column)]
    fields: Vec<(String, String)>,
    /// Names of the columns, for text files without a header
    #[arg(long, value_delimiter = ',', value_name = "COLUMN,…")]
    header: Option<Vec<String>>,
}

impl ColumnArguments {
    /// The columns of a file of activities coded in this nomenclature.
    pub fn columns(&self, nomenclature: &str) -> Columns {
        Columns {
            code: self.code_column.clone().unwrap_or_else(|| nomenclature.to_owned()),
            fields: self.fields.clone(),
            header: self.header.clone(),
        }
    }
}

fn field_and_column(text: &str) -> Result<(String, String), String> {
    let (field, column) = text.split_once('=').ok_or("write FIELD=COLUMN, such as description=libelle")?;
    Ok((field.to_owned(), column.to_owned()))
}

/// Trains and writes the model.
pub fn run(arguments: TrainArguments, output: &mut dyn Write) -> anyhow::Result<()> {
    let nomenclatures = Nomenclatures::embedded()?;
    let nomenclature = nomenclatures.nomenclature(&arguments.nomenclature)?;
    let name: ModelReference = arguments.name.parse()?;
    if name.selector != Selector::Default {
        bail!("a model's name takes neither alias nor version: {name}");
    }
    if !(0.0..1.0).contains(&arguments.target_error) {
        bail!("the target error must be between 0 and 1, it is {}", arguments.target_error);
    }
    let (header, lines, corpus) = read(&arguments, nomenclature)?;
    if let Some(directory) = &arguments.write_split {
        return write_split(directory, &header, &Split::new(&lines), output);
    }
    let RegistryLocation::Directory(root) = &arguments.registry else {
        bail!("a model is trained to a directory: name one with --registry, then send it with `codif model push`");
    };
    fs::create_dir_all(root).with_context(|| format!("cannot make the registry {}", root.display()))?;
    let interrupted = interrupted_by_ctrl_c()?;
    let plan = TrainingPlan {
        name: name.name.clone(),
        nomenclature,
        nomenclatures: &nomenclatures,
        lines: &lines,
        corpus,
        settings: &arguments.settings,
        target_error: arguments.target_error,
        refit: arguments.refit,
    };
    let mut progress = Progress::new(arguments.settings.epochs);
    let TrainedModel { draft, golden, evaluation } = train(&plan, &interrupted, &mut |event| progress.show(&event))?;
    let card = Card { manifest: &draft.manifest, metrics: &evaluation.metrics }.render()?;
    let directory = draft.write(&root.join(&name.name).join("versions"), &golden, &card)?;
    let version: u32 = directory.file_name().and_then(|name| name.to_str()).unwrap_or_default().parse()?;
    if let Some(alias) = &arguments.alias {
        let version = ModelVersion { name: name.name.clone(), version };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            Registry::open(&arguments.registry, &S3Settings::default()).await?.promote(&version, alias).await
        })?;
    }
    writeln!(output, "{}:{version} in {}", name.name, directory.display())?;
    Ok(summary(&evaluation.metrics, output)?)
}

fn read(
    arguments: &TrainArguments,
    nomenclature: &Nomenclature,
) -> anyhow::Result<(Vec<String>, Vec<CodedActivity>, Vec<CorpusDigest>)> {
    let columns = arguments.columns.columns(nomenclature.id());
    let (mut header, mut lines, mut digests) = (Vec::new(), Vec::new(), Vec::new());
    for file in &arguments.files {
        let corpus = Corpus::read(file, &columns, nomenclature)?;
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        digests.push(CorpusDigest { file: name, sha256: digest(&bytes).sha256, lines: corpus.lines.len() });
        header = corpus.header;
        lines.extend(corpus.lines);
    }
    Ok((header, lines, digests))
}

fn write_split(directory: &Path, header: &[String], split: &Split, output: &mut dyn Write) -> anyhow::Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    for (name, part) in [("test", &split.test), ("calibration", &split.calibration), ("training", &split.training)] {
        let path = directory.join(name).with_extension("tsv");
        let mut file = csv::WriterBuilder::new()
            .delimiter(b'\t')
            .quote_style(csv::QuoteStyle::Never)
            .from_path(&path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        file.write_record(header)?;
        part.iter().try_for_each(|line| file.write_record(&line.cells))?;
        file.flush()?;
        writeln!(output, "{}: {} lines", path.display(), part.len())?;
    }
    Ok(())
}

/// The first Ctrl-C asks what runs to stop at the next good place.
pub fn interrupted_by_ctrl_c() -> anyhow::Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    ctrlc::set_handler(move || flag.store(true, Relaxed)).context("cannot listen for Ctrl-C")?;
    Ok(interrupted)
}

/// The progress bar, on standard error; nothing when that is no terminal but one line an epoch.
struct Progress {
    bar: ProgressBar,
    epochs: u32,
}

impl Progress {
    fn new(epochs: u32) -> Self {
        let style = ProgressStyle::with_template("{prefix} [{bar:40}] epoch {pos}/{len}, {msg}, {eta} left");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ");
        Self { bar: ProgressBar::new(u64::from(epochs)).with_style(style), epochs }
    }

    fn show(&mut self, event: &TrainingEvent<'_>) {
        match event {
            TrainingEvent::Begins { what, lines, rows } => {
                self.bar.reset();
                self.bar.set_prefix((*what).to_owned());
                self.line(&format!("{what}: {lines} lines, {rows} rows"));
            }
            TrainingEvent::Epoch(report) => {
                let (loss, accuracy) = (report.loss, 100.0 * report.validation_accuracy);
                self.bar.set_message(format!("loss {loss:.3}, validation {accuracy:.1} %"));
                self.bar.set_position(u64::from(report.epoch));
                if self.bar.is_hidden() {
                    let (epoch, epochs) = (report.epoch, self.epochs);
                    eprintln!("epoch {epoch}/{epochs}: loss {loss:.3}, validation accuracy {accuracy:.1} %");
                }
            }
        }
    }

    fn line(&self, text: &str) {
        if self.bar.is_hidden() { eprintln!("{text}") } else { self.bar.println(text) }
    }
}

fn summary(metrics: &Metrics, output: &mut dyn Write) -> std::io::Result<()> {
    for top in metrics.top_k.iter().filter(|top| top.k == 1 || top.k == 5) {
        let (accuracy, low, high) = (100.0 * top.accuracy, 100.0 * top.low, 100.0 * top.high);
        writeln!(output, "top-{} on the test part: {accuracy:.1} % [{low:.1}, {high:.1}]", top.k)?;
    }
    let point = &metrics.at_threshold;
    let rate = 100.0 * point.automatic_rate.value;
    match &point.error_rate {
        Some(error) => writeln!(
            output,
            "automatic at gap ≥ {:.2}: {rate:.1} %, wrong among them {:.1} %",
            point.threshold,
            100.0 * error.value
        ),
        None => writeln!(output, "no threshold keeps the target error: nothing is coded automatically"),
    }
}

/// The model card.
#[derive(Template)]
#[template(path = "model_card.md", escape = "none")]
struct Card<'a> {
    manifest: &'a Manifest,
    metrics: &'a Metrics,
}

impl Card<'_> {
    fn percent(&self, share: &f64) -> String {
        format!("{:.1} %", 100.0 * share)
    }

    /// Lines of the corpora in all.
    fn lines(&self) -> usize {
        self.manifest.training.corpus.iter().map(|corpus| corpus.lines).sum()
    }
}
