//! `codif model …`: what is in a registry, what goes in and out of it, and which version its aliases point to.

use std::io::Write;
use std::path::PathBuf;

use clap::Subcommand;
use tokio::runtime::Builder;

mod diff;
mod import;
mod show;
mod signing;
mod transfer;

use crate::coding::ModelVersion;
use crate::config::RegistryOptions;
use crate::config::registry::PublicKeys;
use crate::registry::{ModelReference, PRODUCTION, Registry};
use import::{ImportCommand, NormaliseArguments};

/// What `codif model` takes.
#[derive(Debug, clap::Args)]
pub struct ModelArguments {
    #[command(flatten)]
    registry: RegistryOptions,
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
    /// Verify the version in a directory and send it to the registry as the next version of a model; prints NAME:VERSION
    Push {
        /// The version: manifest.json and its files
        directory: PathBuf,
        /// Name of the model in the registry
        #[arg(long, value_parser = plain_name)]
        name: String,
        /// Sign it with this ed25519 private key (PEM)
        #[arg(long, value_name = "PRIVATE_KEY")]
        sign: Option<PathBuf>,
    },
    /// Make a version of a model that another program made
    #[command(subcommand)]
    Import(ImportCommand),
    /// Print what a model sees of a text: one label a line from standard input, one normalised text a line
    Normalise(NormaliseArguments),
    /// Fetch a version to a directory
    Pull {
        /// NAME, NAME@ALIAS or NAME:VERSION
        model: ModelReference,
        /// Where it goes; a directory that is not there, or empty
        directory: PathBuf,
    },
    /// Check a version as a server would: digests, signature, shapes, golden cases
    Verify {
        /// NAME, NAME@ALIAS or NAME:VERSION
        model: ModelReference,
        /// It must be signed by this ed25519 public key: a PEM file, or its text
        #[arg(long, value_parser = crate::config::registry::public_keys, value_name = "PUBLIC_KEY", allow_hyphen_values = true)]
        key: Option<PublicKeys>,
    },
    /// Sign a version of the registry; its signature is written beside its manifest
    Sign {
        /// NAME, NAME@ALIAS or NAME:VERSION
        model: ModelReference,
        /// The ed25519 private key (PEM): see `codif key signing`
        #[arg(long, value_name = "PRIVATE_KEY")]
        key: PathBuf,
    },
    /// Point an alias to a version: servers that follow it load it within their interval
    Promote {
        /// Name of the model
        #[arg(value_parser = plain_name)]
        name: String,
        /// The version
        version: u32,
        /// The alias
        #[arg(long, default_value = PRODUCTION, value_parser = plain_name)]
        alias: String,
    },
    /// Point an alias to the version it pointed to before
    Rollback {
        /// Name of the model
        #[arg(value_parser = plain_name)]
        name: String,
        /// The alias
        #[arg(long, default_value = PRODUCTION, value_parser = plain_name)]
        alias: String,
    },
    /// What changes from one version to another
    Diff {
        /// NAME, NAME@ALIAS or NAME:VERSION
        before: ModelReference,
        /// NAME, NAME@ALIAS or NAME:VERSION
        after: ModelReference,
        /// Code these activities with both and say how far they agree: one label a line, or a .tsv, .csv or .parquet of coded activities
        #[arg(long, value_name = "FILE")]
        sample: Option<PathBuf>,
    },
    /// Delete a version that no alias points to; its number is not given again
    Delete {
        /// NAME:VERSION
        model: ModelReference,
    },
}

fn plain_name(text: &str) -> Result<String, String> {
    let wrong = || format!("{text:?} is no name: it takes letters, digits, '.', '_' and '-'");
    crate::registry::reference::plain(text).map(str::to_owned).ok_or_else(wrong)
}

/// Runs the sub-command.
pub fn run(arguments: ModelArguments, output: &mut dyn Write) -> anyhow::Result<()> {
    match &arguments.command {
        ModelCommand::Import(command) => return import::import(command, &arguments.registry, output),
        ModelCommand::Normalise(normalise) => return import::normalise(normalise, arguments.registry.clone(), output),
        _ => {}
    }
    // One thread for what waits; whatever computes has its own.
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run_async(arguments, output))
}

async fn run_async(arguments: ModelArguments, output: &mut dyn Write) -> anyhow::Result<()> {
    let ModelArguments { registry: options, command } = arguments;
    if let ModelCommand::Push { directory, name, sign } = &command {
        return transfer::push(&options, directory, name, sign.as_deref(), output).await;
    }
    let registry = Registry::open(&options.registry, &options.s3()).await?;
    match command {
        ModelCommand::List { json } => show::list(&registry, json, output).await,
        ModelCommand::Show { model, json } => show::show(&registry, &model, json, output).await,
        // Opens its registry itself, which may not be there yet.
        ModelCommand::Push { .. } | ModelCommand::Import(_) | ModelCommand::Normalise(_) => Ok(()),
        ModelCommand::Pull { model, directory } => {
            transfer::pull(&registry, (&model, &options.trust()), &directory, output).await
        }
        ModelCommand::Verify { model, key } => {
            let mut trust = options.trust();
            if let Some(key) = key {
                trust.keys = key.0;
            }
            transfer::verify(&registry, &model, &trust, output).await
        }
        ModelCommand::Sign { model, key } => signing::sign(&registry, &model, &key, output).await,
        ModelCommand::Promote { name, version, alias } => {
            let moved = registry.promote(&ModelVersion { name: name.clone(), version }, &alias).await?;
            moved_alias(&name, &alias, &moved, output)
        }
        ModelCommand::Rollback { name, alias } => {
            let moved = registry.roll_back(&name, &alias).await?;
            moved_alias(&name, &alias, &moved, output)
        }
        ModelCommand::Diff { before, after, sample } => {
            diff::diff(&options, [&before, &after], sample.as_deref(), output).await
        }
        ModelCommand::Delete { model } => {
            let version = transfer::by_number(&model)?;
            registry.delete(&version).await?;
            Ok(writeln!(output, "{version} is deleted")?)
        }
    }
}

fn moved_alias(
    name: &str,
    alias: &str,
    moved: &crate::registry::alias::Alias,
    output: &mut dyn Write,
) -> anyhow::Result<()> {
    let before: Vec<String> = moved.before().iter().take(3).map(u32::to_string).collect();
    let before = if before.is_empty() { String::new() } else { format!(" (before: {})", before.join(", ")) };
    Ok(writeln!(output, "{name}@{alias} → {}{before}", moved.current())?)
}
