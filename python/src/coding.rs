//! Codings as Python sees them.

use codif::coding::decision::ManualReason;
use codif::coding::explain::Method;
use codif::serving::answer::{CodingAnswer, Warning};
use pyo3::prelude::*;

/// What codif says of one activity.
///
/// >>> import codif
/// >>> coding = codif.Coder.from_registry("models", "ape-naf2008").code("coiffure à domicile")
/// >>> coding.predictions[0].code
/// '9602A'
/// >>> coding.model
/// 'ape-naf2008:1'
#[pyclass(frozen, module = "codif")]
pub struct Coding {
    /// The caller's own identifier.
    pub given_id: Option<String>,
    /// What was found.
    pub coding: codif::coding::Coding,
}

/// One code proposed.
#[pyclass(frozen, eq, get_all, module = "codif")]
#[derive(PartialEq)]
pub struct Prediction {
    /// From 1, the best first.
    rank: usize,
    /// The code, without dots.
    code: String,
    /// Its title.
    title: String,
    /// Between 0 and 1.
    probability: f64,
    /// The codes above it, from the section down.
    path: Vec<String>,
}

/// What one term adds to the logit of the best code.
#[pyclass(frozen, eq, get_all, module = "codif")]
#[derive(PartialEq)]
pub struct Term {
    /// A normalised word, `field=value`, or `</s>` for the end of the text.
    term: String,
    /// What it adds.
    contribution: f64,
}

/// A value the model made nothing of.
#[pyclass(frozen, eq, get_all, module = "codif")]
#[derive(PartialEq)]
pub struct UnusedValue {
    /// The field.
    field: String,
    /// `unknown_value` or `not_used`.
    code: String,
    /// The same in words.
    message: String,
}

#[pymethods]
impl Coding {
    /// The identifier of the activity, when it had one.
    #[getter]
    fn id(&self) -> Option<&str> {
        self.given_id.as_deref()
    }

    /// The version that answers: NAME:VERSION.
    #[getter]
    fn model(&self) -> String {
        self.coding.model.to_string()
    }

    /// "automatic" or "manual".
    #[getter]
    fn decision(&self) -> &'static str {
        if self.coding.decision.is_automatic() { "automatic" } else { "manual" }
    }

    /// Why a person has to decide; None when automatic.
    #[getter]
    fn reason(&self) -> Option<&'static str> {
        self.coding.decision.reason().map(ManualReason::as_str)
    }

    /// The code given; None when a person has to decide.
    #[getter]
    fn code(&self) -> Option<&str> {
        let best = self.coding.predictions.first().filter(|_| self.coding.decision.is_automatic());
        best.map(|best| best.label.code.as_str())
    }

    /// Best minus second probability.
    #[getter]
    fn confidence_gap(&self) -> f64 {
        self.coding.gap
    }

    /// The threshold used.
    #[getter]
    fn threshold(&self) -> f64 {
        self.coding.threshold
    }

    /// The best codes, the best first.
    #[getter]
    fn predictions(&self) -> Vec<Prediction> {
        let ranked = (1..).zip(&self.coding.predictions);
        let shown = ranked.map(|(rank, prediction)| Prediction {
            rank,
            code: prediction.label.code.to_string(),
            title: prediction.label.title.clone(),
            probability: prediction.probability,
            path: prediction.label.path.iter().map(ToString::to_string).collect(),
        });
        shown.collect()
    }

    /// The values the model made nothing of.
    #[getter]
    fn warnings(&self) -> Vec<UnusedValue> {
        let shown = self.coding.unused.iter().copied().map(|unused| {
            let Warning { field, code, message } = unused.into();
            UnusedValue { field, code: code.to_owned(), message }
        });
        shown.collect()
    }

    /// What each term adds to the logit of the best code; None when it was not asked for.
    #[getter]
    fn explanation(&self) -> Option<Vec<Term>> {
        let explanation = self.coding.explanation.as_ref()?;
        let terms = explanation.contributions.iter();
        Some(terms.map(|term| Term { term: term.term.clone(), contribution: term.contribution }).collect())
    }

    /// "exact" or "local"; None without an explanation.
    #[getter]
    fn explanation_kind(&self) -> Option<&'static str> {
        self.coding.explanation.as_ref().map(|explanation| match explanation.method {
            Method::Exact => "exact",
            Method::Local => "local",
        })
    }

    /// The text as the model saw it; None without an explanation.
    #[getter]
    fn normalised(&self) -> Option<&str> {
        self.coding.explanation.as_ref().map(|explanation| explanation.normalised.as_str())
    }

    /// The coding as /v1/code writes it for its nomenclature.
    ///
    /// >>> import codif
    /// >>> coder = codif.Coder.from_registry("models", "ape-naf2008")
    /// >>> coder.code("coiffure à domicile").to_dict()["model"]
    /// {'name': 'ape-naf2008', 'version': 1}
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let written = serde_json::to_string(&CodingAnswer::from(self.coding.clone()));
        let written = written.map_err(|error| crate::errors::Fault::internal(error.to_string()).raised(py))?;
        py.import("json")?.call_method1("loads", (written,))
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.given_id == other.given_id && self.coding == other.coding
    }

    fn __repr__(&self) -> String {
        let code = self.code().map_or_else(|| "None".to_owned(), |code| format!("'{code}'"));
        let (decision, gap, model) = (self.decision(), self.coding.gap, &self.coding.model);
        format!("Coding(code={code}, decision='{decision}', confidence_gap={gap:.4}, model='{model}')")
    }
}

#[pymethods]
impl Prediction {
    fn __repr__(&self) -> String {
        let Self { rank, code, title, probability, .. } = self;
        format!("Prediction(rank={rank}, code='{code}', title={title:?}, probability={probability:.4})")
    }
}

#[pymethods]
impl Term {
    fn __repr__(&self) -> String {
        format!("Term(term={:?}, contribution={:+.4})", self.term, self.contribution)
    }
}

#[pymethods]
impl UnusedValue {
    fn __repr__(&self) -> String {
        format!("UnusedValue(field='{}', code='{}')", self.field, self.code)
    }
}
