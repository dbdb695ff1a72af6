//! The n-gram tokenizer of torchTextClassifiers: a known word's own id, then the n-grams of `<word>` hashed into buckets, the
//! shorter ones first. It splits at white space only: the cleaning is the normaliser's (`torch-ngram`).

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;

use serde::Deserialize;

use super::{Token, TokenizerError};

/// Id of a word of which nothing is known.
const UNKNOWN: u32 = 1;
/// Id that ends every text.
const END: u32 = 2;
/// Id of the first known word.
const FIRST_WORD: u32 = 3;
/// Longest n-gram read, in characters.
const LONGEST_NGRAM: usize = 64;
/// Most buckets read, and most words.
const MOST_ROWS: u32 = 1 << 26;
/// 32-bit FNV-1a.
const BASIS: u32 = 2_166_136_261;
const PRIME: u32 = 16_777_619;

/// Known words and hashed n-grams.
#[derive(Clone, Debug)]
pub struct Ngrams {
    words: HashMap<Box<str>, u32>,
    /// Fewest and most characters of an n-gram.
    lengths: (usize, usize),
    first_bucket: u32,
    buckets: NonZeroU32,
}

/// `ngram.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    min_n: usize,
    max_n: usize,
    num_tokens: NonZeroU32,
    word_to_id: HashMap<Box<str>, u32>,
}

impl Ngrams {
    /// Reads an `ngram.json`.
    pub fn read(bytes: &[u8]) -> Result<Self, TokenizerError> {
        let file: File = serde_json::from_slice(bytes).map_err(TokenizerError::new)?;
        let lengths = (file.min_n, file.max_n);
        if lengths.0 == 0 || lengths.0 > lengths.1 || lengths.1 > LONGEST_NGRAM {
            let reason = format!("n-grams of {} to {} characters: 1 to {LONGEST_NGRAM} are read", lengths.0, lengths.1);
            return Err(TokenizerError::new(reason));
        }
        let words = u32::try_from(file.word_to_id.len()).unwrap_or(u32::MAX);
        if words > MOST_ROWS || file.num_tokens.get() > MOST_ROWS {
            let reason = format!("{words} words and num_tokens {}: at most {MOST_ROWS} are read", file.num_tokens);
            return Err(TokenizerError::new(reason));
        }
        let first_bucket = FIRST_WORD + words;
        check(&file.word_to_id, first_bucket)?;
        Ok(Self { words: file.word_to_id, lengths, first_bucket, buckets: file.num_tokens })
    }

    /// Adds the ids of a text's tokens; says whether any stands for a word or a part of one.
    pub fn ids(&self, text: &str, ids: &mut Vec<u32>) -> bool {
        let mut known = false;
        self.for_each_token(text, &mut |id, token| {
            ids.push(id);
            known |= matches!(token, Token::Word(_) | Token::Part(..));
        });
        known
    }

    /// Calls `found` with each token id and where it comes from, in order.
    pub fn for_each_token(&self, text: &str, found: &mut impl FnMut(u32, Token)) {
        for (place, word) in text.split_whitespace().enumerate() {
            self.for_each_word_token(word, place, found);
        }
        found(END, Token::Special);
    }

    /// How many ids there are.
    pub fn size(&self) -> usize {
        self.first_bucket as usize + self.buckets.get() as usize
    }

    fn for_each_word_token(&self, word: &str, place: usize, found: &mut impl FnMut(u32, Token)) {
        let own = self.words.get(word);
        if let Some(&id) = own {
            found(id, Token::Word(place));
        }
        let mut nothing = own.is_none();
        for_each_ngram(word, self.lengths, |hash, start, length| {
            nothing = false;
            found(self.first_bucket + hash % self.buckets, Token::Part(place, start, length));
        });
        if nothing {
            found(UNKNOWN, Token::Unknown(place));
        }
    }
}

/// The ids of the words must be those from the first one to the first bucket, each once.
fn check(words: &HashMap<Box<str>, u32>, first_bucket: u32) -> Result<(), TokenizerError> {
    let mut taken = HashSet::new();
    let wrong = |id: u32| !(FIRST_WORD..first_bucket).contains(&id);
    match words.iter().find(|(_, id)| wrong(**id) || !taken.insert(**id)) {
        None => Ok(()),
        Some((word, id)) => {
            let reason =
                format!("word {word:?} has id {id}: ids are distinct, from {FIRST_WORD} and below {first_bucket}");
            Err(TokenizerError::new(reason))
        }
    }
}

/// Hashes of the n-grams of `<word>`, by length, then by start, each with its first character (`<` is the first of all) and
/// its length. The whole `<word>` is left out, and so is the word itself. Whole characters are hashed, not their bytes.
fn for_each_ngram(word: &str, (shortest, longest): (usize, usize), mut found: impl FnMut(u32, usize, usize)) {
    let bracketed: Vec<char> = std::iter::once('<').chain(word.chars()).chain(std::iter::once('>')).collect();
    let mut hashes = vec![BASIS; bracketed.len()];
    // At each length, the hash at every start takes one character more.
    for length in 1..=longest.min(bracketed.len() - 1) {
        let last_characters = bracketed.iter().skip(length - 1);
        for (start, (hash, &last)) in hashes.iter_mut().zip(last_characters).enumerate() {
            *hash = (*hash ^ u32::from(last)).wrapping_mul(PRIME);
            let word_itself = start == 1 && length == bracketed.len() - 2;
            if length >= shortest && !word_itself {
                found(*hash, start, length);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &[u8] = br#"{"min_n": 3, "max_n": 6, "num_tokens": 100,
        "word_to_id": {"boulanger": 3, "coiffeur": 4, "boucherie": 5, "charcuterie": 6}}"#;

    #[test]
    fn the_ids_of_a_cleaned_text() {
        let expected = "3 19 28 54 58 23 34 92 84 47 34 34 89 74 12 61 76 92 84 85 7 15 87 51 80 75 67 60 42 25 37 87 89 34 \
                        38 53 21 39 58 47 99 64 55 39 40 32 89 26 42 49 36 50 39 48 15 7 106 23 53 37 44 1 1 35 27 31 105 45 \
                        105 56 30 2";
        let mut ids = Vec::new();
        assert!(Ngrams::read(SMALL).unwrap().ids("boulanger patissier n 1 uvre", &mut ids));
        let expected: Vec<u32> = expected.split_whitespace().map(|id| id.parse().unwrap()).collect();
        assert_eq!(ids, expected);
    }

    #[test]
    fn tokens_say_where_they_come_from() {
        let ngrams = Ngrams::read(SMALL).unwrap();
        let tokens = |text: &str| {
            let mut tokens = Vec::new();
            ngrams.for_each_token(text, &mut |_, token| tokens.push(token));
            tokens
        };
        assert_eq!(tokens(" "), [Token::Special]);
        // Of <ab>: the whole is left out at 4 characters.
        assert_eq!(tokens("n ab"), [Token::Unknown(0), Token::Part(1, 0, 3), Token::Part(1, 1, 3), Token::Special]);
        assert_eq!(tokens("coiffeur")[..2], [Token::Word(0), Token::Part(0, 0, 3)]);
        // Of <été>: the word itself is left out at 3 characters.
        let parts = [(0, 3), (2, 3), (0, 4), (1, 4)].map(|(start, length)| Token::Part(0, start, length));
        assert_eq!(tokens("été")[..4], parts);
        let mut ids = Vec::new();
        assert!(!ngrams.ids("n 1", &mut ids));
        assert_eq!(ids, [1, 1, 2]);
    }

    #[test]
    fn a_faulty_file_is_refused_with_the_reason() {
        let refused = |file: &str| Ngrams::read(file.as_bytes()).unwrap_err().to_string();
        for (lengths, tokens, words, reason) in [
            ((4, 3), 9, r#""a": 3"#, "n-grams of 4 to 3 characters"),
            ((0, 3), 9, r#""a": 3"#, "n-grams of 0 to 3 characters"),
            ((1, 65), 9, r#""a": 3"#, "n-grams of 1 to 65 characters"),
            ((1, 3), (1 << 26) + 1, r#""a": 3"#, "num_tokens 67108865"),
            ((1, 3), 0, r#""a": 3"#, "nonzero"),
            ((1, 3), 9, r#""a": 2"#, r#"word "a" has id 2"#),
            ((1, 3), 9, r#""a": 4"#, r#"word "a" has id 4"#),
            ((1, 3), 9, r#""a": 3, "b": 3"#, "has id 3"),
        ] {
            let (shortest, longest) = lengths;
            let file = format!(
                r#"{{"min_n": {shortest}, "max_n": {longest}, "num_tokens": {tokens}, "word_to_id": {{{words}}}}}"#
            );
            assert!(refused(&file).contains(reason), "{file}: {}", refused(&file));
        }
    }
}
