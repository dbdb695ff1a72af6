//! Requests that carry many bytes: they are handed over in small pieces, so that it is seen how far they came and
//! whether they stand still. A limit for the whole would have to be so long that a dead connection kept somebody
//! waiting for as long as a slow one takes.

use std::convert::Infallible;
use std::error::Error;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::S3;
use super::client::once;
use crate::registry::error::RegistryError;
use crate::registry::object::{Condition, Sent};

/// The digest of an object's bytes, as metadata.
pub(super) const SHA256: &str = "sha256";

/// Bytes that are handed over at once.
const PIECE: usize = 64 << 10;
/// How often it is looked how far a request came.
const LOOKING: Duration = Duration::from_millis(500);
/// How long no piece may be taken. Buffers take several pieces at once, when a third of them is empty: 1 MiB at 10 KiB
/// a second, which is what each of four parts has of a link of 50 KB a second.
const STANDING_STILL: Duration = Duration::from_secs(120);
/// How long the answer may take once all pieces are taken and the buffers are empty.
const ANSWERING: Duration = Duration::from_secs(15);
/// Bytes that may lie in the buffers of this machine when all pieces are taken, and how many leave it in a second.
const IN_BUFFERS: u64 = 3 << 20;
const SLOWEST: u64 = 10 << 10;

/// Tells somebody of the bytes that were sent, each only once however often they are sent again.
pub(super) struct Share<'a> {
    sent: &'a Sent<'a>,
    told: u64,
}

impl<'a> Share<'a> {
    /// Nothing is sent yet.
    pub(super) fn new(sent: &'a Sent<'a>) -> Self {
        Self { sent, told: 0 }
    }

    /// So many bytes are sent in all.
    pub(super) fn reach(&mut self, bytes: u64) {
        if bytes > self.told {
            (self.sent)(bytes - self.told);
            self.told = bytes;
        }
    }
}

impl S3 {
    /// Writes an object, once.
    pub(super) async fn put_object(
        &self,
        key: &str,
        bytes: Bytes,
        condition: Condition<'_>,
        sha256: Option<&str>,
        share: &mut Share<'_>,
    ) -> Result<(), RegistryError> {
        let (body, handing) = in_pieces(bytes);
        let mut request = self.client.put_object().bucket(&self.bucket).key(self.full(key)).body(body);
        request = match condition {
            Condition::Absent => request.if_none_match("*"),
            Condition::Unchanged(tag) => request.if_match(&tag.0),
        };
        if let Some(sha256) = sha256 {
            request = request.metadata(SHA256, sha256);
        }
        self.watched(key, &handing, share, request.customize().config_override(once(None)).send()).await?;
        Ok(())
    }

    /// The answer to a request that hands over its bytes in pieces, unless it stands still.
    pub(super) async fn watched<T, E>(
        &self,
        key: &str,
        handing: &Handing,
        share: &mut Share<'_>,
        request: impl Future<Output = Result<T, SdkError<E>>>,
    ) -> Result<T, RegistryError>
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let mut request = pin!(request);
        loop {
            match tokio::time::timeout(LOOKING, request.as_mut()).await {
                Ok(Ok(answer)) => {
                    share.reach(handing.whole);
                    return Ok(answer);
                }
                Ok(Err(error)) => return Err(self.error(key, &error)),
                Err(_) => share.reach(handing.taken()),
            }
            let (waiting, patience) = (handing.waiting(), handing.patience());
            if waiting > patience {
                let (taken, whole) = (handing.taken(), handing.whole);
                let reason = format!("nothing moved for {} s after {taken} of {whole} bytes", patience.as_secs());
                return Err(self.unreachable(reason));
            }
        }
    }
}

/// A body that is handed over in pieces, and how far that is. It is signed as a whole nevertheless.
pub(super) fn in_pieces(bytes: Bytes) -> (ByteStream, Arc<Handing>) {
    let handing = Arc::new(Handing::new(bytes.len() as u64));
    let (left, counted) = (bytes.clone(), Arc::clone(&handing));
    let body = SdkBody::from(bytes).map_preserve_contents(move |_| {
        SdkBody::from_body_1_x(Pieces { left: left.clone(), handing: Arc::clone(&counted) })
    });
    (ByteStream::new(body), handing)
}

/// How far the handing over of a body is.
#[derive(Debug)]
pub(super) struct Handing {
    whole: u64,
    taken: AtomicU64,
    begun: Instant,
    /// Milliseconds from the beginning to the last piece.
    last: AtomicU64,
}

impl Handing {
    fn new(whole: u64) -> Self {
        Self { whole, taken: AtomicU64::new(0), begun: Instant::now(), last: AtomicU64::new(0) }
    }

    fn take(&self, bytes: u64) {
        let since = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(since, Ordering::Relaxed);
        self.taken.fetch_add(bytes, Ordering::Relaxed);
    }

    fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// How long ago the last piece was taken.
    fn waiting(&self) -> Duration {
        self.begun.elapsed().saturating_sub(Duration::from_millis(self.last.load(Ordering::Relaxed)))
    }

    /// How long that may be.
    fn patience(&self) -> Duration {
        if self.taken() < self.whole {
            return STANDING_STILL;
        }
        ANSWERING + Duration::from_secs(self.whole.min(IN_BUFFERS) / SLOWEST)
    }
}

/// The pieces of a body that are left.
struct Pieces {
    left: Bytes,
    handing: Arc<Handing>,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let size = self.left.len().min(PIECE);
        if size == 0 {
            return Poll::Ready(None);
        }
        let piece = self.left.split_to(size);
        self.handing.take(size as u64);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn a_body_comes_in_pieces_and_is_known_as_a_whole() {
        let bytes = Bytes::from(vec![7; 2 * PIECE + 1]);
        let (body, handing) = in_pieces(bytes.clone());
        assert_eq!(body.bytes(), Some(bytes.as_ref()));
        assert_eq!(body.size_hint(), (handing.whole, Some(handing.whole)));
        let (mut body, mut sizes) = (body, Vec::new());
        while let Some(piece) = body.try_next().await.unwrap() {
            sizes.push(piece.len());
        }
        assert_eq!(sizes, [PIECE, PIECE, 1]);
        assert_eq!(handing.taken(), handing.whole);
    }

    #[test]
    fn the_last_bytes_are_given_time_to_leave_the_buffers() {
        let handing = Handing::new(16 << 20);
        assert_eq!(handing.patience(), STANDING_STILL);
        handing.take(16 << 20);
        assert_eq!(handing.patience(), ANSWERING + Duration::from_secs(307));
        assert_eq!(Handing::new(0).patience(), ANSWERING);
    }

    #[test]
    fn bytes_that_are_sent_again_are_told_once() {
        let told = Mutex::new(Vec::new());
        let sent = |bytes: u64| told.lock().unwrap().push(bytes);
        let mut share = Share::new(&sent);
        for bytes in [3, 10, 2, 10, 12] {
            share.reach(bytes);
        }
        assert_eq!(*told.lock().unwrap(), [3, 7, 2]);
    }
}
