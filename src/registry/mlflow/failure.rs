//! What a tracking server says instead of an answer.

use std::time::Duration;

use reqwest::header::LOCATION;
use reqwest::{Response, StatusCode};
use serde::Deserialize;

use super::client::Client;
use crate::registry::error::RegistryError;

/// How long the server may take to explain itself.
const EXPLAINING: Duration = Duration::from_secs(5);
/// Characters of a message that are told.
const TOLD: usize = 300;
/// What to look at when credentials are refused.
const CREDENTIALS: &str = "give MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN";

/// Why there is no answer, as far as anybody acts on it.
#[derive(Debug)]
pub enum Failure {
    /// There is no such thing.
    Missing(RegistryError),
    /// There is such a thing already.
    Existing(RegistryError),
    /// Anything else.
    Other(RegistryError),
}

/// What MLflow says of an error.
#[derive(Debug, Deserialize)]
struct Complaint {
    error_code: String,
    #[serde(default)]
    message: String,
}

impl Failure {
    /// What an answer that is no success means.
    pub async fn of(client: &Client, response: Response) -> Self {
        let status = response.status();
        let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok()).map(str::to_owned);
        // The status says most: a body that does not come is not waited for.
        let body =
            tokio::time::timeout(EXPLAINING, response.bytes()).await.ok().and_then(Result::ok).unwrap_or_default();
        Self::told(client, status, location.as_deref(), &body)
    }

    fn told(client: &Client, status: StatusCode, location: Option<&str>, body: &[u8]) -> Self {
        let place = client.place().to_owned();
        let complaint: Option<Complaint> = serde_json::from_slice(body).ok();
        let said = match &complaint {
            Some(complaint) => format!("{}: {}", complaint.error_code, told(&complaint.message)),
            None => format!("{status}: {}", told(&String::from_utf8_lossy(body))),
        };
        let code = complaint.as_ref().map(|complaint| complaint.error_code.as_str());
        match (status, code) {
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => {
                Self::Other(RegistryError::Denied { place, reason: format!("{said}; {CREDENTIALS}") })
            }
            // Waiting does not change how the server was started.
            (StatusCode::SERVICE_UNAVAILABLE, None) if said.contains("--no-serve-artifacts") => {
                Self::Other(RegistryError::Refused(format!("{place} refuses: {said}")))
            }
            (StatusCode::PAYLOAD_TOO_LARGE, _) => {
                let hint = "raise the limit of whatever stands in front of it";
                Self::Other(RegistryError::Refused(format!("{place} refuses a file this large: {hint}")))
            }
            (StatusCode::TOO_MANY_REQUESTS, _) => Self::Other(client.unreachable(said)),
            (status, _) if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED => {
                Self::Other(client.unreachable(said))
            }
            (status, _) if status.is_redirection() => {
                let leads = told(location.unwrap_or("nowhere"));
                Self::Other(client.no_server(&format!("it answers {status} and leads to {leads}")))
            }
            (_, Some("RESOURCE_DOES_NOT_EXIST")) => Self::Missing(client.unexpected(said)),
            // Two who write at once: the database of the server lets one of them through.
            (_, Some("BAD_REQUEST")) if is_lost_race(&said) => Self::Existing(client.unexpected(said)),
            (_, Some("RESOURCE_ALREADY_EXISTS")) => Self::Existing(client.unexpected(said)),
            (_, Some("INVALID_PARAMETER_VALUE")) => {
                Self::Other(RegistryError::Refused(format!("{place} refuses: {said}")))
            }
            (_, Some(_)) => Self::Other(client.unexpected(said)),
            (status, None) => Self::Other(client.no_server(&format!("it answers {status}"))),
        }
    }
}

/// How SQLite, PostgreSQL and MySQL say that a row is there already.
fn is_lost_race(said: &str) -> bool {
    let said = said.to_ascii_lowercase();
    ["unique constraint", "duplicate key", "duplicate entry"].iter().any(|words| said.contains(words))
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        Self::Other(error)
    }
}

impl From<Failure> for RegistryError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Missing(error) | Failure::Existing(error) | Failure::Other(error) => error,
        }
    }
}

/// What was asked for, if there is such a thing.
pub fn if_there<A>(answer: Result<A, Failure>) -> Result<Option<A>, RegistryError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(Failure::Missing(_)) => Ok(None),
        Err(failure) => Err(failure.into()),
    }
}

/// What was made, unless there was such a thing already.
pub fn if_new<A>(answer: Result<A, Failure>) -> Result<Option<A>, RegistryError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(Failure::Existing(_)) => Ok(None),
        Err(failure) => Err(failure.into()),
    }
}

/// The beginning of a text, on one line.
fn told(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(TOLD).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_is_told_apart() {
        let client = Client::open("http://127.0.0.1:5000", None).unwrap();
        let told = |status: u16, body: &str| {
            Failure::told(&client, StatusCode::from_u16(status).unwrap(), Some("/login"), body.as_bytes())
        };
        let complaint = |code: &str| format!(r#"{{"error_code":"{code}","message":"no\nway"}}"#);
        assert!(matches!(told(404, &complaint("RESOURCE_DOES_NOT_EXIST")), Failure::Missing(_)));
        assert!(matches!(told(400, &complaint("RESOURCE_ALREADY_EXISTS")), Failure::Existing(_)));
        let message = |status, body: &str| RegistryError::from(told(status, body)).to_string();
        assert!(message(400, &complaint("BAD_REQUEST")).ends_with("BAD_REQUEST: no way"));
        assert!(message(401, "").contains("MLFLOW_TRACKING_TOKEN"));
        assert!(message(302, "").contains("/login"));
        assert!(message(404, "<html>").ends_with("it answers 404 Not Found; is this an MLflow tracking server?"));
        let passes = |status, body: &str| RegistryError::from(told(status, body)).may_pass();
        assert!(passes(429, "") && passes(500, &complaint("INTERNAL_ERROR")) && passes(503, "busy"));
        assert!(!passes(503, "disabled by `--no-serve-artifacts`") && !passes(413, "") && !passes(501, ""));
    }
}
