//! Why the columns of a table cannot be used.

use arrow_schema::{ArrowError, DataType, Schema};

/// Columns that a message lists at most.
const MOST_LISTED: usize = 30;

/// Why the columns of a table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ColumnError {
    /// A column was named that is not there.
    #[error("no column is called {name:?}: the columns are {columns}")]
    Missing {
        /// The column.
        name: String,
        /// The columns there are.
        columns: String,
    },
    /// No column holds the text.
    #[error("no column is called description: say with --description which holds the text, of {columns}")]
    NoDescription {
        /// The columns there are.
        columns: String,
    },
    /// A column that is read is there twice.
    #[error("two columns are called {name:?}: rename one of them")]
    Twice {
        /// The column.
        name: String,
    },
    /// A column holds what is no text.
    #[error("the column {name:?}, read for {field}, holds {kind}: a text or a number is read")]
    Kind {
        /// The column.
        name: String,
        /// The field it is read for.
        field: &'static str,
        /// The type of what it holds.
        kind: DataType,
    },
    /// A column cannot be read.
    #[error("the column {name:?} cannot be read: {cause}")]
    Unreadable {
        /// The column.
        name: String,
        /// What is wrong.
        cause: ArrowError,
    },
    /// A column that is kept, or of another model, is called as one that is written.
    #[error("two columns {name:?} would be written: leave out the input's with --keep")]
    Taken {
        /// The column.
        name: String,
    },
}

impl ColumnError {
    /// A column was named that is not in a table.
    pub fn missing(name: &str, schema: &Schema) -> Self {
        Self::Missing { name: name.to_owned(), columns: listed(schema) }
    }

    /// No column of a table holds the text.
    pub fn no_description(schema: &Schema) -> Self {
        Self::NoDescription { columns: listed(schema) }
    }

    /// A column that is written has the name of one that is there.
    pub fn taken(name: &str) -> Self {
        Self::Taken { name: name.to_owned() }
    }
}

/// The names of the columns, for a message.
fn listed(schema: &Schema) -> String {
    let names: Vec<&str> = schema.fields().iter().take(MOST_LISTED).map(|column| column.name().as_str()).collect();
    match schema.fields().len().saturating_sub(MOST_LISTED) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}
