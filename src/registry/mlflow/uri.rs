//! Where MLflow says that artefacts are.

use std::path::PathBuf;

use reqwest::Url;

use super::client::without_credentials;

/// What stands before the path of an artefact that the address of a server gives.
const PROXY: &str = "/api/2.0/mlflow-artifacts/artifacts";

/// A place of artefacts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArtifactUri {
    /// Behind an MLflow server, which keeps them wherever it does.
    Proxied {
        /// The server, without credentials.
        server: Url,
        /// The path of the folder.
        path: String,
    },
    /// In S3.
    S3 {
        /// The bucket.
        bucket: String,
        /// The prefix of the folder: empty, or ending in `/`.
        prefix: String,
    },
    /// On a disk: the tracking server's, and maybe this machine's.
    File(PathBuf),
}

impl ArtifactUri {
    /// Reads an address of artefacts that the tracking server gave; none when codif cannot read from there.
    pub fn parse(uri: &str, tracking: &Url) -> Option<Self> {
        if uri.starts_with('/') {
            return Some(Self::File(uri.into()));
        }
        let (scheme, rest) = uri.split_once(':')?;
        match scheme {
            "mlflow-artifacts" => {
                let (host, path) = host_and_path(rest);
                let mut server = tracking.clone();
                if !host.is_empty() {
                    // Only the host is another: MLflow's own client keeps scheme and path of the tracking server too.
                    server = Url::parse(&format!("{}://{host}{}", tracking.scheme(), tracking.path())).ok()?;
                    without_credentials(&mut server);
                }
                Some(Self::Proxied { server, path: path.trim_matches('/').to_owned() })
            }
            "http" | "https" => {
                let (server, path) = uri.split_once(PROXY)?;
                let mut server = Url::parse(server).ok()?;
                without_credentials(&mut server);
                Some(Self::Proxied { server, path: path.trim_matches('/').to_owned() })
            }
            "s3" => {
                let (bucket, path) = host_and_path(rest);
                let path = path.trim_matches('/');
                let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
                (!bucket.is_empty()).then(|| Self::S3 { bucket: bucket.to_owned(), prefix })
            }
            "file" => Some(Self::File(Url::parse(uri).ok()?.to_file_path().ok()?)),
            _ => None,
        }
    }
}

/// The run and the path below its artefacts of `runs:/RUN/PATH`, which the tracking server gives as it was told it.
pub fn of_run(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("runs:/")?.trim_start_matches('/');
    Some(rest.split_once('/').unwrap_or((rest, "")))
}

/// Host and path of what follows a scheme: `//HOST/PATH`, or a path alone.
fn host_and_path(rest: &str) -> (&str, &str) {
    match rest.strip_prefix("//") {
        Some(rest) => rest.split_once('/').unwrap_or((rest, "")),
        None => ("", rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(uri: &str) -> Option<ArtifactUri> {
        ArtifactUri::parse(uri, &Url::parse("https://mlflow.example/base").unwrap())
    }

    fn proxied(server: &str, path: &str) -> Option<ArtifactUri> {
        Some(ArtifactUri::Proxied { server: Url::parse(server).unwrap(), path: path.to_owned() })
    }

    #[test]
    fn artefacts_behind_a_server_are_the_tracking_servers_unless_another_is_named() {
        let own = proxied("https://mlflow.example/base", "1/run/artifacts/codif");
        for uri in ["mlflow-artifacts:/1/run/artifacts/codif", "mlflow-artifacts:///1/run/artifacts/codif/"] {
            assert_eq!(parse(uri), own, "{uri}");
        }
        let other = proxied("https://other:5000/base", "1/run");
        assert_eq!(parse("mlflow-artifacts://other:5000/1/run"), other);
        assert_eq!(parse("mlflow-artifacts://user:secret@other:5000/1/run"), other);
        let whole = "http://user:secret@other:5000/x/api/2.0/mlflow-artifacts/artifacts/1/run";
        assert_eq!(parse(whole), proxied("http://other:5000/x", "1/run"));
    }

    #[test]
    fn artefacts_in_s3_and_on_a_disk_are_read_from_there() {
        let s3 = |prefix: &str| Some(ArtifactUri::S3 { bucket: "bucket".to_owned(), prefix: prefix.to_owned() });
        assert_eq!(parse("s3://bucket/a/b"), s3("a/b/"));
        assert_eq!(parse("s3://bucket"), s3(""));
        for uri in ["/var/lib/my runs/1", "file:///var/lib/my%20runs/1", "file:/var/lib/my%20runs/1"] {
            assert_eq!(parse(uri), Some(ArtifactUri::File("/var/lib/my runs/1".into())), "{uri}");
        }
    }

    #[test]
    fn what_codif_cannot_read_is_no_place() {
        for uri in ["", "x", "s3:///a", "gs://bucket/a", "http://host/a", "models:/m-1", "file://host/a", "relative/a"]
        {
            assert_eq!(parse(uri), None, "{uri}");
        }
    }

    #[test]
    fn a_run_is_told_from_the_path_below_it() {
        assert_eq!(of_run("runs:/1f/codif/x"), Some(("1f", "codif/x")));
        assert_eq!(of_run("runs:/1f"), Some(("1f", "")));
        assert_eq!(of_run("mlflow-artifacts:/1f/codif"), None);
    }
}
