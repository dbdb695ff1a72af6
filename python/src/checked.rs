//! Activities on their way: those that can be coded, and the others' faults in their places.

use codif::coding::Coding as Found;
use codif::coding::activity::{Activity, ActivityError, LONGEST_TEXT};
use codif::coding::raw_activity::UnreadActivity;
use codif::serving::answer::ReadActivity;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::coding::Coding;
use crate::errors::{Fault, activity_error, activity_fault};
use crate::reading::activity;

/// The activities that Python gives.
pub fn read(given: &Bound<'_, PyAny>, is_alone: bool) -> PyResult<Vec<ReadActivity>> {
    if is_alone {
        return Ok(vec![activity(given)]);
    }
    if given.cast::<PyBytes>().is_err()
        && let Ok(several) = given.try_iter()
    {
        return several.map(|one| Ok(activity(&one?))).collect();
    }
    let kind = given.get_type().name()?;
    Err(PyTypeError::new_err(format!("an activity is a str or a dict, several are a list of them; this is a {kind}")))
}

/// Activities sorted into those that can be coded and the others' faults.
#[derive(Default)]
pub struct Checked {
    /// Those that can be coded, in their order.
    pub accepted: Vec<Activity>,
    /// Each activity's id, and its fault when it has one.
    outcomes: Vec<(Option<String>, Option<ActivityError>)>,
}

impl Checked {
    /// Checks each activity.
    pub fn new(read: Vec<ReadActivity>) -> Self {
        let mut checked = Self::default();
        for read in read {
            let outcome = match read {
                Err(UnreadActivity { id, error }) => (id, Some(error)),
                Ok(raw) => {
                    let id = raw.id.clone();
                    let outcome = Activity::checked(raw, LONGEST_TEXT);
                    (id, outcome.map(|activity| checked.accepted.push(activity)).err())
                }
            };
            checked.outcomes.push(outcome);
        }
        checked
    }

    /// The coding of the one activity there is.
    pub fn only(self, py: Python<'_>, codings: Vec<Found>) -> PyResult<Bound<'_, PyAny>> {
        match (self.outcomes.into_iter().next(), codings.into_iter().next()) {
            (Some((_, Some(fault))), _) => Err(activity_error(py, &fault)),
            (Some((given_id, None)), Some(coding)) => Ok(Bound::new(py, Coding { given_id, coding })?.into_any()),
            _ => Err(Fault::internal("no coding came out").raised(py)),
        }
    }

    /// Every activity's own coding or its own fault.
    pub fn all(self, py: Python<'_>, codings: Vec<Found>) -> PyResult<Bound<'_, PyAny>> {
        let mut codings = codings.into_iter();
        let mut answers = Vec::with_capacity(self.outcomes.len());
        for (given_id, fault) in self.outcomes {
            let answer = match fault {
                // An id that is too long is not echoed.
                Some(fault) => {
                    let id = given_id.filter(|_| fault != ActivityError::IdTooLong);
                    activity_fault(py, &fault, id.as_deref())?
                }
                None => match codings.next() {
                    Some(coding) => Bound::new(py, Coding { given_id, coding })?.into_any(),
                    None => return Err(Fault::internal("a coding is missing").raised(py)),
                },
            };
            answers.push(answer);
        }
        Ok(PyList::new(py, answers)?.into_any())
    }
}
