//! Why a nomenclature is refused, and why a question to it has no answer.

use super::{Code, CodeError, Level};

/// A file of the nomenclatures that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NomenclatureError {
    /// A line is wrong.
    #[error("{file}, line {line}: {fault}")]
    Line {
        /// Name of the file.
        file: String,
        /// The line, the header being line 1.
        line: u64,
        /// What is wrong with it.
        fault: Fault,
    },
    /// A level has not as many codes as it should.
    #[error("{file}: {found} codes of level {level}, expected {expected}: the file is not complete or not this one")]
    Count {
        /// Name of the file.
        file: String,
        /// The level.
        level: Level,
        /// How many codes it should have.
        expected: usize,
        /// How many it has.
        found: usize,
    },
    /// A correspondence has not as many pairs as it should.
    #[error("{file}: {found} pairs, expected {expected}: the file is not complete or not this one")]
    PairCount {
        /// Name of the file.
        file: String,
        /// How many pairs it should have.
        expected: usize,
        /// How many it has.
        found: usize,
    },
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It is no row of the file's columns.
    #[error(transparent)]
    Malformed(#[from] csv::Error),
    /// A column is not there.
    #[error("no column {0}")]
    NoColumn(String),
    /// A code is not well formed.
    #[error(transparent)]
    Code(#[from] CodeError),
    /// The level is not one of the five.
    #[error("unknown level {0:?}: section, division, groupe, classe or sous-classe")]
    UnknownLevel(String),
    /// The code is not written as its level's codes are.
    #[error("{code} is written as a {}, the line says {level}", .code.level())]
    WrongLevel {
        /// The code.
        code: Code,
        /// Its level in the file.
        level: Level,
    },
    /// The title is empty.
    #[error("{0} has no title")]
    NoTitle(Code),
    /// The code has a line already.
    #[error("{0} is there twice")]
    Duplicate(Code),
    /// The parent is absent, unknown or not of the level just above.
    #[error("the parent of {code} must be {}, found {}", parent_level(.code), parent_name(.parent.as_ref()))]
    Parent {
        /// The code.
        code: Code,
        /// Its parent in the file.
        parent: Option<Code>,
    },
    /// The code of a pair is not in its nomenclature.
    #[error("{code} is no sub-class of {nomenclature}")]
    NoSubClass {
        /// The code.
        code: Code,
        /// Id of the nomenclature.
        nomenclature: String,
    },
    /// The pair has a line already.
    #[error("the pair {0}, {1} is there twice")]
    DuplicatePair(Code, Code),
}

/// A question about what the nomenclatures do not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// No nomenclature has this id.
    #[error("unknown nomenclature {id:?}: use {}", .known.join(" or "))]
    UnknownNomenclature {
        /// The id asked for.
        id: String,
        /// The ids there are.
        known: Vec<String>,
    },
    /// The nomenclature has no such code.
    #[error("{} is not a code of {nomenclature}{}", .code.dotted(), advice(.elsewhere.as_deref(), .nearest.as_ref()))]
    UnknownCode {
        /// The code asked for.
        code: Code,
        /// Id of the nomenclature asked.
        nomenclature: String,
        /// Id of another nomenclature that has it.
        elsewhere: Option<String>,
        /// A code of the nomenclature that differs by its last character alone.
        nearest: Option<Code>,
    },
}

fn parent_level(code: &Code) -> String {
    let above = code.level().above();
    above.map_or_else(|| "empty".to_owned(), |level| format!("a {level} of this file that it begins with"))
}

fn parent_name(parent: Option<&Code>) -> String {
    parent.map_or_else(|| "none".to_owned(), Code::to_string)
}

fn advice(elsewhere: Option<&str>, nearest: Option<&Code>) -> String {
    match (elsewhere, nearest) {
        (Some(other), _) => format!(" but of {other}: ask for it there"),
        (None, Some(nearest)) => format!(": did you mean {}?", nearest.dotted()),
        (None, None) => ": search for the right one by its words".to_owned(),
    }
}
