//! Where a registry is: `DIRECTORY`, `s3://BUCKET/PREFIX` or `mlflow+http://HOST:PORT`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where a registry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryLocation {
    /// In a directory.
    Directory(PathBuf),
    /// In S3.
    S3 {
        /// The bucket.
        bucket: String,
        /// What stands before every key: empty, or ending in `/`.
        prefix: String,
    },
    /// In an MLflow tracking server.
    Mlflow {
        /// Its address, `http://…` or `https://…`, without a slash at the end.
        url: String,
    },
    /// An address of no kind that codif knows, which holds a password: it is refused when it is opened, for whoever reads a
    /// command line would print it.
    Locked {
        /// The address, without the password.
        address: String,
    },
}

/// A location that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no model registry: write a directory, s3://BUCKET/PREFIX or mlflow+http://HOST:PORT")]
pub struct LocationError(pub String);

impl FromStr for RegistryLocation {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        let wrong = || LocationError(text.to_owned());
        if let Some(rest) = text.strip_prefix("s3://") {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            let prefix = prefix.trim_matches('/');
            let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
            return match bucket {
                "" => Err(wrong()),
                bucket => Ok(Self::S3 { bucket: bucket.to_owned(), prefix }),
            };
        }
        if let Some(url) = text.strip_prefix("mlflow+") {
            let Some(host) = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")) else {
                return unknown(text);
            };
            let url = url.trim_end_matches('/').to_owned();
            return if host.trim_matches('/').is_empty() { Err(wrong()) } else { Ok(Self::Mlflow { url }) };
        }
        if text.is_empty() || text.contains("://") {
            return unknown(text);
        }
        Ok(Self::Directory(text.into()))
    }
}

/// An address of no kind that codif knows.
fn unknown(text: &str) -> Result<RegistryLocation, LocationError> {
    let address = without_credentials(text);
    if address == text { Err(LocationError(address)) } else { Ok(RegistryLocation::Locked { address }) }
}

impl fmt::Display for RegistryLocation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(directory) => write!(formatter, "{}", directory.display()),
            Self::S3 { bucket, prefix } => write!(formatter, "s3://{bucket}/{}", prefix.trim_end_matches('/')),
            Self::Locked { address } => write!(formatter, "{address}"),
            Self::Mlflow { url } => write!(formatter, "mlflow+{}", without_credentials(url)),
        }
    }
}

/// An address without the user name and password that may stand in it.
pub fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (host, path) = rest.split_once('/').map_or((rest, String::new()), |(host, path)| (host, format!("/{path}")));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_read_back_as_written() {
        for text in ["models", "/var/models", "s3://bucket/", "s3://bucket/a/b", "mlflow+http://127.0.0.1:5000"] {
            assert_eq!(text.parse::<RegistryLocation>().unwrap().to_string(), text);
        }
        assert_eq!("s3://bucket".parse::<RegistryLocation>().unwrap().to_string(), "s3://bucket/");
        let location: RegistryLocation = "mlflow+https://user:secret@host/path/".parse().unwrap();
        assert_eq!(location.to_string(), "mlflow+https://host/path");
    }

    #[test]
    fn what_is_no_location_is_refused() {
        for text in ["", "s3://", "s3:///prefix", "mlflow+ftp://host", "mlflow+http://", "gs://bucket", "http://host"] {
            assert!(text.parse::<RegistryLocation>().is_err(), "{text}");
        }
    }
}
