//! What parts of a text count for its codes.

use codif::coding::activity::Activity;
use codif::coding::explain::letters::attributions;

use super::{coders, twice};

/// What each letter and each word adds, as the Sirene route tells.
pub fn letters(data: &[u8]) {
    let typed = String::from_utf8_lossy(data);
    let Some(activity) = Activity::of_text(&typed) else { return };
    for (_, served) in coders().iter() {
        let coder = served.coder.as_ref();
        let labels = [0, coder.labels.len() - 1];
        let explained = twice(|| attributions(coder, &activity, &typed, &labels).unwrap());
        assert_eq!(explained.len(), labels.len());
        for attribution in explained {
            assert_eq!(attribution.letters.len(), typed.chars().count());
            assert_eq!(attribution.words.len(), typed.split_whitespace().count());
            assert!(attribution.letters.iter().chain(&attribution.words).all(|added| added.is_finite()));
        }
    }
}
