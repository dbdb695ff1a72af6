//! How the tracking server is connected to: authorities, credentials, times.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Certificate, Url};

use crate::process::choose_cryptography;
use crate::registry::error::RegistryError;

/// How long a connection may take to come about.
const CONNECTING: Duration = Duration::from_secs(3);
/// How long an unused connection is kept: less than the servers do, so that none closes what is just being used.
const IDLE: Duration = Duration::from_secs(1);

/// The client of HTTP. No time is set for answers: an upload would count as waiting for one.
pub fn connection(tracking: &Url, ca: Option<&Path>) -> Result<reqwest::Result<reqwest::Client>, RegistryError> {
    choose_cryptography();
    let authorities = authorities(ca)?;
    let client = reqwest::Client::builder()
        .user_agent(concat!("codif/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECTING)
        .pool_idle_timeout(IDLE)
        // A login page that a request was led to is no answer: where it leads is told instead.
        .redirect(reqwest::redirect::Policy::none());
    // Without TLS the system's authorities are not looked for: a small image has none, and that would be an error.
    let secure = tracking.scheme() == "https";
    let client = if secure { client.tls_certs_merge(authorities) } else { client.tls_certs_only(authorities) };
    Ok(client.build())
}

/// The authorities trusted beside the system's: those of the settings, or those of MLflow's or AWS's own tools.
fn authorities(ca: Option<&Path>) -> Result<Vec<Certificate>, RegistryError> {
    let told = || ["MLFLOW_TRACKING_SERVER_CERT_PATH", "AWS_CA_BUNDLE"].into_iter().find_map(variable);
    let Some(path) = ca.map(Path::to_owned).or_else(|| told().map(PathBuf::from)) else { return Ok(Vec::new()) };
    let pem = fs::read(&path).map_err(RegistryError::of_file(&path))?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(authorities) if !authorities.is_empty() => Ok(authorities),
        _ => Err(RegistryError::Refused(format!("{} holds no certificates in PEM", path.display()))),
    }
}

/// The credentials, as they stand in a request. Those of the address go before those of the environment.
pub fn authorization(http: &reqwest::Client, tracking: &Url) -> reqwest::Result<Option<HeaderValue>> {
    // Of credentials in the address the client of HTTP makes a header by itself.
    let in_address = !tracking.username().is_empty() || tracking.password().is_some();
    let request = http.get(tracking.clone());
    let request = if in_address {
        request
    } else if let Some(user) = variable("MLFLOW_TRACKING_USERNAME") {
        request.basic_auth(user, variable("MLFLOW_TRACKING_PASSWORD"))
    } else if let Some(token) = variable("MLFLOW_TRACKING_TOKEN") {
        request.bearer_auth(token)
    } else {
        request
    };
    Ok(request.build()?.headers().get(AUTHORIZATION).cloned())
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
