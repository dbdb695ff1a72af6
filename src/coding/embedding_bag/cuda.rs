//! The embedding bag on a CUDA device: a kernel of our own, compiled when it is first used.

use std::sync::OnceLock;

use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView, LaunchConfig, PushKernelArg};
use candle_core::cuda_backend::cudarc::nvrtc::compile_ptx;
use candle_core::cuda_backend::{CudaDType, WrapErr};
use candle_core::{CudaDevice, CudaStorage, Error, Layout, Result, Shape};

use super::outside;

const SOURCE: &str = include_str!("bags.cu");
const KERNEL: &str = "embedding_bags";

// What the kernel says of something outside, as in its source.
const ROW: u32 = 1;
const BAG: u32 = 2;

/// A tensor as a custom op gets it.
pub type Stored<'a> = (&'a CudaStorage, &'a Layout);

/// See [`super::dense_bags`]: the same numbers, and an error when a row or a bag is outside. Of several it names any one.
pub fn bags(table: Stored<'_>, ids: Stored<'_>, bounds: Stored<'_>) -> Result<(CudaStorage, Shape)> {
    let device = &table.0.device;
    let (_, dimension) = table.1.shape().dims2()?;
    let (bags, width) = bounds.1.shape().dims2()?;
    if width != 4 {
        return Err(Error::Msg(format!("embedding-bag: a bag has 4 bounds, not {width}")));
    }
    let (table, ids, bounds) = (view(table)?, view(ids)?, view(bounds)?);
    let mut means = device.alloc_zeros::<f32>(bags * dimension)?;
    let found = launch(device, (&table, &ids, &bounds), dimension, &mut means)?;
    match *found.as_slice() {
        [ROW, place] => Err(outside("row", place)),
        [BAG, place] => Err(outside("bag", place)),
        _ => Ok((CudaStorage::wrap_cuda_slice(means, device.clone()), Shape::from((bags, dimension)))),
    }
}

/// The values of a tensor that lies in one stretch.
fn view<'a, T: CudaDType>((storage, layout): Stored<'a>) -> Result<CudaView<'a, T>> {
    let (start, end) = layout.contiguous_offsets().ok_or_else(|| Error::Msg("a tensor is not contiguous".into()))?;
    storage.as_cuda_slice::<T>()?.try_slice(start..end).ok_or_else(|| outside("tensor", end as u32))
}

/// The table, the ids and the bounds.
type Values<'a> = (&'a CudaView<'a, f32>, &'a CudaView<'a, u32>, &'a CudaView<'a, u32>);

/// Runs the kernel, and waits for what it says of something outside.
#[expect(unsafe_code, reason = "a kernel is called; it looks at every bound and row before it follows it")]
fn launch(
    device: &CudaDevice,
    (table, ids, bounds): Values<'_>,
    dimension: usize,
    means: &mut CudaSlice<f32>,
) -> Result<Vec<u32>> {
    let bags = whole(bounds.len() / 4)?;
    let rows = whole(table.len() / dimension.max(1))?;
    let dimension = whole(dimension)?;
    let id_count = whole(ids.len())?;
    let mut found = device.alloc_zeros::<u32>(2)?;
    let kernel = device.get_or_load_custom_func(KERNEL, KERNEL, ptx()?)?;
    let threads = dimension.next_multiple_of(32).clamp(32, 256);
    let blocks = LaunchConfig { grid_dim: (bags, 1, 1), block_dim: (threads, 1, 1), shared_mem_bytes: 0 };
    let mut call = kernel.builder();
    call.arg(table).arg(&rows).arg(&dimension).arg(ids).arg(&id_count).arg(bounds);
    call.arg(means).arg(&mut found);
    // SAFETY: these are the arguments of the kernel, in its order; the tensors are as long as the sizes say, and `means` has
    // a line a bag.
    unsafe { call.launch(blocks) }.w()?;
    device.clone_dtoh(&found)
}

/// A size as the kernel takes it.
fn whole(size: usize) -> Result<u32> {
    u32::try_from(size).map_err(Error::wrap)
}

/// The kernel, compiled for any device.
fn ptx() -> Result<&'static str> {
    static PTX: OnceLock<String> = OnceLock::new();
    if let Some(ptx) = PTX.get() {
        return Ok(ptx.as_str());
    }
    let compiled = compile_ptx(SOURCE).w()?.to_src();
    Ok(PTX.get_or_init(|| compiled).as_str())
}
