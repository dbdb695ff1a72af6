//! The dictionary of a fastText file: words, then labels; and which buckets a pruned model kept.

use std::collections::HashSet;
use std::io::{Read, Seek};

use super::header::Arguments;
use super::malformed;
use super::reading::Reading;
use crate::model::error::ModelFault;

/// Bytes of the shortest entry: an empty text, a count, a kind.
const SHORTEST_ENTRY: u64 = 1 + 8 + 1;
/// What fastText cuts a text at: no token holds one of them.
const BLANKS: &[u8] = b" \n\r\t\x0b\x0c";

/// Words and labels, in the order of their rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dictionary {
    /// The words, as they stand: they need not be UTF-8.
    pub words: Vec<Vec<u8>>,
    /// The labels, each with how often it was seen.
    pub labels: Vec<(Vec<u8>, u64)>,
    /// The buckets that have a row.
    pub kept_buckets: KeptBuckets,
}

/// The buckets that have a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeptBuckets {
    /// Each of them.
    All,
    /// These, in the order of their rows.
    Some(Vec<u32>),
}

impl Dictionary {
    pub(super) fn read<R: Read + Seek>(reading: &mut Reading<R>, arguments: &Arguments) -> Result<Self, ModelFault> {
        let most = usize::try_from(reading.left() / SHORTEST_ENTRY).unwrap_or(usize::MAX);
        let size = reading.count("its number of entries", most)?;
        let words = reading.count("its number of words", size)?;
        let labels = reading.count("its number of labels", size)?;
        if words + labels != size {
            return Err(malformed(format!("{words} words and {labels} labels are not {size} entries")));
        }
        if labels == 0 {
            return Err(malformed("it has no label"));
        }
        reading.long("its number of tokens")?;
        let pruned = reading.long("its number of kept buckets")?;
        let mut read = Self { words: Vec::new(), labels: Vec::new(), kept_buckets: KeptBuckets::All };
        for place in 0..size {
            read.entry(reading, place < words)?;
        }
        read.must_be_distinct()?;
        read.kept_buckets = kept_buckets(reading, pruned, arguments)?;
        Ok(read)
    }

    fn entry<R: Read + Seek>(&mut self, reading: &mut Reading<R>, should_be_word: bool) -> Result<(), ModelFault> {
        let text = reading.text("an entry of its dictionary")?;
        let count = reading.long("an entry of its dictionary")?;
        let shown = || String::from_utf8_lossy(&text).into_owned();
        let kind = reading.byte("an entry of its dictionary")?;
        if text.is_empty() || text.iter().any(|byte| BLANKS.contains(byte)) {
            return Err(malformed(format!("{:?} is in its dictionary: no token is empty or has a blank", shown())));
        }
        match (kind, should_be_word) {
            (0, true) => self.words.push(text),
            (1, false) => {
                let wrong = |_| malformed(format!("label {:?} was seen {count} times", shown()));
                let count = u64::try_from(count).map_err(wrong)?;
                self.labels.push((text, count));
            }
            (0 | 1, _) => {
                return Err(malformed(format!("{:?} stands out of order: words come first, then labels", shown())));
            }
            (other, _) => return Err(malformed(format!("{:?} is of kind {other}: neither word nor label", shown()))),
        }
        Ok(())
    }

    fn must_be_distinct(&self) -> Result<(), ModelFault> {
        let mut seen = HashSet::new();
        let all = self.words.iter().chain(self.labels.iter().map(|(label, _)| label));
        match all.into_iter().find(|text| !seen.insert(text.as_slice())) {
            Some(twice) => Err(malformed(format!("{:?} is there twice", String::from_utf8_lossy(twice)))),
            None => Ok(()),
        }
    }
}

/// The buckets that have a row; −1 of them when all have.
fn kept_buckets<R: Read + Seek>(
    reading: &mut Reading<R>,
    count: i64,
    arguments: &Arguments,
) -> Result<KeptBuckets, ModelFault> {
    if count == -1 {
        return Ok(KeptBuckets::All);
    }
    let most = reading.left() / 8;
    let count = u64::try_from(count).ok().filter(|count| *count <= most.min(arguments.buckets as u64));
    let count = count.ok_or_else(|| malformed("its number of kept buckets is neither -1 nor one that it can have"))?;
    let mut kept: Vec<Option<u32>> = Vec::new();
    let mut seen = HashSet::new();
    for _ in 0..count {
        let (bucket, row) = (reading.int("its kept buckets")?, reading.int("its kept buckets")?);
        let known = u32::try_from(bucket).ok().filter(|bucket| (*bucket as usize) < arguments.buckets);
        let bucket = known.filter(|bucket| seen.insert(*bucket));
        let bucket = bucket.ok_or_else(|| malformed("a kept bucket is there twice, or is none of its buckets"))?;
        let row = usize::try_from(row).ok().filter(|row| (*row as u64) < count);
        let row = row.ok_or_else(|| malformed("a kept bucket has a row beyond those that were kept"))?;
        if kept.len() <= row {
            kept.resize(row + 1, None);
        }
        match kept.get_mut(row) {
            Some(free @ None) => *free = Some(bucket),
            _ => return Err(malformed("two kept buckets have the same row")),
        }
    }
    let kept: Option<Vec<u32>> = kept.into_iter().collect();
    kept.map(KeptBuckets::Some).ok_or_else(|| malformed("a row of its kept buckets is missing"))
}

/// The `__word__` that all labels begin with; nothing when they do not.
pub fn common_prefix(labels: &[&[u8]]) -> String {
    let first = labels.first().and_then(|label| str::from_utf8(label).ok()).unwrap_or_default();
    let inner = first.strip_prefix("__").and_then(|rest| rest.split_once("__")).map(|(inner, _)| inner);
    let prefix = inner.filter(|inner| !inner.is_empty()).map(|inner| format!("__{inner}__")).unwrap_or_default();
    let of_all = labels.iter().all(|label| label.starts_with(prefix.as_bytes()) && label.len() > prefix.len());
    if of_all { prefix } else { String::new() }
}
