//! The model's own normaliser: an ordered list of named steps, kept in its manifest.

pub mod empty_labels;
pub mod presets;
mod ready;
mod stop_words;
mod transliteration;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use ready::ReadyStep;

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
    /// Puts a space in the place of each phrase.
    RemovePhrases {
        /// Regular expressions; where several match at one place, the first of them is taken.
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

/// A text as a model sees it.
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
        let mut text = Cow::Borrowed(text);
        for step in &self.ready {
            if let Some(changed) = step.changed(&text) {
                text = Cow::Owned(changed);
            }
        }
        NormalisedText(text.into_owned())
    }
}
