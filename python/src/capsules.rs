//! Tables on their way from and to Python, through Arrow's C interfaces in capsules: columns are handed over, not
//! copied. The only `unsafe` there is in this crate.

use std::ffi::CStr;
use std::ptr::NonNull;
use std::sync::Arc;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi_and_data_type};
use arrow_array::ffi_stream::{FFI_ArrowArrayStream, RecordBatchStreamReader};
use arrow_array::{Array, RecordBatch, RecordBatchIterator, RecordBatchOptions, RecordBatchReader, StructArray};
use arrow_schema::{ArrowError, DataType, Schema, SchemaRef};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyCapsuleMethods};

use crate::errors::wrong_argument;

/// The names of capsules, which say what is in them: they are Arrow's.
const SCHEMA: &CStr = c"arrow_schema";
const ARRAY: &CStr = c"arrow_array";
const STREAM: &CStr = c"arrow_array_stream";

/// Rows that Python gives.
pub enum GivenRows {
    /// All of them at once.
    Batch(RecordBatch),
    /// A batch after the other.
    Stream(RecordBatchStreamReader),
}

impl GivenRows {
    /// Those of an object that has one of the two methods of Arrow's interface.
    pub fn of(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        if object.hasattr("__arrow_c_array__")? {
            let capsules = object.call_method0("__arrow_c_array__")?;
            let (schema, array) = capsules.extract::<(Bound<'_, PyCapsule>, Bound<'_, PyCapsule>)>()?;
            return batch(&schema, &array).map(Self::Batch);
        }
        if object.hasattr("__arrow_c_stream__")? {
            let capsule = object.call_method0("__arrow_c_stream__")?;
            return stream(capsule.cast::<PyCapsule>()?).map(Self::Stream);
        }
        Err(PyTypeError::new_err(format!(
            "rows are a table of pyarrow, polars or duckdb, or whatever has __arrow_c_stream__: not {}",
            object.get_type().name()?
        )))
    }

    /// Their schema.
    pub fn schema(&self) -> SchemaRef {
        match self {
            Self::Batch(rows) => rows.schema(),
            Self::Stream(rows) => rows.schema(),
        }
    }
}

#[expect(unsafe_code, reason = "Arrow's C interface is made of pointers")]
fn batch(schema: &Bound<'_, PyCapsule>, array: &Bound<'_, PyCapsule>) -> PyResult<RecordBatch> {
    let schema: NonNull<FFI_ArrowSchema> = schema.pointer_checked(Some(SCHEMA))?.cast();
    let array: NonNull<FFI_ArrowArray> = array.pointer_checked(Some(ARRAY))?.cast();
    // SAFETY: by its name the capsule holds a schema of Arrow's C interface; it is alive, and read here only.
    let schema = Schema::try_from(unsafe { schema.as_ref() }).map_err(refused)?;
    // SAFETY: by its name the capsule holds an array of Arrow's C interface. It is taken out: the capsule then frees
    // nothing.
    let array = unsafe { FFI_ArrowArray::from_raw(array.as_ptr()) };
    if array.is_released() {
        return Err(wrong_argument("the rows were taken by somebody else before"));
    }
    let kind = DataType::Struct(schema.fields().clone());
    // SAFETY: whoever made the two capsules together answers for the array being of the schema, as the interface asks.
    let rows = StructArray::from(unsafe { from_ffi_and_data_type(array, kind) }.map_err(refused)?);
    if rows.null_count() > 0 {
        return Err(wrong_argument("some rows are null as a whole: they are no rows of a table"));
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(Arc::new(schema), rows.into_parts().1, &options).map_err(refused)
}

#[expect(unsafe_code, reason = "Arrow's C interface is made of pointers")]
fn stream(capsule: &Bound<'_, PyCapsule>) -> PyResult<RecordBatchStreamReader> {
    let stream: NonNull<FFI_ArrowArrayStream> = capsule.pointer_checked(Some(STREAM))?.cast();
    // SAFETY: by its name the capsule holds a stream of Arrow's C interface. It is taken out: the capsule then frees
    // nothing.
    unsafe { RecordBatchStreamReader::from_raw(stream.as_ptr()) }.map_err(refused)
}

fn refused(error: ArrowError) -> PyErr {
    wrong_argument(format!("these rows are no table: {error}"))
}

/// A schema for Python.
pub fn schema_capsule<'py>(py: Python<'py>, schema: &Schema) -> PyResult<Bound<'py, PyCapsule>> {
    PyCapsule::new_with_value(py, FFI_ArrowSchema::try_from(schema).map_err(refused)?, SCHEMA)
}

/// One batch for Python: its schema, and its columns.
pub fn batch_capsules<'py>(
    py: Python<'py>,
    rows: &RecordBatch,
) -> PyResult<(Bound<'py, PyCapsule>, Bound<'py, PyCapsule>)> {
    let array = FFI_ArrowArray::new(&StructArray::from(rows.clone()).to_data());
    Ok((schema_capsule(py, rows.schema_ref())?, PyCapsule::new_with_value(py, array, ARRAY)?))
}

/// Batches for Python, one after the other.
pub fn stream_capsule<'py>(
    py: Python<'py>,
    schema: &SchemaRef,
    batches: Vec<RecordBatch>,
) -> PyResult<Bound<'py, PyCapsule>> {
    let batches = RecordBatchIterator::new(batches.into_iter().map(Ok), Arc::clone(schema));
    PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(Box::new(batches)), STREAM)
}
