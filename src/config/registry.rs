//! Where models are kept, how they are reached there, and whose signature they need.

use std::path::PathBuf;

use crate::model::device::{DeviceChoice, DeviceError};
use crate::model::options::{KnownWordSums, LoadOptions};
use crate::model::signature::{PublicKey, Trust};
use crate::registry::s3::S3Settings;
use crate::registry::{ModelReference, RegistryLocation};

/// Which models, and where they are kept. Every command that needs a model takes these alike.
#[derive(Clone, Debug, clap::Args)]
pub struct ModelOptions {
    /// Where they are kept.
    #[command(flatten)]
    pub registry: RegistryOptions,
    /// Model to use: NAME, NAME@ALIAS or NAME:VERSION; repeatable [default: every model in production]
    #[arg(long = "model", env = "CODIF_MODELS", value_delimiter = ',', value_name = "NAME[@ALIAS|:VERSION]")]
    pub models: Vec<ModelReference>,
}

/// The model registry. Credentials of S3 are those of its own tools: AWS_ACCESS_KEY_ID and the like, a profile, a role.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Model registry")]
pub struct RegistryOptions {
    /// Model registry: a directory, s3://BUCKET/PREFIX or mlflow+http://HOST:PORT
    #[arg(long, env = "CODIF_REGISTRY", hide_env_values = true, default_value = "models", value_name = "REGISTRY")]
    pub registry: RegistryLocation,
    /// Directory for what is fetched from S3 or MLflow; codif starts from it when they are down [default: codif/models in the user's cache]
    #[arg(long, env = "CODIF_CACHE", value_name = "DIRECTORY")]
    pub cache: Option<PathBuf>,
    /// Take only versions signed by one of these ed25519 keys: a PEM file, or its text; repeatable
    #[arg(long, env = "CODIF_REQUIRE_SIGNATURE", value_name = "PUBLIC_KEY", value_parser = public_keys, value_delimiter = ',',
        allow_hyphen_values = true)]
    pub require_signature: Vec<PublicKeys>,
    /// Known words to sum with their sub-words when a model is loaded, for speed: all, off, as many as a size of memory holds, or
    /// auto: all, of a quantised model as many as its codes take memory
    #[arg(long, env = "CODIF_KNOWN_WORDS", default_value_t, value_name = "auto|all|off|SIZE")]
    pub known_words: KnownWordSums,
    /// Codings that each model keeps for activities that come again; 0: none
    #[arg(long, env = "CODIF_REPEATS", default_value_t = 0, value_name = "COUNT")]
    pub repeats: usize,
    /// Device that holds the weights of models and computes with them; CUDA needs a codif built with --features cuda
    #[arg(long, env = "CODIF_DEVICE", default_value_t, value_name = "cpu|cuda[:N]")]
    pub device: DeviceChoice,
    /// Address of an S3 server other than Amazon's [default: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, MLFLOW_S3_ENDPOINT_URL, AWS_S3_ENDPOINT]
    #[arg(id = "s3.endpoint", long = "s3-endpoint", env = "CODIF_S3_ENDPOINT", value_name = "URL")]
    pub s3_endpoint: Option<String>,
    /// Region of the bucket [default: AWS_REGION, AWS_DEFAULT_REGION, the profile's, us-east-1]
    #[arg(id = "s3.region", long = "s3-region", env = "CODIF_S3_REGION", value_name = "REGION")]
    pub s3_region: Option<String>,
    /// Whether the bucket stands in the path of the address [default: yes with an address of one's own]
    #[arg(id = "s3.path_style", long = "s3-path-style", env = "CODIF_S3_PATH_STYLE", value_name = "YES|NO",
        value_parser = super::yes_or_no)]
    pub s3_path_style: Option<bool>,
    /// PEM file of authorities trusted beside the system's, for S3 and MLflow [default: AWS_CA_BUNDLE]
    #[arg(id = "s3.ca", long = "s3-ca", env = "CODIF_S3_CA", value_name = "FILE")]
    pub s3_ca: Option<PathBuf>,
}

impl ModelOptions {
    /// Every model in production of a registry, all else as it is by default.
    pub fn in_production(registry: RegistryLocation) -> Self {
        Self { registry: RegistryOptions { registry, ..RegistryOptions::default() }, models: Vec::new() }
    }
}

impl Default for RegistryOptions {
    fn default() -> Self {
        Self {
            registry: RegistryLocation::Directory("models".into()),
            cache: None,
            require_signature: Vec::new(),
            known_words: KnownWordSums::default(),
            repeats: 0,
            device: DeviceChoice::default(),
            s3_endpoint: None,
            s3_region: None,
            s3_path_style: None,
            s3_ca: None,
        }
    }
}

impl RegistryOptions {
    /// How S3 is reached.
    pub fn s3(&self) -> S3Settings {
        S3Settings {
            endpoint: self.s3_endpoint.clone(),
            region: self.s3_region.clone(),
            path_style: self.s3_path_style,
            ca: self.s3_ca.clone(),
        }
    }

    /// Whose signature a version needs.
    pub fn trust(&self) -> Trust {
        Trust { keys: self.require_signature.iter().flat_map(|keys| keys.0.clone()).collect() }
    }

    /// How versions are loaded; this opens the device.
    pub fn load_options(&self) -> Result<LoadOptions, DeviceError> {
        let (trust, device) = (self.trust(), self.device.open()?);
        Ok(LoadOptions { trust, known_words: self.known_words, device, repeats: self.repeats })
    }

    /// The directory for what is fetched.
    pub fn cache(&self) -> PathBuf {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let of_user = || variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
        let default = || of_user().unwrap_or_else(std::env::temp_dir).join("codif/models");
        self.cache.clone().unwrap_or_else(default)
    }
}

/// The public keys of one PEM file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKeys(pub Vec<PublicKey>);

/// Public keys: the text of a PEM file, or where it is.
pub fn public_keys(text: &str) -> Result<PublicKeys, String> {
    if text.starts_with(PEM_BEGINS) {
        return parse_keys(text);
    }
    let pem = std::fs::read_to_string(text).map_err(|error| format!("cannot read {text}: {error}"))?;
    parse_keys(&pem).map_err(|error| format!("{text}: {error}"))
}

/// How a part of a PEM file begins.
const PEM_BEGINS: &str = "-----BEGIN";

fn parse_keys(pem: &str) -> Result<PublicKeys, String> {
    let parts = pem.split(PEM_BEGINS).skip(1).map(|part| PublicKey::from_pem(&format!("{PEM_BEGINS}{part}")));
    let keys: Vec<PublicKey> = parts.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    if keys.is_empty() { Err("there is no PEM in it".to_owned()) } else { Ok(PublicKeys(keys)) }
}
