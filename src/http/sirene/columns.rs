//! The body of the older form: one list a field, one place a line.

use bytes::Bytes;
use serde_json::Value;

use super::cells::{Rule, cell, check_texts, filled};
use super::faults::{Fault, Refusal, object};
use super::query::Parameters;
use crate::coding::activity::RawActivity;

/// The lines of a request of the older form, every cell checked.
#[derive(Debug, Default)]
pub struct Lines {
    /// The activities, one a line.
    pub activities: Vec<RawActivity>,
    /// The code given by whoever asks for an evaluation, one a line; none otherwise.
    pub codes: Vec<String>,
}

/// Cells by line.
type Column = Vec<Option<String>>;

impl Lines {
    /// Reads a column-oriented body; with the column `code` when it is to be evaluated.
    pub fn read(body: &Bytes, deepest: usize, evaluated: bool) -> Result<Self, Refusal> {
        let fields = object(body, deepest)?;
        let column = |name: &'static str| -> Result<Option<Column>, Refusal> {
            let Some(raw) = fields.get(name).filter(|raw| raw.get() != "null") else { return Ok(None) };
            let cells: Vec<Value> = serde_json::from_str(raw.get()).map_err(|error| match error.is_data() {
                true => Fault::new("list_type", vec!["body".into(), name.into()], "Input should be a valid list", raw),
                false => Fault::no_json_within(body, raw.get().as_bytes(), &error),
            })?;
            let cells = cells.iter().enumerate().map(|(line, value)| {
                let loc = || vec!["body".into(), name.into(), line.into()];
                cell(value).ok_or_else(|| Fault::new("string_type", loc(), "Input should be a valid string", value))
            });
            Ok(Some(cells.collect::<Result<_, _>>()?))
        };
        let missing = |name: &'static str| Refusal::from(Fault::missing(vec!["body".into(), name.into()], &fields));
        let texts = column("text_description")?.ok_or_else(|| missing("text_description"))?;
        let codes = match evaluated {
            true => Some(column("code")?.ok_or_else(|| missing("code"))?),
            false => None,
        };
        let columns = [column("type_")?, column("nature")?, column("surface")?, column("event")?];
        let names = ["type_", "nature", "surface", "event", "code"];
        for (name, column) in names.iter().zip(columns.iter().chain([&codes])) {
            let lines = column.as_ref().map_or(texts.len(), Vec::len);
            if lines != texts.len() {
                let sentence = "The columns have different lengths: text_description has";
                return Err(Refusal::Sentence(format!("{sentence} {} line(s), {name} has {lines}.", texts.len())));
            }
        }
        let columns = columns.map(|column| column.unwrap_or_else(|| vec![None; texts.len()]));
        let codes = codes.into_iter().flatten().map(Option::unwrap_or_default).collect();
        Ok(Self { activities: checked(texts, columns)?, codes })
    }

    /// Reads the one line that stands in an address; its text is the first of `texts` that is there.
    pub fn of_address(parameters: &Parameters, texts: &[&str]) -> Result<Self, Refusal> {
        let one = |name: &str| vec![parameters.get(name).and_then(filled)];
        let text = texts.iter().find_map(|name| parameters.get(name)).and_then(filled);
        let columns = ["type_liasse", "nature", "surface", "event"].map(one);
        Ok(Self { activities: checked(vec![text], columns)?, codes: Vec::new() })
    }
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
