//! The body of a request: read whole within the route's size, the memory there is and the time allowed.

use std::error::Error;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, LengthLimitError};
use hyper::body::Body as _;

use super::App;
use super::error::Problem;
use crate::serving::admission::Share;
use crate::serving::desk::Size;
use crate::telemetry::stages::{Stage, StageClock};

/// Room made for a body before any of it has come.
const FIRST_ROOM: usize = 16 * 1024;
/// Bytes of each request, body and answer, that are not counted in the memory held: half-sent large bodies shut no small
/// request out. How many there are at once is bounded by the connections.
const FREE: usize = 64 * 1024;
/// Bytes read in one stretch.
const PAUSE_AFTER: usize = 64 * 1024;

/// A body, the memory it holds, and the clock that was started when its reading began.
pub struct Payload {
    /// The bytes, inflated.
    pub bytes: Bytes,
    /// The memory held; it grows with the answer.
    pub memory: Share,
    /// The clock of the request's stages.
    pub clock: StageClock,
    /// Whether the answer is explained.
    pub explained: bool,
}

impl Payload {
    /// How big the request is, as far as its body tells.
    pub fn size(&self) -> Size {
        let bytes = self.bytes.len();
        if self.explained { Size::of_explained(bytes) } else { Size::of_body(bytes) }
    }
}

impl FromRequest<App> for Payload {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let mut clock = StageClock::start();
        let mut memory = app.desk.memory.share(FREE);
        let patience = app.limits.body_patience;
        let bytes = within(patience, read(request.into_body(), &mut memory)).await?;
        clock.lap(Stage::Read);
        Ok(Self { bytes, memory, clock, explained: false })
    }
}

async fn within<T>(patience: Duration, reading: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    tokio::time::timeout(patience, reading).await.unwrap_or_else(|_| Err(Problem::body_too_slow(patience)))
}

async fn read(mut body: Body, memory: &mut Share) -> Result<Bytes, Problem> {
    let announced = body.size_hint().exact().and_then(|length| usize::try_from(length).ok());
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    let mut since_pause = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| fault(&error))?.into_data() else { continue };
        memory.grow(data.len())?;
        since_pause += data.len();
        if since_pause > PAUSE_AFTER {
            // An inflated body is always ready: others have their turn meanwhile.
            since_pause = 0;
            tokio::task::yield_now().await;
        }
        if first.is_empty() && all.is_empty() {
            first = data;
            continue;
        }
        if all.is_empty() {
            // The whole room at once, where the length is known: growing would copy what has come, again and again. Memory
            // that is not written to costs nothing.
            all.reserve(announced.unwrap_or(first.len() + data.len().max(FIRST_ROOM)));
            all.extend_from_slice(&std::mem::take(&mut first));
        }
        all.extend_from_slice(&data);
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

/// Why a body could not be read: too large, or cut short, or not what its encoding says.
pub fn fault(error: &(dyn Error + 'static)) -> Problem {
    let mut causes = std::iter::successors(Some(error), |&cause| cause.source());
    if causes.any(|cause| cause.is::<LengthLimitError>()) {
        return Problem::body_too_large();
    }
    Problem::broken_body("it was cut short, or is not what its encoding says")
}

/// How deep JSON nests, by its brackets outside of strings.
pub fn json_depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::json_depth;

    #[test]
    fn brackets_in_strings_do_not_count() {
        for (json, depth) in
            [("", 0), ("1", 0), ("[]", 1), (r#"{"a":[{}]}"#, 3), (r#"["[[{","\"[\\"]"#, 1), ("[[[", 3), ("]]][", 1)]
        {
            assert_eq!(json_depth(json.as_bytes()), depth, "{json}");
        }
    }
}
