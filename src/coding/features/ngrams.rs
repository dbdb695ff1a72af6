//! The features of the `fasttext` family: words, their character n-grams, word n-grams, all hashed as fastText does (Bojanowski
//! et al., "Enriching Word Vectors with Subword Information", TACL 2017; Joulin et al., "Bag of Tricks for Efficient Text
//! Classification", EACL 2017).

use std::collections::HashSet;

use super::{Buckets, Origin, Words};
use crate::coding::hashing::{for_each_subword, hash, mix};

/// The token that ends every text; it takes part in word n-grams. Written in a text, it ends it.
pub const END_OF_TEXT: &str = "</s>";
/// What fastText takes for a label, whatever its labels begin with.
const LABEL: &str = "__label__";

/// Which features a model reads, and the row of the table each of them stands in.
#[derive(Clone, Debug)]
pub struct NgramFeatures {
    /// The known words, the end of text among them.
    pub words: Words,
    /// Fewest and most characters of a sub-word; `0` to `0` for none.
    pub subword_lengths: (usize, usize),
    /// Most words of a word n-gram; `1` for none.
    pub longest_word_ngram: usize,
    /// Hashed sub-words and word n-grams.
    pub buckets: Buckets,
    /// The labels as they stood in the text files that fastText learned from: such a word is no feature.
    pub labels: Option<LabelWords>,
    /// The known words, summed with their sub-words; not while a model is being trained.
    pub known_words: Option<KnownWords>,
}

/// Labels as words of a text.
#[derive(Clone, Debug)]
pub struct LabelWords {
    /// What all of them begin with: most words need no further look.
    prefix: String,
    labels: HashSet<Box<str>>,
}

impl LabelWords {
    /// These labels, each with the prefix before it.
    pub fn new(prefix: &str, labels: &[String]) -> Self {
        let labels = labels.iter().map(|label| format!("{prefix}{label}").into()).collect();
        Self { prefix: prefix.to_owned(), labels }
    }

    fn contain(&self, word: &str) -> bool {
        word.starts_with(&self.prefix) && self.labels.contains(word)
    }
}

/// The sums of known words with their sub-words, as further rows of the table.
#[derive(Clone, Debug)]
pub struct KnownWords {
    /// Row of the first word's sum; the others follow in the order of the words' own rows.
    first_row: u32,
    /// How many rows each sum stands for; words beyond have none.
    counts: Vec<u32>,
}

impl KnownWords {
    /// Sums from `first_row` on; each stands for so many rows.
    pub fn new(first_row: u32, counts: Vec<u32>) -> Self {
        Self { first_row, counts }
    }

    /// The row of a word's sum and how many rows it stands for.
    pub fn get(&self, word_row: u32) -> Option<(u32, u32)> {
        Some((self.first_row + word_row, *self.counts.get(word_row as usize)?))
    }
}

impl NgramFeatures {
    /// The words of a text, up to its end.
    pub fn words<'a>(&self, text: &'a str) -> impl Iterator<Item = &'a str> {
        let words = text.split(is_separator).filter(|word| !word.is_empty());
        words.take_while(|word| *word != END_OF_TEXT).filter(|word| !self.is_label(word))
    }

    fn is_label(&self, word: &str) -> bool {
        let Some(labels) = &self.labels else { return false };
        labels.contain(word) || word.starts_with(LABEL) && self.words.get(word).is_none()
    }

    /// Calls `found` with each row of a text and where it comes from.
    pub fn for_each_row(&self, words: &[&str], found: &mut impl FnMut(u32, Origin)) {
        for (place, word) in words.iter().enumerate() {
            self.for_each_word_row(word, place, found);
        }
        let hashes: Vec<u32> = words.iter().map(|word| hash(word)).collect();
        self.for_each_context_row(hashes, found);
    }

    /// The same of a text as it stands.
    pub fn for_each_text_row(&self, text: &str, found: &mut impl FnMut(u32, Origin)) {
        let words: Vec<&str> = self.words(text).collect();
        self.for_each_row(&words, found);
    }

    /// The same rows, those of a known word as one: each row with how many it stands for.
    pub fn for_each_summed_row<'a>(
        &self,
        words: impl Iterator<Item = &'a str>,
        mut found: impl FnMut(u32, u32, Origin),
    ) {
        let mut hashes = Vec::with_capacity(32);
        for (place, word) in words.enumerate() {
            let hash = hash(word);
            let known = self.known_words.as_ref().zip(self.words.find(word, hash));
            match known.and_then(|(sums, row)| sums.get(row)) {
                Some((row, count)) => found(row, count, Origin::Word(place)),
                None => self.for_each_word_row(word, place, &mut |row, origin| found(row, 1, origin)),
            }
            hashes.push(hash);
        }
        self.for_each_context_row(hashes, &mut |row, origin| found(row, 1, origin));
    }

    /// The rows of one word: its own, when it is known, and those of its sub-words.
    pub fn for_each_word_row(&self, word: &str, place: usize, found: &mut impl FnMut(u32, Origin)) {
        let (shortest, longest) = self.subword_lengths;
        if let Some(row) = self.words.get(word) {
            found(row, Origin::Word(place));
        }
        // The end of text may be known as a word; it has no sub-words.
        if word == END_OF_TEXT {
            return;
        }
        for_each_subword(word, shortest, longest, |hash, start, length| {
            if let Some(row) = self.buckets.row(u64::from(hash)) {
                found(row, Origin::Subword(place, start, length));
            }
        });
    }

    /// The rows of the end of the text and of the word n-grams, from the hashes of the words.
    fn for_each_context_row(&self, mut hashes: Vec<u32>, found: &mut impl FnMut(u32, Origin)) {
        if let Some(row) = self.words.get(END_OF_TEXT) {
            found(row, Origin::EndOfText);
        }
        if self.longest_word_ngram < 2 {
            return;
        }
        hashes.push(hash(END_OF_TEXT));
        for (place, tail) in (0..hashes.len()).filter_map(|place| Some((place, hashes.get(place..)?))) {
            let mut mixed = None;
            for (length, &hash) in (1..=self.longest_word_ngram).zip(tail) {
                let ngram = mix(mixed, hash);
                mixed = Some(ngram);
                if let (2.., Some(row)) = (length, self.buckets.row(ngram)) {
                    found(row, Origin::WordNgram(place, length));
                }
            }
        }
    }
}

/// What fastText separates words at; other white space is part of them.
fn is_separator(character: char) -> bool {
    matches!(character, ' ' | '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(labels: &[&str]) -> NgramFeatures {
        NgramFeatures {
            words: ["vente", "__label__known"].into_iter().collect(),
            subword_lengths: (0, 0),
            longest_word_ngram: 1,
            buckets: Buckets::all(0, 2),
            labels: Some(LabelWords::new("", &labels.iter().map(|label| (*label).to_owned()).collect::<Vec<_>>())),
            known_words: None,
        }
    }

    #[test]
    fn words_are_separated_as_fasttext_does() {
        let words = |text: &'static str| features(&[]).words(text).collect::<Vec<_>>();
        assert_eq!(words("a\tb\u{b}c\u{c}d\0e\r\nf"), ["a", "b", "c", "d", "e", "f"]);
        assert_eq!(words("vente\u{a0}de pain"), ["vente\u{a0}de", "pain"]);
        assert_eq!(words("vente </s> de pain"), ["vente"]);
        assert_eq!(words("vente </s>. de"), ["vente", "</s>.", "de"]);
        assert!(words("  ").is_empty());
    }

    #[test]
    fn a_label_is_no_word() {
        let features = features(&["__ape__9602A"]);
        let text = "vente __ape__9602A __ape__other __label__other __label__known";
        assert_eq!(features.words(text).collect::<Vec<_>>(), ["vente", "__ape__other", "__label__known"]);
        let trained_by_codif = NgramFeatures { labels: None, ..features };
        assert_eq!(trained_by_codif.words(text).count(), 5);
    }
}
