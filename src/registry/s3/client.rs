//! The S3 client: where it looks for credentials, region and endpoint, whom it trusts and how long it waits.

use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Builder, Region, RequestChecksumCalculation, ResponseChecksumValidation, SharedHttpClient,
    StalledStreamProtectionConfig,
};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::S3Settings;
use super::endpoint::{OF_S3, address, told, told_before};
use crate::registry::error::{RegistryError, in_one_line};

/// How long a connection may take.
const CONNECTING: Duration = Duration::from_secs(3);
/// How long the head of an answer may take, once the request is sent.
pub(super) const ANSWERING: Duration = Duration::from_secs(15);
/// How long the bytes of an answer may stand still. Any byte within it keeps a slow link alive.
const STANDING_STILL: Duration = Duration::from_secs(20);
/// How often a small request is sent.
const ATTEMPTS: u32 = 3;
/// The region of servers that have none, and the one AWS takes for its oldest buckets.
const DEFAULT_REGION: &str = "us-east-1";

/// Makes the client, and tells which endpoint it asks when that is not AWS's own. It asks nothing of S3; without region and endpoint it looks whether this machine is one of AWS.
pub(super) async fn client(settings: &S3Settings) -> Result<(Client, Option<String>), RegistryError> {
    let variable = |name: &str| std::env::var(name).ok();
    let (endpoint, endpoint_of_before) = (told(settings.endpoint.as_deref(), variable)?, told_before(variable)?);
    let http_client = http_client(authorities(settings, variable).await?)?;
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECTING).read_timeout(ANSWERING).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS));
    if let Some(region) = settings.region.as_ref().filter(|region| !region.is_empty()) {
        loader = loader.region(Region::new(region.clone()));
    } else if endpoint.is_some() || endpoint_of_before.is_some() {
        // A server of one's own: the metadata service of AWS would be waited for in vain.
        let chain = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new());
        loader = loader.region(chain.or_else(ProfileFileRegionProvider::new()).or_else(DEFAULT_REGION));
    }
    let found = loader.load().await;
    let endpoint = match (endpoint, found.endpoint_url()) {
        (Some(endpoint), _) => Some(endpoint),
        (None, Some(of_profile)) => Some(address(of_profile)?),
        (None, None) => endpoint_of_before,
    };
    let region = found.region().cloned().unwrap_or(Region::from_static(DEFAULT_REGION));
    let mut config = Builder::from(&found)
        .region(region)
        .force_path_style(settings.path_style.unwrap_or(endpoint.is_some()))
        // Checksums of the SDK's own are not known to every server; codif has its digests, and requests are signed.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        // What is sent is watched in `sending`, which knows how much lies in the buffers of this machine.
        .stalled_stream_protection(
            StalledStreamProtectionConfig::enabled().upload_enabled(false).grace_period(STANDING_STILL).build(),
        );
    // A variable that is set to nothing is an endpoint to the SDK, one that cannot be called.
    if endpoint.is_some() || variable(OF_S3).is_some() {
        config.set_endpoint_url(endpoint.clone());
    }
    Ok((Client::from_conf(config.build()), endpoint))
}

/// For requests that are repeated here and not by the SDK: how long the head of the answer may take, counted from when
/// the request begins to be sent; none for those that are watched while they are sent.
pub(super) fn once(answering: Option<Duration>) -> Builder {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECTING);
    let timeouts = match answering {
        Some(answering) => timeouts.read_timeout(answering),
        None => timeouts.disable_read_timeout(),
    };
    Builder::new().retry_config(RetryConfig::disabled()).timeout_config(timeouts.build())
}

/// An HTTP client that trusts the system's authorities and these, and takes the proxy that the environment names.
fn http_client(authorities: Option<Vec<u8>>) -> Result<SharedHttpClient, RegistryError> {
    let trusted = match authorities {
        Some(authorities) => TrustStore::default().with_pem_certificate(authorities),
        None => TrustStore::default(),
    };
    let context = TlsContext::builder().with_trust_store(trusted).build();
    let context = context.map_err(|error| RegistryError::Refused(format!("no TLS: {}", in_one_line(&error))))?;
    Ok(aws_smithy_http_client::Builder::new().build_with_connector_fn(move |settings, _| {
        let mut connector = Connector::builder()
            .proxy_config(ProxyConfig::from_env())
            .tls_provider(Provider::rustls(CryptoMode::Ring))
            .tls_context(context.clone());
        connector.set_connector_settings(settings.cloned());
        connector.build()
    }))
}

/// The certificates in PEM that are trusted beside those of the system.
async fn authorities(
    settings: &S3Settings,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Vec<u8>>, RegistryError> {
    let of_aws = || variable("AWS_CA_BUNDLE").filter(|path| !path.is_empty()).map(PathBuf::from);
    let Some(path) = settings.ca.clone().or_else(of_aws) else { return Ok(None) };
    let pem = tokio::fs::read(&path).await.map_err(RegistryError::of_file(&path))?;
    check(&path, &pem)?;
    Ok(Some(pem))
}

/// Sees that the certificates can be used: the HTTP client panics over those that cannot.
fn check(path: &Path, pem: &[u8]) -> Result<(), RegistryError> {
    let wrong = |reason: String| {
        RegistryError::Refused(format!("{}: certificates in PEM are expected: {reason}", path.display()))
    };
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        store.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if store.is_empty() { Err(wrong("there is none".to_owned())) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_refused_before_it_is_used() {
        let broken = "-----BEGIN CERTIFICATE-----\nbm90aGluZw==\n-----END CERTIFICATE-----\n";
        for pem in ["", "no PEM at all", broken] {
            let error = check(Path::new("ca.pem"), pem.as_bytes()).unwrap_err();
            assert!(error.to_string().starts_with("ca.pem: certificates in PEM are expected: "), "{error}");
        }
    }
}
