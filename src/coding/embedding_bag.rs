//! The embedding bag: fused gather and mean over ragged bags, as a candle custom op (candle's own `mean` over a
//! non-last axis is 20 times slower than needed, and an `index_select` would write every gathered row to memory).

use candle_core::{CpuStorage, CustomOp3, Error, Layout, Result, Shape, Tensor};

/// Mean of the rows of each bag.
///
/// `table` is rows × dimension (f32), `ids` the rows of all bags one after the other (u32), `bounds` one line
/// `[start, end, divisor]` a bag (u32). A bag without rows gives a zero vector.
pub fn embedding_bag(table: &Tensor, ids: &Tensor, bounds: &Tensor) -> Result<Tensor> {
    table.apply_op3_no_bwd(ids, bounds, &EmbeddingBag)
}

struct EmbeddingBag;

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
        let bounds = contiguous(bounds.as_slice::<u32>()?, bounds_layout)?;
        let mut means = vec![0f32; bags * dimension];
        for (mean, bound) in means.chunks_exact_mut(dimension.max(1)).zip(bounds.chunks_exact(3)) {
            let &[start, end, divisor] = bound else { continue };
            let rows = ids.get(start as usize..end as usize).ok_or_else(|| outside("bag", end))?;
            for &row in rows {
                add_row(mean, table, row)?;
            }
            if divisor > 1 {
                let scale = 1.0 / divisor as f32;
                mean.iter_mut().for_each(|value| *value *= scale);
            }
        }
        Ok((CpuStorage::F32(means), Shape::from((bags, dimension))))
    }
}

fn add_row(sum: &mut [f32], table: &[f32], row: u32) -> Result<()> {
    let start = row as usize * sum.len();
    let values = table.get(start..start + sum.len()).ok_or_else(|| outside("row", row))?;
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += value;
    }
    Ok(())
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
    use candle_core::Device;

    fn bag(ids: &[u32], bounds: &[[u32; 3]]) -> Result<Vec<Vec<f32>>> {
        let table = Tensor::from_slice(&[1f32, 2., 10., 20., 100., 200.], (3, 2), &Device::Cpu)?;
        let ids = Tensor::from_slice(ids, ids.len(), &Device::Cpu)?;
        let bounds = Tensor::from_slice(bounds.as_flattened(), (bounds.len(), 3), &Device::Cpu)?;
        embedding_bag(&table, &ids, &bounds)?.to_vec2()
    }

    #[test]
    fn ragged_bags_are_averaged() {
        let means = bag(&[0, 2, 1], &[[0, 2, 2], [2, 3, 1], [3, 3, 0], [0, 2, 4]]).unwrap();
        assert_eq!(means, [[50.5, 101.], [10., 20.], [0., 0.], [25.25, 50.5]]);
    }

    #[test]
    fn a_row_or_bag_outside_is_an_error() {
        assert!(bag(&[3], &[[0, 1, 1]]).is_err());
        assert!(bag(&[0], &[[0, 2, 2]]).is_err());
    }
}
