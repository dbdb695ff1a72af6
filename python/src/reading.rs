//! What Python gives, read: activities, column names, and how they are to be coded.

use codif::coding::CodingOptions;
use codif::coding::activity::{ActivityError, RawActivity};
use codif::coding::raw_activity::{FIELDS, UnreadActivity};
use codif::recode::columns::ColumnNames;
use codif::recode::plan::Previous;
use codif::serving::answer::ReadActivity;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyMapping, PyString};

use crate::errors::wrong_argument;

/// Most codes that are given.
const MOST_CODES: i64 = 50;

/// Whether it is one activity rather than several of them.
pub fn is_activity(object: &Bound<'_, PyAny>) -> bool {
    object.cast::<PyString>().is_ok() || object.cast::<PyMapping>().is_ok() || is_missing(object)
}

/// Refuses tables, whose rows would be taken for their columns' names.
pub fn refuse_table(object: &Bound<'_, PyAny>) -> PyResult<()> {
    let gives_arrow = object.hasattr("__arrow_c_stream__")? || object.hasattr("__dataframe__")?;
    if gives_arrow && object.hasattr("columns")? {
        let message = "this is a table: code_arrow codes its rows, code takes activities";
        return Err(PyTypeError::new_err(message));
    }
    Ok(())
}

/// An activity: a text, or a dict with the fields of `/v1/code`. Every fault is the activity's own.
pub fn activity(object: &Bound<'_, PyAny>) -> ReadActivity {
    let unread = |error| UnreadActivity { id: None, error };
    // A value of pyarrow's.
    if let Ok(value) = object.call_method0("as_py") {
        return activity(&value);
    }
    if is_missing(object) {
        return Ok(RawActivity::default());
    }
    if object.cast::<PyString>().is_ok() {
        let description = text(object, "description").map_err(unread)?;
        return Ok(RawActivity { description, ..RawActivity::default() });
    }
    match dict(object) {
        Ok(fields) => activity_of_fields(&fields),
        Err(_) => Err(unread(ActivityError::WrongType { field: "activity", expected: "a str or a dict" })),
    }
}

/// Faults are told in the order in which `/v1/code` tells them.
fn activity_of_fields(fields: &Bound<'_, PyDict>) -> ReadActivity {
    let mut raw = RawActivity::default();
    let mut fault = None;
    for field in FIELDS {
        let Ok(Some(value)) = fields.get_item(field) else { continue };
        let set = match raw.text_field(field) {
            Some(slot) => text(&value, field).map(|text| *slot = text),
            None => number(&value, field).map(|surface| raw.surface = surface),
        };
        if let Err(error) = set {
            fault.get_or_insert(error);
        }
    }
    let unknown = fields.keys().iter().find_map(|name| {
        let name = name.extract::<String>().unwrap_or_else(|_| name.to_string());
        (!FIELDS.contains(&name.as_str())).then(|| ActivityError::UnknownField(name.chars().take(64).collect()))
    });
    match fault.or(unknown) {
        None => Ok(raw),
        Some(error) => Err(UnreadActivity { id: raw.id, error }),
    }
}

/// None, and what pandas makes of it: NaN and NA.
fn is_missing(object: &Bound<'_, PyAny>) -> bool {
    let is_nan = || object.cast::<PyFloat>().is_ok_and(|number| number.value().is_nan());
    object.is_none() || is_nan() || object.get_type().name().is_ok_and(|name| name == "NAType")
}

/// A dict, or what another mapping holds as one.
fn dict<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    match object.cast::<PyDict>() {
        Ok(dict) => Ok(dict.clone()),
        Err(_) => PyDict::from_sequence(object.cast::<PyMapping>()?.items()?.as_any()),
    }
}

fn text(value: &Bound<'_, PyAny>, field: &'static str) -> Result<Option<String>, ActivityError> {
    if is_missing(value) {
        return Ok(None);
    }
    let text = value.cast::<PyString>().map_err(|_| ActivityError::WrongType { field, expected: "a string" })?;
    // Half a surrogate pair is no text.
    text.extract::<String>().map(Some).map_err(|_| ActivityError::Unreadable)
}

fn number(value: &Bound<'_, PyAny>, field: &'static str) -> Result<Option<f64>, ActivityError> {
    if is_missing(value) {
        return Ok(None);
    }
    let is_bool = value.cast::<PyBool>().is_ok();
    let number = value.extract::<f64>().ok().filter(|number| number.is_finite() && !is_bool);
    number.map(Some).ok_or(ActivityError::WrongType { field, expected: "a number (m²)" })
}

/// How activities are to be coded.
pub fn coding_options(top_k: i64, threshold: Option<f64>, explain: bool) -> PyResult<CodingOptions> {
    let count = usize::try_from(top_k).ok().filter(|_| (1..=MOST_CODES).contains(&top_k));
    let wrong = || wrong_argument(format!("top_k is {top_k}: it must be between 1 and {MOST_CODES}"));
    let top_k = count.ok_or_else(wrong)?;
    if let Some(threshold) = threshold.filter(|threshold| !(0.0..=1.0).contains(threshold)) {
        return Err(wrong_argument(format!("threshold is {threshold}: it must be between 0 and 1")));
    }
    Ok(CodingOptions { top_k, threshold, explain })
}

/// Which columns hold what: the name of the description's, or a dict from fields to columns.
pub fn column_names(columns: Option<&Bound<'_, PyAny>>) -> PyResult<ColumnNames> {
    let mut names = ColumnNames::default();
    let Some(columns) = columns else { return Ok(names) };
    if columns.cast::<PyString>().is_ok() {
        names.description = vec![columns.extract()?];
        return Ok(names);
    }
    let columns = dict(columns)?;
    for (field, column) in columns.iter() {
        let field: String = field.extract()?;
        if column.is_none() {
            continue;
        }
        if field == "description" {
            names.description = match column.cast::<PyString>() {
                Ok(_) => vec![column.extract()?],
                Err(_) => column.try_iter()?.map(|name| name?.extract::<String>()).collect::<PyResult<_>>()?,
            };
            continue;
        }
        let slot = slot(&mut names, &field).ok_or_else(|| unknown_field(&field))?;
        *slot = Some(column.extract()?);
    }
    Ok(names)
}

fn slot<'a>(names: &'a mut ColumnNames, field: &str) -> Option<&'a mut Option<String>> {
    Some(match field {
        "other_nature" => &mut names.other_nature,
        "agricultural_detail" => &mut names.agricultural_detail,
        "form_type" => &mut names.form_type,
        "nature" => &mut names.nature,
        "event" => &mut names.event,
        "surface" => &mut names.surface,
        "surface_class" => &mut names.surface_class,
        "legal_category" => &mut names.legal_category,
        "permanence" => &mut names.permanence,
        _ => return None,
    })
}

fn unknown_field(field: &str) -> PyErr {
    let known: Vec<&str> = FIELDS.into_iter().filter(|field| *field != "id").collect();
    wrong_argument(format!("columns: {field:?} is no field of an activity: the fields are {}", known.join(", ")))
}

/// The codes that rows had before.
pub fn previous(column: Option<String>, nomenclature: Option<String>, constrain: bool) -> PyResult<Option<Previous>> {
    let Some(column) = column else {
        return match constrain {
            true => Err(wrong_argument("constrain_to_successors needs previous_code, the column of the codes")),
            false => Ok(None),
        };
    };
    let nomenclature = nomenclature.unwrap_or_else(|| "naf2008".to_owned());
    Ok(Some(Previous { column, nomenclature, constrain }))
}
