//! Rows as CSV or TSV, without their header: a joined file has it once. Null and the empty text are both an empty cell.
//! TSV knows no quotes: a tab or a line break within a cell becomes a space there.

use std::borrow::Cow;
use std::io::{self, BufWriter, Write};

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{ArrowError, Schema};

use super::compressor::Compressor;
use super::hashed_file::{HashedFile, closed};
use super::{BUFFER, Cause, RowWriter, SinkOptions};
use crate::model::digest::FileDigest;
use crate::recode::format::Format;

/// The rows of one part.
pub struct CsvRows {
    writer: csv::Writer<Compressor<BufWriter<HashedFile>>>,
    /// What no cell can hold.
    breaks: Option<[char; 3]>,
    /// The cell that is being written, when it is no text.
    cell: String,
}

impl CsvRows {
    /// No rows yet.
    pub fn new(file: BufWriter<HashedFile>, options: &SinkOptions) -> Result<Self, Cause> {
        let compressor = Compressor::new(file, options.compression)?;
        Ok(Self { writer: writer(compressor, options), breaks: breaks(options), cell: String::new() })
    }
}

impl RowWriter for CsvRows {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), Cause> {
        let options = FormatOptions::default();
        let columns = rows.columns().iter().map(|column| Cells::of(column, &options));
        let columns: Vec<Cells> = columns.collect::<Result<_, _>>()?;
        for row in 0..rows.num_rows() {
            for column in &columns {
                let cell = match column {
                    Cells::Texts(texts) if texts.is_valid(row) => texts.value(row),
                    Cells::Texts(_) => "",
                    Cells::Others(others) => {
                        self.cell.clear();
                        others.value(row).write(&mut self.cell)?;
                        self.cell.as_str()
                    }
                };
                self.writer.write_field(unbroken(cell, self.breaks).as_bytes()).map_err(cause)?;
            }
            self.writer.write_record(None::<&[u8]>).map_err(cause)?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<FileDigest, Cause> {
        let compressor = self.writer.into_inner().map_err(|error| error.into_error())?;
        Ok(closed(&mut compressor.finish()?)?)
    }
}

/// The line that names the columns.
pub fn header(schema: &Schema, options: &SinkOptions) -> Vec<u8> {
    let mut line = writer(Vec::new(), options);
    let names = schema.fields().iter().map(|field| unbroken(field.name(), breaks(options)).into_owned());
    // Memory takes whatever is written.
    let _ = line.write_record(names);
    line.into_inner().unwrap_or_default()
}

fn writer<W: Write>(inner: W, options: &SinkOptions) -> csv::Writer<W> {
    let quotes = if breaks(options).is_some() { csv::QuoteStyle::Never } else { csv::QuoteStyle::Necessary };
    let mut builder = csv::WriterBuilder::new();
    builder.delimiter(options.delimiter()).quote_style(quotes).buffer_capacity(BUFFER).from_writer(inner)
}

fn breaks(options: &SinkOptions) -> Option<[char; 3]> {
    (options.format == Format::Tsv).then(|| [char::from(options.delimiter()), '\n', '\r'])
}

fn unbroken(cell: &str, breaks: Option<[char; 3]>) -> Cow<'_, str> {
    match breaks {
        Some(breaks) if cell.contains(breaks) => Cow::Owned(cell.replace(breaks, " ")),
        _ => Cow::Borrowed(cell),
    }
}

/// The cells of a column: most are texts, and are written as they are.
enum Cells<'a> {
    Texts(&'a StringArray),
    /// Numbers are written with as many digits as they need to be read back the same.
    Others(ArrayFormatter<'a>),
}

impl<'a> Cells<'a> {
    fn of(column: &'a ArrayRef, options: &FormatOptions<'a>) -> Result<Self, ArrowError> {
        match column.as_string_opt::<i32>() {
            Some(texts) => Ok(Self::Texts(texts)),
            None => ArrayFormatter::try_new(column.as_ref(), options).map(Self::Others),
        }
    }
}

/// The csv crate hides what the system said.
fn cause(error: csv::Error) -> Cause {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error.into(),
        other => io::Error::other(format!("{other:?}")).into(),
    }
}
