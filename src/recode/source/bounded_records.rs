//! What stands between a file and the csv crate: a bound on the length of a record, and a look at how the last one
//! ends.

use std::io::{self, Read};

use super::MOST_ROW_BYTES;

/// How many bytes the csv crate asks for at once.
pub(super) const BUFFER: usize = 128 << 10;

/// What a record may take before the reading stops: more than a record may have, because the csv crate reads ahead. So
/// whether a record is too long never depends on where the reading began.
const MOST_BYTES: u64 = MOST_ROW_BYTES + 2 * BUFFER as u64;

/// The bytes of a file, with a line break added at their end. A record that is still open after it is in a quote that
/// nobody closed: the csv crate would take all the rest of the file for its text without a word.
pub(super) struct BoundedRecords<R> {
    bytes: R,
    handed_on: u64,
    in_record: u64,
    ending: Ending,
}

#[derive(PartialEq, Eq)]
enum Ending {
    Ahead,
    LineBreak,
    Past,
}

impl<R> BoundedRecords<R> {
    pub(super) fn new(bytes: R) -> Self {
        Self { bytes, handed_on: 0, in_record: 0, ending: Ending::Ahead }
    }

    /// Bytes of the file that were handed on.
    pub(super) fn handed_on(&self) -> u64 {
        self.handed_on
    }

    /// A record is read: the next one may be as long.
    pub(super) fn end_record(&mut self) {
        self.in_record = 0;
    }

    /// Whether the record that is read has become too long.
    pub(super) fn is_too_long(&self) -> bool {
        self.in_record > MOST_BYTES
    }

    /// Whether the line break at the end was not enough to end the last record.
    pub(super) fn is_past_the_end(&self) -> bool {
        self.ending == Ending::Past
    }
}

impl<R: Read> Read for BoundedRecords<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.is_too_long() {
            return Err(io::Error::other("the row is too long"));
        }
        if self.ending != Ending::Ahead {
            self.ending = Ending::Past;
            return Ok(0);
        }
        // One byte at first: the csv crate would take a byte order mark away wherever a reading begins.
        let room = if self.handed_on == 0 { 1 } else { into.len() };
        let read = loop {
            match self.bytes.read(into.get_mut(..room).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        if read == 0 {
            self.ending = Ending::LineBreak;
            if let Some(first) = into.first_mut() {
                *first = b'\n';
            }
            return Ok(1);
        }
        self.handed_on += read as u64;
        self.in_record += read as u64;
        Ok(read)
    }
}
