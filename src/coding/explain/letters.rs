//! What each character and each word of a text, as it was typed, adds to the logit of a label.
//!
//! A word's row is shared equally among its letters, a sub-word's among the letters it covers, a word n-gram's equally
//! among its words and then their letters. Normalised letters are then found again in the typed text, in their order: a
//! typed character takes what its normalised letters add (œ that of "oe"), what the normaliser dropped takes nothing.

use std::ops::Range;

use candle_core::Result;

use super::WeightedRows;
use crate::coding::Coder;
use crate::coding::activity::Activity;
use crate::coding::features::Origin;

/// What the parts of a typed text add to the logit of one label.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribution {
    /// One number a character.
    pub letters: Vec<f64>,
    /// One number a word, separated by white space.
    pub words: Vec<f64>,
}

/// The attributions of a typed text, one a label. The activity's own text may be longer (added texts) or shorter (cut):
/// what is not in both adds nothing here.
pub fn attributions(coder: &Coder, activity: &Activity, typed: &str, labels: &[usize]) -> Result<Vec<Attribution>> {
    let text = coder.normaliser.normalise(activity.text());
    let words = coder.features.words(text.as_str(), activity);
    let letters = Letters::of(&words);
    let alignment = Alignment::new(coder, typed, &letters);
    let rows = WeightedRows::of(&coder.features, &coder.classifier, &text, activity)?;
    let mut added = vec![vec![0.0; letters.letters.len()]; labels.len()];
    for (origin, products) in rows.origins_and_products(&coder.classifier, labels)? {
        added.iter_mut().zip(products).for_each(|(added, product)| letters.give(added, origin, product));
    }
    Ok(added.iter().map(|added| alignment.attribution(added)).collect())
}

/// The letters of a normalised text, word after word.
struct Letters<'a> {
    words: Vec<&'a str>,
    letters: Vec<char>,
    /// Where each word lies among the letters.
    places: Vec<Range<usize>>,
}

impl<'a> Letters<'a> {
    fn of(words: &'a [String]) -> Self {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (mut letters, mut places) = (Vec::new(), Vec::new());
        for word in &words {
            let start = letters.len();
            letters.extend(word.chars());
            places.push(start..letters.len());
        }
        Self { words, letters, places }
    }

    /// Shares what a row adds among the letters it comes from.
    fn give(&self, added: &mut [f64], origin: Origin, product: f64) {
        let (word, count, first, length) = match origin {
            Origin::Word(word) | Origin::Unknown(word) => (word, 1, 0, usize::MAX),
            // The first character of all is `<`; at the start the sub-word has one letter less.
            Origin::Subword(word, start, length) => {
                (word, 1, start.saturating_sub(1), length - usize::from(start == 0))
            }
            Origin::WordNgram(word, count) => (word, count, 0, usize::MAX),
            Origin::EndOfText | Origin::Covariate(_) => return,
        };
        for place in self.places.iter().skip(word).take(count) {
            let covered = place.len().saturating_sub(first).min(length);
            let share = product / (count * covered) as f64;
            added.iter_mut().skip(place.start + first).take(covered).for_each(|letter| *letter += share);
        }
    }
}

/// Which normalised letters each typed character stands for, and which typed characters are a word.
struct Alignment {
    characters: Vec<Range<usize>>,
    words: Vec<Range<usize>>,
}

impl Alignment {
    fn new(coder: &Coder, typed: &str, letters: &Letters<'_>) -> Self {
        let mut alignment = Self { characters: Vec::with_capacity(typed.len()), words: Vec::new() };
        let mut next_word = 0;
        for piece in typed.split_inclusive(char::is_whitespace) {
            let typed_word = piece.trim_end_matches(char::is_whitespace);
            let mut own: Vec<usize> = Vec::new();
            for term in coder.normaliser.normalise(typed_word).as_str().split_whitespace() {
                // A word that the normaliser drops from the whole text (the second of two) is not found, and adds nothing.
                let Some(ahead) = letters.words.iter().skip(next_word).position(|word| *word == term) else { continue };
                own.extend(letters.places.get(next_word + ahead).cloned().into_iter().flatten());
                next_word += ahead + 1;
            }
            let start = alignment.characters.len();
            let mut left = own.as_slice();
            for character in typed_word.chars() {
                let taken = beginning(left, &letters.letters, character);
                let (these, rest) = left.split_at(taken);
                left = rest;
                alignment.characters.push(these.first().map_or(0..0, |first| *first..first + taken));
            }
            if !typed_word.is_empty() {
                alignment.words.push(start..alignment.characters.len());
            }
            let spaces = piece.chars().count() - typed_word.chars().count();
            alignment.characters.extend(std::iter::repeat_n(0..0, spaces));
        }
        alignment
    }

    fn attribution(&self, added: &[f64]) -> Attribution {
        let sum = |place: &Range<usize>| added.get(place.clone()).map_or(0.0, |letters| letters.iter().sum());
        let letters: Vec<f64> = self.characters.iter().map(sum).collect();
        let of_word = |word: &Range<usize>| letters.get(word.clone()).map_or(0.0, |letters| letters.iter().sum());
        Attribution { words: self.words.iter().map(of_word).collect(), letters }
    }
}

/// How many of the normalised letters a typed character stands for.
fn beginning(places: &[usize], letters: &[char], character: char) -> usize {
    let is = |folded: &str| {
        let count = folded.chars().count();
        let same = folded.chars().zip(places).all(|(folded, place)| letters.get(*place) == Some(&folded));
        (count > 0 && count <= places.len() && same).then_some(count)
    };
    let lower = character.to_lowercase().collect::<String>();
    // A model may keep capitals and accents, or not.
    let folded = || is(&unidecode::unidecode(&lower).to_lowercase());
    is(&character.to_string()).or_else(|| is(&lower)).or_else(folded).unwrap_or_default()
}
