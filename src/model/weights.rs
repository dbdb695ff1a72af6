//! `model.safetensors`: the table (f16) and the head (f16 weights, f32 biases), read into f32 candle tensors.

use candle_core::{DType, Device, Tensor};
use safetensors::SafeTensors;

use super::error::ModelFault;

/// Name of the file.
pub const FILE: &str = "model.safetensors";

/// The tensors of a model.
#[derive(Debug)]
pub struct Weights {
    /// Rows × dimension.
    pub table: Tensor,
    /// Labels × dimension.
    pub head: Tensor,
    /// Labels.
    pub bias: Tensor,
    /// The buckets that were kept, in the order of their rows.
    pub buckets: Vec<u32>,
}

impl Weights {
    /// Reads the bytes of a file and checks shapes against `rows`, `dimension`, `labels` and `kept_buckets`,
    /// and that every number is finite.
    pub fn read(bytes: &[u8], sizes: Sizes, device: &Device) -> Result<Self, ModelFault> {
        let file = SafeTensors::deserialize(bytes).map_err(|error| ModelFault::malformed("safetensors file", error))?;
        let tensor = |name: &str, shape: &[usize]| tensor(&file, name, shape, device);
        Ok(Self {
            table: tensor("table", &[sizes.rows, sizes.dimension])?,
            head: tensor("head.weight", &[sizes.labels, sizes.dimension])?,
            bias: tensor("head.bias", &[sizes.labels])?,
            buckets: buckets(&file, sizes.kept_buckets)?,
        })
    }

    /// The bytes of a file holding these tensors.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ModelFault> {
        let weights = |error| ModelFault::malformed("set of weights", error);
        let half = |tensor: &Tensor| tensor.to_dtype(DType::F16).map_err(weights);
        let kept = Tensor::from_slice(&self.buckets, self.buckets.len(), &Device::Cpu).map_err(weights)?;
        let tensors = [
            ("buckets", kept),
            ("head.bias", self.bias.clone()),
            ("head.weight", half(&self.head)?),
            ("table", half(&self.table)?),
        ];
        safetensors::serialize(tensors, None).map_err(|error| ModelFault::malformed("set of weights", error))
    }
}

/// The sizes a manifest announces.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Rows of the table.
    pub rows: usize,
    /// Numbers in a row.
    pub dimension: usize,
    /// Labels.
    pub labels: usize,
    /// Buckets kept.
    pub kept_buckets: usize,
}

fn tensor(file: &SafeTensors<'_>, name: &str, shape: &[usize], device: &Device) -> Result<Tensor, ModelFault> {
    let malformed = |reason: String| ModelFault::malformed("set of weights", reason);
    let view = file.tensor(name).map_err(|_| malformed(format!("tensor {name:?} is missing")))?;
    if view.shape() != shape {
        return Err(malformed(format!("tensor {name:?} has shape {:?}, the manifest says {shape:?}", view.shape())));
    }
    let broken = |error: candle_core::Error| malformed(format!("tensor {name:?}: {error}"));
    let dtype = DType::try_from(view.dtype()).map_err(|error| malformed(format!("tensor {name:?}: {error}")))?;
    let tensor = Tensor::from_raw_buffer(view.data(), dtype, shape, device).map_err(broken)?;
    let tensor = tensor.to_dtype(DType::F32).map_err(broken)?;
    let sum: f32 = tensor.abs().and_then(|t| t.sum_all()).and_then(|t| t.to_scalar()).map_err(broken)?;
    if !sum.is_finite() {
        return Err(malformed(format!("tensor {name:?} holds a number that is not finite")));
    }
    Ok(tensor)
}

fn buckets(file: &SafeTensors<'_>, kept: usize) -> Result<Vec<u32>, ModelFault> {
    let malformed = |reason: &str| ModelFault::malformed("set of weights", reason);
    let view = file.tensor("buckets").map_err(|_| malformed("tensor \"buckets\" is missing"))?;
    if view.dtype() != safetensors::Dtype::U32 || view.shape() != [kept] {
        return Err(malformed("tensor \"buckets\" is not the list of kept buckets that the manifest announces"));
    }
    let words = view.data().as_chunks::<4>().0;
    Ok(words.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect())
}
