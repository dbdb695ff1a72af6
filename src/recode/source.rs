//! The rows of one file, a chunk at a time. A reading can begin wherever an earlier chunk ended, and gives the same
//! rows as going on would have. Memory holds one chunk, whatever the size of the file.

use std::path::PathBuf;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use serde::{Deserialize, Serialize};

mod bounded_records;
mod csv;
mod decompression;
mod error;
mod header;
mod lines;
mod ndjson;
mod parquet;
#[cfg(test)]
mod samples;

use self::csv::CsvRows;
use self::ndjson::NdjsonRows;
use self::parquet::ParquetRows;
use super::format::{Compression, Format};

pub use self::decompression::Taken;
pub use self::error::SourceError;

/// The longest row of a text file: a longer one is a quote that nobody closed, or no text.
const MOST_ROW_BYTES: u64 = 1 << 20;

/// How much text a chunk holds before it is handed out, however few its rows.
const MOST_CHUNK_BYTES: u64 = 16 << 20;

/// The most columns of a text file: each costs memory in every chunk.
const MOST_COLUMNS: usize = 10_000;

/// The mark that some programs put before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A file to read.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Its name as the user knows it, for messages.
    pub name: String,
    /// How its rows are written.
    pub format: Format,
    /// How it is compressed.
    pub compression: Compression,
    /// How many of its bytes were taken by whoever reads it.
    pub taken: Taken,
}

/// What the name of a text file does not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceOptions {
    /// What stands between two columns. By default a tab in TSV; in CSV a comma or a semicolon, whichever the first
    /// line has more of.
    pub delimiter: Option<u8>,
    /// Whether a column may be quoted. By default yes in CSV, and no in TSV, where a quote is a character like others.
    pub quoting: Option<bool>,
}

/// Where a reading stands: between two rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// How many rows come before it.
    pub row: u64,
    /// The byte of the decompressed text where the next row begins; 0 in Parquet.
    pub byte: u64,
}

/// Some rows that follow each other.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// The rows that can be read.
    pub rows: RecordBatch,
    /// The number of each of them in the file, from 1. A header has none. A blank line has none in CSV and TSV; in
    /// NDJSON it has one, which then appears nowhere.
    pub numbers: Vec<u64>,
    /// The rows between them that cannot be read, in their order.
    pub unreadable: Vec<UnreadableRow>,
    /// Where the next chunk begins.
    pub end: Position,
}

/// A row that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableRow {
    /// Its number in the file, from 1.
    pub row: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// An open file.
pub struct Source {
    file: String,
    rows: Box<dyn Rows>,
    failed: bool,
}

/// What each format has to offer.
trait Rows: Send {
    /// The columns.
    fn schema(&self) -> &SchemaRef;

    /// As [`Source::next`].
    fn next(&mut self, most: usize) -> Result<Option<Chunk>, SourceError>;

    /// As [`Source::total_rows`].
    fn total_rows(&self) -> Option<u64> {
        None
    }
}

impl Source {
    /// Opens a file at its beginning, or where a chunk of an earlier reading ended. Its columns are always found where
    /// the file begins. CSV and TSV columns are text, and null where they are empty; NDJSON columns have the types that
    /// the first lines show; Parquet columns keep theirs.
    pub fn open(file: &SourceFile, options: &SourceOptions, at: Position) -> Result<Self, SourceError> {
        let rows: Box<dyn Rows> = match file.format {
            Format::Csv | Format::Tsv => Box::new(CsvRows::open(file, options, at)?),
            Format::Ndjson => Box::new(NdjsonRows::open(file, at)?),
            Format::Parquet => Box::new(ParquetRows::open(file, at)?),
        };
        Ok(Self { file: file.name.clone(), rows, failed: false })
    }

    /// The columns.
    pub fn schema(&self) -> &SchemaRef {
        self.rows.schema()
    }

    /// How many rows the file has, where it says so.
    pub fn total_rows(&self) -> Option<u64> {
        self.rows.total_rows()
    }

    /// The next rows, at most `most` with those that cannot be read; `None` at the end of the file. A chunk may hold
    /// fewer rows, or none that can be read. After an error nothing more is read.
    pub fn next(&mut self, most: usize) -> Result<Option<Chunk>, SourceError> {
        if self.failed {
            return Err(SourceError::Failed { file: self.file.clone() });
        }
        let chunk = self.rows.next(most.max(1));
        self.failed = chunk.is_err();
        chunk
    }
}

#[cfg(test)]
mod tests {
    use super::samples::{Sample, compressed, numbered_csv, numbered_ndjson, numbered_parquet};
    use super::*;

    #[test]
    fn every_format_and_compression_resumes_from_every_chunk_end() {
        for (name, bytes) in [
            ("rows.csv", numbered_csv(',', "\n")),
            ("rows.csv", numbered_csv(';', "\r\n")),
            ("rows.tsv", numbered_csv('\t', "\n")),
            ("rows.ndjson", numbered_ndjson()),
        ] {
            for ending in ["", ".gz", ".zst"] {
                let sample = Sample::new(&format!("{name}{ending}"), &compressed(ending, &bytes));
                assert_eq!(sample.assert_it_resumes(), 10, "{name}{ending}");
            }
        }
        let sample = Sample::new("rows.parquet", &numbered_parquet(3));
        assert_eq!(sample.assert_it_resumes(), 10);
    }

    #[test]
    fn a_file_that_became_shorter_is_refused() {
        for (name, bytes) in [
            ("rows.csv", numbered_csv(',', "\n")),
            ("rows.csv.gz", compressed(".gz", &numbered_csv(',', "\n"))),
            ("rows.parquet", numbered_parquet(3)),
        ] {
            let sample = Sample::new(name, &bytes);
            let opened = Source::open(&sample.file, &SourceOptions::default(), Position { row: 11, byte: 9_999 });
            let error = opened.map(|_| ()).unwrap_err();
            assert!(matches!(error, SourceError::Shorter { .. }), "{name}: {error}");
        }
    }

    #[test]
    fn an_error_is_never_followed_by_the_end_of_the_file() {
        let bytes = compressed(".gz", &numbered_csv(',', "\n").repeat(20_000));
        let sample = Sample::new("rows.csv.gz", bytes.get(..bytes.len() - 4).unwrap());
        let mut source = Source::open(&sample.file, &SourceOptions::default(), Position::default()).unwrap();
        let first = loop {
            match source.next(1_000) {
                Ok(chunk) => assert!(chunk.is_some(), "the end of a truncated file was taken for its end"),
                Err(error) => break error,
            }
        };
        assert!(first.to_string().contains("rows.csv.gz"), "{first}");
        assert!(matches!(source.next(1_000), Err(SourceError::Failed { .. })));
    }

    #[test]
    fn a_missing_file_and_a_directory_are_named() {
        let sample = Sample::new("rows.csv", b"a\n1\n");
        for path in [sample.file.path.with_file_name("none.csv"), sample.file.path.parent().unwrap().to_owned()] {
            for (format, compression) in [(Format::Csv, Compression::None), (Format::Parquet, Compression::None)] {
                let (name, taken) = ("the name".to_owned(), Taken::default());
                let file = SourceFile { path: path.clone(), name, format, compression, taken };
                let opened = Source::open(&file, &SourceOptions::default(), Position::default());
                assert!(opened.map(|_| ()).unwrap_err().to_string().contains("the name"));
            }
        }
    }
}
