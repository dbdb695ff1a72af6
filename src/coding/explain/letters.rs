//! What each character and each word of a text, as it was typed, adds to the logit of a label.
//!
//! A word's row is shared equally among its letters, a sub-word's among the letters it covers, a word n-gram's equally
//! among its words and then their letters. Normalised letters are then found again in the typed text, in their order: a
//! typed character takes what its normalised letters add (œ that of "oe"), what the normaliser dropped takes nothing.

use candle_core::Result;

use super::dot;
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

/// The letters of a normalised word, each with what it adds.
type Letters = Vec<(char, f64)>;

/// The attributions of a typed text, one a label. The activity's own text may be longer (added texts) or shorter (cut):
/// what is not in both adds nothing here.
pub fn attributions(coder: &Coder, activity: &Activity, typed: &str, labels: &[usize]) -> Result<Vec<Attribution>> {
    let text = coder.normaliser.normalise(activity.text());
    let words: Vec<&str> = text.as_str().split_whitespace().collect();
    let mut rows = Vec::new();
    coder.features.for_each_row(text.as_str(), activity, |row, origin| rows.push((row, origin)));
    let divisor = rows.len() as f64;
    let rows = rows.into_iter().map(|(row, origin)| Ok((coder.classifier.row(row)?, origin)));
    let rows = rows.collect::<Result<Vec<_>>>()?;
    let of_label = |&label: &usize| {
        let weights = coder.classifier.label_weights(label)?;
        let mut letters: Vec<Letters> =
            words.iter().map(|word| word.chars().map(|letter| (letter, 0.0)).collect()).collect();
        for (row, origin) in &rows {
            give(&mut letters, *origin, dot(row, &weights) / divisor);
        }
        Ok(typed_attribution(coder, typed, &words, &letters))
    };
    labels.iter().map(of_label).collect()
}

/// Shares what a row adds among the letters it comes from.
fn give(words: &mut [Letters], origin: Origin, added: f64) {
    let (place, count, first, length) = match origin {
        Origin::Word(place) => (place, 1, 0, usize::MAX),
        // The first character of all is `<`; at the start the sub-word has one letter less.
        Origin::Subword(place, start, length) => (place, 1, start.saturating_sub(1), length - usize::from(start == 0)),
        Origin::WordNgram(place, count) => (place, count, 0, usize::MAX),
        Origin::EndOfText | Origin::Covariate(_) => return,
    };
    for word in words.iter_mut().skip(place).take(count) {
        let covered = word.len().saturating_sub(first).min(length);
        for (_, letter) in word.iter_mut().skip(first).take(covered) {
            *letter += added / (count * covered) as f64;
        }
    }
}

fn typed_attribution(coder: &Coder, typed: &str, words: &[&str], letters: &[Letters]) -> Attribution {
    let mut attribution = Attribution { letters: Vec::with_capacity(typed.len()), words: Vec::new() };
    let mut next_word = 0;
    for piece in typed.split_inclusive(char::is_whitespace) {
        let typed_word = piece.trim_end_matches(char::is_whitespace);
        let mut left: Letters = Vec::new();
        for term in coder.normaliser.normalise(typed_word).as_str().split_whitespace() {
            // A word that the normaliser drops from the whole text (the second of two) is not found, and adds nothing.
            let Some(ahead) = words.iter().skip(next_word).position(|word| *word == term) else { continue };
            left.extend(letters.get(next_word + ahead).into_iter().flatten());
            next_word += ahead + 1;
        }
        let before = attribution.letters.len();
        let mut left = left.as_slice();
        for character in typed_word.chars() {
            let taken = beginning(left, character);
            let (own, rest) = left.split_at(taken);
            left = rest;
            attribution.letters.push(own.iter().map(|(_, added)| added).sum());
        }
        if !typed_word.is_empty() {
            attribution.words.push(attribution.letters.iter().skip(before).sum());
        }
        attribution.letters.extend(piece.chars().skip(typed_word.chars().count()).map(|_| 0.0));
    }
    attribution
}

/// How many of the normalised letters a typed character stands for.
fn beginning(letters: &[(char, f64)], character: char) -> usize {
    let is = |folded: &str| {
        let count = folded.chars().count();
        let same = folded.chars().zip(letters).all(|(folded, (letter, _))| folded == *letter);
        (count > 0 && count <= letters.len() && same).then_some(count)
    };
    let lower = character.to_lowercase().collect::<String>();
    is(&lower).or_else(|| is(&unidecode::unidecode(&lower).to_lowercase())).unwrap_or_default()
}
