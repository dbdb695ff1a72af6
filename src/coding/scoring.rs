//! From logits to probabilities, by the loss the model was trained with.

use candle_core::{Result, Tensor};
use candle_nn::ops;
use serde::{Deserialize, Serialize};

use super::exponentials::{exponential, sum_of_exponentials};
use super::label_tree::LabelTree;
use super::ranking::Ranking;

/// How logits become probabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// One distribution over all labels: probabilities sum to 1.
    Softmax,
    /// One yes-or-no per label: each probability stands alone.
    OneVsAll,
    /// The same by fastText's table of the sigmoid: what its one-vs-all and negative sampling give.
    TabulatedOneVsAll,
    /// One yes-or-no at each fork of a tree of the labels: probabilities sum to 1.
    Hierarchical,
}

/// A loss made ready.
#[derive(Clone, Debug)]
pub enum Scoring {
    /// See [`Loss::Softmax`].
    Softmax,
    /// See [`Loss::OneVsAll`].
    OneVsAll,
    /// See [`Loss::TabulatedOneVsAll`].
    TabulatedOneVsAll(SigmoidTable),
    /// See [`Loss::Hierarchical`].
    Hierarchical(LabelTree),
}

impl Scoring {
    /// For labels that were seen so many times (a hierarchical loss alone looks at that).
    pub fn new(loss: Loss, label_counts: &[u64]) -> Self {
        match loss {
            Loss::Softmax => Self::Softmax,
            Loss::OneVsAll => Self::OneVsAll,
            Loss::TabulatedOneVsAll => Self::TabulatedOneVsAll(SigmoidTable::new()),
            Loss::Hierarchical => Self::Hierarchical(LabelTree::new(label_counts)),
        }
    }

    /// Probabilities of the labels, one line a line of logits.
    pub fn probabilities(&self, logits: &Tensor, temperature: f64) -> Result<Vec<Vec<f32>>> {
        match self {
            Self::Softmax => ops::softmax_last_dim(&(logits / temperature)?)?.to_vec2(),
            Self::OneVsAll => ops::sigmoid(&(logits / temperature)?)?.to_vec2(),
            Self::TabulatedOneVsAll(table) => line_by_line(&(logits / temperature)?, |line| {
                line.into_iter().map(|logit| table.sigmoid(logit)).collect()
            }),
            Self::Hierarchical(tree) => line_by_line(&(logits / temperature)?, |line| tree.probabilities(&line)),
        }
    }

    /// The best labels of one line of logits: only their probabilities are made, where the loss allows it.
    pub fn ranking(&self, logits: &[f32], temperature: f64, top_k: usize) -> Ranking {
        let scale = (1.0 / temperature) as f32;
        let sigmoid = |logit: f32| 1.0 / (1.0 + f64::from(-logit * scale).exp());
        match self {
            Self::Softmax => Ranking::of_scores(logits, top_k, |largest| {
                let sum = sum_of_exponentials(logits, largest, scale);
                // Of logits that are beyond all numbers none is sure of anything.
                move |logit| {
                    if largest.is_finite() { f64::from(exponential((logit - largest) * scale) / sum) } else { 0.0 }
                }
            }),
            Self::OneVsAll => Ranking::of_scores(logits, top_k, |_| sigmoid),
            Self::TabulatedOneVsAll(table) => {
                Ranking::of_scores(logits, top_k, |_| |logit| f64::from(table.sigmoid(logit * scale)))
            }
            Self::Hierarchical(tree) => {
                let scaled: Vec<f32> = logits.iter().map(|logit| logit * scale).collect();
                Ranking::new(&tree.probabilities(&scaled), top_k)
            }
        }
    }

    /// The best of some labels, whose probabilities are given that it is one of them: they sum to 1.
    pub fn ranking_among(&self, logits: &[f32], temperature: f64, top_k: usize, labels: &[usize]) -> Ranking {
        let of = |values: &[f32]| -> Vec<f32> {
            labels.iter().map(|label| values.get(*label).copied().unwrap_or(f32::NEG_INFINITY)).collect()
        };
        let ranking = match self {
            Self::Hierarchical(tree) => {
                let scaled: Vec<f32> = logits.iter().map(|logit| (f64::from(*logit) / temperature) as f32).collect();
                Ranking::new(&of(&tree.probabilities(&scaled)), labels.len())
            }
            _ => self.ranking(&of(logits), temperature, labels.len()),
        };
        let mut best = ranking.best;
        best.iter_mut().for_each(|ranked| ranked.label = labels.get(ranked.label).copied().unwrap_or_default());
        let sum: f64 = best.iter().map(|ranked| ranked.probability).sum();
        // Of labels that are all impossible none is more likely than another.
        let (scale, even) = if sum > 0.0 { (1.0 / sum, 0.0) } else { (0.0, 1.0 / best.len().max(1) as f64) };
        best.iter_mut().for_each(|ranked| ranked.probability = ranked.probability * scale + even);
        let probability = |place: usize| best.get(place).map_or(0.0, |ranked| ranked.probability);
        let gap = probability(0) - probability(1);
        best.truncate(top_k.max(1));
        Ranking { best, gap }
    }

    /// What the logit of a label is made of: lines of the head, each taken as it is or turned round.
    pub fn terms(&self, label: usize) -> Vec<(usize, f32)> {
        match self {
            Self::Hierarchical(tree) => tree.path(label),
            _ => vec![(label, 1.0)],
        }
    }
}

fn line_by_line(logits: &Tensor, make: impl Fn(Vec<f32>) -> Vec<f32>) -> Result<Vec<Vec<f32>>> {
    Ok(logits.to_vec2()?.into_iter().map(make).collect())
}

/// The sigmoid as fastText tabulates it: 32 steps to the unit between −8 and 8, 0 and 1 beyond.
#[derive(Clone, Debug)]
pub struct SigmoidTable(Vec<f32>);

impl SigmoidTable {
    const BOUND: f32 = 8.0;
    const STEPS: f32 = 32.0;

    fn new() -> Self {
        let steps = (2.0 * Self::BOUND * Self::STEPS) as u16;
        let at = |step: u16| f32::from(step) / Self::STEPS - Self::BOUND;
        Self((0..=steps).map(|step| (1.0 / (1.0 + f64::from(-at(step)).exp())) as f32).collect())
    }

    fn sigmoid(&self, x: f32) -> f32 {
        match x {
            x if x < -Self::BOUND => 0.0,
            x if x > Self::BOUND => 1.0,
            x => self.0.get(((x + Self::BOUND) * Self::STEPS) as usize).copied().unwrap_or(0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ranking::Ranked;
    use super::*;
    use candle_core::Device;

    #[test]
    fn a_ranking_has_the_probabilities_of_its_labels() {
        let logits: Vec<f32> = (0..37u8).map(|n| f32::from(n * 29 % 37) / 5.0 - 3.0).collect();
        let counts: Vec<u64> = (0..37).map(|n| 100 - n).collect();
        for loss in [Loss::Softmax, Loss::OneVsAll, Loss::TabulatedOneVsAll, Loss::Hierarchical] {
            let scoring = Scoring::new(loss, &counts);
            let line = Tensor::from_slice(&logits, (1, logits.len()), &Device::Cpu).unwrap();
            let all = scoring.probabilities(&line, 1.7).unwrap().remove(0);
            let ranking = scoring.ranking(&logits, 1.7, 5);
            assert_eq!(ranking.best.len(), 5);
            for ranked in &ranking.best {
                assert!((ranked.probability - f64::from(all[ranked.label])).abs() < 1e-6, "{loss:?}: {ranked:?}");
            }
            let mut sorted = all.clone();
            sorted.sort_by(|one, other| other.total_cmp(one));
            assert!((ranking.gap - f64::from(sorted[0] - sorted[1])).abs() < 1e-6, "{loss:?}");
        }
    }

    #[test]
    fn among_some_labels_the_probabilities_are_of_these_alone() {
        let logits: Vec<f32> = (0..37u8).map(|n| f32::from(n * 29 % 37) / 5.0 - 3.0).collect();
        for loss in [Loss::Softmax, Loss::OneVsAll, Loss::TabulatedOneVsAll, Loss::Hierarchical] {
            let scoring = Scoring::new(loss, &[7; 37]);
            let all = scoring.ranking(&logits, 1.7, 37);
            let some: Vec<Ranked> =
                all.best.iter().copied().filter(|ranked| [30, 2, 11].contains(&ranked.label)).collect();
            let sum: f64 = some.iter().map(|ranked| ranked.probability).sum();
            let among = scoring.ranking_among(&logits, 1.7, 2, &[30, 2, 11]);
            assert_eq!(among.best.len(), 2);
            for (found, ranked) in among.best.iter().zip(&some) {
                assert_eq!(found.label, ranked.label, "{loss:?}");
                assert!((found.probability - ranked.probability / sum).abs() < 1e-6, "{loss:?}");
            }
            assert!((among.gap - (some[0].probability - some[1].probability) / sum).abs() < 1e-6);
            let one = scoring.ranking_among(&logits, 1.7, 5, &[4]);
            assert_eq!((one.best[0].label, one.best[0].probability, one.gap), (4, 1.0, 1.0), "{loss:?}");
            let impossible = scoring.ranking_among(&[f32::NEG_INFINITY; 37], 1.0, 5, &[4, 5]);
            assert_eq!((impossible.best.len(), impossible.gap), (2, 0.0), "{loss:?}");
        }
    }

    #[test]
    fn the_sigmoid_is_that_of_the_step_below() {
        let table = SigmoidTable::new();
        assert_eq!([-8.1, 8.1].map(|x| table.sigmoid(x)), [0.0, 1.0]);
        assert_eq!(table.sigmoid(0.0), 0.5);
        assert_eq!(table.sigmoid(0.03), 0.5);
        assert_eq!(table.sigmoid(1.0 / 32.0), 1.0 / (1.0 + (-1.0f32 / 32.0).exp()));
        assert_eq!(table.sigmoid(8.0), 1.0 / (1.0 + (-8.0f32).exp()));
        assert_eq!(table.sigmoid(f32::NAN), table.sigmoid(-8.0), "a logit that is no number is never sure");
    }
}
