//! A column of any plain type, read as texts: 10 is "10", and so is 10.0, which pandas makes of it beside a missing
//! value.

use std::fmt::Write;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, Float64Array, StringArray};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType};

/// The texts of a column; what is no number in a column of numbers is absent, as null is.
pub fn texts(column: &dyn Array) -> Result<StringArray, ArrowError> {
    match column.data_type() {
        DataType::Dictionary(_, values) => texts(&cast(column, values)?),
        // A code has few enough digits for a decimal to keep all of them.
        kind if kind.is_floating() || kind.is_decimal() => {
            Ok(shown(cast(column, &DataType::Float64)?.as_primitive::<Float64Type>()))
        }
        _ => Ok(cast(column, &DataType::Utf8)?.as_string::<i32>().clone()),
    }
}

/// A column without its dictionary.
pub fn unpacked(column: &dyn Array) -> Result<ArrayRef, ArrowError> {
    match column.data_type() {
        DataType::Dictionary(_, values) => cast(column, values),
        kind => cast(column, kind),
    }
}

/// Numbers as they are written: no ".0" after a whole one, no sign before zero.
fn shown(numbers: &Float64Array) -> StringArray {
    let mut texts = StringBuilder::with_capacity(numbers.len(), 4 * numbers.len());
    for number in numbers {
        match number.filter(|number| !number.is_nan()) {
            // The builder takes whatever is written, and closes the text with what is appended.
            Some(number) if write!(texts, "{}", number + 0.0).is_ok() => texts.append_value(""),
            _ => texts.append_null(),
        }
    }
    texts.finish()
}
