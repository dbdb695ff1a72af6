//! The registry that the environment of the service before codif names.

use crate::registry::location::RegistryLocation;
use crate::registry::{ModelReference, PRODUCTION, Selector};

/// The stages of MLflow before there were aliases.
const STAGES: [&str; 3] = ["production", "staging", "archived"];

/// The registry of MLFLOW_TRACKING_URI, and the reference to the model of MLFLOW_MODEL_NAME and MLFLOW_MODEL_VERSION,
/// if they are set. The version is a number or an alias, by default `production`; a stage reads as the alias of its
/// name in lower case. None when MLFLOW_TRACKING_URI is the address of no server.
pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Option<(String, Option<String>)> {
    let set = |name: &str| {
        let value = variable(name)?.trim().to_owned();
        (!value.is_empty()).then_some(value)
    };
    let uri = set("MLFLOW_TRACKING_URI")?;
    let location = format!("mlflow+{uri}");
    location.parse::<RegistryLocation>().ok()?;
    let reference = set("MLFLOW_MODEL_NAME").map(|name| {
        let selector = selector(set("MLFLOW_MODEL_VERSION").unwrap_or_else(|| PRODUCTION.to_owned()));
        ModelReference { name, selector }.to_string()
    });
    Some((location, reference))
}

fn selector(text: String) -> Selector {
    let stage = text.to_ascii_lowercase();
    match text.parse() {
        Ok(version) => Selector::Version(version),
        Err(_) if STAGES.contains(&stage.as_str()) => Selector::Alias(stage),
        Err(_) => Selector::Alias(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(set: &[(&str, &str)]) -> Option<(String, Option<String>)> {
        let variable = |name: &str| set.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned());
        from_environment(variable)
    }

    #[test]
    fn a_version_is_a_number_an_alias_or_a_stage() {
        let reference = |version: &str| {
            let name = ("MLFLOW_MODEL_NAME", "ape");
            found(&[("MLFLOW_TRACKING_URI", "http://mlflow:5000/"), name, ("MLFLOW_MODEL_VERSION", version)])
        };
        for (version, expected) in [
            ("3", "ape:3"),
            ("challenger", "ape@challenger"),
            ("Champion", "ape@Champion"),
            ("Production", "ape@production"),
            ("STAGING", "ape@staging"),
            (" ", "ape@production"),
        ] {
            let expected = ("mlflow+http://mlflow:5000/".to_owned(), Some(expected.to_owned()));
            assert_eq!(reference(version), Some(expected), "{version:?}");
        }
    }

    #[test]
    fn without_a_server_there_is_no_registry_and_without_a_name_no_reference() {
        let name = ("MLFLOW_MODEL_NAME", "ape");
        for uri in ["", "sqlite:///mlflow.db", "/mlruns", "file:///mlruns", "databricks"] {
            assert_eq!(found(&[("MLFLOW_TRACKING_URI", uri), name]), None, "{uri}");
        }
        assert_eq!(found(&[name]), None);
        let uri = ("MLFLOW_TRACKING_URI", "https://user:secret@mlflow");
        assert_eq!(found(&[uri]), Some(("mlflow+https://user:secret@mlflow".to_owned(), None)));
        assert_eq!(found(&[uri, name]).unwrap().1.as_deref(), Some("ape@production"));
    }
}
