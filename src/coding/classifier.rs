//! Bag of rows → mean → linear: the one classifier of every family, on candle. A family may add vectors to the mean, and scale
//! the whole to length.

use candle_core::{DType, Device, Result, Storage, Tensor};
use candle_nn::{Linear, Module, ops};

use super::embedding_bag::contiguous;
use super::features::FeatureBags;
use super::ranking::Ranking;
use super::scoring::Scoring;
use super::table::Table;

/// The weights of a model, on a device.
pub struct Classifier {
    table: Table,
    head: Linear,
    /// Of a model that scales what it has of a text to length: a weight of 1 for each of its numbers.
    scaled_by: Option<Tensor>,
    scoring: Scoring,
    temperature: f64,
}

impl Classifier {
    /// From a table and a head of labels × dimension with one bias a label, all f32.
    pub fn new(table: Table, head: Linear, scoring: Scoring, temperature: f64) -> Self {
        Self { table, head, scaled_by: None, scoring, temperature }
    }

    /// The same, with what it has of a text scaled to length (root mean square 1: Zhang and Sennrich, "Root Mean Square Layer
    /// Normalization", NeurIPS 2019).
    pub fn scaled(self) -> Result<Self> {
        let ones = Tensor::ones(self.table.dimension()?, DType::F32, self.device())?;
        Ok(Self { scaled_by: Some(ones), ..self })
    }

    /// The device the weights are on.
    pub fn device(&self) -> &Device {
        self.table.device()
    }

    /// What the model has of each text, one line a bag.
    fn hidden(&self, bags: &FeatureBags) -> Result<Tensor> {
        // No device is given an empty tensor: a row that is in no bag stands for none.
        let rows: &[u32] = if bags.rows.is_empty() { &[0] } else { &bags.rows };
        let rows = Tensor::from_slice(rows, rows.len(), self.device())?;
        let bounds = Tensor::from_slice(bags.bounds.as_flattened(), (bags.bounds.len(), 4), self.device())?;
        self.table.bags(&rows, &bounds)
    }

    /// Logits, one line a bag.
    pub fn logits(&self, bags: &FeatureBags) -> Result<Tensor> {
        let hidden = self.hidden(bags)?;
        match &self.scaled_by {
            Some(ones) => self.head.forward(&ops::rms_norm(&hidden, ones, f32::EPSILON)?),
            None => self.head.forward(&hidden),
        }
    }

    /// Probabilities of the labels, one line a line of logits.
    pub fn probabilities(&self, logits: &Tensor) -> Result<Vec<Vec<f32>>> {
        self.scoring.probabilities(logits, self.temperature)
    }

    /// The best labels, one ranking a line of logits: of those that `among` gives for a line, else of all.
    pub fn rankings<'a>(
        &self,
        logits: &Tensor,
        top_k: usize,
        among: impl Fn(usize) -> Option<&'a [usize]>,
    ) -> Result<Vec<Ranking>> {
        let labels = logits.dim(1)?.max(1);
        let rank = |logits: &[f32]| {
            let lines = logits.chunks_exact(labels).enumerate();
            let ranking = |(place, line): (usize, &[f32])| match among(place) {
                Some(labels) => self.scoring.ranking_among(line, self.temperature, top_k, labels),
                None => self.scoring.ranking(line, self.temperature, top_k),
            };
            lines.map(ranking).collect()
        };
        // On the processor they are read where they are.
        let (storage, layout) = logits.storage_and_layout();
        match &*storage {
            Storage::Cpu(values) => Ok(rank(contiguous(values.as_slice()?, layout)?)),
            _ => Ok(rank(&logits.flatten_all()?.to_vec1::<f32>()?)),
        }
    }

    /// Whether what a row adds to a logit does not depend on the other rows.
    pub fn is_linear(&self) -> bool {
        self.scaled_by.is_none()
    }

    /// What the logits of one bag are divided by, of all its rows alike: the length it is scaled to, held at its value.
    pub fn scale(&self, bag: &FeatureBags) -> Result<f64> {
        if self.is_linear() {
            return Ok(1.0);
        }
        let mean_square = self.hidden(bag)?.sqr()?.mean_all()?.to_scalar::<f32>()?;
        Ok(f64::from(mean_square + f32::EPSILON).sqrt())
    }

    /// What each row of the table, alone, adds to the logits of some labels: one line a row, one number a label.
    pub fn row_products(&self, rows: &[u32], labels: &[usize]) -> Result<Vec<Vec<f32>>> {
        if rows.is_empty() || labels.is_empty() {
            return Ok(vec![Vec::new(); rows.len()]);
        }
        let weights = labels.iter().map(|label| self.label_weights(*label)).collect::<Result<Vec<_>>>()?;
        let weights = Tensor::stack(&weights, 0)?;
        self.table.rows(rows)?.matmul(&weights.t()?)?.to_vec2()
    }

    /// The head's weights for one label. In a tree of labels they are those of the turns on its way.
    fn label_weights(&self, label: usize) -> Result<Tensor> {
        let terms = self.scoring.terms(label).into_iter();
        let terms = terms.map(|(line, turn)| self.head.weight().get(line)?.contiguous()? * f64::from(turn));
        let none = Tensor::zeros(self.table.dimension()?, DType::F32, self.device());
        terms.fold(none, |sum, term| sum? + term?)
    }
}
