//! A safetensors file written in one pass, out of pieces of other files and of numbers in memory.

use std::fs::File;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

/// The tensors of a file to write, in their order.
#[derive(Default)]
pub struct TensorFile {
    tensors: Vec<(String, &'static str, Vec<usize>, Bytes)>,
}

enum Bytes {
    /// A piece of another file.
    Of(PathBuf, Range<u64>),
    Here(Vec<u8>),
}

impl TensorFile {
    /// Adds a tensor whose little-endian numbers are a piece of another file.
    pub fn piece(mut self, name: &str, dtype: &'static str, shape: &[usize], file: &Path, range: &Range<u64>) -> Self {
        self.tensors.push((name.to_owned(), dtype, shape.to_vec(), Bytes::Of(file.to_owned(), range.clone())));
        self
    }

    /// Adds a tensor of f32.
    pub fn numbers(mut self, name: &str, shape: &[usize], values: &[f32]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensors.push((name.to_owned(), "F32", shape.to_vec(), Bytes::Here(bytes)));
        self
    }

    /// Adds a tensor of u32.
    pub fn whole_numbers(mut self, name: &str, values: &[u32]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensors.push((name.to_owned(), "U32", vec![values.len()], Bytes::Here(bytes)));
        self
    }

    /// The bytes of the file.
    pub fn reader(self) -> std::io::Result<Box<dyn Read>> {
        let mut header = Map::new();
        let mut end = 0;
        for (name, dtype, shape, bytes) in &self.tensors {
            let start = end;
            end += bytes.count();
            header.insert(name.clone(), json!({"dtype": dtype, "shape": shape, "data_offsets": [start, end]}));
        }
        let mut header = Value::from(header).to_string().into_bytes();
        // The numbers begin at a multiple of eight.
        header.resize(header.len().next_multiple_of(8), b' ');
        let mut reader: Box<dyn Read> =
            Box::new(Cursor::new((header.len() as u64).to_le_bytes()).chain(Cursor::new(header)));
        for (_, _, _, bytes) in self.tensors {
            reader = Box::new(reader.chain(bytes.reader()?));
        }
        Ok(reader)
    }
}

impl Bytes {
    fn count(&self) -> u64 {
        match self {
            Self::Of(_, range) => range.end - range.start,
            Self::Here(bytes) => bytes.len() as u64,
        }
    }

    fn reader(self) -> std::io::Result<Box<dyn Read>> {
        let (path, range) = match self {
            Self::Here(bytes) => return Ok(Box::new(Cursor::new(bytes))),
            Self::Of(path, range) => (path, range),
        };
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(range.start))?;
        Ok(Box::new(file.take(range.end - range.start)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_and_numbers_come_one_after_the_other() {
        let other = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(other.path(), [9, 0, 0, 128, 63, 0, 0, 0, 64, 9]).unwrap();
        let file = TensorFile::default()
            .piece("one", "F32", &[2, 1], other.path(), &(1..9))
            .numbers("two", &[1], &[3.0])
            .whole_numbers("three", &[7, 8]);
        let mut bytes = Vec::new();
        file.reader().unwrap().read_to_end(&mut bytes).unwrap();
        let read = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(read.tensor("one").unwrap().data(), [0, 0, 128, 63, 0, 0, 0, 64]);
        assert_eq!(read.tensor("two").unwrap().data(), 3f32.to_le_bytes());
        assert_eq!((read.tensor("three").unwrap().shape(), read.names().len()), (&[2][..], 3));
    }
}
