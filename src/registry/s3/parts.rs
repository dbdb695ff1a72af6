//! A large file sent in parts, several at once, and put together by the server at the end.

use std::path::Path;
use std::time::Duration;

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::S3;
use super::client::once;
use super::reading::Reader;
use super::retry::{again, pause};
use super::sending::{SHA256, Share, in_pieces};
use super::unfinished::Unfinished;
use super::upload::ATTEMPTS;
use crate::model::digest::FileDigest;
use crate::registry::error::RegistryError;
use crate::registry::object::Sent;

/// Smallest part, but for the last one.
const SMALLEST_PART: u64 = 16 << 20;
/// Most parts of a file; S3 allows 10 000.
const MOST_PARTS: u64 = 9_000;
/// Parts that are in memory and under way at once.
const AT_ONCE: usize = 4;
/// How long a server may take to put the parts together.
const PUTTING_TOGETHER: Duration = Duration::from_secs(300);

/// Numbers and sizes of the parts of a file. They follow from its size alone, so that an upload can be gone on with.
pub(super) fn parts(bytes: u64) -> impl Iterator<Item = (i32, u64)> {
    let size = part_size(bytes);
    (1..)
        .zip((0..bytes).step_by(usize::try_from(size).unwrap_or(usize::MAX)))
        .map(move |(number, start)| (number, size.min(bytes - start)))
}

/// Size of every part of a file but the last one.
pub(super) fn part_size(bytes: u64) -> u64 {
    SMALLEST_PART.max(bytes.div_ceil(MOST_PARTS))
}

impl S3 {
    /// Uploads a file in parts. What was sent stays when the connection is lost for good, for the next attempt.
    pub(super) async fn upload_in_parts(
        &self,
        key: &str,
        file: &Path,
        digest: &FileDigest,
        sent: &Sent<'_>,
    ) -> Result<(), RegistryError> {
        let upload = match self.unfinished(key, file, digest).await? {
            Some(upload) => upload,
            None => Unfinished::new(self.begin(key, digest).await?),
        };
        let outcome = match self.send_parts(key, file, digest, &upload, sent).await {
            Ok(parts) => self.put_together(key, &upload.id, parts).await,
            Err(error) => Err(error),
        };
        if matches!(outcome, Err(RegistryError::Conflict { .. } | RegistryError::Refused(_))) {
            self.abort(key, &upload.id).await;
        }
        outcome
    }

    async fn begin(&self, key: &str, digest: &FileDigest) -> Result<String, RegistryError> {
        let request = self.client.create_multipart_upload().bucket(&self.bucket).key(self.full(key));
        let answer = request.metadata(SHA256, &digest.sha256).send().await.map_err(|error| self.error(key, &error))?;
        match answer.upload_id() {
            Some(id) => Ok(id.to_owned()),
            None => Err(self.unexpected(format!("{}: an upload without an id", self.named(key)))),
        }
    }

    /// Sends the parts that are not there yet; all of them, in order.
    async fn send_parts(
        &self,
        key: &str,
        file: &Path,
        digest: &FileDigest,
        upload: &Unfinished,
        sent: &Sent<'_>,
    ) -> Result<Vec<CompletedPart>, RegistryError> {
        let mut reader = Reader::open(file, 0).await?;
        let (mut sending, mut done) = (FuturesUnordered::new(), Vec::new());
        for (number, size) in parts(digest.bytes) {
            // Before the next part is read, one that was sent has to leave the memory.
            if sending.len() >= AT_ONCE {
                let arrived: Option<Result<CompletedPart, RegistryError>> = sending.next().await;
                done.extend(arrived.transpose()?);
            }
            let (rest, part) = reader.part(size).await?;
            reader = rest;
            match upload.tag(number, &part) {
                Some(tag) => {
                    sent(size);
                    done.push(completed(number, tag));
                }
                None => sending.push(self.send_part(key, &upload.id, number, part.bytes, sent)),
            }
        }
        while let Some(part) = sending.next().await {
            done.push(part?);
        }
        reader.check(digest)?;
        done.sort_by_key(CompletedPart::part_number);
        Ok(done)
    }

    async fn send_part(
        &self,
        key: &str,
        upload: &str,
        number: i32,
        bytes: Bytes,
        sent: &Sent<'_>,
    ) -> Result<CompletedPart, RegistryError> {
        let (mut share, mut attempt) = (Share::new(sent), 0);
        loop {
            attempt += 1;
            let (body, handing) = in_pieces(bytes.clone());
            let request = self.client.upload_part().bucket(&self.bucket).key(self.full(key)).upload_id(upload);
            let request = request.part_number(number).body(body).customize().config_override(once(None)).send();
            match self.watched(key, &handing, &mut share, request).await {
                Ok(answer) => {
                    return match answer.e_tag() {
                        Some(tag) => Ok(completed(number, tag)),
                        None => Err(self.unexpected(format!("{}: a part without an ETag", self.named(key)))),
                    };
                }
                Err(error) if attempt < ATTEMPTS && again(&error, attempt) => {
                    tracing::debug!(key, number, %error, "the part is sent again");
                    pause(attempt).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Has the server put the parts together, unless an object is there in the meantime.
    async fn put_together(&self, key: &str, upload: &str, parts: Vec<CompletedPart>) -> Result<(), RegistryError> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let request = self.client.complete_multipart_upload().bucket(&self.bucket).key(self.full(key));
            let request = request.upload_id(upload).if_none_match("*").multipart_upload(parts.clone());
            let answer = request.customize().config_override(once(Some(PUTTING_TOGETHER))).send().await;
            match answer.map_err(|error| self.error(key, &error)) {
                Ok(_) => return Ok(()),
                Err(error) if attempt < ATTEMPTS && again(&error, attempt) => pause(attempt).await,
                Err(error) => return Err(error),
            }
        }
    }

    /// Throws away the parts that were sent. They are in nobody's way: a failure is only noted.
    async fn abort(&self, key: &str, upload: &str) {
        let request = self.client.abort_multipart_upload().bucket(&self.bucket).key(self.full(key)).upload_id(upload);
        if let Err(error) = request.send().await.map_err(|error| self.error(key, &error)) {
            tracing::debug!(key, %error, "the parts of an upload stay behind");
        }
    }
}

fn completed(number: i32, tag: &str) -> CompletedPart {
    CompletedPart::builder().part_number(number).e_tag(tag).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_file_and_are_never_too_many() {
        let mib = 1 << 20;
        assert_eq!(parts(33 * mib).collect::<Vec<_>>(), [(1, 16 * mib), (2, 16 * mib), (3, mib)]);
        assert_eq!(parts(32 * mib).collect::<Vec<_>>(), [(1, 16 * mib), (2, 16 * mib)]);
        assert_eq!(parts(0).count(), 0);
        for bytes in [9_000 * 16 * mib, 9_000 * 16 * mib + 1, 1_000_000_000_000, 5 << 40] {
            assert!(parts(bytes).count() <= 9_000, "{bytes}");
            assert_eq!(parts(bytes).map(|(_, size)| size).sum::<u64>(), bytes);
        }
    }
}
