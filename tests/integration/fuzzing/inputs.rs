//! Bytes for a reader: any, or what it reads with a few changes.

use std::borrow::Cow;

use proptest::prelude::*;
use serde_json::Value;

use super::changes::{change, changed};
use super::documents::TEXTS;

/// What a reader of JSON may trip on.
const SNIPPETS: &[&str] = &[
    "\\ud800", "\\u0000", "\0", "\u{feff}", "\\", "\"", "1e999", "-0", "NaN", "[[[[[[[[", "{\"a\":", "]", "}", ",",
    ":null",
];

pub fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![prop::collection::vec(any::<u8>(), 0..300), any_text().prop_map(String::into_bytes)]
}

/// Any characters, or those that people type, or words.
pub fn any_text() -> impl Strategy<Value = String> {
    let characters = prop::collection::vec(any::<char>(), 0..120);
    let words = prop::collection::vec(prop::sample::select(TEXTS), 0..9);
    prop_oneof![
        characters.prop_map(|characters| characters.iter().collect::<String>()),
        "[ -~À-ÿœ’]{0,120}",
        words.prop_map(|words| words.join(" ")),
    ]
}

/// One of these texts, a few of its bytes changed.
pub fn nearly_text(texts: impl Into<Cow<'static, [&'static str]>>) -> impl Strategy<Value = Vec<u8>> {
    edited(prop::sample::select::<&str>(texts).prop_map(|text| text.as_bytes().to_vec()))
}

/// One of these files, a few of its bytes changed.
pub fn nearly_bytes(files: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    edited(prop::sample::select(files))
}

/// One of these documents, a few of its values changed, then a few of its bytes.
pub fn nearly_json(documents: Vec<Value>) -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), change()), 0..4);
    let documents = (prop::sample::select(documents), changes);
    edited(documents.prop_map(|(document, changes)| changed(document, changes).to_string().into_bytes()))
}

/// Some of these documents, one a line, each changed like one alone.
pub fn nearly_lines(documents: Vec<Value>) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(nearly_json(documents), 1..4).prop_map(|lines| lines.join(&b'\n'))
}

fn edited(inputs: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let inserted = prop_oneof![
        prop::sample::select(SNIPPETS).prop_map(|snippet| snippet.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0usize..3, inserted), 0..3);
    (inputs, edits).prop_map(|(mut bytes, edits)| {
        for (place, removed, inserted) in edits {
            let start = place.index(bytes.len() + 1);
            let end = bytes.len().min(start + removed);
            drop(bytes.splice(start..end, inserted));
        }
        bytes
    })
}
