//! Uploads in parts that were begun and not ended. Which file one was begun for is not told by the server: it is gone
//! on with if its first part is that of the file, and every part is compared before it is taken for sent.

use std::collections::BTreeMap;
use std::path::Path;

use super::S3;
use super::parts::{part_size, parts};
use super::reading::{Part, Reader};
use crate::model::digest::FileDigest;
use crate::registry::error::RegistryError;

/// An upload that was begun.
pub(super) struct Unfinished {
    /// Its id.
    pub(super) id: String,
    /// ETags of the parts that are there and have the size that they should have, by number.
    tags: BTreeMap<i32, String>,
}

impl Unfinished {
    /// An upload of which nothing is there yet.
    pub(super) fn new(id: String) -> Self {
        Self { id, tags: BTreeMap::new() }
    }

    /// The ETag of a part if it is there, with these bytes. A server that encrypts may have tags of another kind: the
    /// part is sent again then.
    pub(super) fn tag(&self, number: i32, part: &Part) -> Option<&str> {
        let tag = self.tags.get(&number)?;
        tag.trim_matches('"').eq_ignore_ascii_case(&part.md5).then_some(tag)
    }
}

impl S3 {
    /// The newest upload of a file that can be gone on with.
    pub(super) async fn unfinished(
        &self,
        key: &str,
        file: &Path,
        digest: &FileDigest,
    ) -> Result<Option<Unfinished>, RegistryError> {
        let found = match self.newest(key, digest.bytes).await {
            // Not every server tells, nor tells everybody who may upload: then it is uploaded from the beginning.
            Err(error) if !error.may_pass() => {
                tracing::debug!(key, %error, "no upload is gone on with");
                return Ok(None);
            }
            found => found?,
        };
        let Some(upload) = found else { return Ok(None) };
        let Some(number) = upload.tags.keys().next().copied() else { return Ok(None) };
        let size = parts(digest.bytes).find(|(known, _)| *known == number).map_or(0, |(_, size)| size);
        let offset = u64::try_from(number - 1).unwrap_or_default() * part_size(digest.bytes);
        let (_, part) = Reader::open(file, offset).await?.part(size).await?;
        Ok(upload.tag(number, &part).is_some().then_some(upload))
    }

    /// Gives up every upload under this very key that was begun and not ended: what it holds is paid for until then. Not every server
    /// tells of them, nor lets everybody do so.
    pub async fn abandon_uploads(&self, key: &str) {
        self.abandon(key, |found, full| found == full).await;
    }

    /// The same of every key that begins so.
    pub async fn abandon_uploads_below(&self, prefix: &str) {
        self.abandon(prefix, |found, full| found.starts_with(full)).await;
    }

    async fn abandon(&self, key: &str, is_meant: impl Fn(&str, &str) -> bool) {
        let full = self.full(key);
        let answer = self.client.list_multipart_uploads().bucket(&self.bucket).prefix(&full).send().await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return tracing::debug!(key, error = %self.error(key, &error), "no upload is given up"),
        };
        for upload in answer.uploads() {
            let (Some(id), Some(found)) = (upload.upload_id(), upload.key()) else { continue };
            if !is_meant(found, &full) {
                continue;
            }
            let abort = self.client.abort_multipart_upload().bucket(&self.bucket).key(found).upload_id(id);
            if let Err(error) = abort.send().await {
                tracing::warn!(key, error = %self.error(key, &error), "an upload that was cut off stays");
            }
        }
    }

    /// The newest upload under this very key, with its parts.
    async fn newest(&self, key: &str, bytes: u64) -> Result<Option<Unfinished>, RegistryError> {
        let full = self.full(key);
        // A key stands before all others that begin with it: the first page is enough.
        let request = self.client.list_multipart_uploads().bucket(&self.bucket).prefix(&full);
        let answer = request.send().await.map_err(|error| self.error(key, &error))?;
        let of_this_key = answer.uploads().iter().filter(|upload| upload.key() == Some(full.as_str()));
        let newest = of_this_key.max_by_key(|upload| upload.initiated().map(|when| (when.secs(), when.subsec_nanos())));
        let Some(id) = newest.and_then(|upload| upload.upload_id()) else { return Ok(None) };
        let sizes: BTreeMap<i32, u64> = parts(bytes).collect();
        let request = self.client.list_parts().bucket(&self.bucket).key(&full).upload_id(id);
        let mut pages = request.into_paginator().send();
        let mut upload = Unfinished::new(id.to_owned());
        while let Some(page) = pages.try_next().await.map_err(|error| self.error(key, &error))? {
            upload.tags.extend(page.parts().iter().filter_map(|part| {
                let (number, size, tag) = (part.part_number()?, u64::try_from(part.size()?).ok()?, part.e_tag()?);
                (sizes.get(&number) == Some(&size)).then(|| (number, tag.to_owned()))
            }));
        }
        Ok(Some(upload))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_there_only_with_its_own_bytes() {
        let tags =
            BTreeMap::from([(1, "\"E2FC714C4727ee9395f324cd2e7f331f\"".to_owned()), (2, "\"other\"".to_owned())]);
        let upload = Unfinished { id: "id".to_owned(), tags };
        let part = Part { bytes: b"abcd".as_slice().into(), md5: "e2fc714c4727ee9395f324cd2e7f331f".to_owned() };
        assert!(upload.tag(1, &part).is_some());
        assert!(upload.tag(2, &part).is_none());
        assert!(upload.tag(3, &part).is_none());
    }
}
