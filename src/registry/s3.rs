//! A registry below a prefix of an S3 bucket, of AWS or of any server that speaks S3 and honours `If-Match` and
//! `If-None-Match` when it writes.
//!
//! Small requests are repeated by the SDK. What moves many bytes is repeated here, because only here is it known how
//! far it came; writes under a condition too, because only here can a lost answer be told from a lost race.

mod client;
mod download;
mod endpoint;
mod errors;
mod parts;
mod reading;
mod retry;
mod sending;
mod unfinished;
mod upload;

use std::path::PathBuf;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Error;
use bytes::Bytes;
use futures_util::{Stream, stream};

use super::error::RegistryError;
use super::object::{Condition, LARGEST_SMALL, Listed, Tag};
use errors::is_missing;
use retry::{again, pause};
use sending::Share;

/// How often a small object is read or written.
const SMALL_ATTEMPTS: u32 = 3;

/// How S3 is reached; what is not said is looked for where every AWS program looks.
#[derive(Clone, Debug, Default)]
pub struct S3Settings {
    /// Address of the server, `https://…` unless it says otherwise; AWS itself when there is none anywhere.
    pub endpoint: Option<String>,
    /// Region of the bucket.
    pub region: Option<String>,
    /// Whether the bucket stands in the path of an address rather than in its host name; with an endpoint it does.
    pub path_style: Option<bool>,
    /// Certificates in PEM that are trusted beside those of the system.
    pub ca: Option<PathBuf>,
}

/// A registry below a prefix of a bucket.
#[derive(Clone, Debug)]
pub struct S3 {
    client: Client,
    endpoint: Option<String>,
    bucket: String,
    prefix: String,
}

impl S3 {
    /// Makes the client; nothing is asked of the server. The prefix is empty or ends in `/`.
    pub async fn open(bucket: &str, prefix: &str, settings: &S3Settings) -> Result<Self, RegistryError> {
        let (client, endpoint) = client::client(settings).await?;
        Ok(Self { client, endpoint, bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }

    /// How messages name it.
    pub fn place(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.prefix.trim_end_matches('/'))
    }

    /// The address of the server, when it is not AWS's own.
    pub fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    /// See [`super::objects::Objects::list`].
    pub async fn list(&self, prefix: &str) -> Result<Vec<Listed>, RegistryError> {
        let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(self.full(prefix));
        let mut pages = request.into_paginator().send();
        let mut listed = Vec::new();
        let refused = |error: SdkError<ListObjectsV2Error>| {
            if is_missing(&error) { self.no_bucket() } else { self.error(prefix, &error) }
        };
        while let Some(page) = pages.try_next().await.map_err(refused)? {
            listed.extend(page.contents().iter().filter_map(|object| {
                let key = object.key()?.strip_prefix(self.prefix.as_str())?;
                let bytes = u64::try_from(object.size().unwrap_or_default()).ok()?;
                // Some consoles leave an empty object for each folder.
                (!key.is_empty() && !key.ends_with('/')).then(|| Listed {
                    key: key.to_owned(),
                    bytes,
                    tag: object.e_tag().map(|tag| Tag(tag.to_owned())),
                })
            }));
        }
        listed.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(listed)
    }

    /// See [`super::objects::Objects::get`].
    pub async fn get(&self, key: &str) -> Result<Option<(Vec<u8>, Tag)>, RegistryError> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let request = self.client.get_object().bucket(&self.bucket).key(self.full(key));
            let answer = match request.send().await {
                Ok(answer) => answer,
                Err(error) if is_missing(&error) => return Ok(None),
                Err(error) => return Err(self.error(key, &error)),
            };
            // Up to here the SDK repeats, not while the bytes come.
            match self.read_whole(key, answer).await {
                Err(error) if attempt < SMALL_ATTEMPTS && error.may_pass() => pause(attempt).await,
                read => return read.map(Some),
            }
        }
    }

    async fn read_whole(&self, key: &str, answer: GetObjectOutput) -> Result<(Vec<u8>, Tag), RegistryError> {
        let Some(tag) = answer.e_tag().map(|tag| Tag(tag.to_owned())) else {
            return Err(self.unexpected(format!("{} without an ETag", self.named(key))));
        };
        let announced = answer.content_length().and_then(|bytes| u64::try_from(bytes).ok());
        let (mut body, mut bytes) = (answer.body, Vec::<u8>::new());
        let too_large = || RegistryError::Refused(format!("{} is too large for what it should be", self.named(key)));
        if announced.is_some_and(|announced| announced > LARGEST_SMALL) {
            return Err(too_large());
        }
        while let Some(chunk) = body.try_next().await.map_err(|error| self.cut(&error))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() as u64 > LARGEST_SMALL {
                return Err(too_large());
            }
        }
        match announced {
            Some(announced) if announced != bytes.len() as u64 => Err(self.short(bytes.len() as u64, announced)),
            _ => Ok((bytes, tag)),
        }
    }

    /// An object as it comes, for whoever passes it on: its size, and its pieces. What is cut is not repeated.
    pub async fn stream(
        &self,
        key: &str,
    ) -> Result<(u64, impl Stream<Item = Result<Bytes, RegistryError>> + use<>), RegistryError> {
        let answer = match self.client.get_object().bucket(&self.bucket).key(self.full(key)).send().await {
            Ok(answer) => answer,
            Err(error) if is_missing(&error) => return Err(RegistryError::NoFile(self.named(key))),
            Err(error) => return Err(self.error(key, &error)),
        };
        let bytes = answer.content_length().and_then(|bytes| u64::try_from(bytes).ok());
        let bytes = bytes.ok_or_else(|| self.unexpected(format!("{} without its size", self.named(key))))?;
        let s3 = self.clone();
        let pieces = stream::unfold(answer.body, move |mut body| {
            let s3 = s3.clone();
            async move { body.next().await.map(|piece| (piece.map_err(|error| s3.cut(&error)), body)) }
        });
        Ok((bytes, pieces))
    }

    /// See [`super::objects::Objects::put`].
    pub async fn put(&self, key: &str, bytes: Vec<u8>, condition: Condition<'_>) -> Result<(), RegistryError> {
        let bytes = Bytes::from(bytes);
        let nobody = |_: u64| {};
        let (mut attempt, mut answer_was_lost) = (0, false);
        loop {
            attempt += 1;
            match self.put_object(key, bytes.clone(), condition, None, &mut Share::new(&nobody)).await {
                // What is to be replaced is not there.
                Err(RegistryError::NoFile(_)) => return Err(self.conflict(key)),
                // The one who came first may have been ourselves.
                Err(RegistryError::Conflict { .. }) if answer_was_lost => {
                    let held = self.get(key).await?;
                    let ours = held.is_some_and(|(held, _)| held == bytes);
                    return if ours { Ok(()) } else { Err(self.conflict(key)) };
                }
                Err(error) if attempt < SMALL_ATTEMPTS && again(&error, attempt) => {
                    answer_was_lost |= error.may_pass();
                    pause(attempt).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// See [`super::objects::Objects::delete`].
    pub async fn delete(&self, key: &str) -> Result<(), RegistryError> {
        let request = self.client.delete_object().bucket(&self.bucket).key(self.full(key));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) if is_missing(&error) => Ok(()),
            // Not every server agrees that deleting what is not there is no error.
            Err(error) => match self.head(key).await? {
                None => Ok(()),
                Some(_) => Err(self.error(key, &error)),
            },
        }
    }

    /// What the server tells about an object; none when there is none.
    async fn head(&self, key: &str) -> Result<Option<HeadObjectOutput>, RegistryError> {
        match self.client.head_object().bucket(&self.bucket).key(self.full(key)).send().await {
            Ok(head) => Ok(Some(head)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(self.error(key, &error)),
        }
    }

    /// A key of the registry as the bucket knows it.
    fn full(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// An object, as messages name it.
    fn named(&self, key: &str) -> String {
        format!("s3://{}/{}{key}", self.bucket, self.prefix)
    }
}
