//! A column of surfaces: numbers, or texts of numbers.

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, Float64Array, StringArray};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType};

use super::texts::unpacked;
use crate::coding::activity::ActivityError;

/// The fault of a row whose surface is no number.
const NO_NUMBER: ActivityError = ActivityError::WrongType { field: "surface", expected: "a number (m²)" };

/// The surfaces of a column.
pub enum Surfaces {
    /// In a column of numbers.
    Numbers(Float64Array),
    /// In a column of texts.
    Texts(StringArray),
}

impl Surfaces {
    /// Those of a column.
    pub fn of(column: &dyn Array) -> Result<Self, ArrowError> {
        let column = unpacked(column)?;
        if column.data_type().is_string() {
            return Ok(Self::Texts(cast(&column, &DataType::Utf8)?.as_string::<i32>().clone()));
        }
        Ok(Self::Numbers(cast(&column, &DataType::Float64)?.as_primitive::<Float64Type>().clone()))
    }

    /// The surface of a row: null, blank and "NaN" are none.
    pub fn at(&self, row: usize) -> Result<Option<f64>, ActivityError> {
        let surface = match self {
            Self::Numbers(numbers) => numbers.is_valid(row).then(|| numbers.value(row)),
            Self::Texts(texts) => {
                let text = texts.is_valid(row).then(|| texts.value(row).trim()).filter(|text| !text.is_empty());
                text.map(|text| text.parse::<f64>().map_err(|_| NO_NUMBER)).transpose()?
            }
        };
        match surface.filter(|surface| !surface.is_nan()) {
            Some(surface) if surface.is_infinite() => Err(NO_NUMBER),
            surface => Ok(surface),
        }
    }
}
