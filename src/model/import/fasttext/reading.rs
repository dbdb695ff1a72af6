//! The numbers of a file, one after the other, and what is left of it.

use std::io::{BufRead, BufReader, ErrorKind, Read, Seek};
use std::ops::Range;

use super::malformed;
use crate::model::error::ModelFault;

/// Longest word or label, in bytes.
const LONGEST_WORD: u64 = 64 << 10;

/// A file that is read from its beginning to its end.
pub struct Reading<R> {
    file: BufReader<R>,
    length: u64,
    place: u64,
}

impl<R: Read + Seek> Reading<R> {
    pub fn new(file: BufReader<R>, length: u64) -> Self {
        Self { file, length, place: 0 }
    }

    /// Bytes that are left.
    pub fn left(&self) -> u64 {
        self.length.saturating_sub(self.place)
    }

    fn bytes<const N: usize>(&mut self, what: &str) -> Result<[u8; N], ModelFault> {
        let mut bytes = [0; N];
        self.file.read_exact(&mut bytes).map_err(|error| ends_in(what, error))?;
        self.place += N as u64;
        Ok(bytes)
    }

    pub fn int(&mut self, what: &str) -> Result<i32, ModelFault> {
        self.bytes(what).map(i32::from_le_bytes)
    }

    pub fn long(&mut self, what: &str) -> Result<i64, ModelFault> {
        self.bytes(what).map(i64::from_le_bytes)
    }

    /// A number that is a count: not negative, at most `most`.
    pub fn count(&mut self, what: &str, most: usize) -> Result<usize, ModelFault> {
        let count = self.int(what)?;
        within(what, count.into(), most)
    }

    pub fn byte(&mut self, what: &str) -> Result<u8, ModelFault> {
        self.bytes::<1>(what).map(u8::from_le_bytes)
    }

    pub fn flag(&mut self, what: &str) -> Result<bool, ModelFault> {
        match self.byte(what)? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(malformed(format!("the flag of {what} is {other}, it must be 0 or 1"))),
        }
    }

    /// A text that ends with a zero.
    pub fn text(&mut self, what: &str) -> Result<Vec<u8>, ModelFault> {
        let mut text = Vec::new();
        let read = self.file.by_ref().take(LONGEST_WORD + 1).read_until(0, &mut text)?;
        self.place += read as u64;
        match text.pop() {
            Some(0) => Ok(text),
            _ if read as u64 > LONGEST_WORD => Err(malformed(format!("{what} is longer than {LONGEST_WORD} bytes"))),
            _ => Err(malformed(format!("it ends in the middle of {what}"))),
        }
    }

    /// Passes over so many numbers of `size` bytes, and says where they lie. They must all be there.
    pub fn pass(&mut self, what: &str, count: usize, size: usize) -> Result<Range<u64>, ModelFault> {
        let bytes = (count as u64).checked_mul(size as u64).filter(|bytes| *bytes <= self.left());
        let Some(bytes) = bytes else {
            let left = self.left();
            return Err(malformed(format!(
                "{what} should have {count} numbers of {size} bytes, {left} bytes are left"
            )));
        };
        let start = self.place;
        self.file.seek_relative(bytes as i64)?;
        self.place += bytes;
        Ok(start..self.place)
    }
}

fn within(what: &str, count: i64, most: usize) -> Result<usize, ModelFault> {
    let fits = usize::try_from(count).ok().filter(|count| *count <= most);
    fits.ok_or_else(|| malformed(format!("{what} is {count}, it must be from 0 to {most}")))
}

fn ends_in(what: &str, error: std::io::Error) -> ModelFault {
    match error.kind() {
        ErrorKind::UnexpectedEof => malformed(format!("it ends in the middle of {what}")),
        _ => error.into(),
    }
}
