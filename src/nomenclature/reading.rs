//! Nomenclatures read from CSV: whatever is wrong is refused, with its file and line.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::search::words;
use super::{Code, Entry, Fault, Level, Nomenclature, NomenclatureError};

impl Nomenclature {
    /// Reads the columns `code,level,parent,title` and, where there is one, `establishments`; other columns are passed
    /// over. `expected` is the number of codes at each level of [`Level::ALL`].
    ///
    /// # Errors
    /// A line that is malformed, a code that is there twice, a parent that is not of the level just above, a wrong
    /// number of codes: the error names `{id}.csv` and the line or the level.
    pub fn from_csv(id: &str, text: &str, expected: [usize; 5]) -> Result<Self, NomenclatureError> {
        let file = format!("{id}.csv");
        let mut read = Self { id: id.to_owned(), entries: Vec::new(), places: HashMap::new(), title_words: Vec::new() };
        let mut lines = Vec::new();
        for (line, row) in rows::<Row>(&file, text)? {
            read.add(row).map_err(|fault| at(&file, line, fault))?;
            lines.push(line);
        }
        for (entry, line) in read.entries.iter().zip(lines) {
            read.check_parent(entry).map_err(|fault| at(&file, line, fault))?;
        }
        for (level, expected) in Level::ALL.into_iter().zip(expected) {
            let found = read.count(level);
            if found != expected {
                return Err(NomenclatureError::Count { file, level, expected, found });
            }
        }
        Ok(read)
    }

    fn add(&mut self, row: Row) -> Result<(), Fault> {
        let entry = Entry::try_from(row)?;
        if self.places.insert(entry.code.clone(), self.entries.len()).is_some() {
            return Err(Fault::Duplicate(entry.code));
        }
        self.title_words.push(words(&entry.title));
        self.entries.push(entry);
        Ok(())
    }

    fn check_parent(&self, entry: &Entry) -> Result<(), Fault> {
        let Entry { code, parent, .. } = entry;
        let parent_level = parent.as_ref().and_then(|parent| self.entry(parent)).map(|parent| parent.level);
        // A division does not begin with the letter of its section, every other code begins with its parent.
        let begins_with =
            |parent: &Code| parent.level() == Level::Section || code.as_str().starts_with(parent.as_str());
        if parent_level == code.level().above() && parent.as_ref().is_none_or(begins_with) {
            return Ok(());
        }
        Err(Fault::Parent { code: code.clone(), parent: parent.clone() })
    }
}

/// Every row of a CSV text with its line, the header being line 1.
pub(super) fn rows<T: DeserializeOwned>(file: &str, text: &str) -> Result<Vec<(u64, T)>, NomenclatureError> {
    let line_of = |position: Option<&csv::Position>| position.map_or(1, csv::Position::line);
    let unreadable = |error: csv::Error| at(file, line_of(error.position()), error.into());
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headers = reader.headers().map_err(unreadable)?.clone();
    let mut rows = Vec::new();
    for record in reader.into_records() {
        let record = record.map_err(unreadable)?;
        let line = line_of(record.position());
        let row = record.deserialize(Some(&headers)).map_err(|error| at(file, line, error.into()))?;
        rows.push((line, row));
    }
    Ok(rows)
}

pub(super) fn at(file: &str, line: u64, fault: Fault) -> NomenclatureError {
    NomenclatureError::Line { file: file.to_owned(), line, fault }
}

#[derive(Deserialize)]
struct Row {
    code: String,
    level: String,
    parent: Option<String>,
    title: String,
    establishments: Option<u64>,
}

impl TryFrom<Row> for Entry {
    type Error = Fault;

    fn try_from(row: Row) -> Result<Self, Fault> {
        let code: Code = row.code.parse()?;
        let level = Level::from_french(&row.level).ok_or(Fault::UnknownLevel(row.level))?;
        if code.level() != level {
            return Err(Fault::WrongLevel { code, level });
        }
        if row.title.trim().is_empty() {
            return Err(Fault::NoTitle(code));
        }
        let parent = row.parent.map(|parent| parent.parse()).transpose()?;
        Ok(Self { code, level, parent, title: row.title, establishments: row.establishments })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "code,level,parent,title\nS,section,,AUTRES\n96,division,S,Services\n960,groupe,96,Services\n\
                        9602,classe,960,Coiffure et soins\n9602A,sous-classe,9602,Coiffure\n";

    fn refusal(of: &str, by: &str) -> String {
        let text = GOOD.replace(of, by);
        assert_ne!(text, GOOD);
        Nomenclature::from_csv("small", &text, [1; 5]).unwrap_err().to_string()
    }

    #[test]
    fn a_good_file_is_read() {
        let small = Nomenclature::from_csv("small", GOOD, [1; 5]).unwrap();
        assert_eq!(small.entries().len(), 5);
        assert_eq!(small.entries()[4].establishments, None);
    }

    #[test]
    fn a_bad_line_is_named() {
        for (of, by, expected) in [
            ("9602A,", "9602,", "small.csv, line 6: 9602 is written as a class, the line says sub-class"),
            ("9602A,", "96-02A,", "small.csv, line 6: \"96-02A\" is not a code"),
            ("groupe", "group", "small.csv, line 4: unknown level \"group\""),
            ("960,Coiffure", "961,Coiffure", "small.csv, line 5: the parent of 9602 must be a group"),
            ("9602,Coiffure", "960,Coiffure", "small.csv, line 6: the parent of 9602A must be a class"),
            ("96,division,S", "96,division,", "small.csv, line 3: the parent of 96 must be a section"),
            ("S,section,", "S,section,96", "small.csv, line 2: the parent of S must be empty, found 96"),
            (",Coiffure\n", ", \n", "small.csv, line 6: 9602A has no title"),
            (",Coiffure\n", ",Coiffure,x\n", "small.csv, line 6: CSV error"),
            (",Coiffure\n", ",Coiffure\n9602A,sous-classe,9602,Coiffure\n", "small.csv, line 7: 9602A is there twice"),
            ("title\n", "titel\n", "small.csv, line 2: CSV deserialize error"),
        ] {
            let message = refusal(of, by);
            assert!(message.starts_with(expected), "{message}");
        }
    }

    #[test]
    fn a_parent_whose_digits_are_others_is_refused() {
        let message = refusal("9602A,", "9603A,");
        assert!(message.starts_with("small.csv, line 6: the parent of 9603A must be a class"), "{message}");
    }

    #[test]
    fn a_missing_line_is_missed() {
        let expected = "small.csv: 0 codes of level sub-class, expected 1: the file is not complete or not this one";
        assert_eq!(refusal("9602A,sous-classe,9602,Coiffure\n", ""), expected);
    }
}
