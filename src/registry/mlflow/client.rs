//! Requests to the tracking server, with its credentials and within a time.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use futures_util::TryStreamExt;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Method, RequestBuilder, Url};
use serde::de::{DeserializeOwned, IgnoredAny};

use super::answers::Page;
use super::connection::{authorization, connection};
use super::failure::Failure;
use crate::registry::error::{RegistryError, in_one_line};
use crate::registry::location::RegistryLocation;
use crate::registry::object::LARGEST_SMALL;

/// How long an answer of the interface may take.
const ANSWERING: Duration = Duration::from_secs(15);
/// Where the interface is below the address of the server.
const INTERFACE: [&str; 3] = ["api", "2.0", "mlflow"];
/// Entries asked for at once, the most that the search for models allows.
const ENTRIES: (&str, &str) = ("max_results", "1000");

/// The client of one tracking server.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    tracking: Url,
    authorization: Option<HeaderValue>,
    place: String,
}

impl Client {
    /// Makes the client; nothing is asked of the server.
    pub fn open(url: &str, ca: Option<&Path>) -> Result<Self, RegistryError> {
        let place = RegistryLocation::Mlflow { url: url.to_owned() }.to_string();
        let no_registry = |hint: String| RegistryError::NoRegistry { place: place.clone(), hint };
        let unusable = |error: reqwest::Error| no_registry(in_one_line(&error.without_url()));
        let mut tracking = Url::parse(url).map_err(|error| no_registry(format!("its address is none: {error}")))?;
        let http = connection(&tracking, ca)?.map_err(unusable)?;
        let authorization = authorization(&http, &tracking).map_err(unusable)?;
        without_credentials(&mut tracking);
        Ok(Self { http, tracking, authorization, place })
    }

    /// How messages name the server.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The address of the server, without credentials.
    pub fn tracking(&self) -> &Url {
        &self.tracking
    }

    /// Asks the interface.
    pub async fn get<A: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<A, Failure> {
        self.call(self.request(Method::GET, self.address(path)).query(query)).await
    }

    /// Tells the interface to make something.
    pub async fn post<A: DeserializeOwned>(&self, path: &str, body: &serde_json::Value) -> Result<A, Failure> {
        self.call(self.request(Method::POST, self.address(path)).json(body)).await
    }

    /// Tells the interface to delete something.
    pub async fn delete(&self, path: &str, body: &serde_json::Value) -> Result<(), Failure> {
        let IgnoredAny = self.call(self.request(Method::DELETE, self.address(path)).json(body)).await?;
        Ok(())
    }

    /// All that a search finds, page after page.
    pub async fn search<P: Page>(&self, path: &str, query: &[(&str, &str)]) -> Result<Vec<P::Entry>, RegistryError> {
        let (mut found, mut token) = (Vec::new(), None::<String>);
        loop {
            let further = token.iter().map(|token| ("page_token", token.as_str()));
            let page: Vec<(&str, &str)> = further.chain([ENTRIES]).collect();
            let request = self.request(Method::GET, self.address(path)).query(query).query(&page);
            let (entries, next) = self.call::<P>(request).await?.into_parts();
            found.extend(entries);
            // Old servers say with an empty token that there is no more.
            let next = next.filter(|next| !next.is_empty());
            if next.is_none() || next == token {
                return Ok(found);
            }
            token = next;
        }
    }

    /// A request; with the credentials if it goes to the tracking server, since an artefact may be said to lie
    /// anywhere.
    pub fn request(&self, method: Method, url: Url) -> RequestBuilder {
        let own = url.origin() == self.tracking.origin();
        let request = self.http.request(method, url);
        match &self.authorization {
            Some(authorization) if own => request.header(AUTHORIZATION, authorization),
            _ => request,
        }
    }

    /// Sends a request and reads its answer.
    pub async fn call<A: DeserializeOwned>(&self, request: RequestBuilder) -> Result<A, Failure> {
        let response = request.timeout(ANSWERING).send().await.map_err(|error| self.cut(error))?;
        if !response.status().is_success() {
            return Err(Failure::of(self, response).await);
        }
        let (mut bytes, mut chunks) = (Vec::new(), response.bytes_stream());
        while let Some(chunk) = chunks.try_next().await.map_err(|error| self.cut(error))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() as u64 > LARGEST_SMALL {
                return Err(Failure::Other(self.unexpected("an answer that is too large".to_owned())));
            }
        }
        serde_json::from_slice(&bytes).map_err(|error| Failure::Other(self.not_understood(&error)))
    }

    fn address(&self, path: &str) -> Url {
        below(&self.tracking, INTERFACE.into_iter().chain(path.split('/')))
    }

    /// No answer, or a part of one.
    pub fn cut(&self, error: reqwest::Error) -> RegistryError {
        self.unreachable(in_one_line(&error.without_url()))
    }

    /// The server cannot answer now.
    pub fn unreachable(&self, reason: String) -> RegistryError {
        RegistryError::Unreachable { place: self.place.clone(), reason }
    }

    /// The server answers something else.
    pub fn unexpected(&self, reason: String) -> RegistryError {
        RegistryError::Unexpected { place: self.place.clone(), reason }
    }

    /// Something else answers.
    pub fn no_server(&self, reason: &str) -> RegistryError {
        let hint = format!("{reason}; is this an MLflow tracking server?");
        RegistryError::NoRegistry { place: self.place.clone(), hint }
    }

    fn not_understood(&self, error: &serde_json::Error) -> RegistryError {
        if error.is_data() { self.unexpected(error.to_string()) } else { self.no_server("it answers no JSON") }
    }
}

/// Nothing of the credentials, nor of the proxies' that the client of HTTP would tell.
impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Client").field(&self.place).finish()
    }
}

/// An address with further parts, each percent-encoded.
pub fn below<'a>(url: &Url, parts: impl Iterator<Item = &'a str>) -> Url {
    let mut url = url.clone();
    url.set_query(None);
    // Only addresses such as `mailto:` have no path; none comes here.
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(parts.filter(|part| !part.is_empty()));
    }
    url
}

/// Takes the user name and password out of an address.
pub fn without_credentials(url: &mut Url) {
    // These fail for addresses without a host, which hold no credentials.
    let _ = url.set_username("");
    let _ = url.set_password(None);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_of_the_address_are_sent_to_the_server_alone_and_never_shown() {
        let client = Client::open("http://us%40er:se%3Acret@127.0.0.1:5000/base/", None).unwrap();
        assert!(!format!("{client:?} {} {}", client.place(), client.tracking()).contains("cret"));
        let sent = |url: &str| {
            let request = client.request(Method::GET, Url::parse(url).unwrap()).build().unwrap();
            request.headers().get(AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(sent("http://127.0.0.1:5000/x").as_deref(), Some("Basic dXNAZXI6c2U6Y3JldA=="));
        assert_eq!(sent("http://127.0.0.1:5001/x"), None);
        assert_eq!(client.address("runs/get").as_str(), "http://127.0.0.1:5000/base/api/2.0/mlflow/runs/get");
    }

    #[test]
    fn parts_of_an_address_are_encoded() {
        let url = Url::parse("http://host/a?b").unwrap();
        assert_eq!(below(&url, "c d/..//é%2F?".split('/')).as_str(), "http://host/a/c%20d/%C3%A9%252F%3F");
    }
}
