//! The rows that could not be coded, as a table of their own: file, row, code and reason.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::error::RecodeError;
use super::format::{Compression, Format};
use super::sink::SinkOptions;

/// Bad rows of a file: number, code and reason of each.
pub fn table(file: &str, rows: &[(u64, &str, String)]) -> Result<RecordBatch, RecodeError> {
    let columns: [ArrayRef; 4] = [
        Arc::new(StringArray::from_iter_values(rows.iter().map(|_| file))),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|(row, ..)| *row as i64))),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|(_, code, _)| code))),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|(.., reason)| reason))),
    ];
    let table = RecordBatch::try_new(schema(), columns.to_vec());
    table.map_err(|error| RecodeError::Internal(error.to_string()))
}

/// The columns of the table.
pub fn schema() -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    Arc::new(Schema::new(vec![text("file"), Field::new("row", DataType::Int64, false), text("code"), text("reason")]))
}

/// How it is written.
pub fn options() -> SinkOptions {
    SinkOptions { format: Format::Parquet, compression: Compression::None, delimiter: None, unrepeated: Vec::new() }
}
