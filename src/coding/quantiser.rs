//! Product quantisation: a row is the numbers of the centroids of its pieces, and of its length (Jégou, Douze and Schmid, "Product
//! Quantization for Nearest Neighbor Search", IEEE TPAMI 2011), as fastText's `.ftz` files hold it.

use serde::{Deserialize, Serialize};

/// Centroids that a piece has to choose from.
pub const CENTROIDS: usize = 256;

/// A product quantiser: a row is cut into pieces, each the number of one of 256 centroids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuantiserSettings {
    /// Numbers in a piece; the last piece may be shorter.
    pub width: usize,
    /// Whether the length of each row is quantised apart.
    pub norms: bool,
}

/// Rows that stay quantised in memory.
#[derive(Clone, Debug)]
pub struct QuantisedRows {
    dimension: usize,
    /// Numbers in a piece; the last may be shorter.
    width: usize,
    /// For each row the centroid of each piece.
    codes: Vec<u8>,
    /// For each piece its centroids, one after the other.
    centroids: Vec<f32>,
    /// For each row the centroid of its length, and these centroids.
    norms: Option<(Vec<u8>, Vec<f32>)>,
}

impl QuantisedRows {
    /// Rows of `dimension` numbers in pieces of `width`; nothing when the sizes do not agree with each other.
    pub fn new(
        dimension: usize,
        width: usize,
        codes: Vec<u8>,
        centroids: Vec<f32>,
        norms: Option<(Vec<u8>, Vec<f32>)>,
    ) -> Option<Self> {
        let pieces = dimension.checked_add(width)?.checked_sub(1)?.checked_div(width)?;
        let rows = codes.len().checked_div(pieces)?;
        let of_norms = |(codes, centroids): &(Vec<u8>, Vec<f32>)| codes.len() == rows && centroids.len() == CENTROIDS;
        let fits = rows * pieces == codes.len()
            && Some(centroids.len()) == dimension.checked_mul(CENTROIDS)
            && norms.as_ref().is_none_or(of_norms);
        fits.then_some(Self { dimension, width, codes, centroids, norms })
    }

    /// Numbers in a row.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    fn pieces(&self) -> usize {
        self.dimension.div_ceil(self.width)
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.codes.len() / self.pieces()
    }

    /// How many bytes the rows take, without their centroids.
    pub fn code_bytes(&self) -> usize {
        self.codes.len() + self.norms.as_ref().map_or(0, |(codes, _)| codes.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// Adds a row; says whether there is one.
    #[inline(always)]
    pub fn add_to(&self, row: u32, sum: &mut [f32]) -> bool {
        let (row, pieces) = (row as usize, self.pieces());
        let Some(codes) = self.codes.get(row * pieces..(row + 1) * pieces) else { return false };
        let norm = self.norms.as_ref().and_then(|(codes, norms)| norms.get(usize::from(*codes.get(row)?)).copied());
        let norm = norm.unwrap_or(1.0);
        if self.width == 2 && self.dimension.is_multiple_of(2) {
            add_pairs(sum, codes, &self.centroids, norm);
            return true;
        }
        let centroids = self.centroids.chunks(CENTROIDS * self.width);
        for ((part, centroids), code) in sum.chunks_mut(self.width).zip(centroids).zip(codes) {
            // The last piece, and so its centroids, may be shorter.
            let centroid = centroids.get(usize::from(*code) * part.len()..).unwrap_or_default();
            part.iter_mut().zip(centroid).for_each(|(sum, value)| *sum += norm * value);
        }
        true
    }

    /// All rows, one after the other.
    pub fn unfolded(&self) -> Vec<f32> {
        let mut values = vec![0.0; self.len() * self.dimension];
        for (row, values) in (0..).zip(values.chunks_exact_mut(self.dimension)) {
            self.add_to(row, values);
        }
        values
    }
}

/// The usual pieces, of two numbers.
#[inline(always)]
fn add_pairs(sum: &mut [f32], codes: &[u8], centroids: &[f32], norm: f32) {
    let centroids = centroids.as_chunks::<2>().0.as_chunks::<CENTROIDS>().0;
    for (([first, second], code), centroids) in sum.as_chunks_mut::<2>().0.iter_mut().zip(codes).zip(centroids) {
        // A code is below 256, and there are 256 centroids: the compiler leaves the check out.
        let [x, y] = centroids.get(usize::from(*code)).copied().unwrap_or_default();
        *first += norm * x;
        *second += norm * y;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three numbers in pieces of two; centroid n of the first piece is (n, n + ½), of the second −n.
    fn rows(norms: bool) -> QuantisedRows {
        let first = (0..CENTROIDS).flat_map(|n| [n as f32, n as f32 + 0.5]);
        let centroids = first.chain((0..CENTROIDS).map(|n| -(n as f32))).collect();
        let norms = norms.then(|| (vec![2, 10], (0..CENTROIDS).map(|n| n as f32 / 2.0).collect()));
        QuantisedRows::new(3, 2, vec![1, 2, 255, 0], centroids, norms).unwrap()
    }

    #[test]
    fn a_row_is_its_centroids() {
        assert_eq!(rows(false).unfolded(), [1.0, 1.5, -2.0, 255.0, 255.5, 0.0]);
        assert_eq!(rows(true).unfolded(), [1.0, 1.5, -2.0, 1275.0, 1277.5, 0.0]);
        let mut sum = [1.0; 3];
        assert!(!rows(true).add_to(2, &mut sum));
        assert_eq!(sum, [1.0; 3]);
    }

    #[test]
    fn pairs_are_as_any_other_pieces() {
        let centroids: Vec<f32> = (0..4 * CENTROIDS).map(|n| n as f32).collect();
        let rows = QuantisedRows::new(4, 2, vec![3, 255], centroids, None).unwrap();
        assert_eq!(rows.unfolded(), [6.0, 7.0, 512.0 + 510.0, 512.0 + 511.0]);
    }

    #[test]
    fn sizes_that_do_not_agree_are_nothing() {
        let centroids = vec![0.0; 3 * CENTROIDS];
        let make = |dimension, width, codes: usize| {
            QuantisedRows::new(dimension, width, vec![0; codes], centroids.clone(), None).is_some()
        };
        assert!(make(3, 2, 4) && make(3, 3, 4) && make(3, 2, 0));
        assert!(!make(3, 2, 5) && !make(4, 2, 4) && !make(3, 0, 4) && !make(0, 0, 0));
        let norms = Some((vec![0], vec![0.0; CENTROIDS]));
        assert!(QuantisedRows::new(3, 2, vec![0; 4], centroids.clone(), norms).is_none());
    }
}
