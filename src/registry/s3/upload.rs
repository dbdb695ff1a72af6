//! Files brought to S3: small ones in one request, large ones in parts; what is there already is not sent again.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::S3;
use super::reading::Reader;
use super::retry::{again, pause};
use super::sending::{SHA256, Share};
use crate::model::digest::FileDigest;
use crate::registry::error::RegistryError;
use crate::registry::object::{Condition, Sent};

/// Largest file that is sent in one request.
const LARGEST_WHOLE: u64 = 16 << 20;
/// How often a request that carries bytes is sent.
pub(super) const ATTEMPTS: u32 = 5;

/// What an object is to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    /// There is none.
    Nothing,
    /// It has the bytes of the file.
    Same,
    /// It has other bytes.
    Other,
}

impl S3 {
    /// See [`crate::registry::objects::Objects::upload`].
    pub async fn upload(
        &self,
        key: &str,
        file: &Path,
        digest: &FileDigest,
        sent: &Sent<'_>,
    ) -> Result<(), RegistryError> {
        match self.held(key, digest).await? {
            Held::Same => {
                sent(digest.bytes);
                return Ok(());
            }
            Held::Other => return Err(self.holds_other(key)),
            Held::Nothing => {}
        }
        let outcome = if digest.bytes <= LARGEST_WHOLE {
            self.upload_whole(key, file, digest, sent).await
        } else {
            self.upload_in_parts(key, file, digest, sent).await
        };
        let Err(error) = outcome else { return Ok(()) };
        if error.may_pass() {
            return Err(error);
        }
        // An answer may have been lost, or somebody else may have sent the same: what counts is what is there now.
        match (self.held(key, digest).await, error) {
            (Ok(Held::Same), _) => Ok(()),
            (Ok(Held::Other), RegistryError::Conflict { .. }) => Err(self.holds_other(key)),
            (_, error) => Err(error),
        }
    }

    async fn upload_whole(
        &self,
        key: &str,
        file: &Path,
        digest: &FileDigest,
        sent: &Sent<'_>,
    ) -> Result<(), RegistryError> {
        let (reader, whole) = Reader::open(file, 0).await?.part(digest.bytes).await?;
        reader.check(digest)?;
        let (mut share, mut attempt) = (Share::new(sent), 0);
        loop {
            attempt += 1;
            let label = Some(digest.sha256.as_str());
            match self.put_object(key, whole.bytes.clone(), Condition::Absent, label, &mut share).await {
                Err(error) if attempt < ATTEMPTS && again(&error, attempt) => pause(attempt).await,
                outcome => return outcome,
            }
        }
    }

    /// What is there under the key of a file.
    async fn held(&self, key: &str, digest: &FileDigest) -> Result<Held, RegistryError> {
        let Some(head) = self.head(key).await? else { return Ok(Held::Nothing) };
        if head.content_length().and_then(|bytes| u64::try_from(bytes).ok()) != Some(digest.bytes) {
            return Ok(Held::Other);
        }
        let label = head.metadata().and_then(|metadata| metadata.get(SHA256));
        if label.is_some_and(|label| *label == digest.sha256) {
            return Ok(Held::Same);
        }
        // Another program has put it there, or an upload was gone on with that was begun for another file: its label is
        // of that one then. Only the bytes tell.
        let mut hash = Sha256::new();
        let mut sink = |bytes: &[u8]| {
            hash.update(bytes);
            Ok(())
        };
        self.download(key, 0, &mut sink).await?;
        Ok(if hex::encode(hash.finalize()) == digest.sha256 { Held::Same } else { Held::Other })
    }

    fn holds_other(&self, key: &str) -> RegistryError {
        let hint = "other bytes are there already, and a version never changes".to_owned();
        RegistryError::Conflict { what: self.named(key), hint }
    }
}
