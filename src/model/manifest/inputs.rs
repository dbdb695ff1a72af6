//! What a manifest says of what the model reads: of the text, and beside it.

use serde::{Deserialize, Serialize};

use crate::coding::activity::Covariate;
use crate::coding::covariates::SurfaceBins;

/// Which features a model of the `fasttext` family reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureSettings {
    /// Words of the vocabulary; they are the first rows of the table.
    pub words: usize,
    /// Fewest characters of a sub-word.
    pub shortest_subword: usize,
    /// Most characters of a sub-word; 0 for none.
    pub longest_subword: usize,
    /// Most words of a word n-gram; 1 for none.
    pub longest_word_ngram: usize,
    /// Buckets the n-grams are hashed in.
    pub buckets: usize,
    /// Buckets that were kept; they are the last rows of the table.
    pub kept_buckets: usize,
    /// What the labels of the text files it was trained on begin with: a word that is a label is no feature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_prefix: Option<String>,
}

impl FeatureSettings {
    /// Whether every bucket has its row: they are not listed then.
    pub fn keeps_all(&self) -> bool {
        self.kept_buckets == self.buckets
    }
}

/// What makes tokens of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenizerSettings {
    /// Which kind; each has a file of its own.
    pub kind: TokenizerKind,
    /// Tokens there are; they are the first rows of the table.
    pub tokens: usize,
}

/// Kinds of tokenizers. One codif does not know is refused by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenizerKind {
    /// A `tokenizer.json` of Hugging Face's library.
    #[default]
    WordPiece,
    /// Words and hashed character n-grams: an `ngram.json`.
    Ngram,
}

impl TokenizerKind {
    /// Name of its file.
    pub fn file(self) -> &'static str {
        match self {
            Self::WordPiece => "tokenizer.json",
            Self::Ngram => "ngram.json",
        }
    }
}

/// One covariate of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CovariateSettings {
    /// Which one.
    pub field: Covariate,
    /// How it enters.
    pub enters: Entry,
    /// The values the model has seen, in the order of their rows.
    pub values: Vec<String>,
    /// The classes of a surface in square metres, where they are the model's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surface_bins: Option<SurfaceBins>,
}

impl CovariateSettings {
    /// Whether each of its values has a row.
    pub(super) fn has_rows(&self) -> bool {
        !matches!(self.enters, Entry::Word(_))
    }
}

/// How a covariate enters a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry {
    /// As one more row of the bag.
    Token,
    /// As a row that is added to the mean; a value that is missing or unknown has that of "NaN".
    Vector,
    /// As one more word after the text: this prefix and the value, or `NaN` when it is missing.
    Word(String),
}
