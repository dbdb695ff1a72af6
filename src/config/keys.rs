//! Named API keys: what the configuration file keeps of them.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The public port: page, /v1, the Sirene routes, /docs.
    Code,
    /// The reviews of the manual coders.
    Review,
    /// `/metrics` on the operations port.
    Metrics,
    /// `/admin` on the operations port.
    Admin,
}

/// One `[[keys]]` table of the configuration file. The key itself is 256 random bits, so that a plain SHA-256 keeps it:
/// there is nothing to guess, and nothing to slow down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyEntry {
    /// Who uses it.
    pub name: String,
    /// SHA-256 of the key, in hexadecimal.
    pub sha256: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// Most requests a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<NonZeroU32>,
}

impl KeyEntry {
    /// The table without its digest.
    pub fn summary(&self) -> String {
        let hidden = Self { sha256: "***".to_owned(), ..self.clone() };
        toml::to_string(&hidden).unwrap_or_default().trim_end().to_owned()
    }
}

/// SHA-256 of a secret.
pub fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}
