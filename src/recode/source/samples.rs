//! Small files for tests, and the rows that are read from them.

use std::fmt::Display;
use std::io::Write;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use tempfile::TempDir;

use super::{Position, Source, SourceError, SourceFile, SourceOptions, Taken};
use crate::recode::format::Format;

/// A file in a directory of its own.
pub(super) struct Sample {
    pub(super) file: SourceFile,
    _directory: TempDir,
}

/// What was read from a file.
#[derive(Debug)]
pub(super) struct Read {
    /// "1: first column|second column".
    pub(super) rows: Vec<String>,
    /// "2: reason".
    pub(super) unreadable: Vec<String>,
    /// For every chunk its end, and how many rows and unreadable rows had been read there.
    ends: Vec<(Position, usize, usize)>,
}

impl Sample {
    pub(super) fn new(name: &str, bytes: &[u8]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let (format, compression) = Format::of(name).unwrap();
        Self {
            file: SourceFile { path, name: name.to_owned(), format, compression, taken: Taken::default() },
            _directory: directory,
        }
    }

    pub(super) fn read(&self) -> Result<Read, SourceError> {
        self.read_from(Position::default(), 1_000)
    }

    fn read_from(&self, at: Position, most: usize) -> Result<Read, SourceError> {
        let mut source = Source::open(&self.file, &SourceOptions::default(), at)?;
        let mut read = Read { rows: Vec::new(), unreadable: Vec::new(), ends: Vec::new() };
        while let Some(chunk) = source.next(most)? {
            assert!(chunk.rows.num_rows() + chunk.unreadable.len() <= most);
            assert_eq!(chunk.rows.num_rows(), chunk.numbers.len());
            let options = FormatOptions::default().with_null("null");
            let columns: Vec<ArrayFormatter<'_>> =
                chunk.rows.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
            for (row, number) in chunk.numbers.iter().enumerate() {
                let cells: Vec<String> = columns.iter().map(|column| column.value(row).to_string()).collect();
                read.rows.push(numbered(number, cells.join("|")));
            }
            read.unreadable.extend(chunk.unreadable.iter().map(|row| numbered(&row.row, &row.reason)));
            read.ends.push((chunk.end, read.rows.len(), read.unreadable.len()));
        }
        Ok(read)
    }

    /// Reads it in chunks of several sizes, and again from the end of every chunk. Returns how many rows it has.
    pub(super) fn assert_it_resumes(&self) -> usize {
        let all = self.read().unwrap();
        for most in [1, 2, 3, 7] {
            let read = self.read_from(Position::default(), most).unwrap();
            assert_eq!((&read.rows, &read.unreadable), (&all.rows, &all.unreadable), "in chunks of {most}");
            for (end, rows, unreadable) in &read.ends {
                let rest = self.read_from(*end, 2).unwrap();
                assert_eq!(rest.rows, all.rows[*rows..], "from {end:?}");
                assert_eq!(rest.unreadable, all.unreadable[*unreadable..], "from {end:?}");
            }
        }
        all.rows.len()
    }
}

fn numbered(row: &u64, what: impl Display) -> String {
    format!("{row}: {what}")
}

/// Bytes compressed as the ending of a name says.
pub(super) fn compressed(ending: &str, bytes: &[u8]) -> Vec<u8> {
    match ending {
        ".gz" => {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        ".zst" => zstd::encode_all(bytes, 1).unwrap(),
        _ => bytes.to_vec(),
    }
}

/// Ten rows of three columns.
pub(super) fn numbered_csv(delimiter: char, line_break: &str) -> Vec<u8> {
    let lines = (1..=10).map(|row| format!("{row}{delimiter}text é {row}{delimiter}{line_break}"));
    let header = format!("id{delimiter}text{delimiter}empty{line_break}");
    std::iter::once(header).chain(lines).collect::<String>().into_bytes()
}

/// Ten rows of two fields.
pub(super) fn numbered_ndjson() -> Vec<u8> {
    (1..=10).map(|row| format!("{{\"id\":{row},\"text\":\"é {row}\"}}\n")).collect::<String>().into_bytes()
}

/// Ten rows of three columns, in groups of some rows.
pub(super) fn numbered_parquet(group_rows: usize) -> Vec<u8> {
    let columns: [(&str, ArrayRef); 3] = [
        ("id", Arc::new(Int64Array::from_iter_values(1..=10))),
        ("text", Arc::new(StringArray::from_iter_values((1..=10).map(|row| format!("text {row}"))))),
        ("surface", Arc::new(Float64Array::from_iter_values((1..=10).map(|row| f64::from(row) + 0.5)))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group_rows)).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}
