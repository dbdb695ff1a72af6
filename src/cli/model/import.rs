//! `codif model import …`: models of other programs; `codif model normalise`: what a model sees of a text.

use std::fs;
use std::io::{BufRead, Write, stdin};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};

use super::plain_name;
use crate::coding::activity::Covariate;
use crate::coding::normalise::empty_labels::EmptyLabels;
use crate::coding::normalise::presets::{PRESETS, preset};
use crate::coding::normalise::{Normaliser, Step};
use crate::config::{ModelOptions, RegistryOptions};
use crate::model::import::Import;
use crate::model::import::fasttext_version::FasttextOptions;
use crate::model::import::torch_text_version::TorchTextOptions;
use crate::model::manifest::{CovariateSettings, Entry};
use crate::nomenclature::Nomenclatures;
use crate::registry::{ModelReference, RegistryLocation};
use crate::serving::Coders;

/// What `codif model import` takes.
#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    /// A supervised model of fastText: .bin or .ftz
    Fasttext(Box<FasttextArguments>),
    /// A model of torchTextClassifiers, as python/export_torch_text.py wrote it
    TorchText(TorchTextArguments),
}

/// What every import takes.
#[derive(Debug, Args)]
struct ImportArguments {
    /// Name of the model in the registry; its next version is made, and no alias is set
    #[arg(long, value_parser = plain_name)]
    name: String,
    /// Nomenclature of its labels: naf2008 or naf2025
    #[arg(long, required_unless_present = "free_labels", conflicts_with = "free_labels")]
    nomenclature: Option<String>,
    /// Its labels are of no nomenclature: each is its own title
    #[arg(long)]
    free_labels: bool,
    /// Confidence gap from which a code is given automatically; codif does not calibrate an imported model
    #[arg(long, default_value_t = 1.0, value_parser = crate::cli::code::threshold)]
    threshold: f64,
}

/// What `codif model import fasttext` takes.
#[derive(Debug, Args)]
pub struct FasttextArguments {
    /// The file
    file: PathBuf,
    #[command(flatten)]
    import: ImportArguments,
    /// What is done to a text before the model sees it: what was done to those it learned from
    #[arg(long, default_value = "none", value_parser = PRESETS)]
    normaliser: String,
    /// Phrases that say nothing, for sirene-1 (JSON with list_1 and list_2) [default: codif's own]
    #[arg(long, value_name = "FILE")]
    empty_labels: Option<PathBuf>,
    /// What its labels begin with [default: the __word__ that all begin with]
    #[arg(long, value_name = "PREFIX")]
    label_prefix: Option<String>,
    /// Covariates that it learned as words after the text, in their order: FIELD=PREFIX, or sirene-1 for
    /// form_type=AUTO_,nature=NAT_SICORE_,surface_class=SURF_,event=EVT_SICORE_
    #[arg(long, value_name = "FIELD=PREFIX,…", value_delimiter = ',')]
    covariates: Vec<String>,
}

/// What `codif model import torch-text` takes.
#[derive(Debug, Args)]
pub struct TorchTextArguments {
    /// The directory of the export
    directory: PathBuf,
    #[command(flatten)]
    import: ImportArguments,
    /// Which field a covariate of another name than CJ, NAT, TYP, SRF, CRT is (form_type, nature, event, surface, legal_category,
    /// permanence); repeatable
    #[arg(long = "covariate", value_name = "NAME=FIELD", value_parser = named_field)]
    fields: Vec<(String, Covariate)>,
    /// Keep the end of the last class of the surface: larger surfaces are then missing, as in the service before codif
    #[arg(long)]
    surface_bins_as_is: bool,
}

/// What `codif model normalise` takes.
#[derive(Debug, Args)]
pub struct NormaliseArguments {
    /// A normaliser by its name
    #[arg(long, value_parser = PRESETS, required_unless_present = "model", conflicts_with = "model")]
    preset: Option<String>,
    /// Phrases that say nothing, for sirene-1 (JSON with list_1 and list_2) [default: codif's own]
    #[arg(long, value_name = "FILE", requires = "preset")]
    empty_labels: Option<PathBuf>,
    /// The normaliser of a model: NAME, NAME@ALIAS or NAME:VERSION
    #[arg(long)]
    model: Option<ModelReference>,
}

/// Makes a version of another program's model.
pub fn import(command: &ImportCommand, options: &RegistryOptions, output: &mut dyn Write) -> anyhow::Result<()> {
    let RegistryLocation::Directory(root) = &options.registry else {
        bail!("a model is imported to a directory: name one with --registry, then send it with `codif model push`");
    };
    let of_every = match command {
        ImportCommand::Fasttext(arguments) => &arguments.import,
        ImportCommand::TorchText(arguments) => &arguments.import,
    };
    let nomenclatures = Nomenclatures::embedded()?;
    let nomenclature = of_every.nomenclature.as_deref().map(|id| nomenclatures.nomenclature(id)).transpose()?;
    let versions = root.join(&of_every.name).join("versions");
    let import = Import {
        versions: &versions,
        name: &of_every.name,
        nomenclature: nomenclature.map(AsRef::as_ref),
        nomenclatures: &nomenclatures,
        threshold: of_every.threshold,
    };
    let directory = match command {
        ImportCommand::Fasttext(arguments) => import.fasttext(&arguments.file, arguments.options()?)?,
        ImportCommand::TorchText(arguments) => {
            let (fields, surface_bins_as_is) = (arguments.fields.clone(), arguments.surface_bins_as_is);
            import.torch_text(&arguments.directory, &TorchTextOptions { fields, surface_bins_as_is })?
        }
    };
    let version = directory.file_name().unwrap_or_default().to_string_lossy();
    Ok(writeln!(output, "{}:{version} in {}", of_every.name, directory.display())?)
}

impl FasttextArguments {
    fn options(&self) -> anyhow::Result<FasttextOptions> {
        Ok(FasttextOptions {
            normaliser: steps(&self.normaliser, self.empty_labels.as_deref())?,
            label_prefix: self.label_prefix.clone(),
            covariates: word_covariates(&self.covariates)?,
        })
    }
}

/// The steps of a normaliser, with the phrases of a file.
fn steps(name: &str, empty_labels: Option<&Path>) -> anyhow::Result<Vec<Step>> {
    if empty_labels.is_some() && name != "sirene-1" {
        bail!("--empty-labels goes with sirene-1: {name} removes no phrases");
    }
    let empty_labels = empty_labels.map(|path| {
        let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice::<EmptyLabels>(&text).with_context(|| format!("{}", path.display()))
    });
    let steps = preset(name, empty_labels.transpose()?.as_ref());
    steps.with_context(|| format!("there is no normaliser {name:?}"))
}

/// Covariates that are words after the text.
fn word_covariates(given: &[String]) -> anyhow::Result<Vec<CovariateSettings>> {
    const SIRENE_1: [&str; 4] = ["form_type=AUTO_", "nature=NAT_SICORE_", "surface_class=SURF_", "event=EVT_SICORE_"];
    let given = given.iter().map(String::as_str);
    let each = given.flat_map(|one| if one == "sirene-1" { SIRENE_1.to_vec() } else { vec![one] });
    let settings = each.map(|one| {
        let (field, prefix) = one.split_once('=').with_context(|| format!("{one:?}: write FIELD=PREFIX"))?;
        let enters = Entry::Word(prefix.to_owned());
        Ok(CovariateSettings {
            field: field.parse().map_err(anyhow::Error::msg)?,
            enters,
            values: Vec::new(),
            surface_bins: None,
        })
    });
    settings.collect()
}

fn named_field(text: &str) -> Result<(String, Covariate), String> {
    let (name, field) = text.split_once('=').ok_or("write NAME=FIELD, such as CJ=legal_category")?;
    // A model sees the class of a surface.
    let field = if field == "surface" { Covariate::SurfaceClass } else { field.parse()? };
    Ok((name.to_owned(), field))
}

/// Prints what a model sees of each line of standard input.
pub fn normalise(
    arguments: &NormaliseArguments,
    registry: RegistryOptions,
    output: &mut dyn Write,
) -> anyhow::Result<()> {
    let steps = match (&arguments.preset, &arguments.model) {
        (Some(preset), _) => steps(preset, arguments.empty_labels.as_deref())?,
        (None, model) => {
            let models = model.iter().cloned().collect();
            let coders = Coders::load(&ModelOptions { registry, models })?;
            let (_, served) = coders.iter().next().context("no model was loaded")?;
            served.coder.normaliser.steps().to_vec()
        }
    };
    let normaliser = Normaliser::new(steps)?;
    for line in stdin().lock().lines() {
        writeln!(output, "{}", normaliser.normalise(&line.context("standard input")?).as_str())?;
    }
    Ok(())
}
