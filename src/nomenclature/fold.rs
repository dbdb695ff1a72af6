//! Texts as a search compares them.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Lower case, no accents, `œ` and `æ` in two letters, compatibility forms (`²`, `ﬁ`, no-break space) as plain ones.
/// Punctuation stays. Total, and folding twice changes nothing.
pub fn fold(text: &str) -> String {
    let plain = text.nfkd().filter(|character| !is_combining_mark(*character));
    plain.flat_map(char::to_lowercase).collect::<String>().replace('œ', "oe").replace('æ', "ae")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::fold;

    #[test]
    fn case_accents_and_ligatures_go() {
        assert_eq!(
            fold("Œuvres d'ART ; PÂTISSERIE, façonnage à 120 m²"),
            "oeuvres d'art ; patisserie, faconnage a 120 m2"
        );
        assert_eq!(fold("e\u{301}te\u{301}"), fold("ÉTÉ"));
    }

    proptest! {
        #[test]
        fn folding_twice_changes_nothing(text in ".*") {
            let folded = fold(&text);
            prop_assert_eq!(fold(&folded), folded);
        }
    }
}
