//! Which sub-classes of one nomenclature became which of the next.

use std::collections::{BTreeMap, HashMap};

use super::reading::{at, rows};
use super::{Code, Fault, Level, Nomenclature, NomenclatureError};

/// The pairs of sub-classes that two nomenclatures have in common, at least in part.
#[derive(Debug)]
pub struct Correspondence {
    successors: BTreeMap<Code, Vec<Code>>,
    predecessors: BTreeMap<Code, Vec<Code>>,
}

impl Correspondence {
    /// The sub-classes that a sub-class of the older nomenclature became part of, in the order of the file; none for
    /// any other code.
    pub fn successors(&self, code: &Code) -> &[Code] {
        self.successors.get(code).map_or(&[], Vec::as_slice)
    }

    /// The sub-classes that a sub-class of the newer nomenclature was taken from, in the order of the file; none for
    /// any other code, and none where there was no predecessor.
    pub fn predecessors(&self, code: &Code) -> &[Code] {
        self.predecessors.get(code).map_or(&[], Vec::as_slice)
    }

    /// Reads pairs from two columns that are named after the nomenclatures.
    ///
    /// # Errors
    /// A code that is no sub-class of its nomenclature, a pair that is there twice, a wrong number of pairs: the error
    /// names the file, `{older}-{newer}.csv`, and the line.
    pub fn from_csv(
        older: &Nomenclature,
        newer: &Nomenclature,
        text: &str,
        expected: usize,
    ) -> Result<Self, NomenclatureError> {
        let file = format!("{}-{}.csv", older.id(), newer.id());
        let mut read = Self { successors: BTreeMap::new(), predecessors: BTreeMap::new() };
        let rows = rows::<HashMap<String, String>>(&file, text)?;
        let found = rows.len();
        for (line, row) in rows {
            let pair = sub_class(&row, older).and_then(|from| Ok((from, sub_class(&row, newer)?)));
            pair.and_then(|(from, to)| read.add(from, to)).map_err(|fault| at(&file, line, fault))?;
        }
        if found != expected {
            return Err(NomenclatureError::PairCount { file, expected, found });
        }
        Ok(read)
    }

    fn add(&mut self, from: Code, to: Code) -> Result<(), Fault> {
        if self.successors(&from).contains(&to) {
            return Err(Fault::DuplicatePair(from, to));
        }
        self.predecessors.entry(to.clone()).or_default().push(from.clone());
        self.successors.entry(from).or_default().push(to);
        Ok(())
    }
}

/// The code in the column of a nomenclature, which must be a sub-class of it.
fn sub_class(row: &HashMap<String, String>, nomenclature: &Nomenclature) -> Result<Code, Fault> {
    let id = nomenclature.id();
    let code: Code = row.get(id).ok_or_else(|| Fault::NoColumn(id.to_owned()))?.parse()?;
    match nomenclature.entry(&code) {
        Some(entry) if entry.level == Level::SubClass => Ok(code),
        _ => Err(Fault::NoSubClass { code, nomenclature: id.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{code, naf};
    use super::*;

    fn read(text: &str) -> Result<Correspondence, NomenclatureError> {
        Correspondence::from_csv(&naf("naf2008"), &naf("naf2025"), text, 2)
    }

    #[test]
    fn a_pair_is_read_in_both_directions() {
        let read = read("naf2008,naf2025\n9602A,9621G\n9602A,9621H\n").unwrap();
        assert_eq!(read.successors(&code("9602A")), [code("9621G"), code("9621H")]);
        assert_eq!(read.predecessors(&code("9621H")), [code("9602A")]);
        assert!(read.successors(&code("9621H")).is_empty() && read.predecessors(&code("9602A")).is_empty());
    }

    #[test]
    fn a_bad_line_is_named() {
        for (text, expected) in [
            ("naf2008,naf2025\n9602A,9621G\n9621G,9602A\n", "line 3: 9621G is no sub-class of naf2008"),
            ("naf2008,naf2025\n9602A,9621\n", "line 2: 9621 is no sub-class of naf2025"),
            ("naf2008,naf2025\n9602A,?\n", "line 2: \"?\" is not a code"),
            ("naf2008,naf2025\n9602A,9621G\n9602A,9621G\n", "line 3: the pair 9602A, 9621G is there twice"),
            ("naf2008,naf2026\n9602A,9621G\n", "line 2: no column naf2025"),
            ("naf2008,naf2025\n9602A\n", "line 2: CSV error"),
        ] {
            let message = read(text).unwrap_err().to_string();
            assert!(message.starts_with(&format!("naf2008-naf2025.csv, {expected}")), "{message}");
        }
    }

    #[test]
    fn a_missing_pair_is_missed() {
        let message = read("naf2008,naf2025\n9602A,9621G\n").unwrap_err().to_string();
        assert!(message.starts_with("naf2008-naf2025.csv: 1 pairs, expected 2"), "{message}");
    }
}
