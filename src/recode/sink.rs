//! A part file: rows in one format, closed with size and digest of its bytes. The same rows give the same bytes. Parts
//! are joined into one file by [`join`].

use std::error::Error;
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind};
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Schema, SchemaRef};

use self::csv::CsvRows;
use self::hashed_file::HashedFile;
use self::ndjson::NdjsonRows;
use self::parquet::ParquetRows;
use super::format::{Compression, Format};
use crate::model::digest::FileDigest;

mod compressor;
mod csv;
mod hashed_file;
mod joining;
mod ndjson;
mod parquet;

pub use self::joining::join;

/// Bytes gathered before they are written: few, because a file for each of many folders may be open.
const BUFFER: usize = 64 << 10;

/// How a file is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkOptions {
    /// The format.
    pub format: Format,
    /// How the whole file is compressed. Parquet compresses its own pages.
    pub compression: Compression,
    /// What separates the cells of CSV and TSV: comma and tab unless given.
    pub delimiter: Option<u8>,
    /// Columns whose values hardly ever repeat: no dictionary is tried for them in Parquet.
    pub unrepeated: Vec<String>,
}

impl Default for SinkOptions {
    fn default() -> Self {
        Self { format: Format::Parquet, compression: Compression::None, delimiter: None, unrepeated: Vec::new() }
    }
}

impl SinkOptions {
    fn delimiter(&self) -> u8 {
        let usual = if self.format == Format::Tsv { b'\t' } else { b',' };
        self.delimiter.unwrap_or(usual)
    }
}

/// A file that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", .file.display())]
pub struct SinkError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong.
    pub fault: SinkFault,
}

/// What helps where a disk is full, on a command line.
pub const FREE_SOME: &str = "free some, then run the same command again";

/// Why a file cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum SinkFault {
    /// The disk is full, or what the user may fill of it.
    #[error("no space left on device: {}", FREE_SOME)]
    Full,
    /// Writing failed in another way.
    #[error("it cannot be written: {0}")]
    Unwritten(Cause),
    /// A part that is joined cannot be read.
    #[error("it cannot be read: {0}")]
    Unread(Cause),
    /// A column of lists or the like in a format of plain cells.
    #[error("the column {column:?} holds {kind}, too much for a cell: leave it out with --keep, or write .parquet")]
    Nested {
        /// The column.
        column: String,
        /// The type of what it holds.
        kind: DataType,
    },
    /// Rows of other columns than those of the file.
    #[error("rows of other columns than its own came to be written")]
    OtherColumns,
}

/// What went wrong below.
pub type Cause = Box<dyn Error + Send + Sync>;

/// A part that is being written.
pub struct PartWriter {
    path: PathBuf,
    schema: SchemaRef,
    rows: Box<dyn RowWriter>,
}

/// Rows in one format.
trait RowWriter: Send {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), Cause>;
    /// Everything is on the disk when it returns.
    fn finish(self: Box<Self>) -> Result<FileDigest, Cause>;
}

impl PartWriter {
    /// An empty part; a file that is there already is replaced.
    pub fn create(path: &Path, schema: SchemaRef, options: &SinkOptions) -> Result<Self, SinkError> {
        let failed = |cause: Cause| unwritten(path, cause);
        if matches!(options.format, Format::Csv | Format::Tsv) {
            refuse_nested(path, &schema)?;
        }
        let file = File::create(path).map_err(|error| failed(error.into()))?;
        let file = BufWriter::with_capacity(BUFFER, HashedFile::new(file));
        let rows = match options.format {
            Format::Csv | Format::Tsv => CsvRows::new(file, options).map(boxed),
            Format::Ndjson => NdjsonRows::new(file, options).map(boxed),
            Format::Parquet => ParquetRows::new(file, &schema, options).map(boxed),
        };
        Ok(Self { path: path.to_owned(), schema, rows: rows.map_err(failed)? })
    }

    /// Adds rows after those written.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<(), SinkError> {
        // Parquet's writer takes it for granted.
        let kinds = rows.schema_ref().fields().iter().map(|field| field.data_type());
        if !kinds.eq(self.schema.fields().iter().map(|field| field.data_type())) {
            return Err(SinkError { file: self.path.clone(), fault: SinkFault::OtherColumns });
        }
        self.rows.write(rows).map_err(|cause| unwritten(&self.path, cause))
    }

    /// Size and digest of the file, once all of it is on the disk.
    pub fn finish(self) -> Result<FileDigest, SinkError> {
        self.rows.finish().map_err(|cause| unwritten(&self.path, cause))
    }
}

/// What a joined file begins with: the names of the columns in CSV and TSV, nothing in the others.
pub fn header(schema: &Schema, options: &SinkOptions) -> Vec<u8> {
    match options.format {
        Format::Csv | Format::Tsv => self::csv::header(schema, options),
        Format::Ndjson | Format::Parquet => Vec::new(),
    }
}

fn boxed(rows: impl RowWriter + 'static) -> Box<dyn RowWriter> {
    Box::new(rows)
}

fn refuse_nested(path: &Path, schema: &Schema) -> Result<(), SinkError> {
    let Some(nested) = schema.fields().iter().find(|field| field.data_type().is_nested()) else { return Ok(()) };
    let fault = SinkFault::Nested { column: nested.name().clone(), kind: nested.data_type().clone() };
    Err(SinkError { file: path.to_owned(), fault })
}

fn unwritten(path: &Path, cause: impl Into<Cause>) -> SinkError {
    let cause = cause.into();
    let fault = if is_full(cause.as_ref()) { SinkFault::Full } else { SinkFault::Unwritten(cause) };
    SinkError { file: path.to_owned(), fault }
}

/// Whether there is no space left at the bottom of an error.
fn is_full(cause: &(dyn Error + 'static)) -> bool {
    if let Some(error) = cause.downcast_ref::<io::Error>() {
        let full = matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
        return full || error.get_ref().is_some_and(|within| is_full(within));
    }
    cause.source().is_some_and(is_full)
}

#[cfg(test)]
mod tests;
