//! `model.safetensors`: the table and the head (f16, bf16 or f32, read into f32; or quantised, and left so) with its biases.
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
use crate::coding::quantiser::{CENTROIDS, QuantisedRows, QuantiserSettings};
use crate::process::take_large_pages;

/// Name of the file.
pub const FILE: &str = "model.safetensors";
/// Longest header read, in bytes: ours have a few hundred.
const LONGEST_HEADER: u64 = 1 << 20;
/// Numbers that are read at once.
const CHUNK: usize = 64 << 10;

/// The tensors of a model.
#[derive(Debug)]
pub struct Weights {
    /// The table, row by row.
    pub table: Matrix,
    /// The head, label by label.
    pub head: Matrix,
    /// Labels.
    pub bias: Vec<f32>,
    /// The buckets that were kept, in the order of their rows; none when all of them are.
    pub buckets: Option<Vec<u32>>,
}

/// Rows of numbers.
#[derive(Debug)]
pub enum Matrix {
    /// As they are.
    Dense(Vec<f32>),
    /// Quantised.
    Quantised(QuantisedRows),
}

impl Matrix {
    /// The bytes of its codes, when it is quantised.
    pub fn quantised_bytes(&self) -> Option<usize> {
        match self {
            Self::Dense(_) => None,
            Self::Quantised(rows) => Some(rows.code_bytes()),
        }
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
    /// Buckets kept, and whether these are all: they need not be listed then.
    pub kept_buckets: (usize, bool),
    /// How the table is quantised, if it is.
    pub quantiser: Option<QuantiserSettings>,
    /// How the head is quantised, if it is.
    pub head_quantiser: Option<QuantiserSettings>,
}

impl Sizes {
    /// The name and the shape of each tensor that there must be.
    fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let Self { rows, dimension, labels, kept_buckets, .. } = *self;
        let mut tensors = Self::matrix("table", "table", (rows, dimension), self.quantiser);
        tensors.extend(Self::matrix("head", "head.weight", (labels, dimension), self.head_quantiser));
        tensors.push(("head.bias".to_owned(), vec![labels]));
        if let (kept, false) = kept_buckets {
            tensors.push(("buckets".to_owned(), vec![kept]));
        }
        tensors
    }

    fn matrix(
        name: &str,
        dense: &str,
        (rows, dimension): (usize, usize),
        quantiser: Option<QuantiserSettings>,
    ) -> Vec<(String, Vec<usize>)> {
        let Some(quantiser) = quantiser else { return vec![(dense.to_owned(), vec![rows, dimension])] };
        let pieces = dimension.div_ceil(quantiser.width.max(1));
        let mut tensors = vec![
            (format!("{name}.codes"), vec![rows, pieces]),
            (format!("{name}.centroids"), vec![dimension * CENTROIDS]),
        ];
        if quantiser.norms {
            tensors.push((format!("{name}.norm_codes"), vec![rows]));
            tensors.push((format!("{name}.norms"), vec![CENTROIDS]));
        }
        tensors
    }
}

impl Weights {
    /// Reads a file of so many bytes, whose shapes must be those of `sizes` and whose numbers finite. The table is given room
    /// for `more_rows`. Nothing is allocated that the file's own length does not bear out.
    pub fn read(mut file: impl Read, length: u64, sizes: Sizes, more_rows: usize) -> Result<Self, ModelFault> {
        let header = header(&mut file, length)?;
        let expected = sizes.tensors();
        expected.iter().try_for_each(|(name, shape)| check(&header, name, shape))?;
        let lists_all = header.info("buckets").filter(|_| sizes.kept_buckets.1);
        lists_all.map_or(Ok(()), |_| check(&header, "buckets", &[sizes.kept_buckets.0]))?;
        let is_known =
            |name: &str| name == "buckets" && lists_all.is_some() || expected.iter().any(|(known, _)| known == name);
        if let Some(stranger) = header.tensors().keys().find(|name| !is_known(name)) {
            return Err(malformed(format!("tensor {stranger:?} is none of a model's")));
        }
        let mut read = Tensors::default();
        let mut in_order: Vec<(String, &TensorInfo)> = header.tensors().into_iter().collect();
        in_order.sort_by_key(|(_, info)| info.data_offsets);
        for (name, info) in in_order {
            let count = info.shape.iter().product();
            if name == "buckets" {
                read.buckets = Some(whole_numbers(&mut file, info, count)?);
            } else if name.ends_with("codes") {
                read.codes.insert(name.clone(), codes(&mut file, &name, info, count)?);
            } else {
                let room = if name == "table" { more_rows.saturating_mul(sizes.dimension) } else { 0 };
                read.numbers.insert(name.clone(), read_numbers(&mut file, &name, info.dtype, count, room)?);
            }
        }
        Ok(Self {
            table: read.matrix("table", "table", sizes.dimension, sizes.quantiser)?,
            head: read.matrix("head", "head.weight", sizes.dimension, sizes.head_quantiser)?,
            bias: read.numbers.remove("head.bias").unwrap_or_default(),
            buckets: read.buckets,
        })
    }

    /// The bytes of a file holding these tensors, of rows of `dimension` numbers; none is quantised.
    pub fn to_bytes(&self, dimension: usize) -> Result<Vec<u8>, ModelFault> {
        let half = |matrix: &Matrix| {
            let Matrix::Dense(values) = matrix else { return Err(malformed("what is quantised is not written anew")) };
            let shape = (values.len() / dimension.max(1), dimension);
            let tensor = Tensor::from_slice(values, shape, &Device::Cpu).and_then(|tensor| tensor.to_dtype(DType::F16));
            tensor.map_err(malformed)
        };
        let kept = self.buckets.as_deref().unwrap_or_default();
        let kept = Tensor::from_slice(kept, kept.len(), &Device::Cpu).map_err(malformed)?;
        let bias = Tensor::from_slice(&self.bias, self.bias.len(), &Device::Cpu).map_err(malformed)?;
        let tensors =
            [("buckets", kept), ("head.bias", bias), ("head.weight", half(&self.head)?), ("table", half(&self.table)?)];
        safetensors::serialize(tensors, None).map_err(malformed)
    }
}

/// What was read, by the names in the file.
#[derive(Default)]
struct Tensors {
    numbers: BTreeMap<String, Vec<f32>>,
    codes: BTreeMap<String, Vec<u8>>,
    buckets: Option<Vec<u32>>,
}

impl Tensors {
    fn matrix(
        &mut self,
        name: &str,
        dense: &str,
        dimension: usize,
        quantiser: Option<QuantiserSettings>,
    ) -> Result<Matrix, ModelFault> {
        let Some(quantiser) = quantiser else {
            return Ok(Matrix::Dense(self.numbers.remove(dense).unwrap_or_default()));
        };
        let centroids = self.numbers.remove(&format!("{name}.centroids")).unwrap_or_default();
        let codes = self.codes.remove(&format!("{name}.codes")).unwrap_or_default();
        let norms = self.codes.remove(&format!("{name}.norm_codes"));
        let norms = norms.zip(self.numbers.remove(&format!("{name}.norms")));
        let rows = QuantisedRows::new(dimension, quantiser.width, codes, centroids, norms);
        rows.map(Matrix::Quantised)
            .ok_or_else(|| malformed(format!("the sizes of {name:?} do not agree with each other")))
    }
}

fn malformed(reason: impl std::fmt::Display) -> ModelFault {
    ModelFault::malformed("set of weights", reason)
}

/// The header, which must describe the rest of the file byte for byte.
pub(super) fn header(file: &mut impl Read, length: u64) -> Result<Metadata, ModelFault> {
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
pub(super) fn read_numbers(
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
    take_large_pages(&mut values);
    let mut bytes = vec![0; width * CHUNK.min(count)];
    while values.len() < count {
        let start = values.len();
        let some = CHUNK.min(count - start);
        values.resize(start + some, 0f32);
        let values = values.get_mut(start..).unwrap_or_default();
        if dtype == Dtype::F32 {
            // They are what they are to become, on any machine whose numbers begin with their lowest byte.
            file.read_exact(bytemuck::cast_slice_mut(values))?;
            values.iter_mut().for_each(|value| *value = f32::from_bits(u32::from_le(value.to_bits())));
        } else {
            let bytes = bytes.get_mut(..width * some).unwrap_or_default();
            file.read_exact(bytes)?;
            widen(bytes, dtype, values);
        }
        if !values.iter().fold(true, |finite, value| finite & value.is_finite()) {
            return Err(malformed(format!("tensor {name:?} holds a number that is not finite")));
        }
    }
    Ok(values)
}

/// Little-endian f16 or bf16 as f32.
fn widen(bytes: &[u8], dtype: Dtype, values: &mut [f32]) {
    let pairs = bytes.as_chunks::<2>().0;
    match dtype {
        Dtype::F16 => {
            let halves: Vec<f16> = pairs.iter().map(|pair| f16::from_le_bytes(*pair)).collect();
            halves.convert_to_f32_slice(values);
        }
        _ => values.iter_mut().zip(pairs).for_each(|(value, pair)| *value = bf16::from_le_bytes(*pair).to_f32()),
    }
}

fn codes(file: &mut impl Read, name: &str, info: &TensorInfo, count: usize) -> Result<Vec<u8>, ModelFault> {
    if info.dtype != Dtype::U8 {
        return Err(malformed(format!("tensor {name:?} holds {:?}, codes are U8", info.dtype)));
    }
    let mut bytes = Vec::new();
    file.by_ref().take(count as u64).read_to_end(&mut bytes)?;
    if bytes.len() == count { Ok(bytes) } else { Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()) }
}

fn whole_numbers(file: &mut impl Read, info: &TensorInfo, count: usize) -> Result<Vec<u32>, ModelFault> {
    if info.dtype != Dtype::U32 {
        return Err(malformed("tensor \"buckets\" is not the list of kept buckets that the manifest announces"));
    }
    let mut bytes = Vec::new();
    file.by_ref().take(4 * count as u64).read_to_end(&mut bytes)?;
    if bytes.len() != 4 * count {
        return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
    }
    Ok(bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect())
}
