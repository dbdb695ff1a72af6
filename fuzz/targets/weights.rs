//! The `model.safetensors` of a version.

use codif::coding::quantiser::QuantiserSettings;
use codif::model::weights::{Matrix, Sizes, Weights};

use super::{one_line, twice};

/// The sizes of two small models: one dense with its buckets listed, one quantised that kept all.
pub const SMALL_SIZES: [Sizes; 2] = [
    Sizes { rows: 6, dimension: 4, labels: 3, kept_buckets: (2, false), quantiser: None, head_quantiser: None },
    Sizes {
        rows: 6,
        dimension: 3,
        labels: 3,
        kept_buckets: (2, true),
        quantiser: Some(QuantiserSettings { width: 2, norms: true }),
        head_quantiser: Some(QuantiserSettings { width: 3, norms: false }),
    },
];
/// Rows for which room is left.
const MORE_ROWS: usize = 2;

/// The weights of a version: what is accepted is of the sizes that the manifest announces, and of no others.
pub fn weights(data: &[u8]) {
    SMALL_SIZES.into_iter().for_each(|sizes| read_as(data, sizes));
}

fn read_as(data: &[u8], sizes: Sizes) {
    let read = |data: &[u8], length: usize, sizes: Sizes| Weights::read(data, length as u64, sizes, MORE_ROWS);
    twice(|| read(data, data.len(), sizes).ok().map(|weights| format!("{weights:?}")));
    let weights = match read(data, data.len(), sizes) {
        Ok(weights) => weights,
        Err(fault) => return one_line(&fault),
    };
    has_sizes(&weights.table, (sizes.rows, sizes.dimension), sizes.quantiser);
    has_sizes(&weights.head, (sizes.labels, sizes.dimension), sizes.head_quantiser);
    assert!(weights.bias.len() == sizes.labels && weights.bias.iter().all(|number| number.is_finite()));
    let (kept, all) = sizes.kept_buckets;
    assert!(weights.buckets.map_or(all, |buckets| buckets.len() == kept));
    let cut = &data[..data.len() - 1];
    assert!(read(cut, cut.len(), sizes).is_err(), "a file that was cut is read");
    assert!(read(data, data.len() + 1, sizes).is_err(), "a file is read that should be longer");
    let otherwise = match sizes.quantiser {
        None => Some(QuantiserSettings { width: 2, norms: false }),
        Some(_) => None,
    };
    for lie in [
        Sizes { rows: sizes.rows + 1, ..sizes },
        Sizes { rows: 1 << 40, ..sizes },
        Sizes { dimension: sizes.dimension + 1, ..sizes },
        Sizes { dimension: 1 << 40, ..sizes },
        Sizes { labels: sizes.labels + 1, ..sizes },
        Sizes { quantiser: otherwise, ..sizes },
    ] {
        assert!(read(data, data.len(), lie).is_err(), "it is read as of {lie:?}");
    }
}

fn has_sizes(matrix: &Matrix, (rows, dimension): (usize, usize), quantiser: Option<QuantiserSettings>) {
    match (matrix, quantiser) {
        (Matrix::Dense(values), None) => {
            assert_eq!(values.len(), rows * dimension);
            assert!(values.iter().all(|number| number.is_finite()));
        }
        (Matrix::Quantised(quantised), Some(_)) => {
            assert_eq!((quantised.len(), quantised.dimension()), (rows, dimension));
            assert_eq!(quantised.unfolded().len(), rows * dimension);
        }
        (matrix, quantiser) => panic!("{matrix:?} is read, {quantiser:?} is announced"),
    }
}
