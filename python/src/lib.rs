//! codif for Python: `codif._codif`, the native part of the package in `python/codif`.
//!
//! The modules stand in the order in which a call meets them. Python's lock is held while objects of Python are read
//! and made, and never while a model is loaded or texts are coded.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]

// What is asked.
mod coder;
mod reading;
mod source;

// What comes of lists.
mod checked;
mod coding;
mod errors;

// What comes of tables.
mod capsules;
mod coded;
mod recoding;

use pyo3::prelude::*;

/// The native part of codif.
#[pymodule]
fn _codif(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<coder::Coder>()?;
    module.add_class::<coding::Coding>()?;
    module.add_class::<coding::Prediction>()?;
    module.add_class::<coding::Term>()?;
    module.add_class::<coding::UnusedValue>()?;
    module.add_class::<coded::CodedBatch>()?;
    module.add_class::<coded::CodedTable>()
}
