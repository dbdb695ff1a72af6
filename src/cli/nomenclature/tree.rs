//! `codif nomenclature tree`: the hierarchy, indented.

use std::io::Write;

use clap::Args;

use super::Asked;
use crate::nomenclature::{Code, Entry, Nomenclature, Nomenclatures};

/// Which part of the tree to print.
#[derive(Args, Debug)]
pub struct TreeArguments {
    /// Where to begin: a code of any level. All sections without it.
    code: Option<Code>,
    #[command(flatten)]
    asked: Asked,
    /// How many levels to print, the first one included: 5 prints all.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=5))]
    depth: u8,
}

pub(super) fn run(
    arguments: &TreeArguments,
    nomenclatures: &Nomenclatures,
    output: &mut dyn Write,
) -> anyhow::Result<()> {
    let id = &arguments.asked.nomenclature;
    let nomenclature = nomenclatures.nomenclature(id)?;
    let roots = match &arguments.code {
        Some(code) => vec![nomenclatures.entry(id, code)?],
        None => nomenclature.children(None).collect(),
    };
    let depth = usize::from(arguments.depth);
    Ok(roots.into_iter().try_for_each(|root| write_branch(output, nomenclature, root, 0, depth))?)
}

fn write_branch(
    output: &mut dyn Write,
    nomenclature: &Nomenclature,
    entry: &Entry,
    indent: usize,
    depth: usize,
) -> std::io::Result<()> {
    writeln!(output, "{:width$}{}  {}", "", entry.code.dotted(), entry.title, width = 2 * indent)?;
    if indent + 1 == depth {
        return Ok(());
    }
    let mut children = nomenclature.children(Some(&entry.code));
    children.try_for_each(|child| write_branch(output, nomenclature, child, indent + 1, depth))
}

#[cfg(test)]
mod tests {
    use super::super::tests::answer;

    #[test]
    fn sections_and_divisions_by_default() {
        let tree = answer(&["tree"]).unwrap();
        assert_eq!(tree.lines().count(), 21 + 88);
        assert!(
            tree.starts_with("A  AGRICULTURE, SYLVICULTURE ET PÊCHE\n  01  Culture et production animale"),
            "{tree}"
        );
    }

    #[test]
    fn five_levels_are_all() {
        assert_eq!(answer(&["tree", "--depth", "5"]).unwrap().lines().count(), 1728);
        assert_eq!(answer(&["tree", "--depth", "5", "--nomenclature", "naf2025"]).unwrap().lines().count(), 1794);
        assert!(answer(&["tree", "--depth", "6"]).is_err());
    }

    #[test]
    fn a_code_begins_its_own_tree() {
        let tree = "96.02  Coiffure et soins de beauté\n  96.02A  Coiffure\n  96.02B  Soins de beauté\n";
        assert_eq!(answer(&["tree", "9602"]).unwrap(), tree);
        assert_eq!(answer(&["tree", "9602", "--depth", "1"]).unwrap().lines().count(), 1);
    }
}
