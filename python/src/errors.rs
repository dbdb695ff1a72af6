//! codif's errors as Python's. Their classes are written in Python, in `codif/errors.py`.

use codif::coding::activity::ActivityError;
use codif::recode::columns::ColumnError;
use codif::recode::error::RecodeError;
use codif::registry::error::in_one_line;
use codif::serving::ServingError;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// A fault that is no activity's own, found where Python's lock is not held.
#[derive(Debug)]
pub struct Fault {
    class: &'static str,
    message: String,
}

impl Fault {
    /// The machine's, or codif's own.
    pub fn internal(message: impl Into<String>) -> Self {
        Self { class: "CodifError", message: message.into() }
    }

    /// Of the rows that were given.
    pub fn of_columns(message: impl Into<String>) -> Self {
        Self { class: "ColumnError", message: message.into() }
    }

    /// What loading says, and in which of its errors.
    pub fn of_loading(error: Option<&ServingError>, message: String) -> Self {
        match error {
            Some(ServingError::Registry(error)) => Self { class: "RegistryError", message: in_one_line(error) },
            None | Some(ServingError::Nomenclature(_) | ServingError::Lost(_)) => Self::internal(message),
            Some(error) => Self { class: "ModelError", message: in_one_line(error) },
        }
    }

    /// As an exception.
    pub fn raised(self, py: Python<'_>) -> PyErr {
        raised(class(py, self.class).and_then(|class| class.call1((self.message,))))
    }
}

/// The command line's flags are Python's keywords here.
impl From<RecodeError> for Fault {
    fn from(error: RecodeError) -> Self {
        match error {
            RecodeError::Column(ColumnError::NoDescription { columns }) => Self::of_columns(format!(
                "no column is called description: say with columns= which holds the text, of {columns}"
            )),
            RecodeError::Column(ColumnError::Taken { name }) => Self::of_columns(format!(
                "two columns {name:?} would come of it: leave out the one that is there with keep=[…], or rename it"
            )),
            RecodeError::Column(error) => Self::of_columns(error.to_string()),
            error => Self::internal(error.to_string()),
        }
    }
}

/// The exception of an activity that was asked alone.
pub fn activity_error(py: Python<'_>, error: &ActivityError) -> PyErr {
    let made =
        class(py, "ActivityError").and_then(|class| class.call1((error.code(), error.to_string(), error.field())));
    raised(made)
}

/// What stands in the place of an activity that was asked with others.
pub fn activity_fault<'py>(py: Python<'py>, error: &ActivityError, id: Option<&str>) -> PyResult<Bound<'py, PyAny>> {
    class(py, "ActivityFault")?.call1((error.code(), error.to_string(), error.field(), id))
}

/// An argument that cannot be.
pub fn wrong_argument(message: impl Into<String>) -> PyErr {
    PyValueError::new_err(message.into())
}

fn raised(made: PyResult<Bound<'_, PyAny>>) -> PyErr {
    made.map_or_else(|error| error, PyErr::from_value)
}

fn class<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import("codif.errors")?.getattr(name)
}
