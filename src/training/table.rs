//! Rows of text cells out of a TSV, CSV or Parquet file, one at a time.

use std::fs::File;
use std::path::Path;

use arrow_array::{Array, RecordBatch, StringArray};
use arrow_cast::cast;
use arrow_schema::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// One row.
pub struct Row {
    /// Its line in the file, from 1 (in Parquet the row, from 1).
    pub line: u64,
    /// Its cells; an absent one is empty.
    pub cells: Vec<String>,
}

/// What is wrong with a row.
pub struct RowFault {
    /// Its line in the file, as in [`Row`].
    pub line: u64,
    /// The reason.
    pub reason: String,
}

/// The rows of a file.
pub type Rows = Box<dyn Iterator<Item = Result<Row, RowFault>>>;

/// Opens a file by its ending: `.tsv`, `.csv` or `.parquet`. `header` names the columns of a text file without header.
pub fn open(path: &Path, file: File, header: Option<&[String]>) -> Result<(Vec<String>, Rows), String> {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("tsv") => open_text(file, b'\t', header),
        Some("csv") => open_text(file, b',', header),
        Some("parquet") => open_parquet(file),
        _ => Err("its name ends in none of .tsv, .csv, .parquet: rename it after what it holds".to_owned()),
    }
}

fn open_text(file: File, delimiter: u8, header: Option<&[String]>) -> Result<(Vec<String>, Rows), String> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .quoting(delimiter == b',')
        .has_headers(header.is_none())
        .from_reader(file);
    let header = match header {
        Some(header) => header.to_vec(),
        None => reader.headers().map_err(|error| error.to_string())?.iter().map(str::to_owned).collect(),
    };
    let rows = reader.into_records().map(|record| {
        let record = record.map_err(|error| RowFault {
            line: error.position().map_or(0, csv::Position::line),
            reason: reason(&error),
        })?;
        let line = record.position().map_or(0, csv::Position::line);
        Ok(Row { line, cells: record.iter().map(str::to_owned).collect() })
    });
    Ok((header, Box::new(rows)))
}

/// The csv crate repeats the position in its messages: the line is given once, by us.
fn reason(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Utf8 { err, .. } => {
            format!("not valid UTF-8 in column {}: save the file as UTF-8", err.field() + 1)
        }
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("it has {len} columns, the first line has {expected_len}")
        }
        _ => error.to_string(),
    }
}

fn open_parquet(file: File) -> Result<(Vec<String>, Rows), String> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| error.to_string())?;
    let header = reader.schema().fields().iter().map(|field| field.name().clone()).collect();
    let batches = reader.build().map_err(|error| error.to_string())?;
    let mut line = 0;
    let rows = batches.flat_map(move |batch| {
        let first = line + 1;
        match batch.map_err(|error| error.to_string()).and_then(|batch| cells(&batch)) {
            Ok(rows) => {
                line += rows.len() as u64;
                (first..).zip(rows).map(|(line, cells)| Ok(Row { line, cells })).collect()
            }
            Err(reason) => vec![Err(RowFault { line: first, reason })],
        }
    });
    Ok((header, Box::new(rows)))
}

fn cells(batch: &RecordBatch) -> Result<Vec<Vec<String>>, String> {
    let mut rows = vec![Vec::with_capacity(batch.num_columns()); batch.num_rows()];
    for column in batch.columns() {
        let text = cast(column, &DataType::Utf8).map_err(|error| error.to_string())?;
        let text = text.as_any().downcast_ref::<StringArray>().ok_or("a column cannot be read as text")?;
        for (row, cell) in rows.iter_mut().zip(text.iter()) {
            row.push(cell.unwrap_or_default().to_owned());
        }
    }
    Ok(rows)
}
