//! `codif model list|show`: the models of a registry.

use std::io::Write;
use std::path::PathBuf;

use clap::Subcommand;

use crate::model::bundle;
use crate::registry::{DirectoryRegistry, ModelReference};

/// What `codif model` takes.
#[derive(Debug, clap::Args)]
pub struct ModelArguments {
    /// Directory of the model registry
    #[arg(long, env = "CODIF_REGISTRY", default_value = "models", value_name = "DIRECTORY", global = true)]
    registry: PathBuf,
    #[command(subcommand)]
    command: ModelCommand,
}

#[derive(Debug, Subcommand)]
enum ModelCommand {
    /// List the models, their versions and aliases
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Show one version: what it codes in, how it was made, what was measured
    Show {
        /// NAME, NAME@ALIAS or NAME:VERSION
        model: ModelReference,
        /// The whole manifest as one JSON object
        #[arg(long)]
        json: bool,
    },
}

/// Runs the sub-command.
pub fn run(arguments: ModelArguments, output: &mut dyn Write) -> anyhow::Result<()> {
    let registry = DirectoryRegistry::open(&arguments.registry)?;
    match arguments.command {
        ModelCommand::List { json } => list(&registry, json, output),
        ModelCommand::Show { model, json } => show(&registry, &model, json, output),
    }
}

fn list(registry: &DirectoryRegistry, json: bool, output: &mut dyn Write) -> anyhow::Result<()> {
    for model in registry.models()? {
        if json {
            let line = serde_json::json!({"name": model.name, "versions": model.versions, "aliases": model.aliases});
            writeln!(output, "{line}")?;
            continue;
        }
        let versions: Vec<String> = model.versions.iter().map(u32::to_string).collect();
        let aliases: Vec<String> =
            model.aliases.iter().map(|(alias, version)| format!("{alias} → {version}")).collect();
        writeln!(output, "{}  versions {}  {}", model.name, versions.join(", "), aliases.join(", "))?;
    }
    Ok(())
}

fn show(
    registry: &DirectoryRegistry,
    reference: &ModelReference,
    json: bool,
    output: &mut dyn Write,
) -> anyhow::Result<()> {
    let resolved = registry.resolve(reference)?;
    let manifest = bundle::manifest(&resolved.directory)?;
    if json {
        writeln!(output, "{}", serde_json::to_string(&manifest)?)?;
        return Ok(());
    }
    let bytes: u64 = manifest.files.values().map(|file| file.bytes).sum();
    writeln!(output, "{}:{}  {}", manifest.name, manifest.version, resolved.directory.display())?;
    writeln!(output, "  made          {} by codif {}", manifest.created_at, manifest.training.codif)?;
    writeln!(output, "  nomenclature  {}, {} labels", manifest.nomenclature, manifest.labels.len())?;
    let architecture = &manifest.architecture;
    let megabytes = bytes as f64 / 1e6;
    writeln!(output, "  table         {} rows of {}, {megabytes:.1} MB", architecture.rows, architecture.dimension)?;
    writeln!(output, "  automatic     from a gap of {}", manifest.decision.threshold)?;
    for top in manifest.metrics.iter().flat_map(|metrics| &metrics.top_k).filter(|top| top.k == 1 || top.k == 5) {
        let [value, low, high] = [top.accuracy, top.low, top.high].map(|share| 100.0 * share);
        writeln!(output, "  top-{}         {value:.1} % [{low:.1}, {high:.1}]", top.k)?;
    }
    Ok(())
}
