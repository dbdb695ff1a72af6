//! `codif train`: a corpus in, a calibrated and measured model out. Training and serving run the same features.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;

mod atomic_table;
pub mod calibration;
pub mod corpus;
pub mod evaluation;
mod head;
pub mod intervals;
mod noise;
pub mod report;
pub mod settings;
pub mod split;
mod table;
pub mod trainer;
mod vocabulary;

use crate::coding::activity::Activity;
use crate::coding::normalise::{NormalisedText, Normaliser, NormaliserError, presets};
use crate::coding::{Coder, CodingOptions};
use crate::model::error::ModelFault;
use crate::model::manifest::{Architecture, Confidence, CorpusDigest, DecisionSettings, Family, Manifest, Training};
use crate::model::weights::{Matrix, Weights};
use crate::model::writing::Draft;
use crate::model::{assembly, golden::GoldenCase};
use crate::nomenclature::{Code, Level, Nomenclature, Nomenclatures};
use calibration::{GapCase, ScoredCase};
use corpus::CodedActivity;
use evaluation::{Evaluation, evaluate};
use settings::TrainingSettings;
use split::Split;
use trainer::{EpochReport, Interrupted, Trainer, TrainingLine};
use vocabulary::Vocabulary;

/// How many golden cases a model carries.
const GOLDEN_CASES: usize = 60;

/// What to train, and on what.
pub struct TrainingPlan<'a> {
    /// Name of the model.
    pub name: String,
    /// The nomenclature of its labels.
    pub nomenclature: &'a Nomenclature,
    /// All nomenclatures.
    pub nomenclatures: &'a Nomenclatures,
    /// The coded activities.
    pub lines: &'a [CodedActivity],
    /// The files they come from.
    pub corpus: Vec<CorpusDigest>,
    /// Features and gradient descent.
    pub settings: &'a TrainingSettings,
    /// Error rate among automatic codings that the threshold is chosen for.
    pub target_error: f64,
    /// Whether the model is trained once more on all lines after it was measured.
    pub refit: bool,
}

/// What happens during training.
#[derive(Clone, Debug)]
pub enum TrainingEvent<'a> {
    /// A run begins.
    Begins {
        /// What is trained.
        what: &'a str,
        /// Lines it learns from.
        lines: usize,
        /// Rows of its table.
        rows: usize,
    },
    /// An epoch is over.
    Epoch(EpochReport),
}

/// Why nothing was trained.
#[derive(Debug, thiserror::Error)]
pub enum TrainingError {
    /// Ctrl-C.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    /// The normaliser cannot be built.
    #[error(transparent)]
    Normaliser(#[from] NormaliserError),
    /// The tensors cannot be made.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
    /// The model made is no model.
    #[error("the trained model cannot be used: {0}")]
    Model(#[from] ModelFault),
    /// Nothing to calibrate on.
    #[error("the corpus leaves no line to {part} on: give at least ten lines for some sub-class")]
    TooSmall {
        /// "calibrate" or "measure".
        part: &'static str,
    },
}

/// A model ready to be written.
pub struct TrainedModel {
    /// The model.
    pub draft: Draft,
    /// Its golden cases.
    pub golden: Vec<GoldenCase>,
    /// What was measured on the test part, before a refit.
    pub evaluation: Evaluation,
}

/// Trains, calibrates and measures a model.
pub fn train(
    plan: &TrainingPlan<'_>,
    interrupted: &AtomicBool,
    tell: &mut dyn FnMut(TrainingEvent<'_>),
) -> Result<TrainedModel, TrainingError> {
    let split = Split::new(plan.lines);
    if split.calibration.is_empty() {
        return Err(TrainingError::TooSmall { part: "calibrate" });
    }
    let mut draft = fit(plan, "model to measure", &split.training, &split.calibration, interrupted, tell)?;
    calibrate(plan, &mut draft, &split.calibration)?;
    let evaluation = evaluate(&draft.coder(plan.nomenclatures)?, split.test.iter().copied())?;
    draft.manifest.metrics = Some(evaluation.metrics.clone());
    if plan.refit {
        let measured = draft.manifest;
        let all: Vec<&CodedActivity> = plan.lines.iter().collect();
        draft = fit(plan, "model on all lines", &all, &split.calibration, interrupted, tell)?;
        draft.manifest.temperature = measured.temperature;
        draft.manifest.decision = measured.decision;
        draft.manifest.metrics = measured.metrics;
        draft.manifest.training.refitted_on_all_lines = true;
    }
    let golden = golden_cases(&draft.coder(plan.nomenclatures)?, &split.test)?;
    Ok(TrainedModel { draft, golden, evaluation })
}

/// Trains one model, neither calibrated nor measured: temperature 1, nothing automatic.
fn fit(
    plan: &TrainingPlan<'_>,
    what: &str,
    lines: &[&CodedActivity],
    validation: &[&CodedActivity],
    interrupted: &AtomicBool,
    tell: &mut dyn FnMut(TrainingEvent<'_>),
) -> Result<Draft, TrainingError> {
    let titles = titles(plan);
    let normaliser = Normaliser::new(presets::codif_1())?;
    let normalised = |line: &CodedActivity| normaliser.normalise(line.activity.text());
    let with_titles: Vec<&CodedActivity> = lines.iter().copied().chain(&titles).collect();
    let texts: Vec<NormalisedText> = with_titles.iter().map(|line| normalised(line)).collect();
    let activities: Vec<(&NormalisedText, &Activity)> =
        texts.iter().zip(&with_titles).map(|(text, line)| (text, &line.activity)).collect();
    let vocabulary = Vocabulary::count(&activities, plan.settings);
    let labels: Vec<Code> =
        with_titles.iter().map(|line| line.code.clone()).collect::<BTreeSet<_>>().into_iter().collect();
    let manifest = manifest(plan, &vocabulary, &labels);
    let words: Vec<&str> = vocabulary.words.iter().map(String::as_str).collect();
    let settings = vocabulary.feature_settings(plan.settings);
    let (covariates, first_bucket) = assembly::covariates(&vocabulary.covariates, words.len() as u32);
    let features = assembly::ngrams(&settings, &words, &[], Some(&vocabulary.buckets), first_bucket);
    let rows = |text: &str| {
        let mut rows = Vec::new();
        features.for_each_text_row(text, &mut |row, _| rows.push(row));
        rows
    };
    let ready = |line: &CodedActivity, text: &NormalisedText| TrainingLine {
        text: text.as_str().to_owned(),
        rows: rows(text.as_str()),
        covariate_rows: covariates.iter().filter_map(|covariate| covariate.row(&line.activity)).collect(),
        label: labels.binary_search(&line.code).unwrap_or(labels.len()),
    };
    let training: Vec<TrainingLine> = with_titles.iter().zip(&texts).map(|(line, text)| ready(line, text)).collect();
    let validation: Vec<TrainingLine> = validation.iter().map(|line| ready(line, &normalised(line))).collect();
    tell(TrainingEvent::Begins { what, lines: training.len(), rows: vocabulary.rows() });
    let ancestors = ancestors(plan.nomenclature, &labels);
    let threads =
        plan.settings.threads.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from);
    let trainer = Trainer {
        features: &features,
        rows: vocabulary.rows(),
        ancestors: &ancestors,
        labels: labels.len(),
        settings: plan.settings,
        threads,
    };
    let trained = trainer.train(&training, &validation, interrupted, |report| tell(TrainingEvent::Epoch(report)))?;
    let weights = Weights {
        table: Matrix::Dense(trained.table),
        head: Matrix::Dense(trained.head.weights),
        bias: trained.head.bias,
        buckets: Some(vocabulary.buckets),
    };
    let weights = weights.to_bytes(manifest.architecture.dimension)?;
    Ok(Draft { manifest, words: vocabulary.words, weights })
}

/// The titles of the sub-classes as lines to learn from.
fn titles(plan: &TrainingPlan<'_>) -> Vec<CodedActivity> {
    let known: BTreeSet<&Code> = plan.lines.iter().map(|line| &line.code).collect();
    let entries = plan.nomenclature.sub_classes().filter(|entry| known.contains(&entry.code));
    let lines = entries.filter_map(|entry| {
        let activity = Activity::of_text(&entry.title)?;
        Some(CodedActivity { activity, code: entry.code.clone(), cells: Vec::new() })
    });
    let lines: Vec<CodedActivity> = lines.collect();
    (0..plan.settings.title_copies).flat_map(|_| lines.iter().cloned()).collect()
}

/// For each level from the class up to the section, the place of each label's ancestor there.
fn ancestors(nomenclature: &Nomenclature, labels: &[Code]) -> Vec<Vec<usize>> {
    let depths = 0..Level::ALL.len() - 1;
    let levels = depths.map(|depth| {
        let mut places: BTreeMap<Option<Code>, usize> = BTreeMap::new();
        let of_labels = labels.iter().map(|label| {
            let ancestor = nomenclature.path(label).get(depth).cloned();
            let next = places.len();
            *places.entry(ancestor).or_insert(next)
        });
        of_labels.collect()
    });
    levels.collect()
}

/// Chooses the temperature, then the threshold.
fn calibrate(plan: &TrainingPlan<'_>, draft: &mut Draft, cases: &[&CodedActivity]) -> Result<(), TrainingError> {
    let coder = draft.coder(plan.nomenclatures)?;
    draft.manifest.temperature = match plan.settings.loss {
        settings::LossName::Softmax => calibration::temperature(&scored(&coder, cases)?),
        settings::LossName::OneVsAll => 1.0,
    };
    let coder = draft.coder(plan.nomenclatures)?;
    let activities: Vec<Activity> = cases.iter().map(|case| case.activity.clone()).collect();
    let codings = coder.code(&activities, CodingOptions { top_k: 1, ..CodingOptions::default() })?;
    let cases = codings.iter().zip(cases).map(|(coding, case)| GapCase {
        gap: coding.automatic_at(coding.gap).then_some(coding.gap),
        right: coding.predictions.first().is_some_and(|best| best.label.code == case.code),
    });
    let (threshold, evidence) = calibration::threshold(&cases.collect::<Vec<_>>(), plan.target_error);
    draft.manifest.decision.threshold = threshold;
    draft.manifest.decision.target_error = Some(plan.target_error);
    draft.manifest.decision.calibration = Some(evidence);
    Ok(())
}

fn scored(coder: &Coder, cases: &[&CodedActivity]) -> candle_core::Result<Vec<ScoredCase>> {
    let mut scored = Vec::with_capacity(cases.len());
    for tile in cases.chunks(256) {
        let texts: Vec<_> = tile.iter().map(|case| coder.normaliser.normalise(case.activity.text())).collect();
        let bags = coder.features.bags(texts.iter().zip(tile.iter().map(|case| &case.activity)));
        let logits = coder.classifier.logits(&bags)?.to_vec2()?;
        scored.extend(logits.into_iter().zip(tile).filter_map(|(logits, case)| {
            let label = coder.labels.iter().position(|label| label.code == case.code)?;
            Some(ScoredCase { logits, label })
        }));
    }
    Ok(scored)
}

/// Cases spread over the test part, recorded with the model as it will be loaded.
fn golden_cases(coder: &Coder, test: &[&CodedActivity]) -> Result<Vec<GoldenCase>, TrainingError> {
    if test.is_empty() {
        return Err(TrainingError::TooSmall { part: "measure" });
    }
    let step = test.len().div_ceil(GOLDEN_CASES);
    let cases = test.iter().step_by(step).map(|line| GoldenCase::record(coder, line.activity.to_json()));
    Ok(cases.collect::<Result<_, _>>()?)
}

fn manifest(plan: &TrainingPlan<'_>, vocabulary: &Vocabulary, labels: &[Code]) -> Manifest {
    Manifest {
        format: Manifest::FORMAT,
        name: plan.name.clone(),
        version: 0,
        created_at: jiff::Timestamp::now(),
        nomenclature: plan.nomenclature.id().to_owned(),
        architecture: Architecture {
            family: Family::Fasttext,
            dimension: usize::from(plan.settings.dimension),
            rows: vocabulary.rows(),
            quantiser: None,
            head_quantiser: None,
        },
        normaliser: presets::codif_1(),
        features: Some(vocabulary.feature_settings(plan.settings)),
        tokenizer: None,
        covariates: vocabulary.covariates.clone(),
        loss: plan.settings.loss.into(),
        temperature: 1.0,
        decision: DecisionSettings {
            confidence: Confidence::Gap,
            threshold: 1.0,
            target_error: None,
            calibration: None,
        },
        metrics: None,
        training: Training {
            corpus: plan.corpus.clone(),
            refitted_on_all_lines: false,
            seed: plan.settings.seed,
            codif: env!("CARGO_PKG_VERSION").to_owned(),
            settings: serde_json::to_value(plan.settings).unwrap_or_default(),
        },
        files: BTreeMap::new(),
        labels: labels.iter().map(Code::to_string).collect(),
        free_labels: false,
        label_counts: Vec::new(),
    }
}
