//! What a client reads: each activity's own result or its own error, in the order of the activities. The same over
//! HTTP and on the command line.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use crate::coding::activity::{Activity, ActivityError, Covariate, RawActivity};
use crate::coding::decision::ManualReason;
use crate::coding::features::Unused;
use crate::coding::raw_activity::UnreadActivity;
use crate::coding::{Coder, Coding, CodingOptions, ModelVersion};

/// One activity's result or error.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Answer {
    /// It was coded.
    Coded {
        /// The caller's identifier, null when it gave none.
        id: Option<String>,
        /// One coding for each nomenclature asked, by its id.
        codings: BTreeMap<String, CodingAnswer>,
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
    #[schema(inline)]
    model: ModelVersion,
    decision: DecisionAnswer,
    /// Why a person has to decide; null when automatic.
    #[schema(inline)]
    reason: Option<ManualReason>,
    /// The code given; null when a person has to decide.
    #[schema(example = "9602A")]
    code: Option<String>,
    /// Best minus second probability.
    confidence_gap: f64,
    /// The threshold used.
    threshold: f64,
    /// The best codes, the best first.
    predictions: Vec<PredictionAnswer>,
    /// What each term adds to the logit of the best code; when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Vec<TermAnswer>>,
    /// "exact": the contributions sum to the logit minus the bias.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation_kind: Option<&'static str>,
    /// The text as the model saw it; with the explanation.
    #[serde(skip_serializing_if = "Option::is_none")]
    normalised: Option<String>,
    /// The values the model made nothing of.
    warnings: Vec<Warning>,
}

impl CodingAnswer {
    /// Name and version of the model that answers.
    pub fn model(&self) -> (&str, u32) {
        (&self.model.name, self.model.version)
    }

    /// Whether the code is given.
    pub fn is_automatic(&self) -> bool {
        self.code.is_some()
    }

    /// The confidence gap.
    pub fn gap(&self) -> f64 {
        self.confidence_gap
    }
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
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PredictionAnswer {
    /// From 1.
    rank: usize,
    /// Compact code.
    #[schema(example = "9602A")]
    code: String,
    /// Its title.
    #[schema(example = "Coiffure")]
    title: String,
    /// Between 0 and 1.
    probability: f64,
    /// The codes above it, from the section down.
    #[schema(example = json!(["S", "96", "960", "9602"]))]
    path: Vec<String>,
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

/// Codes what was read in each nomenclature of `coders`; every activity gets its own result or its own error.
pub fn answers(
    coders: &[Arc<Coder>],
    read: Vec<ReadActivity>,
    options: CodingOptions,
) -> candle_core::Result<Vec<Answer>> {
    let mut accepted = Vec::with_capacity(read.len());
    let mut outcomes = Vec::with_capacity(read.len());
    for raw in read {
        let (id, activity) = match raw {
            Ok(raw) => (raw.id.clone(), Activity::try_from(raw)),
            Err(unread) => (unread.id, Err(unread.error)),
        };
        outcomes.push((id, activity.map(|activity| accepted.push(activity)).err()));
    }
    let mut codings = super::code_in_each(coders, &accepted, options)?.into_iter();
    let answers = outcomes.into_iter().map(|(id, fault)| match fault {
        // An id that is too long is not echoed.
        Some(error) => Answer::Failed { id: id.filter(|_| error != ActivityError::IdTooLong), error: (&error).into() },
        None => {
            let codings = codings.next().unwrap_or_default();
            Answer::Coded { id, codings: codings.into_iter().map(|(id, coding)| (id, coding.into())).collect() }
        }
    });
    Ok(answers.collect())
}

impl From<&ActivityError> for ActivityFault {
    fn from(error: &ActivityError) -> Self {
        Self { code: error.code(), message: error.to_string(), field: error.field().map(str::to_owned) }
    }
}

impl From<Coding> for CodingAnswer {
    fn from(coding: Coding) -> Self {
        let automatic = coding.decision.is_automatic();
        let predictions = (1..).zip(&coding.predictions).map(|(rank, prediction)| PredictionAnswer {
            rank,
            code: prediction.label.code.to_string(),
            title: prediction.label.title.clone(),
            probability: prediction.probability,
            path: prediction.label.path.iter().map(ToString::to_string).collect(),
        });
        let predictions: Vec<PredictionAnswer> = predictions.collect();
        let (normalised, contributions) =
            coding.explanation.map(|explanation| (explanation.normalised, explanation.contributions)).unzip();
        let terms = |contributions: Vec<crate::coding::explain::Contribution>| {
            let terms = contributions.into_iter().map(|c| TermAnswer { term: c.term, contribution: c.contribution });
            terms.collect()
        };
        Self {
            model: coding.model.as_ref().clone(),
            decision: if automatic { DecisionAnswer::Automatic } else { DecisionAnswer::Manual },
            reason: coding.decision.reason(),
            code: predictions.first().filter(|_| automatic).map(|best| best.code.clone()),
            confidence_gap: coding.gap,
            threshold: coding.threshold,
            predictions,
            explanation_kind: contributions.is_some().then_some("exact"),
            explanation: contributions.map(terms),
            normalised,
            warnings: coding.unused.into_iter().map(Warning::from).collect(),
        }
    }
}

impl From<Unused> for Warning {
    fn from(unused: Unused) -> Self {
        let field = |covariate: Covariate| covariate.field().to_owned();
        match unused {
            Unused::UnknownValue(covariate) => Self {
                field: field(covariate),
                code: "unknown_value",
                message: "the model has never seen this value: it counts as missing".to_owned(),
            },
            Unused::NotUsed(covariate) => Self {
                field: field(covariate),
                code: "not_used",
                message: "the model does not use this field".to_owned(),
            },
        }
    }
}
