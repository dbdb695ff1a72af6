//! The table of a model: its rows as f32, or quantised as they came, with the sums of known words below.

use std::sync::Arc;

use candle_core::{Device, Result, Tensor};

use super::embedding_bag::{dense_bags, quantised_bags};
use super::quantiser::QuantisedRows;

/// The rows of a model.
pub enum Table {
    /// Rows × dimension, f32.
    Dense(Tensor),
    /// Quantised rows, then f32 rows: the sums of known words.
    Quantised(Arc<QuantisedRows>, Tensor),
}

impl Table {
    /// Numbers in a row.
    pub fn dimension(&self) -> Result<usize> {
        match self {
            Self::Dense(table) => table.dim(1),
            Self::Quantised(rows, _) => Ok(rows.dimension()),
        }
    }

    /// The device the rows are on.
    pub fn device(&self) -> &Device {
        match self {
            Self::Dense(table) | Self::Quantised(_, table) => table.device(),
        }
    }

    /// Of each bag the mean of its averaged rows, and the others added to it: one line a bag. `bounds` is one line
    /// `[start, averaged, end, divisor]` a bag.
    pub fn bags(&self, rows: &Tensor, bounds: &Tensor) -> Result<Tensor> {
        match self {
            Self::Dense(table) => dense_bags(table, rows, bounds),
            Self::Quantised(quantised, sums) => quantised_bags(quantised, sums, rows, bounds),
        }
    }

    /// These rows, one line each.
    pub fn rows(&self, rows: &[u32]) -> Result<Tensor> {
        let ids = Tensor::from_slice(rows, rows.len(), self.device())?;
        match self {
            Self::Dense(table) => table.index_select(&ids, 0),
            Self::Quantised(..) => {
                let bounds: Vec<u32> =
                    (0..rows.len() as u32).flat_map(|place| [place, place + 1, place + 1, 1]).collect();
                self.bags(&ids, &Tensor::from_vec(bounds, (rows.len(), 4), self.device())?)
            }
        }
    }
}
