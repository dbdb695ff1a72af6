//! The head while it is trained: each thread works on its own copy, in plain vectorised loops, and brings its changes
//! together with the others' every few lines. With one thread that is plain stochastic gradient descent.

use std::sync::{Mutex, PoisonError};

use crate::coding::wide::wide;

/// Weights (labels × dimension) and biases.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// Labels × dimension.
    pub weights: Vec<f32>,
    /// Labels.
    pub bias: Vec<f32>,
    dimension: usize,
}

impl Head {
    /// All zero.
    pub fn new(labels: usize, dimension: usize) -> Self {
        Self { weights: vec![0.0; labels * dimension], bias: vec![0.0; labels], dimension }
    }

    /// Logits of a hidden vector.
    pub fn logits(&self, hidden: &[f32], logits: &mut [f32]) {
        wide(
            #[inline(always)]
            || {
                let rows = self.weights.chunks_exact(self.dimension);
                for ((logit, row), bias) in logits.iter_mut().zip(rows).zip(&self.bias) {
                    *logit = dot(row, hidden) + bias;
                }
            },
        );
    }

    /// Moves against the gradient: `steps` holds, for each label, learning rate × (target − probability).
    /// Adds what the hidden vector should move by to `hidden_step`.
    pub fn step(&mut self, hidden: &[f32], steps: &[f32], hidden_step: &mut [f32]) {
        wide(
            #[inline(always)]
            || {
                let rows = self.weights.chunks_exact_mut(self.dimension);
                for ((row, bias), &step) in rows.zip(&mut self.bias).zip(steps) {
                    for ((weight, hidden), hidden_step) in row.iter_mut().zip(hidden).zip(hidden_step.iter_mut()) {
                        *hidden_step += step * *weight;
                        *weight += step * hidden;
                    }
                    *bias += step;
                }
            },
        );
    }
}

/// Dot product in sixteen lanes: a plain sum could not be vectorised, its order would change.
#[inline(always)]
fn dot(left: &[f32], right: &[f32]) -> f32 {
    let mut lanes = [0f32; 16];
    let (left_chunks, left_rest) = left.as_chunks::<16>();
    let (right_chunks, right_rest) = right.as_chunks::<16>();
    for (left, right) in left_chunks.iter().zip(right_chunks) {
        for ((lane, left), right) in lanes.iter_mut().zip(left).zip(right) {
            *lane += left * right;
        }
    }
    let rest: f32 = left_rest.iter().zip(right_rest).map(|(left, right)| left * right).sum();
    halved_sum(lanes) + rest
}

/// The sum of sixteen numbers, half by half: these too are vector instructions.
#[inline(always)]
fn halved_sum(lanes: [f32; 16]) -> f32 {
    let [one, two, three, four] = halves::<8, 4>(halves::<16, 8>(lanes));
    (one + three) + (two + four)
}

/// The first half plus the second.
#[inline(always)]
fn halves<const N: usize, const HALF: usize>(lanes: [f32; N]) -> [f32; HALF] {
    let (first, second) = lanes.split_at(HALF);
    let mut sums = [0.0; HALF];
    for ((sum, one), other) in sums.iter_mut().zip(first).zip(second) {
        *sum = one + other;
    }
    sums
}

/// The head that the threads share.
pub struct SharedHead(Mutex<Head>);

impl SharedHead {
    /// Shares a head.
    pub fn new(head: Head) -> Self {
        Self(Mutex::new(head))
    }

    /// A copy as it stands.
    pub fn copy(&self) -> Head {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds what `own` has changed since `base`, then makes both what the shared head has become.
    pub fn exchange(&self, own: &mut Head, base: &mut Head) {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        exchange(&mut shared.weights, &mut own.weights, &mut base.weights);
        exchange(&mut shared.bias, &mut own.bias, &mut base.bias);
    }
}

fn exchange(shared: &mut [f32], own: &mut [f32], base: &mut [f32]) {
    for ((shared, own), base) in shared.iter_mut().zip(own).zip(base) {
        *shared += *own - *base;
        *own = *shared;
        *base = *shared;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_two_threads_add_up() {
        let shared = SharedHead::new(Head::new(1, 2));
        let (mut one, mut one_base) = (shared.copy(), shared.copy());
        let (mut two, mut two_base) = (shared.copy(), shared.copy());
        one.weights = vec![1.0, 0.0];
        two.weights = vec![0.5, 2.0];
        shared.exchange(&mut one, &mut one_base);
        shared.exchange(&mut two, &mut two_base);
        assert_eq!(shared.copy().weights, [1.5, 2.0]);
        assert_eq!((two.weights, one.weights), (vec![1.5, 2.0], vec![1.0, 0.0]));
    }

    #[test]
    fn dot_takes_odd_lengths() {
        let left: Vec<f32> = (0..19).map(|i| i as f32).collect();
        assert_eq!(dot(&left, &[2.0; 19]), 342.0);
    }
}
