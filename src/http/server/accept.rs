//! The accept loop: bounded connections, a patient socket each, HTTP/1.1. (An ingress in front speaks HTTP/2 to the world
//! and HTTP/1.1 to codif: one protocol less to defend.)

use std::convert::Infallible;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use axum::BoxError;
use axum::body::Body;
use axum::http::{Request, Response};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::{Service, ServiceExt};

use super::lingering::LingeringBody;
use super::patience::{Attention, Awaiting, PatientStream};
use crate::config::PatienceOptions;
use crate::telemetry::Metrics;

/// Largest head of a request, in bytes: an address of 64 KiB and some headers.
const LARGEST_HEAD: usize = 72 << 10;

/// What one connection too many reads.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// A body that can be sent to a client.
pub trait Sendable: hyper::body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static {}

impl<B: hyper::body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static> Sendable for B {}

/// Something that answers requests, cheap to clone.
pub trait Answers:
    Service<Request<Body>, Response = Response<Self::Body>, Error = Infallible, Future: Send> + Clone + Send + 'static
{
    /// The bodies of its answers.
    type Body: Sendable;
}

impl<S, B> Answers for S
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible, Future: Send> + Clone + Send + 'static,
    B: Sendable,
{
    type Body = B;
}

/// Who answers on a listener, and within which bounds.
pub struct Reception<S> {
    /// The routes and all that surrounds them.
    pub service: S,
    /// Connections open at once.
    pub connections: usize,
    /// How long clients are waited for.
    pub patience: PatienceOptions,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// Whether its connections count in the metrics.
    pub counted: bool,
    /// Whether a connection is kept for further requests.
    pub keep_alive: bool,
}

impl<S: Answers> Reception<S> {
    /// Takes connections until `closed` turns true; those open then go on, and are watched by `open`.
    pub async fn receive(self, listener: TcpListener, mut closed: watch::Receiver<bool>, open: &GracefulShutdown) {
        let slots = Arc::new(Semaphore::new(self.connections));
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = closed.wait_for(|closed| *closed) => return,
            };
            match accepted {
                Ok((stream, _)) => match Arc::clone(&slots).try_acquire_owned() {
                    Ok(slot) => self.welcome(stream, slot, open.watcher()),
                    Err(_) => {
                        if self.counted {
                            self.metrics.shed("connections");
                        }
                        tokio::spawn(turn_away(stream));
                    }
                },
                // It concerned that connection alone.
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
                Err(error) => {
                    // Out of descriptors, most likely: those in use will come back.
                    tracing::warn!(%error, "a connection cannot be taken");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    fn welcome(&self, stream: TcpStream, slot: OwnedSemaphorePermit, watcher: Watcher) {
        // Answers are whole: there is nothing to wait for.
        let _ = stream.set_nodelay(true);
        let (stream, attention) = PatientStream::new(stream, self.patience.clone(), self.metrics.clone());
        let service = self.service.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            attention.turn_to(Awaiting::Answer);
            let request = request.map(|body| Body::new(LingeringBody::new(body, attention.clone())));
            let answer = service.clone().oneshot(request);
            let attention = attention.clone();
            async move {
                let answered = Answered(attention);
                // The body holds it, and drops it when the last byte is on its way.
                answer.await.map(|answer| answer.map(|body| body.map_err(move |error| answered.passing(error))))
            }
        });
        let connection = http1::Builder::new()
            .keep_alive(self.keep_alive)
            .max_buf_size(LARGEST_HEAD)
            .serve_connection(TokioIo::new(stream), service);
        let gauge = self.counted.then(|| self.metrics.connections.clone());
        gauge.iter().for_each(|gauge| gauge.inc());
        tokio::spawn(async move {
            if let Err(error) = watcher.watch(connection).await {
                tracing::debug!(%error, "a connection ended badly");
            }
            gauge.iter().for_each(|gauge| gauge.dec());
            drop(slot);
        });
    }
}

/// A request that is being answered; when it is dropped the next one is waited for.
struct Answered(Attention);

impl Answered {
    fn passing<E>(&self, error: E) -> E {
        error
    }
}

impl Drop for Answered {
    fn drop(&mut self) {
        self.0.turn_to(Awaiting::NextRequest);
    }
}

async fn turn_away(mut stream: TcpStream) {
    let refusal = async {
        stream.write_all(FULL).await?;
        stream.shutdown().await
    };
    // Whether the client reads it or not, it is gone after that.
    let _ = tokio::time::timeout(Duration::from_secs(1), refusal).await;
}
