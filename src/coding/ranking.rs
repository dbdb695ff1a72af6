//! The labels in order of probability, and the confidence gap between the first two.

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
        let kept = top_k.max(2).min(probabilities.len());
        let mut best: Vec<Ranked> = Vec::with_capacity(kept + 1);
        // What the worst of those kept has; a number that does not exceed it is passed over at once.
        let mut bar = f32::NEG_INFINITY;
        for (label, &probability) in probabilities.iter().enumerate() {
            if best.len() == kept && (probability <= bar || probability.is_nan()) {
                continue;
            }
            let probability = if probability.is_nan() { 0.0 } else { f64::from(probability) };
            let place = best.partition_point(|ranked| ranked.probability >= probability);
            best.insert(place, Ranked { label, probability });
            best.truncate(kept);
            bar = best.last().map_or(bar, |last| last.probability as f32);
        }
        let probability = |place: usize| best.get(place).map_or(0.0, |ranked| ranked.probability);
        let gap = probability(0) - probability(1);
        best.truncate(top_k.max(1));
        Self { best, gap }
    }
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

    proptest! {
        #[test]
        fn as_a_full_sort_would(probabilities in prop::collection::vec(0u8..20, 1..60), top_k in 1usize..70) {
            let probabilities: Vec<f32> = probabilities.into_iter().map(|p| f32::from(p) / 20.0).collect();
            let mut sorted: Vec<usize> = (0..probabilities.len()).collect();
            sorted.sort_by(|a, b| probabilities[*b].total_cmp(&probabilities[*a]).then(a.cmp(b)));
            sorted.truncate(top_k);
            prop_assert_eq!(labels(&Ranking::new(&probabilities, top_k)), sorted);
        }
    }
}
