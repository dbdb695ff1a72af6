//! Files coded again: millions of rows in, the same rows and their codings out, on all cores and in bounded memory.
//!
//! The modules stand in the order in which a row meets them. A run is cut into parts that follow the order of the input; a part
//! that is finished stays, whatever happens, and the same command goes on from the last one.

// What is to be done.
pub mod format;
pub mod inputs;
pub mod plan;
pub mod records;
pub mod remote;
pub mod work;

// The way of a row.
pub mod answer_columns;
pub mod bad_rows;
pub mod chunk;
pub mod columns;
pub mod layout;
pub mod parts;
pub mod sink;
pub mod source;
pub mod succession;

// What comes of it.
pub mod error;
pub mod finish;
pub mod summary;

mod reading;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use arrow_schema::SchemaRef;
use rayon::prelude::*;

use crate::coding::{Coder, CodingOptions};
use crate::nomenclature::Nomenclatures;
use crate::process::give_way;
use answer_columns::Shape;
use chunk::{ChunkCoder, ChunkSettings};
use error::RecodeError;
use finish::Finish;
use format::Format;
use parts::{Parts, Written};
use plan::Plan;
use reading::{Inputs, Read};
use records::{PartRecord, Place};
use remote::Buckets;
use sink::SinkOptions;
use summary::{Counts, Summary};
use work::Work;

/// A run: its plan, and what carries it out.
pub struct Recode {
    /// What is to be done.
    pub plan: Plan,
    /// The coders of the plan's models, in its order.
    pub coders: Vec<Arc<Coder>>,
    /// The nomenclatures there are.
    pub nomenclatures: Arc<Nomenclatures>,
    /// The work place.
    pub work: PathBuf,
    /// Where the rows that cannot be coded go.
    pub errors: String,
    /// Where `s3://` addresses are.
    pub buckets: Buckets,
    /// How it is carried out; none of it changes what is written.
    pub options: RunOptions,
}

/// How a run is carried out.
#[derive(Clone, Copy, Debug)]
pub struct RunOptions {
    /// Threads that code.
    pub threads: usize,
    /// More rows that cannot be coded stop the run.
    pub max_errors: Option<u64>,
    /// Whether what was begun is forgotten.
    pub restart: bool,
    /// Whether an output that is there is replaced.
    pub overwrite: bool,
    /// Whether everything else that runs on the machine comes first.
    pub in_background: bool,
}

/// How far a run is.
#[derive(Clone, Debug)]
pub struct Progress<'a> {
    /// What was counted, the parts of earlier runs included.
    pub counts: &'a Counts,
    /// The share of the input that was read, between 0 and 1.
    pub share: f64,
    /// Whether every row is coded, and the output is written next.
    pub is_finishing: bool,
}

/// Whoever watches a run: told of its progress, says whether it goes on.
pub type Watch<'a> = dyn Fn(&Progress<'_>) -> bool + Sync + 'a;

/// Most chunks that are coded together.
const MOST_TOGETHER: usize = 64;

impl Recode {
    /// Carries the run out, from its beginning or from where an earlier one stopped.
    pub fn run(&self, watch: &Watch<'_>) -> Result<Summary, RecodeError> {
        let work = Work::open(&self.work)?;
        let outcome = self.run_in(&work, watch);
        // Where nothing was finished there is nothing to go on with.
        if outcome.is_ok() || work.finished().is_ok_and(|finished| finished.is_empty()) {
            let removed = work.remove();
            // What went wrong before says more.
            return outcome.and_then(|summary| removed.map(|()| summary));
        }
        outcome
    }

    fn run_in(&self, work: &Work, watch: &Watch<'_>) -> Result<Summary, RecodeError> {
        let written = [self.plan.output.as_str(), self.errors.as_str()];
        written.into_iter().try_for_each(remote::check_is_one)?;
        inputs::check_apart(&self.plan.inputs, &written)?;
        self.begin(work)?;
        let finished = work.finished()?;
        let inputs = Inputs { plan: &self.plan, work, buckets: &self.buckets };
        let start = finished.last().map_or_else(Place::default, |part| part.end);
        let schema = inputs.schema(start.input)?;
        let coder = self.chunk_coder(&schema)?;
        if !finished.last().is_some_and(|last| last.is_last) {
            self.code(&coder, (&inputs, work), &finished, watch)?;
        }
        let parts = work.finished()?;
        let mut counts = Counts::default();
        parts.iter().for_each(|part| counts.add(&part.counts));
        if !watch(&Progress { counts: &counts, share: 1.0, is_finishing: true }) {
            return Err(RecodeError::Stopped);
        }
        let schema = parts::file_schema(&self.plan, coder.schema())?;
        let finish = Finish { plan: &self.plan, work, buckets: &self.buckets, errors: &self.errors };
        finish.run(&parts, &schema, &self.sink_options(&coder))
    }

    /// Notes the plan, or sees that it is the one that was begun.
    fn begin(&self, work: &Work) -> Result<(), RecodeError> {
        if self.options.restart {
            work.clear()?;
        }
        if let Some(begun) = work.plan()? {
            match self.plan.check_same(&begun, &work.name()) {
                // What was begun has come to nothing yet.
                Err(_) if work.finished()?.is_empty() => {}
                same => return same,
            }
        }
        for output in [&self.plan.output, &self.errors] {
            if !self.options.overwrite && finish::is_there(output, &self.buckets)? {
                return Err(RecodeError::OutputExists(output.clone()));
            }
        }
        work.clear()?;
        work.begin(&self.plan)
    }

    fn chunk_coder(&self, schema: &SchemaRef) -> Result<ChunkCoder, RecodeError> {
        let Plan { columns, keep, previous, top_k, threshold, .. } = &self.plan;
        let settings = ChunkSettings {
            columns,
            keep: keep.as_deref(),
            previous: previous.as_ref(),
            options: CodingOptions { top_k: *top_k, threshold: *threshold, explain: false },
            shape: shape(self.plan.format),
        };
        ChunkCoder::new(self.coders.clone(), schema, &settings, &self.nomenclatures)
    }

    fn sink_options(&self, coder: &ChunkCoder) -> SinkOptions {
        let Plan { format, compression, delimiter, .. } = &self.plan;
        let unrepeated = coder.numbers();
        SinkOptions { format: *format, compression: *compression, delimiter: *delimiter, unrepeated }
    }

    /// Reads, codes and writes what is left: chunks are read and written beside the threads that code.
    fn code(
        &self,
        coder: &ChunkCoder,
        (inputs, work): (&Inputs<'_>, &Work),
        finished: &[PartRecord],
        watch: &Watch<'_>,
    ) -> Result<(), RecodeError> {
        let threads = self.options.threads.max(1);
        let together = (2 * threads).min(MOST_TOGETHER);
        let is_background = self.options.in_background;
        let started = move |_| {
            if is_background {
                give_way()
            }
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).start_handler(started).build();
        let pool = pool.map_err(|error| RecodeError::Internal(format!("no threads: {error}")))?;
        let start = finished.last().map_or_else(Place::default, |part| part.end);
        let mut counts = Counts::default();
        finished.iter().for_each(|part| counts.add(&part.counts));
        let to_files = (coder.schema(), self.sink_options(coder));
        let parts = Parts::after(finished, (work, &self.plan), to_files, self.options.max_errors)?;
        std::thread::scope(|scope| {
            let (read, chunks) = sync_channel::<Result<Read, RecodeError>>(together);
            let (coded, to_write) = sync_channel::<Vec<Written>>(1);
            scope.spawn(move || {
                started(0);
                inputs.read(start, &read);
            });
            let writer = scope.spawn(move || {
                started(0);
                write(parts, &to_write)
            });
            let outcome = loop {
                let group: Result<Vec<Read>, RecodeError> = chunks.iter().take(together).collect();
                let group = match group {
                    Ok(group) if group.is_empty() => break Ok(()),
                    Ok(group) => group,
                    Err(error) => break Err(error),
                };
                let read = group.last().map_or((0, 0.0), |read| (read.input, read.share));
                let written: Result<Vec<Written>, RecodeError> =
                    pool.install(|| group.into_par_iter().map(|read| coded_chunk(coder, read)).collect());
                let written = match written {
                    Ok(written) => written,
                    Err(error) => break Err(error),
                };
                written.iter().for_each(|written| written.count(&mut counts));
                // The writer is gone when it failed, and says why.
                if coded.send(written).is_err() {
                    break Ok(());
                }
                if !watch(&Progress { counts: &counts, share: inputs.share(read.0, read.1), is_finishing: false }) {
                    break Err(RecodeError::Stopped);
                }
            };
            let is_whole = outcome.is_ok();
            drop((coded, chunks));
            let written = writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            let parts = written?;
            outcome?;
            if is_whole { parts.finish() } else { Ok(()) }
        })
    }
}

fn coded_chunk(coder: &ChunkCoder, read: Read) -> Result<Written, RecodeError> {
    let coded = coder.code(&read.chunk.rows)?;
    let end = Place { input: read.input, position: read.chunk.end };
    Ok(Written { coded, numbers: read.chunk.numbers, unreadable: read.chunk.unreadable, end })
}

/// Writes what comes, in its order; gives back the part that is open.
fn write<'a>(mut parts: Parts<'a>, coded: &Receiver<Vec<Written>>) -> Result<Parts<'a>, RecodeError> {
    for written in coded.iter().flatten() {
        parts.write(&written)?;
    }
    Ok(parts)
}

/// How several codes of a row stand in a format.
fn shape(format: Format) -> Shape {
    match format {
        Format::Csv | Format::Tsv => Shape::Flat,
        Format::Ndjson | Format::Parquet => Shape::Lists,
    }
}
