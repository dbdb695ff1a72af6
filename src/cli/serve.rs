//! `codif serve`: the page, the API and the operations port.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use crate::config::ServeOptions;
use crate::config::effective::Effective;
use crate::config::layers::ConfigurationFile;
use crate::http::server::Server;

/// What `codif serve` takes.
#[derive(Debug, clap::Args)]
pub struct ServeArguments {
    /// Configuration file (TOML); flags and environment variables win over it
    #[arg(long, env = "CODIF_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print the effective configuration, secrets hidden, and do not serve
    #[arg(long)]
    check_config: bool,
    #[command(flatten)]
    options: ServeOptions,
}

/// Serves until asked to stop; the exit status says how that went.
pub fn run(arguments: ServeArguments, file: &ConfigurationFile, effective: Effective) -> anyhow::Result<ExitCode> {
    let server = Server::new(arguments.options, &file.keys, effective.clone())?;
    if arguments.check_config {
        print!("{}", effective.to_toml());
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    let status = runtime.block_on(server.serve())?;
    runtime.shutdown_background();
    Ok(status)
}
