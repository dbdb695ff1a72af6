//! How a user names a model: `NAME`, `NAME@ALIAS` or `NAME:VERSION`.

use std::fmt;
use std::str::FromStr;

/// A model named by a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelReference {
    /// Name in the registry.
    pub name: String,
    /// Which of its versions.
    pub selector: Selector,
}

/// Which version of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// The alias `production` if there is one, else the highest version.
    Default,
    /// The version an alias points to.
    Alias(String),
    /// This version.
    Version(u32),
}

/// A reference that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no model: write NAME, NAME@ALIAS or NAME:VERSION, in letters, digits, '.', '_' and '-'")]
pub struct ReferenceError(String);

impl FromStr for ModelReference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let wrong = || ReferenceError(text.to_owned());
        let (name, selector) = if let Some((name, alias)) = text.split_once('@') {
            (name, Selector::Alias(plain(alias).ok_or_else(wrong)?.to_owned()))
        } else if let Some((name, version)) = text.split_once(':') {
            (name, Selector::Version(version.parse().map_err(|_| wrong())?))
        } else {
            (text, Selector::Default)
        };
        Ok(Self { name: plain(name).ok_or_else(wrong)?.to_owned(), selector })
    }
}

/// A name that can be no path.
pub fn plain(name: &str) -> Option<&str> {
    let allowed = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    (!name.is_empty() && !name.starts_with('.') && name.chars().all(allowed)).then_some(name)
}

impl fmt::Display for ModelReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.selector {
            Selector::Default => write!(formatter, "{}", self.name),
            Selector::Alias(alias) => write!(formatter, "{}@{alias}", self.name),
            Selector::Version(version) => write!(formatter, "{}:{version}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_read_back_as_written() {
        for text in ["ape-naf2008", "ape-naf2008@production", "ape-naf2008:3"] {
            assert_eq!(text.parse::<ModelReference>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn nothing_that_could_be_a_path_is_a_name() {
        for text in ["", "..", "a/b", "../a", "a@../b", "a:x", "a:-1", "@production", "é"] {
            assert!(text.parse::<ModelReference>().is_err(), "{text}");
        }
    }
}
