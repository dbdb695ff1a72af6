//! A code of any level, as every nomenclature of the NAF family writes it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::Level;

/// A well-formed code, compact: `S`, `96`, `960`, `9602` or `9602A`. Whether a nomenclature has it is another question.
///
/// Codes are ordered as their text is, and cloning costs nothing. A model that codes in labels of its own has those for codes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(Text);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Text {
    Compact([u8; LONGEST]),
    Free(Arc<str>),
}

const LONGEST: usize = 5;

/// A text that is no code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a code: write a section (S), 2 to 4 digits (96, 96.0, 96.02) or 4 digits and a letter (96.02A)")]
pub struct CodeError(pub String);

impl Code {
    /// A label of no nomenclature: a sub-class of its own, taken as it is.
    pub fn free(label: &str) -> Self {
        Self(Text::Free(label.into()))
    }

    /// The compact form: `9602A`.
    pub fn as_str(&self) -> &str {
        let bytes = match &self.0 {
            Text::Compact(bytes) => bytes,
            Text::Free(label) => return label,
        };
        let length = bytes.iter().position(|byte| *byte == 0).unwrap_or(LONGEST);
        // Never the empty string: the bytes were a code's text when they were taken.
        bytes.get(..length).and_then(|bytes| str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    /// The form that people read: `96.02A`, `96.0`, `96`, `S`.
    pub fn dotted(&self) -> String {
        match self.as_str().split_at_checked(2).filter(|_| matches!(self.0, Text::Compact(_))) {
            Some((division, rest)) if !rest.is_empty() => format!("{division}.{rest}"),
            _ => self.to_string(),
        }
    }

    /// Its level, which its length tells.
    pub fn level(&self) -> Level {
        match self.as_str().len() {
            _ if matches!(self.0, Text::Free(_)) => Level::SubClass,
            1 => Level::Section,
            2 => Level::Division,
            3 => Level::Group,
            4 => Level::Class,
            _ => Level::SubClass,
        }
    }
}

/// Case, dots and white space do not matter: ` 96.02 a` is 9602A.
impl FromStr for Code {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        let kept = text.chars().filter(|character| *character != '.' && !character.is_whitespace());
        let compact: String = kept.map(|character| character.to_ascii_uppercase()).collect();
        let mut bytes = [0; LONGEST];
        match bytes.get_mut(..compact.len()) {
            Some(start) if is_well_formed(&compact) => start.copy_from_slice(compact.as_bytes()),
            _ => return Err(CodeError(text.to_owned())),
        }
        Ok(Self(Text::Compact(bytes)))
    }
}

fn is_well_formed(compact: &str) -> bool {
    let letters = compact.trim_start_matches(|character: char| character.is_ascii_digit());
    let digits = compact.len() - letters.len();
    let is_upper = letters.bytes().all(|byte| byte.is_ascii_uppercase());
    is_upper && matches!((digits, letters.len()), (0, 1) | (2..=4, 0) | (4, 1))
}

/// The compact form.
impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Code({self})")
    }
}

/// The compact form.
impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dots_spaces_and_case_do_not_matter() {
        for text in ["9602A", "96.02A", "96.02 a", " 9602a ", "96\u{a0}02A"] {
            assert_eq!(text.parse::<Code>().unwrap().as_str(), "9602A", "{text}");
        }
    }

    #[test]
    fn every_level_has_its_form() {
        let levels = ["s", "96", "96.0", "96.02", "96.02A"].map(|text| text.parse::<Code>().unwrap());
        assert_eq!(levels.clone().map(|code| code.level()), Level::ALL);
        assert_eq!(levels.clone().map(|code| code.to_string()), ["S", "96", "960", "9602", "9602A"]);
        assert_eq!(levels.map(|code| code.dotted()), ["S", "96", "96.0", "96.02", "96.02A"]);
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", " ", "9", "96A", "960A", "96020", "9602AB", "A9602", "é", "9602É", "٩٦", "SS", "96-02A"] {
            assert_eq!(text.parse::<Code>(), Err(CodeError(text.to_owned())));
        }
    }

    #[test]
    fn a_free_label_is_taken_as_it_is() {
        let free = Code::free("soins à domicile");
        assert_eq!((free.as_str(), free.dotted().as_str()), ("soins à domicile", "soins à domicile"));
        assert_eq!(free.level(), Level::SubClass);
        assert_ne!(Code::free("9602A"), "9602A".parse().unwrap());
    }

    #[test]
    fn json_holds_the_compact_form() {
        let code: Code = "96.02A".parse().unwrap();
        assert_eq!(serde_json::to_string(&code).unwrap(), "\"9602A\"");
    }

    proptest! {
        #[test]
        fn both_forms_read_back_as_the_same_code(text in "[A-Z]|[0-9]{2,4}|[0-9]{4}[A-Z]", other in "[0-9]{2,4}[A-Z]?") {
            let code: Code = text.parse().unwrap();
            prop_assert_eq!(code.as_str(), &text);
            prop_assert_eq!(&code.dotted().parse::<Code>().unwrap(), &code);
            if let Ok(other) = other.parse::<Code>() {
                prop_assert_eq!(code.cmp(&other), code.as_str().cmp(other.as_str()));
            }
        }

        #[test]
        fn any_text_is_a_code_or_a_refusal(text in ".*") {
            if let Ok(code) = text.parse::<Code>() {
                prop_assert!((1..=LONGEST).contains(&code.as_str().len()));
            }
        }
    }
}
