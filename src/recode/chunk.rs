//! A chunk of rows on its way: columns → activities → codings → columns. Pure, and the same wherever it runs.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Schema, SchemaRef};

use super::answer_columns::{AnswerColumns, Shape};
use super::columns::{ActivityColumns, ColumnError, ColumnNames};
use super::error::RecodeError;
use super::plan::Previous;
use super::succession::{Succession, column};
use super::summary::{CodingCounts, Counts};
use crate::coding::activity::{Activity, ActivityError};
use crate::coding::{Coder, Coding, CodingOptions};
use crate::nomenclature::{Code, Nomenclatures};

/// What is made of the rows of one schema.
pub struct ChunkCoder {
    coders: Vec<Arc<Coder>>,
    columns: ActivityColumns,
    kept: Vec<usize>,
    answers: Vec<AnswerColumns>,
    succession: Option<Succession>,
    options: CodingOptions,
    schema: SchemaRef,
}

/// What the rows are made into.
#[derive(Clone, Debug)]
pub struct ChunkSettings<'a> {
    /// Which columns hold what.
    pub columns: &'a ColumnNames,
    /// The input columns that are kept; all of them when none is named.
    pub keep: Option<&'a [String]>,
    /// The codes the rows had.
    pub previous: Option<&'a Previous>,
    /// How many codes, and which threshold.
    pub options: CodingOptions,
    /// How several codes stand in a row.
    pub shape: Shape,
}

/// Coded rows.
pub struct CodedChunk {
    /// The columns kept, and those of the codings.
    pub rows: RecordBatch,
    /// The rows that could not be coded, by their places.
    pub faults: Vec<(usize, ActivityError)>,
    /// What is counted of them.
    pub counts: Counts,
}

impl ChunkCoder {
    /// For rows of this schema.
    pub fn new(
        coders: Vec<Arc<Coder>>,
        schema: &Schema,
        settings: &ChunkSettings<'_>,
        nomenclatures: &Nomenclatures,
    ) -> Result<Self, RecodeError> {
        let columns = ActivityColumns::new(settings.columns, schema)?;
        let place = |name: &String| schema.index_of(name).map_err(|_| ColumnError::missing(name, schema));
        let kept: Vec<usize> = match settings.keep {
            Some(names) => names.iter().map(place).collect::<Result<_, _>>()?,
            None => (0..schema.fields().len()).collect(),
        };
        let succession = settings.previous.map(|previous| Succession::new(previous, schema, &coders, nomenclatures));
        let succession = succession.transpose()?;
        // With several nomenclatures each column says which it is of.
        let prefix = |coder: &Arc<Coder>| (coders.len() > 1).then(|| coder.nomenclature.id().to_owned());
        let prefixes: Vec<Option<String>> = coders.iter().map(prefix).collect();
        let answers: Vec<AnswerColumns> = prefixes
            .iter()
            .map(|prefix| AnswerColumns::new(prefix.as_deref(), settings.options.top_k, settings.shape))
            .collect();
        let mut fields: Vec<_> = kept.iter().filter_map(|place| schema.fields().get(*place).cloned()).collect();
        for (place, (answer, prefix)) in answers.iter().zip(&prefixes).enumerate() {
            let more = succession.as_ref().map(|succession| succession.field(place, prefix.as_deref()));
            for field in answer.fields().into_iter().chain(more) {
                if fields.iter().any(|kept| kept.name() == field.name()) {
                    return Err(ColumnError::taken(field.name()).into());
                }
                fields.push(Arc::new(field));
            }
        }
        let schema = Arc::new(Schema::new(fields));
        Ok(Self { coders, columns, kept, answers, succession, options: settings.options, schema })
    }

    /// The schema of coded rows.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The columns of numbers that hardly ever repeat.
    pub fn numbers(&self) -> Vec<String> {
        self.answers.iter().flat_map(AnswerColumns::numbers).collect()
    }

    /// Codes rows.
    pub fn code(&self, rows: &RecordBatch) -> Result<CodedChunk, RecodeError> {
        let mut accepted: Vec<Activity> = Vec::with_capacity(rows.num_rows());
        let outcomes = self.columns.activities(rows)?.into_iter();
        let outcomes: Vec<Option<ActivityError>> =
            outcomes.map(|outcome| outcome.map(|activity| accepted.push(activity)).err()).collect();
        let mut counts = Counts { rows: rows.num_rows() as u64, coded: accepted.len() as u64, ..Counts::default() };
        outcomes.iter().flatten().for_each(|fault| counts.failed(fault.code()));
        let previous = self.succession.as_ref().map(|succession| succession.codes(rows)).transpose()?;
        let mut columns: Vec<ArrayRef> =
            self.kept.iter().filter_map(|place| rows.columns().get(*place).cloned()).collect();
        for (place, (coder, answer)) in self.coders.iter().zip(&self.answers).enumerate() {
            let codings = self.codings(place, coder, &accepted, &outcomes, previous.as_deref())?;
            let of_coder = counts.nomenclatures.entry(coder.nomenclature.id().to_owned()).or_default();
            codings.iter().flatten().for_each(|coding| of_coder.count(coding));
            let holds = self.holds(place, coder, &codings, previous.as_deref(), of_coder);
            columns.extend(answer.arrays(&codings));
            columns.extend(holds);
        }
        let rows = RecordBatch::try_new(Arc::clone(&self.schema), columns);
        let rows = rows.map_err(|error| RecodeError::Internal(error.to_string()))?;
        let faults = outcomes.into_iter().enumerate().filter_map(|(place, fault)| Some((place, fault?))).collect();
        Ok(CodedChunk { rows, faults, counts })
    }

    /// The codings of one coder, one outcome a row.
    fn codings(
        &self,
        place: usize,
        coder: &Coder,
        accepted: &[Activity],
        outcomes: &[Option<ActivityError>],
        previous: Option<&[Option<&Code>]>,
    ) -> Result<Vec<Result<Coding, ActivityError>>, RecodeError> {
        let among = self.succession.as_ref().zip(previous).and_then(|(succession, previous)| {
            let of_accepted = previous.iter().zip(outcomes).filter(|(_, fault)| fault.is_none());
            succession.among(place, &of_accepted.map(|(code, _)| *code).collect::<Vec<_>>())
        });
        let codings = match among {
            Some(among) => coder.code_among(accepted, &among, self.options)?,
            None => coder.code(accepted, self.options)?,
        };
        let mut codings = codings.into_iter();
        let outcome = |fault: &Option<ActivityError>| match fault {
            Some(fault) => Some(Err(fault.clone())),
            None => codings.next().map(Ok),
        };
        Ok(outcomes.iter().filter_map(outcome).collect())
    }

    /// What is known of each coding beside the previous code, counted.
    fn holds(
        &self,
        place: usize,
        coder: &Coder,
        codings: &[Result<Coding, ActivityError>],
        previous: Option<&[Option<&Code>]>,
        counts: &mut CodingCounts,
    ) -> Option<ArrayRef> {
        let (succession, previous) = (self.succession.as_ref()?, previous?);
        let share = if succession.is_same(place) { &mut counts.agree } else { &mut counts.legal_successors };
        let share = share.get_or_insert_default();
        let holds = codings.iter().zip(previous).map(|(coding, code)| {
            let holds = succession.holds(place, &coder.labels, *code, coding.as_ref().ok()?);
            share.note(holds);
            holds
        });
        Some(column(holds.collect()))
    }
}
