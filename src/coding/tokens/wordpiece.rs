//! A WordPiece tokenizer out of a `tokenizer.json` of Hugging Face. Its own normaliser, pre-tokenizer and post-processor are
//! used as they are; nothing is truncated, nothing is padded.

use tokenizers::{Model, ModelWrapper};

mod parts;

use super::{Token, TokenizerError};

/// Pieces of words.
#[derive(Clone, Debug)]
pub struct WordPiece {
    tokenizer: Box<tokenizers::Tokenizer>,
    /// Id of what the vocabulary cannot spell.
    unknown: u32,
    size: usize,
}

impl WordPiece {
    /// Reads a `tokenizer.json`. Every id it can give must be below the number of its tokens.
    pub fn read(bytes: &[u8]) -> Result<Self, TokenizerError> {
        parts::check(bytes)?;
        let mut tokenizer = tokenizers::Tokenizer::from_bytes(bytes).map_err(TokenizerError::new)?;
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(TokenizerError::new)?;
        let ModelWrapper::WordPiece(model) = tokenizer.get_model() else { return Err(parts::foreign("another")) };
        let Some(unknown) = model.token_to_id(&model.unk_token) else {
            let reason = format!("its unknown token {:?} is not in its vocabulary", model.unk_token);
            return Err(TokenizerError::new(reason));
        };
        let size = check(&tokenizer)?;
        Ok(Self { tokenizer: Box::new(tokenizer), unknown, size })
    }

    /// Adds the ids of a text's tokens; says whether any of a word is known. Quicker than asking where each comes from.
    pub fn ids(&self, text: &str, ids: &mut Vec<u32>) -> bool {
        let Ok(encoding) = self.tokenizer.encode_fast(text, true) else { return false };
        ids.extend_from_slice(encoding.get_ids());
        let mut tokens = encoding.get_ids().iter().zip(encoding.get_special_tokens_mask());
        tokens.any(|(&id, &special)| special == 0 && id != self.unknown)
    }

    /// Calls `found` with each token id and where it comes from, in order.
    pub fn for_each_token(&self, text: &str, found: &mut impl FnMut(u32, Token)) {
        let Ok(encoding) = self.tokenizer.encode(text, true) else { return };
        let words = words(text);
        let tokens = encoding.get_ids().iter().zip(encoding.get_offsets()).zip(encoding.get_special_tokens_mask());
        for ((&id, &offsets), &special) in tokens {
            let token = if special == 0 { self.token(id, offsets, &words) } else { None };
            found(id, token.unwrap_or(Token::Special));
        }
    }

    /// How many ids there are.
    pub fn size(&self) -> usize {
        self.size
    }

    /// What stands from a byte of the text to another, the last not included. A token that goes on into the next word, for
    /// the tokenizer has removed the white space between them, is said to end with its first word.
    fn token(&self, id: u32, (start, end): (usize, usize), words: &[(usize, &str)]) -> Option<Token> {
        let place = words.partition_point(|(first, _)| *first <= start).checked_sub(1)?;
        let (first, word) = words.get(place)?;
        let (start, end) = (start.checked_sub(*first)?, end.checked_sub(*first)?.min(word.len()));
        let (before, part) = (word.get(..start)?, word.get(start..end)?);
        Some(match part {
            _ if id == self.unknown => Token::Unknown(place),
            part if part.len() == word.len() => Token::Word(place),
            part => Token::Part(place, before.chars().count() + 1, part.chars().count()),
        })
    }
}

/// The words of a text, each with its first byte.
fn words(text: &str) -> Vec<(usize, &str)> {
    text.split_whitespace().map(|word| (word.as_ptr().addr() - text.as_ptr().addr(), word)).collect()
}

/// How many tokens there are; none of the vocabulary, nor any put around a text, may have an id as high.
fn check(tokenizer: &tokenizers::Tokenizer) -> Result<usize, TokenizerError> {
    let vocabulary = tokenizer.get_vocab(true);
    let size = vocabulary.len();
    if let Some((token, id)) = vocabulary.iter().find(|(_, id)| **id as usize >= size) {
        return Err(TokenizerError::new(format!("token {token:?} has id {id}, of {size} tokens")));
    }
    let around = tokenizer.encode("", true).map_err(TokenizerError::new)?;
    match around.get_ids().iter().find(|id| **id as usize >= size) {
        Some(id) => Err(TokenizerError::new(format!("it puts token {id} around a text, of {size} tokens"))),
        None => Ok(size),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r###"{
        "version": "1.0", "truncation": {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0},
        "padding": {"strategy": {"Fixed": 20}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 1,
                    "pad_type_id": 0, "pad_token": "[PAD]"},
        "added_tokens": [],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null,
                       "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["[CLS]", 2], "cls": ["[SEP]", 3]},
        "decoder": null,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100,
                  "vocab": {"[UNK]": 0, "[PAD]": 1, "[CLS]": 2, "[SEP]": 3, "cafe": 4, "bou": 5, "##lan": 6, "##ger": 7,
                            "'": 8, "d": 9}}
    }"###;

    fn tokens(text: &str) -> Vec<(u32, Token)> {
        let mut tokens = Vec::new();
        WordPiece::read(FILE.as_bytes()).unwrap().for_each_token(text, &mut |id, token| tokens.push((id, token)));
        tokens
    }

    #[test]
    fn tokens_say_where_they_come_from() {
        let around = |tokens: &[(u32, Token)]| [&[(3, Token::Special)][..], tokens, &[(2, Token::Special)]].concat();
        assert_eq!(tokens(""), around(&[]));
        assert_eq!(tokens(" Café  xyz"), around(&[(4, Token::Word(0)), (0, Token::Unknown(1))]));
        let parts = [(9, 1, 1), (8, 2, 1), (4, 3, 4)].map(|(id, start, length)| (id, Token::Part(1, start, length)));
        assert_eq!(tokens("café D'CAFÉ"), around(&[&[(4, Token::Word(0))][..], &parts].concat()));
        let parts = [(5, 1), (6, 4), (7, 7)].map(|(id, start)| (id, Token::Part(0, start, 3)));
        assert_eq!(tokens("boulanger"), around(&parts));
        // A form feed is white space to us, and nothing at all to the tokenizer.
        assert_eq!(tokens("ca\u{c}fé"), around(&[(4, Token::Word(0))]));
    }

    #[test]
    fn the_quick_way_gives_the_same_ids_and_says_whether_any_is_known() {
        let pieces = WordPiece::read(FILE.as_bytes()).unwrap();
        for (text, known) in [("", false), ("xyz", false), ("xyz café", true), ("日本 boulanger d'", true)] {
            let mut ids = Vec::new();
            assert_eq!(pieces.ids(text, &mut ids), known, "{text}");
            assert_eq!(ids, tokens(text).iter().map(|(id, _)| *id).collect::<Vec<_>>(), "{text}");
        }
    }

    #[test]
    fn a_faulty_file_is_refused_with_the_reason() {
        for (from, to, reason) in [
            (r#""WordPiece""#, r#""Unigram""#, r#"model type "Unigram""#),
            (r#""[UNK]": 0"#, r#""[NONE]": 0"#, r#"unknown token "[UNK]""#),
            (r#""d": 9"#, r#""d": 10"#, r#"token "d" has id 10, of 10 tokens"#),
            (r#"["[SEP]", 3]"#, r#"["[SEP]", 30]"#, "token 30 around a text"),
            ("{", "", "expected"),
        ] {
            let error = WordPiece::read(FILE.replacen(from, to, 1).as_bytes()).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
