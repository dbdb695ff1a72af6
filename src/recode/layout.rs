//! An output laid out in folders by the values of a column, as Hive does.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{RecordBatch, UInt32Array};
use arrow_cast::cast;
use arrow_schema::{DataType, Schema, SchemaRef};
use arrow_select::take::take_record_batch;

use super::columns::ColumnError;
use super::error::RecodeError;

/// Folders by the values of a column, as Hive lays them out: `column=value`, the column itself left out of the files.
pub struct Layout {
    name: String,
    column: usize,
    /// The columns of its files.
    pub schema: SchemaRef,
}

/// The folder of rows without a value, by the name that Hive and Spark give it.
const NO_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

impl Layout {
    /// By this column.
    pub fn new(name: &str, schema: &Schema) -> Result<Self, RecodeError> {
        let column = schema.index_of(name).map_err(|_| ColumnError::missing(name, schema))?;
        let others = schema.fields().iter().enumerate().filter(|(place, _)| *place != column);
        let schema = Schema::new(others.map(|(_, field)| Arc::clone(field)).collect::<Vec<_>>());
        Ok(Self { name: name.to_owned(), column, schema: Arc::new(schema) })
    }

    /// The rows of each folder.
    pub fn split(&self, rows: &RecordBatch) -> Result<Vec<(String, RecordBatch)>, RecodeError> {
        let internal = |error: arrow_schema::ArrowError| RecodeError::Internal(error.to_string());
        let mut rest = rows.clone();
        let values = cast(&rest.remove_column(self.column), &DataType::Utf8).map_err(internal)?;
        let mut places: BTreeMap<Option<&str>, Vec<u32>> = BTreeMap::new();
        for (place, value) in (0..).zip(values.as_string::<i32>().iter()) {
            places.entry(value.filter(|value| !value.is_empty())).or_default().push(place);
        }
        let of_value = |(value, places): (Option<&str>, Vec<u32>)| {
            let folder = format!("{}={}", escaped(&self.name), value.map_or_else(|| NO_VALUE.to_owned(), escaped));
            Ok((folder, take_record_batch(&rest, &UInt32Array::from(places)).map_err(internal)?))
        };
        places.into_iter().map(of_value).collect()
    }
}

/// A value as it may stand in the name of a folder: what is not plain is `%` and its bytes, as Hive writes it.
fn escaped(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_. ".contains(&byte) || byte >= 0x80;
    // Only ASCII is escaped: characters beyond it stay whole.
    let each = value.chars().map(|character| match u8::try_from(character) {
        Ok(byte) if character.is_ascii() && !plain(byte) => format!("%{byte:02X}"),
        _ => character.to_string(),
    });
    let escaped: String = each.collect();
    if escaped == "." || escaped == ".." { escaped.replace('.', "%2E") } else { escaped }
}

#[cfg(test)]
mod tests {
    use arrow_array::{ArrayRef, Int64Array, StringArray};
    use arrow_schema::Field;

    use super::*;

    #[test]
    fn rows_go_to_the_folder_of_their_value() {
        let schema =
            Schema::new(vec![Field::new("n", DataType::Int64, false), Field::new("a/b", DataType::Utf8, true)]);
        let layout = Layout::new("a/b", &schema).unwrap();
        let columns: [ArrayRef; 2] = [
            Arc::new(Int64Array::from_iter_values(0..5)),
            Arc::new(StringArray::from(vec![Some("x=1"), None, Some("é"), Some("x=1"), Some("..")])),
        ];
        let rows = RecordBatch::try_new(Arc::new(schema), columns.to_vec()).unwrap();
        let split = layout.split(&rows).unwrap();
        let numbers =
            |rows: &RecordBatch| rows.column(0).as_primitive::<arrow_array::types::Int64Type>().values().to_vec();
        let split: Vec<_> = split.iter().map(|(folder, rows)| (folder.as_str(), numbers(rows))).collect();
        let expected = [
            ("a%2Fb=__HIVE_DEFAULT_PARTITION__", vec![1]),
            ("a%2Fb=%2E%2E", vec![4]),
            ("a%2Fb=x%3D1", vec![0, 3]),
            ("a%2Fb=é", vec![2]),
        ];
        assert_eq!(split, expected);
        assert_eq!(layout.schema.fields().len(), 1);
    }

    #[test]
    fn a_column_that_is_not_there_is_refused() {
        assert!(Layout::new("x", &Schema::empty()).is_err());
    }
}
