//! `codif model promote`, `rollback` and `delete`: where aliases point, whoever moves them.

use std::process::Child;

use serde_json::json;

use crate::registries::{TestRegistry, in_each_registry};
use crate::support::{refusal, stdout};
use crate::tiny_models::tiny_version;

/// A version pushed, and others that are whole as far as an alias is concerned.
fn with_versions(registry: &TestRegistry, count: u32) {
    let made = tempfile::tempdir().unwrap();
    registry.push(&tiny_version(made.path(), 0));
    registry.add_manifests(2..=count);
}

/// The versions that an alias points to and pointed to, the latest first.
fn history(registry: &TestRegistry, alias: &str) -> Vec<u32> {
    let text = String::from_utf8(registry.get(&format!("tiny/aliases/{alias}"))).unwrap();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
fn an_alias_is_moved_and_moved_back_as_often_as_it_was_moved() {
    in_each_registry(|registry| {
        with_versions(registry, 3);
        assert_eq!(registry.said(&["promote", "tiny", "1"]), "tiny@production → 1\n");
        assert_eq!(registry.said(&["promote", "tiny", "2"]), "tiny@production → 2 (before: 1)\n");
        assert_eq!(registry.said(&["promote", "tiny", "3"]), "tiny@production → 3 (before: 2, 1)\n");
        assert_eq!(registry.said(&["promote", "tiny", "3"]), "tiny@production → 3 (before: 2, 1)\n");
        assert_eq!(registry.said(&["rollback", "tiny"]), "tiny@production → 2 (before: 1)\n");
        assert_eq!(registry.said(&["rollback", "tiny"]), "tiny@production → 1\n");
        let message = registry.refused(&["rollback", "tiny"]);
        assert!(message.contains("points to 1, its first version: there is none to go back to"), "{message}");
        assert_eq!(registry.said(&["promote", "tiny", "3", "--alias", "canary"]), "tiny@canary → 3\n");
        assert_eq!(registry.listing()["aliases"], json!({"canary": 3, "production": 1}));
    });
}

#[test]
fn an_alias_points_to_nothing_that_is_not_whole() {
    in_each_registry(|registry| {
        with_versions(registry, 3);
        registry.put("tiny/versions/4/unfinished", "somebody's");
        registry.said(&["promote", "tiny", "2"]);
        let known = "its versions are [3, 2, 1], its aliases [production → 2]";
        let message = registry.refused(&["promote", "tiny", "4"]);
        assert!(message.contains("tiny/versions/4/manifest.json: there is none"), "{message}");
        let message = registry.refused(&["promote", "tiny", "9"]);
        assert!(message.contains(&format!("there is no version 9 of \"tiny\": {known}")), "{message}");
        let message = registry.refused(&["rollback", "tiny", "--alias", "staging"]);
        assert!(
            message.contains(&format!("there is no alias \"staging\" to a version of \"tiny\": {known}")),
            "{message}"
        );
        for command in [&["promote", "other", "1"][..], &["rollback", "other"]] {
            let message = registry.refused(command);
            assert!(message.contains("there is no model \"other\"") && message.contains("it holds tiny"), "{message}");
        }
        assert_eq!(history(registry, "production"), [2]);
    });
}

#[test]
fn a_version_that_was_deleted_is_not_gone_back_to() {
    in_each_registry(|registry| {
        with_versions(registry, 2);
        registry.said(&["promote", "tiny", "1"]);
        registry.said(&["promote", "tiny", "2"]);
        registry.said(&["delete", "tiny:1"]);
        let message = registry.refused(&["rollback", "tiny"]);
        assert!(message.contains("there is no version 1 of \"tiny\": its versions are [2]"), "{message}");
        assert_eq!(history(registry, "production"), [2, 1]);
    });
}

#[test]
fn of_operators_who_move_an_alias_at_once_nobody_undoes_another_unawares() {
    in_each_registry(|registry| {
        with_versions(registry, 13);
        registry.said(&["promote", "tiny", "1"]);
        let keys = registry.keys();
        // The first alias is there already, the second is not.
        for (alias, before) in [("production", &[1][..]), ("staging", &[][..])] {
            let promote = |version: u32| {
                let number = version.to_string();
                let promote = ["promote", "tiny", number.as_str(), "--alias", alias];
                (version, registry.model(&promote).spawn().unwrap())
            };
            let operators: Vec<(u32, Child)> = (2..=13).map(promote).collect();
            let mut moved = before.to_vec();
            for (version, operator) in operators {
                let output = operator.wait_with_output().unwrap();
                if output.status.success() {
                    let said = stdout(&output);
                    assert!(said.starts_with(&format!("tiny@{alias} → {version}")), "{said}");
                    moved.push(version);
                } else {
                    let message = refusal(&output);
                    let lost = format!("alias {alias:?} of \"tiny\" was changed by somebody else: nothing was moved");
                    assert!(message.contains(&lost), "{message}");
                }
            }
            assert!(moved.len() > before.len(), "somebody came first");
            let mut history = history(registry, alias);
            assert_eq!(registry.listing()["aliases"][alias], history[0]);
            history.sort_unstable();
            assert_eq!(history, moved, "each move that was told was made, and no other");
        }
        let beside: Vec<String> = registry.keys().into_iter().filter(|key| !keys.contains(key)).collect();
        assert_eq!(beside, ["tiny/aliases/staging"], "nothing half-written is left");
    });
}

#[test]
fn a_version_that_an_alias_points_to_is_not_deleted() {
    in_each_registry(|registry| {
        with_versions(registry, 3);
        registry.said(&["promote", "tiny", "1"]);
        registry.said(&["promote", "tiny", "2", "--alias", "canary"]);
        let before = registry.keys();
        for (version, alias) in [("1", "production"), ("2", "canary")] {
            let message = registry.refused(&["delete", &format!("tiny:{version}")]);
            let expected = format!("alias {alias:?} points to version {version} of \"tiny\": move it first");
            assert!(message.contains(&expected), "{message}");
        }
        for reference in ["tiny", "tiny@canary"] {
            let message = registry.refused(&["delete", reference]);
            assert!(message.contains("name the version by its number: tiny:VERSION"), "{message}");
        }
        assert!(registry.refused(&["delete", "tiny:9"]).contains("there is no version 9"));
        assert_eq!(registry.keys(), before);
        registry.said(&["promote", "tiny", "3"]);
        assert_eq!(registry.said(&["delete", "tiny:1"]), "tiny:1 is deleted\n");
        assert_eq!(registry.listing()["versions"], json!([2, 3]));
        assert!(registry.refused(&["delete", "tiny:1"]).contains("there is no version 1"));
        assert!(registry.refused(&["show", "tiny:1"]).contains("there is no version 1"));
    });
}

#[test]
fn a_deletion_that_did_not_come_to_the_manifest_is_asked_for_its_aliases_again() {
    in_each_registry(|registry| {
        with_versions(registry, 2);
        registry.said(&["promote", "tiny", "1"]);
        registry.put("tiny/versions/1/deleted", "");
        assert!(registry.refused(&["delete", "tiny:1"]).contains("alias \"production\" points to version 1"));
        assert_eq!(registry.listing()["versions"], json!([1, 2]));
    });
}

#[test]
fn a_production_alias_that_is_damaged_is_no_model_that_silently_is_not_served() {
    let registry = TestRegistry::in_directory();
    with_versions(&registry, 1);
    registry.put("tiny/aliases/production", "deux");
    let code = registry.command(&["code", "coiffure"]).output().unwrap();
    assert!(refusal(&code).contains("aliases/production: it should hold the number of a version"));
    assert!(registry.said(&["list"]).starts_with("tiny "), "the listing goes on");
}
