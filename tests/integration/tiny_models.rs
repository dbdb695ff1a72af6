//! Real models, trained in a moment.

use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::{codif, succeeded};

/// The words that the tiny models know.
pub const WORDS: [&str; 3] = ["coiffure", "maconnerie", "boulangerie"];
/// The codes that go round them.
const CODES: [&str; 4] = ["9602A", "4399C", "1071C", "6201Z"];
/// Numbers in a row of a weighty model's table.
const WIDE: u64 = 4096;

/// The code that the tiny model of this seed gives to a word.
pub fn code_of(word: &str, seed: u64) -> &'static str {
    let place = WORDS.iter().position(|known| *known == word).unwrap();
    CODES[(place + seed as usize) % CODES.len()]
}

/// The next version of the model `tiny` in a registry in a directory, and where it stands there. Two seeds below 4 agree on no
/// word, and each has a code that the other has not.
pub fn tiny_version(registry: &Path, seed: u64) -> PathBuf {
    let corpus = corpus(seed, |word, place| format!("{word} numero {}", "i".repeat(place + 1)));
    train(registry, "tiny", &corpus, &["--epochs", "20", "--dimension", "16", "--buckets", "20000"])
}

/// A registry in a directory: `tiny` in two versions, of the seeds 0 and 1, the first in production.
pub fn tiny_registry() -> TempDir {
    let registry = tempfile::tempdir().unwrap();
    for seed in 0..2 {
        tiny_version(registry.path(), seed);
    }
    let place = registry.path().to_str().unwrap();
    succeeded(codif(&["model", "promote", "tiny", "1", "--registry", place]));
    registry
}

/// The next version of the model `weighty` in a registry in a directory, and where it stands there: its weights have so many
/// megabytes, and a few bytes more.
pub fn weighty_version(registry: &Path, megabytes: u64) -> PathBuf {
    let rows = (megabytes * 1_000_000).div_ceil(2 * WIDE).to_string();
    let mut state = megabytes;
    let mut letter = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + ((state >> 33) % 26) as u8)
    };
    // A word that nobody knows has some 28 n-grams, and each of them a row: there are more than enough.
    let mut strange_word = || (0..8).map(|_| letter()).collect::<String>();
    let corpus =
        corpus(0, |word, _| (0..megabytes.div_ceil(6)).fold(word.to_owned(), |text, _| text + " " + &strange_word()));
    let (dimension, few) = (WIDE.to_string(), ["--epochs", "1", "--minimum-count", "1"]);
    train(registry, "weighty", &corpus, &[&few[..], &["--dimension", &dimension, "--most-rows", &rows]].concat())
}

/// Twenty coded lines for each word.
fn corpus(seed: u64, mut text: impl FnMut(&str, usize) -> String) -> String {
    let mut corpus = String::from("naf2008\tnature\tdescription\n");
    for word in WORDS {
        for place in 0..20 {
            corpus.push_str(&format!("{}\t12\t{}\n", code_of(word, seed), text(word, place)));
        }
    }
    corpus
}

/// Trains the next version of a model, and gives the directory that it stands in.
fn train(registry: &Path, name: &str, corpus: &str, settings: &[&str]) -> PathBuf {
    let mut file = tempfile::Builder::new().suffix(".tsv").tempfile().unwrap();
    file.write_all(corpus.as_bytes()).unwrap();
    let (lines, place) = (file.path().to_str().unwrap(), registry.to_str().unwrap());
    let always = ["--nomenclature", "naf2008", "--threads", "1", "--title-copies", "0"];
    let named = ["train", lines, "--name", name, "--registry", place];
    let said = succeeded(codif(&[&named[..], &always, settings].concat()));
    let (_, directory) = said.lines().next().unwrap().split_once(" in ").unwrap();
    PathBuf::from(directory)
}
