//! The two listeners, from the checks before the start to the exit status.

pub mod accept;
pub mod lingering;
pub mod patience;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::admin::Following;
use super::auth::Access;
use super::lifecycle::{Lifecycle, Phase};
use super::operations::{self, Operations};
use super::{Application, public};
use crate::config::effective::Effective;
use crate::config::keys::KeyEntry;
use crate::config::{ReloadOptions, ServeOptions};
use crate::jobs::opening::Opening;
use crate::jobs::workers::Workers;
use crate::serving::Coders;
use crate::serving::loading::Loader;
use crate::serving::reload::{Followed, Reloader};
use crate::serving::start::start;
use crate::serving::status::Role;
use crate::telemetry::{Metrics, start_logs};
use accept::{Answers, Reception, Sendable};

/// The exit status when requests under way were cut at the deadline.
const CUT: u8 = 3;
/// Connections open at once on the operations port.
const OPERATIONS_CONNECTIONS: usize = 256;
/// Descriptors kept for everything but the connections of the public port.
const DESCRIPTORS_KEPT: usize = 512;

/// A server that may start.
pub struct Server {
    options: ServeOptions,
    access: Access,
    configuration: Effective,
    jobs: Option<Opening>,
}

impl Server {
    /// Checks who may call what, and where jobs are to be, before anything is opened.
    pub fn new(options: ServeOptions, keys: &[KeyEntry], configuration: Effective) -> anyhow::Result<Self> {
        let access = Access::new(&options.auth, keys, &options.listen)?;
        let jobs = Opening::of(&options)?;
        Ok(Self { options, access, configuration, jobs })
    }

    /// Opens both ports, loads the models and serves until SIGTERM or Ctrl-C. The operations port answers from the start
    /// to the end, so that a slow start or a long drain can be seen.
    pub async fn serve(mut self) -> anyhow::Result<ExitCode> {
        let telemetry = start_logs(&self.options.telemetry)?;
        let metrics = Arc::new(Metrics::new().context("cannot set up the metrics")?);
        let lifecycle = Lifecycle::default();
        let following = Following::default();
        let mut signals = Signals::listen()?;
        let hang_ups = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
        let public_listener = open(self.options.listen.listen, "--listen").await?;
        let operations_listener = open(self.options.listen.ops_listen, "--ops-listen").await?;
        let (address, operations_address) = (public_listener.local_addr()?, operations_listener.local_addr()?);

        let operations = Operations {
            lifecycle: lifecycle.clone(),
            following: following.clone(),
            metrics: metrics.clone(),
            log: telemetry.writer(),
            configuration: self.configuration.clone(),
        };
        let (close_operations, operations_closed) = watch::channel(false);
        let operations = Reception {
            service: operations::router(operations, &self.access),
            connections: OPERATIONS_CONNECTIONS,
            patience: self.options.patience.clone(),
            metrics: metrics.clone(),
            counted: false,
            keep_alive: false,
        };
        let operations = tokio::spawn(async move {
            let open = GracefulShutdown::new();
            operations.receive(operations_listener, operations_closed, &open).await;
        });

        let loader = Loader::open(&self.options.models.registry).await?;
        let (coders, mut followed) = tokio::select! {
            started = self.start(&loader, &lifecycle) => started?,
            () = signals.stop() => return Ok(ExitCode::SUCCESS),
        };
        let coders = Arc::new(coders);
        followed.extend(on_trial(&self.options.reload));
        let keep = self.options.reload.keep_previous;
        let reloader = Arc::new(Reloader::new(loader, Arc::clone(&coders), followed, metrics.clone(), keep)?);
        following.0.get_or_init(|| Arc::clone(&reloader));
        tokio::spawn(Arc::clone(&reloader).follow(self.options.reload.interval));
        tokio::spawn(look_at_hang_ups(hang_ups, reloader));
        let mut app = Application::new(&self.options, self.access.clone(), Arc::clone(&coders), metrics.clone())?;
        let workers = match self.jobs.take() {
            Some(opening) => Some(Workers::start(opening, &coders, &metrics).await?),
            None => None,
        };
        app.jobs = workers.as_ref().map(Workers::desks);
        let reception = Reception {
            service: public(Arc::new(app)),
            connections: connections_allowed(self.options.limits.connections),
            patience: self.options.patience.clone(),
            metrics: metrics.clone(),
            counted: true,
            keep_alive: true,
        };
        lifecycle.enter(Phase::Ready);
        tracing::info!(%address, %operations_address, "serving");
        eprintln!("codif: page and API on http://{address}, operations on http://{operations_address}");

        let stop_jobs = workers.as_ref().map(Workers::stopper);
        let status =
            self.receive_until_stopped(reception, public_listener, (&lifecycle, stop_jobs), &mut signals).await;
        if let Some(workers) = workers {
            workers.stop().await;
        }
        close_operations.send_replace(true);
        let _ = operations.await;
        Ok(status)
    }

    async fn start(&self, loader: &Loader, lifecycle: &Lifecycle) -> anyhow::Result<(Coders, Vec<Followed>)> {
        let waits = |reason: &str| lifecycle.enter(Phase::Starting(Some(reason.to_owned())));
        let wanted = &self.options.sirene.nomenclature;
        let is_known = loader.nomenclatures().nomenclature(wanted).is_ok();
        // A model of free labels has a nomenclature of its own, by its name.
        let may_be_free = self.options.models.models.iter().any(|model| model.name == *wanted);
        if !is_known && !may_be_free {
            anyhow::bail!("there is no nomenclature {wanted:?}: check --sirene-nomenclature");
        }
        Ok(start(loader, &self.options.models.models, waits).await?)
    }

    async fn receive_until_stopped(
        &self,
        reception: Reception<impl Answers<Body = impl Sendable> + Sync>,
        listener: TcpListener,
        (lifecycle, stop_jobs): (&Lifecycle, Option<watch::Sender<bool>>),
        signals: &mut Signals,
    ) -> ExitCode {
        let (close, closed) = watch::channel(false);
        let open = Arc::new(GracefulShutdown::new());
        let receiving = tokio::spawn({
            let open = Arc::clone(&open);
            async move { reception.receive(listener, closed, &open).await }
        });
        signals.stop().await;
        lifecycle.enter(Phase::Draining);
        if let Some(stop) = stop_jobs {
            stop.send_replace(true);
        }
        tokio::select! {
            () = sleep(self.options.drain.delay) => {}
            () = signals.stop() => {}
        }
        close.send_replace(true);
        let _ = receiving.await;
        let Some(open) = Arc::into_inner(open) else { return ExitCode::FAILURE };
        let drained = tokio::select! {
            // When nothing is under way a further signal changes nothing.
            biased;
            drained = timeout(self.options.drain.deadline, open.shutdown()) => drained.is_ok(),
            () = signals.stop() => false,
        };
        if drained {
            tracing::info!("stopped: every request was answered");
            return ExitCode::SUCCESS;
        }
        tracing::warn!("stopped: requests under way were cut at the deadline");
        ExitCode::from(CUT)
    }
}

/// The versions that accompany those in service.
fn on_trial(options: &ReloadOptions) -> impl Iterator<Item = Followed> {
    let shadows = options.shadow.iter().map(|model| Followed::new(model.clone(), Role::Shadow, options.shadow_rate));
    shadows.chain(options.canary.iter().map(|(model, share)| Followed::new(model.clone(), Role::Canary, *share)))
}

/// Looks at the registry at each SIGHUP.
async fn look_at_hang_ups(mut hang_ups: Signal, reloader: Arc<Reloader>) {
    while hang_ups.recv().await.is_some() {
        let _ = reloader.look(None, true).await;
    }
}

/// As many connections as the system has descriptors for, less those that codif needs itself.
fn connections_allowed(wanted: usize) -> usize {
    let descriptors = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(1024);
    let possible = usize::try_from(descriptors).unwrap_or(usize::MAX).saturating_sub(DESCRIPTORS_KEPT).max(1);
    if possible < wanted {
        tracing::warn!(wanted, possible, "the system gives fewer descriptors than limits.connections asks for");
    }
    wanted.min(possible)
}

async fn open(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}: choose another with {flag}"))
}

/// What asks codif to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        let terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let interrupt = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
        Ok(Self { terminate, interrupt })
    }

    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
