//! The spine: one activity on its way to its code. Pure: no IO, no async, no clock, no log.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

pub mod activity;
pub mod classifier;
pub mod covariates;
pub mod decision;
pub mod embedding_bag;
pub mod explain;
pub mod exponentials;
pub mod features;
pub mod hashing;
pub mod json_object;
pub mod known_words;
pub mod label_tree;
pub mod normalise;
pub mod quantiser;
pub mod ranking;
pub mod raw_activity;
pub mod repeats;
pub mod scoring;
pub mod table;
pub mod tokens;
pub mod wide;

use crate::nomenclature::{Code, Nomenclature};
use activity::Activity;
use classifier::Classifier;
use decision::{Decision, ManualReason};
use explain::{Contribution, Method, contributions};
use features::{Features, Unused};
use normalise::{NormalisedText, Normaliser};
use ranking::{Ranked, Ranking};
use repeats::Repeats;

/// Activities scored together: their logits stay in the second-level cache, and are few enough for candle to leave them to
/// this thread (it spreads operations on 65,536 numbers or more over threads of its own).
const TILE: usize = 64;

/// The same on another device than the processor: a call of it costs as much for one text as for hundreds.
const DEVICE_TILE: usize = 1024;

/// Name and version of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ModelVersion {
    /// Name in the registry.
    #[schema(example = "ape-naf2008")]
    pub name: String,
    /// Version in the registry, from 1.
    pub version: u32,
}

impl std::fmt::Display for ModelVersion {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}", self.name, self.version)
    }
}

/// A label a model can give, with all that is said of it in an answer.
#[derive(Debug)]
pub struct Label {
    /// The code.
    pub code: Code,
    /// Its title in the nomenclature.
    pub title: String,
    /// The codes above it, from the section down.
    pub path: Vec<Code>,
    /// Title and path as JSON: they are written in every answer, and made once.
    pub written: WrittenLabel,
}

/// What never changes of a label, as JSON.
#[derive(Debug)]
pub struct WrittenLabel {
    /// The title.
    pub title: Box<RawValue>,
    /// The path.
    pub path: Box<RawValue>,
}

impl Label {
    /// A label of a nomenclature.
    pub fn new(code: Code, title: String, path: Vec<Code>) -> serde_json::Result<Self> {
        let written = WrittenLabel { title: to_raw_value(&title)?, path: to_raw_value(&path)? };
        Ok(Self { code, title, path, written })
    }
}

impl PartialEq for Label {
    fn eq(&self, other: &Self) -> bool {
        (&self.code, &self.title, &self.path) == (&other.code, &other.title, &other.path)
    }
}

/// A loaded model with everything needed to code.
pub struct Coder {
    /// Which model this is.
    pub model: Arc<ModelVersion>,
    /// The nomenclature of its labels.
    pub nomenclature: Arc<Nomenclature>,
    /// The labels, in the order of the model's output.
    pub labels: Vec<Arc<Label>>,
    /// The model's own normaliser.
    pub normaliser: Normaliser,
    /// The model's own features.
    pub features: Features,
    /// The weights.
    pub classifier: Classifier,
    /// The confidence gap from which the code is given automatically.
    pub threshold: f64,
    /// Codings of activities that came before, if they are kept.
    pub repeats: Option<Repeats>,
}

/// What a caller may ask of a coding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CodingOptions {
    /// How many predictions to give, at least 1.
    pub top_k: usize,
    /// Replaces the model's threshold.
    pub threshold: Option<f64>,
    /// Whether to explain the best label.
    pub explain: bool,
}

impl Default for CodingOptions {
    fn default() -> Self {
        Self { top_k: 5, threshold: None, explain: false }
    }
}

impl AsRef<Coder> for Coder {
    fn as_ref(&self) -> &Coder {
        self
    }
}

/// The ranked labels, the confidence gap and the decision for one activity.
#[derive(Clone, Debug, PartialEq)]
pub struct Coding {
    /// The model version that answers.
    pub model: Arc<ModelVersion>,
    /// Automatic or manual.
    pub decision: Decision,
    /// Best minus second probability.
    pub gap: f64,
    /// The threshold used.
    pub threshold: f64,
    /// The best labels, the best first.
    pub predictions: Vec<Prediction>,
    /// Why the best label came out, when asked for.
    pub explanation: Option<Explanation>,
    /// The covariates the model made nothing of.
    pub unused: Vec<Unused>,
}

impl Coding {
    /// Whether the code would be given automatically at another threshold.
    pub fn automatic_at(&self, threshold: f64) -> bool {
        let found_before = self.decision.reason().filter(|reason| *reason != ManualReason::BelowThreshold);
        Decision::new(self.gap, threshold, found_before).is_automatic()
    }
}

/// A label and its probability.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The label.
    pub label: Arc<Label>,
    /// Its probability.
    pub probability: f64,
}

/// Why the best label came out.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The text as the model saw it.
    pub normalised: String,
    /// How far it reaches.
    pub method: Method,
    /// What each term adds to the logit of the best label.
    pub contributions: Vec<Contribution>,
}

/// A stage of the coding of a tile. The core has no clock: it says when each stage is done, whoever holds one may look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Activity to normalised text.
    Normalise,
    /// Normalised text to feature bag.
    Features,
    /// Feature bag to probabilities.
    Classify,
    /// Probabilities to ranking, decision and explanation.
    Rank,
}

impl Coder {
    /// Codes activities, in their order. An error is the machine's, never an activity's.
    pub fn code(&self, activities: &[Activity], options: CodingOptions) -> candle_core::Result<Vec<Coding>> {
        self.code_watched(activities, options, &mut |_| {})
    }

    /// The same; `done` is told of each stage when it ends.
    pub fn code_watched(
        &self,
        activities: &[Activity],
        options: CodingOptions,
        done: &mut dyn FnMut(Stage),
    ) -> candle_core::Result<Vec<Coding>> {
        let of_all = |activities: &[&Activity], done: &mut dyn FnMut(Stage)| {
            let asked: Vec<Asked<'_>> = activities.iter().map(|activity| Asked { activity, among: None }).collect();
            self.code_all(&asked, options, done)
        };
        match self.repeats.as_ref().filter(|_| !options.explain) {
            Some(repeats) => repeats.complete(activities, options, |missing| of_all(missing, done)),
            None => of_all(&activities.iter().collect::<Vec<_>>(), done),
        }
    }

    /// The same, each activity among the labels that are given for it, by their places; among all where none are. Probabilities
    /// are then of these labels alone: they sum to 1. One label alone needs no text that says anything.
    pub fn code_among(
        &self,
        activities: &[Activity],
        among: &[Option<&[usize]>],
        options: CodingOptions,
    ) -> candle_core::Result<Vec<Coding>> {
        let among = among.iter().copied().chain(std::iter::repeat(None));
        let asked: Vec<Asked<'_>> =
            activities.iter().zip(among).map(|(activity, among)| Asked { activity, among }).collect();
        self.code_all(&asked, options, &mut |_| {})
    }

    fn code_all(
        &self,
        activities: &[Asked<'_>],
        options: CodingOptions,
        done: &mut dyn FnMut(Stage),
    ) -> candle_core::Result<Vec<Coding>> {
        let mut codings = Vec::with_capacity(activities.len());
        let tile = if self.classifier.device().is_cpu() { TILE } else { DEVICE_TILE };
        for tile in activities.chunks(tile) {
            self.code_tile(tile, options, &mut codings, done)?;
        }
        Ok(codings)
    }

    /// The whole pipeline: activity → normalised text → feature bag → logits → ranking → decision.
    fn code_tile(
        &self,
        tile: &[Asked<'_>],
        options: CodingOptions,
        codings: &mut Vec<Coding>,
        done: &mut dyn FnMut(Stage),
    ) -> candle_core::Result<()> {
        let texts: Vec<_> = tile.iter().map(|asked| self.normaliser.normalise(asked.activity.text())).collect();
        done(Stage::Normalise);
        let bags = self.features.bags(texts.iter().zip(tile.iter().map(|asked| asked.activity)));
        done(Stage::Features);
        let logits = self.classifier.logits(&bags)?;
        let among = |place: usize| tile.get(place).and_then(|asked| asked.among);
        let rankings = self.classifier.rankings(&logits, options.top_k, among)?;
        done(Stage::Classify);
        let threshold = options.threshold.unwrap_or(self.threshold);
        for (((asked, text), known), ranking) in tile.iter().zip(&texts).zip(bags.known).zip(rankings) {
            let Asked { activity, among } = *asked;
            let decision = Decision::new(ranking.gap, threshold, reason_before(text, known, among));
            codings.push(Coding {
                model: Arc::clone(&self.model),
                decision,
                gap: ranking.gap,
                threshold,
                explanation: if options.explain { self.explain(text, activity, &ranking)? } else { None },
                predictions: ranking.best.iter().filter_map(|ranked| self.prediction(ranked)).collect(),
                unused: self.features.unused(activity),
            });
        }
        done(Stage::Rank);
        Ok(())
    }

    fn prediction(&self, ranked: &Ranked) -> Option<Prediction> {
        let label = self.labels.get(ranked.label)?;
        Some(Prediction { label: Arc::clone(label), probability: ranked.probability })
    }

    fn explain(
        &self,
        text: &NormalisedText,
        activity: &Activity,
        ranking: &Ranking,
    ) -> candle_core::Result<Option<Explanation>> {
        let Some(best) = ranking.best.first() else { return Ok(None) };
        let contributions = contributions(&self.features, &self.classifier, text, activity, best.label)?;
        let method = Method::of(&self.classifier);
        Ok(Some(Explanation { normalised: text.as_str().to_owned(), method, contributions }))
    }
}

/// An activity, and the labels it is coded among; all of them where none are given.
#[derive(Clone, Copy)]
struct Asked<'a> {
    activity: &'a Activity,
    among: Option<&'a [usize]>,
}

/// The reason for manual that is known before the gap. Where there is but one label, nothing need be known of the text.
fn reason_before(text: &NormalisedText, known: bool, among: Option<&[usize]>) -> Option<ManualReason> {
    if among.is_some_and(|labels| labels.len() == 1) {
        return None;
    }
    match (text.is_empty(), known) {
        (true, _) => Some(ManualReason::NothingLeft),
        (false, false) => Some(ManualReason::NothingKnown),
        (false, true) => None,
    }
}
