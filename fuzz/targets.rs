//! What holds for any bytes whatever, one function a reader of what comes from outside: nothing panics, the same bytes give
//! the same, and what is accepted keeps its rules. Driven by proptest in `tests/integration/fuzzing.rs` and by libFuzzer in
//! `fuzz_targets/`.

#[path = "targets/bodies.rs"]
mod bodies;
#[path = "targets/codes.rs"]
mod codes;
#[path = "targets/fasttext.rs"]
mod fasttext;
#[path = "targets/features.rs"]
mod features;
#[path = "targets/json.rs"]
mod json;
#[path = "targets/letters.rs"]
mod letters;
#[path = "targets/normalisers.rs"]
mod normalisers;
#[path = "targets/signatures.rs"]
mod signatures;
#[path = "targets/sirene.rs"]
mod sirene;
#[path = "targets/tokens.rs"]
mod tokens;
#[path = "targets/torch_text.rs"]
mod torch_text;
#[path = "targets/versions.rs"]
mod versions;
#[path = "targets/weights.rs"]
mod weights;

use std::fmt::{Debug, Display};
use std::path::PathBuf;
use std::sync::LazyLock;

use codif::coding::activity::{LONGEST_TEXT, RawActivity};
use codif::config::ModelOptions;
use codif::registry::RegistryLocation;
use codif::serving::Coders;
use serde_json::value::RawValue;

pub use bodies::{activity, code_body};
pub use codes::{code, model_reference, search};
pub use fasttext::fasttext_file;
pub use features::features;
pub use json::depth;
pub use letters::letters;
pub use normalisers::{empty_labels, normaliser, steps};
pub use signatures::{SIGNED_MANIFEST, signature, signing_key, signing_keys};
pub use sirene::{sirene_columns, sirene_forms};
pub use tokens::{ngram_file, word_piece_file};
pub use torch_text::{torch_text_config, torch_text_golden, torch_text_mappings, torch_text_tensors};
pub use versions::{golden_cases, manifest};
pub use weights::{SMALL_SIZES, weights};

/// Longest texts allowed, in characters.
const LENGTHS: [usize; 5] = [0, 1, 7, 40, LONGEST_TEXT];

/// The shipped models.
pub fn coders() -> &'static Coders {
    static CODERS: LazyLock<Coders> = LazyLock::new(|| {
        // The tests run in the project's directory, cargo-fuzz there or in this one.
        let registry = ["models", "../models"].into_iter().map(PathBuf::from).find(|path| path.is_dir());
        let registry = RegistryLocation::Directory(registry.unwrap());
        Coders::load(&ModelOptions::in_production(registry)).unwrap()
    });
    &CODERS
}

/// What is made, which must be the same when it is made again.
fn twice<T: Debug + PartialEq>(make: impl Fn() -> T) -> T {
    let first = make();
    assert_eq!(first, make(), "made again it is another");
    first
}

/// A refusal says something, in one line.
fn one_line(reason: &impl Display) {
    let reason = reason.to_string();
    assert!(!reason.is_empty() && !reason.contains('\n'), "{reason:?}");
}

/// Whether a value is a part of the bytes it was read from: the routes cut it out of them.
fn stands_in(data: &[u8], value: &RawValue) -> bool {
    let read = data.as_ptr_range();
    let value = value.get().as_bytes().as_ptr_range();
    read.start <= value.start && value.end <= read.end
}

fn is_described(raw: &RawActivity) -> bool {
    raw.description.as_ref().is_some_and(|description| !description.trim().is_empty())
}
