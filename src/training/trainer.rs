//! fastText's supervised algorithm: stochastic gradient descent, one line at a time, on rows and head, with a learning
//! rate that falls linearly to zero (Joulin et al., "Bag of Tricks for Efficient Text Classification", EACL 2017).

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::atomic_table::AtomicTable;
use super::head::{Head, SharedHead};
use super::noise::garble;
use super::settings::{LossName, TrainingSettings};
use crate::coding::exponentials::{exponential, sum_of_exponentials};
use crate::coding::features::NgramFeatures;
use crate::coding::wide::wide;

/// Lines a thread works on between two exchanges of the head.
const LINES_BETWEEN_EXCHANGES: usize = 16;

/// A line made ready: its normalised text, the rows of its covariates, its label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrainingLine {
    /// The normalised text.
    pub text: String,
    /// Rows of the text as it is.
    pub rows: Vec<u32>,
    /// Rows of the covariates' values.
    pub covariate_rows: Vec<u32>,
    /// Place of the code among the labels.
    pub label: usize,
}

/// What is trained, and on what.
pub struct Trainer<'a> {
    /// The features, whose rows are trained.
    pub features: &'a NgramFeatures,
    /// Rows of the table.
    pub rows: usize,
    /// For each level above the labels: the place of each label's ancestor at that level.
    pub ancestors: &'a [Vec<usize>],
    /// How many labels there are.
    pub labels: usize,
    /// Dimension, epochs, rates.
    pub settings: &'a TrainingSettings,
    /// How many threads work.
    pub threads: usize,
}

/// What an epoch showed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochReport {
    /// From 1.
    pub epoch: u32,
    /// Mean loss on the lines as they were seen.
    pub loss: f64,
    /// Share of the validation lines whose best label is right.
    pub validation_accuracy: f64,
}

/// The weights at the end.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainedWeights {
    /// Rows × dimension.
    pub table: Vec<f32>,
    /// Weights and biases.
    pub head: Head,
}

/// The run was interrupted; nothing is kept of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("training was interrupted: no model version was written")]
pub struct Interrupted;

impl Trainer<'_> {
    /// Trains on `lines`, has a look at `validation` after each epoch, and stops when `interrupted` is set.
    pub fn train(
        &self,
        lines: &[TrainingLine],
        validation: &[TrainingLine],
        interrupted: &AtomicBool,
        mut report: impl FnMut(EpochReport),
    ) -> Result<TrainedWeights, Interrupted> {
        let dimension = usize::from(self.settings.dimension);
        let mut random = Pcg64::seed_from_u64(self.settings.seed);
        let bound = 1.0 / dimension as f32;
        let start = (0..self.rows * dimension).map(|_| random.random_range(-bound..bound));
        let table = AtomicTable::new(start, dimension);
        let shared = SharedHead::new(Head::new(self.labels, dimension));
        let seen = AtomicU64::new(0);
        let mut order: Vec<usize> = (0..lines.len()).collect();
        for epoch in 0..self.settings.epochs {
            order.shuffle(&mut random);
            let part = order.len().div_ceil(self.threads).max(1);
            let losses: Vec<f64> = thread::scope(|scope| {
                let (table, shared, seen) = (&table, &shared, &seen);
                let workers = order.chunks(part).map(|part| {
                    let random = Pcg64::seed_from_u64(random.random());
                    scope.spawn(move || self.work(part, lines, table, shared, seen, interrupted, random))
                });
                let workers: Vec<_> = workers.collect();
                workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
            });
            if interrupted.load(Relaxed) {
                return Err(Interrupted);
            }
            let loss = losses.iter().sum::<f64>() / lines.len() as f64;
            let validation_accuracy = self.accuracy(validation, &table, &shared.copy());
            report(EpochReport { epoch: epoch + 1, loss, validation_accuracy });
        }
        Ok(TrainedWeights { table: table.into_values(), head: shared.copy() })
    }

    /// One thread's share of an epoch; gives the sum of the losses.
    #[expect(clippy::too_many_arguments, reason = "what the threads of one epoch share, named one by one")]
    fn work(
        &self,
        part: &[usize],
        lines: &[TrainingLine],
        table: &AtomicTable,
        shared: &SharedHead,
        seen: &AtomicU64,
        interrupted: &AtomicBool,
        mut random: Pcg64,
    ) -> f64 {
        let (mut head, mut base) = (shared.copy(), shared.copy());
        let mut step = Step::new(self);
        let total = lines.len() as f32 * self.settings.epochs as f32;
        let mut losses = 0.0;
        for part in part.chunks(LINES_BETWEEN_EXCHANGES) {
            if interrupted.load(Relaxed) {
                break;
            }
            for line in part.iter().filter_map(|&place| lines.get(place)) {
                let progress = seen.fetch_add(1, Relaxed) as f32 / total;
                let rate = self.settings.learning_rate * (1.0 - progress);
                step.read(line, Some(&mut random));
                losses += step.learn(line.label, rate, table, &mut head);
            }
            shared.exchange(&mut head, &mut base);
        }
        losses
    }

    fn accuracy(&self, lines: &[TrainingLine], table: &AtomicTable, head: &Head) -> f64 {
        let mut step = Step::new(self);
        let right = lines.iter().filter(|line| {
            step.read(line, None);
            step.forward(table, head);
            let best = step.logits.iter().enumerate().max_by(|one, other| one.1.total_cmp(other.1));
            best.is_some_and(|(label, _)| label == line.label)
        });
        right.count() as f64 / lines.len().max(1) as f64
    }
}

/// The work space of one thread.
struct Step<'a> {
    trainer: &'a Trainer<'a>,
    text: String,
    rows: Vec<u32>,
    hidden: Vec<f32>,
    hidden_step: Vec<f32>,
    logits: Vec<f32>,
    sums: Vec<f32>,
}

impl<'a> Step<'a> {
    fn new(trainer: &'a Trainer<'a>) -> Self {
        let dimension = usize::from(trainer.settings.dimension);
        let ancestors = trainer.ancestors.iter().flatten().max().map_or(0, |last| last + 1);
        Self {
            trainer,
            text: String::new(),
            rows: Vec::new(),
            hidden: vec![0.0; dimension],
            hidden_step: vec![0.0; dimension],
            logits: vec![0.0; trainer.labels],
            sums: vec![0.0; ancestors],
        }
    }

    /// The rows of a line: as it is, or with noise.
    fn read(&mut self, line: &TrainingLine, noise: Option<&mut Pcg64>) {
        self.rows.clear();
        let settings = self.trainer.settings;
        match noise.filter(|_| settings.has_noise()) {
            None => self.rows.extend(line.rows.iter().chain(&line.covariate_rows)),
            Some(random) => {
                garble(&line.text, settings.word_dropout, settings.typing_errors, random, &mut self.text);
                let rows = &mut self.rows;
                self.trainer.features.for_each_text_row(&self.text, &mut |row, _| rows.push(row));
                let kept = line.covariate_rows.iter().filter(|_| random.random::<f32>() >= settings.covariate_dropout);
                self.rows.extend(kept);
            }
        }
    }

    fn forward(&mut self, table: &AtomicTable, head: &Head) {
        self.hidden.fill(0.0);
        self.rows.iter().for_each(|&row| table.add_to(row, &mut self.hidden));
        let scale = 1.0 / self.rows.len().max(1) as f32;
        self.hidden.iter_mut().for_each(|value| *value *= scale);
        head.logits(&self.hidden, &mut self.logits);
    }

    /// One step of gradient descent; gives the loss before it.
    fn learn(&mut self, label: usize, rate: f32, table: &AtomicTable, head: &mut Head) -> f64 {
        self.forward(table, head);
        let loss = match self.trainer.settings.loss {
            LossName::Softmax => softmax_steps(&mut self.logits, label, self.trainer.settings.label_smoothing),
            LossName::OneVsAll => one_vs_all_steps(&mut self.logits, label),
        };
        self.logits.iter_mut().for_each(|step| *step *= rate);
        self.share_along_the_tree();
        self.hidden_step.fill(0.0);
        head.step(&self.hidden, &self.logits, &mut self.hidden_step);
        let scale = 1.0 / self.rows.len().max(1) as f32;
        self.hidden_step.iter_mut().for_each(|value| *value *= scale);
        self.rows.iter().for_each(|&row| table.change(row, &self.hidden_step));
        loss
    }

    /// As if each label's weights were the sum of its own and its ancestors': a rare label learns from its siblings.
    fn share_along_the_tree(&mut self) {
        let sharing = self.trainer.settings.tree_sharing;
        if sharing == 0.0 {
            return;
        }
        let own = self.logits.clone();
        for ancestors in self.trainer.ancestors {
            self.sums.fill(0.0);
            for (ancestor, step) in ancestors.iter().zip(&own) {
                self.sums.get_mut(*ancestor).into_iter().for_each(|sum| *sum += step);
            }
            for (ancestor, step) in ancestors.iter().zip(&mut self.logits) {
                *step += sharing * self.sums.get(*ancestor).copied().unwrap_or_default();
            }
        }
    }
}

/// Turns logits into target − probability, in place; gives the cross-entropy.
fn softmax_steps(logits: &mut [f32], label: usize, smoothing: f32) -> f64 {
    let everywhere = smoothing / logits.len() as f32;
    wide(
        #[inline(always)]
        || {
            let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let share = 1.0 / sum_of_exponentials(logits, highest, 1.0);
            logits.iter_mut().for_each(|value| *value = everywhere - exponential(*value - highest) * share);
        },
    );
    let Some(step) = logits.get_mut(label) else { return 0.0 };
    let probability = everywhere - *step;
    *step += 1.0 - smoothing;
    -f64::from(probability.max(1e-12).ln())
}

/// Turns logits into target − probability for a yes-or-no per label, in place; gives the binary cross-entropy.
fn one_vs_all_steps(logits: &mut [f32], label: usize) -> f64 {
    let mut loss = 0.0;
    for (place, logit) in logits.iter_mut().enumerate() {
        let target = if place == label { 1.0 } else { 0.0 };
        let probability = 1.0 / (1.0 + (-*logit).exp());
        let of_truth = if place == label { probability } else { 1.0 - probability };
        loss -= f64::from(of_truth.max(1e-12).ln());
        *logit = target - probability;
    }
    loss
}
