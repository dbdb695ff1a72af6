//! The coder as Python sees it.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::RecordBatch;
use codif::recode::plan::{CHUNK_ROWS, PART_ROWS};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::capsules::GivenRows;
use crate::checked::{Checked, read};
use crate::coded::{CodedBatch, CodedTable};
use crate::errors::{Fault, wrong_argument};
use crate::reading::{coding_options, column_names, is_activity, previous, refuse_table};
use crate::recoding::{Recoder, Request};
use crate::source::{Loaded, Source};

/// Most rows of a stream that are coded between two looks at what Python wants, such as Ctrl-C.
const MOST_ROWS: usize = PART_ROWS as usize;
/// Most texts of a list that are.
const MOST_TEXTS: usize = 20_000;
const _: () = assert!(MOST_ROWS.is_multiple_of(CHUNK_ROWS));

/// A loaded model with everything needed to code. It never changes, and any number of threads may use it at once.
///
/// >>> import codif
/// >>> coder = codif.Coder.from_registry("models", "ape-naf2008@production")
/// >>> coder
/// Coder('ape-naf2008:1', nomenclature='naf2008')
///
/// Pickled, it is its registry and the exact version: whoever unpickles it loads that, once in each process.
#[pyclass(frozen, module = "codif")]
pub struct Coder {
    /// Where it is from; its model is the exact version.
    source: Source,
    loaded: Arc<Loaded>,
}

#[pymethods]
impl Coder {
    /// Loads a model of a registry: a directory, s3://BUCKET/PREFIX or mlflow+http://HOST:PORT.
    ///
    /// The model is NAME, NAME@ALIAS or NAME:VERSION. Options are the flags of the command line, and what is not given
    /// is looked for where the command line looks (CODIF_CACHE, CODIF_S3_ENDPOINT, …): cache, require_signature,
    /// known_words, repeats, device, s3_endpoint, s3_region, s3_path_style, s3_ca.
    #[staticmethod]
    #[pyo3(signature = (registry, model, **options))]
    fn from_registry(
        py: Python<'_>,
        registry: PathBuf,
        model: String,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let source = Source::new(&registry, model, options)?;
        let asked = source.model_options()?;
        let loaded = py.detach(|| Loaded::load(&asked)).map_err(|fault| fault.raised(py))?;
        Ok(Self::new(source, Arc::new(loaded)))
    }

    /// As from_registry, but loaded once in this process: whoever asks for the same again has the same weights. An
    /// alias is looked up the first time only.
    #[staticmethod]
    #[pyo3(signature = (registry, model, **options))]
    fn shared(py: Python<'_>, registry: PathBuf, model: String, options: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let source = Source::new(&registry, model, options)?;
        let asked = source.model_options()?;
        let loaded = py.detach(|| Loaded::shared(&source, &asked)).map_err(|fault| fault.raised(py))?;
        Ok(Self::new(source, loaded))
    }

    /// The version: NAME:VERSION.
    #[getter]
    fn model(&self) -> &str {
        &self.source.model
    }

    /// The nomenclature it codes in.
    #[getter]
    fn nomenclature(&self) -> &str {
        self.loaded.coder.nomenclature.id()
    }

    /// The codes it can give.
    #[getter]
    fn labels(&self) -> Vec<String> {
        self.loaded.coder.labels.iter().map(|label| label.code.to_string()).collect()
    }

    /// The confidence gap from which a code is given automatically.
    #[getter]
    fn threshold(&self) -> f64 {
        self.loaded.coder.threshold
    }

    /// Codes one activity, or several.
    ///
    /// An activity is a text, or a dict with the fields of /v1/code. One gives its Coding, or raises ActivityError;
    /// several give a list in their order, in which an activity that cannot be coded has an ActivityFault in its place.
    ///
    /// >>> import codif
    /// >>> coder = codif.Coder.from_registry("models", "ape-naf2008")
    /// >>> one, other = coder.code(["coiffure à domicile", ""])
    /// >>> one.predictions[0].code
    /// '9602A'
    /// >>> other.code
    /// 'empty_description'
    #[pyo3(signature = (activity, *, top_k=5, threshold=None, explain=false))]
    fn code<'py>(
        &self,
        py: Python<'py>,
        activity: &Bound<'py, PyAny>,
        top_k: i64,
        threshold: Option<f64>,
        explain: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let options = coding_options(top_k, threshold, explain)?;
        refuse_table(activity)?;
        let is_alone = is_activity(activity);
        let checked = Checked::new(read(activity, is_alone)?);
        let mut codings = Vec::with_capacity(checked.accepted.len());
        for some in checked.accepted.chunks(MOST_TEXTS) {
            py.check_signals()?;
            let coded = py.detach(|| self.loaded.coder.code(some, options).map_err(|error| error.to_string()));
            codings.extend(coded.map_err(|error| Fault::internal(format!("coding failed: {error}")).raised(py))?);
        }
        if is_alone { checked.only(py, codings) } else { checked.all(py, codings) }
    }

    /// Codes the rows of a table, as `codif recode` does.
    ///
    /// `data` is anything that gives Arrow: a table, a batch or a reader of pyarrow, a DataFrame of polars, a relation
    /// of duckdb. What comes of it gives Arrow too: pyarrow.table(…), polars.DataFrame(…). Its rows are in the order of
    /// the data's, a row that cannot be coded has why in its column `error`.
    ///
    /// `columns` is the column of the description, or a dict from the fields of /v1/code to columns; a field that is
    /// not named is the column called so, if there is one. `keep` are the columns to keep, in their order, when not all
    /// of them. With `previous_code`, a column of codes of `previous_nomenclature`, it is said whether the new code
    /// agrees with the old one, or may legally succeed it; `constrain_to_successors` chooses among these. `threads`
    /// code at once.
    #[pyo3(signature = (data, *, columns=None, top_k=5, threshold=None, keep=None, previous_code=None,
        previous_nomenclature=None, constrain_to_successors=false, threads=1))]
    #[allow(clippy::too_many_arguments, reason = "they are keywords of Python's call")]
    fn code_arrow<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
        columns: Option<&Bound<'py, PyAny>>,
        top_k: i64,
        threshold: Option<f64>,
        keep: Option<Vec<String>>,
        previous_code: Option<String>,
        previous_nomenclature: Option<String>,
        constrain_to_successors: bool,
        threads: i64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let threads = usize::try_from(threads).ok().filter(|threads| *threads > 0);
        let request = Request {
            columns: column_names(columns)?,
            keep,
            previous: previous(previous_code, previous_nomenclature, constrain_to_successors)?,
            options: coding_options(top_k, threshold, false)?,
            threads: threads.ok_or_else(|| wrong_argument("threads must be 1 or more"))?,
        };
        if let Some(previous) = &request.previous {
            let known = self.loaded.nomenclatures.nomenclature(&previous.nomenclature);
            known.map_err(|error| wrong_argument(error.to_string()))?;
        }
        let rows = GivenRows::of(data)?;
        let raised = |fault: Fault| fault.raised(py);
        let schema = rows.schema();
        let recoder = py.detach(|| Recoder::new(&self.loaded, &schema, &request)).map_err(raised)?;
        match rows {
            GivenRows::Batch(rows) => {
                let rows = py.detach(|| recoder.code(&rows)).map_err(raised)?;
                Ok(Bound::new(py, CodedBatch { rows })?.into_any())
            }
            GivenRows::Stream(mut given) => {
                let mut batches = Vec::new();
                // Whoever gives the rows may be waiting for Python's lock.
                while let Some(rows) = py.detach(|| given.next()) {
                    let rows = rows.map_err(|error| wrong_argument(format!("the rows stop: {error}")))?;
                    for piece in pieces(&rows) {
                        py.check_signals()?;
                        batches.push(py.detach(|| recoder.code(&piece)).map_err(raised)?);
                    }
                }
                Ok(Bound::new(py, CodedTable { schema: Arc::clone(recoder.schema()), batches })?.into_any())
            }
        }
    }

    fn __repr__(&self) -> String {
        format!("Coder('{}', nomenclature='{}')", self.source.model, self.nomenclature())
    }

    /// The registry and the version, not the weights.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        let shared = py.import("codif")?.getattr("_shared_coder")?;
        let Source { registry, model, .. } = &self.source;
        Ok((shared, (registry.clone(), model.clone(), self.source.options(py)?)))
    }
}

/// What makes an object again, and what it is given for that, as pickle wants it.
type Reduced<'py> = (Bound<'py, PyAny>, (String, String, Bound<'py, PyDict>));

impl Coder {
    fn new(source: Source, loaded: Arc<Loaded>) -> Self {
        Self { source: source.of_version(loaded.coder.model.to_string()), loaded }
    }
}

/// A batch in pieces that are not too large.
fn pieces(rows: &RecordBatch) -> impl Iterator<Item = RecordBatch> + '_ {
    let starts = (0..rows.num_rows()).step_by(MOST_ROWS);
    starts.map(|start| rows.slice(start, MOST_ROWS.min(rows.num_rows() - start)))
}
