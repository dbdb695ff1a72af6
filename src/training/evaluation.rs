//! What a model is worth on coded activities: accuracy, calibration, and what every threshold would do.

use std::collections::BTreeMap;

use serde::Serialize;

use super::corpus::CodedActivity;
use super::intervals::{bootstrap, wilson};
use crate::coding::{Coder, Coding, CodingOptions};
use crate::model::manifest::metrics::{Interval, LevelAccuracy, Metrics, ThresholdPoint, TopK};
use crate::nomenclature::{Code, Level};

/// Ranks that are measured: top-1 to top-5.
const RANKS: usize = 5;
/// Bins of the expected calibration error.
const BINS: usize = 15;

/// A whole evaluation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// The model measured.
    pub model: String,
    /// Its nomenclature.
    pub nomenclature: String,
    /// The main figures.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// Every threshold from 0.00 to 0.99.
    pub thresholds: Vec<ThresholdPoint>,
    /// The pairs most often confused, the most frequent first.
    pub confusions: Vec<Confusion>,
    /// The sub-classes, the worst first.
    pub sub_classes: Vec<SubClassScore>,
    /// Mean probability and share of right answers of each bin of the calibration error.
    pub calibration: Vec<CalibrationBin>,
}

/// A code given in another's place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Confusion {
    /// The right code.
    pub truth: Code,
    /// The code that came out.
    pub predicted: Code,
    /// How many times.
    pub cases: usize,
}

/// Precision, recall and F1 of one sub-class.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SubClassScore {
    /// The sub-class.
    pub code: Code,
    /// Cases of it.
    pub cases: usize,
    /// Share of the cases given this code that are of it.
    pub precision: f64,
    /// Share of its cases given this code.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
}

/// One bin of the calibration error.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CalibrationBin {
    /// Cases in the bin.
    pub cases: usize,
    /// Their mean best probability.
    pub probability: f64,
    /// Share of right answers among them.
    pub accuracy: f64,
}

/// One case after coding.
struct Outcome<'a> {
    truth: &'a Code,
    coding: Coding,
}

impl Outcome<'_> {
    fn best(&self) -> Option<(&Code, f64)> {
        self.coding.predictions.first().map(|best| (&best.label.code, best.probability))
    }

    fn right_within(&self, k: usize) -> bool {
        self.coding.predictions.iter().take(k).any(|prediction| prediction.label.code == *self.truth)
    }
}

/// Codes the cases and measures the answers.
pub fn evaluate<'a>(
    coder: &Coder,
    cases: impl IntoIterator<Item = &'a CodedActivity>,
) -> candle_core::Result<Evaluation> {
    let (truths, activities): (Vec<_>, Vec<_>) =
        cases.into_iter().map(|case| (&case.code, case.activity.clone())).unzip();
    let codings = coder.code(&activities, CodingOptions { top_k: RANKS, ..CodingOptions::default() })?;
    let outcomes: Vec<Outcome> =
        truths.into_iter().zip(codings).map(|(truth, coding)| Outcome { truth, coding }).collect();
    let all: Vec<&Outcome> = outcomes.iter().collect();
    let mut sub_classes = sub_class_scores(&all);
    sub_classes.sort_by(|one, other| one.f1.total_cmp(&other.f1).then(other.cases.cmp(&one.cases)));
    Ok(Evaluation {
        model: format!("{}:{}", coder.model.name, coder.model.version),
        nomenclature: coder.nomenclature.id().to_owned(),
        metrics: Metrics {
            cases: outcomes.len(),
            top_k: top_k(&outcomes),
            levels: levels(coder, &outcomes),
            macro_f1: bootstrap(&all, |cases| mean(sub_class_scores(cases).iter().map(|score| score.f1))),
            expected_calibration_error: bootstrap(&all, calibration_error),
            at_threshold: threshold_point(&outcomes, coder.threshold),
        },
        thresholds: (0..100).map(|hundredths| threshold_point(&outcomes, f64::from(hundredths) / 100.0)).collect(),
        confusions: confusions(&outcomes),
        sub_classes,
        calibration: calibration_bins(&all),
    })
}

fn top_k(outcomes: &[Outcome<'_>]) -> Vec<TopK> {
    let ranks = (1..=RANKS).map(|k| {
        let right = outcomes.iter().filter(|outcome| outcome.right_within(k)).count();
        let Interval { value: accuracy, low, high } = wilson(right, outcomes.len());
        TopK { k, accuracy, low, high }
    });
    ranks.collect()
}

fn levels(coder: &Coder, outcomes: &[Outcome<'_>]) -> Vec<LevelAccuracy> {
    let levels = Level::ALL.into_iter().enumerate().map(|(depth, level)| {
        let ancestor = |code: &Code| {
            let path = coder.nomenclature.path(code);
            path.get(depth).cloned().unwrap_or_else(|| code.clone())
        };
        let right = outcomes
            .iter()
            .filter(|outcome| outcome.best().is_some_and(|(best, _)| ancestor(best) == ancestor(outcome.truth)));
        let Interval { value: accuracy, low, high } = wilson(right.count(), outcomes.len());
        LevelAccuracy { level, accuracy, low, high }
    });
    levels.collect()
}

fn threshold_point(outcomes: &[Outcome<'_>], threshold: f64) -> ThresholdPoint {
    let automatic: Vec<_> = outcomes.iter().filter(|outcome| outcome.coding.automatic_at(threshold)).collect();
    let errors = automatic.iter().filter(|outcome| !outcome.right_within(1)).count();
    ThresholdPoint {
        threshold,
        automatic: automatic.len(),
        errors,
        automatic_rate: wilson(automatic.len(), outcomes.len()),
        error_rate: (!automatic.is_empty()).then(|| wilson(errors, automatic.len())),
    }
}

fn sub_class_scores(outcomes: &[&Outcome<'_>]) -> Vec<SubClassScore> {
    // Per code: cases of it, cases given it, cases of it given it.
    let mut counts: BTreeMap<&Code, [usize; 3]> = BTreeMap::new();
    for outcome in outcomes {
        let [of_it, _, _] = counts.entry(outcome.truth).or_default();
        *of_it += 1;
        if let Some((best, _)) = outcome.best() {
            let [_, given, right] = counts.entry(best).or_default();
            *given += 1;
            *right += usize::from(best == outcome.truth);
        }
    }
    let share = |part: usize, of: usize| if of == 0 { 0.0 } else { part as f64 / of as f64 };
    let scores = counts.into_iter().map(|(code, [cases, given, right])| SubClassScore {
        code: code.clone(),
        cases,
        precision: share(right, given),
        recall: share(right, cases),
        f1: share(2 * right, cases + given),
    });
    scores.collect()
}

fn confusions(outcomes: &[Outcome<'_>]) -> Vec<Confusion> {
    let mut counts: BTreeMap<(&Code, &Code), usize> = BTreeMap::new();
    for outcome in outcomes {
        if let Some((best, _)) = outcome.best().filter(|(best, _)| *best != outcome.truth) {
            *counts.entry((outcome.truth, best)).or_default() += 1;
        }
    }
    let mut confusions: Vec<Confusion> = counts
        .into_iter()
        .map(|((truth, predicted), cases)| Confusion { truth: truth.clone(), predicted: predicted.clone(), cases })
        .collect();
    confusions.sort_by_key(|confusion| std::cmp::Reverse(confusion.cases));
    confusions.truncate(50);
    confusions
}

fn calibration_bins(outcomes: &[&Outcome<'_>]) -> Vec<CalibrationBin> {
    let mut bins = vec![(0usize, 0.0, 0usize); BINS];
    for outcome in outcomes {
        let probability = outcome.best().map_or(0.0, |(_, probability)| probability);
        let place = ((probability * BINS as f64) as usize).min(BINS - 1);
        if let Some((cases, sum, right)) = bins.get_mut(place) {
            *cases += 1;
            *sum += probability;
            *right += usize::from(outcome.right_within(1));
        }
    }
    let filled = bins.into_iter().filter(|(cases, ..)| *cases > 0);
    let bins = filled.map(|(cases, sum, right)| CalibrationBin {
        cases,
        probability: sum / cases as f64,
        accuracy: right as f64 / cases as f64,
    });
    bins.collect()
}

fn calibration_error(outcomes: &[&Outcome<'_>]) -> f64 {
    let weighted = calibration_bins(outcomes);
    let sum: f64 = weighted.iter().map(|bin| bin.cases as f64 * (bin.probability - bin.accuracy).abs()).sum();
    sum / outcomes.len().max(1) as f64
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len().max(1);
    values.sum::<f64>() / count as f64
}
