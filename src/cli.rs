//! The command line: one file per sub-command.

use std::io::Write;

use clap::{Parser, Subcommand};

mod code;
mod evaluate;
mod model;
mod nomenclature;
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
    Serve(serve::ServeArguments),
    /// Code one label, or one label a line from standard input
    Code(code::CodeArguments),
    /// Train a model on coded activities
    Train(Box<train::TrainArguments>),
    /// Measure a model on coded activities
    Evaluate(evaluate::EvaluateArguments),
    /// Look at the models of a registry
    Model(model::ModelArguments),
    /// Look into the nomenclatures
    Nomenclature(nomenclature::NomenclatureArguments),
}

/// Runs the command line and gives the exit status.
pub fn run(command_line: CommandLine) -> anyhow::Result<std::process::ExitCode> {
    let mut output = std::io::stdout().lock();
    let done = |result: anyhow::Result<()>| result.map(|()| std::process::ExitCode::SUCCESS);
    let result = match command_line.command.unwrap_or(Command::Serve(command_line.serve)) {
        Command::Serve(arguments) => {
            drop(output);
            return done(serve::run(arguments));
        }
        Command::Code(arguments) => code::run(arguments, &mut output),
        Command::Train(arguments) => done(train::run(*arguments, &mut output)),
        Command::Evaluate(arguments) => done(evaluate::run(arguments, &mut output)),
        Command::Model(arguments) => done(model::run(arguments, &mut output)),
        Command::Nomenclature(arguments) => done(nomenclature::run(arguments, &mut output)),
    };
    output.flush()?;
    result
}
