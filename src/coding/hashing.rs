//! fastText's hashes: 32-bit FNV-1a with each byte sign-extended, and the mix of word hashes into n-grams.

const BASIS: u32 = 2_166_136_261;
const PRIME: u32 = 16_777_619;

/// Hash of a word.
pub fn hash(word: &str) -> u32 {
    word.bytes().fold(BASIS, extended)
}

/// One byte more; the byte is sign-extended before the xor, as fastText's `int8_t` cast does.
fn extended(hash: u32, byte: u8) -> u32 {
    (hash ^ i32::from(byte.cast_signed()).cast_unsigned()).wrapping_mul(PRIME)
}

/// Hash of a word n-gram from the hash of the n-gram before its last word (`None` before the first word).
pub fn mix(before: Option<u64>, hash: u32) -> u64 {
    let hash = i64::from(hash.cast_signed()).cast_unsigned();
    match before {
        None => hash,
        Some(before) => before.wrapping_mul(116_049_371).wrapping_add(hash),
    }
}

/// Hashes of the sub-words of `<word>` of `shortest` to `longest` characters, in fastText's order: by start, then by
/// length, each with its first character (`<` is the first of all) and its length. The lone `<` and `>` are left out.
pub fn for_each_subword(word: &str, shortest: usize, longest: usize, mut found: impl FnMut(u32, usize, usize)) {
    if longest == 0 {
        return;
    }
    let (mut short, mut long) = ([0; 64], Vec::new());
    let bracketed = match short.get_mut(..word.len() + 2) {
        Some(short) => short,
        None => {
            long.resize(word.len() + 2, 0);
            long.as_mut_slice()
        }
    };
    if let [first, inner @ .., last] = bracketed {
        (*first, *last) = (b'<', b'>');
        inner.copy_from_slice(word.as_bytes());
    }
    let mut rest: &[u8] = bracketed;
    let mut start = 0;
    while let Some(size) = first_character(rest) {
        let (mut hash, mut left) = (BASIS, rest);
        for length in 1..=longest {
            let Some((character, after)) = first_character(left).and_then(|size| left.split_at_checked(size)) else {
                break;
            };
            hash = character.iter().copied().fold(hash, extended);
            left = after;
            let lone_bracket = length == 1 && (start == 0 || left.is_empty());
            if length >= shortest && !lone_bracket {
                found(hash, start, length);
            }
        }
        rest = rest.get(size..).unwrap_or_default();
        start += 1;
    }
}

/// How many bytes the first character has; none when there is none.
fn first_character(text: &[u8]) -> Option<usize> {
    let (_, after) = text.split_first()?;
    let continues = |byte: &&u8| **byte & 0xc0 == 0x80;
    Some(1 + after.iter().take_while(continues).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_hashes() {
        let known = [
            ("a", 3_826_002_220),
            ("<co", 1_033_361_509),
            ("coiff", 1_767_147_366),
            ("</s>", 3_617_362_777),
            ("boulangerie", 874_440_988),
            ("café", 1_970_454_601),
            ("été", 200_187_927),
        ];
        for (word, expected) in known {
            assert_eq!(hash(word), expected, "{word}");
        }
    }

    #[test]
    fn subwords_come_by_start_then_length() {
        let mut found = Vec::new();
        for_each_subword("été", 3, 4, |hash, _, _| found.push(hash));
        assert_eq!(found, ["<ét", "<été", "été", "été>", "té>"].map(hash));
        found.clear();
        for_each_subword("ab", 1, 1, |hash, _, _| found.push(hash));
        assert_eq!(found, ["a", "b"].map(hash));
        for_each_subword("ab", 0, 0, |_, _, _| panic!("none asked for"));
    }
}
