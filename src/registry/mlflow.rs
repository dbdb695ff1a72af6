//! A registry in an MLflow tracking server, where others register their models too.
//!
//! A version of a registered model is one of codif's when its artefacts hold `manifest.json`, at their root or in
//! `codif/`. MLflow writes under no condition: what is there is read right before a write, and an alias right after it
//! too. That leaves an instant in which two who move the same alias do not see each other.

mod aliases;
mod answers;
mod artifacts;
mod client;
mod connection;
mod environment;
mod failure;
mod models;
mod proxy;
mod push;
mod sending;
mod uri;
mod versions;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

pub use environment::from_environment;

use super::error::RegistryError;
use super::s3::S3Settings;
use artifacts::Artifacts;
use client::Client;

/// A registry in an MLflow tracking server.
#[derive(Clone, Debug)]
pub struct Mlflow {
    client: Client,
    s3: S3Settings,
    /// The folder that holds the manifest, by where the artefacts of its version are. It is looked for once.
    folders: Arc<Mutex<HashMap<String, Artifacts>>>,
}

impl Mlflow {
    /// The registry in the tracking server at `url`; nothing is asked of it yet.
    ///
    /// Credentials are those of the address, else MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, else
    /// MLFLOW_TRACKING_TOKEN; they are sent to this server alone. HTTPS_PROXY, HTTP_PROXY and NO_PROXY are honoured.
    /// `s3` is for artefacts that are read straight from S3; its `ca` is trusted here too, else that of
    /// MLFLOW_TRACKING_SERVER_CERT_PATH, else that of AWS_CA_BUNDLE.
    pub fn open(url: &str, s3: &S3Settings) -> Result<Self, RegistryError> {
        let client = Client::open(url, s3.ca.as_deref())?;
        Ok(Self { client, s3: s3.clone(), folders: Arc::default() })
    }

    /// How messages name it: its address without credentials.
    pub fn place(&self) -> String {
        self.client.place().to_owned()
    }
}
