//! Coded activities read from TSV, CSV or Parquet files with named columns; every error names the file and the line.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::table::{self, Row};
use crate::coding::activity::{Activity, ActivityError, RawActivity};
use crate::coding::raw_activity::FIELDS;
use crate::nomenclature::{Code, Nomenclature};

/// An activity and the code it was given.
#[derive(Clone, Debug, PartialEq)]
pub struct CodedActivity {
    /// The activity.
    pub activity: Activity,
    /// Its code.
    pub code: Code,
    /// The cells of its line, as they were read.
    pub cells: Vec<String>,
}

/// Which columns of a file hold what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    /// The column of the code.
    pub code: String,
    /// The column of each field of an activity, where it is not the field's own name.
    pub fields: Vec<(String, String)>,
    /// The names of the columns, for a file without a header.
    pub header: Option<Vec<String>>,
}

/// A file of coded activities.
#[derive(Clone, Debug)]
pub struct Corpus {
    /// The names of its columns.
    pub header: Vec<String>,
    /// Its lines.
    pub lines: Vec<CodedActivity>,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// It cannot be opened.
    #[error("cannot read {}", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line cannot be read.
    #[error("{}, line {line}: {reason}", .file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// The line, from 1 (in Parquet the row, from 1).
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The file as a whole is at fault.
    #[error("{}: {reason}", .file.display())]
    Whole {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl Corpus {
    /// Reads a whole file. The first line at fault ends the reading.
    pub fn read(path: &Path, columns: &Columns, nomenclature: &Nomenclature) -> Result<Self, CorpusError> {
        let file = File::open(path).map_err(|source| CorpusError::Unreadable { file: path.to_owned(), source })?;
        let whole = |reason: String| CorpusError::Whole { file: path.to_owned(), reason };
        let (header, rows) = table::open(path, file, columns.header.as_deref()).map_err(whole)?;
        let places = Places::find(columns, &header).map_err(whole)?;
        let mut lines = Vec::new();
        for row in rows {
            let at = |line: u64, reason: String| CorpusError::Line { file: path.to_owned(), line, reason };
            let Row { line, cells } = row.map_err(|fault| at(fault.line, fault.reason))?;
            let faulty = |reason: String| at(line, reason);
            let code = places.code(&cells, nomenclature).map_err(faulty)?;
            let raw = places.activity(&cells).map_err(faulty)?;
            let activity = Activity::try_from(raw).map_err(|error: ActivityError| faulty(error.to_string()))?;
            lines.push(CodedActivity { activity, code, cells });
        }
        if lines.is_empty() {
            return Err(whole("it holds no coded activity".to_owned()));
        }
        Ok(Self { header, lines })
    }
}

/// Where the columns stand in a line.
struct Places {
    code: usize,
    fields: Vec<(&'static str, usize)>,
}

impl Places {
    fn find(columns: &Columns, header: &[String]) -> Result<Self, String> {
        let place = |name: &str| header.iter().position(|column| column == name);
        let missing = |name: &str| format!("there is no column {name:?}; its columns are {}", header.join(", "));
        let [_id, known @ ..] = FIELDS;
        if let Some((field, _)) = columns.fields.iter().find(|(field, _)| !known.contains(&field.as_str())) {
            return Err(format!("unknown field {field:?}; the fields are {}", known.join(", ")));
        }
        let mut fields = Vec::new();
        for field in known {
            let named = columns.fields.iter().find(|(known, _)| known == field).map(|(_, column)| column.as_str());
            match place(named.unwrap_or(field)) {
                Some(found) => fields.push((field, found)),
                None if named.is_some() || field == "description" => return Err(missing(named.unwrap_or(field))),
                None => {}
            }
        }
        let code = place(&columns.code).ok_or_else(|| missing(&columns.code))?;
        Ok(Self { code, fields })
    }

    fn code(&self, cells: &[String], nomenclature: &Nomenclature) -> Result<Code, String> {
        let text = cells.get(self.code).map(String::as_str).unwrap_or_default();
        let entry =
            nomenclature.sub_class(text).ok_or_else(|| format!("{text:?} is no sub-class of {}", nomenclature.id()))?;
        Ok(entry.code.clone())
    }

    fn activity(&self, cells: &[String]) -> Result<RawActivity, String> {
        let mut raw = RawActivity::default();
        for (field, place) in &self.fields {
            let Some(cell) = cells.get(*place).filter(|cell| !cell.trim().is_empty()) else { continue };
            let surface = |text: &str| text.trim().parse().map_err(|_| format!("the surface {text:?} is not a number"));
            match raw.text_field(field) {
                Some(text) => *text = Some(cell.clone()),
                None => raw.surface = Some(surface(cell)?),
            }
        }
        Ok(raw)
    }
}
