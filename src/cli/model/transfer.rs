//! `codif model push`, `pull` and `verify`.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};

use super::signing::private_key;
use crate::coding::ModelVersion;
use crate::config::RegistryOptions;
use crate::model::bundle::{self, parse_manifest};
use crate::model::golden;
use crate::model::manifest::Manifest;
use crate::model::options::LoadOptions;
use crate::model::signature::Trust;
use crate::nomenclature::Nomenclatures;
use crate::registry::fetch::{Fetched, fetch};
use crate::registry::push::Push;
use crate::registry::{ModelReference, Registry, RegistryLocation, Selector};

/// A registry in a directory is made by what is first sent to it.
fn make_directory(location: &RegistryLocation) -> anyhow::Result<()> {
    if let RegistryLocation::Directory(root) = location {
        fs::create_dir_all(root).with_context(|| format!("cannot make the registry {}", root.display()))?;
    }
    Ok(())
}

/// A version named by its number.
pub fn by_number(reference: &ModelReference) -> anyhow::Result<ModelVersion> {
    match reference.selector {
        Selector::Version(version) => Ok(ModelVersion { name: reference.name.clone(), version }),
        _ => bail!("name the version by its number: {}:VERSION", reference.name),
    }
}

/// Verifies the version in a directory and sends it. Nothing is touched before it is seen to be right.
pub async fn push(
    options: &RegistryOptions,
    directory: &Path,
    name: &str,
    key: Option<&Path>,
    output: &mut dyn Write,
) -> anyhow::Result<()> {
    let key = key.map(private_key).transpose()?;
    let manifest = bundle::manifest(directory)?;
    bundle::load(directory, &Nomenclatures::embedded()?)?;
    make_directory(&options.registry)?;
    let registry = Registry::open(&options.registry, &options.s3()).await?;
    let bar = bytes_bar("sent", manifest.files.values().map(|file| file.bytes).sum());
    let push = Push { directory, manifest, name, key: key.as_ref() };
    let version = push.send(&registry, &|bytes| bar.inc(bytes)).await?;
    bar.finish_and_clear();
    Ok(writeln!(output, "{version}")?)
}

/// Fetches a version to a directory.
pub async fn pull(
    registry: &Registry,
    (reference, trust): (&ModelReference, &Trust),
    directory: &Path,
    output: &mut dyn Write,
) -> anyhow::Result<()> {
    if directory.file_name().is_none() {
        bail!("{} has no name of its own: name the directory to make", directory.display());
    }
    let version = registry.resolve(reference).await?;
    let manifest = registry.manifest(&version).await?;
    let same = fs::read(directory.join(Manifest::FILE)).is_ok_and(|found| found == manifest);
    if !same && fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("{} holds other files: name a directory that is not there, or empty", directory.display());
    }
    let bytes = parse_manifest(&manifest)?.files.values().map(|file| file.bytes).sum();
    let bar = bytes_bar("fetched", bytes);
    let fetched = fetch(registry, &version, directory, trust, &|bytes| bar.inc(bytes)).await?;
    bar.finish_and_clear();
    if fetched == Fetched::Before {
        bundle::check_files(directory)
            .with_context(|| format!("{} holds a damaged copy: remove it, then pull again", directory.display()))?;
    }
    Ok(writeln!(output, "{version} in {}", directory.display())?)
}

/// Checks a version as a server would.
pub async fn verify(
    registry: &Registry,
    reference: &ModelReference,
    trust: &Trust,
    output: &mut dyn Write,
) -> anyhow::Result<()> {
    let version = registry.resolve(reference).await?;
    let temporary = tempfile::tempdir().context("no temporary directory")?;
    let directory = match registry.local(&version) {
        Some(directory) => {
            registry.manifest(&version).await?;
            directory
        }
        None => {
            let directory = temporary.path().join(version.version.to_string());
            fetch(registry, &version, &directory, trust, &|_| ()).await?;
            directory
        }
    };
    let options = LoadOptions { trust: trust.clone(), ..LoadOptions::default() };
    let coder = bundle::load_as(&directory, Some(&version), &options, &Nomenclatures::embedded()?)?;
    let manifest = bundle::manifest(&directory)?;
    let cases = fs::read_to_string(directory.join(golden::FILE))?.lines().count();
    let (files, labels) = (manifest.files.len(), coder.labels.len());
    let signed = if trust.keys.is_empty() { "its signature was not asked for" } else { "its signature is right" };
    Ok(writeln!(output, "{version} is right: {files} files, {labels} labels, {cases} golden cases; {signed}")?)
}

/// A bar of bytes, on a terminal.
fn bytes_bar(what: &str, bytes: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bytes}/{total_bytes} {msg} [{bar:40}] {bytes_per_sec}, {eta} left");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ");
    ProgressBar::new(bytes).with_style(style).with_message(what.to_owned())
}
