//! The words a model knows, found by the hash that their n-grams need anyway.

use hashbrown::HashTable;

use crate::coding::hashing::hash;

/// Words, each with its row.
#[derive(Clone, Debug, Default)]
pub struct Words {
    text: String,
    /// Where each word ends in the text.
    ends: Vec<usize>,
    /// Hash and place of each word.
    table: HashTable<(u32, u32)>,
}

impl Words {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The row of a word.
    pub fn get(&self, word: &str) -> Option<u32> {
        self.find(word, hash(word))
    }

    /// The same, its hash being known.
    pub fn find(&self, word: &str, hash: u32) -> Option<u32> {
        let is_it = |&(other, place): &(u32, u32)| other == hash && self.word(place) == Some(word);
        self.table.find(spread(hash), is_it).map(|(_, place)| *place)
    }

    fn word(&self, place: u32) -> Option<&str> {
        let place = place as usize;
        let start = place.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.text.get(start..*self.ends.get(place)?)
    }

    /// The words in the order of their rows.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len() as u32).filter_map(|place| self.word(place))
    }
}

/// The words in the order of their rows; of a word that is there twice the first counts.
impl<'a> FromIterator<&'a str> for Words {
    fn from_iter<I: IntoIterator<Item = &'a str>>(words: I) -> Self {
        let mut made = Self::default();
        for word in words {
            let (hash, place) = (hash(word), made.ends.len() as u32);
            let is_new = made.find(word, hash).is_none();
            made.text.push_str(word);
            made.ends.push(made.text.len());
            if is_new {
                made.table.insert_unique(spread(hash), (hash, place), |(hash, _)| spread(*hash));
            }
        }
        made
    }
}

/// The table looks at the highest and the lowest bits.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_by_their_row() {
        let words: Words = ["coiffure", "", "à", "coiffure", "domicile"].into_iter().collect();
        assert_eq!((words.len(), words.is_empty()), (5, false));
        assert_eq!(["coiffure", "", "à", "domicile"].map(|word| words.get(word)), [Some(0), Some(1), Some(2), Some(4)]);
        assert_eq!([words.get("coiff"), words.get("coiffureà")], [None, None]);
        assert_eq!(words.iter().collect::<Vec<_>>(), ["coiffure", "", "à", "coiffure", "domicile"]);
        assert!(Words::default().get("").is_none());
    }
}
