//! The body of the older form: one list a field, one place a line.

use bytes::Bytes;
use serde_json::value::RawValue;

use super::cells::{Cell, Rule, cell, check_texts, filled};
use super::faults::{Fault, Refusal, object};
use super::query::Parameters;
use crate::coding::activity::RawActivity;
use crate::coding::json_object::array_length;
use crate::http::error::Problem;

/// The lines of a request of the older form, every cell checked.
#[derive(Debug, Default)]
pub struct Lines {
    /// The activities, one a line.
    pub activities: Vec<RawActivity>,
    /// The code given by whoever asks for an evaluation, one a line; none otherwise.
    pub codes: Vec<String>,
}

/// The columns, the texts first: the others are as long.
const COLUMNS: [&str; 6] = ["text_description", "type_", "nature", "surface", "event", "code"];

/// Cells by line.
type Column = Vec<Option<String>>;

impl Lines {
    /// Reads a column-oriented body; with the column `code` when it is to be evaluated. `admit` is asked for room as soon as
    /// the lines are counted, before any is built.
    pub fn read<Room>(
        body: &Bytes,
        deepest: usize,
        evaluated: bool,
        admit: impl FnOnce(usize) -> Result<Room, Problem>,
    ) -> Result<(Self, Room), Refusal> {
        let (values, whole) = object(body, &COLUMNS, deepest)?;
        let [texts, form_types, natures, surfaces, events, codes] =
            values.map(|value| value.filter(|v| v.get() != "null"));
        let missing = |name: &'static str| Refusal::from(Fault::missing(vec!["body".into(), name.into()], &whole));
        let texts = texts.ok_or_else(|| missing("text_description"))?;
        let codes = match evaluated {
            true => Some(codes.ok_or_else(|| missing("code"))?),
            false => None,
        };
        let columns = [Some(texts), form_types, natures, surfaces, events, codes];
        let mut lines = 0;
        for (name, column) in COLUMNS.into_iter().zip(columns) {
            let Some(column) = column else { continue };
            let length = array_length(column.get()).map_err(|_| {
                Fault::new("list_type", vec!["body".into(), name.into()], "Input should be a valid list", &column)
            })?;
            if name == "text_description" {
                lines = length;
            } else if length != lines {
                let sentence = "The columns have different lengths: text_description has";
                return Err(Refusal::Sentence(format!("{sentence} {lines} line(s), {name} has {length}.")));
            }
        }
        let room = admit(lines)?;
        let cells = |name: &'static str, column: Option<&RawValue>| match column {
            Some(column) => cells(name, column),
            None => Ok(vec![None; lines]),
        };
        let columns = [
            cells("type_", form_types)?,
            cells("nature", natures)?,
            cells("surface", surfaces)?,
            cells("event", events)?,
        ];
        let codes = codes.map(|codes| cells("code", Some(codes))).transpose()?;
        let codes = codes.into_iter().flatten().map(Option::unwrap_or_default).collect();
        Ok((Self { activities: checked(cells("text_description", Some(texts))?, columns)?, codes }, room))
    }

    /// Reads the one line that stands in an address; its text is the first of `texts` that is there.
    pub fn of_address(parameters: &Parameters, texts: &[&str]) -> Result<Self, Refusal> {
        let one = |name: &str| vec![parameters.get(name).and_then(filled)];
        let text = texts.iter().find_map(|name| parameters.get(name)).and_then(filled);
        let columns = ["type_liasse", "nature", "surface", "event"].map(one);
        Ok(Self { activities: checked(vec![text], columns)?, codes: Vec::new() })
    }
}

/// The cells of one column.
fn cells(name: &'static str, column: &RawValue) -> Result<Column, Refusal> {
    let at = |line: Option<usize>| {
        let way = [Some("body".into()), Some(name.into()), line.map(serde_json::Value::from)];
        way.into_iter().flatten().collect()
    };
    let values: Vec<&RawValue> = serde_json::from_str(column.get()).map_err(|_| Fault::no_json_at(at(None)))?;
    let cells = values.into_iter().enumerate().map(|(line, value)| match cell(value) {
        Cell::Missing => Ok(None),
        Cell::Text(text) => Ok(Some(text)),
        Cell::Unreadable => Err(Fault::no_json_at(at(Some(line))).into()),
        Cell::NoText => {
            let message = "Input should be a valid string";
            Err(Fault::new("string_type", at(Some(line)), message, &value).into())
        }
    });
    cells.collect()
}

/// The activities, once every column keeps its rule.
fn checked(texts: Column, columns: [Column; 4]) -> Result<Vec<RawActivity>, Refusal> {
    check_texts(&texts)?;
    for (rule, column) in [Rule::FormType, Rule::Nature, Rule::Surface, Rule::Event].iter().zip(&columns) {
        rule.check(column)?;
    }
    let [form_types, natures, surfaces, events] = columns.map(Vec::into_iter);
    let covariates = form_types.zip(natures).zip(surfaces).zip(events);
    let activities =
        texts.into_iter().zip(covariates).map(|(description, (((form_type, nature), surface_class), event))| {
            RawActivity { description, form_type, nature, surface_class, event, ..RawActivity::default() }
        });
    Ok(activities.collect())
}
