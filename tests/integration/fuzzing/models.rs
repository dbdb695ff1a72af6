//! Files that models are read from, small ones, whole or with a few changes.

use codif::model::signature::SigningKey;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::targets;

/// A fastText file with some bytes changed, or cut short.
pub fn nearly_fasttext(names: &'static [&str]) -> impl Strategy<Value = Vec<u8>> {
    let file =
        prop::sample::select(names).prop_map(|name| std::fs::read(format!("tests/data/fasttext/{name}")).unwrap());
    // The numbers that matter stand at the beginning, and after the dictionary.
    let place = prop_oneof![0usize..140, 0usize..40_000];
    let changes = prop::collection::vec((place, prop::collection::vec(any::<u8>(), 1..8)), 0..4);
    (file, changes, prop::option::of(0usize..40_000)).prop_map(|(mut file, changes, end)| {
        for (place, bytes) in changes {
            overwrite(&mut file, place, bytes);
        }
        file.truncate(end.unwrap_or(file.len()).max(1));
        file
    })
}

/// Puts bytes in the place of others.
pub fn overwrite(file: &mut [u8], place: usize, bytes: Vec<u8>) {
    let there = file.iter_mut().skip(place).zip(bytes);
    there.for_each(|(there, byte)| *there = byte);
}

/// A file of an exported model, as JSON.
pub fn json_of(file: &str) -> Value {
    serde_json::from_slice(&std::fs::read(format!("tests/data/torch-text/{file}")).unwrap()).unwrap()
}

/// This file of two exported models.
pub fn exported(file: &str) -> Vec<Value> {
    ["ngram-concatenate", "wordpiece-sum"].map(|model| json_of(&format!("{model}/{file}"))).to_vec()
}

/// What an exported model answered to short texts.
pub fn exported_answers() -> Vec<Value> {
    let text = std::fs::read_to_string("tests/data/torch-text/ngram-concatenate/golden.jsonl").unwrap();
    let short = text.lines().filter(|line| line.len() < 1000).take(8);
    short.map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A tokenizer with few of its tokens, and others made of more parts.
pub fn word_piece_files() -> Vec<Value> {
    let mut plain = json_of("wordpiece-sum/tokenizer.json");
    plain["model"]["vocab"].as_object_mut().unwrap().retain(|_, id| id.as_u64().unwrap() < 64);
    let token = |id: u64, content: &str| {
        json!({
            "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
            "special": false,
        })
    };
    let mut added = plain.clone();
    added["added_tokens"].as_array_mut().unwrap().extend([token(64, "vente"), token(65, "art")]);
    let mut others = plain.clone();
    others["normalizer"] = json!({"type": "Sequence", "normalizers": [
        {"type": "Strip", "strip_left": true, "strip_right": false}, {"type": "NFD"}, {"type": "StripAccents"},
        {"type": "Lowercase"},
    ]});
    others["pre_tokenizer"] = json!({"type": "Sequence", "pretokenizers": [
        {"type": "WhitespaceSplit"}, {"type": "Punctuation", "behavior": "Isolated"},
        {"type": "Digits", "individual_digits": true},
    ]});
    others["post_processor"] = around();
    vec![plain, added, others]
}

/// What a tokenizer puts around a text, as a template.
fn around() -> Value {
    let special = |token: &str| json!({"SpecialToken": {"id": token, "type_id": 0}});
    let text = |id: &str| json!({"Sequence": {"id": id, "type_id": 0}});
    json!({
        "type": "TemplateProcessing",
        "single": [special("[CLS]"), text("A"), special("[SEP]")],
        "pair": [special("[CLS]"), text("A"), special("[SEP]"), text("B"), special("[SEP]")],
        "special_tokens": {
            "[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
            "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]},
        },
    })
}

/// A manifest, and its signature.
pub fn signed() -> Vec<Vec<u8>> {
    let manifest = targets::SIGNED_MANIFEST;
    vec![manifest.to_vec(), targets::signing_key().sign(manifest)]
}

/// Keys in PEM, private and public ones.
pub fn pairs_of_keys() -> Vec<Vec<u8>> {
    let pairs = [1, 2].map(|seed| SigningKey::new(&[seed; 32])).into_iter();
    pairs.flat_map(|key| [key.to_pem(), key.public().to_pem()]).map(|key| key.unwrap().into_bytes()).collect()
}
