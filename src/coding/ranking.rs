//! The labels in order of probability, and the confidence gap between the first two.

use super::wide::wide;

/// A label and its probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// Place of the label in the model's output.
    pub label: usize,
    /// Its probability, between 0 and 1.
    pub probability: f64,
}

/// The best labels of one distribution.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// The best labels, the best first; equal probabilities come in the order of the labels.
    pub best: Vec<Ranked>,
    /// Best minus second probability of the whole distribution, whatever `best` holds.
    pub gap: f64,
}

impl Ranking {
    /// The `top_k` best labels of a distribution (at least one, at most all) and its gap.
    /// A probability that is not a number ranks last.
    pub fn new(probabilities: &[f32], top_k: usize) -> Self {
        Self::of_scores(probabilities, top_k, |_| f64::from)
    }

    /// The same of scores that are in the order of the probabilities, without making them all: `probability` is told the highest
    /// score, and gives what makes a probability of a score.
    pub fn of_scores<P: Fn(f32) -> f64>(scores: &[f32], top_k: usize, probability: impl FnOnce(f32) -> P) -> Self {
        let best = wide(
            #[inline(always)]
            || highest(scores, top_k.max(2)),
        );
        let probability = probability(best.first().map_or(f32::NEG_INFINITY, |(_, score)| *score));
        let ranked = best.into_iter().map(|(label, score)| {
            let probability = probability(score);
            // What is no number is sure of nothing.
            Ranked { label, probability: if probability > 0.0 { probability } else { 0.0 } }
        });
        let mut best: Vec<Ranked> = ranked.collect();
        let probability = |place: usize| best.get(place).map_or(0.0, |ranked| ranked.probability);
        let gap = probability(0) - probability(1);
        best.truncate(top_k.max(1));
        Self { best, gap }
    }
}

/// Scores are looked at in so many groups, every so-many-th in one: their highest are found in wide vectors.
const GROUPS: usize = 64;

/// The places of the `most` highest scores, the highest first, equal ones in their order; what is no number comes last.
#[inline(always)]
fn highest(scores: &[f32], most: usize) -> Vec<(usize, f32)> {
    let kept = most.min(scores.len());
    let mut maxima = [f32::NEG_INFINITY; GROUPS];
    let (rows, rest) = scores.as_chunks::<GROUPS>();
    for row in rows {
        maxima.iter_mut().zip(row).for_each(|(max, score)| *max = if *score > *max { *score } else { *max });
    }
    maxima.iter_mut().zip(rest).for_each(|(max, score)| *max = if *score > *max { *score } else { *max });
    // So many groups have a score as high as this, so that none below is among the highest.
    let bar = nth_highest(&maxima, kept);
    let mut best: Vec<(usize, f32)> = Vec::with_capacity(kept + 1);
    for (group, max) in maxima.iter().enumerate() {
        if *max < bar {
            continue;
        }
        for (label, score) in scores.iter().enumerate().skip(group).step_by(GROUPS) {
            let score = if score.is_nan() { f32::NEG_INFINITY } else { *score };
            if score < bar {
                continue;
            }
            let is_before = |(other, its): &(usize, f32)| *its > score || (*its == score && *other < label);
            let place = best.iter().rposition(is_before).map_or(0, |before| before + 1);
            if place < kept {
                best.truncate(kept - 1);
                best.insert(place, (label, score));
            }
        }
    }
    best
}

/// The n-th highest of some numbers; below all of them when there are not so many.
#[inline(always)]
fn nth_highest(numbers: &[f32], n: usize) -> f32 {
    let mut highest: Vec<f32> = Vec::with_capacity(n);
    let mut lowest = f32::NEG_INFINITY;
    for number in numbers {
        if highest.len() == n && *number <= lowest {
            continue;
        }
        let place = highest.iter().rposition(|other| other >= number).map_or(0, |before| before + 1);
        if place < n {
            highest.truncate(n - 1);
            highest.insert(place, *number);
            lowest = highest.last().copied().unwrap_or(lowest);
        }
    }
    if highest.len() == n { lowest } else { f32::NEG_INFINITY }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(ranking: &Ranking) -> Vec<usize> {
        ranking.best.iter().map(|ranked| ranked.label).collect()
    }

    #[test]
    fn ties_come_in_the_order_of_the_labels() {
        let ranking = Ranking::new(&[0.1, 0.4, 0.1, 0.4], 3);
        assert_eq!(labels(&ranking), [1, 3, 0]);
        assert_eq!(ranking.gap, 0.0);
    }

    #[test]
    fn the_gap_is_of_the_whole_distribution() {
        let ranking = Ranking::new(&[0.25, 0.75], 1);
        assert_eq!((labels(&ranking), ranking.gap), (vec![1], 0.5));
        assert_eq!(Ranking::new(&[0.75], 5).gap, 0.75);
    }

    #[test]
    fn what_is_no_number_comes_last_and_is_sure_of_nothing() {
        let ranking = Ranking::new(&[f32::NAN, 0.2, f32::NAN], 3);
        assert_eq!((labels(&ranking), ranking.gap), (vec![1, 0, 2], f64::from(0.2f32)));
        assert!(Ranking::new(&[f32::NAN; 40], 2).best.iter().all(|ranked| ranked.probability == 0.0));
    }

    proptest! {
        #[test]
        fn as_a_full_sort_would(probabilities in prop::collection::vec(0u8..20, 1..300), top_k in 1usize..90) {
            let probabilities: Vec<f32> = probabilities.into_iter().map(|p| f32::from(p) / 20.0).collect();
            let mut sorted: Vec<usize> = (0..probabilities.len()).collect();
            sorted.sort_by(|a, b| probabilities[*b].total_cmp(&probabilities[*a]).then(a.cmp(b)));
            sorted.truncate(top_k);
            prop_assert_eq!(labels(&Ranking::new(&probabilities, top_k)), sorted);
        }

        #[test]
        fn scores_rank_as_their_probabilities(scores in prop::collection::vec(-9f32..9.0, 0..300), top_k in 1usize..9) {
            let sigmoid = |score: f32| 1.0 / (1.0 + f64::from(-score).exp());
            let probabilities: Vec<f32> = scores.iter().map(|score| sigmoid(*score) as f32).collect();
            let (by_score, by_probability) = (Ranking::of_scores(&scores, top_k, |_| sigmoid), Ranking::new(&probabilities, top_k));
            prop_assert!((by_score.gap - by_probability.gap).abs() < 1e-6);
            for (one, other) in by_score.best.iter().zip(&by_probability.best) {
                prop_assert!((one.probability - other.probability).abs() < 1e-6);
            }
        }
    }
}
