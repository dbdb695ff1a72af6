//! `model.safetensors`: the table (f16) and the head (f16 weights, f32 biases), read into f32.
//!
//! The file is read once from its beginning to its end, in small pieces that become numbers at once: nothing is held twice, and
//! there is no mapping under which the file could change.

use std::collections::BTreeMap;
use std::io::Read;

use candle_core::{DType, Device, Tensor};
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use super::error::ModelFault;

/// Name of the file.
pub const FILE: &str = "model.safetensors";
/// Names of its tensors.
const TENSORS: [&str; 4] = ["buckets", "head.bias", "head.weight", "table"];
/// Longest header read, in bytes: ours have a few hundred.
const LONGEST_HEADER: u64 = 1 << 20;
/// Numbers that are read at once.
const CHUNK: usize = 64 << 10;

/// The tensors of a model.
#[derive(Debug)]
pub struct Weights {
    /// The table, row by row.
    pub table: Vec<f32>,
    /// Labels × dimension.
    pub head: Tensor,
    /// Labels.
    pub bias: Tensor,
    /// The buckets that were kept, in the order of their rows.
    pub buckets: Vec<u32>,
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

impl Weights {
    /// Reads a file of so many bytes, whose shapes must be those of `sizes` and whose numbers finite. The table is given room
    /// for `more_rows`. Nothing is allocated that the file's own length does not bear out.
    pub fn read(
        mut file: impl Read,
        length: u64,
        sizes: Sizes,
        more_rows: usize,
        device: &Device,
    ) -> Result<Self, ModelFault> {
        let header = header(&mut file, length)?;
        let Sizes { rows, dimension, labels, kept_buckets } = sizes;
        for (name, shape) in [
            ("table", &[rows, dimension][..]),
            ("head.weight", &[labels, dimension]),
            ("head.bias", &[labels]),
            ("buckets", &[kept_buckets]),
        ] {
            check(&header, name, shape)?;
        }
        if let Some(stranger) = header.tensors().keys().find(|name| !TENSORS.contains(&name.as_str())) {
            return Err(malformed(format!("tensor {stranger:?} is none of a model's")));
        }
        let mut numbers = BTreeMap::new();
        let mut buckets = Vec::new();
        let mut in_order: Vec<(String, &TensorInfo)> = header.tensors().into_iter().collect();
        in_order.sort_by_key(|(_, info)| info.data_offsets);
        for (name, info) in in_order {
            let count = info.shape.iter().product();
            match name.as_str() {
                "buckets" => buckets = whole_numbers(&mut file, info, count)?,
                name => {
                    let room = if name == "table" { more_rows.saturating_mul(dimension) } else { 0 };
                    numbers.insert(name.to_owned(), read_numbers(&mut file, name, info.dtype, count, room)?);
                }
            }
        }
        let mut take = |name: &str| numbers.remove(name).unwrap_or_default();
        let tensor = |values: Vec<f32>, shape: &[usize]| Tensor::from_vec(values, shape, device).map_err(malformed);
        Ok(Self {
            table: take("table"),
            head: tensor(take("head.weight"), &[labels, dimension])?,
            bias: tensor(take("head.bias"), &[labels])?,
            buckets,
        })
    }

    /// The bytes of a file holding these tensors.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ModelFault> {
        let half = |tensor: &Tensor| tensor.to_dtype(DType::F16).map_err(malformed);
        let dimension = self.head.dim(1).map_err(malformed)?;
        let table = self.table.len() / dimension.max(1);
        let table = Tensor::from_slice(&self.table, (table, dimension), &Device::Cpu).map_err(malformed)?;
        let kept = Tensor::from_slice(&self.buckets, self.buckets.len(), &Device::Cpu).map_err(malformed)?;
        let tensors = [
            ("buckets", kept),
            ("head.bias", self.bias.clone()),
            ("head.weight", half(&self.head)?),
            ("table", half(&table)?),
        ];
        safetensors::serialize(tensors, None).map_err(malformed)
    }
}

fn malformed(reason: impl std::fmt::Display) -> ModelFault {
    ModelFault::malformed("set of weights", reason)
}

/// The header, which must describe the rest of the file byte for byte.
fn header(file: &mut impl Read, length: u64) -> Result<Metadata, ModelFault> {
    let malformed = |reason: String| ModelFault::malformed("safetensors file", reason);
    let mut announced = [0; 8];
    file.read_exact(&mut announced)?;
    let announced = u64::from_le_bytes(announced);
    if announced > LONGEST_HEADER || announced > length.saturating_sub(8) {
        let reason =
            format!("its header claims {announced} bytes, of a file of {length}; at most {LONGEST_HEADER} are read");
        return Err(malformed(reason));
    }
    let mut bytes = Vec::new();
    file.by_ref().take(announced).read_to_end(&mut bytes)?;
    let header: Metadata = serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
    let end = header.tensors().values().map(|info| info.data_offsets.1 as u64).max().unwrap_or(0);
    match end.checked_add(8 + announced) {
        Some(end) if end == length => Ok(header),
        _ => Err(malformed(format!("its header describes {end} bytes of numbers, of a file of {length}"))),
    }
}

fn check(header: &Metadata, name: &str, shape: &[usize]) -> Result<(), ModelFault> {
    let info = header.info(name).ok_or_else(|| malformed(format!("tensor {name:?} is missing")))?;
    if info.shape == shape {
        return Ok(());
    }
    Err(malformed(format!("tensor {name:?} has shape {:?}, the manifest says {shape:?}", info.shape)))
}

/// The next numbers of the file as f32, each finite.
fn read_numbers(
    file: &mut impl Read,
    name: &str,
    dtype: Dtype,
    count: usize,
    room: usize,
) -> Result<Vec<f32>, ModelFault> {
    let width = match dtype {
        Dtype::F16 | Dtype::BF16 => 2,
        Dtype::F32 => 4,
        other => return Err(malformed(format!("tensor {name:?} holds {other:?}, which codif does not read"))),
    };
    let mut values = Vec::new();
    values
        .try_reserve_exact(count.saturating_add(room))
        .map_err(|error| malformed(format!("tensor {name:?}: {error}")))?;
    let mut bytes = vec![0; width * CHUNK.min(count)];
    while values.len() < count {
        let start = values.len();
        let some = CHUNK.min(count - start);
        let bytes = bytes.get_mut(..width * some).unwrap_or_default();
        file.read_exact(bytes)?;
        values.resize(start + some, 0f32);
        let values = values.get_mut(start..).unwrap_or_default();
        widen(bytes, dtype, values);
        if !values.iter().fold(true, |finite, value| finite & value.is_finite()) {
            return Err(malformed(format!("tensor {name:?} holds a number that is not finite")));
        }
    }
    Ok(values)
}

/// Little-endian numbers as f32.
fn widen(bytes: &[u8], dtype: Dtype, values: &mut [f32]) {
    let pairs = bytes.as_chunks::<2>().0;
    match dtype {
        Dtype::F16 => {
            let halves: Vec<f16> = pairs.iter().map(|pair| f16::from_le_bytes(*pair)).collect();
            halves.convert_to_f32_slice(values);
        }
        Dtype::BF16 => {
            values.iter_mut().zip(pairs).for_each(|(value, pair)| *value = bf16::from_le_bytes(*pair).to_f32());
        }
        _ => {
            let words = bytes.as_chunks::<4>().0;
            values.iter_mut().zip(words).for_each(|(value, word)| *value = f32::from_le_bytes(*word));
        }
    }
}

fn whole_numbers(file: &mut impl Read, info: &TensorInfo, count: usize) -> Result<Vec<u32>, ModelFault> {
    if info.dtype != Dtype::U32 {
        return Err(malformed("tensor \"buckets\" is not the list of kept buckets that the manifest announces"));
    }
    let mut bytes = Vec::new();
    file.by_ref().take(4 * count as u64).read_to_end(&mut bytes)?;
    Ok(bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect())
}
