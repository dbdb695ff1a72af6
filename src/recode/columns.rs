//! Which column of a table is which field of an activity, and the activities that its rows are.

use arrow_array::{Array, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType, Schema};

use crate::coding::activity::{Activity, ActivityError, RawActivity, trimmed};
use surfaces::Surfaces;
use texts::texts;

mod error;
mod names;
mod surfaces;
mod texts;

pub use error::ColumnError;
pub use names::ColumnNames;

/// Where the fields of an activity are in a table.
#[derive(Clone, Debug)]
pub struct ActivityColumns {
    description: Vec<Column>,
    other_nature: Option<Column>,
    agricultural_detail: Option<Column>,
    form_type: Option<Column>,
    nature: Option<Column>,
    event: Option<Column>,
    surface: Option<Column>,
    surface_class: Option<Column>,
    legal_category: Option<Column>,
    permanence: Option<Column>,
}

impl ActivityColumns {
    /// The columns of a table; names match exactly.
    pub fn new(names: &ColumnNames, schema: &Schema) -> Result<Self, ColumnError> {
        let column = |field, name: &Option<String>| Column::of_field(schema, field, name.as_deref());
        let description: Vec<Column> = match names.description.as_slice() {
            [] => column("description", &None)?.into_iter().collect(),
            named => named.iter().map(|name| Column::named(schema, "description", name)).collect::<Result<_, _>>()?,
        };
        if description.is_empty() {
            return Err(ColumnError::no_description(schema));
        }
        Ok(Self {
            description,
            other_nature: column("other_nature", &names.other_nature)?,
            agricultural_detail: column("agricultural_detail", &names.agricultural_detail)?,
            form_type: column("form_type", &names.form_type)?,
            nature: column("nature", &names.nature)?,
            event: column("event", &names.event)?,
            surface: column("surface", &names.surface)?,
            surface_class: column("surface_class", &names.surface_class)?,
            legal_category: column("legal_category", &names.legal_category)?,
            permanence: column("permanence", &names.permanence)?,
        })
    }

    /// The activity of each row, or why it is none.
    pub fn activities(&self, rows: &RecordBatch) -> Result<Vec<Result<Activity, ActivityError>>, ColumnError> {
        let cells = self.cells(rows)?;
        Ok((0..rows.num_rows()).map(|row| cells.activity(row).and_then(Activity::try_from)).collect())
    }

    /// Each column made text once, for all the rows.
    fn cells(&self, rows: &RecordBatch) -> Result<Cells, ColumnError> {
        let text = |column: &Option<Column>| column.as_ref().map(|column| column.texts(rows)).transpose();
        Ok(Cells {
            description: self.description.iter().map(|column| column.texts(rows)).collect::<Result<_, _>>()?,
            other_nature: text(&self.other_nature)?,
            agricultural_detail: text(&self.agricultural_detail)?,
            form_type: text(&self.form_type)?,
            nature: text(&self.nature)?,
            event: text(&self.event)?,
            surface: self.surface.as_ref().map(|column| column.surfaces(rows)).transpose()?,
            surface_class: text(&self.surface_class)?,
            legal_category: text(&self.legal_category)?,
            permanence: text(&self.permanence)?,
        })
    }
}

/// What the columns hold.
struct Cells {
    description: Vec<StringArray>,
    other_nature: Option<StringArray>,
    agricultural_detail: Option<StringArray>,
    form_type: Option<StringArray>,
    nature: Option<StringArray>,
    event: Option<StringArray>,
    surface: Option<Surfaces>,
    surface_class: Option<StringArray>,
    legal_category: Option<StringArray>,
    permanence: Option<StringArray>,
}

impl Cells {
    fn activity(&self, row: usize) -> Result<RawActivity, ActivityError> {
        let own =
            |column: &Option<StringArray>| column.as_ref().and_then(|column| text(column, row)).map(str::to_owned);
        Ok(RawActivity {
            id: None,
            surface: self.surface.as_ref().map_or(Ok(None), |surfaces| surfaces.at(row))?,
            description: self.description(row),
            other_nature: own(&self.other_nature),
            agricultural_detail: own(&self.agricultural_detail),
            form_type: own(&self.form_type),
            nature: own(&self.nature),
            event: own(&self.event),
            surface_class: own(&self.surface_class),
            legal_category: own(&self.legal_category),
            permanence: own(&self.permanence),
        })
    }

    fn description(&self, row: usize) -> Option<String> {
        let mut parts = self.description.iter().filter_map(|column| text(column, row)).map(trimmed);
        let mut description = parts.next()?.to_owned();
        for part in parts {
            description.push(' ');
            description.push_str(part);
        }
        Some(description)
    }
}

/// A text that is there and not blank: nothing is copied of the others.
fn text(column: &StringArray, row: usize) -> Option<&str> {
    column.is_valid(row).then(|| column.value(row)).filter(|text| !text.trim().is_empty())
}

/// A column of the table.
#[derive(Clone, Debug)]
struct Column {
    place: usize,
    name: String,
}

impl Column {
    /// The column named for a field, or the one called as the field.
    fn of_field(schema: &Schema, field: &'static str, name: Option<&str>) -> Result<Option<Self>, ColumnError> {
        match name {
            Some(name) => Self::named(schema, field, name).map(Some),
            None if schema.fields().iter().all(|column| column.name() != field) => Ok(None),
            None => Self::named(schema, field, field).map(Some),
        }
    }

    fn named(schema: &Schema, field: &'static str, name: &str) -> Result<Self, ColumnError> {
        let mut found = schema.fields().iter().enumerate().filter(|(_, column)| column.name() == name);
        let (place, column) = found.next().ok_or_else(|| ColumnError::missing(name, schema))?;
        let is_twice = found.next().is_some();
        let name = name.to_owned();
        if is_twice {
            return Err(ColumnError::Twice { name });
        }
        if !is_text_or_number(column.data_type()) {
            return Err(ColumnError::Kind { name, field, kind: column.data_type().clone() });
        }
        Ok(Self { place, name })
    }

    fn texts(&self, rows: &RecordBatch) -> Result<StringArray, ColumnError> {
        self.read(rows, texts)
    }

    fn surfaces(&self, rows: &RecordBatch) -> Result<Surfaces, ColumnError> {
        self.read(rows, Surfaces::of)
    }

    fn read<T>(
        &self,
        rows: &RecordBatch,
        read: impl Fn(&dyn Array) -> Result<T, ArrowError>,
    ) -> Result<T, ColumnError> {
        let column = rows.columns().get(self.place);
        let column = column.ok_or_else(|| ArrowError::SchemaError("these rows have no such column".to_owned()));
        let what_is_read = column.and_then(|column| read(column.as_ref()));
        what_is_read.map_err(|cause| ColumnError::Unreadable { name: self.name.clone(), cause })
    }
}

fn is_text_or_number(kind: &DataType) -> bool {
    match kind {
        DataType::Dictionary(_, values) => is_text_or_number(values),
        // pandas writes a column without any value as one of nulls.
        DataType::Null | DataType::Boolean => true,
        kind => kind.is_string() || kind.is_numeric(),
    }
}

#[cfg(test)]
mod tests;
