//! Versions that replace one another while requests go on: no answer is lost, none is of two versions.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use serde_json::{Value, json};

use crate::following::{Follower, ONLY_WHEN_TOLD, PRODUCTION, filled};
use crate::raw_client::{answer, connect, post_head};
use crate::registries::TestRegistry;
use crate::support::{codif_with_input, json_lines, succeeded};
use crate::watching::eventually;

/// Connections kept alive, with one request at a time.
const CLIENTS: usize = 8;
/// More than two, so that each is loaded when it comes: only the one before is kept.
const VERSIONS: u32 = 3;
/// Every so many-th request has so many activities: several pieces of work.
const BATCHES: usize = 25;
const BATCH: usize = 300;
/// What they describe: nothing in the middle between two codes, and something.
const TEXTS: [&str; 6] =
    ["coiffure", "maconnerie", "boulangerie", "coiffure et maconnerie", "tailleur", "maconnerie coiffure boulangerie"];

const FIRST_WEIGHTS: &str = "tiny/versions/1/model.safetensors";

/// A number that the environment may set, for a longer test.
fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |number| number.parse().unwrap())
}

/// What each version makes of each text, the first version first; nothing serves while this is asked.
fn expected(registry: &TestRegistry) -> Vec<Vec<Value>> {
    let of_version = |version: u32| {
        let model = format!("tiny:{version}");
        let code = ["code", "--json", "--registry", registry.location.as_str(), "--model", model.as_str()];
        let coded = json_lines(&succeeded(codif_with_input(&code, TEXTS.join("\n").as_bytes())));
        assert_eq!(coded.len(), TEXTS.len());
        coded.into_iter().map(|mut result| result["codings"].take()).collect::<Vec<Value>>()
    };
    (1..=VERSIONS).map(of_version).collect()
}

/// Sends a request and gives the version that answers it, once it is seen that this version answers all of it.
fn ask(stream: &mut TcpStream, number: usize, expected: &[Vec<Value>]) -> usize {
    let count = if number.is_multiple_of(BATCHES) { BATCH } else { 1 };
    let text = |place: usize| (number + place) % TEXTS.len();
    let id = |place: usize| format!("{number}-{place}");
    let activity = |place: usize| json!({"id": id(place), "description": TEXTS[text(place)]});
    let body = json!({"activities": (0..count).map(activity).collect::<Vec<Value>>()}).to_string();
    // At once: a second packet would wait for an answer to the first.
    stream.write_all((post_head("/v1/code", body.len()) + &body).as_bytes()).unwrap();
    let answer = answer(stream);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answer = answer.json();
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), count);
    let version = results[0]["codings"]["naf2008"]["model"]["version"].as_u64().unwrap() as usize;
    for (place, result) in results.iter().enumerate() {
        let whole = json!({"id": id(place), "codings": expected[version - 1][text(place)]});
        assert_eq!(*result, whole, "request {number} is answered by version {version}");
    }
    version
}

/// What was asked and answered so far.
#[derive(Default)]
struct Tally {
    asked: AtomicUsize,
    answered: AtomicUsize,
    by_version: [AtomicUsize; VERSIONS as usize],
}

/// One client, until there were so many requests and something else is over too.
fn ask_until(is_over: impl Fn() -> bool, requests: usize, codif: &Follower, expected: &[Vec<Value>], tally: &Tally) {
    let mut stream = connect(&codif.public);
    while tally.answered.load(Relaxed) < requests || !is_over() {
        let version = ask(&mut stream, tally.asked.fetch_add(1, Relaxed), expected);
        tally.by_version[version - 1].fetch_add(1, Relaxed);
        tally.answered.fetch_add(1, Relaxed);
    }
}

/// Puts one version after the other in service, spread over the requests.
fn swap(swaps: usize, requests: usize, codif: &Follower, registry: &TestRegistry, tally: &Tally) {
    for swap in 0..swaps {
        eventually("the requests before the swap", || tally.answered.load(Relaxed) >= swap * requests / swaps);
        let version = version_after(swap + 1);
        registry.said(&["promote", "tiny", &version.to_string()]);
        codif.reloads(version);
    }
}

/// The version in service after so many swaps.
fn version_after(swaps: usize) -> u32 {
    swaps as u32 % VERSIONS + 1
}

#[test]
fn every_answer_during_many_swaps_is_whole_and_of_one_version() {
    let (requests, swaps) = (number("CODIF_SWAP_REQUESTS", 2_000), number("CODIF_SWAPS", 20));
    let registry = filled(TestRegistry::in_directory(), u64::from(VERSIONS));
    let expected = expected(&registry);
    let codif = Follower::of(&registry, &ONLY_WHEN_TOLD);
    let tally = Tally::default();
    let (to_registry, to_expected, to_codif, to_tally) = (&registry, &expected, &codif, &tally);
    thread::scope(|scope| {
        let swapping = Arc::new(scope.spawn(move || swap(swaps, requests, to_codif, to_registry, to_tally)));
        for _ in 0..CLIENTS {
            let swapping = Arc::clone(&swapping);
            let is_over = move || swapping.is_finished();
            scope.spawn(move || ask_until(is_over, requests, to_codif, to_expected, to_tally));
        }
    });
    let (asked, answered) = (tally.asked.into_inner(), tally.answered.into_inner());
    let by_version = tally.by_version.map(AtomicUsize::into_inner);
    eprintln!("{answered} answers by versions {by_version:?}");
    assert!(answered >= requests && by_version.iter().all(|answers| *answers > 0), "{by_version:?} of {answered}");
    assert_eq!((asked, by_version.iter().sum::<usize>()), (answered, answered));
    for counter in ["codif_http_requests_total", "codif_http_successes_total"] {
        assert_eq!(codif.metric(&format!("{counter}{{route=\"/v1/code\"}}")), answered as f64, "none was sent twice");
    }
    let replaced = format!("codif_model_reloads_total{{reference=\"{PRODUCTION}\",result=\"replaced\"}}");
    assert_eq!(codif.metric(&replaced), swaps as f64);
    serves_alone(&codif, version_after(swaps));
}

/// Asserts that this version serves, and no other is said to.
fn serves_alone(codif: &Follower, version: u32) {
    codif.answers_as(version);
    assert_eq!(codif.ready(), format!("ready\ntiny:{version}\n"));
    let metrics = codif.metrics();
    let models: Vec<&str> = metrics.lines().filter(|line| line.starts_with("codif_model_info{")).collect();
    assert_eq!(models.len(), 1, "{models:?}");
    let version = format!("version=\"{version}\"");
    assert!(models[0].contains(&version) && models[0].contains("nomenclature=\"naf2008\""), "{models:?}");
}

/// Version 2 is in service; the file of weights of version 1 is gone from the registry, and is given back to the caller.
fn after_a_promotion(arguments: &[&str]) -> (TestRegistry, Follower, Vec<u8>) {
    let registry = filled(TestRegistry::in_directory(), 2);
    let codif = Follower::of(&registry, &[&ONLY_WHEN_TOLD[..], arguments].concat());
    registry.said(&["promote", "tiny", "2"]);
    codif.reloads(2);
    let weights = registry.get(FIRST_WEIGHTS);
    registry.delete(FIRST_WEIGHTS);
    (registry, codif, weights)
}

#[test]
fn the_version_before_is_back_at_once_without_being_loaded_again() {
    let (registry, codif, _) = after_a_promotion(&[]);
    assert_eq!(codif.told(PRODUCTION)["previous"], json!({"name": "tiny", "version": 1}));
    registry.said(&["rollback", "tiny"]);
    codif.reloads(1);
    assert_eq!(codif.told(PRODUCTION)["previous"], json!({"name": "tiny", "version": 2}));
    serves_alone(&codif, 1);
}

#[test]
fn a_version_before_that_was_let_go_is_loaded_again() {
    let (registry, codif, weights) = after_a_promotion(&["--reload-keep-previous", "0s"]);
    eventually("the end of the version before", || codif.told(PRODUCTION)["previous"].is_null());
    registry.said(&["rollback", "tiny"]);
    let reply = codif.reload();
    reply.is_problem(502, "reload_failed");
    assert!(reply.body["detail"].as_str().unwrap().contains(FIRST_WEIGHTS), "{}", reply.body);
    codif.answers_as(2);
    registry.put(FIRST_WEIGHTS, weights);
    codif.reloads(1);
    serves_alone(&codif, 1);
}
