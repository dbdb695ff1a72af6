//! What a model was worth when it was measured, as its manifest and its card give it.

use serde::{Deserialize, Serialize};

use crate::nomenclature::Level;

/// The figures of an evaluation that a manifest and a model card give.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Cases measured.
    pub cases: usize,
    /// Share of cases whose code is among the k best, k from 1 to 5.
    pub top_k: Vec<TopK>,
    /// Share of cases right at each level of the nomenclature.
    pub levels: Vec<LevelAccuracy>,
    /// Mean over the sub-classes of the F1 score.
    pub macro_f1: Interval,
    /// Mean distance between the best probability and the share of right answers, in 15 bins (Naeini et al., AAAI 2015).
    pub expected_calibration_error: Interval,
    /// What is automatic at the model's own threshold.
    pub at_threshold: ThresholdPoint,
}

/// Accuracy among the k best.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopK {
    /// How many of the best.
    pub k: usize,
    /// Share of cases, with its 95 % interval (Wilson).
    pub accuracy: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// Accuracy at a level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelAccuracy {
    /// The level.
    pub level: Level,
    /// Share of cases whose best code is right down to it, with its 95 % interval (Wilson).
    pub accuracy: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// What a threshold would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThresholdPoint {
    /// The threshold.
    pub threshold: f64,
    /// Cases coded automatically.
    pub automatic: usize,
    /// Wrong ones among them.
    pub errors: usize,
    /// Share of the cases coded automatically, with its 95 % interval (Wilson).
    pub automatic_rate: Interval,
    /// Share of wrong ones among them; absent when nothing is automatic.
    pub error_rate: Option<Interval>,
}

/// A figure and its 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// The figure.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}
