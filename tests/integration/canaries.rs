//! `--canary`: a version that answers a share of the activities, always the same ones, and says so.

use serde_json::{Value, json};

use crate::following::{Follower, ONLY_WHEN_TOLD, filled};
use crate::registries::TestRegistry;
use crate::support::{codif, stderr};
use crate::tiny_models::{WORDS, code_of};

const CANDIDATE: &str = "tiny@candidate";
/// A few pieces of work.
const BATCH: usize = 250;

/// A registry with a candidate that agrees on no word with what is in production.
fn registry() -> TestRegistry {
    let registry = filled(TestRegistry::in_directory(), 2);
    registry.said(&["promote", "tiny", "2", "--alias", "candidate"]);
    registry
}

/// codif with the candidate as a canary.
fn with_canary(registry: &TestRegistry, share: &str) -> Follower {
    let canary = format!("{CANDIDATE}={share}");
    let codif = Follower::of(registry, &[&ONLY_WHEN_TOLD[..], &["--canary", canary.as_str()]].concat());
    codif.has(CANDIDATE, 2);
    codif
}

fn ids(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("activity-{number}")).collect()
}

/// The activity of an id, and its word.
fn activity(id: &str) -> (Value, &'static str) {
    let word = WORDS[id.bytes().map(usize::from).sum::<usize>() % WORDS.len()];
    (json!({"id": id, "description": word}), word)
}

/// Whether the canary gave a result, once it is seen that whoever did says so and codes as it does.
fn is_by_canary(result: &Value, id: &str, word: &str) -> bool {
    let coding = &result["codings"]["naf2008"];
    let by_canary = coding["model"] == json!({"name": "tiny", "version": 2});
    let version = if by_canary { 2 } else { 1 };
    assert_eq!((&result["id"], &coding["model"]["version"]), (&json!(id), &json!(version)), "{result}");
    assert_eq!(coding.get("canary"), by_canary.then_some(&json!(true)), "{result}");
    assert_eq!(coding["predictions"][0]["code"], code_of(word, u64::from(by_canary)), "{result}");
    by_canary
}

/// Of which ids the activities are answered by the canary, sent in batches of so many.
fn chosen(codif: &Follower, ids: &[String], batch: usize) -> Vec<bool> {
    let mut chosen = Vec::new();
    for ids in ids.chunks(batch) {
        let (activities, words): (Vec<Value>, Vec<&str>) = ids.iter().map(|id| activity(id)).unzip();
        let results = codif.results(&activities);
        assert_eq!(results.len(), ids.len());
        let in_order = results.iter().zip(ids).zip(words);
        chosen.extend(in_order.map(|((result, id), word)| is_by_canary(result, id, word)));
    }
    chosen
}

fn count(chosen: &[bool]) -> usize {
    chosen.iter().filter(|chosen| **chosen).count()
}

#[test]
fn a_canary_answers_its_share_of_the_activities_the_same_in_every_process() {
    let (registry, ids) = (registry(), ids(1_000));
    let (one, other) = (with_canary(&registry, "0.3"), with_canary(&registry, "0.3"));
    let chosen_by_one = chosen(&one, &ids, BATCH);
    let by_canary = count(&chosen_by_one);
    assert!((250..=350).contains(&by_canary), "{by_canary} of {}", ids.len());
    assert_eq!(chosen(&other, &ids, BATCH), chosen_by_one);

    let told = one.told(CANDIDATE);
    assert_eq!((&told["role"], &told["share"]), (&json!("canary"), &json!(0.3)));
    let metrics = one.metrics();
    let of_canary = metrics.lines().filter(|line| line.starts_with("codif_codings_total{"));
    let of_canary = of_canary.filter(|line| line.contains(",version=\"2\""));
    let counted = of_canary.map(|line| line.rsplit_once(' ').unwrap().1.parse::<usize>().unwrap());
    assert_eq!(counted.sum::<usize>(), by_canary);
}

#[test]
fn an_activity_gets_the_same_version_alone_and_among_others() {
    let (registry, mut ids) = (registry(), ids(60));
    let codif = with_canary(&registry, "0.5");
    let alone = chosen(&codif, &ids, 1);
    assert!((1..60).contains(&count(&alone)), "some are chosen, some are not");
    assert_eq!(chosen(&codif, &ids, 60), alone);
    ids.reverse();
    let mut backwards = chosen(&codif, &ids, 7);
    backwards.reverse();
    assert_eq!(backwards, alone);
}

#[test]
fn an_activity_that_cannot_be_coded_changes_nothing_for_the_others() {
    let (registry, ids) = (registry(), ids(60));
    let codif = with_canary(&registry, "0.5");
    let expected = chosen(&codif, &ids, 60);
    let is_faulty = |place: usize| place.is_multiple_of(4);
    let activities: Vec<Value> = (0..)
        .zip(&ids)
        .map(|(place, id)| if is_faulty(place) { json!({"id": id, "description": " "}) } else { activity(id).0 })
        .collect();
    for (place, result) in codif.results(&activities).iter().enumerate() {
        if is_faulty(place) {
            assert_eq!((&result["id"], &result["error"]["code"]), (&json!(ids[place]), &json!("empty_description")));
        } else {
            assert_eq!(is_by_canary(result, &ids[place], activity(&ids[place]).1), expected[place], "{result}");
        }
    }
}

#[test]
fn without_an_id_the_text_chooses() {
    let registry = registry();
    let codif = with_canary(&registry, "0.5");
    let text = |number: usize| format!("{} numero {number}", WORDS[0]);
    let batch: Vec<Value> = (0..40).map(|number| json!({"description": text(number)})).collect();
    let version = |coding: &Value| coding["model"]["version"].as_u64().unwrap();
    let of_results = |results: Vec<Value>| results.iter().map(|r| version(&r["codings"]["naf2008"])).collect();
    let among_others: Vec<u64> = of_results(codif.results(&batch));
    assert!([1, 2].iter().all(|version| among_others.contains(version)), "{among_others:?}");
    let alone: Vec<u64> = (0..40).map(|number| version(&codif.coding(&text(number)))).collect();
    assert_eq!(alone, among_others);
}

#[test]
fn a_share_may_be_nothing_or_all() {
    let (registry, ids) = (registry(), ids(100));
    for (share, expected) in [("0", 0), ("1", 100)] {
        assert_eq!(count(&chosen(&with_canary(&registry, share), &ids, BATCH)), expected, "{share}");
    }
    for (flag, value) in [
        ("--canary", "tiny@candidate"),
        ("--canary", "tiny@candidate=1.5"),
        ("--canary", "tiny@candidate=some"),
        ("--shadow-rate", "-0.1"),
    ] {
        let output = codif(&["serve", &format!("{flag}={value}")]);
        assert_eq!(output.status.code(), Some(2), "{flag} {value}");
        assert!(stderr(&output).contains(flag) && stderr(&output).contains(value), "{}", stderr(&output));
    }
}

#[test]
fn a_canary_that_is_promoted_is_one_no_more_until_it_is_taken_back() {
    let (registry, ids) = (registry(), ids(40));
    let codif = with_canary(&registry, "0.5");
    let expected = chosen(&codif, &ids, 40);
    registry.said(&["promote", "tiny", "2"]);
    codif.reloads(2);
    let (activities, _): (Vec<Value>, Vec<&str>) = ids.iter().map(|id| activity(id)).unzip();
    for result in codif.results(&activities) {
        let coding = &result["codings"]["naf2008"];
        assert_eq!((&coding["model"]["version"], coding.get("canary")), (&json!(2), None));
    }
    registry.said(&["rollback", "tiny"]);
    codif.reloads(1);
    assert_eq!(chosen(&codif, &ids, 40), expected);
}
