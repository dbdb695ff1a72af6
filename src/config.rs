//! Every setting of the program, once: flag, environment variable, help text, default.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::registry::ModelReference;

/// Which models, and where they are kept. Every command that needs a model takes these alike.
#[derive(Clone, Debug, clap::Args)]
pub struct ModelOptions {
    /// Directory of the model registry
    #[arg(long, env = "CODIF_REGISTRY", default_value = "models", value_name = "DIRECTORY")]
    pub registry: PathBuf,
    /// Model to use: NAME, NAME@ALIAS or NAME:VERSION; repeatable [default: every model in production]
    #[arg(long = "model", env = "CODIF_MODELS", value_delimiter = ',', value_name = "NAME[@ALIAS|:VERSION]")]
    pub models: Vec<ModelReference>,
}

/// Where codif listens.
#[derive(Clone, Debug, clap::Args)]
pub struct ListenOptions {
    /// Address of the public port: page, /v1, /docs
    #[arg(long, env = "CODIF_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS:PORT")]
    pub listen: SocketAddr,
    /// Address of the operations port: /livez, /readyz, /metrics
    #[arg(long, env = "CODIF_OPS_LISTEN", default_value = "127.0.0.1:8081", value_name = "ADDRESS:PORT")]
    pub ops_listen: SocketAddr,
}
