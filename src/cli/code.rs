//! `codif code`
use std::io::Write;
#[derive(Debug, clap::Args)]
pub struct CodeArguments {}
pub fn run(_: CodeArguments, _: &mut dyn Write) -> anyhow::Result<std::process::ExitCode> {
    anyhow::bail!("not yet")
}
