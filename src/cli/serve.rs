//! `codif serve`: the page, the API and the operations port.

use std::sync::Arc;

use anyhow::Context;

use crate::config::{ListenOptions, ModelOptions};
use crate::http::App;
use crate::http::server::serve;
use crate::serving::Coders;
use crate::telemetry::{Metrics, start_logs};

/// What `codif serve` takes.
#[derive(Debug, clap::Args)]
pub struct ServeArguments {
    #[command(flatten)]
    listen: ListenOptions,
    #[command(flatten)]
    models: ModelOptions,
}

/// Serves until asked to stop.
pub fn run(arguments: ServeArguments) -> anyhow::Result<()> {
    start_logs();
    let coders = Coders::load(&arguments.models.registry, &arguments.models.models)?;
    let metrics = Metrics::new(&coders).context("cannot set up the metrics")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    runtime.block_on(serve(App { coders: Arc::new(coders), metrics }, &arguments.listen))
}
