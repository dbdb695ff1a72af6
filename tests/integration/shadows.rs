//! `--shadow`: a version that sees what the one in service codes, answers nothing, and is told apart.

use serde_json::{Value, json};

use crate::following::{Follower, ONLY_WHEN_TOLD, PRODUCTION, filled};
use crate::registries::TestRegistry;
use crate::tiny_models::{WORDS, code_of};
use crate::watching::eventually;

const CANDIDATE: &str = "tiny@candidate";
/// Sections of the codes that version 1 gives to the words, in their order.
const SECTIONS: [&str; 3] = ["S", "F", "C"];
/// A version that codes as version 1 does; others agree with it on no word.
const ALIKE: u32 = 5;

/// A registry whose candidate is this version, or which has none.
fn registry(candidate: Option<u32>) -> TestRegistry {
    let registry = filled(TestRegistry::in_directory(), u64::from(candidate.unwrap_or(2)).max(2));
    if let Some(version) = candidate {
        promote_candidate(&registry, version);
    }
    registry
}

fn promote_candidate(registry: &TestRegistry, version: u32) {
    registry.said(&["promote", "tiny", &version.to_string(), "--alias", "candidate"]);
}

/// codif with a shadow.
fn with_shadow(registry: &TestRegistry, arguments: &[&str]) -> Follower {
    Follower::of(registry, &[&["--shadow", CANDIDATE][..], arguments].concat())
}

/// Codes a word so many times, one request each: fewer than wait for the shadow without being dropped.
fn code(codif: &Follower, word: &str, times: usize) {
    for _ in 0..times {
        let coding = codif.coding(word);
        assert_eq!(coding["predictions"][0]["code"], code_of(word, 0));
        assert_eq!((&coding["model"]["version"], coding.get("canary")), (&json!(1), None));
    }
}

/// Waits until the shadow has seen so many activities of a section. It works in the order in which it is given to: it has
/// seen by then what was coded before.
fn has_seen(codif: &Follower, section: &str, activities: u64) {
    eventually("the shadow", || codif.told(CANDIDATE)["agreement"]["by_section"][section]["activities"] == activities);
}

/// The sum of the samples of a metric.
fn sum(codif: &Follower, metric: &str) -> f64 {
    let metrics = codif.metrics();
    let samples = metrics.lines().filter_map(|line| line.strip_prefix(metric)?.strip_prefix('{')?.rsplit_once(' '));
    samples.map(|(_, value)| value.parse::<f64>().unwrap()).sum()
}

#[test]
fn a_shadow_sees_what_is_coded_and_answers_nothing() {
    let registry = registry(Some(2));
    let codif = with_shadow(&registry, &ONLY_WHEN_TOLD);
    codif.has(CANDIDATE, 2);
    for word in WORDS {
        code(&codif, word, 10);
    }
    has_seen(&codif, SECTIONS[2], 10);
    let told = codif.told(CANDIDATE);
    assert_eq!((&told["role"], &told["share"]), (&json!("shadow"), &json!(1.0)));
    let agreement = &told["agreement"];
    assert_eq!((&agreement["overall"]["activities"], &agreement["overall"]["same_code"]), (&json!(30), &json!(0)));
    let sections = agreement["by_section"].as_object().unwrap();
    assert_eq!(sections.len(), 3, "{sections:?}");
    for section in SECTIONS {
        assert_eq!((&sections[section]["activities"], &sections[section]["same_code"]), (&json!(10), &json!(0)));
    }
    assert!(codif.told(PRODUCTION).get("agreement").is_none());

    assert_eq!(sum(&codif, "codif_shadow_codings_total"), 30.0);
    assert_eq!(sum(&codif, "codif_shadow_gap_shift_count"), 30.0);
    assert_eq!(sum(&codif, "codif_shadow_dropped_total"), 0.0);
    let of_them = codif.metrics();
    let of_them: Vec<&str> = of_them.lines().filter(|line| line.starts_with("codif_shadow_codings_total{")).collect();
    let names =
        ["nomenclature=\"naf2008\"", "model=\"tiny\"", "version=\"1\"", "shadow_version=\"2\"", "code=\"other\""];
    assert!(of_them.iter().all(|line| names.iter().all(|name| line.contains(name))), "{of_them:?}");
    // What it codes is no coding: nobody was given it.
    assert_eq!(sum(&codif, "codif_codings_total"), 30.0);
}

#[test]
fn another_candidate_begins_to_be_counted_anew() {
    let registry = registry(Some(ALIKE));
    let codif = with_shadow(&registry, &ONLY_WHEN_TOLD);
    codif.has(CANDIDATE, ALIKE);
    code(&codif, WORDS[0], 7);
    has_seen(&codif, SECTIONS[0], 7);
    let overall = codif.told(CANDIDATE)["agreement"]["overall"].clone();
    for figure in ["same_code", "same_decision"] {
        assert_eq!(overall[figure], 7, "{overall}");
    }
    assert_eq!(overall["automatic_before"], overall["automatic_after"]);
    assert_eq!(overall["mean_gap_shift"], 0.0, "they are the same model");

    promote_candidate(&registry, 2);
    codif.reloads(1);
    let agreement = codif.told(CANDIDATE)["agreement"].clone();
    assert_eq!((&agreement["overall"]["activities"], &agreement["by_section"]), (&json!(0), &json!({})));
    code(&codif, WORDS[0], 3);
    has_seen(&codif, SECTIONS[0], 3);
    assert_eq!(codif.told(CANDIDATE)["agreement"]["overall"]["same_code"], 0);
    assert_eq!(sum(&codif, "codif_shadow_codings_total"), 10.0, "a counter never goes back");
}

#[test]
fn at_half_the_rate_every_second_activity_is_seen() {
    let registry = registry(Some(2));
    let codif = with_shadow(&registry, &[&ONLY_WHEN_TOLD[..], &["--shadow-rate", "0.5"]].concat());
    codif.has(CANDIDATE, 2);
    code(&codif, WORDS[0], 20);
    let batch: Vec<Value> = (0..30).map(|_| json!({"description": WORDS[0]})).collect();
    assert_eq!(codif.results(&batch).len(), 30);
    code(&codif, WORDS[1], 2);
    has_seen(&codif, SECTIONS[1], 1);
    let agreement = &codif.told(CANDIDATE)["agreement"];
    assert_eq!(agreement["by_section"][SECTIONS[0]]["activities"], 25);
    assert_eq!(agreement["overall"]["activities"], 26);
}

#[test]
fn a_shadow_appears_when_its_alias_does() {
    let registry = registry(None);
    let codif = with_shadow(&registry, &["--reload-interval", "100ms"]);
    eventually("the first look", || !codif.told(CANDIDATE)["stale"].is_null());
    let told = codif.told(CANDIDATE);
    assert_eq!((&told["version"], told.get("agreement")), (&Value::Null, None));
    assert!(told["stale"]["reason"].as_str().unwrap().contains("there is no alias \"candidate\""), "{told}");
    code(&codif, WORDS[0], 5);
    assert!(!codif.is_stale(), "the model in service is what it should be");
    promote_candidate(&registry, 2);
    codif.has(CANDIDATE, 2);
    assert_eq!(codif.told(CANDIDATE)["stale"], Value::Null);
    code(&codif, WORDS[1], 1);
    has_seen(&codif, SECTIONS[1], 1);
    assert_eq!(codif.told(CANDIDATE)["agreement"]["overall"]["activities"], 1);
}

#[test]
fn a_version_is_not_its_own_shadow() {
    let registry = registry(Some(1));
    let codif = with_shadow(&registry, &ONLY_WHEN_TOLD);
    codif.has(CANDIDATE, 1);
    code(&codif, WORDS[0], 5);
    assert_eq!(codif.told(CANDIDATE).get("agreement"), None);
    promote_candidate(&registry, 2);
    codif.reloads(1);
    code(&codif, WORDS[1], 1);
    has_seen(&codif, SECTIONS[1], 1);
    assert_eq!(codif.told(CANDIDATE)["agreement"]["overall"]["activities"], 1);
    assert_eq!(sum(&codif, "codif_shadow_codings_total"), 1.0, "nor was it before");
}

#[test]
fn a_candidate_that_is_promoted_is_no_shadow_any_more() {
    let registry = registry(Some(2));
    let codif = with_shadow(&registry, &ONLY_WHEN_TOLD);
    codif.has(CANDIDATE, 2);
    code(&codif, WORDS[0], 5);
    has_seen(&codif, SECTIONS[0], 5);
    registry.said(&["promote", "tiny", "2"]);
    codif.reloads(2);
    codif.answers_as(2);
    assert_eq!(codif.told(CANDIDATE).get("agreement"), None, "there is nothing that it agrees with");
    registry.said(&["rollback", "tiny"]);
    codif.reloads(1);
    code(&codif, WORDS[1], 1);
    has_seen(&codif, SECTIONS[1], 1);
    assert_eq!(codif.told(CANDIDATE)["agreement"]["overall"]["activities"], 1, "it is counted anew");
}

#[test]
fn the_second_shadow_of_a_nomenclature_is_refused_and_told_of() {
    let registry = registry(Some(2));
    registry.said(&["promote", "tiny", "1", "--alias", "challenger"]);
    let codif = with_shadow(&registry, &[&ONLY_WHEN_TOLD[..], &["--shadow", "tiny@challenger"]].concat());
    codif.has(CANDIDATE, 2);
    let reason = "tiny:1 cannot be the shadow of naf2008: tiny@candidate is already";
    eventually("the refusal", || codif.told("tiny@challenger")["stale"]["reason"] == reason);
    assert_eq!(codif.told("tiny@challenger")["version"], Value::Null);
    code(&codif, WORDS[1], 1);
    has_seen(&codif, SECTIONS[1], 1);
    assert_eq!(codif.told(CANDIDATE)["agreement"]["overall"]["activities"], 1);
}
