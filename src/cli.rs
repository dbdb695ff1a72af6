//! The command line: one file per sub-command.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::config::effective::{Effective, known_keys};
use crate::config::layers::ConfigurationFile;
use crate::registry::mlflow::from_environment;

mod code;
mod evaluate;
mod key;
mod model;
mod nomenclature;
mod recode;
mod serve;
mod train;

/// codif codes what a business does: one free-text activity in, ranked codes of the French nomenclature out.
#[derive(Debug, Parser)]
#[command(name = "codif", version, about, args_conflicts_with_subcommands = true)]
pub struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::ServeArguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the page, the API and the operations port (what codif does without a sub-command)
    Serve(Box<serve::ServeArguments>),
    /// Code one label, or one label a line from standard input
    Code(Box<code::CodeArguments>),
    /// Code files of millions of rows
    Recode(Box<recode::RecodeArguments>),
    /// Train a model on coded activities
    Train(Box<train::TrainArguments>),
    /// Measure a model on coded activities
    Evaluate(evaluate::EvaluateArguments),
    /// Look at the models of a registry
    Model(model::ModelArguments),
    /// Look into the nomenclatures
    Nomenclature(nomenclature::NomenclatureArguments),
    /// Make an API key
    Key(key::KeyArguments),
}

/// Runs a command line and gives the exit status; a usage error or `--help` ends the process as clap does.
pub fn run(arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    let (command_line, file, matches) = parse(arguments)?;
    let mut output = std::io::stdout().lock();
    let done = |result: anyhow::Result<()>| result.map(|()| ExitCode::SUCCESS);
    let result = match command_line.command.unwrap_or(Command::Serve(Box::new(command_line.serve))) {
        Command::Serve(arguments) => {
            drop(output);
            let of_serve = matches.subcommand_matches("serve").unwrap_or(&matches);
            let effective = Effective::new(&serve_command(), of_serve, &file);
            return serve::run(*arguments, &file, effective);
        }
        Command::Code(arguments) => code::run(*arguments, &mut output),
        Command::Recode(arguments) => recode::run(*arguments, &mut output),
        Command::Train(arguments) => done(train::run(*arguments, &mut output)),
        Command::Evaluate(arguments) => done(evaluate::run(arguments, &mut output)),
        Command::Model(arguments) => done(model::run(arguments, &mut output)),
        Command::Nomenclature(arguments) => done(nomenclature::run(arguments, &mut output)),
        Command::Key(arguments) => done(key::run(&arguments, &mut output)),
    };
    output.flush()?;
    result
}

/// The command line, with what stands beneath it: the configuration file when it serves and names one, and the variables of the
/// service before codif, which name a model and its registry where nothing else names a registry.
fn parse(arguments: &[OsString]) -> anyhow::Result<(CommandLine, ConfigurationFile, ArgMatches)> {
    let mut matches = command().get_matches_from(arguments);
    let command_line = CommandLine::from_arg_matches(&matches)?;
    let served = match &command_line.command {
        None => Some(&command_line.serve),
        Some(Command::Serve(arguments)) => Some(arguments.as_ref()),
        Some(_) => None,
    };
    let mut file = ConfigurationFile::default();
    if let Some(path) = served.and_then(|arguments| arguments.config.as_ref()) {
        file = ConfigurationFile::read(path, &known_keys(&serve_command()))?;
    }
    let subcommand = matches.subcommand_name().map(str::to_owned);
    let of_command = matches.subcommand().map_or(&matches, |(_, matches)| matches);
    let registry_is_named = file.settings.iter().any(|(key, _)| key == "registry")
        || !matches!(of_command.try_get_raw("registry"), Ok(Some(_)))
        || of_command.value_source("registry") != Some(ValueSource::DefaultValue);
    if !registry_is_named && subcommand.as_deref() != Some("train") {
        let command = command();
        let command = subcommand.as_deref().and_then(|name| command.find_subcommand(name)).unwrap_or(&command);
        file.inherited = inherited(command.get_arguments().any(|argument| argument.get_id() == "models"));
    }
    if file.is_empty() {
        return Ok((command_line, file, matches));
    }
    matches = file.beneath(command(), subcommand.as_deref(), arguments)?;
    Ok((CommandLine::from_arg_matches(&matches)?, file, matches))
}

/// What the variables of MLflow's own clients stand for: a registry and, where a command takes models, one of them.
fn inherited(takes_models: bool) -> Vec<(String, Vec<String>)> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let Some((registry, model)) = from_environment(variable) else { return Vec::new() };
    let models = model.filter(|_| takes_models).map(|model| ("models".to_owned(), vec![model]));
    std::iter::once(("registry".to_owned(), vec![registry])).chain(models).collect()
}

/// The command line; the registry of `codif model` may stand before its sub-command or after.
fn command() -> clap::Command {
    CommandLine::command().mut_subcommand("model", |model| model.mut_args(|argument| argument.global(true)))
}

fn serve_command() -> clap::Command {
    serve::ServeArguments::augment_args(clap::Command::new("serve"))
}
