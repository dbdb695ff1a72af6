//! The columns that codings make, in arrow's arrays.

use std::fmt::Write;
use std::sync::Arc;

use arrow_array::builder::{Float64Builder, ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, Float64Array, StringArray};
use arrow_schema::{DataType, Field};

use crate::coding::activity::ActivityError;
use crate::coding::decision::ManualReason;
use crate::coding::{Coding, ModelVersion, Prediction};

/// How several values of one row are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// In one column of lists: Parquet, NDJSON.
    Lists,
    /// In a column for each place: CSV, TSV.
    Flat,
}

/// The columns of one model's codings. A row that could not be coded has its `error` alone.
#[derive(Clone, Debug)]
pub struct AnswerColumns {
    /// What stands before each name: nothing, or a prefix and `_`.
    prefix: String,
    top_k: usize,
    shape: Shape,
}

/// A row that was coded, or not.
pub type Answer = Result<Coding, ActivityError>;

impl AnswerColumns {
    /// Columns for the `top_k` best labels; `prefix` and `_` come before each of their names.
    pub fn new(prefix: Option<&str>, top_k: usize, shape: Shape) -> Self {
        Self { prefix: prefix.map(|prefix| format!("{prefix}_")).unwrap_or_default(), top_k, shape }
    }

    /// The columns, in their order. All of them may be null.
    pub fn fields(&self) -> Vec<Field> {
        let field = |name: &str, kind| Field::new(format!("{}{name}", self.prefix), kind, true);
        let several = |many: &str, one: &str, kind: DataType| match self.shape {
            Shape::Lists => vec![field(many, list_of(kind))],
            Shape::Flat => (1..=self.top_k).map(|rank| field(&format!("{one}_{rank}"), kind.clone())).collect(),
        };
        let warnings = match self.shape {
            Shape::Lists => list_of(DataType::Utf8),
            Shape::Flat => DataType::Utf8,
        };
        let before = ["code", "confidence_gap", "decision", "reason"].map(|name| match name {
            "confidence_gap" => field(name, DataType::Float64),
            _ => field(name, DataType::Utf8),
        });
        let after = [field("model", DataType::Utf8), field("warnings", warnings), field("error", DataType::Utf8)];
        let codes = several("codes", "code", DataType::Utf8);
        let probabilities = several("probabilities", "probability", DataType::Float64);
        before.into_iter().chain(codes).chain(probabilities).chain(after).collect()
    }

    /// The names of those that hold numbers, which hardly ever repeat.
    pub fn numbers(&self) -> Vec<String> {
        let numbers = self.fields().into_iter().filter(|field| match field.data_type() {
            DataType::List(item) => item.data_type().is_floating(),
            kind => kind.is_floating(),
        });
        numbers.map(|field| field.name().clone()).collect()
    }

    /// What the codings of some rows make of each column.
    pub fn arrays(&self, answers: &[Answer]) -> Vec<ArrayRef> {
        let mut arrays: Vec<ArrayRef> = vec![
            Arc::new(texts(answers, |coding| coding.decision.is_automatic().then(|| code_at(coding, 0)).flatten())),
            Arc::new(numbers(answers, |coding| Some(coding.gap))),
            Arc::new(texts(answers, |coding| Some(decision(coding)))),
            Arc::new(texts(answers, |coding| coding.decision.reason().map(ManualReason::as_str))),
        ];
        match self.shape {
            Shape::Lists => arrays.extend([self.lists_of_codes(answers), self.lists_of_probabilities(answers)]),
            Shape::Flat => {
                for rank in 0..self.top_k {
                    arrays.push(Arc::new(texts(answers, |coding| code_at(coding, rank))));
                }
                for rank in 0..self.top_k {
                    arrays.push(Arc::new(numbers(answers, |coding| Some(coding.predictions.get(rank)?.probability))));
                }
            }
        }
        let warnings = match self.shape {
            Shape::Lists => lists_of_warnings(answers),
            Shape::Flat => joined_warnings(answers),
        };
        arrays.extend([models(answers), warnings, errors(answers)]);
        arrays
    }

    fn lists_of_codes(&self, answers: &[Answer]) -> ArrayRef {
        let values = answers.len() * self.top_k;
        let mut lists = ListBuilder::with_capacity(StringBuilder::with_capacity(values, 5 * values), answers.len());
        for coding in codings(answers) {
            for prediction in self.predictions(coding) {
                lists.values().append_value(prediction.label.code.as_str());
            }
            lists.append(coding.is_some());
        }
        Arc::new(lists.finish())
    }

    fn lists_of_probabilities(&self, answers: &[Answer]) -> ArrayRef {
        let values = Float64Builder::with_capacity(answers.len() * self.top_k);
        let mut lists = ListBuilder::with_capacity(values, answers.len());
        for coding in codings(answers) {
            for prediction in self.predictions(coding) {
                lists.values().append_value(prediction.probability);
            }
            lists.append(coding.is_some());
        }
        Arc::new(lists.finish())
    }

    fn predictions<'a>(&self, coding: Option<&'a Coding>) -> impl Iterator<Item = &'a Prediction> {
        coding.into_iter().flat_map(|coding| &coding.predictions).take(self.top_k)
    }
}

fn list_of(kind: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(kind, true)))
}

fn codings(answers: &[Answer]) -> impl Iterator<Item = Option<&Coding>> {
    answers.iter().map(|answer| answer.as_ref().ok())
}

fn texts<'a>(answers: &'a [Answer], of: impl Fn(&'a Coding) -> Option<&'a str>) -> StringArray {
    codings(answers).map(|coding| coding.and_then(&of)).collect()
}

fn numbers(answers: &[Answer], of: impl Fn(&Coding) -> Option<f64>) -> Float64Array {
    codings(answers).map(|coding| coding.and_then(&of)).collect()
}

fn code_at(coding: &Coding, rank: usize) -> Option<&str> {
    Some(coding.predictions.get(rank)?.label.code.as_str())
}

fn decision(coding: &Coding) -> &'static str {
    if coding.decision.is_automatic() { "automatic" } else { "manual" }
}

/// Name and version of the model of each row: nearly always that of the row before.
fn models(answers: &[Answer]) -> ArrayRef {
    let mut models = StringBuilder::with_capacity(answers.len(), 16 * answers.len());
    let mut last: Option<(&Arc<ModelVersion>, String)> = None;
    for coding in codings(answers) {
        let Some(coding) = coding else {
            models.append_null();
            continue;
        };
        let same = last.take().filter(|(model, _)| Arc::ptr_eq(model, &coding.model));
        let (model, name) = same.unwrap_or_else(|| (&coding.model, coding.model.to_string()));
        models.append_value(&name);
        last = Some((model, name));
    }
    Arc::new(models.finish())
}

fn lists_of_warnings(answers: &[Answer]) -> ArrayRef {
    let mut lists = ListBuilder::with_capacity(StringBuilder::new(), answers.len());
    for coding in codings(answers) {
        for unused in coding.into_iter().flat_map(|coding| &coding.unused) {
            lists.values().append_value(format!("{}:{}", unused.covariate().field(), unused.code()));
        }
        lists.append(coding.is_some());
    }
    Arc::new(lists.finish())
}

fn joined_warnings(answers: &[Answer]) -> ArrayRef {
    let mut warnings = StringBuilder::with_capacity(answers.len(), 0);
    let mut joined = String::new();
    for coding in codings(answers) {
        joined.clear();
        for unused in coding.into_iter().flat_map(|coding| &coding.unused) {
            let separator = if joined.is_empty() { "" } else { ";" };
            // A text takes whatever is written.
            let _ = write!(joined, "{separator}{}:{}", unused.covariate().field(), unused.code());
        }
        warnings.append_option((!joined.is_empty()).then_some(&joined));
    }
    Arc::new(warnings.finish())
}

fn errors(answers: &[Answer]) -> ArrayRef {
    let told = |answer: &Answer| answer.as_ref().err().map(|error| format!("{}: {error}", error.code()));
    Arc::new(answers.iter().map(told).collect::<StringArray>())
}

#[cfg(test)]
mod tests;
