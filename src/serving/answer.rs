//! What a client reads: each activity's own result or its own error, in the order of the activities. The same over
//! HTTP and on the command line.

use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::coding::activity::{Activity, ActivityError, LONGEST_ID, LONGEST_TEXT, RawActivity};
use crate::coding::decision::ManualReason;
use crate::coding::explain::Method;
use crate::coding::features::Unused;
use crate::coding::raw_activity::UnreadActivity;
use crate::coding::{Coder, Coding, CodingOptions, Label, ModelVersion, Prediction};
use crate::nomenclature::{Code, Nomenclature};

/// One activity's result or error.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Answer {
    /// It was coded.
    Coded {
        /// The caller's identifier, null when it gave none.
        id: Option<String>,
        /// One coding for each nomenclature asked, by its id.
        #[schema(value_type = BTreeMap<String, CodingAnswer>)]
        #[serde(serialize_with = "by_nomenclature")]
        codings: Vec<(Arc<Nomenclature>, CodingAnswer)>,
    },
    /// It could not be.
    Failed {
        /// The caller's identifier, null when it gave none.
        id: Option<String>,
        /// Why.
        error: ActivityFault,
    },
}

/// The coding of one activity in one nomenclature.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CodingAnswer {
    /// The model version that answers.
    #[schema(inline, value_type = ModelVersion)]
    #[serde(serialize_with = "shared")]
    model: Arc<ModelVersion>,
    /// True when a version on trial answers, which is chosen by the activity's id; else left out.
    #[serde(skip_serializing_if = "is_false")]
    #[schema(required = false)]
    canary: bool,
    decision: DecisionAnswer,
    /// Why a person has to decide; null when automatic.
    #[schema(inline)]
    reason: Option<ManualReason>,
    /// The code given; null when a person has to decide.
    #[schema(value_type = Option<String>, example = "9602A")]
    code: Option<GivenCode>,
    /// Best minus second probability.
    confidence_gap: f64,
    /// The threshold used.
    threshold: f64,
    /// The best codes, the best first.
    #[schema(value_type = Vec<PredictionAnswer>)]
    #[serde(serialize_with = "ranked")]
    predictions: Vec<Prediction>,
    /// What each term adds to the logit of the best code; when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Vec<TermAnswer>>,
    /// "exact": the contributions sum to the logit minus the bias. "local": they do for this text, whose length is held at its value.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation_kind: Option<Method>,
    /// The text as the model saw it; with the explanation.
    #[serde(skip_serializing_if = "Option::is_none")]
    normalised: Option<String>,
    /// The values the model made nothing of.
    warnings: Vec<Warning>,
}

/// The code of a label, written as text.
#[derive(Clone, Debug)]
struct GivenCode(Arc<Label>);

impl Serialize for GivenCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.code.serialize(serializer)
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

fn shared<T: Serialize, S: Serializer>(value: &Arc<T>, serializer: S) -> Result<S::Ok, S::Error> {
    value.serialize(serializer)
}

fn ranked<S: Serializer>(predictions: &[Prediction], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq((1..).zip(predictions).map(|(rank, prediction)| PredictionAnswer {
        rank,
        code: &prediction.label.code,
        title: &prediction.label.written.title,
        probability: prediction.probability,
        path: &prediction.label.written.path,
    }))
}

fn by_nomenclature<S: Serializer>(
    codings: &[(Arc<Nomenclature>, CodingAnswer)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(codings.iter().map(|(nomenclature, coding)| (nomenclature.id(), coding)))
}

/// Automatic or manual.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecisionAnswer {
    /// The best code is given.
    Automatic,
    /// A person decides.
    Manual,
}

/// One code proposed.
#[derive(Serialize, ToSchema)]
struct PredictionAnswer<'a> {
    /// From 1.
    rank: usize,
    /// Compact code.
    #[schema(value_type = String, example = "9602A")]
    code: &'a Code,
    /// Its title.
    #[schema(value_type = String, example = "Coiffure")]
    title: &'a RawValue,
    /// Between 0 and 1.
    probability: f64,
    /// The codes above it, from the section down.
    #[schema(value_type = Vec<String>, example = json!(["S", "96", "960", "9602"]))]
    path: &'a RawValue,
}

/// What one term adds.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TermAnswer {
    /// A normalised word, `field=value`, or `</s>` for the end of the text.
    term: String,
    /// What it adds to the logit of the best code.
    contribution: f64,
}

/// A value the model made nothing of.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Warning {
    /// The field.
    pub field: String,
    /// `unknown_value` or `not_used`.
    pub code: &'static str,
    /// The same in words.
    pub message: String,
}

/// Why an activity was not coded.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ActivityFault {
    /// The stable code.
    #[schema(example = "empty_description")]
    pub code: &'static str,
    /// The same in words.
    pub message: String,
    /// The field at fault, null when there is none.
    pub field: Option<String>,
}

/// An activity as it was read, or why it could not be.
pub type ReadActivity = Result<RawActivity, UnreadActivity>;

/// Activities as they were read, sorted into those that can be coded and the others' faults.
pub struct Sorted {
    /// Those that can be coded, in their order.
    pub accepted: Vec<Activity>,
    /// For each activity read: its id, and its fault when it has one.
    outcomes: Vec<(Option<String>, Option<ActivityError>)>,
}

impl Sorted {
    /// Checks each activity; a text may have `longest` characters.
    pub fn new(read: Vec<ReadActivity>, longest: usize) -> Self {
        let mut sorted = Self { accepted: Vec::with_capacity(read.len()), outcomes: Vec::with_capacity(read.len()) };
        for raw in read {
            let (id, activity) = match raw {
                Ok(mut raw) => (raw.id.take(), raw),
                Err(unread) => {
                    sorted.outcomes.push((unread.id, Some(unread.error)));
                    continue;
                }
            };
            let too_long = id.as_ref().is_some_and(|id| id.len() > LONGEST_ID && id.chars().count() > LONGEST_ID);
            let checked = if too_long { Err(ActivityError::IdTooLong) } else { Activity::checked(activity, longest) };
            sorted.outcomes.push((id, checked.map(|activity| sorted.accepted.push(activity)).err()));
        }
        sorted
    }

    /// The ids of the accepted, in their order.
    pub fn ids(&self) -> Vec<Option<&str>> {
        let accepted = self.outcomes.iter().filter(|(_, fault)| fault.is_none());
        accepted.map(|(id, _)| id.as_deref()).collect()
    }

    /// The stable codes of the faults.
    pub fn faults(&self) -> impl Iterator<Item = &'static str> {
        self.outcomes.iter().filter_map(|(_, fault)| fault.as_ref().map(ActivityError::code))
    }

    /// Every activity's own result or its own error, from the codings of the accepted: one list a coder.
    pub fn answers<C: AsRef<Coder>>(self, coders: &[Arc<C>], codings: Vec<Vec<Coding>>) -> Vec<Answer> {
        let coders = coders.iter().map(|coder| coder.as_ref().as_ref());
        let mut codings: Vec<_> = coders.zip(codings).map(|(coder, list)| (coder, list.into_iter())).collect();
        let answers = self.outcomes.into_iter().map(|(id, fault)| match fault {
            // An id that is too long is not echoed.
            Some(error) => {
                Answer::Failed { id: id.filter(|_| error != ActivityError::IdTooLong), error: (&error).into() }
            }
            None => {
                let of_each = codings.iter_mut().filter_map(|(coder, list)| {
                    let coding = list.next()?;
                    let canary = !Arc::ptr_eq(&coding.model, &coder.model);
                    Some((Arc::clone(&coder.nomenclature), CodingAnswer { canary, ..coding.into() }))
                });
                Answer::Coded { id, codings: of_each.collect() }
            }
        });
        answers.collect()
    }
}

/// Codes what was read in each nomenclature of `coders`; every activity gets its own result or its own error.
pub fn answers<C: AsRef<Coder>>(
    coders: &[Arc<C>],
    read: Vec<ReadActivity>,
    options: CodingOptions,
) -> candle_core::Result<Vec<Answer>> {
    let sorted = Sorted::new(read, LONGEST_TEXT);
    let codings = super::code_in_each(coders, &sorted.accepted, options, &mut |_| {})?;
    Ok(sorted.answers(coders, codings))
}

impl From<&ActivityError> for ActivityFault {
    fn from(error: &ActivityError) -> Self {
        Self { code: error.code(), message: error.to_string(), field: error.field().map(str::to_owned) }
    }
}

impl From<Coding> for CodingAnswer {
    fn from(coding: Coding) -> Self {
        let automatic = coding.decision.is_automatic();
        let given = coding.predictions.first().filter(|_| automatic);
        let code = given.map(|best| GivenCode(Arc::clone(&best.label)));
        let explanation_kind = coding.explanation.as_ref().map(|explanation| explanation.method);
        let (normalised, contributions) =
            coding.explanation.map(|explanation| (explanation.normalised, explanation.contributions)).unzip();
        let terms = |contributions: Vec<crate::coding::explain::Contribution>| {
            let terms = contributions.into_iter().map(|c| TermAnswer { term: c.term, contribution: c.contribution });
            terms.collect()
        };
        Self {
            model: coding.model,
            canary: false,
            decision: if automatic { DecisionAnswer::Automatic } else { DecisionAnswer::Manual },
            reason: coding.decision.reason(),
            code,
            confidence_gap: coding.gap,
            threshold: coding.threshold,
            predictions: coding.predictions,
            explanation_kind,
            explanation: contributions.map(terms),
            normalised,
            warnings: coding.unused.into_iter().map(Warning::from).collect(),
        }
    }
}

impl From<Unused> for Warning {
    fn from(unused: Unused) -> Self {
        let message = match unused {
            Unused::UnknownValue(_) => "the model has never seen this value: it counts as missing",
            Unused::NotUsed(_) => "the model does not use this field",
        };
        Self { field: unused.covariate().field().to_owned(), code: unused.code(), message: message.to_owned() }
    }
}
