//! Every setting of the program, once: key of the file, flag, environment variable, help text, default.
//!
//! The id of a setting is its key in the configuration file (`limits.connections`); its flag and its variable are the
//! same words (`--limits-connections`, `CODIF_LIMITS_CONNECTIONS`), but for the variables of the service before codif
//! (`AUTH_API`, `API_…`), `CODIF_MODELS`, `CODIF_LOG` and `OTEL_EXPORTER_OTLP_ENDPOINT`. A flag wins over the environment, the environment over the file ([`layers`]).

pub mod effective;
pub mod jobs;
pub mod keys;
pub mod layers;
pub mod registry;
pub mod secret;

use std::net::SocketAddr;
use std::time::Duration;

use bytesize::ByteSize;

use crate::registry::ModelReference;
pub use registry::{ModelOptions, RegistryOptions};
use secret::Secret;

/// All that `codif serve` is told.
#[derive(Clone, Debug, clap::Args)]
pub struct ServeOptions {
    /// Where it listens.
    #[command(flatten)]
    pub listen: ListenOptions,
    /// Which models it serves.
    #[command(flatten)]
    pub models: ModelOptions,
    /// How it follows the registry.
    #[command(flatten)]
    pub reload: ReloadOptions,
    /// The Sirene routes.
    #[command(flatten)]
    pub sirene: SireneOptions,
    /// Files coded in the background.
    #[command(flatten)]
    pub jobs: jobs::JobOptions,
    /// Who may call.
    #[command(flatten)]
    pub auth: AuthOptions,
    /// How much is taken at once.
    #[command(flatten)]
    pub limits: LimitOptions,
    /// How long clients are waited for.
    #[command(flatten)]
    pub patience: PatienceOptions,
    /// How it stops.
    #[command(flatten)]
    pub drain: DrainOptions,
    /// What is told about the work.
    #[command(flatten)]
    pub telemetry: TelemetryOptions,
}

/// Where codif listens.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Listening")]
pub struct ListenOptions {
    /// Address of the public port: page, /v1, the Sirene routes, /docs
    #[arg(long, env = "CODIF_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS:PORT")]
    pub listen: SocketAddr,
    /// Address of the operations port: /livez, /readyz, /startupz, /metrics, /admin
    #[arg(long, env = "CODIF_OPS_LISTEN", default_value = "127.0.0.1:8081", value_name = "ADDRESS:PORT")]
    pub ops_listen: SocketAddr,
    /// Listen on an address that is not loopback without asking anybody who they are
    #[arg(long, env = "CODIF_INSECURE", value_name = "YES|NO", default_value = "no", num_args = 0..=1,
        require_equals = true, default_missing_value = "yes", value_parser = yes_or_no)]
    pub insecure: bool,
    /// Origins whose pages may call the API from a browser; none by default
    #[arg(
        id = "cors.origins",
        long = "cors-origins",
        env = "CODIF_CORS_ORIGINS",
        value_delimiter = ',',
        value_name = "ORIGIN",
        value_parser = origin
    )]
    pub cors_origins: Vec<String>,
}

/// How codif follows the registry, and what it tries beside what is in service.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Following the registry")]
pub struct ReloadOptions {
    /// Time between two looks at where the aliases point; 0s never looks
    #[arg(id = "reload.interval", long = "reload-interval", env = "CODIF_RELOAD_INTERVAL", default_value = "30s",
        value_name = "DURATION", value_parser = duration)]
    pub interval: Duration,
    /// How long the version before stays in memory, for a rollback at once
    #[arg(id = "reload.keep_previous", long = "reload-keep-previous", env = "CODIF_RELOAD_KEEP_PREVIOUS",
        default_value = "1h", value_name = "DURATION", value_parser = duration)]
    pub keep_previous: Duration,
    /// Version that sees what the one in service codes, and answers nothing; repeatable
    #[arg(
        id = "shadow.models",
        long = "shadow",
        env = "CODIF_SHADOW",
        value_delimiter = ',',
        value_name = "NAME@ALIAS"
    )]
    pub shadow: Vec<ModelReference>,
    /// Share of the activities that it sees, 0 to 1
    #[arg(id = "shadow.rate", long = "shadow-rate", env = "CODIF_SHADOW_RATE", default_value_t = 1.0,
        value_name = "RATE", value_parser = ratio)]
    pub shadow_rate: f64,
    /// Version that answers a share of the activities, chosen by their ids; repeatable
    #[arg(id = "canary", long = "canary", env = "CODIF_CANARY", value_delimiter = ',',
        value_name = "NAME@ALIAS=SHARE", value_parser = canary)]
    pub canary: Vec<(ModelReference, f64)>,
}

/// The routes of the Sirene contract.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Sirene routes")]
pub struct SireneOptions {
    /// Nomenclature in which /predict and the other Sirene routes answer
    #[arg(
        id = "sirene.nomenclature",
        long = "sirene-nomenclature",
        env = "CODIF_SIRENE_NOMENCLATURE",
        default_value = "naf2008",
        value_name = "ID"
    )]
    pub nomenclature: String,
    /// Round probabilities to so many decimals, as the service before did (2), for a side-by-side migration
    #[arg(id = "sirene.round", long = "sirene-round", env = "CODIF_SIRENE_ROUND", value_name = "DECIMALS",
        value_parser = clap::value_parser!(u8).range(0..=15))]
    pub round: Option<u8>,
}

/// Who may call. API keys are tables of the file: see `codif key new`.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Authentication")]
pub struct AuthOptions {
    /// Ask for HTTP Basic (or an API key) on every route of the public port
    #[arg(id = "auth.basic", long = "auth-basic", env = "AUTH_API", value_name = "YES|NO", default_value = "no",
        num_args = 0..=1, require_equals = true, default_missing_value = "yes", value_parser = yes_or_no)]
    pub basic: bool,
    /// User name of HTTP Basic
    #[arg(
        id = "auth.username",
        long = "auth-username",
        env = "API_USERNAME",
        hide_env_values = true,
        value_name = "NAME"
    )]
    pub username: Option<Secret>,
    /// Password of HTTP Basic; prefer the environment or the file, a command line can be read by others
    #[arg(id = "auth.password", long = "auth-password", env = "API_PASSWORD", hide_env_values = true)]
    pub password: Option<Secret>,
}

/// How much is taken at once.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitOptions {
    /// Connections open at once on the public port; one more is answered 503 and closed
    #[arg(
        id = "limits.connections",
        long = "limits-connections",
        env = "CODIF_LIMITS_CONNECTIONS",
        default_value_t = 4096,
        value_name = "NUMBER",
        value_parser = positive
    )]
    pub connections: usize,
    /// Largest body on /v1, once inflated
    #[arg(
        id = "limits.body",
        long = "limits-body",
        env = "CODIF_LIMITS_BODY",
        default_value = "16MiB",
        value_name = "SIZE"
    )]
    pub body: ByteSize,
    /// Largest body on the Sirene routes, once inflated
    #[arg(
        id = "limits.sirene_body",
        long = "limits-sirene-body",
        env = "CODIF_LIMITS_SIRENE_BODY",
        default_value = "64MiB",
        value_name = "SIZE"
    )]
    pub sirene_body: ByteSize,
    /// Most activities in a request on /v1
    #[arg(
        id = "limits.activities",
        long = "limits-activities",
        env = "CODIF_LIMITS_ACTIVITIES",
        default_value_t = 10_000,
        value_name = "NUMBER",
        value_parser = positive
    )]
    pub activities: usize,
    /// Most activities in a request on the Sirene routes
    #[arg(
        id = "limits.sirene_activities",
        long = "limits-sirene-activities",
        env = "CODIF_LIMITS_SIRENE_ACTIVITIES",
        default_value_t = 50_000,
        value_name = "NUMBER",
        value_parser = positive
    )]
    pub sirene_activities: usize,
    /// Longest text of an activity, in characters: an error on /v1, cut on the Sirene routes
    #[arg(
        id = "limits.text",
        long = "limits-text",
        env = "CODIF_LIMITS_TEXT",
        default_value_t = 10_000,
        value_name = "CHARACTERS",
        value_parser = positive
    )]
    pub text: usize,
    /// Deepest nesting of a JSON body
    #[arg(
        id = "limits.json_depth",
        long = "limits-json-depth",
        env = "CODIF_LIMITS_JSON_DEPTH",
        default_value_t = 32,
        value_name = "LEVELS",
        value_parser = positive
    )]
    pub json_depth: usize,
    /// Activities in work at once, over all requests; beyond it 429. A request alone is always admitted
    #[arg(
        id = "limits.concurrent_activities",
        long = "limits-concurrent-activities",
        env = "CODIF_LIMITS_CONCURRENT_ACTIVITIES",
        default_value_t = 100_000,
        value_name = "NUMBER",
        value_parser = positive
    )]
    pub concurrent_activities: usize,
    /// Bytes of bodies and answers held at once, over all requests; beyond it 429. A request alone is always admitted
    #[arg(
        id = "limits.memory",
        long = "limits-memory",
        env = "CODIF_LIMITS_MEMORY",
        default_value = "512MiB",
        value_name = "SIZE"
    )]
    pub memory: ByteSize,
}

/// How long a client is waited for.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Patience")]
pub struct PatienceOptions {
    /// For the first byte of a new connection
    #[arg(id = "patience.first_byte", long = "patience-first-byte", env = "CODIF_PATIENCE_FIRST_BYTE",
        default_value = "10s", value_name = "DURATION", value_parser = duration)]
    pub first_byte: Duration,
    /// For the rest of a request's head
    #[arg(id = "patience.head", long = "patience-head", env = "CODIF_PATIENCE_HEAD", default_value = "10s",
        value_name = "DURATION", value_parser = duration)]
    pub head: Duration,
    /// For a request's whole body
    #[arg(id = "patience.body", long = "patience-body", env = "CODIF_PATIENCE_BODY", default_value = "30s",
        value_name = "DURATION", value_parser = duration)]
    pub body: Duration,
    /// For the next request on a connection kept alive
    #[arg(id = "patience.idle", long = "patience-idle", env = "CODIF_PATIENCE_IDLE", default_value = "75s",
        value_name = "DURATION", value_parser = duration)]
    pub idle: Duration,
    /// For a client that does not read its answer
    #[arg(id = "patience.write", long = "patience-write", env = "CODIF_PATIENCE_WRITE", default_value = "30s",
        value_name = "DURATION", value_parser = duration)]
    pub write: Duration,
}

/// How codif stops.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Stopping")]
pub struct DrainOptions {
    /// Time between "not ready" and the last connection taken, for load balancers to notice
    #[arg(id = "drain.delay", long = "drain-delay", env = "CODIF_DRAIN_DELAY", default_value = "0s",
        value_name = "DURATION", value_parser = duration)]
    pub delay: Duration,
    /// Time given to requests under way; those that need longer are cut and the exit status says so
    #[arg(id = "drain.deadline", long = "drain-deadline", env = "CODIF_DRAIN_DEADLINE", default_value = "25s",
        value_name = "DURATION", value_parser = duration)]
    pub deadline: Duration,
}

/// What is told about the work.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Telemetry")]
pub struct TelemetryOptions {
    /// What is logged, as in "info" or "warn,codif=debug"
    #[arg(
        id = "telemetry.log",
        long = "telemetry-log",
        env = "CODIF_LOG",
        default_value = "info",
        value_name = "FILTER"
    )]
    pub log: String,
    /// Where traces are sent (OTLP over HTTP), such as http://127.0.0.1:4318; nowhere by default
    #[arg(
        id = "telemetry.otlp_endpoint",
        long = "telemetry-otlp-endpoint",
        env = "OTEL_EXPORTER_OTLP_ENDPOINT",
        value_name = "URL"
    )]
    pub otlp_endpoint: Option<String>,
    /// Share of the requests without a traceparent that are traced, 0 to 1
    #[arg(id = "telemetry.trace_ratio", long = "telemetry-trace-ratio", env = "CODIF_TELEMETRY_TRACE_RATIO",
        default_value_t = 1.0, value_name = "RATIO", value_parser = ratio)]
    pub trace_ratio: f64,
}

/// A duration such as "10s" or "1m30s".
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = |_| format!("{text:?} is no duration: write it as 10s, 250ms or 1m30s");
    let duration: jiff::SignedDuration = text.parse().map_err(wrong)?;
    Duration::try_from(duration).map_err(|_| "it must not be negative".to_owned())
}

/// Yes or no, in the words that people and platforms use; empty is no.
fn yes_or_no(text: &str) -> Result<bool, String> {
    match text.trim().to_lowercase().as_str() {
        "yes" | "true" | "1" | "on" => Ok(true),
        "" | "no" | "false" | "0" | "off" => Ok(false),
        _ => Err("it must be yes or no".to_owned()),
    }
}

/// A number of at least 1.
fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("it must be at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(_) => Err("it must be a whole number".to_owned()),
    }
}

/// An origin such as https://sirene.example.fr; none that stands for all of them.
fn origin(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let plain =
        |host: &str| !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic() && !b"/*,".contains(&byte));
    match host {
        Some(host) if plain(host) => Ok(text.to_owned()),
        _ => Err("an origin is a scheme and a host, such as https://sirene.example.fr".to_owned()),
    }
}

/// A version and the share of the activities it answers.
fn canary(text: &str) -> Result<(ModelReference, f64), String> {
    let (reference, share) =
        text.split_once('=').ok_or("write NAME@ALIAS=SHARE, such as ape-naf2008@candidate=0.05")?;
    Ok((reference.parse().map_err(|error| format!("{error}"))?, ratio(share)?))
}

fn ratio(text: &str) -> Result<f64, String> {
    let ratio: f64 = text.parse().map_err(|_| "it must be a number".to_owned())?;
    if (0.0..=1.0).contains(&ratio) { Ok(ratio) } else { Err("it must be between 0 and 1".to_owned()) }
}
