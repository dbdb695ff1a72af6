//! The model's own normaliser: an ordered list of named steps, kept in its manifest.

pub mod presets;

use std::collections::HashSet;

use regex::Regex;
use rust_stemmers::{Algorithm, Stemmer};
use serde::{Deserialize, Serialize};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// One step of a normaliser, as the manifest writes it. A step codif does not know is refused by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Step {
    /// Unicode lower case.
    Lowercase,
    /// Unicode to ASCII, as Python's Unidecode does (œ → oe, ß → ss).
    Transliterate,
    /// Removes combining marks after canonical decomposition.
    StripAccents,
    /// Compatibility decomposition.
    Nfkd,
    /// Replaces each match of a regular expression.
    Replace {
        /// The regular expression.
        pattern: String,
        /// What takes its place.
        with: String,
    },
    /// Removes whole-word phrases.
    RemovePhrases {
        /// The phrases, tried in order.
        phrases: Vec<String>,
    },
    /// Drops words shorter than `min` characters.
    DropShortWords {
        /// Fewest characters a kept word has.
        min: usize,
    },
    /// Removes digits.
    DropDigits,
    /// Keeps the first occurrence of each word.
    DeduplicateWords,
    /// Drops the words listed.
    DropStopWords {
        /// The words dropped.
        words: Vec<String>,
    },
    /// Snowball's French stemmer, word by word.
    Stem,
    /// One space between words, none at the ends.
    CollapseSpaces,
}

/// A model's normalised text: words separated by single spaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NormalisedText(String);

impl NormalisedText {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nothing is left of the text.
    pub fn is_empty(&self) -> bool {
        self.0.trim().is_empty()
    }
}

/// Why a normaliser cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum NormaliserError {
    /// A pattern that is no regular expression.
    #[error("normaliser step {position}: {source}")]
    Pattern {
        /// Place of the step in the list, from 1.
        position: usize,
        /// What is wrong with the pattern.
        source: Box<regex::Error>,
    },
}

/// The steps, made ready to run.
pub struct Normaliser {
    steps: Vec<Step>,
    ready: Vec<ReadyStep>,
}

enum ReadyStep {
    Replace(Regex, String),
    RemovePhrases(Vec<Regex>),
    DropWords(HashSet<String>),
    Stem(Stemmer),
    Plain(Step),
}

impl Normaliser {
    /// Compiles the steps once; a bad pattern is refused with its place in the list.
    pub fn new(steps: Vec<Step>) -> Result<Self, NormaliserError> {
        let ready = steps.iter().enumerate().map(|(index, step)| {
            ReadyStep::new(step)
                .map_err(|error| NormaliserError::Pattern { position: index + 1, source: Box::new(error) })
        });
        Ok(Self { ready: ready.collect::<Result<_, _>>()?, steps })
    }

    /// The steps, as the manifest writes them.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The text as the model sees it. Total and deterministic.
    pub fn normalise(&self, text: &str) -> NormalisedText {
        NormalisedText(self.ready.iter().fold(text.to_owned(), |text, step| step.apply(text)))
    }
}

impl ReadyStep {
    fn new(step: &Step) -> Result<Self, regex::Error> {
        Ok(match step {
            Step::Replace { pattern, with } => Self::Replace(Regex::new(pattern)?, with.clone()),
            Step::RemovePhrases { phrases } => {
                let whole_words = |phrase: &String| Regex::new(&format!(r"\b(?:{phrase})\b"));
                Self::RemovePhrases(phrases.iter().map(whole_words).collect::<Result<_, _>>()?)
            }
            Step::DropStopWords { words } => Self::DropWords(words.iter().cloned().collect()),
            Step::Stem => Self::Stem(Stemmer::create(Algorithm::French)),
            plain => Self::Plain(plain.clone()),
        })
    }

    fn apply(&self, text: String) -> String {
        match self {
            Self::Replace(pattern, with) => pattern.replace_all(&text, with.as_str()).into_owned(),
            Self::RemovePhrases(phrases) => {
                phrases.iter().fold(text, |text, phrase| phrase.replace_all(&text, " ").into_owned())
            }
            Self::DropWords(dropped) => joined(text.split_whitespace().filter(|word| !dropped.contains(*word))),
            Self::Stem(stemmer) => joined(text.split_whitespace().map(|word| stemmer.stem(word))),
            Self::Plain(step) => step.apply_plain(text),
        }
    }
}

impl Step {
    fn apply_plain(&self, text: String) -> String {
        match self {
            Self::Lowercase => text.to_lowercase(),
            Self::Transliterate if text.is_ascii() => text,
            Self::Transliterate => unidecode::unidecode(&text),
            Self::StripAccents => text.nfd().filter(|character| !is_combining_mark(*character)).nfc().collect(),
            Self::Nfkd => text.nfkd().collect(),
            Self::DropShortWords { min } => joined(text.split_whitespace().filter(|word| word.chars().count() >= *min)),
            Self::DropDigits => text.chars().filter(|character| !character.is_ascii_digit()).collect(),
            Self::DeduplicateWords => {
                let mut seen = HashSet::new();
                joined(text.split_whitespace().filter(|word| seen.insert(*word)))
            }
            Self::CollapseSpaces => joined(text.split_whitespace()),
            Self::Replace { .. } | Self::RemovePhrases { .. } | Self::DropStopWords { .. } | Self::Stem => text,
        }
    }
}

fn joined<Word: AsRef<str>>(words: impl Iterator<Item = Word>) -> String {
    let mut text = String::new();
    for word in words {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word.as_ref());
    }
    text
}
