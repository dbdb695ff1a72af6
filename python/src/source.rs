//! Where a coder comes from, and how it is loaded: as by the command line, whose flags the options are.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use clap::{Args, Command, FromArgMatches};
use codif::coding::Coder;
use codif::config::{ModelOptions, RegistryOptions};
use codif::nomenclature::Nomenclatures;
use codif::process::choose_cryptography;
use codif::registry::ModelReference;
use codif::serving::{Coders, ServingError};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyList, PyTuple};

use crate::errors::{Fault, wrong_argument};

/// The options there are; each is the flag of the same name.
const OPTIONS: [&str; 9] = [
    "cache",
    "require_signature",
    "known_words",
    "repeats",
    "device",
    "s3_endpoint",
    "s3_region",
    "s3_path_style",
    "s3_ca",
];

/// Where a coder comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// The registry; a directory stands with its whole path, so that another process finds it.
    pub registry: String,
    /// The model.
    pub model: String,
    /// Options and their values, as texts; some may come several times.
    options: Vec<(String, String)>,
}

/// A loaded model, and the nomenclatures there are.
pub struct Loaded {
    /// The coder.
    pub coder: Arc<Coder>,
    /// The nomenclatures.
    pub nomenclatures: Nomenclatures,
}

/// What was loaded once for the whole process. A process that was forked in the middle of a load begins anew.
static SHARED: Mutex<BTreeMap<(u32, Source), Arc<Slot>>> = Mutex::new(BTreeMap::new());
/// Those asked for last, which stay although nobody has them: the tasks of a Python worker come one after the other.
static KEPT: Mutex<VecDeque<Arc<Loaded>>> = Mutex::new(VecDeque::new());
/// How many stay so.
const KEPT_AT_MOST: usize = 2;

/// The place of a model that is loaded once.
type Slot = Mutex<Weak<Loaded>>;

impl Source {
    /// From what Python gives.
    pub fn new(registry: &Path, model: String, options: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let registry = registry.to_str().ok_or_else(|| wrong_argument("the registry is no text"))?;
        let mut given = Vec::new();
        for (name, value) in options.into_iter().flat_map(|options| options.iter()) {
            let name: String = name.extract()?;
            if !OPTIONS.contains(&name.as_str()) {
                let known = OPTIONS.join(", ");
                return Err(PyTypeError::new_err(format!("there is no option {name:?}: the options are {known}")));
            }
            given.extend(texts(&value)?.into_iter().map(|text| (name.clone(), travelling(&name, text))));
        }
        given.sort();
        Ok(Self { registry: whole(registry), model, options: given })
    }

    /// The same, of this version.
    pub fn of_version(self, model: String) -> Self {
        Self { model, ..self }
    }

    /// The options, as they can be given again.
    pub fn options<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let mut of_each: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, value) in &self.options {
            of_each.entry(name).or_default().push(value);
        }
        let options = PyDict::new(py);
        for (name, values) in of_each {
            options.set_item(name, values)?;
        }
        Ok(options)
    }

    /// What is to be loaded. What is not given is the environment variable of its flag, else the flag's default.
    pub fn model_options(&self) -> PyResult<ModelOptions> {
        let command = Command::new("codif").no_binary_name(true).disable_help_flag(true);
        let options = self.options.iter().map(|(name, value)| format!("--{}={value}", name.replace('_', "-")));
        let arguments = std::iter::once(format!("--registry={}", self.registry)).chain(options);
        let matches = RegistryOptions::augment_args(command).try_get_matches_from(arguments);
        let registry = matches.and_then(|matches| RegistryOptions::from_arg_matches(&matches));
        let model = self.model.parse::<ModelReference>().map_err(|error| wrong_argument(error.to_string()))?;
        Ok(ModelOptions { registry: registry.map_err(|error| wrong_argument(told(&error)))?, models: vec![model] })
    }
}

impl Loaded {
    /// Loads a model. Python's lock must not be held.
    pub fn load(options: &ModelOptions) -> Result<Self, Fault> {
        choose_cryptography();
        let coders = Coders::load(options)
            .map_err(|error| Fault::of_loading(error.downcast_ref::<ServingError>(), format!("{error:#}")))?;
        let coder = coders.iter().next().map(|(_, served)| Arc::clone(&served.coder));
        let coder = coder.ok_or_else(|| Fault::internal("no model was loaded"))?;
        let nomenclatures = Nomenclatures::embedded().map_err(|error| Fault::internal(error.to_string()))?;
        Ok(Self { coder, nomenclatures })
    }

    /// The model of a source, loaded the first time that it is asked for. Others who ask wait: Python's lock must not
    /// be held.
    pub fn shared(source: &Source, options: &ModelOptions) -> Result<Arc<Self>, Fault> {
        let key = (std::process::id(), source.clone());
        let slot = Arc::clone(locked(&SHARED).entry(key).or_default());
        let mut slot = locked(&slot);
        let loaded = match slot.upgrade() {
            Some(loaded) => loaded,
            None => Arc::new(Self::load(options)?),
        };
        *slot = Arc::downgrade(&loaded);
        let mut kept = locked(&KEPT);
        kept.retain(|other| !Arc::ptr_eq(other, &loaded));
        kept.push_back(Arc::clone(&loaded));
        if kept.len() > KEPT_AT_MOST {
            kept.pop_front();
        }
        Ok(loaded)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An option as another process on another machine reads it too: paths whole, public keys by their text.
fn travelling(name: &str, text: String) -> String {
    match name {
        "cache" | "s3_ca" => whole(&text),
        "require_signature" if !text.contains("-----BEGIN") => std::fs::read_to_string(&text).unwrap_or(text),
        _ => text,
    }
}

/// The values of an option as a flag takes them; none of None.
fn texts(value: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    if value.is_none() {
        return Ok(Vec::new());
    }
    if value.cast::<PyList>().is_ok() || value.cast::<PyTuple>().is_ok() {
        let several: Vec<Vec<String>> = value.try_iter()?.map(|one| texts(&one?)).collect::<PyResult<_>>()?;
        return Ok(several.into_iter().flatten().collect());
    }
    if let Ok(is_true) = value.cast::<PyBool>() {
        return Ok(vec![if is_true.is_true() { "yes" } else { "no" }.to_owned()]);
    }
    match value.extract::<PathBuf>() {
        Ok(path) => Ok(vec![path.to_string_lossy().into_owned()]),
        Err(_) => Ok(vec![value.str()?.extract()?]),
    }
}

/// The whole path of a directory; an address as it is.
fn whole(registry: &str) -> String {
    if registry.is_empty() || registry.contains("://") {
        return registry.to_owned();
    }
    std::path::absolute(registry).map_or_else(|_| registry.to_owned(), |path| path.to_string_lossy().into_owned())
}

/// The first paragraph of what the command line says.
fn told(error: &clap::Error) -> String {
    let message = error.to_string();
    let first = message.split("\n\n").next().unwrap_or_default();
    first.trim_start_matches("error: ").trim().to_owned()
}
