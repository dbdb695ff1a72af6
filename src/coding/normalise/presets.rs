//! Named normalisers.

use super::Step;

/// The normaliser of the models that `codif train` makes: capitals, accents and punctuation do not matter, and the
/// letters that elisions leave behind (l', d') are dropped.
pub fn codif_1() -> Vec<Step> {
    vec![
        Step::Transliterate,
        Step::Lowercase,
        Step::Replace { pattern: "[^a-z0-9]+".to_owned(), with: " ".to_owned() },
        Step::DropShortWords { min: 2 },
        Step::CollapseSpaces,
    ]
}
