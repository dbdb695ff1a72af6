//! The bytes of a text file, decompressed as they are read.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use flate2::bufread::MultiGzDecoder;

use super::{Position, SourceError, SourceFile};
use crate::recode::format::Compression;

/// Decompressed bytes.
pub(super) type Bytes = Box<dyn Read + Send>;

/// How many bytes of a text file were taken so far, as they lie on the disk.
#[derive(Clone, Debug, Default)]
pub struct Taken(Arc<AtomicU64>);

impl Taken {
    /// So many.
    pub fn bytes(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A file that counts what is taken of it.
struct Counted {
    file: File,
    taken: Taken,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(into)?;
        self.taken.0.fetch_add(read as u64, Relaxed);
        Ok(read)
    }
}

/// How many compressed bytes are read at once.
const BUFFER: usize = 128 << 10;

/// Opens a file at a byte of its text. A compressed file has to be read up to there, which still is far quicker than
/// what is done with its rows.
pub(super) fn open(file: &SourceFile, at: Position) -> Result<Bytes, SourceError> {
    let unopened = |cause| SourceError::Unopened { file: file.name.clone(), cause };
    let shorter = || SourceError::Shorter { file: file.name.clone(), row: at.row };
    let mut opened = File::open(&file.path).map_err(unopened)?;
    let metadata = opened.metadata().map_err(unopened)?;
    if !metadata.is_file() {
        let reason = "it is no regular file, and a run that goes on could not read it again".to_owned();
        return Err(SourceError::Whole { file: file.name.clone(), reason });
    }
    let counted = |opened| Counted { file: opened, taken: file.taken.clone() };
    file.taken.0.store(0, Relaxed);
    let mut bytes: Bytes = match file.compression {
        Compression::None => {
            if metadata.len() < at.byte {
                return Err(shorter());
            }
            opened.seek(SeekFrom::Start(at.byte)).map_err(unopened)?;
            file.taken.0.store(at.byte, Relaxed);
            return Ok(Box::new(counted(opened)));
        }
        Compression::Gzip => {
            let stream = MultiGzDecoder::new(BufReader::with_capacity(BUFFER, counted(opened)));
            Box::new(Decompressed { stream, compression: "gzip" })
        }
        Compression::Zstd => {
            let stream = zstd::stream::read::Decoder::with_buffer(BufReader::with_capacity(BUFFER, counted(opened)));
            Box::new(Decompressed { stream: stream.map_err(unopened)?, compression: "zstd" })
        }
    };
    let dropped = io::copy(&mut bytes.by_ref().take(at.byte), &mut io::sink());
    match dropped {
        Ok(dropped) if dropped < at.byte => Err(shorter()),
        Ok(_) => Ok(bytes),
        Err(cause) => Err(SourceError::Unreadable { file: file.name.clone(), row: 0, cause }),
    }
}

/// A decompression whose errors say what they mean for the file.
struct Decompressed<R> {
    stream: R,
    compression: &'static str,
}

impl<R: Read> Read for Decompressed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.stream.read(into).map_err(|error| explained(error, self.compression))
    }
}

/// An error of the disk stays as it is; one of the decompression says whether the file was cut off or is damaged.
fn explained(error: io::Error, compression: &str) -> io::Error {
    let of_the_disk = error.raw_os_error().is_some() || error.kind() == io::ErrorKind::Interrupted;
    match error.kind() {
        _ if of_the_disk => error,
        kind @ io::ErrorKind::UnexpectedEof => {
            io::Error::new(kind, format!("its {compression} data ends too early: the file was cut off, bring it again"))
        }
        kind => io::Error::new(kind, format!("its {compression} data is damaged, bring the file again: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{Sample, compressed};
    use super::*;

    fn text(sample: &Sample, byte: u64) -> Result<String, String> {
        let mut text = String::new();
        let mut bytes = open(&sample.file, Position { row: 0, byte }).map_err(|error| error.to_string())?;
        bytes.read_to_string(&mut text).map_err(|error| error.to_string())?;
        Ok(text)
    }

    #[test]
    fn members_and_frames_that_follow_each_other_are_one_text() {
        for ending in [".gz", ".zst"] {
            let bytes = [compressed(ending, b"one "), compressed(ending, b"two")].concat();
            let sample = Sample::new(&format!("rows.csv{ending}"), &bytes);
            assert_eq!(text(&sample, 0).unwrap(), "one two");
            assert_eq!(text(&sample, 5).unwrap(), "wo");
            assert_eq!(text(&sample, 7).unwrap(), "");
        }
    }

    #[test]
    fn a_stream_cut_off_anywhere_is_an_error() {
        for ending in [".gz", ".zst"] {
            let bytes = compressed(ending, b"coiffure, boulangerie, coiffure, boulangerie");
            for length in 0..bytes.len() {
                let sample = Sample::new(&format!("rows.csv{ending}"), bytes.get(..length).unwrap());
                let error = text(&sample, 0).unwrap_err();
                assert!(error.contains("ends too early"), "{ending} cut at {length}: {error}");
            }
        }
    }

    #[test]
    fn a_damaged_stream_is_an_error() {
        for ending in [".gz", ".zst"] {
            let mut bytes = compressed(ending, &b"coiffure, boulangerie".repeat(50));
            bytes.iter_mut().take(8).for_each(|byte| *byte ^= 0x55);
            let sample = Sample::new(&format!("rows.csv{ending}"), &bytes);
            let error = text(&sample, 0).unwrap_err();
            assert!(error.contains("damaged"), "{error}");
        }
    }

    #[test]
    fn what_is_taken_is_counted_as_it_lies_on_the_disk() {
        for ending in ["", ".gz", ".zst"] {
            let bytes = compressed(ending, &b"coiffure, boulangerie\n".repeat(50));
            let sample = Sample::new(&format!("rows.csv{ending}"), &bytes);
            for byte in [0, 22, 0] {
                text(&sample, byte).unwrap();
                assert_eq!(sample.file.taken.bytes(), bytes.len() as u64, "{ending}");
            }
        }
    }
}
