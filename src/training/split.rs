//! The split of a corpus, fixed by the texts alone: first tenth test, second tenth calibration, rest training.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::corpus::CodedActivity;
use crate::nomenclature::{Code, fold::fold};

/// The three parts of a corpus.
#[derive(Clone, Debug, Default)]
pub struct Split<'a> {
    /// Decides nothing; measured once.
    pub test: Vec<&'a CodedActivity>,
    /// Gives the temperature and the threshold.
    pub calibration: Vec<&'a CodedActivity>,
    /// Trained on.
    pub training: Vec<&'a CodedActivity>,
}

impl<'a> Split<'a> {
    /// Within each sub-class the lines are ordered by SHA-256 of their folded description; equal folded texts stay
    /// together and go where the first of them goes. A tenth is rounded down.
    pub fn new(lines: &'a [CodedActivity]) -> Self {
        let mut sub_classes: BTreeMap<&Code, Vec<([u8; 32], &CodedActivity)>> = BTreeMap::new();
        for line in lines {
            let digest = Sha256::digest(folded(line.activity.description())).into();
            sub_classes.entry(&line.code).or_default().push((digest, line));
        }
        let mut split = Self::default();
        for mut lines in sub_classes.into_values() {
            lines.sort_by_key(|(digest, _)| *digest);
            let tenth = lines.len() / 10;
            let mut place = 0;
            for equal_texts in lines.chunk_by(|(one, _), (other, _)| one == other) {
                let part = match place {
                    _ if place < tenth => &mut split.test,
                    _ if place < 2 * tenth => &mut split.calibration,
                    _ => &mut split.training,
                };
                part.extend(equal_texts.iter().map(|(_, line)| *line));
                place += equal_texts.len();
            }
        }
        split
    }
}

/// Lower case, no accents, no punctuation.
fn folded(text: &str) -> String {
    let folded = fold(text);
    let words: Vec<&str> = folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.join(" ")
}
