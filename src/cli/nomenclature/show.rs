//! `codif nomenclature show`: all that is known of a code.

use std::io::Write;

use clap::Args;
use serde::Serialize;

use super::{Asked, write_entries, write_json};
use crate::nomenclature::{Code, Entry, Level, Nomenclatures};

/// The code to show.
#[derive(Args, Debug)]
pub struct ShowArguments {
    /// A code of any level: 96.02A, 9602, S…
    code: Code,
    #[command(flatten)]
    asked: Asked,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Shown<'a> {
    nomenclature: &'a str,
    #[serde(flatten)]
    entry: &'a Entry,
    /// From the section down.
    path: Vec<&'a Entry>,
    children: Vec<&'a Entry>,
    /// Of a sub-class, in the other nomenclature.
    #[serde(flatten)]
    counterparts: Option<Counterparts<'a>>,
}

/// Named for where the other nomenclature stands in time.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Counterparts<'a> {
    Successors { nomenclature: &'a str, codes: Vec<&'a Entry> },
    Predecessors { nomenclature: &'a str, codes: Vec<&'a Entry> },
}

pub(super) fn run(
    arguments: &ShowArguments,
    nomenclatures: &Nomenclatures,
    output: &mut dyn Write,
) -> anyhow::Result<()> {
    let shown = Shown::new(nomenclatures, &arguments.asked.nomenclature, &arguments.code)?;
    if arguments.json { write_json(output, &shown) } else { Ok(shown.write(output)?) }
}

impl<'a> Shown<'a> {
    fn new(nomenclatures: &'a Nomenclatures, id: &'a str, code: &'a Code) -> anyhow::Result<Self> {
        let nomenclature = nomenclatures.nomenclature(id)?;
        let entry = nomenclatures.entry(id, code)?;
        let path = nomenclature.path(code);
        let counterparts = match entry.level {
            Level::SubClass => Counterparts::new(nomenclatures, id, code)?,
            _ => None,
        };
        Ok(Self {
            nomenclature: id,
            entry,
            path: path.iter().filter_map(|above| nomenclature.entry(above)).collect(),
            children: nomenclature.children(Some(code)).collect(),
            counterparts,
        })
    }

    fn write(&self, output: &mut dyn Write) -> std::io::Result<()> {
        let Self { nomenclature, entry, .. } = self;
        writeln!(output, "{}  {}", entry.code.dotted(), entry.title)?;
        writeln!(output, "{} of {nomenclature}", entry.level)?;
        if !self.path.is_empty() {
            writeln!(output, "\nabove")?;
            write_entries(output, &self.path)?;
        }
        if !self.children.is_empty() {
            writeln!(output, "\nbelow")?;
            write_entries(output, &self.children)?;
        }
        self.counterparts.iter().try_for_each(|counterparts| counterparts.write(output))
    }
}

impl<'a> Counterparts<'a> {
    fn new(nomenclatures: &'a Nomenclatures, id: &str, code: &Code) -> anyhow::Result<Option<Self>> {
        let Some(nomenclature) = nomenclatures.ids().find(|other| *other != id) else { return Ok(None) };
        let codes = nomenclatures.translate(id, nomenclature, code)?;
        let is_older = nomenclatures.ids().next() == Some(nomenclature);
        Ok(Some(if is_older {
            Self::Predecessors { nomenclature, codes }
        } else {
            Self::Successors { nomenclature, codes }
        }))
    }

    fn write(&self, output: &mut dyn Write) -> std::io::Result<()> {
        let (relation, nomenclature, codes) = match self {
            Self::Successors { nomenclature, codes } => ("successor", nomenclature, codes),
            Self::Predecessors { nomenclature, codes } => ("predecessor", nomenclature, codes),
        };
        match codes.len() {
            0 => writeln!(output, "\nno {relation} in {nomenclature}"),
            1 => writeln!(output, "\n{relation} in {nomenclature}"),
            count => writeln!(output, "\n{count} {relation}s in {nomenclature}"),
        }?;
        write_entries(output, codes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{answer, json};

    #[test]
    fn a_sub_class_comes_with_its_path_and_successors() {
        let shown = "96.02A  Coiffure
sub-class of naf2008

above
  S       AUTRES ACTIVITÉS DE SERVICES
  96      Autres services personnels
  96.0    Autres services personnels
  96.02   Coiffure et soins de beauté

2 successors in naf2025
  96.21G  Coiffure et activités de barbier en salon
  96.21H  Coiffure et activités de barbier hors salon
";
        assert_eq!(answer(&["show", "96.02a"]).unwrap(), shown);
    }

    #[test]
    fn a_sub_class_without_predecessor_says_so() {
        let shown = answer(&["show", "46.89Y", "--nomenclature", "naf2025"]).unwrap();
        assert!(shown.ends_with("\nno predecessor in naf2008\n"), "{shown}");
    }

    #[test]
    fn a_higher_level_comes_with_its_children() {
        let shown = answer(&["show", "96.02"]).unwrap();
        assert!(shown.ends_with("\nbelow\n  96.02A  Coiffure\n  96.02B  Soins de beauté\n"), "{shown}");
        assert!(!answer(&["show", "S"]).unwrap().contains("above"));
    }

    #[test]
    fn json_has_the_same() {
        let shown = json(&["show", "96.21H", "--nomenclature", "naf2025", "--json"]);
        assert_eq!((&shown["code"], &shown["nomenclature"]), (&"9621H".into(), &"naf2025".into()));
        assert_eq!(shown["path"][0]["code"], "T");
        assert_eq!(shown["children"], serde_json::json!([]));
        assert_eq!(shown["predecessors"]["nomenclature"], "naf2008");
        assert_eq!(shown["predecessors"]["codes"][0]["code"], "9602A");
        let class = json(&["show", "9602", "--json"]);
        assert_eq!((&class["children"][1]["code"], class.get("successors")), (&"9602B".into(), None));
    }
}
