//! From a text to the tokens of a torchTextClassifiers model: numbers of rows of its table, as the model was trained.
//!
//! Such a model brings its own tokenizer: one of Hugging Face with a WordPiece vocabulary ([`WordPiece`]), or hashed character
//! n-grams ([`Ngrams`]).

pub mod ngrams;
pub mod wordpiece;

use ngrams::Ngrams;
use wordpiece::WordPiece;

/// Text to token ids, as the model was trained.
#[derive(Clone, Debug)]
pub enum Tokenizer {
    /// Pieces of words, out of a fixed vocabulary.
    WordPiece(WordPiece),
    /// Known words, and the n-grams of every word.
    Ngrams(Ngrams),
}

/// Where a token comes from. Words are separated by white space, as `str::split_whitespace` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// The word at this place, whole.
    Word(usize),
    /// Part of a word: place of the word, first character counted from 1 (0 is a `<` before the word), number of
    /// characters, brackets counted.
    Part(usize, usize, usize),
    /// A token the model does not know, of the word at this place.
    Unknown(usize),
    /// A token that is of no word: `[CLS]`, `[SEP]`, end of text.
    Special,
}

/// Why a tokenizer is refused, in one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TokenizerError(String);

impl TokenizerError {
    fn new(reason: impl std::fmt::Display) -> Self {
        Self(reason.to_string().lines().map(str::trim).collect::<Vec<_>>().join(" "))
    }
}

impl Tokenizer {
    /// Reads a `tokenizer.json` of Hugging Face, whose model must be a WordPiece.
    pub fn word_piece(bytes: &[u8]) -> Result<Self, TokenizerError> {
        WordPiece::read(bytes).map(Self::WordPiece)
    }

    /// Reads an `ngram.json`.
    pub fn ngrams(bytes: &[u8]) -> Result<Self, TokenizerError> {
        Ngrams::read(bytes).map(Self::Ngrams)
    }

    /// Adds the ids of a text's tokens, in order; says whether the model knows any of them (those of no word apart).
    pub fn ids(&self, text: &str, ids: &mut Vec<u32>) -> bool {
        match self {
            Self::WordPiece(pieces) => pieces.ids(text, ids),
            Self::Ngrams(ngrams) => ngrams.ids(text, ids),
        }
    }

    /// Calls `found` with each token id and where it comes from, in order.
    pub fn for_each_token(&self, text: &str, found: &mut impl FnMut(u32, Token)) {
        match self {
            Self::WordPiece(pieces) => pieces.for_each_token(text, found),
            Self::Ngrams(ngrams) => ngrams.for_each_token(text, found),
        }
    }

    /// How many ids there are: every id is below it.
    pub fn size(&self) -> usize {
        match self {
            Self::WordPiece(pieces) => pieces.size(),
            Self::Ngrams(ngrams) => ngrams.size(),
        }
    }
}
