//! Search by code or by words, as a coder types them.

use std::cmp::Reverse;

use super::fold::fold;
use super::{Code, Entry, Nomenclature};

/// Words that link others: they say nothing of an activity, so a query is searched without them.
const LINKING_WORDS: [&str; 20] = [
    "a", "au", "aux", "avec", "d", "dans", "de", "des", "du", "en", "et", "l", "la", "le", "les", "ou", "par", "pour",
    "un", "une",
];

/// Words of a query that count.
const MOST_WORDS: usize = 12;

/// The folded words of a title, in the singular.
pub(super) type TitleWords = Vec<String>;

impl Nomenclature {
    /// At most `limit` entries, the best first; the same query always gives the same answer.
    ///
    /// A query that is a code of this nomenclature gives its entry, then all below it. Any other is read as words, and
    /// an entry is found when each of them is a word of its title, begins one, or is inside one. Case, accents, simple
    /// plurals and linking words (de, la, et…) do not matter. Whole words come before beginnings, beginnings before
    /// insides; then sub-classes before higher levels, shorter titles before longer ones, and the order of the codes.
    pub fn search(&self, query: &str, limit: usize) -> Vec<&Entry> {
        let mut found = match query.parse::<Code>() {
            Ok(code) if self.entry(&code).is_some() => self.within(&code).collect(),
            _ => self.by_words(query),
        };
        found.truncate(limit);
        found
    }

    fn by_words(&self, query: &str) -> Vec<&Entry> {
        let mut wanted = words(query);
        if wanted.iter().any(|word| !is_linking(word)) {
            wanted.retain(|word| !is_linking(word));
        }
        // A word asked for twice is the same word, and nobody means more than a few.
        wanted.sort();
        wanted.dedup();
        wanted.truncate(MOST_WORDS);
        if wanted.is_empty() {
            return Vec::new();
        }
        let fits = self.entries.iter().zip(&self.title_words);
        let fits = fits.filter_map(|(entry, title)| Some((distance(&wanted, title)?, entry)));
        let mut found: Vec<(usize, &Entry)> = fits.collect();
        found.sort_by_key(|(distance, entry)| {
            (*distance, Reverse(entry.level), entry.title.chars().count(), entry.code.clone())
        });
        found.into_iter().map(|(_, entry)| entry).collect()
    }
}

/// The words of a text, folded, in the singular. An apostrophe and a hyphen end a word.
pub(super) fn words(text: &str) -> TitleWords {
    let folded = fold(text);
    let words = folded.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(|word| singular(word).to_owned()).collect()
}

fn is_linking(word: &str) -> bool {
    LINKING_WORDS.contains(&word)
}

/// How far the wanted words are from a title, 0 when all are words of it; none when one of them is not there.
fn distance(wanted: &[String], title: &[String]) -> Option<usize> {
    wanted.iter().map(|word| title.iter().filter_map(|of_title| word_distance(word, of_title)).min()).sum()
}

fn word_distance(wanted: &str, of_title: &str) -> Option<usize> {
    let place = of_title.find(wanted)?;
    Some(match place {
        _ if wanted == of_title => 0,
        0 => 1,
        _ => 2,
    })
}

/// Without the mark of a simple plural: vins → vin, eaux → eau; prix and process stay.
fn singular(word: &str) -> &str {
    let has_s = word.ends_with('s') && !word.ends_with("ss");
    let has_x = ["aux", "eux", "oux"].iter().any(|ending| word.ends_with(ending));
    let plural = word.chars().count() > 3 && (has_s || has_x);
    word.strip_suffix(['s', 'x']).filter(|_| plural).unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Level;
    use super::super::tests::{codes, naf};
    use super::*;

    fn found(query: &str) -> Vec<String> {
        naf("naf2008").search(query, 10).iter().map(|entry| entry.code.to_string()).collect()
    }

    #[test]
    fn a_code_gives_its_entry_then_all_below_it() {
        assert_eq!(found("96.02"), ["9602", "9602A", "9602B"]);
        assert_eq!(found("96.02 a"), ["9602A"]);
        assert_eq!(found("s")[..3], ["S", "94", "941"]);
    }

    #[test]
    fn whole_words_then_sub_classes_then_shorter_titles() {
        assert_eq!(found("coiffure"), ["9602A", "9602"]);
        assert_eq!(found("boulangerie"), ["1071B", "1071C", "107"]);
        let naf2025 = naf("naf2025");
        assert_eq!(codes(naf2025.search("coiffure", 3)), ["9621G", "9621H", "9621"]);
        let levels: Vec<Level> = naf2025.search("coiff", 9).iter().map(|entry| entry.level).collect();
        assert!(levels.is_sorted_by(|before, after| before >= after));
    }

    #[test]
    fn beginnings_come_before_insides() {
        let ranks = ["peinture", "peint", "eintu"].map(|word| word_distance(word, "peinture"));
        assert_eq!(ranks, [Some(0), Some(1), Some(2)]);
        assert_eq!(word_distance("peintures", "peinture"), None);
    }

    #[test]
    fn case_accents_plurals_and_linking_words_do_not_matter() {
        for (one, other) in [
            ("BOULANGERIE", "boulangeries"),
            ("pâtisserie", "PATISSERIES"),
            ("main-d’œuvre", "oeuvres main"),
            ("fabrication du vin", "fabrications de vins"),
            ("captage d'eau", "captages des eaux"),
            ("jeux", "jeu"),
        ] {
            assert!(!found(one).is_empty(), "{one}");
            assert_eq!(found(one), found(other));
        }
        assert!(found("pâtisserie").contains(&"1071D".to_owned()));
        assert_eq!(["prix", "gaz", "process", "gros"].map(singular), ["prix", "gaz", "process", "gro"]);
    }

    #[test]
    fn every_word_has_to_be_there() {
        assert_eq!(found("coiffure beauté"), ["9602"]);
        assert!(found("coiffure zeppelin").is_empty());
        assert!(found("").is_empty() && found(" ,;").is_empty() && found("99.99Z").is_empty());
        assert!(!found("de la").is_empty());
    }

    #[test]
    fn a_sub_class_is_found_by_its_own_title() {
        let naf2008 = naf("naf2008");
        for entry in naf2008.sub_classes() {
            let found = naf2008.search(&entry.title.to_uppercase(), usize::MAX);
            assert!(found.contains(&entry), "{} is not found by its title", entry.code);
        }
    }

    proptest! {
        #[test]
        fn any_query_has_an_answer_within_its_limit(query in "\\PC{0,12}", limit in 0usize..5) {
            let naf2025 = naf("naf2025");
            let found = naf2025.search(&query, limit);
            prop_assert!(found.len() <= limit);
            prop_assert_eq!(&found[..], &naf2025.search(&query, usize::MAX)[..found.len()]);
        }
    }
}
