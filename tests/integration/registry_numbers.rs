//! The numbers of versions: each means one thing for ever, whoever pushes, however many there are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;

use serde_json::json;

use crate::registries::{TestRegistry, in_each_registry, push_of};
use crate::support::{refusal, stdout};
use crate::tiny_models::tiny_version;
use crate::version_files::{CARD, GOLDEN, MANIFEST, VOCABULARY, WEIGHTS};

/// The files of a version of the registry, and no other.
const WHOLE: [&str; 5] = [CARD, GOLDEN, MANIFEST, WEIGHTS, VOCABULARY];

/// What lies under a number.
fn held(registry: &TestRegistry, number: u32) -> Vec<String> {
    let prefix = format!("tiny/versions/{number}/");
    registry.snapshot(&prefix).into_keys().map(|key| key[prefix.len()..].to_owned()).collect()
}

/// The number in what a push prints.
fn number(said: &str) -> u32 {
    said.trim_end().strip_prefix("tiny:").unwrap().parse().unwrap()
}

#[test]
fn versions_that_are_pushed_at_once_get_a_number_each() {
    let made = tempfile::tempdir().unwrap();
    let versions: Vec<PathBuf> = (0..6).map(|seed| tiny_version(made.path(), seed)).collect();
    in_each_registry(|registry| {
        let pushes: Vec<Child> =
            versions.iter().map(|version| registry.model(&push_of(version)).spawn().unwrap()).collect();
        let mut numbers = Vec::new();
        for (version, push) in versions.iter().zip(pushes) {
            let output = push.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", refusal(&output));
            let number = number(&stdout(&output));
            assert!(registry.means(number, version), "{number}");
            assert_eq!(held(registry, number), WHOLE);
            numbers.push(number);
        }
        numbers.sort_unstable();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
        assert_eq!(registry.listing()["versions"], json!(numbers));
    });
}

#[test]
fn one_version_that_many_push_at_once_is_whole_under_each_number_that_is_printed() {
    let made = tempfile::tempdir().unwrap();
    let version = tiny_version(made.path(), 0);
    in_each_registry(|registry| {
        let pushes: Vec<Child> = (0..6).map(|_| registry.model(&push_of(&version)).spawn().unwrap()).collect();
        let mut numbers = Vec::new();
        for push in pushes {
            let output = push.wait_with_output().unwrap();
            if output.status.success() {
                numbers.push(number(&stdout(&output)));
            } else {
                assert!(refusal(&output).contains("was changed by somebody else"), "{}", refusal(&output));
            }
        }
        numbers.sort_unstable();
        assert!(!numbers.is_empty());
        assert_eq!(registry.listing()["versions"], json!(numbers), "what is told is there, and nothing else");
        for number in numbers {
            assert!(registry.means(number, &version) && held(registry, number) == WHOLE, "{number}");
        }
    });
}

#[test]
fn a_number_under_which_anything_lies_is_not_given() {
    let made = tempfile::tempdir().unwrap();
    let version = tiny_version(made.path(), 0);
    in_each_registry(|registry| {
        registry.put("tiny/versions/7/strange", "x");
        assert_eq!(registry.push(&version), "tiny:8");
        registry.put("tiny/versions/9/unfinished", "somebody else's");
        assert_eq!(registry.push(&version), "tiny:10");
        assert_eq!((held(registry, 7), held(registry, 9)), (vec!["strange".into()], vec!["unfinished".into()]));
        assert_eq!(registry.listing()["versions"], json!([8, 10]));
        assert!(registry.refused(&["show", "tiny:9"]).contains("tiny/versions/9/manifest.json: there is none"));
    });
}

#[test]
fn nothing_that_is_done_beside_a_version_changes_it() {
    let made = tempfile::tempdir().unwrap();
    let (one, other) = (tiny_version(made.path(), 0), tiny_version(made.path(), 1));
    in_each_registry(|registry| {
        registry.push(&one);
        let before = registry.snapshot("tiny/versions/1/");
        registry.push(&other);
        registry.push(&one);
        for command in [&["promote", "tiny", "1"][..], &["promote", "tiny", "2"], &["rollback", "tiny"]] {
            registry.said(command);
        }
        for command in [["verify", "tiny:1"], ["delete", "tiny:2"], ["delete", "tiny:3"]] {
            registry.said(&command);
        }
        assert_eq!(registry.snapshot("tiny/versions/1/"), before);
        assert_eq!(held(registry, 1), WHOLE);
    });
}

#[test]
fn a_push_that_failed_keeps_its_number_and_never_mixes_with_other_bytes() {
    let made = tempfile::tempdir().unwrap();
    let (one, other) = (tiny_version(made.path(), 0), tiny_version(made.path(), 1));
    let registry = TestRegistry::in_directory();
    // A folder is in the way of the last file.
    let in_the_way = Path::new(&registry.location).join("tiny/versions/1").join(VOCABULARY);
    fs::create_dir_all(&in_the_way).unwrap();
    let message = registry.refused(&push_of(&one));
    assert!(message.contains(VOCABULARY), "{message}");
    fs::remove_dir(&in_the_way).unwrap();
    assert_eq!(registry.push(&other), "tiny:2", "another version does not get its number");
    assert_eq!(registry.listing()["versions"], json!([2]));
    let golden = format!("tiny/versions/1/{GOLDEN}");
    registry.put(&golden, "other bytes");
    let message = registry.refused(&push_of(&one));
    let expected =
        format!("{GOLDEN} was changed by somebody else: other bytes are there already, and a version never changes");
    assert!(message.contains(&expected), "{message}");
    assert_eq!(registry.get(&golden), b"other bytes");
    assert_eq!(registry.listing()["versions"], json!([2]));
    registry.delete(&golden);
    assert_eq!(registry.push(&one), "tiny:1");
    assert!(registry.means(1, &one) && held(&registry, 1) == WHOLE);
    assert_eq!(registry.push(&one), "tiny:3", "what is whole is not gone on with");
}

#[test]
fn the_number_of_a_version_that_was_deleted_is_not_given_again() {
    let made = tempfile::tempdir().unwrap();
    let version = tiny_version(made.path(), 0);
    in_each_registry(|registry| {
        assert_eq!((registry.push(&version).as_str(), registry.push(&version).as_str()), ("tiny:1", "tiny:2"));
        registry.said(&["delete", "tiny:2"]);
        assert_eq!(held(registry, 2), ["deleted"], "it leaves nothing but its number");
        assert_eq!(registry.push(&version), "tiny:3");
        for number in ["tiny:1", "tiny:3"] {
            registry.said(&["delete", number]);
        }
        assert_eq!(registry.said(&["list"]), "");
        assert_eq!(registry.push(&version), "tiny:4");
        assert_eq!(registry.listing()["versions"], json!([4]));
    });
}

#[test]
fn a_thousand_versions_are_listed_in_a_line_and_pushed_to() {
    let made = tempfile::tempdir().unwrap();
    let version = tiny_version(made.path(), 0);
    in_each_registry(|registry| {
        registry.push(&version);
        registry.add_manifests(2..=1000);
        assert_eq!(registry.said(&["list"]).trim_end(), "tiny  versions 1–1000");
        assert_eq!(registry.push(&version), "tiny:1001");
        assert_eq!(registry.said(&["promote", "tiny", "731"]), "tiny@production → 731\n");
        registry.delete("tiny/versions/500/manifest.json");
        let listed = "tiny  versions 1–499, 501–1001  production → 731";
        assert_eq!(registry.said(&["list"]).trim_end(), listed);
        let message = registry.refused(&["promote", "tiny", "1002"]);
        assert!(message.contains("its versions are [1001, 1000, 999, ") && message.contains(", 982, …]"), "{message}");
        assert!(registry.said(&["show", "tiny"]).starts_with("tiny:731  "));
    });
}

#[test]
fn a_push_does_not_go_on_with_a_number_that_was_deleted() {
    let made = tempfile::tempdir().unwrap();
    let version = tiny_version(made.path(), 0);
    in_each_registry(|registry| {
        assert_eq!(registry.push(&version), "tiny:1");
        let manifest = registry.get("tiny/versions/1/manifest.json");
        let mut nameless: codif::model::manifest::Manifest = serde_json::from_slice(&manifest).unwrap();
        (nameless.name, nameless.version) = (String::new(), 0);
        let identity = codif::model::digest::digest(&serde_json::to_vec_pretty(&nameless).unwrap()).sha256;
        for (number, marker) in [(2, "unfinished"), (3, "unfinished"), (3, "deleted")] {
            registry.put(&format!("tiny/versions/{number}/{marker}"), identity.as_str());
        }
        assert_eq!(registry.push(&version), "tiny:2", "what is unfinished is gone on with");
        assert_eq!(registry.push(&version), "tiny:4");
    });
}
