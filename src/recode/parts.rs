//! Coded rows on their way to the files of a part; a part that is full is finished and noted.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::bad_rows;
use super::chunk::CodedChunk;
use super::error::RecodeError;
use super::layout::Layout;
use super::plan::Plan;
use super::records::{FileRecord, PartRecord, Place};
use super::sink::{PartWriter, SinkOptions};
use super::source::UnreadableRow;
use super::summary::Counts;
use super::work::{Work, part_name};

/// What is written of a chunk.
pub struct Written {
    /// Its rows and their codings.
    pub coded: CodedChunk,
    /// The row number of each of the rows that were read.
    pub numbers: Vec<u64>,
    /// The rows that could not be read.
    pub unreadable: Vec<UnreadableRow>,
    /// Where the input stands after it.
    pub end: Place,
}

/// Writes the parts of a run, one after the other.
pub struct Parts<'a> {
    work: &'a Work,
    plan: &'a Plan,
    options: SinkOptions,
    schema: SchemaRef,
    layout: Option<Layout>,
    /// The part that is being written.
    number: u64,
    open: BTreeMap<Option<String>, (String, PartWriter)>,
    errors: Option<(String, PartWriter)>,
    counts: Counts,
    end: Place,
    /// What earlier parts counted.
    before: Counts,
    max_errors: Option<u64>,
}

impl<'a> Parts<'a> {
    /// Goes on after the parts that are finished.
    pub fn after(
        finished: &[PartRecord],
        (work, plan): (&'a Work, &'a Plan),
        (schema, options): (&SchemaRef, SinkOptions),
        max_errors: Option<u64>,
    ) -> Result<Self, RecodeError> {
        let layout = plan.partition_by.as_ref().map(|column| Layout::new(column, schema)).transpose()?;
        let schema = file_schema(plan, schema)?;
        let mut before = Counts::default();
        finished.iter().for_each(|part| before.add(&part.counts));
        let end = finished.last().map_or_else(Place::default, |part| part.end);
        Ok(Self {
            work,
            plan,
            options,
            schema,
            layout,
            number: finished.len() as u64 + 1,
            open: BTreeMap::new(),
            errors: None,
            counts: Counts::default(),
            end,
            before,
            max_errors,
        })
    }

    /// Writes the rows of a chunk.
    pub fn write(&mut self, written: &Written) -> Result<(), RecodeError> {
        let Written { coded, numbers, unreadable, end } = written;
        match &self.layout {
            None => self.write_rows(None, &coded.rows)?,
            Some(layout) => {
                for (folder, rows) in layout.split(&coded.rows)? {
                    self.write_rows(Some(folder), &rows)?;
                }
            }
        }
        let last_error = self.write_errors(coded, numbers, unreadable, end.input)?;
        written.count(&mut self.counts);
        self.end = *end;
        self.check_errors(last_error)?;
        if self.counts.rows >= self.plan.part_rows {
            self.finish_part(false)?;
        }
        Ok(())
    }

    /// Finishes the last part. One that is empty is noted all the same: nothing comes after it.
    pub fn finish(mut self) -> Result<(), RecodeError> {
        self.finish_part(true)
    }

    fn write_rows(&mut self, folder: Option<String>, rows: &RecordBatch) -> Result<(), RecodeError> {
        if !self.open.contains_key(&folder) {
            let place = self.open.len();
            let extension = self.plan.format.extension(self.plan.compression);
            let name = match &folder {
                None => format!("{}.{extension}", part_name(self.number)),
                Some(_) => format!("{}-{place:04}.{extension}", part_name(self.number)),
            };
            let writer = PartWriter::create(&self.work.path(&name), Arc::clone(&self.schema), &self.options)?;
            self.open.insert(folder.clone(), (name, writer));
        }
        match self.open.get_mut(&folder) {
            Some((_, writer)) => Ok(writer.write(rows)?),
            None => Ok(()),
        }
    }

    /// The rows that could not be coded, each with its file, its number and the reason; gives the last of them.
    fn write_errors(
        &mut self,
        coded: &CodedChunk,
        numbers: &[u64],
        unreadable: &[UnreadableRow],
        input: usize,
    ) -> Result<Option<String>, RecodeError> {
        if coded.faults.is_empty() && unreadable.is_empty() {
            return Ok(None);
        }
        let number = |place: usize| numbers.get(place).copied().unwrap_or_default();
        let faults = coded.faults.iter().map(|(place, fault)| (number(*place), fault.code(), fault.to_string()));
        let unread = unreadable.iter().map(|row| (row.row, UNREADABLE, row.reason.clone()));
        let mut all: Vec<(u64, &str, String)> = faults.chain(unread).collect();
        all.sort_by_key(|(row, ..)| *row);
        let file = self.plan.inputs.get(input).map_or("", |input| input.name.as_str());
        let rows = bad_rows::table(file, &all)?;
        if self.errors.is_none() {
            let name = format!("{}.errors.parquet", part_name(self.number));
            let writer = PartWriter::create(&self.work.path(&name), bad_rows::schema(), &bad_rows::options())?;
            self.errors = Some((name, writer));
        }
        if let Some((_, writer)) = &mut self.errors {
            writer.write(&rows)?;
        }
        Ok(all.last().map(|(row, _, reason)| format!("{file}, row {row}: {reason}")))
    }

    fn check_errors(&self, last: Option<String>) -> Result<(), RecodeError> {
        let found = self.before.failures() + self.counts.failures();
        match self.max_errors.filter(|allowed| found > *allowed) {
            None => Ok(()),
            Some(allowed) => Err(RecodeError::TooManyErrors { found, allowed, last: last.unwrap_or_default() }),
        }
    }

    fn finish_part(&mut self, is_last: bool) -> Result<(), RecodeError> {
        let mut files = Vec::with_capacity(self.open.len());
        for (folder, (name, writer)) in std::mem::take(&mut self.open) {
            files.push(record(name, folder, writer)?);
        }
        let errors = self.errors.take().map(|(name, writer)| record(name, None, writer)).transpose()?;
        let counts = std::mem::take(&mut self.counts);
        self.before.add(&counts);
        self.work.note(&PartRecord { number: self.number, files, errors, end: self.end, is_last, counts })?;
        self.number += 1;
        Ok(())
    }
}

/// The code of a row that could not be read at all.
const UNREADABLE: &str = "unreadable_row";

fn record(name: String, folder: Option<String>, writer: PartWriter) -> Result<FileRecord, RecodeError> {
    let digest = writer.finish()?;
    Ok(FileRecord { name, folder, bytes: digest.bytes, sha256: digest.sha256 })
}

/// The columns of the files, for rows of this schema.
pub fn file_schema(plan: &Plan, rows: &SchemaRef) -> Result<SchemaRef, RecodeError> {
    match &plan.partition_by {
        Some(column) => Ok(Layout::new(column, rows)?.schema),
        None => Ok(Arc::clone(rows)),
    }
}

impl Written {
    /// Adds what is counted of it.
    pub fn count(&self, counts: &mut Counts) {
        counts.add(&self.coded.counts);
        counts.rows += self.unreadable.len() as u64;
        self.unreadable.iter().for_each(|_| counts.failed(UNREADABLE));
    }
}
