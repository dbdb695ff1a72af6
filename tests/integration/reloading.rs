//! What is served follows the registry: by itself, at a signal, when it is told to; what cannot be loaded changes nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::following::{Follower, ONLY_WHEN_TOLD, PRODUCTION, filled, serve};
use crate::keys::{key_with, post_with};
use crate::process::{Process, path};
use crate::registries::TestRegistry;
use crate::replies::{get, post};
use crate::version_files::flipped;
use crate::watching::{eventually, status};

/// Looks at the registry many times while a test waits.
const OFTEN: [&str; 2] = ["--reload-interval", "50ms"];
const SECOND_WEIGHTS: &str = "tiny/versions/2/model.safetensors";

/// How often a version was tried in vain.
fn failures(codif: &Follower) -> f64 {
    codif.metric(&format!("codif_model_reloads_total{{reference=\"{PRODUCTION}\",result=\"failed\"}}"))
}

/// Waits until it has looked at the registry some more times by itself.
fn looks_again(codif: &Follower) {
    let mut looks = BTreeSet::new();
    eventually("more looks at the registry", || {
        looks.insert(codif.told(PRODUCTION)["checked_at"].to_string());
        looks.len() > 5
    });
}

/// The flipped bit of a file, and the file as it was.
fn damage(registry: &TestRegistry, file: &str) -> Vec<u8> {
    let whole = registry.get(file);
    registry.put(file, flipped(whole.clone()));
    whole
}

#[test]
fn a_promotion_and_a_rollback_are_noticed_without_anybody_asking() {
    let registry = filled(TestRegistry::in_directory(), 2);
    let codif = Follower::of(&registry, &["--reload-interval", "200ms"]);
    codif.answers_as(1);
    registry.said(&["promote", "tiny", "2"]);
    eventually("the other version", || codif.version() == 2);
    codif.answers_as(2);
    registry.said(&["rollback", "tiny"]);
    eventually("the version before", || codif.version() == 1);
    codif.answers_as(1);
    assert!(!codif.is_stale());
}

#[test]
fn a_reload_says_what_came_of_it() {
    let registry = filled(TestRegistry::in_directory(), 2);
    let codif = Follower::of(&registry, &ONLY_WHEN_TOLD);
    codif.reloads(1);
    for (promoted, changed) in [(1, false), (2, true), (2, false), (1, true)] {
        registry.said(&["promote", "tiny", &promoted.to_string()]);
        let version = json!({"name": "tiny", "version": promoted});
        let told = json!([{"reference": PRODUCTION, "role": "production", "version": version, "changed": changed}]);
        let reply = codif.reload();
        assert_eq!((reply.status, reply.body), (200, told));
        codif.answers_as(promoted);
    }
}

#[test]
fn at_a_hang_up_codif_looks_at_once_and_goes_on() {
    let registry = filled(TestRegistry::in_directory(), 2);
    let mut codif = Follower::of(&registry, &ONLY_WHEN_TOLD);
    for version in [2, 1, 2] {
        registry.said(&["promote", "tiny", &version.to_string()]);
        codif.process.hang_up();
        eventually("the version promoted", || codif.version() == version);
        codif.answers_as(version);
    }
    codif.process.terminate();
    assert_eq!(codif.process.wait().code(), Some(0));
}

#[test]
fn a_version_that_cannot_be_loaded_leaves_the_one_before_until_it_is_taken_back() {
    let registry = filled(TestRegistry::in_directory(), 3);
    let codif = Follower::of(&registry, &ONLY_WHEN_TOLD);
    codif.reloads(1);
    assert!(!codif.is_stale());
    damage(&registry, "tiny/versions/3/model.safetensors");
    registry.said(&["promote", "tiny", "3"]);
    let reply = codif.reload();
    reply.is_problem(502, "reload_failed");
    let detail = reply.body["detail"].as_str().unwrap();
    assert!(detail.starts_with("tiny@production: ") && detail.contains("model.safetensors: sha256 is"), "{detail}");
    assert!(detail.ends_with("what was in service goes on"), "{detail}");

    codif.answers_as(1);
    assert!(codif.is_stale());
    let told = codif.told(PRODUCTION);
    assert_eq!(told["version"], json!({"name": "tiny", "version": 1}));
    assert_eq!((&told["stale"]["version"]["version"], failures(&codif)), (&json!(3), 1.0));
    let reason = told["stale"]["reason"].as_str().unwrap();
    assert_eq!(codif.ready(), format!("ready\ntiny:1\nstale: {PRODUCTION}: {reason}\n"));
    let is_of_it = |line: &Value| line["level"] == "WARN" && line["version"] == "tiny:3";
    eventually("a line in the log", || codif.process.log().iter().any(is_of_it));

    registry.said(&["rollback", "tiny"]);
    codif.reloads(1);
    codif.answers_as(1);
    assert!(!codif.is_stale());
    assert_eq!(codif.told(PRODUCTION)["stale"], Value::Null);
    assert_eq!(codif.ready(), "ready\ntiny:1\n");
}

#[test]
fn a_version_that_was_refused_is_tried_again_only_when_somebody_asks() {
    let registry = filled(TestRegistry::in_directory(), 2);
    let whole = damage(&registry, SECOND_WEIGHTS);
    let codif = Follower::of(&registry, &OFTEN);
    registry.said(&["promote", "tiny", "2"]);
    eventually("the refusal", || !codif.told(PRODUCTION)["stale"].is_null());
    let since = codif.told(PRODUCTION)["stale"]["since"].clone();
    looks_again(&codif);
    assert_eq!(failures(&codif), 1.0);
    codif.reload().is_problem(502, "reload_failed");
    assert_eq!(failures(&codif), 2.0);
    assert_eq!(codif.told(PRODUCTION)["stale"]["since"], since);
    // A version never changes: this one was never what its manifest says.
    registry.put(SECOND_WEIGHTS, whole);
    looks_again(&codif);
    assert!(codif.is_stale());
    codif.answers_as(1);
    codif.process.hang_up();
    eventually("the version promoted", || codif.version() == 2);
    codif.answers_as(2);
    eventually("what is told of it", || codif.told(PRODUCTION)["stale"].is_null());
    assert!(!codif.is_stale());
}

#[test]
fn a_version_that_was_refused_and_taken_back_is_told_again_when_it_is_promoted_again() {
    let registry = filled(TestRegistry::in_directory(), 2);
    damage(&registry, SECOND_WEIGHTS);
    let codif = Follower::of(&registry, &OFTEN);
    for _ in 0..2 {
        registry.said(&["promote", "tiny", "2"]);
        eventually("the refusal", || codif.told(PRODUCTION)["stale"]["version"]["version"] == 2);
        assert!(codif.is_stale());
        registry.said(&["rollback", "tiny"]);
        eventually("the version before", || codif.told(PRODUCTION)["stale"].is_null());
        assert!(!codif.is_stale());
    }
}

#[test]
fn only_a_model_that_is_followed_can_be_reloaded() {
    let registry = filled(TestRegistry::in_directory(), 1);
    let codif = Follower::of(&registry, &ONLY_WHEN_TOLD);
    for name in ["other", "tiny@production", "tiny:1", "Tiny", "%C3%A9"] {
        let reply = post(&format!("{}/admin/models/{name}/reload", codif.operations), &[], "");
        reply.is_problem(404, "unknown_model");
    }
    let reload = format!("{}/admin/models/tiny/reload", codif.operations);
    assert_eq!(status(&reload), 405);
    codif.reloads(1);
    // It is nothing of the public port.
    assert_eq!(post(&reload.replace(&codif.operations, &codif.public), &[], "").status, 404);
}

#[test]
fn a_page_of_another_origin_reloads_nothing() {
    let registry = filled(TestRegistry::in_directory(), 2);
    let codif = Follower::of(&registry, &ONLY_WHEN_TOLD);
    registry.said(&["promote", "tiny", "2"]);
    let reload = format!("{}/admin/models/tiny/reload", codif.operations);
    for site in ["cross-site", "same-site"] {
        post(&reload, &[("sec-fetch-site", site)], "").is_problem(403, "foreign_page");
    }
    codif.answers_as(1);
    assert_eq!(post(&reload, &[("sec-fetch-site", "same-origin")], "").status, 200);
    codif.answers_as(2);
}

#[test]
fn reloading_asks_for_the_scope_admin_where_others_can_reach_it() {
    let registry = filled(TestRegistry::in_directory(), 2);
    let ((admin, file), (code, other)) = (key_with("admin"), key_with("code"));
    let both = fs::read_to_string(file.path()).unwrap() + "\n" + &fs::read_to_string(other.path()).unwrap();
    fs::write(file.path(), both.replacen("name = \"somebody\"", "name = \"admin\"", 1)).unwrap();
    let open = ["serve", "--listen", "127.0.0.1:0", "--ops-listen", "0.0.0.0:0", "--config", path(&file)];
    let codif = Follower::start(registry.command(&[&open[..], &ONLY_WHEN_TOLD].concat()));
    let reload = format!("{}/admin/models/tiny/reload", codif.operations);
    post(&reload, &[], "").is_problem(401, "unauthenticated");
    post_with("codif_0000", &reload, "").is_problem(401, "unauthenticated");
    post_with(&code, &reload, "").is_problem(403, "missing_scope");
    for read in ["/admin", "/admin/models"] {
        get(&format!("{}{read}", codif.operations), &[]).is_problem(401, "unauthenticated");
    }
    let serves = |version: u32| {
        let ready = get(&format!("{}/readyz", codif.operations), &[]);
        assert_eq!((ready.status, &ready.body), (200, &json!(format!("ready\ntiny:{version}\n"))));
    };
    serves(1);
    registry.said(&["promote", "tiny", "2"]);
    let reply = post_with(&admin, &reload, "");
    assert_eq!((reply.status, &reply.body[0]["version"]["version"]), (200, &json!(2)), "{}", reply.body);
    serves(2);
}

#[test]
fn a_version_of_another_nomenclature_does_not_take_the_place_of_one() {
    let registry = filled(TestRegistry::in_directory(), 2);
    let codif = Follower::of(&registry, &ONLY_WHEN_TOLD);
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/ape-naf2025/versions/1");
    assert_eq!(registry.push(&shipped), "tiny:3");
    registry.said(&["promote", "tiny", "3"]);
    let reply = codif.reload();
    reply.is_problem(502, "reload_failed");
    let detail = reply.body["detail"].as_str().unwrap();
    assert!(detail.contains("tiny:3 codes in naf2025, it should code in naf2008"), "{detail}");
    codif.answers_as(1);
    assert!(codif.is_stale());
    registry.said(&["promote", "tiny", "2"]);
    codif.reloads(2);
    codif.answers_as(2);
    assert!(!codif.is_stale());
}

#[test]
fn two_models_of_one_nomenclature_are_not_served_together() {
    let registry = filled(TestRegistry::in_directory(), 1);
    let tiny = Path::new(&registry.location).join("tiny/versions/1");
    registry.said(&["push", tiny.to_str().unwrap(), "--name", "other"]);
    registry.said(&["promote", "other", "1"]);
    let message = Process::start(serve(&registry, &[])).refusal();
    assert!(message.contains("other:1 and tiny:1 both code in naf2008: name one of them with --model"), "{message}");
    Follower::of(&registry, &["--model", "tiny"]).answers_as(1);
}
