//! The nomenclatures of activities: codes, titles, hierarchy, search, and the correspondence naf2008 ↔ naf2025.
//!
//! Everything is read once from files embedded in the binary and checked while it is read, so that whatever holds a
//! [`Nomenclature`] holds a tree: five levels, every parent one level up, no code twice.

use std::collections::HashMap;
use std::iter::successors;

use serde::Serialize;

mod code;
mod correspondence;
mod embedded;
mod error;
pub mod fold;
mod level;
mod reading;
mod search;

pub use code::{Code, CodeError};
pub use correspondence::Correspondence;
pub use embedded::Nomenclatures;
pub use error::{Fault, LookupError, NomenclatureError};
pub use level::Level;

use search::TitleWords;

/// One nomenclature: its codes at five levels, with their titles.
#[derive(Debug)]
pub struct Nomenclature {
    id: String,
    entries: Vec<Entry>,
    places: HashMap<Code, usize>,
    title_words: Vec<TitleWords>,
}

/// A code and what the nomenclature says of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The code.
    pub code: Code,
    /// Its level.
    pub level: Level,
    /// The code one level up; none for a section.
    pub parent: Option<Code>,
    /// Its title, in French.
    pub title: String,
    /// How many establishments of the Sirene register bore this sub-class, where known: a weight between sub-classes,
    /// not a census.
    pub establishments: Option<u64>,
}

impl Entry {
    fn free(label: &str) -> Self {
        let (code, title) = (Code::free(label), label.to_owned());
        Self { code, level: Level::SubClass, parent: None, title, establishments: None }
    }
}

impl Nomenclature {
    /// Labels of no nomenclature, each its own title, without a level above.
    pub fn of_labels(id: &str, labels: &[String]) -> Self {
        let entries: Vec<Entry> = labels.iter().map(|label| Entry::free(label)).collect();
        let places = entries.iter().enumerate().map(|(place, entry)| (entry.code.clone(), place)).collect();
        let title_words = entries.iter().map(|entry| search::words(&entry.title)).collect();
        Self { id: id.to_owned(), entries, places, title_words }
    }

    /// Its id, such as `naf2008`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Every entry, in the order of the file: each one is followed by those below it.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The sub-classes, in the order of the file.
    pub fn sub_classes(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.level == Level::SubClass)
    }

    /// The entry of a code of any level.
    pub fn entry(&self, code: &Code) -> Option<&Entry> {
        self.places.get(code).and_then(|place| self.entries.get(*place))
    }

    /// The sub-class that a text names: a code in any form, or a free label as it is.
    pub fn sub_class(&self, text: &str) -> Option<&Entry> {
        let code = text.parse::<Code>().ok();
        let entry = code.and_then(|code| self.entry(&code)).or_else(|| self.entry(&Code::free(text)));
        entry.filter(|entry| entry.level == Level::SubClass)
    }

    /// The codes above this one, from the section down, itself excluded: `S 96 960 9602` for 9602A. Empty for a
    /// section and for an unknown code.
    pub fn path(&self, code: &Code) -> Vec<Code> {
        let mut path: Vec<Code> = self.above(code).map(|entry| entry.code.clone()).collect();
        path.reverse();
        path
    }

    /// The entries one level below a code; the sections for none.
    pub fn children(&self, parent: Option<&Code>) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.parent.as_ref() == parent)
    }

    /// The entry of a code and every entry below it, in the order of the file.
    pub fn within(&self, code: &Code) -> impl Iterator<Item = &Entry> {
        let is_within = |entry: &Entry| entry.code == *code || self.above(&entry.code).any(|above| above.code == *code);
        self.entries.iter().filter(move |entry| is_within(entry))
    }

    /// How many entries a level has.
    pub fn count(&self, level: Level) -> usize {
        self.entries.iter().filter(|entry| entry.level == level).count()
    }

    /// The entries above a code, from its parent up to the section.
    fn above(&self, code: &Code) -> impl Iterator<Item = &Entry> {
        let parent = |entry: &Entry| entry.parent.as_ref().and_then(|parent| self.entry(parent));
        successors(self.entry(code).and_then(parent), move |entry| parent(entry))
    }

    /// The first code that differs from this one by its last character alone.
    fn nearest(&self, code: &Code) -> Option<&Code> {
        let mut start = code.to_string();
        start.pop();
        if start.len() < 2 {
            return None;
        }
        let mut same_level = self.entries.iter().map(|entry| &entry.code).filter(|other| other.level() == code.level());
        same_level.find(|other| other.as_str().starts_with(&start))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, LazyLock};

    use super::*;

    pub(super) fn naf(id: &str) -> Arc<Nomenclature> {
        static EMBEDDED: LazyLock<Nomenclatures> = LazyLock::new(|| Nomenclatures::embedded().unwrap());
        Arc::clone(EMBEDDED.get(id).unwrap())
    }

    pub(super) fn code(text: &str) -> Code {
        text.parse().unwrap()
    }

    pub(super) fn codes<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Vec<&'a str> {
        entries.into_iter().map(|entry| entry.code.as_str()).collect()
    }

    #[test]
    fn a_path_goes_from_the_section_down() {
        let naf2008 = naf("naf2008");
        let path = |text| naf2008.path(&code(text)).iter().map(Code::to_string).collect::<Vec<_>>();
        assert_eq!(path("9602A"), ["S", "96", "960", "9602"]);
        assert_eq!(path("96"), ["S"]);
        assert!(path("S").is_empty());
        assert!(path("9602Z").is_empty());
    }

    #[test]
    fn children_are_one_level_down() {
        let naf2008 = naf("naf2008");
        assert_eq!(naf2008.children(None).count(), 21);
        assert_eq!(codes(naf2008.children(Some(&code("9602")))), ["9602A", "9602B"]);
        assert_eq!(naf2008.children(Some(&code("9602A"))).count(), 0);
    }

    #[test]
    fn within_a_code_is_the_code_and_all_below_it() {
        let naf2008 = naf("naf2008");
        assert_eq!(codes(naf2008.within(&code("9602"))), ["9602", "9602A", "9602B"]);
        assert_eq!(codes(naf2008.within(&code("T"))).len(), 12);
    }

    #[test]
    fn free_labels_are_sub_classes_with_nothing_above_them() {
        let labels = ["coiffure".to_owned(), "9602A".to_owned()];
        let free = Nomenclature::of_labels("essai", &labels);
        assert_eq!(free.sub_class("9602A").unwrap().title, "9602A");
        assert!(free.path(&Code::free("coiffure")).is_empty());
        assert_eq!((free.sub_class("96.02A"), naf("naf2008").sub_class("coiffure")), (None, None));
        assert_eq!(naf("naf2008").sub_class("96.02a").unwrap().code, code("9602A"));
    }

    #[test]
    fn an_entry_has_what_the_file_says() {
        let naf2008 = naf("naf2008");
        let entry = naf2008.entry(&code("0610Z")).unwrap();
        assert_eq!((entry.level, entry.establishments), (Level::SubClass, Some(12)));
        assert_eq!((entry.title.as_str(), &entry.parent), ("Extraction de pétrole brut", &Some(code("0610"))));
    }

    #[test]
    fn the_nearest_code_differs_by_its_last_character() {
        let naf2008 = naf("naf2008");
        let nearest = |text| naf2008.nearest(&code(text)).map(Code::as_str);
        assert_eq!(nearest("9602Z"), Some("9602A"));
        assert_eq!(nearest("969"), Some("960"));
        assert_eq!((nearest("9912A"), nearest("04")), (None, None));
    }
}
