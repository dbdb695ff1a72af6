//! Large objects, read to their end however often the connection breaks on the way.

use super::S3;
use super::client::{ANSWERING, once};
use super::errors::is_unsatisfiable;
use super::retry::{again, pause};
use crate::registry::error::RegistryError;
use crate::registry::object::Sink;

/// How many attempts may bring nothing, one after the other.
const ATTEMPTS_IN_VAIN: u32 = 5;
/// How many attempts there may be in all.
const MOST_ATTEMPTS: u32 = 50;

/// How far a download is.
struct Reached {
    offset: u64,
    /// The state of the object when it was first asked for; another one would not fit to what is there.
    tag: Option<String>,
}

impl S3 {
    /// See [`crate::registry::objects::Objects::download`]. An offset at the end or beyond brings nothing.
    pub async fn download(&self, key: &str, offset: u64, sink: &mut Sink<'_>) -> Result<(), RegistryError> {
        let mut reached = Reached { offset, tag: None };
        let (mut attempts, mut in_vain) = (0, 0);
        loop {
            let before = reached.offset;
            let Err(error) = self.go_on(key, &mut reached, sink).await else { return Ok(()) };
            attempts += 1;
            in_vain = if reached.offset > before { 0 } else { in_vain + 1 };
            if attempts == MOST_ATTEMPTS || in_vain == ATTEMPTS_IN_VAIN || !again(&error, attempts) {
                return Err(error);
            }
            tracing::debug!(key, offset = reached.offset, %error, "the download goes on");
            pause(in_vain + 1).await;
        }
    }

    /// Asks for what is missing and takes what comes.
    async fn go_on(&self, key: &str, reached: &mut Reached, sink: &mut Sink<'_>) -> Result<(), RegistryError> {
        let mut request = self.client.get_object().bucket(&self.bucket).key(self.full(key));
        if reached.offset > 0 {
            request = request.range(format!("bytes={}-", reached.offset));
        }
        if let Some(tag) = &reached.tag {
            request = request.if_match(tag);
        }
        let answer = match request.customize().config_override(once(Some(ANSWERING))).send().await {
            Ok(answer) => answer,
            Err(error) if is_unsatisfiable(&error) => return Ok(()),
            Err(error) => return Err(self.error(key, &error)),
        };
        let announced = answer.content_length().and_then(|bytes| u64::try_from(bytes).ok());
        let start = match answer.content_range().map(first_byte) {
            Some(start) => start,
            None => self.start(key, reached.offset, announced).await?,
        };
        // A server may answer with more than was asked for: it is read, and passed over.
        let Some(mut known) = start.and_then(|start| reached.offset.checked_sub(start)) else {
            let reason = format!("{}: asked from byte {}, it began elsewhere", self.named(key), reached.offset);
            return Err(self.unexpected(reason));
        };
        // A weak tag never matches.
        let tag = answer.e_tag().filter(|tag| !tag.starts_with("W/")).map(str::to_owned);
        reached.tag = reached.tag.take().or(tag);
        let (mut body, mut received) = (answer.body, 0);
        while let Some(chunk) = body.try_next().await.map_err(|error| self.cut(&error))? {
            received += chunk.len() as u64;
            let passed_over = usize::try_from(known).map_or(chunk.len(), |known| known.min(chunk.len()));
            known -= passed_over as u64;
            let piece = chunk.get(passed_over..).unwrap_or_default();
            sink(piece).map_err(RegistryError::of_file(key))?;
            reached.offset += piece.len() as u64;
        }
        match announced {
            Some(announced) if announced != received => Err(self.short(received, announced)),
            _ => Ok(()),
        }
    }

    /// Where an answer begins that does not say so: some servers keep quiet about the range, others send all there is.
    async fn start(&self, key: &str, asked: u64, announced: Option<u64>) -> Result<Option<u64>, RegistryError> {
        if asked == 0 {
            return Ok(Some(0));
        }
        let head = self.head(key).await?;
        let whole = head.and_then(|head| head.content_length()).and_then(|bytes| u64::try_from(bytes).ok());
        Ok(whole.zip(announced).and_then(|(whole, announced)| whole.checked_sub(announced)))
    }
}

/// The first byte of a range in the form `bytes FIRST-LAST/WHOLE`.
fn first_byte(range: &str) -> Option<u64> {
    let (first, _) = range.trim().strip_prefix("bytes")?.trim_start().split_once('-')?;
    first.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_say_where_they_begin() {
        assert_eq!(first_byte("bytes 1048576-2097151/4194304"), Some(1 << 20));
        assert_eq!(first_byte("bytes 5-9/*"), Some(5));
        for range in ["", "bytes */12", "items 1-2/3", "bytes x-2/3"] {
            assert_eq!(first_byte(range), None, "{range}");
        }
    }
}
