//! The steps that make of a text what a model sees.

use std::collections::HashSet;
use std::sync::LazyLock;

use codif::coding::normalise::empty_labels::EmptyLabels;
use codif::coding::normalise::presets::{codif_1, preset};
use codif::coding::normalise::{Normaliser, NormaliserError, Step};

use super::twice;

/// Every step of a normaliser alone, and the steps of the models that codif makes.
pub fn normaliser(data: &[u8]) {
    static ALONE: LazyLock<Vec<Normaliser>> = LazyLock::new(|| {
        let words = |words: [&str; 3]| words.map(str::to_owned).to_vec();
        let steps = [
            Step::Lowercase,
            Step::Transliterate,
            Step::StripAccents,
            Step::Nfkd,
            Step::Replace { pattern: "[^a-z0-9]+".to_owned(), with: " ".to_owned() },
            Step::RemovePhrases { phrases: words(["activité de", "et", "l'"]) },
            Step::DropShortWords { min: 2 },
            Step::DropDigits,
            Step::DeduplicateWords,
            Step::DropStopWords { words: words(["de", "la", "et"]) },
            Step::Stem,
            Step::CollapseSpaces,
        ];
        steps.into_iter().map(|step| Normaliser::new(vec![step]).unwrap()).collect()
    });
    static MADE: LazyLock<Normaliser> = LazyLock::new(|| Normaliser::new(codif_1()).unwrap());
    let text = String::from_utf8_lossy(data);
    for normaliser in ALONE.iter() {
        normalised_alone(normaliser, &text);
    }
    let normalised = twice(|| MADE.normalise(&text));
    let words: Vec<&str> = normalised.as_str().split_whitespace().collect();
    let is_word = |word: &&str| {
        let plain = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_lowercase();
        word.len() >= 2 && word.bytes().all(plain)
    };
    assert!(words.iter().all(is_word), "{normalised:?}");
    assert_eq!(words.join(" "), normalised.as_str());
    assert_eq!(normalised.is_empty(), words.is_empty());
    assert_eq!(MADE.normalise(normalised.as_str()), normalised);
}

fn normalised_alone(normaliser: &Normaliser, text: &str) {
    let normalised = twice(|| normaliser.normalise(text));
    let text = normalised.as_str();
    let words: Vec<&str> = text.split_whitespace().collect();
    assert_eq!(normalised.is_empty(), words.is_empty());
    for step in normaliser.steps() {
        match step {
            Step::Transliterate => assert!(text.is_ascii()),
            Step::DropShortWords { min } => assert!(words.iter().all(|word| word.chars().count() >= *min)),
            Step::DropDigits => assert!(!text.bytes().any(|byte| byte.is_ascii_digit())),
            Step::DeduplicateWords => assert_eq!(words.iter().collect::<HashSet<_>>().len(), words.len()),
            Step::DropStopWords { words: dropped } => {
                assert!(!dropped.iter().any(|word| words.contains(&word.as_str())))
            }
            Step::CollapseSpaces => assert_eq!(words.join(" "), text),
            _ => {}
        }
        // A stem may have a stem, and what is left around a phrase may be one.
        if !matches!(step, Step::Stem | Step::RemovePhrases { .. }) {
            assert_eq!(normaliser.normalise(text), normalised, "a second time, {step:?} does more");
        }
    }
}

/// The steps of a normaliser as a manifest writes them.
pub fn steps(data: &[u8]) {
    let Ok(steps) = serde_json::from_slice::<Vec<Step>>(data) else { return };
    let written = serde_json::to_string(&steps).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Step>>(&written).unwrap(), steps);
    // Each replacement may make a text many times as long: two of them, with little to put in.
    let replacements: Vec<&str> = steps.iter().filter_map(replacement).collect();
    if replacements.len() > 2 || replacements.iter().any(|with| with.len() > 16) {
        return;
    }
    match Normaliser::new(steps.clone()) {
        Ok(normaliser) => {
            assert_eq!(normaliser.steps(), steps.as_slice());
            for text in ["", "Coiffure à domicile", "Œuvres d'ART, 24h/24 \u{1f600}\u{301}"] {
                twice(|| normaliser.normalise(text));
            }
        }
        Err(NormaliserError::Pattern { position, .. }) => assert!((1..=steps.len()).contains(&position)),
    }
}

fn replacement(step: &Step) -> Option<&str> {
    match step {
        Step::Replace { with, .. } => Some(with),
        _ => None,
    }
}

/// The phrases that say nothing, as a file brings them for the `sirene-1` normaliser: whatever they are, ASCII words are left, a
/// space between two.
pub fn empty_labels(data: &[u8]) {
    let Ok(lists) = serde_json::from_slice::<EmptyLabels>(data) else { return };
    assert_eq!(serde_json::from_slice::<EmptyLabels>(data).unwrap(), lists);
    let steps = preset("sirene-1", Some(&lists)).unwrap();
    match Normaliser::new(steps.clone()) {
        Ok(normaliser) => {
            let text = String::from_utf8_lossy(data);
            for text in ["", "Idem, voir ci-dessus (NÉANT)", text.as_ref()] {
                let normalised = twice(|| normaliser.normalise(text));
                assert!(normalised.as_str().is_ascii(), "{normalised:?}");
                let words: Vec<&str> = normalised.as_str().split_whitespace().collect();
                assert_eq!(words.join(" "), normalised.as_str());
            }
        }
        Err(NormaliserError::Pattern { position, .. }) => {
            assert!(matches!(steps[position - 1], Step::RemovePhrases { .. }), "step {position} is codif's own");
        }
    }
}
