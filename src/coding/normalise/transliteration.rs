//! Unicode to ASCII, with the answers of Python's Unidecode 1.4 where the table of the `unidecode` crate is older.

use unidecode::unidecode_char;

/// What the crate's table holds where it knows nothing; Unidecode gives nothing there.
const UNKNOWN: &str = "[?]";

/// The text in ASCII.
pub(super) fn transliterated(text: &str) -> String {
    let mut ascii = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii() {
            ascii.push(character);
        } else {
            ascii.push_str(letters(character));
        }
    }
    ascii
}

fn letters(character: char) -> &'static str {
    match character {
        '¼' => " 1/4",
        '½' => " 1/2",
        '¾' => " 3/4",
        '№' => "No. ",
        '™' => "(tm)",
        other => Some(unidecode_char(other)).filter(|letters| letters.trim_end() != UNKNOWN).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::transliterated;

    #[test]
    fn letters_and_signs_of_french_texts() {
        for (text, ascii) in [
            ("", ""),
            ("plain ASCII\t~", "plain ASCII\t~"),
            ("Œuvres à l’œil", "OEuvres a l'oeil"),
            ("ſtraße Ærø ﬁn", "strasse AEro fin"),
            ("café–théâtre — nº1", "cafe-theatre -- no1"),
            ("10€ / m² “x” «y» …", "10EUR / m2 \"x\" <<y>> ..."),
            ("Ⅳ ½ 2¼", "IV  1/2 2 1/4"),
            ("№3 Sirop™", "No. 3 Sirop(tm)"),
        ] {
            assert_eq!(transliterated(text), ascii, "{text}");
        }
    }

    #[test]
    fn what_is_unknown_is_left_out() {
        assert_eq!(transliterated("a\u{350}b\u{800}c🍕d"), "abcd");
    }
}
