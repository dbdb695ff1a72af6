//! The hashed rows: `bucket → row`, of which a pruned model keeps some.

/// The rows of hashed sub-words and word n-grams.
#[derive(Clone, Debug)]
pub struct Buckets {
    count: u64,
    first_row: u32,
    /// Row of each bucket; none is listed when each has its row.
    rows: Option<Vec<u32>>,
}

impl Buckets {
    const PRUNED: u32 = u32::MAX;

    /// `count` buckets, each with its row, from `first_row` on.
    pub fn all(count: usize, first_row: u32) -> Self {
        Self { count: count as u64, first_row, rows: None }
    }

    /// `count` buckets, of which `kept` stand in the table from `first_row` on, in this order.
    /// A kept bucket outside `0..count` is passed over.
    pub fn new(count: usize, kept: &[u32], first_row: u32) -> Self {
        let mut rows = vec![Self::PRUNED; count];
        for (row, &bucket) in (first_row..).zip(kept) {
            if let Some(slot) = rows.get_mut(bucket as usize) {
                *slot = row;
            }
        }
        Self { rows: Some(rows), ..Self::all(count, first_row) }
    }

    /// How many buckets the hashes fall in.
    pub fn count(&self) -> usize {
        self.count as usize
    }

    /// Whether some were pruned: those that are left were seen often.
    pub fn are_pruned(&self) -> bool {
        self.rows.is_some()
    }

    /// The row of a hash; nothing when its bucket was pruned.
    pub fn row(&self, hash: u64) -> Option<u32> {
        let bucket = hash.checked_rem(self.count)?;
        match &self.rows {
            Some(rows) => rows.get(bucket as usize).copied().filter(|&row| row != Self::PRUNED),
            None => Some(self.first_row + bucket as u32),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_falls_in_its_bucket() {
        assert_eq!(Buckets::all(4, 10).row(7), Some(13));
        let kept = Buckets::new(4, &[3, 1, 9], 10);
        assert_eq!([7, 5, 4].map(|hash| kept.row(hash)), [Some(10), Some(11), None]);
        assert_eq!((Buckets::all(0, 10).row(7), kept.count()), (None, 4));
    }
}
