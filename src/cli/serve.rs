//! `codif serve`: the page, the API and the operations port.

use crate::config::{ListenOptions, ModelOptions};
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
    let _ = arguments;
    anyhow::bail!("not yet")
}
