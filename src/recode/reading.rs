//! The inputs, one after the other, as chunks; those in S3 are brought to the work place first.

use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::SyncSender;

use arrow_schema::{Schema, SchemaRef};

use super::error::RecodeError;
use super::plan::{CHUNK_ROWS, Input, Plan};
use super::records::Place;
use super::remote::{Buckets, S3_SCHEME};
use super::source::{Chunk, Position, Source, SourceFile, SourceOptions, Taken};
use super::work::Work;

/// The inputs of a run.
pub struct Inputs<'a> {
    /// What is to be done.
    pub plan: &'a Plan,
    /// Where those in S3 are brought to.
    pub work: &'a Work,
    /// Where they come from.
    pub buckets: &'a Buckets,
}

/// A chunk of an input.
pub struct Read {
    /// Which input.
    pub input: usize,
    /// The chunk.
    pub chunk: Chunk,
    /// The share of the input that was read by then, between 0 and 1.
    pub share: f64,
}

impl Inputs<'_> {
    /// The columns, which are those of every input.
    pub fn schema(&self, input: usize) -> Result<SchemaRef, RecodeError> {
        let input = input.min(self.plan.inputs.len().saturating_sub(1));
        Ok(SchemaRef::clone(self.open(input, Position::default())?.0.schema()))
    }

    /// Sends the chunks from a place on; an error is the last that is sent.
    pub fn read(&self, start: Place, chunks: &SyncSender<Result<Read, RecodeError>>) {
        if let Err(error) = self.read_all(start, chunks) {
            // Nobody listens any more when the run was stopped.
            let _ = chunks.send(Err(error));
        }
    }

    fn read_all(&self, start: Place, chunks: &SyncSender<Result<Read, RecodeError>>) -> Result<(), RecodeError> {
        let mut schema: Option<SchemaRef> = None;
        for input in start.input..self.plan.inputs.len() {
            let at = if input == start.input { start.position } else { Position::default() };
            let (mut source, taken) = self.open(input, at)?;
            let bytes = self.plan.inputs.get(input).map_or(0, |input| input.bytes);
            match &schema {
                None => schema = Some(SchemaRef::clone(source.schema())),
                Some(first) if same_columns(first, source.schema()) => {}
                Some(first) => return Err(self.other_columns(start.input, first, input, source.schema())),
            }
            while let Some(chunk) = source.next(CHUNK_ROWS)? {
                let share = match source.total_rows() {
                    Some(rows) => chunk.end.row as f64 / rows.max(1) as f64,
                    None => taken.bytes() as f64 / bytes.max(1) as f64,
                };
                if chunks.send(Ok(Read { input, chunk, share: share.min(1.0) })).is_err() {
                    return Ok(());
                }
            }
            self.check_unchanged(input)?;
            self.drop_copy(input);
        }
        Ok(())
    }

    /// The share of all inputs, by their bytes, when this one was read as far as that.
    pub fn share(&self, input: usize, of_this: f64) -> f64 {
        let bytes = |inputs: &[Input]| inputs.iter().map(|input| input.bytes as f64).sum::<f64>();
        let (before, rest) = self.plan.inputs.split_at(input.min(self.plan.inputs.len()));
        let read = rest.first().map_or(0.0, |input| input.bytes as f64 * of_this);
        (bytes(before) + read) / (bytes(before) + bytes(rest)).max(1.0)
    }

    fn open(&self, input: usize, at: Position) -> Result<(Source, Taken), RecodeError> {
        let lost = || RecodeError::NoInput("there is no input".to_owned());
        let Input { name, format, compression, bytes, .. } = self.plan.inputs.get(input).ok_or_else(lost)?;
        let path = match self.copy(input) {
            None => PathBuf::from(name),
            Some(copy) => {
                let is_there = fs::metadata(&copy).is_ok_and(|metadata| metadata.len() == *bytes);
                if !is_there {
                    self.buckets.fetch(name, *bytes, &copy)?;
                }
                copy
            }
        };
        let taken = Taken::default();
        let file =
            SourceFile { path, name: name.clone(), format: *format, compression: *compression, taken: taken.clone() };
        let options = SourceOptions { delimiter: self.plan.delimiter, ..SourceOptions::default() };
        Ok((Source::open(&file, &options, at)?, taken))
    }

    /// Where an input in S3 is brought to; none of one that is here.
    fn copy(&self, input: usize) -> Option<PathBuf> {
        let Input { name, format, compression, .. } = self.plan.inputs.get(input)?;
        let copy = || self.work.path(&format!("input-{input:06}.{}", format.extension(*compression)));
        name.starts_with(S3_SCHEME).then(copy)
    }

    fn drop_copy(&self, input: usize) {
        if let Some(Err(error)) = self.copy(input).map(fs::remove_file) {
            tracing::debug!(%error, "the copy of an input stays until the end");
        }
    }

    /// An input that is written to while it is read gives rows of neither state.
    fn check_unchanged(&self, input: usize) -> Result<(), RecodeError> {
        let Some(planned) = self.plan.inputs.get(input).filter(|_| self.copy(input).is_none()) else { return Ok(()) };
        let found = super::inputs::state(planned.name.as_ref())?;
        if found == (planned.bytes, planned.state.clone()) {
            return Ok(());
        }
        Err(RecodeError::InputChanged { name: planned.name.clone(), work: self.work.name() })
    }

    fn other_columns(&self, first: usize, expected: &Schema, other: usize, found: &Schema) -> RecodeError {
        let name = |input: usize| self.plan.inputs.get(input).map_or_else(String::new, |input| input.name.clone());
        RecodeError::OtherColumns {
            name: name(other),
            found: described(found),
            first: name(first),
            expected: described(expected),
        }
    }
}

/// Whether rows of one fit after those of the other.
fn same_columns(one: &Schema, other: &Schema) -> bool {
    let columns = |schema: &Schema| -> Vec<_> {
        schema.fields().iter().map(|field| (field.name().clone(), field.data_type().clone())).collect()
    };
    columns(one) == columns(other)
}

/// The columns, for a message.
fn described(schema: &Schema) -> String {
    let columns = schema.fields().iter().take(20).map(|field| format!("{} ({})", field.name(), field.data_type()));
    let described = columns.collect::<Vec<_>>().join(", ");
    if schema.fields().len() > 20 { format!("{described}, …") } else { described }
}
