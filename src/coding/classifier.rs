//! Bag of rows → mean → linear → softmax or one-vs-all: the one classifier of every family, on candle.

use candle_core::{Device, Result, Tensor};
use candle_nn::{Linear, Module, ops};
use serde::{Deserialize, Serialize};

use super::embedding_bag::embedding_bag;
use super::features::FeatureBags;
use super::softmax::softmax;

/// How logits become probabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// One distribution over all labels: probabilities sum to 1.
    Softmax,
    /// One yes-or-no per label: each probability stands alone.
    OneVsAll,
}

/// The weights of a model, on a device.
pub struct Classifier {
    table: Tensor,
    head: Linear,
    loss: Loss,
    temperature: f64,
}

impl Classifier {
    /// From a table of rows × dimension and a head of labels × dimension with one bias a label, all f32.
    pub fn new(table: Tensor, weight: Tensor, bias: Tensor, loss: Loss, temperature: f64) -> Self {
        Self { table, head: Linear::new(weight, Some(bias)), loss, temperature }
    }

    /// The device the weights are on.
    pub fn device(&self) -> &Device {
        self.table.device()
    }

    /// Logits, one line a bag.
    pub fn logits(&self, bags: &FeatureBags) -> Result<Tensor> {
        let rows = Tensor::from_slice(&bags.rows, bags.rows.len(), self.device())?;
        let bounds = Tensor::from_slice(bags.bounds.as_flattened(), (bags.bounds.len(), 3), self.device())?;
        self.head.forward(&embedding_bag(&self.table, &rows, &bounds)?)
    }

    /// Probabilities of the labels, one line a line of logits.
    pub fn probabilities(&self, logits: &Tensor) -> Result<Vec<Vec<f32>>> {
        match self.loss {
            Loss::Softmax => softmax(logits, self.temperature)?.to_vec2(),
            Loss::OneVsAll => ops::sigmoid(&(logits / self.temperature)?)?.to_vec2(),
        }
    }

    /// What each row of the table, alone, adds to the logits of some labels: one line a row, one number a label.
    pub fn row_products(&self, rows: &[u32], labels: &[usize]) -> Result<Vec<Vec<f32>>> {
        if rows.is_empty() || labels.is_empty() {
            return Ok(vec![Vec::new(); rows.len()]);
        }
        let weights = labels.iter().map(|label| self.label_weights(*label)).collect::<Result<Vec<_>>>()?.concat();
        let weights = Tensor::from_vec(weights, (labels.len(), self.table.dim(1)?), self.device())?;
        let rows = Tensor::from_slice(rows, rows.len(), self.device())?;
        self.table.index_select(&rows, 0)?.matmul(&weights.t()?)?.to_vec2()
    }

    /// The head's weights for one label.
    fn label_weights(&self, label: usize) -> Result<Vec<f32>> {
        self.head.weight().get(label)?.to_vec1()
    }

    /// The head's bias for one label.
    pub fn label_bias(&self, label: usize) -> Result<f32> {
        match self.head.bias() {
            Some(bias) => bias.get(label)?.to_scalar(),
            None => Ok(0.0),
        }
    }
}
