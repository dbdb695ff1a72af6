//! Rows as NDJSON: every line has every column, null where there is no value.

use std::io::BufWriter;

use arrow_array::RecordBatch;
use arrow_json::{LineDelimitedWriter, WriterBuilder};

use super::compressor::Compressor;
use super::hashed_file::{HashedFile, closed};
use super::{Cause, RowWriter, SinkOptions};
use crate::model::digest::FileDigest;

/// The rows of one part.
pub struct NdjsonRows(LineDelimitedWriter<Compressor<BufWriter<HashedFile>>>);

impl NdjsonRows {
    /// No rows yet.
    pub fn new(file: BufWriter<HashedFile>, options: &SinkOptions) -> Result<Self, Cause> {
        let compressor = Compressor::new(file, options.compression)?;
        Ok(Self(WriterBuilder::new().with_explicit_nulls(true).build(compressor)))
    }
}

impl RowWriter for NdjsonRows {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), Cause> {
        Ok(self.0.write(rows)?)
    }

    fn finish(mut self: Box<Self>) -> Result<FileDigest, Cause> {
        self.0.finish()?;
        Ok(closed(&mut self.0.into_inner().finish()?)?)
    }
}
