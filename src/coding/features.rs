//! From a normalised text and its covariates to the rows of the model's table, as each family of models reads them.

use super::activity::{Activity, Covariate};
use super::covariates::{CovariateFeature, Enters};
use super::normalise::NormalisedText;
use super::tokens::{Token, Tokenizer};

mod buckets;
pub mod ngrams;
mod words;

pub use buckets::Buckets;
pub use ngrams::{END_OF_TEXT, NgramFeatures};
pub use words::Words;

/// What a model reads.
#[derive(Clone, Debug)]
pub struct Features {
    /// Of the text.
    pub text: TextFeatures,
    /// Beside the text, in the order in which they enter.
    pub covariates: Vec<CovariateFeature>,
}

/// What a model reads of a text.
#[derive(Clone, Debug)]
pub enum TextFeatures {
    /// The `fasttext` family: words and hashed n-grams.
    Ngrams(NgramFeatures),
    /// The `torch-text` family: the tokens of its own tokenizer.
    Tokens(Tokenizer),
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
    /// Something of the word at this place that the model does not know.
    Unknown(usize),
    /// The end of the text, or its beginning.
    EndOfText,
    /// The value given for a covariate.
    Covariate(Covariate),
}

impl From<Token> for Origin {
    fn from(token: Token) -> Self {
        match token {
            Token::Word(place) => Self::Word(place),
            Token::Part(place, start, length) => Self::Subword(place, start, length),
            Token::Unknown(place) => Self::Unknown(place),
            Token::Special => Self::EndOfText,
        }
    }
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
    /// For each text: first place in `rows`, place of the first row that is added to the mean of those before, place after the
    /// last, divisor of the mean.
    pub bounds: Vec<[u32; 4]>,
    /// For each text: whether the model knows anything of it (covariates and the end of text apart).
    pub known: Vec<bool>,
}

impl Features {
    /// The bags of several texts.
    pub fn bags<'a>(&self, texts: impl Iterator<Item = (&'a NormalisedText, &'a Activity)>) -> FeatureBags {
        let mut bags = FeatureBags::default();
        for (text, activity) in texts {
            let start = bags.rows.len() as u32;
            let (known, mut divisor) = match &self.text {
                TextFeatures::Ngrams(ngrams) => self.ngram_rows(ngrams, text.as_str(), activity, &mut bags.rows),
                TextFeatures::Tokens(tokenizer) => {
                    let known = tokenizer.ids(text.as_str(), &mut bags.rows);
                    (known, bags.rows.len() as u32 - start)
                }
            };
            for (_, row) in self.token_rows(activity) {
                bags.rows.push(row);
                divisor += 1;
            }
            let averaged = bags.rows.len() as u32;
            bags.rows.extend(self.vector_rows(activity).map(|(_, row)| row));
            bags.bounds.push([start, averaged, bags.rows.len() as u32, divisor]);
            bags.known.push(known);
        }
        bags
    }

    /// Adds the rows of a text; says whether the model knows anything of it, and how many rows they stand for.
    fn ngram_rows(&self, ngrams: &NgramFeatures, text: &str, activity: &Activity, rows: &mut Vec<u32>) -> (bool, u32) {
        let (mut known, mut divisor) = (false, 0);
        let beside = self.words_beside(activity);
        let mut own = usize::MAX;
        if beside.is_some() {
            own = ngrams.words(text).count();
        }
        let words = ngrams.words(text).chain(beside.iter().flat_map(|beside| ngrams.words(beside)));
        ngrams.for_each_summed_row(words, |row, count, origin| {
            rows.push(row);
            divisor += count;
            known |= match origin {
                Origin::Word(place) | Origin::Subword(place, ..) => place < own,
                // Where every bucket has a row, each n-gram has one, known or not.
                Origin::WordNgram(place, _) => place < own && ngrams.buckets.are_pruned(),
                _ => false,
            };
        });
        (known, divisor)
    }

    /// The covariates that are words after the text.
    fn words_beside(&self, activity: &Activity) -> Option<String> {
        let words: Vec<String> = self.covariates.iter().filter_map(|covariate| covariate.word(activity)).collect();
        (!words.is_empty()).then(|| words.join(" "))
    }

    /// The words of a text that origins count, those of covariates after its own.
    pub fn words(&self, text: &str, activity: &Activity) -> Vec<String> {
        let TextFeatures::Ngrams(ngrams) = &self.text else {
            return text.split_whitespace().map(str::to_owned).collect();
        };
        let beside = self.words_beside(activity).unwrap_or_default();
        ngrams.words(text).chain(ngrams.words(&beside)).map(str::to_owned).collect()
    }

    /// Calls `found` with each row of one text, where it comes from, and whether it is averaged (or added to the mean).
    pub fn for_each_row(&self, text: &str, activity: &Activity, mut found: impl FnMut(u32, Origin, bool)) {
        match &self.text {
            TextFeatures::Ngrams(ngrams) => {
                let words = self.words(text, activity);
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                ngrams.for_each_row(&words, &mut |row, origin| found(row, origin, true));
            }
            TextFeatures::Tokens(tokenizer) => {
                tokenizer.for_each_token(text, &mut |row, token| found(row, token.into(), true));
            }
        }
        self.token_rows(activity).for_each(|(covariate, row)| found(row, Origin::Covariate(covariate), true));
        self.vector_rows(activity).for_each(|(covariate, row)| found(row, Origin::Covariate(covariate), false));
    }

    /// The rows of the covariates that are rows of the bag.
    pub fn token_rows(&self, activity: &Activity) -> impl Iterator<Item = (Covariate, u32)> {
        self.covariate_rows(activity, |enters| matches!(enters, Enters::Token(_)))
    }

    fn vector_rows(&self, activity: &Activity) -> impl Iterator<Item = (Covariate, u32)> {
        self.covariate_rows(activity, |enters| matches!(enters, Enters::Vector(_)))
    }

    fn covariate_rows(
        &self,
        activity: &Activity,
        which: fn(&Enters) -> bool,
    ) -> impl Iterator<Item = (Covariate, u32)> {
        let those = self.covariates.iter().filter(move |one| which(&one.enters));
        those.filter_map(|one| Some((one.covariate, one.row(activity)?)))
    }

    /// The covariates given that the model makes nothing of.
    pub fn unused(&self, activity: &Activity) -> Vec<Unused> {
        let mut unused = Vec::new();
        for covariate in Covariate::ALL {
            if activity.covariate(covariate).is_none() {
                continue;
            }
            match self.covariates.iter().find(|known| known.covariate == covariate) {
                None => unused.push(Unused::NotUsed(covariate)),
                Some(known) if !known.knows(activity) => unused.push(Unused::UnknownValue(covariate)),
                Some(_) => {}
            }
        }
        unused
    }
}
