//! Named normalisers.

use super::Step;
use super::empty_labels::EmptyLabels;
use super::stop_words;

/// Names of the presets.
pub const PRESETS: [&str; 5] = ["none", "codif-1", "sirene-1", "torch-fasttext", "torch-ngram"];

/// The steps of the preset of this name; `None` if there is none. Only `sirene-1` reads the empty labels, and has its
/// own where none are given.
pub fn preset(name: &str, empty: Option<&EmptyLabels>) -> Option<Vec<Step>> {
    match name {
        "none" => Some(Vec::new()),
        "codif-1" => Some(codif_1()),
        "sirene-1" => Some(empty.map_or_else(|| sirene_1(&EmptyLabels::default()), sirene_1)),
        "torch-fasttext" => Some(torch_fasttext()),
        "torch-ngram" => Some(torch_ngram()),
        _ => None,
    }
}

/// The normaliser of the models that `codif train` makes: capitals, accents and punctuation do not matter, and the
/// letters that elisions leave behind (l', d') are dropped.
pub fn codif_1() -> Vec<Step> {
    vec![
        Step::Transliterate,
        Step::Lowercase,
        replace("[^a-z0-9]+", " "),
        Step::DropShortWords { min: 2 },
        Step::CollapseSpaces,
    ]
}

/// The normaliser of the fastText models of the Sirene register (2022–2024): no phrase that says nothing, no
/// punctuation, no digit; "e-commerce" and "e commerce" become "ecommerce"; stems of the words, each once.
pub fn sirene_1(empty: &EmptyLabels) -> Vec<Step> {
    vec![
        no_control_characters(),
        Step::Transliterate,
        Step::Lowercase,
        Step::RemovePhrases { phrases: empty.list_1.clone() },
        replace("e-", "e"),
        replace(r"\be\s", " e"),
        replace(r"[^\w\s]", " "),
        Step::RemovePhrases { phrases: empty.list_2.clone() },
        replace("[0-9+]", " "),
        Step::DropShortWords { min: 2 },
        Step::DeduplicateWords,
        Step::DropStopWords { words: stop_words::french() },
        Step::Stem,
    ]
}

/// The normaliser of the torch-fastText models (2025): stems of the words, each once; punctuation and digits stay.
pub fn torch_fasttext() -> Vec<Step> {
    vec![
        no_control_characters(),
        Step::Transliterate,
        Step::Lowercase,
        Step::DropShortWords { min: 2 },
        Step::DeduplicateWords,
        Step::DropStopWords { words: stop_words::french() },
        Step::Stem,
    ]
}

/// The cleaning of the n-gram tokenizer of torchTextClassifiers: accents are taken off, and a letter that is none of
/// a to z (œ) separates words.
pub fn torch_ngram() -> Vec<Step> {
    vec![
        Step::Lowercase,
        Step::Nfkd,
        replace(r"[\u{300}-\u{36f}]", ""),
        replace("[^a-z0-9]+", " "),
        Step::CollapseSpaces,
    ]
}

/// Python's Unidecode drops what `Step::Transliterate` takes for the Windows signs at these places.
fn no_control_characters() -> Step {
    replace(r"[\u{80}-\u{9f}]", "")
}

fn replace(pattern: &str, with: &str) -> Step {
    Step::Replace { pattern: pattern.to_owned(), with: with.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use serde::Deserialize;

    use super::{EmptyLabels, PRESETS, Step, preset};
    use crate::coding::normalise::Normaliser;

    /// A text and what the programs that made the models make of it.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Golden {
        input: String,
        unidecode_lower: String,
        era1_fasttext_1814b8d: String,
        era2_torchfasttext: String,
        ttc_ngram_clean: String,
    }

    fn assert_golden(steps: Vec<Step>, wanted: impl Fn(&Golden) -> &str) {
        let normaliser = Normaliser::new(steps).unwrap();
        let golden: Vec<Golden> = include_str!("../../../tests/data/preprocess.jsonl")
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(golden.len(), 60);
        for case in &golden {
            assert_eq!(normaliser.normalise(&case.input).as_str(), wanted(case), "{:?}", case.input);
        }
    }

    fn normaliser(name: &str) -> Normaliser {
        Normaliser::new(preset(name, None).unwrap()).unwrap()
    }

    #[test]
    fn sirene_1_gives_the_golden_answers() {
        assert_golden(preset("sirene-1", None).unwrap(), |case| &case.era1_fasttext_1814b8d);
    }

    #[test]
    fn torch_fasttext_gives_the_golden_answers() {
        assert_golden(preset("torch-fasttext", None).unwrap(), |case| &case.era2_torchfasttext);
    }

    #[test]
    fn torch_ngram_gives_the_golden_answers() {
        assert_golden(preset("torch-ngram", None).unwrap(), |case| &case.ttc_ngram_clean);
    }

    #[test]
    fn transliteration_gives_the_golden_answers() {
        assert_golden(vec![Step::Transliterate, Step::Lowercase], |case| &case.unidecode_lower);
    }

    #[test]
    fn control_characters_are_dropped_as_python_drops_them() {
        for name in ["sirene-1", "torch-fasttext"] {
            assert_eq!(normaliser(name).normalise("l\u{92}eau \u{80}").as_str(), "leau");
        }
    }

    #[test]
    fn none_leaves_a_text_as_it_is() {
        assert_eq!(normaliser("none").normalise("  Œuf \n").as_str(), "  Œuf \n");
    }

    #[test]
    fn a_model_may_bring_its_empty_labels() {
        let lists = EmptyLabels { list_1: vec!["rien du tout".to_owned()], list_2: vec![r"\bdivers\b".to_owned()] };
        let normaliser = Normaliser::new(preset("sirene-1", Some(&lists)).unwrap()).unwrap();
        assert_eq!(normaliser.normalise("Rien du tout, divers, idem").as_str(), "idem");
    }

    #[test]
    fn each_preset_is_known_by_its_name_and_survives_a_manifest() {
        for name in PRESETS {
            let steps = preset(name, None).unwrap();
            let written = serde_json::to_string(&steps).unwrap();
            assert_eq!(serde_json::from_str::<Vec<Step>>(&written).unwrap(), steps, "{name}");
            assert_eq!(normaliser(name).normalise("").as_str(), "", "{name}");
        }
        assert_eq!(preset("sirene-2", None), None);
    }

    proptest! {
        #[test]
        fn a_normal_form_is_ascii_words_and_single_spaces(text in any::<String>()) {
            for normaliser in MADE.iter() {
                let normalised = normaliser.normalise(&text);
                let words: Vec<&str> = normalised.as_str().split_whitespace().collect();
                prop_assert!(normalised.as_str().is_ascii());
                prop_assert_eq!(words.join(" "), normalised.as_str());
            }
        }
    }

    /// The presets that change a text.
    static MADE: LazyLock<Vec<Normaliser>> =
        LazyLock::new(|| PRESETS.into_iter().filter(|name| *name != "none").map(normaliser).collect());
}
