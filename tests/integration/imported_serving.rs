//! Models of every family are served alike: the API, the Sirene form, the page, the probes, a reload.

use serde_json::{Value, json};

use crate::following::{Follower, serve};
use crate::registries::TestRegistry;
use crate::replies::{get, post};

/// A registry with one imported model in production.
fn with_model(arguments: &[&str]) -> TestRegistry {
    let registry = TestRegistry::in_directory();
    let import = ["import", arguments[0], arguments[1], "--name", "imported", "--threshold", "0.1"];
    registry.said(&[&import[..], &arguments[2..]].concat());
    registry.said(&["promote", "imported", "1"]);
    registry
}

fn codings(codif: &Follower, activity: Value) -> Value {
    let reply = post(
        &format!("{}/v1/code", codif.public),
        &[],
        json!({"activities": [activity], "explain": true, "top_k": 3}).to_string(),
    );
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["results"][0]["codings"].clone()
}

fn is_whole(coding: &Value, kind: &str) {
    let predictions = coding["predictions"].as_array().unwrap();
    assert_eq!(predictions.len(), 3);
    let probabilities: Vec<f64> =
        predictions.iter().map(|prediction| prediction["probability"].as_f64().unwrap()).collect();
    assert!(probabilities.iter().all(|probability| (0.0..=1.0).contains(probability)), "{probabilities:?}");
    let gap = coding["confidence_gap"].as_f64().unwrap();
    assert!((gap - (probabilities[0] - probabilities[1])).abs() < 1e-6, "{gap} of {probabilities:?}");
    assert_eq!(coding["decision"], if gap >= 0.1 { "automatic" } else { "manual" });
    assert_eq!(coding["explanation_kind"], kind);
    assert!(!coding["explanation"].as_array().unwrap().is_empty());
}

fn serves(registry: &TestRegistry) -> Follower {
    let codif = Follower::start(serve(registry, &["--reload-interval", "0s", "--repeats", "100"]));
    assert_eq!(get(&format!("{}/readyz", codif.operations), &[]).status, 200);
    codif
}

#[test]
fn free_labels_are_a_nomenclature_of_their_own() {
    let registry = with_model(&["fasttext", "tests/data/fasttext/ova_prefix.bin", "--free-labels"]);
    let codif = serves(&registry);
    let first = codings(&codif, json!({"description": "commerce de détail"}));
    let coding = &first["imported"];
    is_whole(coding, "exact");
    let best = &coding["predictions"][0];
    assert_eq!((&best["title"], &best["path"]), (&best["code"], &json!([])));
    assert_eq!(codings(&codif, json!({"description": "commerce de détail"})), first, "asked again it is the same");
    let models = get(&format!("{}/v1/models", codif.public), &[]).body;
    assert_eq!((&models[0]["name"], &models[0]["nomenclature"]), (&json!("imported"), &json!("imported")), "{models}");
    assert_eq!(get(&format!("{}/?description=commerce", codif.public), &[("accept", "text/html")]).status, 200);
    assert!(codif.metrics().contains("nomenclature=\"imported\""));
    let nomenclatures = get(&format!("{}/v1/nomenclatures", codif.public), &[]).body;
    let labels = nomenclatures[2]["sub_classes"].as_u64().unwrap();
    assert_eq!((&nomenclatures[2]["id"], &nomenclatures[2]["served"]), (&json!("imported"), &json!(true)));
    let codes = get(&format!("{}/v1/nomenclatures/imported/codes", codif.public), &[]).body;
    assert_eq!(codes.as_array().unwrap().len() as u64, labels);
    let code = best["code"].as_str().unwrap();
    let detail = get(&format!("{}/v1/nomenclatures/imported/codes/{code}", codif.public), &[]);
    assert_eq!((detail.status, &detail.body["title"], &detail.body["path"]), (200, &best["code"], &json!([])));
    let reply = post(&format!("{}/admin/models/imported/reload", codif.operations), &[], "");
    assert_eq!((reply.status, &reply.body[0]["changed"]), (200, &json!(false)), "{}", reply.body);
}

#[test]
fn torch_text_is_served_with_its_covariates() {
    let export = "tests/data/torch-text/wordpiece-average";
    let registry = with_model(&["torch-text", export, "--nomenclature", "naf2008"]);
    let codif = serves(&registry);
    let activity =
        json!({"description": "Fabrication de piles", "nature": "99", "legal_category": "5710", "surface": 400});
    let coding = &codings(&codif, activity.clone())["naf2008"];
    is_whole(coding, "local");
    assert_eq!(coding["warnings"], json!([]));
    let mut other = activity;
    other["legal_category"] = json!("0000");
    other["event"] = json!("01P");
    let coding = &codings(&codif, other)["naf2008"];
    let warnings: Vec<(&Value, &Value)> =
        coding["warnings"].as_array().unwrap().iter().map(|warning| (&warning["field"], &warning["code"])).collect();
    let expected =
        [("event", "not_used"), ("legal_category", "unknown_value")].map(|(field, code)| (json!(field), json!(code)));
    assert_eq!(warnings, expected.iter().map(|(field, code)| (field, code)).collect::<Vec<_>>());
    // The contract of the service before codif, whose models these are.
    let form = json!({"forms": [{"description_activity": "Fabrication de piles", "nature": "99", "cj": "5710"}]});
    let reply = post(&format!("{}/predict/", codif.public), &[], form.to_string());
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert!(reply.body[0]["1"]["code"].is_string(), "{}", reply.body);
}

#[test]
fn sirene_1_reads_covariates_as_words_after_the_text() {
    let model = ["fasttext", "tests/data/fasttext/ape_ova.bin", "--nomenclature", "naf2008"];
    let settings = ["--normaliser", "sirene-1", "--covariates", "sirene-1"];
    let registry = with_model(&[&model[..], &settings].concat());
    let codif = serves(&registry);
    let activity = json!({"description": "Fabrication de cartes électroniques assemblées", "form_type": "A", "nature": "10", "surface_class": "2"});
    let coding = &codings(&codif, activity)["naf2008"];
    is_whole(coding, "exact");
    assert_eq!(coding["normalised"], "fabriqu cart electron assemble");
    let terms: Vec<&str> =
        coding["explanation"].as_array().unwrap().iter().map(|term| term["term"].as_str().unwrap()).collect();
    let words = ["AUTO_A", "NAT_SICORE_10", "SURF_2", "EVT_SICORE_NaN", "</s>"];
    assert!(terms.ends_with(&words), "{terms:?}");
}

#[test]
fn a_repeat_cache_changes_no_answer() {
    let registry = with_model(&["fasttext", "tests/data/fasttext/ape_softmax.bin", "--nomenclature", "naf2008"]);
    let cached = serves(&registry);
    let plain = Follower::start(serve(&registry, &["--reload-interval", "0s"]));
    let activities: Vec<Value> = ["commerc detail", "fabriqu bureau", "commerc detail"]
        .iter()
        .map(|text| json!({"description": text}))
        .collect();
    for _ in 0..3 {
        assert_eq!(cached.results(&activities), plain.results(&activities));
    }
}
