//! What `codif serve --check-config` prints: every setting's value and where it comes from, secrets hidden.

use std::collections::BTreeMap;
use std::fmt::Write;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::layers::ConfigurationFile;
use crate::registry::location::without_credentials;

/// Arguments of `codif serve` that are no settings.
const NO_SETTINGS: [&str; 4] = ["config", "check_config", "help", "version"];

/// The effective configuration, in the file's own form.
#[derive(Clone, Debug, PartialEq)]
pub struct Effective {
    settings: Vec<(String, String, &'static str)>,
    keys: Vec<(String, String)>,
}

/// The keys of all settings of `codif serve`, and whether a setting takes several values.
pub fn known_keys(serve: &Command) -> Vec<(String, bool)> {
    let several = |argument: &Arg| matches!(argument.get_action(), ArgAction::Append);
    settings(serve).map(|argument| (argument.get_id().to_string(), several(argument))).collect()
}

impl Effective {
    /// Of the command line as parsed above the file.
    pub fn new(serve: &Command, matches: &ArgMatches, file: &ConfigurationFile) -> Self {
        let in_file = |id: &str| file.settings.iter().any(|(key, _)| key == id);
        let settings = settings(serve).map(|argument| {
            let id = argument.get_id().as_str();
            let origin = match matches.value_source(id) {
                Some(ValueSource::CommandLine) => "flag",
                Some(ValueSource::EnvVariable) => "environment",
                Some(_) if in_file(id) => "file",
                Some(_) if file.inherited.iter().any(|(key, _)| key == id) => "environment (MLFLOW_…)",
                _ => "default",
            };
            (id.to_owned(), value(argument, matches), origin)
        });
        let keys = file.keys.iter().map(|key| (key.name.clone(), key.summary()));
        Self { settings: settings.collect(), keys: keys.collect() }
    }

    /// As a TOML document with the origin of each value.
    pub fn to_toml(&self) -> String {
        let mut tables: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (key, value, origin) in &self.settings {
            let (table, name) = key.split_once('.').unwrap_or(("", key));
            let line = if value.is_empty() { format!("# {name} is not set") } else { format!("{name} = {value}") };
            tables.entry(table).or_default().push(format!("{line:<44} # {origin}"));
        }
        let mut text = String::new();
        for (table, lines) in tables {
            if !table.is_empty() {
                let _ = write!(text, "\n[{table}]\n");
            }
            let _ = writeln!(text, "{}", lines.join("\n"));
        }
        for (_, summary) in &self.keys {
            let _ = write!(text, "\n[[keys]]\n{summary}\n");
        }
        text
    }
}

fn settings(serve: &Command) -> impl Iterator<Item = &Arg> {
    serve.get_arguments().filter(|argument| !NO_SETTINGS.contains(&argument.get_id().as_str()))
}

fn value(argument: &Arg, matches: &ArgMatches) -> String {
    let Some(raw) = matches.get_raw(argument.get_id().as_str()) else { return String::new() };
    // An address hides its own password, here though not in the help.
    if argument.is_hide_env_values_set() && argument.get_id() != "registry" {
        return "\"***\"".to_owned();
    }
    let values: Vec<String> = raw.map(|value| literal(&without_credentials(&value.to_string_lossy()))).collect();
    match argument.get_action() {
        ArgAction::Append => format!("[{}]", values.join(", ")),
        _ => values.join(" "),
    }
}

/// A value as TOML writes it.
fn literal(value: &str) -> String {
    let number = value.parse::<i64>().map(toml::Value::from).or_else(|_| value.parse::<f64>().map(toml::Value::from));
    match number {
        // Only as TOML itself would write it: what is read back is the same text.
        Ok(number) if number.to_string() == value => value.to_owned(),
        _ => toml::Value::String(value.to_owned()).to_string(),
    }
}
