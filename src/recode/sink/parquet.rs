//! Rows as Parquet. Nothing of the time or the machine is written in it.

use std::io::BufWriter;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::hashed_file::{HashedFile, closed};
use super::{Cause, RowWriter, SinkOptions};
use crate::model::digest::FileDigest;

/// Rows of a row group: what is held in memory until it is full.
const ROW_GROUP: usize = 131_072;
/// The same for every build of a version.
const CREATED_BY: &str = concat!("codif version ", env!("CARGO_PKG_VERSION"));
/// zstd rather than snappy: it codes letters by how frequent they are, and the low bytes of probabilities, which are
/// zero, in next to nothing; snappy finds repeated pieces alone. At its lowest level it takes little of a coding's time.
const ZSTD_LEVEL: i32 = 1;

/// The rows of one part.
pub struct ParquetRows(ArrowWriter<BufWriter<HashedFile>>);

impl ParquetRows {
    /// No rows yet.
    pub fn new(file: BufWriter<HashedFile>, schema: &Schema, options: &SinkOptions) -> Result<Self, Cause> {
        let schema = written(schema);
        let properties = properties(&schema, options)?;
        Ok(Self(ArrowWriter::try_new(file, schema, Some(properties))?))
    }
}

impl RowWriter for ParquetRows {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), Cause> {
        Ok(self.0.write(rows)?)
    }

    fn finish(mut self: Box<Self>) -> Result<FileDigest, Cause> {
        self.0.finish()?;
        Ok(closed(self.0.inner_mut())?)
    }
}

/// The columns alone: what the input says of itself beside them (pandas' index) need not be true of what is written.
pub fn written(schema: &Schema) -> SchemaRef {
    Arc::new(Schema::new(schema.fields().clone()))
}

/// How parts and joined files are written.
pub fn properties(schema: &Schema, options: &SinkOptions) -> Result<WriterProperties, ParquetError> {
    let mut properties = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_max_row_group_row_count(Some(ROW_GROUP));
    for column in ArrowSchemaConverter::new().convert(schema)?.columns() {
        if column.path().parts().first().is_some_and(|name| options.unrepeated.contains(name)) {
            properties = properties.set_column_dictionary_enabled(column.path().clone(), false);
        }
    }
    Ok(properties.build())
}
