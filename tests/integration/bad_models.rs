//! A damaged model never serves; the refusal names the file and the reason.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{codif, copy, refusal};

/// A copy of one shipped model in a registry of its own, and the directory of its version.
fn registry() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/ape-naf2008");
    copy(&shipped, &folder.path().join("ape-naf2008"));
    let alias = fs::read_to_string(shipped.join("aliases/production")).unwrap();
    let version = folder.path().join("ape-naf2008/versions").join(alias.trim());
    (folder, version)
}

fn refused(folder: &Path) -> String {
    let registry = folder.to_str().unwrap();
    refusal(&codif(&["code", "coiffure", "--registry", registry, "--model", "ape-naf2008@production"]))
}

fn edit(path: &Path, change: impl Fn(&str) -> String) {
    let text = fs::read_to_string(path).unwrap();
    let changed = change(&text);
    assert_ne!(text, changed);
    fs::write(path, changed).unwrap();
}

#[test]
fn a_truncated_or_changed_file_is_refused() {
    let (folder, version) = registry();
    let weights = version.join("model.safetensors");
    let bytes = fs::read(&weights).unwrap();
    fs::write(&weights, &bytes[..bytes.len() / 2]).unwrap();
    let message = refused(folder.path());
    assert!(message.contains("model.safetensors: size is"), "{message}");
    let mut changed = bytes.clone();
    changed[bytes.len() / 2] ^= 1;
    fs::write(&weights, changed).unwrap();
    assert!(refused(folder.path()).contains("model.safetensors: sha256 is"));
    fs::remove_file(&weights).unwrap();
    assert!(refused(folder.path()).contains("model.safetensors"));
}

#[test]
fn a_corrupted_manifest_is_refused() {
    let (folder, version) = registry();
    let manifest = version.join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, &text[..200]).unwrap();
    let message = refused(folder.path());
    assert!(message.contains("manifest.json: not a valid manifest: EOF"), "{message}");
    fs::remove_file(&manifest).unwrap();
    assert!(refused(folder.path()).contains("manifest.json: there is none: the version was never pushed whole"));
}

#[test]
fn an_unknown_family_step_or_nomenclature_is_named() {
    for (from, to) in [
        ("\"fasttext\"", "\"quantum\""),
        ("\"transliterate\"", "\"translate\""),
        ("\"nomenclature\": \"naf2008\"", "\"nomenclature\": \"naf1993\""),
    ] {
        let (folder, version) = registry();
        edit(&version.join("manifest.json"), |text| text.replace(from, to));
        let message = refused(folder.path());
        let named = to.rsplit(' ').next().unwrap().trim_matches('"').to_owned();
        assert!(message.contains("manifest.json") && message.contains(&named), "{message}");
    }
}

#[test]
fn sizes_that_lie_are_refused_before_anything_is_allocated() {
    let (folder, version) = registry();
    edit(&version.join("manifest.json"), |text| {
        let start = text.find("\"buckets\": ").unwrap() + 11;
        let end = start + text[start..].find(',').unwrap();
        format!("{}1099511627776{}", &text[..start], &text[end..])
    });
    assert!(refused(folder.path()).contains("1099511627776 buckets are announced"));
}

#[test]
fn another_threshold_or_temperature_than_the_golden_cases_is_seen() {
    let (folder, version) = registry();
    edit(&version.join("manifest.json"), |text| {
        let start = text.find("\"temperature\": ").unwrap() + 15;
        let end = start + text[start..].find(',').unwrap();
        format!("{}7.5{}", &text[..start], &text[end..])
    });
    let message = refused(folder.path());
    assert!(message.contains("golden.jsonl: golden case 1: the gap is"), "{message}");
}
