//! 95 % confidence intervals: Wilson's for a share, the bootstrap's for anything else.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use crate::model::manifest::metrics::Interval;

/// A share and its interval (Wilson, "Probable Inference", JASA 1927).
pub fn wilson(successes: usize, cases: usize) -> Interval {
    if cases == 0 {
        return Interval { value: 0.0, low: 0.0, high: 1.0 };
    }
    let z = 1.959_963_984_540_054_f64;
    let (n, p) = (cases as f64, successes as f64 / cases as f64);
    let center = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    Interval { value: p, low: (center - half).max(0.0), high: (center + half).min(1.0) }
}

/// A figure and its percentile interval over 200 resamples (Efron, Annals of Statistics 1979); always the same ones.
pub fn bootstrap<T>(cases: &[&T], figure: impl Fn(&[&T]) -> f64) -> Interval {
    const RESAMPLES: usize = 200;
    let value = figure(cases);
    if cases.is_empty() {
        return Interval { value, low: value, high: value };
    }
    let mut random = Pcg64::seed_from_u64(1979);
    let mut figures: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let draw = (0..cases.len()).filter_map(|_| cases.get(random.random_range(0..cases.len())).copied());
            figure(&draw.collect::<Vec<_>>())
        })
        .collect();
    figures.sort_by(f64::total_cmp);
    let at = |place: usize| figures.get(place).copied().unwrap_or(value);
    Interval { value, low: at(RESAMPLES * 25 / 1000), high: at(RESAMPLES * 975 / 1000) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_of_known_cases() {
        let interval = wilson(8, 10);
        assert!((interval.low - 0.4902).abs() < 1e-4 && (interval.high - 0.9433).abs() < 1e-4);
        assert_eq!(wilson(0, 10).low, 0.0);
        assert_eq!(wilson(0, 0).high, 1.0);
    }

    #[test]
    fn the_bootstrap_surrounds_the_figure() {
        let cases: Vec<f64> = (0..100).map(f64::from).collect();
        let interval = bootstrap(&cases.iter().collect::<Vec<_>>(), |cases| {
            cases.iter().copied().sum::<f64>() / cases.len() as f64
        });
        assert_eq!(interval.value, 49.5);
        assert!(interval.low > 42.0 && interval.low < 46.0, "{interval:?}");
        assert!(interval.high > 53.0 && interval.high < 57.0, "{interval:?}");
    }
}
