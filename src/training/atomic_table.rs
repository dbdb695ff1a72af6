//! The table while it is trained: rows shared by the threads as relaxed atomics of f32 bits (Niu et al., "Hogwild!",
//! NIPS 2011). A lost update now and then is part of the algorithm; a data race is not.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Rows × dimension.
pub struct AtomicTable {
    values: Vec<AtomicU32>,
    dimension: usize,
}

impl AtomicTable {
    /// From values row by row.
    pub fn new(values: impl Iterator<Item = f32>, dimension: usize) -> Self {
        Self { values: values.map(|value| AtomicU32::new(value.to_bits())).collect(), dimension }
    }

    /// Adds the row to `sum`.
    pub fn add_to(&self, row: u32, sum: &mut [f32]) {
        for (sum, value) in sum.iter_mut().zip(self.row(row)) {
            *sum += f32::from_bits(value.load(Relaxed));
        }
    }

    /// Adds `change` to the row.
    pub fn change(&self, row: u32, change: &[f32]) {
        for (value, change) in self.row(row).iter().zip(change) {
            value.store((f32::from_bits(value.load(Relaxed)) + change).to_bits(), Relaxed);
        }
    }

    /// The values, row by row.
    pub fn into_values(self) -> Vec<f32> {
        self.values.into_iter().map(|value| f32::from_bits(value.into_inner())).collect()
    }

    fn row(&self, row: u32) -> &[AtomicU32] {
        let start = row as usize * self.dimension;
        self.values.get(start..start + self.dimension).unwrap_or_default()
    }
}
