//! From the body of a request to the body of its answer, for every route that codes: admitted by the number of its
//! activities, worked on piece by piece, written as it is coded.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use serde::Serialize;

use super::App;
use super::body::Payload;
use super::error::Problem;
use crate::coding::activity::Activity;
use crate::coding::{Coding, CodingOptions};
use crate::process::Panicked;
use crate::serving::admission::Share;
use crate::serving::desk::Size;
use crate::serving::slot::Served;
use crate::telemetry::Metrics;
use crate::telemetry::stages::{Stage, StageClock, StageTimes};

/// The largest answer, in bytes: a request that asks for more is told so instead of filling the memory.
const LARGEST_ANSWER: usize = 512 << 20;

/// How many activities a request held, for the log.
#[derive(Clone, Copy)]
pub struct Activities(pub usize);

/// A piece of an answer.
#[derive(Default)]
pub struct Piece {
    /// Its JSON: one element an activity, with commas between.
    pub json: Vec<u8>,
    /// How long its stages took.
    pub times: StageTimes,
}

/// What a route makes of its activities.
pub struct Job<Item> {
    /// The activities, as they were found in the body.
    pub items: Vec<Item>,
    /// Their share of what may be in work.
    pub admitted: Share,
    /// What stands before the elements, and after.
    pub frame: (&'static str, &'static str),
}

/// Codes a list of items and answers with a JSON array of one element each. `work` makes the piece of some of them.
pub async fn answer_each<Item, E>(
    app: &App,
    payload: Payload,
    job: Job<Item>,
    work: impl Fn(Vec<Item>) -> Result<Piece, E> + Clone + Send + 'static,
) -> Result<Response, E>
where
    Item: Send + 'static,
    E: From<Problem> + From<Panicked> + Send + 'static,
{
    let count = job.items.len();
    let size = payload.size().with_activities(count);
    let Payload { mut memory, clock, bytes, .. } = payload;
    drop(bytes);
    let started = Instant::now();
    let (mut total, mut times) = (0, StageTimes::default());
    let weigh = |piece: &Piece| {
        times.merge(&piece.times);
        total += piece.json.len();
        if total > LARGEST_ANSWER {
            return Err(Problem::answer_too_large().into());
        }
        Ok(memory.grow(piece.json.len()).map_err(Problem::from)?)
    };
    let pieces = app.desk.run_pieces(size, job.items, work, weigh).await?;
    drop(job.admitted);
    times.wait_beside(started.elapsed(), if size == Size::Big { app.desk.big.size() } else { 1 });
    times.merge(&clock.times());
    let mut response = framed(job.frame, pieces, memory);
    response.extensions_mut().insert(times);
    response.extensions_mut().insert(Activities(count));
    Ok(response)
}

/// Admits activities by their number, at once or not at all: to be asked as soon as they are counted.
pub fn admit(app: &App, count: usize, allowed: usize) -> Result<Share, Problem> {
    if count > allowed {
        return Err(Problem::too_many_activities(count, allowed));
    }
    Ok(app.desk.activities.take(count)?)
}

/// The pieces between what stands before and after them.
fn framed((before, after): (&'static str, &'static str), mut pieces: Vec<Piece>, memory: Share) -> Response {
    let mut parts = Vec::with_capacity(2 * pieces.len() + 1);
    if pieces.len() <= 1 {
        let piece = pieces.pop().map(|piece| piece.json).unwrap_or_default();
        parts.push(Bytes::from([before.as_bytes(), &piece, after.as_bytes()].concat()));
    } else {
        parts.push(Bytes::from_static(before.as_bytes()));
        for (place, piece) in pieces.into_iter().enumerate() {
            parts.extend((place > 0).then_some(Bytes::from_static(b",")));
            parts.push(piece.json.into());
        }
        parts.push(Bytes::from_static(after.as_bytes()));
    }
    held(parts, memory)
}

/// A JSON answer in parts, with the memory it holds, which is given back when the last is sent.
fn held(parts: Vec<Bytes>, memory: Share) -> Response {
    let length: usize = parts.iter().map(Bytes::len).sum();
    let parts = parts.into_iter().map(move |part| {
        let _held = &memory;
        Ok::<_, Infallible>(part)
    });
    let headers = [(CONTENT_TYPE, HeaderValue::from_static("application/json")), (CONTENT_LENGTH, length.into())];
    (headers, Body::from_stream(stream::iter(parts))).into_response()
}

/// A value as a JSON answer with the memory it holds; written where the request is worked on.
pub fn held_json(value: &impl Serialize, mut memory: Share) -> Result<Response, Problem> {
    let json = serde_json::to_vec(value).map_err(Problem::internal)?;
    memory.grow(json.len())?;
    Ok(held(vec![json.into()], memory))
}

/// Codes the activities of a piece and counts them, and lets the shadows see them; the clock is told of each stage. `ids` are the
/// activities' own, in their order, where they have some: a canary chooses by them.
pub fn code_piece(
    served: &[Arc<Served>],
    activities: &[Activity],
    ids: &[Option<&str>],
    options: CodingOptions,
    metrics: &Metrics,
    clock: &mut StageClock,
) -> Result<Vec<Vec<Coding>>, Problem> {
    let mut codings = Vec::with_capacity(served.len());
    for served in served {
        codings.push(served.code(activities, ids, options, &mut |stage| clock.lap(Stage::Coding(stage)))?);
    }
    for (served, codings) in served.iter().zip(&codings) {
        metrics.coded(served.coder.nomenclature.id(), codings);
        if let Some(shadow) = &served.shadow {
            shadow.see(&served.coder, activities, codings);
        }
    }
    Ok(codings)
}

/// The elements as JSON, with commas between.
pub fn elements<T: Serialize>(elements: impl Iterator<Item = T>, room: usize) -> Result<Vec<u8>, Problem> {
    let mut json = Vec::with_capacity(room);
    for (place, element) in elements.enumerate() {
        if place > 0 {
            json.push(b',');
        }
        serde_json::to_writer(&mut json, &element).map_err(Problem::internal)?;
    }
    Ok(json)
}
