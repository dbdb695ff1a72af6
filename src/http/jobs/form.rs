//! A form of fields, `multipart/form-data`, read a piece at a time: what stands before a field is small, whoever sends it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use multer::{Field, Multipart};

use crate::http::body::fault;
use crate::http::error::Problem;

/// Largest piece that is handed on: the reader takes as many as there are at once.
const PIECE: usize = 64 << 10;
/// Most bytes in which a field has to begin: the reader keeps all of them until it does.
const LARGEST_HEAD: usize = 4 * PIECE;

/// The fields of a form, one after the other.
pub struct Form {
    fields: Multipart<'static>,
    head: Head,
}

/// Bytes that came since a field was asked for; none are counted within a field.
#[derive(Clone, Default)]
struct Head(Arc<AtomicUsize>);

/// Not counting.
const WITHIN: usize = usize::MAX;

/// A field does not begin.
#[derive(Debug, thiserror::Error)]
#[error("no field begins within {} KiB", LARGEST_HEAD >> 10)]
struct NoField;

impl Form {
    /// The form of a body, by what its content type says.
    pub fn of(content_type: &str, body: Body) -> Result<Self, Problem> {
        let boundary = multer::parse_boundary(content_type).map_err(|error| refused(&error))?;
        let head = Head::default();
        let pieces = Pieces { body: body.into_data_stream(), rest: Bytes::new(), pauses: false, head: head.clone() };
        Ok(Self { fields: Multipart::new(pieces, boundary), head })
    }

    /// The next field; what is left of the one before is passed over.
    pub async fn next_field(&mut self) -> Result<Option<Field<'static>>, multer::Error> {
        self.head.0.store(0, Relaxed);
        let field = self.fields.next_field().await;
        self.head.0.store(WITHIN, Relaxed);
        field
    }
}

/// Why a form cannot be read: its body, or its form.
pub fn refused(error: &multer::Error) -> Problem {
    match error {
        multer::Error::StreamReadFailed(cause) => match std::error::Error::source(cause.as_ref()) {
            Some(inner) if inner.is::<NoField>() => Problem::broken_body(inner),
            _ => fault(cause.as_ref()),
        },
        error => Problem::broken_body(error),
    }
}

/// The body in small pieces, with a pause after each: a compressed one would be there all at once.
struct Pieces {
    body: BodyDataStream,
    rest: Bytes,
    pauses: bool,
    head: Head,
}

impl Stream for Pieces {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.pauses) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.rest.is_empty() {
            match ready!(self.body.poll_next_unpin(context)) {
                Some(Ok(bytes)) => self.rest = bytes,
                other => return Poll::Ready(other),
            }
        }
        let length = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(length);
        self.pauses = true;
        let counted = self.head.0.load(Relaxed);
        if counted != WITHIN {
            if counted + length > LARGEST_HEAD {
                return Poll::Ready(Some(Err(axum::Error::new(NoField))));
            }
            self.head.0.store(counted + length, Relaxed);
        }
        Poll::Ready(Some(Ok(piece)))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;
    use crate::registry::error::in_one_line;

    async fn fields(pieces: Vec<Bytes>) -> Result<Vec<(String, usize)>, String> {
        let body = Body::from_stream(stream::iter(pieces.into_iter().map(Ok::<_, axum::Error>)));
        let mut form = Form::of("multipart/form-data; boundary=B", body).map_err(|_| "no form".to_owned())?;
        let mut found = Vec::new();
        while let Some(mut field) = form.next_field().await.map_err(|error| in_one_line(&error))? {
            let mut bytes = 0;
            while let Some(piece) = field.chunk().await.map_err(|error| in_one_line(&error))? {
                assert!(piece.len() <= 2 * PIECE, "{}", piece.len());
                bytes += piece.len();
            }
            found.push((field.name().unwrap_or_default().to_owned(), bytes));
        }
        Ok(found)
    }

    fn head(name: &str) -> Bytes {
        format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").into()
    }

    #[tokio::test]
    async fn fields_are_read_however_large_and_however_cut() {
        let large = vec![b'x'; 3_000_000];
        let whole: Bytes = [&head("a"), &large[..], b"\r\n", &head("b"), b"y\r\n--B--\r\n"].concat().into();
        let expected = Ok(vec![("a".to_owned(), 3_000_000), ("b".to_owned(), 1)]);
        assert_eq!(fields(vec![whole.clone()]).await, expected);
        let cut = whole.chunks(999).map(Bytes::copy_from_slice).collect();
        assert_eq!(fields(cut).await, expected);
    }

    #[tokio::test]
    async fn what_stands_before_a_field_is_small() {
        let endless = Bytes::from(vec![b'x'; 10_000_000]);
        for before in [Bytes::new(), Bytes::from("--B\r\nX: "), [&head("a")[..], b"a\r\n--B\r\nX: "].concat().into()] {
            let said = fields(vec![before, endless.clone()]).await.unwrap_err();
            assert!(said.contains("no field begins within 256 KiB"), "{said}");
        }
    }
}
