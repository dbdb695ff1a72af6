//! A socket that does not wait for ever: not for the first byte, nor for the rest of a head, nor for the next request,
//! nor for a client that does not read. (The time for a body is counted where bodies are read.)

use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::config::PatienceOptions;
use crate::telemetry::Metrics;

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaiting {
    /// The first byte of the connection.
    FirstByte,
    /// The rest of a request's head.
    Head,
    /// Nothing from the client: its request is being answered.
    Answer,
    /// The first byte of the next request.
    NextRequest,
}

/// What a connection waits for, known to the socket, to the service behind it and to the bodies of its requests.
#[derive(Clone)]
pub struct Attention(Arc<Mutex<State>>);

#[derive(Clone, Copy)]
struct State {
    awaiting: Awaiting,
    since: Instant,
    /// Whether the rest of a refused body is being taken in.
    lingering: bool,
}

impl Attention {
    fn new() -> Self {
        let state = State { awaiting: Awaiting::FirstByte, since: Instant::now(), lingering: false };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Says what is waited for from now on.
    pub fn turn_to(&self, awaiting: Awaiting) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (state.awaiting, state.since) = (awaiting, Instant::now());
    }

    /// Says that the rest of a body is being taken in, or no longer.
    pub fn linger(&self, lingering: bool) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (state.lingering, state.since) = (lingering, Instant::now());
    }

    fn now(&self) -> State {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The socket of a client.
pub struct PatientStream {
    stream: TcpStream,
    patience: PatienceOptions,
    attention: Attention,
    metrics: Arc<Metrics>,
    reading_until: Option<Pin<Box<Sleep>>>,
    writing: bool,
    writing_until: Option<Pin<Box<Sleep>>>,
}

impl PatientStream {
    /// The socket, and the handle by which the service says when it has a request and when it has answered.
    pub fn new(stream: TcpStream, patience: PatienceOptions, metrics: Arc<Metrics>) -> (Self, Attention) {
        let attention = Attention::new();
        let stream = Self {
            stream,
            patience,
            attention: attention.clone(),
            metrics,
            reading_until: None,
            writing: false,
            writing_until: None,
        };
        (stream, attention)
    }

    /// Nothing to read yet: is the client's time over?
    fn keep_waiting(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        loop {
            let State { awaiting, since, lingering } = self.attention.now();
            let (patience, name) = match awaiting {
                _ if lingering => (self.patience.idle, "next_request"),
                Awaiting::FirstByte => (self.patience.first_byte, "first_byte"),
                Awaiting::Head => (self.patience.head, "head"),
                // While a request is being answered nothing is waited for. The timer runs all the same: it wakes this
                // connection after the answer, when nobody else may.
                Awaiting::Answer | Awaiting::NextRequest => (self.patience.idle, "next_request"),
            };
            arm(&mut self.reading_until, since + patience);
            ready!(expired(&mut self.reading_until, context));
            if awaiting == Awaiting::Answer || lingering {
                self.attention.turn_to(awaiting);
            } else {
                self.metrics.timed_out(name);
                let reason = format!("the client kept codif waiting: {name}");
                return Poll::Ready(Err(Error::new(ErrorKind::TimedOut, reason)));
            }
        }
    }

    fn written<T>(&mut self, result: Poll<Result<T>>, context: &mut Context<'_>) -> Poll<Result<T>> {
        if result.is_ready() {
            self.writing = false;
            return result;
        }
        if !self.writing {
            self.writing = true;
            arm(&mut self.writing_until, Instant::now() + self.patience.write);
        }
        expired(&mut self.writing_until, context).map(|()| {
            self.metrics.timed_out("reader");
            Err(Error::new(ErrorKind::TimedOut, "the client does not read its answer"))
        })
    }
}

fn arm(timer: &mut Option<Pin<Box<Sleep>>>, deadline: Instant) {
    match timer {
        Some(timer) if timer.deadline() == deadline => {}
        Some(timer) => timer.as_mut().reset(deadline),
        None => *timer = Some(Box::pin(sleep_until(deadline))),
    }
}

fn expired(timer: &mut Option<Pin<Box<Sleep>>>, context: &mut Context<'_>) -> Poll<()> {
    timer.as_mut().map_or(Poll::Pending, |timer| timer.as_mut().poll(context))
}

impl AsyncRead for PatientStream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Pending => self.keep_waiting(context),
            Poll::Ready(result) => {
                let State { awaiting, lingering, .. } = self.attention.now();
                if !lingering
                    && buffer.filled().len() > before
                    && matches!(awaiting, Awaiting::FirstByte | Awaiting::NextRequest)
                {
                    self.attention.turn_to(Awaiting::Head);
                }
                Poll::Ready(result)
            }
        }
    }
}

impl AsyncWrite for PatientStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(result, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.written(result, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
