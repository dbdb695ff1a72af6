//! Numbers out of their text. arrow-json would make 2 of 2.5 and 12 of "012" in a column of whole numbers; so it hands
//! us numbers as they are written, and one that would change is not read.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, ListArray, PrimitiveArray, RecordBatch, StructArray};
use arrow_schema::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};

/// A schema with text in place of numbers.
pub(super) fn as_text(schema: &Schema) -> SchemaRef {
    Arc::new(Schema::new(schema.fields().iter().map(written).collect::<Fields>()))
}

fn written(field: &FieldRef) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::Int64 | DataType::Float64 => DataType::Utf8,
        DataType::List(values) => DataType::List(written(values)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(written).collect::<Fields>()),
        other => other.clone(),
    };
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}

/// The rows with numbers where the schema has numbers.
pub(super) fn read(written: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, String> {
    let columns = schema.fields().iter().zip(written.columns()).map(|(field, column)| typed(column, field));
    RecordBatch::try_new(schema.clone(), columns.collect::<Result<Vec<_>, _>>()?).map_err(|error| error.to_string())
}

fn typed(column: &ArrayRef, field: &Field) -> Result<ArrayRef, String> {
    let unlike = || format!("the field {:?} has another type than in the first lines", field.name());
    match field.data_type() {
        DataType::Int64 => numbers::<Int64Type>(column, field, "a whole number", whole_number),
        DataType::Float64 => numbers::<Float64Type>(column, field, "a number", |text| serde_json::from_str(text).ok()),
        DataType::List(inner) => {
            let list = column.as_list_opt::<i32>().ok_or_else(unlike)?;
            let values = typed(list.values(), inner)?;
            let read = ListArray::try_new(inner.clone(), list.offsets().clone(), values, list.nulls().cloned());
            Ok(Arc::new(read.map_err(|error| error.to_string())?))
        }
        DataType::Struct(fields) => {
            let object = column.as_struct_opt().ok_or_else(unlike)?;
            let columns = fields.iter().zip(object.columns()).map(|(field, column)| typed(column, field));
            let columns = columns.collect::<Result<Vec<_>, _>>()?;
            let nulls = object.nulls().cloned();
            let read = StructArray::try_new_with_length(fields.clone(), columns, nulls, object.len());
            Ok(Arc::new(read.map_err(|error| error.to_string())?))
        }
        _ => Ok(column.clone()),
    }
}

fn numbers<T: ArrowPrimitiveType>(
    column: &ArrayRef,
    field: &Field,
    expected: &str,
    number: impl Fn(&str) -> Option<T::Native>,
) -> Result<ArrayRef, String> {
    let unlike = |text: &str| {
        format!("{text:?} in the field {:?} is not {expected}, as all values of the first lines are", field.name())
    };
    let texts = column.as_string_opt::<i32>().ok_or_else(|| unlike("something"))?;
    let read = texts.iter().map(|text| match text {
        Some(text) => number(text).map(Some).ok_or_else(|| unlike(text)),
        None => Ok(None),
    });
    let read: Vec<Option<T::Native>> = read.collect::<Result<_, _>>()?;
    Ok(Arc::new(PrimitiveArray::<T>::from_iter(read)))
}

/// A whole number that is written as one.
fn whole_number(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = text == "0" || !digits.starts_with(['0', '+']);
    text.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_is_read_only_if_it_can_be_written_again() {
        for number in [0, 7, -7, i64::MIN, i64::MAX] {
            assert_eq!(whole_number(&number.to_string()), Some(number));
        }
        for text in ["", "-", "-0", "+1", "01", "1.0", "1e3", " 1", "9223372036854775808", "true"] {
            assert_eq!(whole_number(text), None, "{text}");
        }
    }
}
