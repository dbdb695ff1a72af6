//! The two listeners, from opening to draining.

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::{App, operations, public};
use crate::config::ListenOptions;

/// Opens both ports and serves until SIGTERM or Ctrl-C; requests under way are finished first.
pub async fn serve(app: App, listen: &ListenOptions) -> anyhow::Result<()> {
    let public_listener = open(listen.listen, "--listen").await?;
    let operations_listener = open(listen.ops_listen, "--ops-listen").await?;
    let (address, operations_address) = (public_listener.local_addr()?, operations_listener.local_addr()?);
    tracing::info!(%address, %operations_address, "serving");
    eprintln!("codif: page and API on http://{address}, operations on http://{operations_address}");
    let public = axum::serve(public_listener, public(app.clone())).with_graceful_shutdown(stopped()?);
    let operations = axum::serve(operations_listener, operations(app)).with_graceful_shutdown(stopped()?);
    tokio::try_join!(public, operations)?;
    tracing::info!("stopped");
    Ok(())
}

async fn open(address: std::net::SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}: choose another with {flag}"))
}

fn stopped() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
