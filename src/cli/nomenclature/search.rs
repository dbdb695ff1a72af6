//! `codif nomenclature search`: codes by words or by their beginning.

use std::io::Write;
use std::num::NonZeroUsize;

use clap::Args;

use super::{Asked, write_json};
use crate::nomenclature::Nomenclatures;

/// What to search, and how much of it to print.
#[derive(Args, Debug)]
pub struct SearchArguments {
    /// Words of a title, or a code. Accents and case do not matter; the beginning of a word is enough.
    #[arg(required = true)]
    query: Vec<String>,
    #[command(flatten)]
    asked: Asked,
    /// How many codes to print at most.
    #[arg(long, value_name = "N", default_value = "20")]
    limit: NonZeroUsize,
    /// Print JSON: an array of entries, empty when nothing is found.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(
    arguments: &SearchArguments,
    nomenclatures: &Nomenclatures,
    output: &mut dyn Write,
) -> anyhow::Result<()> {
    let nomenclature = nomenclatures.nomenclature(&arguments.asked.nomenclature)?;
    let query = arguments.query.join(" ");
    let found = nomenclature.search(&query, arguments.limit.get());
    if arguments.json {
        return write_json(output, &found);
    }
    if found.is_empty() {
        writeln!(output, "nothing in {} for {query:?}: try fewer words, or the beginning of one", nomenclature.id())?;
    }
    for entry in found {
        writeln!(output, "{:<6}  {:<9}  {}", entry.code.dotted(), entry.level, entry.title)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{answer, json};

    #[test]
    fn people_read_dotted_codes() {
        let found = "96.02A  sub-class  Coiffure\n96.02   class      Coiffure et soins de beauté\n";
        assert_eq!(answer(&["search", "COIFFURES"]).unwrap(), found);
        assert_eq!(answer(&["search", "coiffure", "--limit", "1"]).unwrap().lines().count(), 1);
        assert!(answer(&["search", "coiffure", "--limit", "0"]).is_err());
    }

    #[test]
    fn programs_read_compact_codes() {
        let found = json(&["search", "barbier", "hors", "salon", "--nomenclature", "naf2025", "--json"]);
        let entry = serde_json::json!({
            "code": "9621H", "level": "sub_class", "parent": "9621",
            "title": "Coiffure et activités de barbier hors salon", "establishments": null,
        });
        assert_eq!(found, serde_json::json!([entry]));
    }

    #[test]
    fn nothing_found_is_said() {
        assert!(answer(&["search", "zeppelin"]).unwrap().starts_with("nothing in naf2008 for \"zeppelin\""));
        assert_eq!(json(&["search", "zeppelin", "--json"]), serde_json::json!([]));
    }
}
