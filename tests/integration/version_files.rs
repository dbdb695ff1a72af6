//! The files of a version in a directory: read, and changed so that nothing is wrong but what a test means.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use codif::model::digest::digest;
use serde_json::Value;

pub const MANIFEST: &str = "manifest.json";
pub const WEIGHTS: &str = "model.safetensors";
pub const GOLDEN: &str = "golden.jsonl";
pub const VOCABULARY: &str = "vocabulary.txt";
pub const CARD: &str = "MODEL_CARD.md";

/// The files in a directory, by name.
pub fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

/// Whether a directory holds a version and nothing else: its files as they were, its manifest as that of `tiny` in this number.
pub fn is_version(directory: &Path, version: &Path, number: u32) -> bool {
    let (mut found, mut expected) = (files(directory), files(version));
    let manifests = [&mut found, &mut expected].map(|files| files.remove(MANIFEST).unwrap());
    let [manifest, mut original] = manifests.map(|bytes| serde_json::from_slice::<Value>(&bytes).unwrap());
    original["name"] = "tiny".into();
    original["version"] = number.into();
    found == expected && manifest == original
}

pub fn manifest(directory: &Path) -> Value {
    serde_json::from_slice(&fs::read(directory.join(MANIFEST)).unwrap()).unwrap()
}

/// Changes the manifest.
pub fn edit_manifest(directory: &Path, change: impl FnOnce(&mut Value)) {
    let before = manifest(directory);
    let mut changed = before.clone();
    change(&mut changed);
    assert_ne!(changed, before);
    fs::write(directory.join(MANIFEST), changed.to_string()).unwrap();
}

/// Changes a file, of which the manifest knows nothing.
pub fn edit(directory: &Path, file: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    let before = fs::read(directory.join(file)).unwrap();
    let changed = change(before.clone());
    assert_ne!(changed, before);
    fs::write(directory.join(file), changed).unwrap();
}

/// Changes a file, and has the manifest say so.
pub fn remake(directory: &Path, file: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    edit(directory, file, change);
    let digest = digest(&fs::read(directory.join(file)).unwrap());
    edit_manifest(directory, |manifest| manifest["files"][file] = serde_json::to_value(digest).unwrap());
}

/// The same bytes but for one bit in their middle.
pub fn flipped(mut bytes: Vec<u8>) -> Vec<u8> {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bytes
}
