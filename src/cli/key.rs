//! `codif key new`: an API key, shown once, and what the configuration file keeps of it.

use std::io::Write;

use clap::{Args, Subcommand};
use rand::TryRng;

use crate::config::keys::{KeyEntry, Scope, digest};

/// What `codif key` takes.
#[derive(Debug, Args)]
pub struct KeyArguments {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Make a key: it is shown once, the configuration file keeps its digest alone
    New {
        /// Who will use it; this name is in the log of each of its requests
        name: String,
        /// What it may be used for; repeatable
        #[arg(long = "scope", value_enum, default_values_t = [Scope::Code], value_delimiter = ',')]
        scopes: Vec<Scope>,
        /// Most requests a second; no limit by default
        #[arg(long)]
        rate: Option<std::num::NonZeroU32>,
    },
}

/// Makes and prints a key.
pub fn run(arguments: &KeyArguments, output: &mut dyn Write) -> anyhow::Result<()> {
    let KeyCommand::New { name, scopes, rate } = &arguments.command;
    let mut random = [0; 32];
    rand::rngs::SysRng.try_fill_bytes(&mut random)?;
    let key = format!("codif_{}", hex::encode(random));
    let entry = KeyEntry { name: name.clone(), sha256: hex::encode(digest(&key)), scopes: scopes.clone(), rate: *rate };
    eprintln!("The key, shown this once (send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`):");
    writeln!(output, "{key}")?;
    output.flush()?;
    eprintln!("\nFor the configuration file of `codif serve --config FILE`:\n\n[[keys]]\n{}", toml::to_string(&entry)?);
    Ok(())
}
