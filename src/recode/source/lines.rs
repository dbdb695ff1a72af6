//! Lines of a bounded length.

use std::io::{self, BufRead, BufReader, Read};

use super::decompression::{self, Bytes};
use super::{BYTE_ORDER_MARK, MOST_ROW_BYTES, Position, SourceError, SourceFile};

/// The lines of a text, read one after the other.
pub(super) struct Lines {
    file: String,
    reader: BufReader<Bytes>,
    at: Position,
}

/// A line that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadLine {
    /// It was appended to the block.
    Whole,
    /// It was skipped.
    TooLong,
}

impl Lines {
    pub(super) fn open(file: &SourceFile, at: Position) -> Result<Self, SourceError> {
        let reader = BufReader::with_capacity(128 << 10, decompression::open(file, at)?);
        Ok(Self { file: file.name.clone(), reader, at })
    }

    /// Where the next line begins.
    pub(super) fn at(&self) -> Position {
        self.at
    }

    /// Appends the next line, with its line break, to `block`; `None` at the end.
    pub(super) fn read(&mut self, block: &mut Vec<u8>) -> Result<Option<ReadLine>, SourceError> {
        self.append(block).map_err(|cause| SourceError::Unreadable { file: self.file.clone(), row: self.at.row, cause })
    }

    fn append(&mut self, block: &mut Vec<u8>) -> io::Result<Option<ReadLine>> {
        let from = block.len();
        let mut length = Read::by_ref(&mut self.reader).take(MOST_ROW_BYTES + 1).read_until(b'\n', block)? as u64;
        if length == 0 {
            return Ok(None);
        }
        let line = if length <= MOST_ROW_BYTES || block.ends_with(b"\n") {
            ReadLine::Whole
        } else {
            block.truncate(from);
            length += self.reader.skip_until(b'\n')? as u64;
            ReadLine::TooLong
        };
        if self.at.byte == 0 && block.get(from..).is_some_and(|line| line.starts_with(BYTE_ORDER_MARK)) {
            block.drain(from..from + BYTE_ORDER_MARK.len());
        }
        self.at = Position { row: self.at.row + 1, byte: self.at.byte + length };
        Ok(Some(line))
    }
}
