//! The head of a fastText file: what it is, and how it was trained.

use std::io::{Read, Seek};

use super::malformed;
use super::reading::Reading;
use crate::model::error::ModelFault;
use crate::model::manifest::LARGEST_DIMENSION;

const MAGIC: i32 = 793_712_314;
const SUPERVISED: i32 = 3;
/// Most characters of a sub-word, and most words of an n-gram.
const LONGEST: usize = 1000;

/// What the file says of how it was trained, as far as answers depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments {
    /// Numbers in a row.
    pub dimension: usize,
    /// Most words of a word n-gram.
    pub word_ngrams: usize,
    /// The loss.
    pub loss: FasttextLoss,
    /// Buckets of hashed n-grams.
    pub buckets: usize,
    /// Fewest characters of a sub-word.
    pub minn: usize,
    /// Most characters of a sub-word; 0 for none.
    pub maxn: usize,
}

/// Losses of fastText.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FasttextLoss {
    /// `hs`.
    HierarchicalSoftmax,
    /// `ns`.
    NegativeSampling,
    /// `softmax`.
    Softmax,
    /// `ova`.
    OneVsAll,
}

impl Arguments {
    pub(super) fn read<R: Read + Seek>(reading: &mut Reading<R>) -> Result<Self, ModelFault> {
        let magic = reading.int("its magic number")?;
        if magic != MAGIC {
            return Err(malformed(format!("it begins with {magic}, a fastText file with {MAGIC}")));
        }
        let version = reading.int("its version")?;
        if !matches!(version, 11 | 12) {
            return Err(malformed(format!("its version is {version}, codif reads 11 and 12")));
        }
        let dimension = reading.count("its dimension", LARGEST_DIMENSION)?;
        // Window, epochs, minimal count, negative samples.
        reading.pass("its settings", 4, 4)?;
        let word_ngrams = reading.count("its number of words of an n-gram", LONGEST)?;
        let loss = loss(reading.int("its loss")?)?;
        let kind = reading.int("its kind of model")?;
        let buckets = reading.count("its number of buckets", i32::MAX as usize)?;
        let minn = reading.count("its shortest sub-word", LONGEST)?;
        let maxn = reading.count("its longest sub-word", LONGEST)?;
        // Update rate of the learning rate, threshold of sampling.
        reading.pass("its settings", 1, 4)?;
        reading.pass("its settings", 1, 8)?;
        match kind {
            SUPERVISED => {}
            1 => return Err(malformed("it is a model of words (cbow): codif reads supervised ones")),
            2 => return Err(malformed("it is a model of words (skipgram): codif reads supervised ones")),
            other => return Err(malformed(format!("its kind of model is {other}, supervised is {SUPERVISED}"))),
        }
        if dimension == 0 {
            return Err(malformed("its dimension is 0"));
        }
        // Supervised models of version 11 had no sub-words, whatever they say.
        let maxn = if version == 11 { 0 } else { maxn };
        Ok(Self { dimension, word_ngrams: word_ngrams.max(1), loss, buckets, minn, maxn })
    }
}

fn loss(number: i32) -> Result<FasttextLoss, ModelFault> {
    match number {
        1 => Ok(FasttextLoss::HierarchicalSoftmax),
        2 => Ok(FasttextLoss::NegativeSampling),
        3 => Ok(FasttextLoss::Softmax),
        4 => Ok(FasttextLoss::OneVsAll),
        other => Err(malformed(format!("its loss is {other}, it must be from 1 to 4 (hs, ns, softmax, ova)"))),
    }
}
