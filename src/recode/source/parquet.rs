//! Parquet: all columns with their types, in batches cut to what is asked for.

use std::fmt::Display;
use std::fs::File;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::basic::Compression;
use parquet::file::metadata::ParquetMetaData;

use super::{Chunk, Position, Rows, SourceError, SourceFile};
use crate::process::caught;

/// Rows that are decoded at once.
const BATCH_ROWS: usize = 1_024;

/// An open Parquet file.
pub(super) struct ParquetRows {
    file: String,
    schema: SchemaRef,
    /// None where there is no row left.
    batches: Option<ParquetRecordBatchReader>,
    /// Rows that were decoded and not asked for yet.
    pending: Option<RecordBatch>,
    row: u64,
    total: u64,
}

impl ParquetRows {
    pub(super) fn open(file: &SourceFile, at: Position) -> Result<Self, SourceError> {
        let whole = |reason: String| SourceError::Whole { file: file.name.clone(), reason };
        let opened =
            File::open(&file.path).map_err(|cause| SourceError::Unopened { file: file.name.clone(), cause })?;
        let builder = guarded(|| ParquetRecordBatchReaderBuilder::try_new(opened)).map_err(whole)?;
        // Without the notes that its writer left on the whole: they speak of the columns as they were.
        let schema = Arc::new(Schema::new(builder.schema().fields().clone()));
        check_compression(builder.metadata()).map_err(whole)?;
        let groups = row_groups(builder.metadata()).map_err(whole)?;
        let total: u64 = groups.iter().sum();
        if at.row > total {
            return Err(SourceError::Shorter { file: file.name.clone(), row: at.row });
        }
        let (first_group, offset) = place(&groups, at.row);
        let mut rows = Self { file: file.name.clone(), schema, batches: None, pending: None, row: at.row, total };
        if at.row < total {
            let builder = builder.with_row_groups((first_group..groups.len()).collect()).with_batch_size(BATCH_ROWS);
            let builder = if offset == 0 { builder } else { builder.with_offset(offset as usize) };
            rows.batches = Some(guarded(|| builder.build()).map_err(whole)?);
        }
        Ok(rows)
    }

    /// The rows that are decoded next; `None` when all were.
    fn batch(&mut self) -> Result<Option<RecordBatch>, SourceError> {
        if let Some(pending) = self.pending.take() {
            return Ok(Some(pending));
        }
        let row = self.row + 1;
        let wrong = |file: &str, reason: String| SourceError::Row { file: file.to_owned(), row, reason };
        while let Some(batches) = &mut self.batches {
            let decoded = guarded(|| batches.next().transpose()).map_err(|reason| wrong(&self.file, reason))?;
            let Some(batch) = decoded else { break };
            if batch.num_rows() > 0 {
                let named = batch.with_schema(self.schema.clone());
                return named.map(Some).map_err(|error| wrong(&self.file, error.to_string()));
            }
        }
        self.batches = None;
        if self.row != self.total {
            let reason = format!("the file should have {} rows and ends before this one: bring it again", self.total);
            return Err(wrong(&self.file, reason));
        }
        Ok(None)
    }
}

impl Rows for ParquetRows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn total_rows(&self) -> Option<u64> {
        Some(self.total)
    }

    fn next(&mut self, most: usize) -> Result<Option<Chunk>, SourceError> {
        let Some(mut rows) = self.batch()? else { return Ok(None) };
        if rows.num_rows() > most {
            self.pending = Some(rows.slice(most, rows.num_rows() - most));
            rows = rows.slice(0, most);
        }
        let begin = self.row;
        self.row += rows.num_rows() as u64;
        let numbers = (begin + 1..=self.row).collect();
        Ok(Some(Chunk { rows, numbers, unreadable: Vec::new(), end: Position { row: self.row, byte: 0 } }))
    }
}

/// The group that holds the next row after `row` rows, and how many rows of that group come before it.
fn place(groups: &[u64], row: u64) -> (usize, u64) {
    let mut offset = row;
    for (group, rows) in groups.iter().enumerate() {
        if offset < *rows {
            return (group, offset);
        }
        offset -= rows;
    }
    (groups.len(), 0)
}

/// How many rows each group has.
fn row_groups(metadata: &ParquetMetaData) -> Result<Vec<u64>, String> {
    let groups = metadata.row_groups().iter().map(|group| u32::try_from(group.num_rows()).map(u64::from));
    let damaged = "it is damaged: a row group has an impossible number of rows";
    groups.collect::<Result<Vec<u64>, _>>().map_err(|_| damaged.to_owned())
}

/// A codec that we do not have is told before hours of work, not when its first column comes.
fn check_compression(metadata: &ParquetMetaData) -> Result<(), String> {
    let mut columns = metadata.row_groups().iter().flat_map(|group| group.columns());
    let unknown = columns.find(|column| matches!(column.compression(), Compression::LZO | Compression::BROTLI(_)));
    let Some(column) = unknown else { return Ok(()) };
    let (path, compression) = (column.column_path().string(), column.compression());
    Err(format!("its column {path} is compressed by {compression}: write it with zstd, snappy, gzip or lz4"))
}

/// Work of the parquet crate, which panics on some damaged files.
fn guarded<T, E: Display>(work: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match caught(work) {
        Ok(done) => done.map_err(|error| format!("it cannot be read as Parquet: {error}")),
        Err(_) => Err("it cannot be read as Parquet: it is damaged, bring it again".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{Sample, numbered_parquet};
    use super::super::{Source, SourceOptions};
    use super::*;

    #[test]
    fn types_are_kept_and_a_chunk_never_holds_more_than_asked() {
        let sample = Sample::new("rows.parquet", &numbered_parquet(4));
        let mut source = Source::open(&sample.file, &SourceOptions::default(), Position::default()).unwrap();
        let types: Vec<String> = source.schema().fields().iter().map(|field| field.data_type().to_string()).collect();
        assert_eq!(types, ["Int64", "Utf8", "Float64"]);
        let mut rows = 0;
        while let Some(chunk) = source.next(3).unwrap() {
            assert!((1..=3).contains(&chunk.rows.num_rows()));
            assert_eq!(chunk.rows.schema(), *source.schema());
            rows += chunk.rows.num_rows();
        }
        assert_eq!(rows, 10);
        assert_eq!(sample.read().unwrap().rows.get(6).unwrap(), "7: 7|text 7|7.5");
    }

    #[test]
    fn the_group_of_a_row_is_found() {
        assert_eq!(place(&[3, 0, 4], 0), (0, 0));
        assert_eq!(place(&[3, 0, 4], 2), (0, 2));
        assert_eq!(place(&[3, 0, 4], 3), (2, 0));
        assert_eq!(place(&[3, 0, 4], 6), (2, 3));
        assert_eq!(place(&[3, 0, 4], 7), (3, 0));
    }

    #[test]
    fn a_file_cut_off_anywhere_is_an_error_that_names_it() {
        let bytes = numbered_parquet(3);
        for length in 0..bytes.len() {
            let error = Sample::new("rows.parquet", bytes.get(..length).unwrap()).read().unwrap_err().to_string();
            assert!(error.starts_with("rows.parquet"), "{error}");
        }
    }

    #[test]
    fn an_encrypted_file_is_told_as_one() {
        let mut bytes = numbered_parquet(3);
        let last = bytes.len() - 1;
        *bytes.get_mut(last).unwrap() = b'E';
        let error = Sample::new("rows.parquet", &bytes).read().unwrap_err().to_string();
        assert!(error.contains("rows.parquet") && error.contains("encrypt"), "{error}");
    }

    #[test]
    fn damaged_pages_never_end_the_program() {
        let bytes = numbered_parquet(3);
        for place in (4..bytes.len()).step_by(5) {
            let mut damaged = bytes.clone();
            *damaged.get_mut(place).unwrap() ^= 0xff;
            // Some bytes do not matter: all that is asked is an end, and the name of the file in an error.
            if let Err(error) = Sample::new("rows.parquet", &damaged).read() {
                assert!(error.to_string().starts_with("rows.parquet"), "{error}");
            }
        }
    }
}
