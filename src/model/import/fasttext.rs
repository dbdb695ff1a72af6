//! A fastText supervised model file (.bin, or .ftz when quantised), as fastText 0.9 writes it, little endian. Its matrices are not
//! held: what is read is where they lie. Every length is compared with what is left of the file before it is believed.

use std::io::{BufReader, Read, Seek};

mod dictionary;
mod header;
mod matrix;
mod reading;

use crate::model::error::ModelFault;
pub use dictionary::{Dictionary, KeptBuckets, common_prefix};
pub use header::{Arguments, FasttextLoss};
pub use matrix::Matrix;
use reading::Reading;

/// A model as its file describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct FasttextFile {
    /// How it was trained.
    pub arguments: Arguments,
    /// Its words and labels.
    pub dictionary: Dictionary,
    /// The rows of words and buckets.
    pub input: Matrix,
    /// The head: one row a label.
    pub output: Matrix,
}

/// Reads a file of so many bytes.
pub fn read(file: impl Read + Seek, length: u64) -> Result<FasttextFile, ModelFault> {
    let mut reading = Reading::new(BufReader::new(file), length);
    let arguments = Arguments::read(&mut reading)?;
    let dictionary = Dictionary::read(&mut reading, &arguments)?;
    let is_quantised = reading.flag("quantisation")?;
    let buckets = match &dictionary.kept_buckets {
        KeptBuckets::All => arguments.buckets,
        KeptBuckets::Some(_) if !is_quantised => {
            return Err(malformed("its buckets are pruned, its rows not quantised: fastText refuses this old form"));
        }
        KeptBuckets::Some(kept) => kept.len(),
    };
    let input_sizes = (dictionary.words.len() + buckets, arguments.dimension);
    let input = Matrix::read(&mut reading, "its input matrix", is_quantised, input_sizes)?;
    // A dense model has the flag too; it counts only beside a quantised input.
    let is_output_quantised = reading.flag("quantisation of the output")? && is_quantised;
    let output_sizes = (dictionary.labels.len(), arguments.dimension);
    let output = Matrix::read(&mut reading, "its output matrix", is_output_quantised, output_sizes)?;
    if reading.left() > 0 {
        return Err(malformed(format!("{} bytes follow its output matrix", reading.left())));
    }
    Ok(FasttextFile { arguments, dictionary, input, output })
}

fn malformed(reason: impl std::fmt::Display) -> ModelFault {
    ModelFault::malformed("fastText file", reason)
}

#[cfg(test)]
mod tests;
