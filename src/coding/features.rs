//! From a normalised text and its covariates to the rows of the model's table: words, their character n-grams,
//! word n-grams, all hashed as fastText does (Bojanowski et al., "Enriching Word Vectors with Subword Information",
//! TACL 2017; Joulin et al., "Bag of Tricks for Efficient Text Classification", EACL 2017).

use std::collections::HashMap;

use super::activity::{Activity, Covariate};
use super::hashing::{for_each_subword, hash, mix};
use super::normalise::NormalisedText;

/// The token that ends every text; it takes part in word n-grams.
pub const END_OF_TEXT: &str = "</s>";

/// Which features a model reads, and the row of the table each of them stands in.
#[derive(Clone, Debug)]
pub struct Features {
    /// Row of each known word, the end of text among them.
    pub words: HashMap<Box<str>, u32>,
    /// Fewest and most characters of a sub-word; `0` to `0` for none.
    pub subword_lengths: (usize, usize),
    /// Most words of a word n-gram; `1` for none.
    pub longest_word_ngram: usize,
    /// Hashed sub-words and word n-grams.
    pub buckets: Buckets,
    /// Row of each value of each covariate the model knows.
    pub covariates: Vec<(Covariate, HashMap<Box<str>, u32>)>,
    /// The known words, summed with their sub-words; not while a model is being trained.
    pub known_words: Option<KnownWords>,
}

/// The sums of the known words with their sub-words, as further rows of the table.
#[derive(Clone, Debug)]
pub struct KnownWords {
    /// Row of the first word's sum; the others follow in the order of the words' own rows.
    first_row: u32,
    /// How many rows each sum stands for.
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

/// The hashed rows: `bucket → row`, of which a pruned model keeps some.
#[derive(Clone, Debug)]
pub struct Buckets {
    rows: Vec<u32>,
}

impl Buckets {
    const PRUNED: u32 = u32::MAX;

    /// `count` buckets, of which `kept` stand in the table from `first_row` on, in this order.
    /// A kept bucket outside `0..count` is passed over.
    pub fn new(count: usize, kept: &[u32], first_row: u32) -> Self {
        let mut rows = vec![Self::PRUNED; count];
        for (row, &bucket) in (first_row..).zip(kept) {
            if let Some(slot) = rows.get_mut(bucket as usize) {
                *slot = row;
            }
        }
        Self { rows }
    }

    /// How many buckets the hashes fall in.
    pub fn count(&self) -> usize {
        self.rows.len()
    }

    /// The row of a hash; nothing when its bucket was pruned.
    fn row(&self, hash: u64) -> Option<u32> {
        let bucket = hash.checked_rem(self.rows.len() as u64)?;
        self.rows.get(bucket as usize).copied().filter(|&row| row != Self::PRUNED)
    }
}

/// Where a row of a bag comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The word at this place.
    Word(usize),
    /// A sub-word of the word at this place, from a character on, so many characters; `<` and `>` count as characters.
    Subword(usize, usize, usize),
    /// The words from this place on, so many of them.
    WordNgram(usize, usize),
    /// The end of the text.
    EndOfText,
    /// The value given for a covariate.
    Covariate(Covariate),
}

/// What became of a covariate that left no trace in the bag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unused {
    /// The model knows the covariate, not this value: it counts as missing.
    UnknownValue(Covariate),
    /// The model does not know the covariate.
    NotUsed(Covariate),
}

impl Unused {
    /// The covariate.
    pub fn covariate(self) -> Covariate {
        match self {
            Self::UnknownValue(covariate) | Self::NotUsed(covariate) => covariate,
        }
    }

    /// The stable code that programs act on.
    pub fn code(self) -> &'static str {
        match self {
            Self::UnknownValue(_) => "unknown_value",
            Self::NotUsed(_) => "not_used",
        }
    }
}

/// The rows of several texts, ragged: no padding.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeatureBags {
    /// Rows of all the texts, one text after the other.
    pub rows: Vec<u32>,
    /// For each text: first place in `rows`, place after the last, divisor of the sum.
    pub bounds: Vec<[u32; 3]>,
    /// For each text: whether the model knows anything of it (covariates and the end of text apart).
    pub known: Vec<bool>,
}

impl Features {
    /// The bags of several texts.
    pub fn bags<'a>(&self, texts: impl Iterator<Item = (&'a NormalisedText, &'a Activity)>) -> FeatureBags {
        let mut bags = FeatureBags::default();
        for (text, activity) in texts {
            let start = bags.rows.len() as u32;
            let (mut known, mut divisor) = (false, 0);
            self.for_each_summed_row(text.as_str(), |row, count, origin| {
                bags.rows.push(row);
                divisor += count;
                known |= !matches!(origin, Origin::EndOfText | Origin::Covariate(_));
            });
            self.covariate_rows(activity).for_each(|(_, row)| {
                bags.rows.push(row);
                divisor += 1;
            });
            bags.bounds.push([start, bags.rows.len() as u32, divisor]);
            bags.known.push(known);
        }
        bags
    }

    /// Calls `found` with each row of one text and where it comes from: the one place where features are made.
    pub fn for_each_row(&self, text: &str, activity: &Activity, mut found: impl FnMut(u32, Origin)) {
        self.for_each_text_row(text, &mut found);
        self.covariate_rows(activity).for_each(|(covariate, row)| found(row, Origin::Covariate(covariate)));
    }

    /// The rows of the covariates alone.
    pub fn covariate_rows(&self, activity: &Activity) -> impl Iterator<Item = (Covariate, u32)> {
        let rows = self.covariates.iter();
        rows.filter_map(|(covariate, rows)| Some((*covariate, *rows.get(activity.covariate(*covariate)?)?)))
    }

    /// The rows of the text alone.
    pub fn for_each_text_row(&self, text: &str, found: &mut impl FnMut(u32, Origin)) {
        for (place, word) in text.split_whitespace().enumerate() {
            self.for_each_word_row(word, place, found);
        }
        self.for_each_context_row(text, found);
    }

    /// The same rows, those of a known word as one: each row with how many it stands for.
    fn for_each_summed_row(&self, text: &str, mut found: impl FnMut(u32, u32, Origin)) {
        for (place, word) in text.split_whitespace().enumerate() {
            let known = self.known_words.as_ref().zip(self.words.get(word));
            match known.and_then(|(sums, row)| sums.get(*row)) {
                Some((row, count)) => found(row, count, Origin::Word(place)),
                None => self.for_each_word_row(word, place, &mut |row, origin| found(row, 1, origin)),
            }
        }
        self.for_each_context_row(text, &mut |row, origin| found(row, 1, origin));
    }

    /// The rows of one word: its own, when it is known, and those of its sub-words.
    pub fn for_each_word_row(&self, word: &str, place: usize, found: &mut impl FnMut(u32, Origin)) {
        let (shortest, longest) = self.subword_lengths;
        if let Some(&row) = self.words.get(word) {
            found(row, Origin::Word(place));
        }
        for_each_subword(word, shortest, longest, |hash, start, length| {
            if let Some(row) = self.buckets.row(u64::from(hash)) {
                found(row, Origin::Subword(place, start, length));
            }
        });
    }

    /// The rows of the end of the text and of the word n-grams.
    fn for_each_context_row(&self, text: &str, found: &mut impl FnMut(u32, Origin)) {
        let mut hashes: Vec<u32> = text.split_whitespace().map(hash).collect();
        if let Some(&row) = self.words.get(END_OF_TEXT) {
            found(row, Origin::EndOfText);
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

    /// The covariates given that the model makes nothing of.
    pub fn unused(&self, activity: &Activity) -> Vec<Unused> {
        let mut unused = Vec::new();
        for covariate in Covariate::ALL {
            let Some(value) = activity.covariate(covariate) else { continue };
            match self.covariates.iter().find(|(known, _)| *known == covariate) {
                None => unused.push(Unused::NotUsed(covariate)),
                Some((_, rows)) if !rows.contains_key(value) => unused.push(Unused::UnknownValue(covariate)),
                Some(_) => {}
            }
        }
        unused
    }
}
