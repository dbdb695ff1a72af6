//! The French words that say nothing about an activity: articles, pronouns, prepositions, "être" and "avoir".
//!
//! They are NLTK's French stop words that a transliterated text can hold. Its 22 accented words (même, été …) are left
//! out: they never match there, and the models were trained with "meme" and "ete" kept. Its single letters are
//! dropped before, as short words.

/// The stop words, as a step of a manifest holds them.
pub(super) fn french() -> Vec<String> {
    FRENCH.split_whitespace().map(str::to_owned).collect()
}

const FRENCH: &str = "
    au aux avec ce ces dans de des du elle en et eux il ils je la le les leur lui ma mais me mes moi mon ne nos notre
    nous on ou par pas pour qu que qui sa se ses son sur ta te tes toi ton tu un une vos votre vous
    suis es est sommes sont serai seras sera serons serez seront serais serait serions seriez seraient fus fut furent
    sois soit soyons soyez soient fusse fusses fussions fussiez fussent
    ayant ayante ayantes ayants eu eue eues eus ai as avons avez ont aurai auras aura aurons aurez auront aurais aurait
    aurions auriez auraient avais avait avions aviez avaient eut eurent aie aies ait ayons ayez aient eusse eusses
    eussions eussiez eussent";

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::french;

    #[test]
    fn each_can_match_and_stands_once() {
        let words = french();
        assert_eq!(words.len(), 157 - 22 - 9, "without the accented words and the single letters");
        assert_eq!(words.iter().collect::<HashSet<_>>().len(), words.len());
        assert!(words.iter().all(|word| word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_lowercase())));
    }
}
