//! Files sent through an MLflow server, read from disk as they go.

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, Method, Response};
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::failure::Failure;
use super::proxy::{ATTEMPTS, Proxy, pause};
use crate::model::digest::FileDigest;
use crate::registry::error::RegistryError;
use crate::registry::object::Sent;

/// Bytes read and sent at once.
const CHUNK: usize = 256 << 10;
/// How long the server may take none of the bytes.
const STALLED: Duration = Duration::from_secs(60);
/// How long it may take once it has them all, to send them on to where it keeps them.
const STORING: Duration = Duration::from_secs(600);
/// What all files are to MLflow.
const BYTES: &str = "application/octet-stream";

impl Proxy {
    /// Sends a file that has this digest. One of this size that is there already is taken for the same: a folder is
    /// only ever filled by pushes of the same version.
    pub async fn upload(
        &self,
        file: &str,
        path: &Path,
        digest: &FileDigest,
        sent: &Sent<'_>,
    ) -> Result<(), RegistryError> {
        if self.files().await?.iter().any(|listed| listed.key == file && listed.bytes == digest.bytes) {
            sent(digest.bytes);
            return Ok(());
        }
        let (mut told, mut failed) = (0, 0);
        loop {
            let before = told;
            let error = match self.send(file, path, digest, &mut told, sent).await {
                Err(error) if error.may_pass() => error,
                finished => return finished,
            };
            failed = if told > before { 1 } else { failed + 1 };
            if failed >= ATTEMPTS {
                return Err(error);
            }
            pause(failed).await;
        }
    }

    /// Writes a small file, in place of one that is there.
    pub async fn put(&self, file: &str, bytes: Vec<u8>) -> Result<(), RegistryError> {
        let request = self.request(Method::PUT, file).header(CONTENT_TYPE, BYTES).body(bytes);
        self.taken(request.timeout(STORING).send().await).await
    }

    /// Sends a file once from its beginning. `told` is how many of its bytes `sent` was told of, in any attempt.
    async fn send(
        &self,
        file: &str,
        path: &Path,
        digest: &FileDigest,
        told: &mut u64,
        sent: &Sent<'_>,
    ) -> Result<(), RegistryError> {
        let (body, mut progress) = contents(path, digest).await?;
        let request = self.request(Method::PUT, file).header(CONTENT_TYPE, BYTES).header(CONTENT_LENGTH, digest.bytes);
        let mut answer = pin!(request.body(body).send());
        let (mut gone, mut reading) = (0_u64, true);
        loop {
            let patience = if gone < digest.bytes { STALLED } else { STORING };
            tokio::select! {
                biased;
                read = progress.recv(), if reading => match read {
                    Some(bytes) => {
                        gone += bytes?;
                        sent(gone.saturating_sub(*told));
                        *told = gone.max(*told);
                    }
                    None => reading = false,
                },
                answer = &mut answer => return self.taken(answer).await,
                () = tokio::time::sleep(patience) => {
                    return Err(self.client.unreachable(format!("it took nothing for {} s", patience.as_secs())));
                }
            }
        }
    }

    async fn taken(&self, answer: reqwest::Result<Response>) -> Result<(), RegistryError> {
        let answer = answer.map_err(|error| self.client.cut(error))?;
        if answer.status().is_success() { Ok(()) } else { Err(Failure::of(&self.client, answer).await.into()) }
    }
}

/// Told how many more bytes were read, or why no more can be.
type Progress = UnboundedReceiver<Result<u64, RegistryError>>;

/// The bytes of a file. If they have another digest, the last of them never come.
async fn contents(path: &Path, digest: &FileDigest) -> Result<(Body, Progress), RegistryError> {
    let file = File::open(path).await.map_err(RegistryError::of_file(path))?;
    let (told, progress) = unbounded_channel();
    let reading = Reading {
        file,
        path: path.to_owned(),
        hash: Sha256::new(),
        left: digest.bytes,
        sha256: digest.sha256.clone(),
        told,
    };
    Ok((Body::wrap_stream(futures_util::stream::try_unfold(reading, Reading::next)), progress))
}

/// A file that is being sent.
struct Reading {
    file: File,
    path: PathBuf,
    hash: Sha256,
    left: u64,
    sha256: String,
    told: UnboundedSender<Result<u64, RegistryError>>,
}

impl Reading {
    async fn next(mut self) -> std::io::Result<Option<(Bytes, Self)>> {
        // Nobody is told any more when the request was given up.
        match self.chunk().await {
            Ok(chunk) if chunk.is_empty() => Ok(None),
            Ok(chunk) => {
                let _ = self.told.send(Ok(chunk.len() as u64));
                Ok(Some((chunk, self)))
            }
            Err(error) => {
                let _ = self.told.send(Err(error));
                Err(std::io::Error::other("the file cannot be read to its end"))
            }
        }
    }

    async fn chunk(&mut self) -> Result<Bytes, RegistryError> {
        let changed = || RegistryError::Refused(format!("{} changed while it was uploaded", self.path.display()));
        if self.left == 0 {
            return Ok(Bytes::new());
        }
        let mut chunk = BytesMut::with_capacity(CHUNK);
        let read = self.file.read_buf(&mut chunk).await.map_err(RegistryError::of_file(&self.path))?;
        self.hash.update(&chunk);
        self.left = self.left.checked_sub(read as u64).filter(|_| read > 0).ok_or_else(changed)?;
        if self.left == 0 && hex::encode(self.hash.clone().finalize()) != self.sha256 {
            return Err(changed());
        }
        Ok(chunk.freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sent(bytes: &[u8], digest: &FileDigest) -> Result<u64, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let (body, mut progress) = contents(file.path(), digest).await.unwrap();
        let drained = http_body_util::BodyExt::collect(body).await.map(|collected| collected.to_bytes());
        let mut total = 0;
        while let Some(read) = progress.recv().await {
            total += read.map_err(|error| error.to_string())?;
        }
        assert_eq!(drained.unwrap(), bytes);
        Ok(total)
    }

    #[tokio::test]
    async fn a_file_that_changed_never_arrives_whole() {
        let bytes: Vec<u8> = (0..u8::MAX).cycle().take(CHUNK * 2 + 1).collect();
        let digest =
            |bytes: &[u8]| FileDigest { sha256: hex::encode(Sha256::digest(bytes)), bytes: bytes.len() as u64 };
        assert_eq!(sent(&bytes, &digest(&bytes)).await, Ok(bytes.len() as u64));
        assert_eq!(sent(b"", &digest(b"")).await, Ok(0));
        for other in [b"other".repeat(CHUNK / 5), bytes.repeat(2), bytes.iter().rev().copied().collect()] {
            assert!(sent(&other, &digest(&bytes)).await.unwrap_err().ends_with("changed while it was uploaded"));
        }
    }
}
