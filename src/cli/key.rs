//! `codif key new`: an API key, shown once, and what the configuration file keeps of it. `codif key signing`: a pair of keys for
//! model versions.

use std::fs::{File, remove_file};
use std::io::Write;
use std::num::NonZeroU32;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use rand::TryRng;

use crate::config::keys::{KeyEntry, Scope, digest};
use crate::model::signature::SigningKey;

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
        rate: Option<NonZeroU32>,
    },
    /// Make an ed25519 pair that signs model versions: FILE, to be kept secret, and FILE.pub, for --require-signature
    Signing {
        /// Where the private key goes; a file that is not there
        file: PathBuf,
    },
}

/// Makes a key.
pub fn run(arguments: &KeyArguments, output: &mut dyn Write) -> anyhow::Result<()> {
    match &arguments.command {
        KeyCommand::New { name, scopes, rate } => new(name, scopes, *rate, output),
        KeyCommand::Signing { file } => signing(file, output),
    }
}

fn signing(file: &Path, output: &mut dyn Write) -> anyhow::Result<()> {
    let mut random = [0; 32];
    rand::rngs::SysRng.try_fill_bytes(&mut random)?;
    let key = SigningKey::new(&random);
    let public = PathBuf::from(format!("{}.pub", file.display()));
    // Never over a key that is there: what it signed could not be signed again. Both files or none.
    let make = |path: &Path, mode: u32, pem: &str| {
        let made = File::options().write(true).create_new(true).mode(mode).open(path);
        let mut made = made.with_context(|| format!("cannot make {}", path.display()))?;
        let written = made.write_all(pem.as_bytes()).and_then(|()| made.sync_all());
        written.inspect_err(|_| drop(remove_file(path))).with_context(|| format!("cannot write {}", path.display()))
    };
    make(file, 0o600, &key.to_pem()?)?;
    make(&public, 0o644, &key.public().to_pem()?).inspect_err(|_| drop(remove_file(file)))?;
    writeln!(output, "{}", public.display())?;
    Ok(())
}

fn new(name: &str, scopes: &[Scope], rate: Option<NonZeroU32>, output: &mut dyn Write) -> anyhow::Result<()> {
    let mut random = [0; 32];
    rand::rngs::SysRng.try_fill_bytes(&mut random)?;
    let key = format!("codif_{}", hex::encode(random));
    let entry = KeyEntry { name: name.to_owned(), sha256: hex::encode(digest(&key)), scopes: scopes.to_vec(), rate };
    eprintln!("The key, shown this once (send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`):");
    writeln!(output, "{key}")?;
    output.flush()?;
    eprintln!("\nFor the configuration file of `codif serve --config FILE`:\n\n[[keys]]\n{}", toml::to_string(&entry)?);
    Ok(())
}
