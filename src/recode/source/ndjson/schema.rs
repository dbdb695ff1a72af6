//! The columns of an NDJSON file, from its first lines: arrow-json finds the types, the order is that of the lines.

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use arrow_json::reader::infer_json_schema_from_iterator;
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::super::lines::{Lines, ReadLine};
use super::super::{MOST_COLUMNS, Position, SourceError, SourceFile};

/// How many lines show the types.
const SHOWN_LINES: u64 = 1_000;

/// How much text shows them, where lines are long.
const SHOWN_BYTES: u64 = 2 << 20;

/// The columns. A field with values of several simple types is text, and so is one without any value.
pub(super) fn infer(file: &SourceFile) -> Result<SchemaRef, SourceError> {
    let whole = |reason: String| SourceError::Whole { file: file.name.clone(), reason };
    let (names, shown) = first_objects(file)?;
    if names.is_empty() {
        return Err(whole(format!("none of its first {SHOWN_LINES} lines is a JSON object with fields")));
    }
    if names.len() > MOST_COLUMNS {
        return Err(whole(format!("its objects have {} fields: at most {MOST_COLUMNS} are read", names.len())));
    }
    let schema = consistent(shown).ok_or_else(|| whole("its first lines do not have fields of one type".to_owned()))?;
    let fields = names.iter().filter_map(|name| schema.field_with_name(name).ok());
    Ok(Arc::new(Schema::new(fields.map(with_values).collect::<Vec<_>>())))
}

/// The objects of the first lines and the names of their fields, in the order in which they come.
fn first_objects(file: &SourceFile) -> Result<(Vec<String>, Vec<Value>), SourceError> {
    let mut lines = Lines::open(file, Position::default())?;
    let mut line = Vec::new();
    let (mut known, mut names, mut shown) = (HashSet::new(), Vec::new(), Vec::new());
    while lines.at().row < SHOWN_LINES && lines.at().byte < SHOWN_BYTES {
        line.clear();
        match lines.read(&mut line)? {
            None => break,
            Some(ReadLine::TooLong) => continue,
            Some(ReadLine::Whole) => {}
        }
        let Ok(object @ Value::Object(_)) = serde_json::from_slice(&line) else { continue };
        let Ok(FieldNames(found)) = serde_json::from_slice(&line) else { continue };
        names.extend(found.into_iter().filter(|name| known.insert(name.clone())));
        shown.push(with_large_numbers_as_text(object));
    }
    Ok((names, shown))
}

/// The types, without the lines that contradict the lines before them.
fn consistent(mut shown: Vec<Value>) -> Option<Schema> {
    while !shown.is_empty() {
        let looked_at = Cell::new(0_usize);
        let values = shown.iter().map(|value| {
            looked_at.set(looked_at.get() + 1);
            Ok::<&Value, ArrowError>(value)
        });
        if let Ok(schema) = infer_json_schema_from_iterator(values) {
            return Some(schema);
        }
        shown.remove(looked_at.get().saturating_sub(1));
    }
    None
}

/// A number that only fits an unsigned type would become a float, and lose its last digits.
fn with_large_numbers_as_text(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_u64() && !number.is_i64() => Value::String(number.to_string()),
        Value::Array(values) => Value::Array(values.into_iter().map(with_large_numbers_as_text).collect()),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(name, value)| (name, with_large_numbers_as_text(value))).collect())
        }
        value => value,
    }
}

/// A field without any value is text.
fn with_values(field: &Field) -> Field {
    let inner = |field: &FieldRef| Arc::new(with_values(field));
    let data_type = match field.data_type() {
        DataType::Null => DataType::Utf8,
        DataType::List(values) => DataType::List(inner(values)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(inner).collect::<Fields>()),
        other => other.clone(),
    };
    field.clone().with_data_type(data_type)
}

/// The names of an object's fields in their order, which [`Value`] does not keep.
struct FieldNames(Vec<String>);

impl<'de> Deserialize<'de> for FieldNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = FieldNames;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<FieldNames, A::Error> {
                let mut names = Vec::new();
                while let Some((name, IgnoredAny)) = fields.next_entry()? {
                    names.push(name);
                }
                Ok(FieldNames(names))
            }
        }
        deserializer.deserialize_map(Names)
    }
}
