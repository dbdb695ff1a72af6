//! Size and SHA-256 of files, taken of the bytes as they are read.

use std::io::Read;
use std::panic::resume_unwind;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Size and digest of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileDigest {
    /// SHA-256 in hexadecimal.
    pub sha256: String,
    /// Size in bytes.
    pub bytes: u64,
}

/// Size and digest of bytes.
pub fn digest(bytes: &[u8]) -> FileDigest {
    FileDigest { sha256: hex::encode(Sha256::digest(bytes)), bytes: bytes.len() as u64 }
}

/// A reader whose digest is known at its end.
pub struct Hashed<R> {
    inner: R,
    hash: Hash,
    bytes: u64,
}

/// Where the digest is taken.
enum Hash {
    /// Where the bytes are read.
    Here(Sha256),
    /// On a thread of its own: what is read is made into something else meanwhile.
    Aside(SyncSender<Vec<u8>>, JoinHandle<Sha256>),
}

/// Pieces that may wait for the thread.
const WAITING: usize = 16;

impl<R> Hashed<R> {
    /// A reader of which nothing was read yet.
    pub fn new(inner: R) -> Self {
        Self { inner, hash: Hash::Here(Sha256::new()), bytes: 0 }
    }

    /// The same, of much: its digest is taken on a thread of its own, if there is one to have.
    pub fn aside(inner: R) -> Self {
        let (sender, receiver) = sync_channel::<Vec<u8>>(WAITING);
        let take = move || receiver.iter().fold(Sha256::new(), |hash, bytes| hash.chain_update(bytes));
        let thread = std::thread::Builder::new().name("codif-digest".to_owned()).spawn(take);
        let hash = thread.map_or_else(|_| Hash::Here(Sha256::new()), |thread| Hash::Aside(sender, thread));
        Self { inner, hash, bytes: 0 }
    }

    /// Of what was read.
    pub fn digest(self) -> FileDigest {
        let hash = match self.hash {
            Hash::Here(hash) => hash,
            Hash::Aside(sender, thread) => {
                drop(sender);
                thread.join().unwrap_or_else(|panic| resume_unwind(panic))
            }
        };
        FileDigest { sha256: hex::encode(hash.finalize()), bytes: self.bytes }
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.inner.read(buffer)?;
        let read = buffer.get(..length).unwrap_or_default();
        match &mut self.hash {
            Hash::Here(hash) => hash.update(read),
            Hash::Aside(sender, _) => {
                let lost = |_| std::io::Error::other("the thread that takes the digest is gone");
                sender.send(read.to_vec()).map_err(lost)?;
            }
        }
        self.bytes += length as u64;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_the_same_wherever_it_is_taken() {
        let bytes: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
        for mut reader in [Hashed::new(bytes.as_slice()), Hashed::aside(bytes.as_slice())] {
            let mut read = Vec::new();
            reader.read_to_end(&mut read).unwrap();
            assert_eq!((reader.digest(), read.len()), (digest(&bytes), bytes.len()));
        }
        assert_eq!(Hashed::aside(&b""[..]).digest(), digest(b""));
    }
}
