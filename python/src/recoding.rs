//! Rows coded as `codif recode` codes them, a batch at a time.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, Schema, SchemaRef};
use arrow_select::concat::concat;
use codif::coding::CodingOptions;
use codif::recode::answer_columns::Shape;
use codif::recode::chunk::{ChunkCoder, ChunkSettings, CodedChunk};
use codif::recode::columns::ColumnNames;
use codif::recode::error::RecodeError;
use codif::recode::plan::{CHUNK_ROWS, Previous};
use rayon::prelude::*;

use crate::errors::Fault;
use crate::source::Loaded;

/// What rows are to be made into.
pub struct Request {
    /// Which columns hold what.
    pub columns: ColumnNames,
    /// The columns that are kept; all of them when none is named.
    pub keep: Option<Vec<String>>,
    /// The codes the rows had.
    pub previous: Option<Previous>,
    /// How many codes, and which threshold.
    pub options: CodingOptions,
    /// How many threads code, at most as many as there are cores.
    pub threads: usize,
}

/// What codes the rows of one schema.
pub struct Recoder {
    chunks: ChunkCoder,
    kept: Vec<usize>,
    threads: Option<rayon::ThreadPool>,
}

impl Recoder {
    /// For rows of this schema. Python's lock must not be held.
    pub fn new(loaded: &Loaded, schema: &Schema, request: &Request) -> Result<Self, Fault> {
        let settings = ChunkSettings {
            columns: &request.columns,
            keep: request.keep.as_deref(),
            previous: request.previous.as_ref(),
            options: request.options,
            shape: Shape::Lists,
        };
        let chunks = ChunkCoder::new(vec![Arc::clone(&loaded.coder)], schema, &settings, &loaded.nomenclatures)?;
        let kept = match &request.keep {
            // All of them are there: they were looked for.
            Some(names) => names.iter().filter_map(|name| schema.index_of(name).ok()).collect(),
            None => (0..schema.fields().len()).collect(),
        };
        // More than there are cores code no faster.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let count = request.threads.min(cores);
        let pool = || rayon::ThreadPoolBuilder::new().num_threads(count).build();
        let threads = (count > 1).then(pool).transpose();
        let threads = threads.map_err(|error| Fault::internal(format!("no threads: {error}")))?;
        Ok(Self { chunks, kept, threads })
    }

    /// The schema of coded rows.
    pub fn schema(&self) -> &SchemaRef {
        self.chunks.schema()
    }

    /// Codes a batch: the columns kept are the batch's own. Python's lock must not be held.
    pub fn code(&self, rows: &RecordBatch) -> Result<RecordBatch, Fault> {
        let mut coded = self.coded_chunks(rows)?;
        if coded.len() == 1 {
            return coded.pop().map(|chunk| chunk.rows).ok_or_else(|| Fault::internal("no rows came out"));
        }
        let mut columns: Vec<ArrayRef> =
            self.kept.iter().filter_map(|place| rows.columns().get(*place).cloned()).collect();
        for place in self.kept.len()..self.schema().fields().len() {
            let parts = coded.iter().filter_map(|chunk| chunk.rows.columns().get(place));
            let parts: Vec<&dyn Array> = parts.map(|part| part.as_ref()).collect();
            columns.push(concat(&parts).map_err(too_large)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(self.schema()), columns, &options).map_err(too_large)
    }

    /// As many rows at a time as `codif recode` takes, one chunk at least.
    fn coded_chunks(&self, rows: &RecordBatch) -> Result<Vec<CodedChunk>, RecodeError> {
        let starts = (0..rows.num_rows().max(1)).step_by(CHUNK_ROWS);
        let chunks: Vec<RecordBatch> =
            starts.map(|start| rows.slice(start, CHUNK_ROWS.min(rows.num_rows() - start))).collect();
        let code = |chunk: &RecordBatch| self.chunks.code(chunk);
        match &self.threads {
            Some(threads) => threads.install(|| chunks.par_iter().map(code).collect()),
            None => chunks.iter().map(code).collect(),
        }
    }
}

fn too_large(error: ArrowError) -> Fault {
    Fault::internal(format!("{error}: give fewer rows at a time"))
}
