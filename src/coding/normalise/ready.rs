//! The steps of a normaliser, made ready to run: patterns compiled, words in a set.

use std::borrow::Cow;
use std::collections::HashSet;

use regex::Regex;
use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use super::Step;
use super::transliteration::transliterated;

/// A step that is ready to run.
pub(super) enum ReadyStep {
    Replace(Regex, String),
    SpaceApart,
    DropWords(HashSet<String>),
    Stem(Stemmer),
    Plain(Step),
}

/// The pattern of nearly every normaliser, which runs without a regular expression where a space takes its place.
const NOT_PLAIN: &str = "[^a-z0-9]+";
/// A pattern that nothing matches.
const NOTHING: &str = r"[^\s\S]";

impl ReadyStep {
    /// Makes a step ready; the error is the pattern's.
    pub(super) fn new(step: &Step) -> Result<Self, regex::Error> {
        Ok(match step {
            Step::Replace { pattern, with } if pattern == NOT_PLAIN && with == " " => Self::SpaceApart,
            Step::Replace { pattern, with } => Self::Replace(Regex::new(pattern)?, with.clone()),
            Step::RemovePhrases { phrases } => Self::Replace(alternation(phrases)?, " ".to_owned()),
            Step::DropStopWords { words } => Self::DropWords(words.iter().cloned().collect()),
            Step::Stem => Self::Stem(Stemmer::create(Algorithm::French)),
            plain => Self::Plain(plain.clone()),
        })
    }

    /// What the step makes of a text; `None` if it leaves it as it is.
    pub(super) fn changed(&self, text: &str) -> Option<String> {
        match self {
            Self::Replace(pattern, with) => owned(pattern.replace_all(text, with.as_str())),
            Self::SpaceApart => spaced_apart(text),
            Self::DropWords(dropped) => Some(kept(text, |word| !dropped.contains(word))),
            Self::Stem(stemmer) => Some(joined(text.split_whitespace().map(|word| stemmer.stem(word)), text.len())),
            Self::Plain(step) => step.changed(text),
        }
    }
}

impl Step {
    fn changed(&self, text: &str) -> Option<String> {
        match self {
            Self::Lowercase => lowercased(text),
            Self::Transliterate | Self::StripAccents | Self::Nfkd if text.is_ascii() => None,
            Self::Transliterate => Some(transliterated(text)),
            Self::StripAccents => Some(text.nfd().filter(|character| !is_combining_mark(*character)).nfc().collect()),
            Self::Nfkd => Some(text.nfkd().collect()),
            Self::DropShortWords { min } => Some(kept(text, |word| word.chars().count() >= *min)),
            Self::DropDigits => Some(text.chars().filter(|character| !character.is_ascii_digit()).collect()),
            Self::DeduplicateWords => {
                let mut seen = HashSet::new();
                Some(kept(text, |word| seen.insert(word)))
            }
            Self::CollapseSpaces if is_collapsed(text) => None,
            Self::CollapseSpaces => Some(kept(text, |_| true)),
            Self::Replace { .. } | Self::RemovePhrases { .. } | Self::DropStopWords { .. } | Self::Stem => None,
        }
    }
}

/// One pattern for all phrases: at each place of the text the first phrase that matches there is taken.
fn alternation(phrases: &[String]) -> Result<Regex, regex::Error> {
    if phrases.is_empty() {
        return Regex::new(NOTHING);
    }
    let alternatives: Vec<String> = phrases.iter().map(|phrase| format!("(?:{phrase})")).collect();
    let bad_phrase = || phrases.iter().find_map(|phrase| Regex::new(phrase).err());
    Regex::new(&alternatives.join("|")).map_err(|error| bad_phrase().unwrap_or(error))
}

fn owned(text: Cow<str>) -> Option<String> {
    match text {
        Cow::Borrowed(_) => None,
        Cow::Owned(changed) => Some(changed),
    }
}

fn lowercased(text: &str) -> Option<String> {
    if !text.is_ascii() {
        return Some(text.to_lowercase());
    }
    text.bytes().any(|byte| byte.is_ascii_uppercase()).then(|| text.to_ascii_lowercase())
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// A space for each run of what is no small letter and no digit. No byte of a character beyond ASCII is either.
fn spaced_apart(text: &str) -> Option<String> {
    if text.bytes().all(is_plain) {
        return None;
    }
    let mut spaced = String::with_capacity(text.len());
    let mut in_gap = false;
    for byte in text.bytes() {
        if is_plain(byte) {
            spaced.push(char::from(byte));
        } else if !in_gap {
            spaced.push(' ');
        }
        in_gap = !is_plain(byte);
    }
    Some(spaced)
}

/// Whether each white space of an ASCII text is one space between two words; `false` for any other text.
fn is_collapsed(text: &str) -> bool {
    let mut after_space = true;
    for byte in text.bytes() {
        let is_space = byte == b' ';
        if !(byte.is_ascii_graphic() || is_space && !after_space) {
            return false;
        }
        after_space = is_space;
    }
    !after_space || text.is_empty()
}

fn kept<'text>(text: &'text str, mut keep: impl FnMut(&'text str) -> bool) -> String {
    joined(text.split_whitespace().filter(|&word| keep(word)), text.len())
}

fn joined<Word: AsRef<str>>(words: impl Iterator<Item = Word>, capacity: usize) -> String {
    let mut text = String::with_capacity(capacity);
    for word in words {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word.as_ref());
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::{NOT_PLAIN, is_collapsed, kept, spaced_apart};
    use crate::coding::normalise::{Normaliser, NormaliserError, Step};

    fn normalised(step: Step, text: &str) -> String {
        Normaliser::new(vec![step]).unwrap().normalise(text).as_str().to_owned()
    }

    fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
        words.map(str::to_owned).to_vec()
    }

    #[test]
    fn every_step_takes_a_text_without_words() {
        let steps = [
            Step::Lowercase,
            Step::Transliterate,
            Step::StripAccents,
            Step::Nfkd,
            Step::Replace { pattern: NOT_PLAIN.to_owned(), with: " ".to_owned() },
            Step::RemovePhrases { phrases: words(["idem"]) },
            Step::DropShortWords { min: 2 },
            Step::DropDigits,
            Step::DeduplicateWords,
            Step::DropStopWords { words: words(["de"]) },
            Step::Stem,
            Step::CollapseSpaces,
        ];
        for step in steps {
            assert_eq!(normalised(step.clone(), ""), "", "{step:?}");
            assert_eq!(normalised(step.clone(), " \t\n ").trim(), "", "{step:?}");
        }
    }

    #[test]
    fn each_step_does_what_its_name_says() {
        let phrases = || Step::RemovePhrases { phrases: words([r"\bidem ci\b", r"\bidem\b", "b"]) };
        for (step, text, wanted) in [
            (Step::Lowercase, "ÉTÉ Bar", "été bar"),
            (Step::Lowercase, "BAR", "bar"),
            (Step::Transliterate, "Œuf", "OEuf"),
            (Step::StripAccents, "Été où œ", "Ete ou œ"),
            (Step::Nfkd, "é ﬁ", "e\u{301} fi"),
            (Step::Replace { pattern: "e-".to_owned(), with: "e".to_owned() }, "e-café-bar", "ecafé-bar"),
            (phrases(), "idem idem ci abc", "    a c"),
            (Step::RemovePhrases { phrases: Vec::new() }, " bar  ", " bar  "),
            (Step::DropShortWords { min: 2 }, " à  la é bar", "la bar"),
            (Step::DropDigits, "m2 24h", "m h"),
            (Step::DeduplicateWords, "bar et  bar et thé", "bar et thé"),
            (Step::DropStopWords { words: words(["de", "la"]) }, "bar de la dela", "bar dela"),
            (Step::Stem, "boulangeries  artisanales", "boulanger artisanal"),
            (Step::CollapseSpaces, " bar\u{a0}\t tabac ", "bar tabac"),
        ] {
            assert_eq!(normalised(step.clone(), text), wanted, "{step:?}");
        }
    }

    #[test]
    fn a_bad_phrase_is_named_with_the_place_of_its_step() {
        let steps = vec![Step::Lowercase, Step::RemovePhrases { phrases: words(["idem", "voir (", "code"]) }];
        let Err(NormaliserError::Pattern { position, source }) = Normaliser::new(steps) else { panic!("accepted") };
        assert_eq!(position, 2);
        assert!(source.to_string().contains("voir ("), "{source}");
        assert!(!source.to_string().contains("idem"), "{source}");
    }

    proptest! {
        #[test]
        fn spacing_apart_is_the_regular_expression(text in any::<String>(), typed in "[a-z0-9 A'é-]{0,20}") {
            let pattern = Regex::new(NOT_PLAIN).unwrap();
            for text in [text, typed] {
                let wanted = pattern.replace_all(&text, " ").into_owned();
                prop_assert_eq!(spaced_apart(&text).unwrap_or_else(|| text.clone()), wanted);
            }
        }

        #[test]
        fn only_a_collapsed_text_stays_as_it_is(text in "[a-z \t\u{b}é]{0,8}") {
            let is_kept = kept(&text, |_| true) == text;
            prop_assert_eq!(is_collapsed(&text), is_kept && text.is_ascii());
        }
    }
}
