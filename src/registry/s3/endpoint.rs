//! Which server is asked: what codif is told, then what AWS programs are told, then what the service before codif was.

use crate::registry::error::RegistryError;

/// Where AWS programs are told for S3 alone.
pub(super) const OF_S3: &str = "AWS_ENDPOINT_URL_S3";
/// Where AWS programs are told, the first first.
const OF_AWS: [&str; 2] = [OF_S3, "AWS_ENDPOINT_URL"];
/// Tells AWS programs to look away.
const IGNORED: &str = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS";
/// Where the service before codif was told.
const OF_BEFORE: [&str; 2] = ["MLFLOW_S3_ENDPOINT_URL", "AWS_S3_ENDPOINT"];

/// The endpoint that codif or AWS programs are told.
pub(super) fn told(
    setting: Option<&str>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<String>, RegistryError> {
    if let Some(setting) = setting.filter(|setting| !setting.trim().is_empty()) {
        return address(setting).map(Some);
    }
    if variable(IGNORED).is_some_and(|ignored| ignored.trim().eq_ignore_ascii_case("true")) {
        return Ok(None);
    }
    first_of(&OF_AWS, variable)
}

/// The endpoint that the service before codif was told.
pub(super) fn told_before(variable: impl Fn(&str) -> Option<String>) -> Result<Option<String>, RegistryError> {
    first_of(&OF_BEFORE, variable)
}

fn first_of(names: &[&str], variable: impl Fn(&str) -> Option<String>) -> Result<Option<String>, RegistryError> {
    let told = names.iter().find_map(|name| variable(name).filter(|value| !value.trim().is_empty()));
    told.map(|told| address(&told)).transpose()
}

/// An endpoint as an address that can be called, seen to have a host: the SDK would say so only at the first request.
pub(super) fn address(endpoint: &str) -> Result<String, RegistryError> {
    let endpoint = endpoint.trim();
    let address = if endpoint.contains("://") { endpoint.to_owned() } else { format!("https://{endpoint}") };
    let parsed = address.parse::<hyper::Uri>().ok();
    let callable = parsed.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    });
    if !callable {
        // It is not repeated: somebody may have written a password into it.
        let message = "the S3 endpoint is no address: write https://HOST or http://HOST:PORT";
        return Err(RegistryError::Refused(message.to_owned()));
    }
    Ok(address.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables<'a>(set: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        move |name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn what_codif_is_told_comes_first() {
        let set = [("AWS_ENDPOINT_URL", "http://general"), ("AWS_ENDPOINT_URL_S3", "http://special:9000/")];
        assert_eq!(told(Some("http://mine"), variables(&set)).unwrap().as_deref(), Some("http://mine"));
        assert_eq!(told(Some(""), variables(&set)).unwrap().as_deref(), Some("http://special:9000"));
        assert_eq!(told(None, variables(&set[..1])).unwrap().as_deref(), Some("http://general"));
        assert_eq!(told(None, variables(&[])).unwrap(), None);
    }

    #[test]
    fn aws_programs_may_be_told_to_look_away() {
        let set = [(IGNORED, "True"), ("AWS_ENDPOINT_URL", "http://general")];
        assert_eq!(told(None, variables(&set)).unwrap(), None);
        assert_eq!(told(Some("http://mine"), variables(&set)).unwrap().as_deref(), Some("http://mine"));
    }

    #[test]
    fn the_names_of_before_are_still_heard() {
        let set = [("AWS_S3_ENDPOINT", "minio.example.org"), ("MLFLOW_S3_ENDPOINT_URL", "")];
        assert_eq!(told(None, variables(&set)).unwrap(), None);
        assert_eq!(told_before(variables(&set)).unwrap().as_deref(), Some("https://minio.example.org"));
        let set = [("AWS_S3_ENDPOINT", "minio"), ("MLFLOW_S3_ENDPOINT_URL", "http://mlflow:9000")];
        assert_eq!(told_before(variables(&set)).unwrap().as_deref(), Some("http://mlflow:9000"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for endpoint in ["ftp://host", "http://", "a host", "https:///path"] {
            assert!(address(endpoint).is_err(), "{endpoint}");
        }
    }
}
