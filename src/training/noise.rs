//! What founders do to a text: a word left out, a letter swapped, dropped, doubled or mistyped.

use rand::{Rng, RngExt};

/// Writes the words of a text again, some of them left out or with a typing error. At least one word stays.
pub fn garble(text: &str, word_dropout: f32, typing_errors: f32, random: &mut impl Rng, garbled: &mut String) {
    garbled.clear();
    let words = text.split(' ').count();
    let spared = random.random_range(0..words);
    for (place, word) in text.split(' ').enumerate() {
        if place != spared && random.random::<f32>() < word_dropout {
            continue;
        }
        if !garbled.is_empty() {
            garbled.push(' ');
        }
        if word.len() >= 4 && word.is_ascii() && random.random::<f32>() < typing_errors {
            mistype(word, random, garbled);
        } else {
            garbled.push_str(word);
        }
    }
}

/// One typing error in an ASCII word.
fn mistype(word: &str, random: &mut impl Rng, garbled: &mut String) {
    let mut letters: Vec<char> = word.chars().collect();
    let place = random.random_range(1..letters.len());
    match random.random_range(0..4) {
        0 => letters.swap(place - 1, place),
        1 => {
            letters.remove(place);
        }
        2 => letters.insert(place, letters.get(place).copied().unwrap_or('e')),
        _ => {
            if let Some(letter) = letters.get_mut(place) {
                *letter = char::from(random.random_range(b'a'..=b'z'));
            }
        }
    }
    garbled.extend(letters);
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_pcg::Pcg64;

    #[test]
    fn nothing_asked_for_changes_nothing() {
        let mut garbled = String::from("before");
        garble("coiffure a domicile", 0.0, 0.0, &mut Pcg64::seed_from_u64(1), &mut garbled);
        assert_eq!(garbled, "coiffure a domicile");
    }

    #[test]
    fn a_word_always_stays_and_errors_are_small() {
        let mut random = Pcg64::seed_from_u64(1);
        let mut garbled = String::new();
        let mut changed = 0;
        for _ in 0..200 {
            garble("coiffure domicile", 1.0, 1.0, &mut random, &mut garbled);
            assert_eq!(garbled.split(' ').count(), 1);
            assert!((7..=9).contains(&garbled.len()), "{garbled}");
            changed += usize::from(garbled != "coiffure" && garbled != "domicile");
        }
        assert!(changed > 150);
    }
}
