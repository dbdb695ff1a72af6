//! The embedding bag: fused gather and mean over ragged bags, as a candle custom op (candle's own `mean` over a
//! non-last axis is 20 times slower than needed, and an `index_select` would write every gathered row to memory).

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp3, Error, Layout, Result, Shape, Tensor};

use super::quantiser::QuantisedRows;
use super::wide::{prefetch, wide};

#[cfg(feature = "cuda")]
mod cuda;

/// Of each bag the mean of its averaged rows, and the others added to it.
///
/// `table` is rows × dimension (f32), `ids` the rows of all bags one after the other (u32), `bounds` one line
/// `[start, averaged, end, divisor]` a bag (u32). A bag without rows gives a zero vector.
pub fn dense_bags(table: &Tensor, ids: &Tensor, bounds: &Tensor) -> Result<Tensor> {
    table.apply_op3_no_bwd(ids, bounds, &EmbeddingBag { quantised: None })
}

/// The same of quantised rows, which are followed by those of `sums`.
pub fn quantised_bags(quantised: &Arc<QuantisedRows>, sums: &Tensor, ids: &Tensor, bounds: &Tensor) -> Result<Tensor> {
    sums.apply_op3_no_bwd(ids, bounds, &EmbeddingBag { quantised: Some(Arc::clone(quantised)) })
}

struct EmbeddingBag {
    quantised: Option<Arc<QuantisedRows>>,
}

impl CustomOp3 for EmbeddingBag {
    fn name(&self) -> &'static str {
        "embedding-bag"
    }

    fn cpu_fwd(
        &self,
        table: &CpuStorage,
        table_layout: &Layout,
        ids: &CpuStorage,
        ids_layout: &Layout,
        bounds: &CpuStorage,
        bounds_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (_, dimension) = table_layout.shape().dims2()?;
        let (bags, _) = bounds_layout.shape().dims2()?;
        let table = contiguous(table.as_slice::<f32>()?, table_layout)?;
        let ids = contiguous(ids.as_slice::<u32>()?, ids_layout)?;
        let bounds = contiguous(bounds.as_slice::<u32>()?, bounds_layout)?.as_chunks::<4>().0;
        let mut means = vec![0f32; bags * dimension];
        let gathered = wide(
            #[inline(always)]
            || {
                let bags = means.chunks_exact_mut(dimension.max(1)).zip(bounds);
                for (place, (mean, bound)) in bags.enumerate() {
                    let (averaged, added) = split(ids, bound)?;
                    if self.quantised.is_none() {
                        // The first bag waits for its own rows, those of the others are on their way while the one before is summed.
                        let from = place + usize::from(place > 0);
                        bounds.iter().take(place + 2).skip(from).try_for_each(|bound| {
                            split(ids, bound)
                                .map(|(rows, _)| rows.iter().for_each(|row| prefetch_row(table, dimension, *row)))
                        })?;
                    }
                    match self.quantised.as_deref() {
                        None => sum_dense(mean, table, averaged)?,
                        Some(quantised) => sum_quantised(mean, quantised, table, averaged)?,
                    }
                    let &[.., divisor] = bound;
                    if divisor > 1 {
                        let scale = 1.0 / divisor as f32;
                        mean.iter_mut().for_each(|value| *value *= scale);
                    }
                    match self.quantised.as_deref() {
                        None => sum_dense(mean, table, added)?,
                        Some(quantised) => sum_quantised(mean, quantised, table, added)?,
                    }
                }
                Ok(())
            },
        );
        gathered.map_err(|(what, place)| outside(what, place))?;
        Ok((CpuStorage::F32(means), Shape::from((bags, dimension))))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        table: &candle_core::CudaStorage,
        table_layout: &Layout,
        ids: &candle_core::CudaStorage,
        ids_layout: &Layout,
        bounds: &candle_core::CudaStorage,
        bounds_layout: &Layout,
    ) -> Result<(candle_core::CudaStorage, Shape)> {
        if self.quantised.is_some() {
            return Err(Error::Msg("embedding-bag: quantised rows are for the processor alone".into()));
        }
        cuda::bags((table, table_layout), (ids, ids_layout), (bounds, bounds_layout))
    }
}

/// What is outside the table, and its number.
type Outside = (&'static str, u32);

/// The rows of a bag that are averaged, and those that are added.
fn split<'a>(
    ids: &'a [u32],
    &[start, averaged, end, _]: &[u32; 4],
) -> std::result::Result<(&'a [u32], &'a [u32]), Outside> {
    let rows = ids.get(start as usize..end as usize).ok_or(("bag", end))?;
    let split = averaged.checked_sub(start).and_then(|count| rows.split_at_checked(count as usize));
    split.ok_or(("bag", averaged))
}

/// Numbers that are summed together: they stay in registers while all rows of a bag go by, and many rows are on their way from
/// memory at once.
const BLOCK: usize = 64;

#[inline(always)]
fn prefetch_row(table: &[f32], dimension: usize, row: u32) {
    let start = row as usize * dimension;
    prefetch(table.get(start..start + dimension).unwrap_or_default());
}

/// Adds rows of the table to a sum.
#[inline(always)]
fn sum_dense(sum: &mut [f32], table: &[f32], rows: &[u32]) -> std::result::Result<(), Outside> {
    let dimension = sum.len();
    let (blocks, rest) = sum.as_chunks_mut::<BLOCK>();
    let mut first = 0;
    for block in blocks {
        let mut lanes = *block;
        for &row in rows {
            let start = row as usize * dimension + first;
            let values = table.get(start..).and_then(|values| values.first_chunk::<BLOCK>()).ok_or(("row", row))?;
            lanes.iter_mut().zip(values).for_each(|(lane, value)| *lane += value);
        }
        *block = lanes;
        first += BLOCK;
    }
    for &row in rows {
        let start = row as usize * dimension + first;
        let values = table.get(start..start + rest.len()).ok_or(("row", row))?;
        rest.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
    }
    Ok(())
}

/// Adds rows to a sum: the first are quantised, those after them stand in `sums`.
#[inline(always)]
fn sum_quantised(
    sum: &mut [f32],
    quantised: &QuantisedRows,
    sums: &[f32],
    rows: &[u32],
) -> std::result::Result<(), Outside> {
    let dense = quantised.len() as u32;
    rows.iter().try_for_each(|&row| match row.checked_sub(dense) {
        Some(row) => sum_dense(sum, sums, &[row]),
        None => quantised.add_to(row, sum).then_some(()).ok_or(("row", row)),
    })
}

/// The values of a tensor that lies in one stretch.
pub(super) fn contiguous<'a, T>(values: &'a [T], layout: &Layout) -> Result<&'a [T]> {
    let (start, end) = layout.contiguous_offsets().ok_or_else(|| Error::Msg("a tensor is not contiguous".into()))?;
    values.get(start..end).ok_or_else(|| outside("tensor", end as u32))
}

fn outside(what: &str, place: u32) -> Error {
    Error::Msg(format!("embedding-bag: {what} {place} is outside the table"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coding::quantiser::CENTROIDS;
    use candle_core::Device;
    use proptest::prelude::*;

    fn bag(ids: &[u32], bounds: &[[u32; 4]]) -> Result<Vec<Vec<f32>>> {
        let table = Tensor::from_slice(&[1f32, 2., 10., 20., 100., 200.], (3, 2), &Device::Cpu)?;
        let ids = Tensor::from_slice(ids, ids.len(), &Device::Cpu)?;
        let bounds = Tensor::from_slice(bounds.as_flattened(), (bounds.len(), 4), &Device::Cpu)?;
        dense_bags(&table, &ids, &bounds)?.to_vec2()
    }

    #[test]
    fn ragged_bags_are_averaged() {
        let means = bag(&[0, 2, 1], &[[0, 2, 2, 2], [2, 3, 3, 1], [3, 3, 3, 0], [0, 2, 2, 4]]).unwrap();
        assert_eq!(means, [[50.5, 101.], [10., 20.], [0., 0.], [25.25, 50.5]]);
    }

    #[test]
    fn rows_after_those_are_added_whole() {
        let means = bag(&[0, 1, 2], &[[0, 2, 3, 2], [0, 0, 2, 0]]).unwrap();
        assert_eq!(means, [[105.5, 211.], [11., 22.]]);
    }

    #[test]
    fn a_row_or_bag_outside_is_an_error() {
        assert!(bag(&[3], &[[0, 1, 1, 1]]).is_err());
        assert!(bag(&[0], &[[0, 2, 2, 2]]).is_err());
        assert!(bag(&[0], &[[0, 2, 1, 2]]).is_err());
        assert!(bag(&[0], &[[1, 0, 1, 2]]).is_err());
    }

    #[test]
    fn quantised_rows_come_before_the_sums() {
        let centroids = (0..2 * CENTROIDS).map(|n| n as f32).collect();
        let quantised = Arc::new(QuantisedRows::new(2, 2, vec![3, 5], centroids, None).unwrap());
        let sums = Tensor::from_slice(&[0.5f32, 0.25], (1, 2), &Device::Cpu).unwrap();
        let bags = |ids: &[u32], bounds: [u32; 4]| {
            let ids = Tensor::from_slice(ids, ids.len(), &Device::Cpu)?;
            let bounds = Tensor::from_slice(&bounds, (1, 4), &Device::Cpu)?;
            quantised_bags(&quantised, &sums, &ids, &bounds)?.to_vec2::<f32>()
        };
        assert_eq!(bags(&[0, 1, 2], [0, 3, 3, 1]).unwrap(), [[6.0 + 10.0 + 0.5, 7.0 + 11.0 + 0.25]]);
        assert!(bags(&[3], [0, 1, 1, 1]).is_err());
    }

    proptest! {
        /// Rows shorter, longer and a little longer than what is summed together, bags of any length, none among them.
        #[test]
        fn any_dimension_and_any_bag_is_summed_right(
            dimension in 1usize..150,
            bags in prop::collection::vec((prop::collection::vec(0u32..7, 0..9), prop::collection::vec(0u32..7, 0..3)), 1..6),
        ) {
            let value = |row: u32, column: usize| (row * 31 + column as u32 * 7) as f32 % 19.0 - 9.0;
            let table: Vec<f32> = (0..7).flat_map(|row| (0..dimension).map(move |column| value(row, column))).collect();
            let table = Tensor::from_vec(table, (7, dimension), &Device::Cpu).unwrap();
            let (mut ids, mut bounds): (Vec<u32>, Vec<[u32; 4]>) = (Vec::new(), Vec::new());
            for (averaged, added) in &bags {
                let start = ids.len() as u32;
                ids.extend(averaged.iter().chain(added));
                bounds.push([start, start + averaged.len() as u32, ids.len() as u32, averaged.len() as u32]);
            }
            let found = {
                let ids = Tensor::from_slice(&ids, ids.len(), &Device::Cpu).unwrap();
                let bounds = Tensor::from_slice(bounds.as_flattened(), (bounds.len(), 4), &Device::Cpu).unwrap();
                dense_bags(&table, &ids, &bounds).unwrap().to_vec2::<f32>().unwrap()
            };
            for ((averaged, added), found) in bags.iter().zip(found) {
                for (column, found) in found.into_iter().enumerate() {
                    let sum = |rows: &[u32]| rows.iter().map(|row| value(*row, column)).sum::<f32>();
                    let expected = sum(averaged) / averaged.len().max(1) as f32 + sum(added);
                    prop_assert!((found - expected).abs() < 1e-4, "{found} instead of {expected}");
                }
            }
        }
    }
}
