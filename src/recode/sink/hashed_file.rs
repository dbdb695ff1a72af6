//! A file whose digest is taken of the bytes as they are written.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use sha2::{Digest, Sha256};

use crate::model::digest::FileDigest;

/// A file that is written from its beginning to its end.
pub struct HashedFile {
    file: File,
    hash: Sha256,
    bytes: u64,
}

impl HashedFile {
    /// An empty file.
    pub fn new(file: File) -> Self {
        Self { file, hash: Sha256::new(), bytes: 0 }
    }
}

impl Write for HashedFile {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let length = self.file.write(buffer)?;
        self.hash.update(buffer.get(..length).unwrap_or_default());
        self.bytes += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Brings the file to the disk, and tells what it is.
pub fn closed(file: &mut BufWriter<HashedFile>) -> io::Result<FileDigest> {
    file.flush()?;
    let HashedFile { file, hash, bytes } = file.get_ref();
    file.sync_all()?;
    Ok(FileDigest { sha256: hex::encode(hash.clone().finalize()), bytes: *bytes })
}
