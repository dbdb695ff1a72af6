//! The temperature and the threshold, chosen on the calibration part.

use statrs::distribution::{Beta, ContinuousCDF};

use crate::model::manifest::ThresholdEvidence;

/// Logits of one case and the place of its true label.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredCase {
    /// One a label.
    pub logits: Vec<f32>,
    /// The true label.
    pub label: usize,
}

/// The temperature that makes the true labels most likely (Guo et al., "On Calibration of Modern Neural Networks",
/// ICML 2017): golden-section search of the negative log-likelihood over 0.05 to 20, on a logarithmic scale.
pub fn temperature(cases: &[ScoredCase]) -> f64 {
    let ratio = (5f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (0.05f64.ln(), 20f64.ln());
    for _ in 0..40 {
        let (one, other) = (high - ratio * (high - low), low + ratio * (high - low));
        if negative_log_likelihood(cases, one.exp()) < negative_log_likelihood(cases, other.exp()) {
            high = other;
        } else {
            low = one;
        }
    }
    f64::midpoint(low, high).exp()
}

/// Mean negative log-likelihood of the true labels under the softmax of logits / temperature.
pub fn negative_log_likelihood(cases: &[ScoredCase], temperature: f64) -> f64 {
    let sum: f64 = cases
        .iter()
        .map(|case| {
            let scaled = |logit: &f32| f64::from(*logit) / temperature;
            let highest = case.logits.iter().map(scaled).fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = case.logits.iter().map(|logit| (scaled(logit) - highest).exp()).sum();
            total.ln() + highest - case.logits.get(case.label).map_or(0.0, scaled)
        })
        .sum();
    sum / cases.len().max(1) as f64
}

/// A calibration case after ranking.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GapCase {
    /// Its confidence gap; `None` when it is manual whatever its gap.
    pub gap: Option<f64>,
    /// Whether its best label is the true one.
    pub right: bool,
}

/// Thresholds are walked from 0.99 downwards, by hundredths; the walk stops at the first whose upper bound of the error
/// among automatic codings exceeds `target_error`. Nothing holds: the threshold is 1 and nothing is automatic.
pub fn threshold(cases: &[GapCase], target_error: f64) -> (f64, ThresholdEvidence) {
    let mut chosen = (1.0, evidence(cases, 1.0));
    for hundredths in (0..100).rev() {
        let threshold = f64::from(hundredths) / 100.0;
        let evidence = evidence(cases, threshold);
        if evidence.upper_bound > target_error {
            break;
        }
        chosen = (threshold, evidence);
    }
    chosen
}

fn evidence(cases: &[GapCase], threshold: f64) -> ThresholdEvidence {
    let automatic = cases.iter().filter(|case| case.gap.is_some_and(|gap| gap >= threshold));
    let (automatic, errors) = automatic.fold((0, 0), |(all, wrong), case| (all + 1, wrong + usize::from(!case.right)));
    ThresholdEvidence { cases: cases.len(), automatic, errors, upper_bound: upper_bound(errors, automatic) }
}

/// Upper 95 % bound of an error rate after `errors` in `cases` (Clopper and Pearson, Biometrika 1934, one-sided).
pub fn upper_bound(errors: usize, cases: usize) -> f64 {
    if errors >= cases {
        return 1.0;
    }
    let beta = Beta::new(errors as f64 + 1.0, (cases - errors) as f64);
    beta.map_or(1.0, |beta| beta.inverse_cdf(0.95))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_of_the_binomial() {
        // 1 − 0.05^(1/n) when there is no error.
        assert!((upper_bound(0, 29) - (1.0 - 0.05f64.powf(1.0 / 29.0))).abs() < 1e-9);
        // Tabulated value: 1 error in 10 cases.
        assert!((upper_bound(1, 10) - 0.3942).abs() < 1e-4);
        assert_eq!(upper_bound(0, 0), 1.0);
        assert_eq!(upper_bound(3, 3), 1.0);
    }

    #[test]
    fn the_walk_stops_at_the_first_threshold_that_fails() {
        let case = |gap, right| GapCase { gap: Some(gap), right };
        // 100 sure and right, 100 wrong at 0.5, 10,000 right at 0.2: the walk never sees the last.
        let mut cases = vec![case(1.0, true); 100];
        cases.extend(vec![case(0.5, false); 100]);
        cases.extend(vec![case(0.2, true); 10_000]);
        let (threshold, evidence) = threshold(&cases, 0.1);
        assert_eq!(threshold, 0.51);
        assert_eq!((evidence.automatic, evidence.errors, evidence.cases), (100, 0, 10_200));
    }

    #[test]
    fn nothing_automatic_when_nothing_holds() {
        let cases = vec![GapCase { gap: Some(0.999), right: false }; 50];
        assert_eq!(threshold(&cases, 0.1).0, 1.0);
        let never = vec![GapCase { gap: None, right: true }; 50];
        assert_eq!(threshold(&never, 0.1).0, 1.0);
    }

    #[test]
    fn the_temperature_undoes_a_scale() {
        // Three labels; the true one is drawn as softmax(logits) says, logits are then multiplied by 4.
        let mut cases = Vec::new();
        for (label, count) in [(0, 665), (1, 245), (2, 90)] {
            let logits = vec![8.0, 4.0, 0.0];
            cases.extend(vec![ScoredCase { logits, label }; count]);
        }
        assert!((temperature(&cases) - 4.0).abs() < 0.05);
    }
}
