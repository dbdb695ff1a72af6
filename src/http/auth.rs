//! Who calls, and whether that caller may.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use headers::authorization::{Basic, Bearer};
use headers::{Authorization, HeaderMapExt};
use subtle::ConstantTimeEq;

use super::error::Problem;
use crate::config::keys::{KeyEntry, Scope, digest};
use crate::config::{AuthOptions, ListenOptions};

/// Who may do what.
#[derive(Clone, Default)]
pub struct Access {
    basic: Option<Arc<BasicCredentials>>,
    keys: Arc<[Key]>,
    operations_on_loopback: bool,
}

struct BasicCredentials {
    username: [u8; 32],
    password: [u8; 32],
}

struct Key {
    name: Arc<str>,
    digest: [u8; 32],
    scopes: Vec<Scope>,
    limiter: Option<DefaultDirectRateLimiter>,
}

/// Why codif does not start.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// Basic authentication without its secrets.
    #[error("AUTH_API asks for authentication, but {0} is missing: set both API_USERNAME and API_PASSWORD")]
    MissingSecret(&'static str),
    /// A key whose digest is none.
    #[error("the API key {0:?}: its sha256 must be 64 hexadecimal digits, as `codif key new` prints them")]
    BadDigest(String),
    /// A key that can be used for nothing, or is taken for another.
    #[error("the API key {name:?}: {reason}")]
    BadKey {
        /// Its name.
        name: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// A public address where nobody is asked anything.
    #[error(
        "{flag} {address} is not loopback and nobody is asked who they are there: set AUTH_API=True or an API key, or \
         say --insecure"
    )]
    Open {
        /// The setting.
        flag: &'static str,
        /// Its address.
        address: SocketAddr,
    },
}

/// Who calls, by the name of its key; nobody's where nobody is asked.
#[derive(Clone)]
pub struct Caller(pub Option<Arc<str>>);

/// How a caller was recognised.
enum Credentials<'a> {
    Basic,
    Key(&'a Key),
    None,
    Wrong,
}

impl Access {
    /// From the settings; refuses those that would leave a public address open.
    pub fn new(auth: &AuthOptions, entries: &[KeyEntry], listen: &ListenOptions) -> Result<Self, AccessError> {
        let keys = entries.iter().map(Key::new).collect::<Result<Arc<[Key]>, _>>()?;
        for (place, entry) in entries.iter().enumerate() {
            let bad = |reason| Err(AccessError::BadKey { name: entry.name.clone(), reason });
            let mut before = entries.iter().take(place);
            if entry.name.trim().is_empty() {
                return bad("it has no name");
            }
            if entry.scopes.is_empty() {
                return bad("it has no scope: give it code, review, metrics or admin");
            }
            if before.any(|other| other.name == entry.name || other.sha256 == entry.sha256) {
                return bad("its name or its key is there twice");
            }
        }
        let operations_on_loopback = listen.ops_listen.ip().is_loopback();
        let access = Self { basic: BasicCredentials::new(auth)?, keys, operations_on_loopback };
        let open = |flag, address: SocketAddr, asked: bool| {
            let open = !address.ip().is_loopback() && !asked && !listen.insecure;
            if open { Err(AccessError::Open { flag, address }) } else { Ok(()) }
        };
        open("--listen", listen.listen, access.asks_on_the_public_port())?;
        open("--ops-listen", listen.ops_listen, access.basic.is_some() || !access.keys.is_empty())?;
        Ok(access)
    }

    fn asks_on_the_public_port(&self) -> bool {
        self.basic.is_some() || self.some_key_has(Scope::Code) || self.some_key_has(Scope::Review)
    }

    fn some_key_has(&self, scope: Scope) -> bool {
        self.keys.iter().any(|key| key.scopes.contains(&scope))
    }

    /// Whether the request may use what `scope` opens; the name of its key, when it has one, for the log.
    pub fn check(&self, headers: &HeaderMap, scope: Scope) -> Result<Option<Arc<str>>, Problem> {
        let (asked, basic_opens) = match scope {
            Scope::Code | Scope::Review => (self.asks_on_the_public_port(), true),
            Scope::Metrics => (self.some_key_has(Scope::Metrics), false),
            Scope::Admin => (!self.operations_on_loopback, false),
        };
        let refusal = || Problem::unauthenticated(self.basic.is_some() && basic_opens);
        match self.credentials(headers) {
            Credentials::Key(key) => {
                if asked && !key.scopes.contains(&scope) {
                    return Err(Problem::missing_scope(&key.name));
                }
                key.spend()?;
                Ok(Some(Arc::clone(&key.name)))
            }
            Credentials::Basic if basic_opens => Ok(Some("basic".into())),
            _ if asked => Err(refusal()),
            _ => Ok(None),
        }
    }

    fn credentials(&self, headers: &HeaderMap) -> Credentials<'_> {
        if let Some(Authorization(given)) = headers.typed_get::<Authorization<Basic>>() {
            let right = self.basic.as_ref().is_some_and(|basic| basic.are(given.username(), given.password()));
            return if right { Credentials::Basic } else { Credentials::Wrong };
        }
        let bearer = headers.typed_get::<Authorization<Bearer>>();
        let header = || headers.get("x-api-key").and_then(|value| value.to_str().ok());
        let Some(given) = bearer.as_ref().map(|bearer| bearer.token()).or_else(header) else {
            return Credentials::None;
        };
        let given = digest(given);
        self.keys.iter().find(|key| bool::from(key.digest.ct_eq(&given))).map_or(Credentials::Wrong, Credentials::Key)
    }
}

impl BasicCredentials {
    fn new(auth: &AuthOptions) -> Result<Option<Arc<Self>>, AccessError> {
        if !auth.basic {
            return Ok(None);
        }
        let given = |secret: &Option<crate::config::secret::Secret>, name| {
            let secret = secret.as_ref().filter(|secret| !secret.reveal().is_empty());
            secret.map(|secret| digest(secret.reveal())).ok_or(AccessError::MissingSecret(name))
        };
        let username = given(&auth.username, "API_USERNAME")?;
        Ok(Some(Arc::new(Self { username, password: given(&auth.password, "API_PASSWORD")? })))
    }

    /// Compares digests in constant time: neither the length nor the first difference shows.
    fn are(&self, username: &str, password: &str) -> bool {
        bool::from(self.username.ct_eq(&digest(username)) & self.password.ct_eq(&digest(password)))
    }
}

impl Key {
    fn new(entry: &KeyEntry) -> Result<Self, AccessError> {
        let mut digest = [0; 32];
        hex::decode_to_slice(&entry.sha256, &mut digest).map_err(|_| AccessError::BadDigest(entry.name.clone()))?;
        let limiter = entry.rate.map(|rate| RateLimiter::direct(Quota::per_second(rate)));
        Ok(Self { name: entry.name.as_str().into(), digest, scopes: entry.scopes.clone(), limiter })
    }

    /// Takes one request from the key's rate.
    fn spend(&self) -> Result<(), Problem> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        limiter.check().map_err(|until| {
            let wait: Duration = until.wait_time_from(DefaultClock::default().now());
            Problem::too_many_requests("rate_exceeded", format!("the key {:?} asks too often", self.name), wait)
        })
    }
}

/// Lets a request to `/metrics` through, or not.
pub async fn metrics(State(access): State<Access>, request: Request, next: Next) -> Response {
    guarded(&access, Scope::Metrics, request, next).await
}

/// Lets a request to `/admin` through, or not.
pub async fn admin(State(access): State<Access>, request: Request, next: Next) -> Response {
    guarded(&access, Scope::Admin, request, next).await
}

async fn guarded(access: &Access, scope: Scope, request: Request, next: Next) -> Response {
    match access.check(request.headers(), scope) {
        Ok(_) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}
