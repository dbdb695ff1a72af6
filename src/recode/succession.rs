//! The codes that rows had before: whether the new ones agree with them, and which may succeed them when the nomenclature changes.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, BooleanArray, RecordBatch};
use arrow_cast::cast;
use arrow_schema::{DataType, Field, Schema};

use super::columns::ColumnError;
use super::error::RecodeError;
use super::plan::Previous;
use crate::coding::{Coder, Coding, Label};
use crate::nomenclature::{Code, Nomenclatures};

/// The codes that rows had before, and what each coder makes of them.
pub struct Succession {
    column: usize,
    known: HashMap<String, Code>,
    constrain: bool,
    of_each: Vec<OfCoder>,
}

/// What a coder makes of a previous code.
enum OfCoder {
    /// It codes in the same nomenclature.
    Same,
    /// It codes in another: the labels that may succeed each code, by their places.
    Successors(HashMap<Code, Vec<usize>>),
}

impl Succession {
    /// Of a column of codes, for each coder.
    pub fn new(
        previous: &Previous,
        schema: &Schema,
        coders: &[Arc<Coder>],
        nomenclatures: &Nomenclatures,
    ) -> Result<Self, RecodeError> {
        let column = schema.index_of(&previous.column).map_err(|_| ColumnError::missing(&previous.column, schema))?;
        let from = nomenclatures.nomenclature(&previous.nomenclature).map_err(refused)?;
        let codes: Vec<&Code> = from.sub_classes().map(|entry| &entry.code).collect();
        // As people write them: 9602A and 96.02A.
        let written = |code: &&Code| [((*code).to_string(), (*code).clone()), (code.dotted(), (*code).clone())];
        let known = codes.iter().flat_map(written).collect();
        let of_coder = |coder: &Arc<Coder>| {
            let to = coder.nomenclature.id();
            if to == from.id() {
                return Ok(OfCoder::Same);
            }
            let places: HashMap<&Code, usize> =
                coder.labels.iter().enumerate().map(|(place, label)| (&label.code, place)).collect();
            let successors = codes.iter().map(|code| {
                let entries = nomenclatures.translate(from.id(), to, code).map_err(refused)?;
                let labels = entries.into_iter().filter_map(|entry| places.get(&entry.code).copied());
                Ok(((*code).clone(), labels.collect()))
            });
            successors.collect::<Result<_, RecodeError>>().map(OfCoder::Successors)
        };
        let of_each = coders.iter().map(of_coder).collect::<Result<_, _>>()?;
        Ok(Self { column, known, constrain: previous.constrain, of_each })
    }

    /// The previous code of each row; none of one that has none, or one that is no sub-class.
    pub fn codes(&self, rows: &RecordBatch) -> Result<Vec<Option<&Code>>, RecodeError> {
        let column =
            rows.columns().get(self.column).ok_or_else(|| RecodeError::Internal("a column is lost".to_owned()))?;
        let text = cast(column, &DataType::Utf8).map_err(|error| RecodeError::Internal(error.to_string()))?;
        let code = |text: Option<&str>| {
            let text = text?.trim();
            self.known.get(text).or_else(|| self.known.get(&text.to_ascii_uppercase()))
        };
        Ok(text.as_string::<i32>().iter().map(code).collect())
    }

    /// The labels among which a coder chooses, for each of these codes: all of them where none are given.
    pub fn among(&self, coder: usize, codes: &[Option<&Code>]) -> Option<Vec<Option<&[usize]>>> {
        let Some(OfCoder::Successors(successors)) = self.of_each.get(coder).filter(|_| self.constrain) else {
            return None;
        };
        let of_code = |code: &Option<&Code>| {
            let labels = successors.get((*code)?)?;
            // A code without a successor that the model knows is no reason not to code.
            (!labels.is_empty()).then_some(labels.as_slice())
        };
        Some(codes.iter().map(of_code).collect())
    }

    /// The column that is added for a coder.
    pub fn field(&self, coder: usize, prefix: Option<&str>) -> Field {
        let name = if self.is_same(coder) { AGREES } else { SUCCEEDS };
        let name = prefix.map_or_else(|| name.to_owned(), |prefix| format!("{prefix}_{name}"));
        Field::new(name, DataType::Boolean, true)
    }

    /// Whether a coder codes in the nomenclature of the previous codes.
    pub fn is_same(&self, coder: usize) -> bool {
        matches!(self.of_each.get(coder), Some(OfCoder::Same))
    }

    /// Whether the best code of a coding is the previous one, or may succeed it; none when there is nothing to compare.
    pub fn holds(&self, coder: usize, labels: &[Arc<Label>], code: Option<&Code>, coding: &Coding) -> Option<bool> {
        let (code, best) = (code?, &coding.predictions.first()?.label.code);
        match self.of_each.get(coder)? {
            OfCoder::Same => Some(best == code),
            OfCoder::Successors(successors) => {
                let mut codes =
                    successors.get(code)?.iter().filter_map(|place| labels.get(*place)).map(|label| &label.code);
                Some(codes.any(|successor| successor == best))
            }
        }
    }
}

const AGREES: &str = "agrees_with_previous";
const SUCCEEDS: &str = "is_legal_successor";

/// The column of what holds of each row.
pub fn column(holds: Vec<Option<bool>>) -> ArrayRef {
    Arc::new(BooleanArray::from(holds))
}

fn refused(error: crate::nomenclature::LookupError) -> RecodeError {
    RecodeError::Internal(error.to_string())
}
