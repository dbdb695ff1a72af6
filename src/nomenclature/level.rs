//! The five levels of a nomenclature.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A level; a higher level comes before a lower one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// A letter: S.
    Section,
    /// Two digits: 96.
    Division,
    /// Three digits: 96.0.
    Group,
    /// Four digits: 96.02.
    Class,
    /// Four digits and a letter: 96.02A. What an activity is given.
    SubClass,
}

impl Level {
    /// All of them, from the section down.
    pub const ALL: [Self; 5] = [Self::Section, Self::Division, Self::Group, Self::Class, Self::SubClass];

    /// The level of this French name: section, division, groupe, classe or sous-classe.
    pub fn from_french(name: &str) -> Option<Self> {
        match name {
            "section" => Some(Self::Section),
            "division" => Some(Self::Division),
            "groupe" => Some(Self::Group),
            "classe" => Some(Self::Class),
            "sous-classe" => Some(Self::SubClass),
            _ => None,
        }
    }

    /// The level just above; none above the section.
    pub fn above(self) -> Option<Self> {
        Self::ALL.into_iter().rev().find(|level| *level < self)
    }
}

/// Its English name: section, division, group, class or sub-class.
impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Section => "section",
            Self::Division => "division",
            Self::Group => "group",
            Self::Class => "class",
            Self::SubClass => "sub-class",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_is_one_below_another() {
        let french =
            ["section", "division", "groupe", "classe", "sous-classe"].map(|name| Level::from_french(name).unwrap());
        assert_eq!(french, Level::ALL);
        let above = french.map(Level::above);
        assert_eq!(above[0], None);
        assert_eq!(above[1..], french[..4].iter().copied().map(Some).collect::<Vec<_>>());
        assert_eq!(Level::from_french("class"), None);
    }

    #[test]
    fn json_has_underscores_and_people_read_hyphens() {
        assert_eq!(serde_json::to_string(&Level::SubClass).unwrap(), "\"sub_class\"");
        assert_eq!(Level::SubClass.to_string(), "sub-class");
    }
}
