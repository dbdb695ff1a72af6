//! The tokenizers that models bring along.

use codif::coding::tokens::{Token, Tokenizer};

use super::one_line;

/// An `ngram.json`: what is accepted gives ids of its own only, and the same by both ways.
pub fn ngram_file(data: &[u8]) {
    let Ok(tokenizer) = Tokenizer::ngrams(data) else { return };
    let text = String::from_utf8_lossy(data);
    for text in ["", "boulanger patissier n 1 uvre", text.as_ref()] {
        assert_eq!(ids(&tokenizer, text).last(), Some(&2), "every text ends with its end");
    }
}

/// A `tokenizer.json`: what is accepted gives ids of its own only, the same by both ways and whenever it is read.
pub fn word_piece_file(data: &[u8]) {
    let tokenizer = match Tokenizer::word_piece(data) {
        Ok(tokenizer) => tokenizer,
        Err(error) => return one_line(&error),
    };
    let again = Tokenizer::word_piece(data).unwrap();
    assert_eq!(again.size(), tokenizer.size());
    let text: String = String::from_utf8_lossy(data).chars().take(200).collect();
    for text in ["", " \u{a0} ", "Boulangerie-pâtisserie D'ART, 24h/24", TRICKS, text.as_str()] {
        assert_eq!(ids(&again, text), ids(&tokenizer, text));
    }
}

/// Tokens of no word, a form feed, a zero, characters that are taken apart, and some beyond the first plane.
const TRICKS: &str = "œufs [CLS]東京[SEP] vente  \u{c}de\0l'art e\u{301}\u{fffd}\u{1f600}\u{301}";

/// The ids of a text: each is one of the tokenizer's, and comes from a word of the text.
fn ids(tokenizer: &Tokenizer, text: &str) -> Vec<u32> {
    let words: Vec<usize> = text.split_whitespace().map(|word| word.chars().count()).collect();
    let (mut slow, mut quick, mut shown) = (Vec::new(), Vec::new(), false);
    tokenizer.for_each_token(text, &mut |id, token| {
        assert!((id as usize) < tokenizer.size(), "id {id}, of {}", tokenizer.size());
        match token {
            Token::Word(place) | Token::Unknown(place) => assert!(place < words.len()),
            // The brackets around a word count.
            Token::Part(place, start, length) => assert!(start + length <= words[place] + 2),
            Token::Special => {}
        }
        shown |= matches!(token, Token::Word(_) | Token::Part(..));
        slow.push(id);
    });
    let known = tokenizer.ids(text, &mut quick);
    assert_eq!(quick, slow);
    match tokenizer {
        Tokenizer::Ngrams(_) => assert_eq!(known, shown),
        // A known token may stand where no word does.
        Tokenizer::WordPiece(_) => assert!(known || !shown),
    }
    slow
}
