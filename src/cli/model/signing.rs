//! `codif model sign`.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};

use crate::model::bundle::parse_manifest;
use crate::model::signature::{SIGNATURE_FILE, SigningKey};
use crate::registry::{ModelReference, Registry};

/// Signs the manifest of a version.
pub async fn sign(
    registry: &Registry,
    reference: &ModelReference,
    key: &Path,
    output: &mut dyn Write,
) -> anyhow::Result<()> {
    let key = private_key(key)?;
    let version = registry.resolve(reference).await?;
    let manifest = registry.manifest(&version).await?;
    let own = parse_manifest(&manifest)?;
    if (own.name.as_str(), own.version) != (version.name.as_str(), version.version) {
        // Its signature would say so, and be refused.
        bail!(
            "the manifest of {version} says that it is {}:{}: push it, which writes its name and number",
            own.name,
            own.version
        );
    }
    registry.put(&version, SIGNATURE_FILE, key.sign(&manifest)).await?;
    Ok(writeln!(output, "{version} is signed")?)
}

/// A private key from its file.
pub fn private_key(path: &Path) -> anyhow::Result<SigningKey> {
    let pem = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    SigningKey::from_pem(&pem).with_context(|| path.display().to_string())
}
