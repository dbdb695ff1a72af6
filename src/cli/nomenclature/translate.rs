//! `codif nomenclature translate`: from one nomenclature to the other.

use std::io::Write;

use clap::Args;
use serde::Serialize;

use super::{write_entries, write_json};
use crate::nomenclature::{Code, Entry, Nomenclatures};

/// The code to translate, and the direction.
#[derive(Args, Debug)]
pub struct TranslateArguments {
    /// A code of any level; above the sub-classes, all those below it are translated together.
    code: Code,
    /// Where the code is from; by default the first nomenclature that has it, the oldest one first.
    #[arg(long, value_name = "ID")]
    from: Option<String>,
    /// Which nomenclature to translate it to; by default the other one.
    #[arg(long, value_name = "ID")]
    to: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Translation<'a> {
    from: &'a str,
    to: &'a str,
    #[serde(flatten)]
    entry: &'a Entry,
    /// One: the translation. Several: to choose from. None: the code has no counterpart.
    candidates: Vec<&'a Entry>,
}

pub(super) fn run(
    arguments: &TranslateArguments,
    nomenclatures: &Nomenclatures,
    output: &mut dyn Write,
) -> anyhow::Result<()> {
    let (from, to) = direction(arguments, nomenclatures);
    let entry = nomenclatures.entry(from, &arguments.code)?;
    let candidates = nomenclatures.translate(from, to, &arguments.code)?;
    let translation = Translation { from, to, entry, candidates };
    if arguments.json { write_json(output, &translation) } else { Ok(translation.write(output)?) }
}

/// What is not said is found by where the code exists.
fn direction<'a>(arguments: &'a TranslateArguments, nomenclatures: &'a Nomenclatures) -> (&'a str, &'a str) {
    let other_than = |id: &str| nomenclatures.ids().find(|other| *other != id).unwrap_or_default();
    let has_code = |id: &&str| nomenclatures.entry(id, &arguments.code).is_ok();
    let to = arguments.to.as_deref();
    let found = || nomenclatures.ids().filter(|id| to != Some(*id)).find(has_code);
    let from = arguments.from.as_deref().or_else(found).unwrap_or_else(|| other_than(to.unwrap_or_default()));
    (from, to.unwrap_or_else(|| other_than(from)))
}

impl Translation<'_> {
    fn write(&self, output: &mut dyn Write) -> std::io::Result<()> {
        let Self { from, to, entry, candidates } = self;
        writeln!(output, "{}  {} ({from})", entry.code.dotted(), entry.title)?;
        match candidates.len() {
            0 => writeln!(output, "no counterpart in {to}"),
            1 => writeln!(output, "in {to}"),
            count => writeln!(output, "in {to}, {count} candidates"),
        }?;
        write_entries(output, candidates)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{answer, json};

    #[test]
    fn the_direction_is_found_by_where_the_code_exists() {
        let forth = "96.02A  Coiffure (naf2008)\nin naf2025, 2 candidates\n  \
                     96.21G  Coiffure et activités de barbier en salon\n  \
                     96.21H  Coiffure et activités de barbier hors salon\n";
        assert_eq!(answer(&["translate", "9602A"]).unwrap(), forth);
        let back = "96.21H  Coiffure et activités de barbier hors salon (naf2025)\nin naf2008\n  96.02A  Coiffure\n";
        assert_eq!(answer(&["translate", "96.21H"]).unwrap(), back);
    }

    #[test]
    fn a_direction_that_is_said_is_kept() {
        let direction = |line: &[&str]| {
            let answer = json(line);
            format!("{} {}", answer["from"], answer["to"]).replace('"', "")
        };
        assert_eq!(direction(&["translate", "96", "--json"]), "naf2008 naf2025");
        assert_eq!(direction(&["translate", "96", "--from", "naf2025", "--json"]), "naf2025 naf2008");
        assert_eq!(direction(&["translate", "96", "--to", "naf2008", "--json"]), "naf2025 naf2008");
        assert_eq!(
            direction(&["translate", "96", "--from", "naf2008", "--to", "naf2008", "--json"]),
            "naf2008 naf2008"
        );
    }

    #[test]
    fn no_counterpart_is_said_plainly() {
        let none = "46.89Y  Autre commerce de gros spécialisé n.c.a. (naf2025)\nno counterpart in naf2008\n";
        assert_eq!(answer(&["translate", "46.89Y"]).unwrap(), none);
        assert_eq!(json(&["translate", "46.89Y", "--json"])["candidates"], serde_json::json!([]));
    }

    #[test]
    fn an_unknown_code_is_refused() {
        let refusal = |line: &[&str]| answer(line).unwrap_err().to_string();
        assert!(refusal(&["translate", "9602Z"]).contains("not a code of naf2008: did you mean 96.02A?"));
        assert!(refusal(&["translate", "9602A", "--from", "naf2025"]).contains("but of naf2008"));
        assert!(refusal(&["translate", "9602A", "--to", "naf2030"]).contains("unknown nomenclature \"naf2030\""));
    }
}
