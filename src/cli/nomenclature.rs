//! `codif nomenclature`: the codes, their titles and their successors, at the command line.
//!
//! Codes are read in any form; they are written with a dot for people and without one in JSON.

use std::io::Write;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::nomenclature::{Entry, Nomenclatures};

mod search;
mod show;
mod translate;
mod tree;

/// Look up the nomenclatures of activities.
#[derive(Args, Debug)]
pub struct NomenclatureArguments {
    /// What to look up.
    #[command(subcommand)]
    pub command: NomenclatureCommand,
}

/// What can be looked up.
#[derive(Debug, Subcommand)]
pub enum NomenclatureCommand {
    /// Find codes by words of their titles, or by the beginning of the code.
    Search(search::SearchArguments),
    /// Show a code: its title, what is above and below it, its successors or predecessors.
    Show(show::ShowArguments),
    /// Print the tree of codes, or the part of it below a code.
    Tree(tree::TreeArguments),
    /// Translate a code from one nomenclature to the other.
    Translate(translate::TranslateArguments),
}

/// Writes the answer to `output`.
///
/// # Errors
/// An unknown code or nomenclature, with what to do about it; an output that cannot be written to.
pub fn run(arguments: NomenclatureArguments, output: &mut dyn Write) -> anyhow::Result<()> {
    let nomenclatures = Nomenclatures::embedded()?;
    match arguments.command {
        NomenclatureCommand::Search(arguments) => search::run(&arguments, &nomenclatures, output),
        NomenclatureCommand::Show(arguments) => show::run(&arguments, &nomenclatures, output),
        NomenclatureCommand::Tree(arguments) => tree::run(&arguments, &nomenclatures, output),
        NomenclatureCommand::Translate(arguments) => translate::run(&arguments, &nomenclatures, output),
    }
}

/// Which nomenclature a command asks.
#[derive(Args, Debug)]
pub struct Asked {
    /// Id of the nomenclature: naf2008 or naf2025.
    #[arg(long, value_name = "ID", default_value = "naf2008")]
    nomenclature: String,
}

/// One line per entry: dotted code and title.
fn write_entries(output: &mut dyn Write, entries: &[&Entry]) -> std::io::Result<()> {
    entries.iter().try_for_each(|entry| writeln!(output, "  {:<6}  {}", entry.code.dotted(), entry.title))
}

fn write_json(output: &mut dyn Write, answer: &impl Serialize) -> anyhow::Result<()> {
    serde_json::to_writer_pretty(&mut *output, answer)?;
    Ok(writeln!(output)?)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct CommandLine {
        #[command(flatten)]
        arguments: NomenclatureArguments,
    }

    pub(super) fn answer(line: &[&str]) -> anyhow::Result<String> {
        let line = CommandLine::try_parse_from(["nomenclature"].iter().chain(line))?;
        let mut output = Vec::new();
        run(line.arguments, &mut output)?;
        Ok(String::from_utf8(output)?)
    }

    pub(super) fn json(line: &[&str]) -> serde_json::Value {
        serde_json::from_str(&answer(line).unwrap()).unwrap()
    }

    #[test]
    fn an_unknown_code_says_what_to_do() {
        let refusal = |line: &[&str]| answer(line).unwrap_err().to_string();
        assert!(refusal(&["show", "96.02Z"]).ends_with("did you mean 96.02A?"));
        assert!(refusal(&["tree", "9621H"]).ends_with("but of naf2025: ask for it there"));
        assert!(refusal(&["search", "pain", "--nomenclature", "naf"]).ends_with("use naf2008 or naf2025"));
        assert!(refusal(&["show", "coiffure"]).contains("\"coiffure\" is not a code: write a section (S)"));
    }
}
