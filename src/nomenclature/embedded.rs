//! The nomenclatures that are in the binary.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Code, Correspondence, Entry, Level, LookupError, Nomenclature, NomenclatureError};

/// Every nomenclature codif knows, and how to go from one to another.
#[derive(Debug)]
pub struct Nomenclatures {
    /// From the oldest to the newest.
    nomenclatures: [Arc<Nomenclature>; 2],
    correspondence: Correspondence,
}

impl Nomenclatures {
    /// Reads and checks the files in the binary, in some milliseconds: do it once and share the result.
    ///
    /// # Errors
    /// A file that was changed before the build and is wrong; the error names it and the line.
    pub fn embedded() -> Result<Self, NomenclatureError> {
        let naf2008 = include_str!("../../nomenclature/naf2008.csv");
        let naf2008 = Nomenclature::from_csv("naf2008", naf2008, [21, 88, 272, 615, 732])?;
        let naf2025 = include_str!("../../nomenclature/naf2025.csv");
        let naf2025 = Nomenclature::from_csv("naf2025", naf2025, [22, 87, 287, 651, 747])?;
        let pairs = include_str!("../../nomenclature/naf2008-naf2025.csv");
        let correspondence = Correspondence::from_csv(&naf2008, &naf2025, pairs, 1223)?;
        Ok(Self { nomenclatures: [Arc::new(naf2008), Arc::new(naf2025)], correspondence })
    }

    /// The nomenclature of this id.
    pub fn get(&self, id: &str) -> Option<&Arc<Nomenclature>> {
        self.nomenclatures.iter().find(|nomenclature| nomenclature.id() == id)
    }

    /// The ids, the oldest nomenclature first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.nomenclatures.iter().map(|nomenclature| nomenclature.id())
    }

    /// From each sub-class of naf2008 to those of naf2025 and back.
    pub fn correspondence(&self) -> &Correspondence {
        &self.correspondence
    }

    /// The nomenclature of this id, or an error that lists the ids there are.
    ///
    /// # Errors
    /// [`LookupError::UnknownNomenclature`].
    pub fn nomenclature(&self, id: &str) -> Result<&Arc<Nomenclature>, LookupError> {
        let unknown =
            || LookupError::UnknownNomenclature { id: id.to_owned(), known: self.ids().map(str::to_owned).collect() };
        self.get(id).ok_or_else(unknown)
    }

    /// The entry of a code of any level, or an error that says where the code is or which is the nearest.
    ///
    /// # Errors
    /// Any [`LookupError`].
    pub fn entry(&self, id: &str, code: &Code) -> Result<&Entry, LookupError> {
        let nomenclature = self.nomenclature(id)?;
        let elsewhere = || self.nomenclatures.iter().find(|other| other.entry(code).is_some());
        let unknown = || LookupError::UnknownCode {
            code: code.clone(),
            nomenclature: id.to_owned(),
            elsewhere: elsewhere().map(|other| other.id().to_owned()),
            nearest: nomenclature.nearest(code).cloned(),
        };
        nomenclature.entry(code).ok_or_else(unknown)
    }

    /// The sub-classes of nomenclature `to` that have something in common with a code of `from`, in the order of `to`'s
    /// file. For a code above the sub-classes: those of all the sub-classes below it. One answer is a translation, more
    /// are candidates to choose from; none means that the code has no counterpart. With `from` equal to `to`: the
    /// sub-classes of the code itself.
    ///
    /// # Errors
    /// Any [`LookupError`].
    pub fn translate(&self, from: &str, to: &str, code: &Code) -> Result<Vec<&Entry>, LookupError> {
        let entry = self.entry(from, code)?;
        let within: Vec<&Code> = match entry.level {
            Level::SubClass => vec![&entry.code],
            _ => self.nomenclature(from)?.within(code).map(|entry| &entry.code).collect(),
        };
        let target = self.nomenclature(to)?;
        let is_newest = self.ids().last() == Some(to);
        let counterparts: BTreeSet<&Code> = match to {
            _ if from == to => within.into_iter().collect(),
            _ if is_newest => within.into_iter().flat_map(|code| self.correspondence.successors(code)).collect(),
            _ => within.into_iter().flat_map(|code| self.correspondence.predecessors(code)).collect(),
        };
        let mut entries: Vec<&Entry> = counterparts.into_iter().filter_map(|code| target.entry(code)).collect();
        entries.retain(|entry| entry.level == Level::SubClass);
        entries.sort_by_key(|entry| target.places.get(&entry.code));
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{code, codes};
    use super::super::{Level, Nomenclatures};
    use super::*;

    fn translated(from: &str, to: &str, text: &str) -> Vec<String> {
        let nomenclatures = Nomenclatures::embedded().unwrap();
        let entries = nomenclatures.translate(from, to, &code(text)).unwrap();
        codes(entries).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn every_level_has_its_count() {
        let nomenclatures = Nomenclatures::embedded().unwrap();
        let counts = |id| Level::ALL.map(|level| nomenclatures.get(id).unwrap().count(level));
        assert_eq!(nomenclatures.ids().collect::<Vec<_>>(), ["naf2008", "naf2025"]);
        assert_eq!(counts("naf2008"), [21, 88, 272, 615, 732]);
        assert_eq!(counts("naf2025"), [22, 87, 287, 651, 747]);
        assert!(nomenclatures.get("naf2003").is_none());
    }

    #[test]
    fn as_many_single_successors_as_insee_says() {
        let nomenclatures = Nomenclatures::embedded().unwrap();
        let successors = |entry: &Entry| nomenclatures.correspondence().successors(&entry.code).len();
        let counts: Vec<usize> = nomenclatures.get("naf2008").unwrap().sub_classes().map(successors).collect();
        assert_eq!(counts.iter().sum::<usize>(), 1223);
        assert_eq!(counts.iter().filter(|count| **count == 1).count(), 520);
        assert!(!counts.contains(&0));
    }

    #[test]
    fn a_sub_class_is_translated_both_ways() {
        assert_eq!(translated("naf2008", "naf2025", "9602A"), ["9621G", "9621H"]);
        assert_eq!(translated("naf2025", "naf2008", "9621H"), ["9602A"]);
        assert_eq!(translated("naf2008", "naf2025", "0111Z"), ["0111Y"]);
        assert!(translated("naf2025", "naf2008", "4689Y").is_empty());
    }

    #[test]
    fn a_higher_level_is_translated_by_what_is_below_it() {
        assert_eq!(translated("naf2008", "naf2025", "9602"), ["9621G", "9621H", "9622Y"]);
        let section = translated("naf2008", "naf2025", "S");
        assert!(section.is_sorted_by(|before, after| before < after) && section.contains(&"9621H".to_owned()));
        assert_eq!(translated("naf2008", "naf2008", "9602"), ["9602A", "9602B"]);
    }

    #[test]
    fn an_unknown_code_or_nomenclature_is_explained() {
        let nomenclatures = Nomenclatures::embedded().unwrap();
        let refusal = |from, to, text| nomenclatures.translate(from, to, &code(text)).unwrap_err().to_string();
        assert_eq!(refusal("naf2003", "naf2008", "S"), "unknown nomenclature \"naf2003\": use naf2008 or naf2025");
        assert_eq!(refusal("naf2008", "naf2030", "S"), "unknown nomenclature \"naf2030\": use naf2008 or naf2025");
        assert_eq!(
            refusal("naf2008", "naf2025", "9621H"),
            "96.21H is not a code of naf2008 but of naf2025: ask for it there"
        );
        assert_eq!(refusal("naf2008", "naf2025", "9602Z"), "96.02Z is not a code of naf2008: did you mean 96.02A?");
        let search = "99.99Z is not a code of naf2008: search for the right one by its words";
        assert_eq!(refusal("naf2008", "naf2025", "9999Z"), search);
    }
}
