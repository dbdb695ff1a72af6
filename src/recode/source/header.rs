//! The first line of a CSV or TSV file, which names its columns.

use std::collections::HashSet;
use std::io::Read;

use csv::StringRecord;

use super::bounded_records::{BUFFER, BoundedRecords};
use super::decompression;
use super::{BYTE_ORDER_MARK, MOST_COLUMNS, MOST_ROW_BYTES, Position, SourceError, SourceFile, SourceOptions};
use crate::recode::format::Format;

/// The first line.
pub(super) struct Header {
    /// The names of the columns.
    pub(super) names: Vec<String>,
    /// How the lines are to be read.
    pub(super) dialect: Dialect,
    /// The byte where the rows begin.
    pub(super) end: u64,
}

/// How lines are cut into columns.
#[derive(Clone, Copy)]
pub(super) struct Dialect {
    delimiter: u8,
    quoting: bool,
}

impl Header {
    /// Reads it where the file begins.
    pub(super) fn read(file: &SourceFile, options: &SourceOptions) -> Result<Self, SourceError> {
        let whole = |reason: String| SourceError::Whole { file: file.name.clone(), reason };
        let mut beginning = Vec::new();
        decompression::open(file, Position::default())?
            .take(MOST_ROW_BYTES + 1)
            .read_to_end(&mut beginning)
            .map_err(|cause| SourceError::Unreadable { file: file.name.clone(), row: 0, cause })?;
        let text = beginning.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&beginning);
        let mark = (beginning.len() - text.len()) as u64;
        let dialect = Dialect::of(file.format, options, text);
        let mut reader = dialect.reader(text);
        let mut names = StringRecord::new();
        let found = reader.read_record(&mut names);
        let end = reader.position().byte().min(reader.get_ref().handed_on());
        if end > MOST_ROW_BYTES || (matches!(found, Ok(true)) && reader.get_ref().is_past_the_end()) {
            return Err(whole("its first line does not end: a quote in it may not be closed".to_owned()));
        }
        match found {
            Ok(true) => {}
            Ok(false) => return Err(whole("it is empty: its first line should name its columns".to_owned())),
            Err(_) => return Err(whole("its first line is not valid UTF-8: save the file as UTF-8".to_owned())),
        }
        let names: Vec<String> = names.iter().map(str::to_owned).collect();
        check(&names).map_err(whole)?;
        Ok(Self { names, dialect, end: mark + end })
    }
}

/// Rows find their columns by name: each needs one, and its own.
fn check(names: &[String]) -> Result<(), String> {
    if names.len() > MOST_COLUMNS {
        return Err(format!("it has {} columns: at most {MOST_COLUMNS} are read", names.len()));
    }
    if let Some(place) = names.iter().position(String::is_empty) {
        return Err(format!("its column {} has no name: give it one in the first line", place + 1));
    }
    let mut known = HashSet::new();
    match names.iter().find(|name| !known.insert(name.as_str())) {
        Some(name) => Err(format!("two of its columns are named {name:?}: rename one in the first line")),
        None => Ok(()),
    }
}

impl Dialect {
    fn of(format: Format, options: &SourceOptions, text: &[u8]) -> Self {
        let tabs = format == Format::Tsv;
        let delimiter = options.delimiter.unwrap_or_else(|| if tabs { b'\t' } else { more_frequent(text) });
        Self { delimiter, quoting: options.quoting.unwrap_or(!tabs) }
    }

    /// A reader of records, of any number of columns each.
    pub(super) fn reader<R: Read>(self, bytes: R) -> csv::Reader<BoundedRecords<R>> {
        csv::ReaderBuilder::new()
            .delimiter(self.delimiter)
            .quoting(self.quoting)
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(BUFFER)
            .from_reader(BoundedRecords::new(bytes))
    }
}

/// A comma or a semicolon, whichever the first line has more of outside of quotes.
fn more_frequent(text: &[u8]) -> u8 {
    let mut quoted = false;
    let (mut commas, mut semicolons) = (0_usize, 0_usize);
    for byte in text.trim_ascii_start() {
        match byte {
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'\n' | b'\r' => break,
            b',' => commas += 1,
            b';' => semicolons += 1,
            _ => {}
        }
    }
    if semicolons > commas { b';' } else { b',' }
}
