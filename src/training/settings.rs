//! Every setting of a training run, once: flag, help text, default.

use serde::Serialize;

use crate::coding::scoring::Loss;

/// Settings of the features and of stochastic gradient descent. The manifest keeps them as they were.
#[derive(Clone, Debug, PartialEq, clap::Args, Serialize)]
#[command(next_help_heading = "Training")]
pub struct TrainingSettings {
    /// Numbers in a row of the table
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub dimension: u16,
    /// Times each line is seen
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    pub epochs: u32,
    /// Learning rate at the start; it falls linearly to zero
    #[arg(long, default_value_t = 1.0)]
    pub learning_rate: f32,
    /// Loss
    #[arg(long, value_enum, default_value_t = LossName::Softmax)]
    pub loss: LossName,
    /// Fewest characters of a sub-word
    #[arg(long, default_value_t = 3)]
    pub shortest_subword: usize,
    /// Most characters of a sub-word; 0 for none
    #[arg(long, default_value_t = 6)]
    pub longest_subword: usize,
    /// Most words of a word n-gram; 1 for none
    #[arg(long, default_value_t = 2)]
    pub longest_word_ngram: usize,
    /// Buckets the n-grams are hashed in
    #[arg(long, default_value_t = 1_000_000)]
    pub buckets: u32,
    /// A word or n-gram of fewer lines is left out
    #[arg(long, default_value_t = 2)]
    pub minimum_count: u32,
    /// Most rows of the table; the rarest n-grams are left out
    #[arg(long, default_value_t = 80_000)]
    pub most_rows: usize,
    /// Share of the words left out at random each time a line is seen
    #[arg(long, default_value_t = 0.35)]
    pub word_dropout: f32,
    /// Share of the words given a typing error each time a line is seen
    #[arg(long, default_value_t = 0.1)]
    pub typing_errors: f32,
    /// Share of the covariates left out at random each time a line is seen
    #[arg(long, default_value_t = 0.3)]
    pub covariate_dropout: f32,
    /// Share of the target spread over all labels
    #[arg(long, default_value_t = 0.0)]
    pub label_smoothing: f32,
    /// How much of a label's gradient the labels near it in the nomenclature share
    #[arg(long, default_value_t = 0.0)]
    pub tree_sharing: f32,
    /// Times the nomenclature's titles are added to the lines
    #[arg(long, default_value_t = 3)]
    pub title_copies: u32,
    /// Threads; one makes the run reproducible [default: all cores]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
    /// Seed of the random numbers
    #[arg(long, default_value_t = 2027)]
    pub seed: u64,
}

impl TrainingSettings {
    /// Whether a line is not seen the same each time.
    pub fn has_noise(&self) -> bool {
        self.word_dropout > 0.0 || self.typing_errors > 0.0 || self.covariate_dropout > 0.0
    }
}

/// The losses that can be trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossName {
    /// One distribution over all labels.
    Softmax,
    /// One yes-or-no per label.
    OneVsAll,
}

impl From<LossName> for Loss {
    fn from(name: LossName) -> Self {
        match name {
            LossName::Softmax => Self::Softmax,
            LossName::OneVsAll => Self::OneVsAll,
        }
    }
}
