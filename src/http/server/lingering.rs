//! A request's body that is taken in to its end when nobody wants the rest of it.
//!
//! A server that refuses a large request and closes at once resets the connection while the client is still sending: the
//! client sees a broken pipe instead of the refusal. So what is left of the body is read and thrown away for a while.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::patience::Attention;

/// A client that sends less than this in this time is not in the middle of sending.
const LEAST: usize = 16 << 10;
const WHILE: Duration = Duration::from_secs(1);
/// The longest that a refused body is taken in.
const LONGEST: Duration = Duration::from_secs(10);
/// The most that is taken in of it, in bytes.
const MOST: usize = 256 << 20;

/// The body.
pub struct LingeringBody {
    body: Option<Incoming>,
    attention: Attention,
}

impl LingeringBody {
    /// The body of a request on a connection.
    pub fn new(body: Incoming, attention: Attention) -> Self {
        Self { body: Some(body), attention }
    }
}

impl Body for LingeringBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = Pin::new(body).poll_frame(context);
        if matches!(frame, Poll::Ready(Some(Err(_)))) {
            // Nothing more can come of it.
            self.body = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}

impl Drop for LingeringBody {
    fn drop(&mut self) {
        let left = self.body.take().filter(|body| !body.is_end_stream());
        if let (Some(body), Ok(runtime)) = (left, Handle::try_current()) {
            let attention = self.attention.clone();
            attention.linger(true);
            runtime.spawn(async move {
                let _ = timeout(LONGEST, take_in(body)).await;
                attention.linger(false);
            });
        }
    }
}

async fn take_in(mut body: Incoming) {
    let mut taken = 0;
    while let Ok(Some(more)) = timeout(WHILE, take_some(&mut body)).await {
        taken += more;
        if taken > MOST {
            return;
        }
    }
}

/// Takes in a little; nothing when the body ended.
async fn take_some(body: &mut Incoming) -> Option<usize> {
    let mut taken = 0;
    while taken < LEAST {
        taken += body.frame().await?.ok()?.data_ref().map_or(0, Bytes::len);
    }
    Some(taken)
}
