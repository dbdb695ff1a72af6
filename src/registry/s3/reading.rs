//! A file that is uploaded, read part by part, so that only the parts under way are in memory, and hashed as a whole,
//! so that what was sent is known to be what was meant.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use md5::Md5;
use sha2::{Digest, Sha256};

use crate::model::digest::FileDigest;
use crate::registry::error::RegistryError;

/// A part of a file.
pub(super) struct Part {
    /// Its bytes.
    pub(super) bytes: Bytes,
    /// Their MD5 in hexadecimal, which is what most servers take for the ETag of a part.
    pub(super) md5: String,
}

/// Reads a file part by part.
pub(super) struct Reader {
    path: PathBuf,
    file: File,
    hash: Sha256,
}

impl Reader {
    /// Opens the file at an offset. What is before it is not hashed.
    pub(super) async fn open(path: &Path, offset: u64) -> Result<Self, RegistryError> {
        let path = path.to_owned();
        elsewhere(move || {
            let file = open_at(&path, offset).map_err(RegistryError::of_file(&path))?;
            Ok(Self { path, file, hash: Sha256::new() })
        })
        .await
    }

    /// The next part, of this size.
    pub(super) async fn part(mut self, size: u64) -> Result<(Self, Part), RegistryError> {
        elsewhere(move || {
            let bytes = self.read(size).map_err(RegistryError::of_file(&self.path))?;
            if bytes.len() as u64 != size {
                return Err(self.changed());
            }
            self.hash.update(&bytes);
            let md5 = hex::encode(Md5::digest(&bytes));
            Ok((self, Part { bytes: bytes.into(), md5 }))
        })
        .await
    }

    fn read(&mut self, size: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(usize::try_from(size).map_err(io::Error::other)?);
        self.file.by_ref().take(size).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Sees that the parts read were those of the file that has this digest.
    pub(super) fn check(&self, digest: &FileDigest) -> Result<(), RegistryError> {
        let sha256 = hex::encode(self.hash.clone().finalize());
        if sha256 == digest.sha256 { Ok(()) } else { Err(self.changed()) }
    }

    fn changed(&self) -> RegistryError {
        RegistryError::Refused(format!("{} changed while it was uploaded", self.path.display()))
    }
}

fn open_at(path: &Path, offset: u64) -> io::Result<File> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    Ok(file)
}

/// Runs what reads and hashes on a thread that may wait.
async fn elsewhere<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RegistryError> + Send + 'static,
) -> Result<T, RegistryError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(RegistryError::Refused(format!("reading was broken off: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[tokio::test]
    async fn a_file_is_read_part_by_part_and_known_as_a_whole() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"abcdefg").unwrap();
        let reader = Reader::open(file.path(), 0).await.unwrap();
        let (reader, first) = reader.part(4).await.unwrap();
        let (reader, second) = reader.part(3).await.unwrap();
        assert_eq!((first.bytes.as_ref(), second.bytes.as_ref()), (&b"abcd"[..], &b"efg"[..]));
        assert_eq!(first.md5, "e2fc714c4727ee9395f324cd2e7f331f");
        let sha256 = hex::encode(Sha256::digest(b"abcdefg"));
        reader.check(&FileDigest { sha256, bytes: 7 }).unwrap();
    }

    #[tokio::test]
    async fn a_file_that_is_another_one_is_refused() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"abcdefg").unwrap();
        let error = Reader::open(file.path(), 5).await.unwrap().part(3).await.err().unwrap();
        assert!(error.to_string().ends_with("changed while it was uploaded"), "{error}");
        let (reader, _) = Reader::open(file.path(), 0).await.unwrap().part(7).await.unwrap();
        let error = reader.check(&FileDigest { sha256: "0".repeat(64), bytes: 7 }).unwrap_err();
        assert!(matches!(error, RegistryError::Refused(_)), "{error}");
    }
}
