//! What a route replies, and the two forms of its refusals: problem details, and the Sirene contract's `{"detail"}`.

use std::time::Duration;

use reqwest::blocking::{Body, Client, RequestBuilder};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

/// Longer than any request takes.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A body that `/v1/code` takes, and one for `/predict/`.
pub const ONE_ACTIVITY: &str = r#"{"activities":[{"description":"coiffure"}]}"#;
pub const ONE_FORM: &str = r#"{"forms":[{"description_activity":"coiffure"}]}"#;

/// A reply; its body is a string when it is no JSON.
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

/// Posts JSON.
pub fn post(url: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Reply {
    send(client().post(url).header("content-type", "application/json").body(body), headers)
}

pub fn get(url: &str, headers: &[(&str, &str)]) -> Reply {
    send(client().get(url), headers)
}

fn client() -> Client {
    crate::support::client_builder().timeout(TIMEOUT).build().unwrap()
}

fn send(mut request: RequestBuilder, headers: &[(&str, &str)]) -> Reply {
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().unwrap();
    Reply { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Asserts that it is a refusal of codif's own routes.
    pub fn is_problem(&self, status: u16, code: &str) {
        let found = (self.status, self.header("content-type"), &self.body["code"]);
        assert_eq!(found, (status, Some("application/problem+json"), &json!(code)), "{}", self.body);
        assert_eq!(self.body["status"], status);
    }

    /// Asserts that it is a refusal of the Sirene routes.
    pub fn is_detail(&self, status: u16) {
        assert_eq!((self.status, self.header("content-type")), (status, Some("application/json")), "{}", self.body);
        assert!(self.body["detail"].is_string() && self.body.get("code").is_none(), "{}", self.body);
    }

    /// Asserts that it says after how many seconds to try again.
    pub fn says_when(&self) {
        let seconds: Option<u32> = self.header("retry-after").and_then(|seconds| seconds.parse().ok());
        assert!(seconds.is_some_and(|seconds| seconds >= 1), "{:?}", self.headers);
    }
}
