//! The cells of the older form: what counts as missing, and the rules that a column's cells keep.

use serde_json::value::RawValue;

use super::faults::{Refusal, tuple};
use super::form::FORM_TYPES;

/// What the older form's callers write for a missing value.
const MISSING: [&str; 7] = ["", "null", "NA", "NAN", "NaN", "nan", "None"];

/// A cell's text, trimmed; nothing when it is missing.
pub fn filled(text: &str) -> Option<String> {
    let text = text.trim();
    (!MISSING.contains(&text)).then(|| text.to_owned())
}

/// What a cell of a JSON column holds.
pub enum Cell {
    /// Nothing.
    Missing,
    /// A text, trimmed; or that of a number or a truth value.
    Text(String),
    /// A list or an object.
    NoText,
    /// A text with half a surrogate pair.
    Unreadable,
}

/// Reads a cell.
pub fn cell(value: &RawValue) -> Cell {
    let json = value.get();
    match json.bytes().next() {
        Some(b'n') => Cell::Missing,
        Some(b'[' | b'{') => Cell::NoText,
        Some(b'"') => match serde_json::from_str::<String>(json) {
            Ok(text) => filled(&text).map_or(Cell::Missing, Cell::Text),
            Err(_) => Cell::Unreadable,
        },
        _ => Cell::Text(json.to_owned()),
    }
}

/// The rules of the columns, in the order in which they are checked.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// Kind of registration form.
    FormType,
    /// Two digits.
    Nature,
    /// A class.
    Surface,
    /// Two digits and a letter.
    Event,
}

impl Rule {
    fn keeps(self, cell: &str) -> bool {
        match self {
            Self::FormType => FORM_TYPES.contains(&cell),
            Self::Nature => is_digits(cell, 2),
            Self::Surface => matches!(cell, "1" | "2" | "3" | "4"),
            Self::Event => cell
                .split_at_checked(2)
                .is_some_and(|(digits, letter)| is_digits(digits, 2) && matches!(letter, "A" | "P" | "M" | "F")),
        }
    }

    /// What is said before the lines.
    fn sentence(self) -> String {
        match self {
            // The space before this colon is the contract's.
            Self::FormType => {
                let values: Vec<String> = FORM_TYPES.iter().map(|value| format!("'{value}'")).collect();
                let values = values.join(", ");
                format!("The format of type_liasse is incorrect. Accepted values are: [{values}]. See line(s) : ")
            }
            Self::Nature => {
                "The format of nature is incorrect. The nature is an integer between 00 and 99. See line(s): "
                    .to_owned()
            }
            Self::Surface => {
                "The format of surface is incorrect. Accepted values are: ['1', '2', '3', '4']. See line(s): "
                    .to_owned()
            }
            Self::Event => {
                "The format of event is incorrect. The event value is an integer between 00 and 99 plus the \
                            letter A, P, M or F. Example: '01P'. See line(s): "
                    .to_owned()
            }
        }
    }

    /// Refuses a column with the lines of the cells that do not keep the rule.
    pub fn check(self, column: &[Option<String>]) -> Result<(), Refusal> {
        let keeps = |cell: &Option<String>| cell.as_ref().is_none_or(|cell| self.keeps(cell));
        refuse_lines(column, keeps, &self.sentence())
    }
}

/// Refuses a column of texts with the lines that have none.
pub fn check_texts(column: &[Option<String>]) -> Result<(), Refusal> {
    let sentence = "The text_description is missing for some liasses. See line(s): ";
    refuse_lines(column, Option::is_some, sentence)
}

fn refuse_lines(
    column: &[Option<String>],
    right: impl Fn(&Option<String>) -> bool,
    sentence: &str,
) -> Result<(), Refusal> {
    let wrong = column.iter().enumerate().filter(|(_, cell)| !right(cell));
    let lines: Vec<usize> = wrong.map(|(line, _)| line).collect();
    if lines.is_empty() { Ok(()) } else { Err(Refusal::Sentence(format!("{sentence}{}", tuple(&lines)))) }
}

fn is_digits(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_two_digits_and_a_letter() {
        for (event, keeps) in
            [("01P", true), ("99F", true), ("1P", false), ("01X", false), ("01PP", false), ("0éP", false)]
        {
            assert_eq!(Rule::Event.keeps(event), keeps, "{event}");
        }
    }
}
