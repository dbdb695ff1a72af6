//! `GET /predict-and-explain` of the Sirene contract.

use serde_json::{Value, json};

use crate::sirene_older::encoded;
use crate::support::Server;

fn explained(server: &Server, path: &str, text: &str, more: &str) -> Value {
    let (status, answer) = server.get(&format!("{path}?text_description={}{more}", encoded(text)));
    assert_eq!(status, 200, "{answer}");
    answer
}

/// The finite numbers of an attribution.
fn numbers(attribution: &Value) -> Vec<f64> {
    let numbers: Vec<f64> = attribution.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect();
    assert!(numbers.iter().all(|number| number.is_finite()), "{attribution}");
    numbers
}

#[test]
fn every_rank_has_a_number_per_character_and_per_word() {
    let server = Server::start();
    for text in [
        "coiffure à domicile",
        "Pâtisserie, boulangerie artisanale à Évry",
        "  Coiffure \t à   domicile ",
        // The accent is a character of its own here.
        "coiffure a\u{300} domicile",
        "vente de fleurs 🌷 et œufs",
        "coiffure",
    ] {
        let answer = explained(&server, "/predict-and-explain", text, "&prob_min=0&top_k=2");
        for rank in ["1", "2"] {
            assert_eq!(numbers(&answer[rank]["letter_attr"]).len(), text.chars().count(), "{text}");
            assert_eq!(numbers(&answer[rank]["word_attr"]).len(), text.split_whitespace().count(), "{text}");
        }
        for kind in ["letter_attr", "word_attr"] {
            assert!(numbers(&answer["1"][kind]).iter().any(|number| *number != 0.0), "{text}: {kind} says nothing");
        }
    }
}

#[test]
fn a_rank_holds_its_prediction_and_its_two_attributions() {
    let server = Server::start();
    let answer = explained(&server, "/predict-and-explain", "coiffure à domicile", "");
    let mut keys: Vec<&String> = answer["1"].as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(keys, ["code", "letter_attr", "libelle", "probabilite", "word_attr"]);
    let (_, predicted) = server.get(&format!("/predict?text_feature={}", encoded("coiffure à domicile")));
    for key in ["code", "libelle", "probabilite"] {
        assert_eq!(answer["1"][key], predicted["1"][key]);
    }
}

#[test]
fn the_ranks_are_three_unless_told_otherwise() {
    let server = Server::start();
    for (query, expected) in [("&prob_min=0", 3), ("&prob_min=0&top_k=1", 1), ("&prob_min=0&top_k=6", 6)] {
        let answer = explained(&server, "/predict-and-explain", "conseil", query);
        assert!((1..=expected).all(|rank| answer[rank.to_string()]["code"].is_string()), "{query}: {answer}");
        assert!(answer[(expected + 1).to_string()].is_null(), "{query}: {answer}");
    }
}

#[test]
fn a_rank_at_or_below_the_least_probability_is_left_out() {
    let server = Server::start();
    let all = explained(&server, "/predict-and-explain", "conseil", "&prob_min=0");
    let path = format!("&prob_min={}", all["2"]["probabilite"].as_f64().unwrap());
    let best = explained(&server, "/predict-and-explain", "conseil", &path);
    assert_eq!(best["1"], all["1"]);
    assert!(best["2"].is_null(), "{best}");
    let plain = explained(&server, "/predict-and-explain", "conseil", "");
    assert_eq!(plain, explained(&server, "/predict-and-explain", "conseil", "&prob_min=0.01&top_k=3"));
}

#[test]
fn nothing_above_the_least_probability_is_not_explained() {
    let server = Server::start();
    let expected = json!({"detail": "The model is not confident enough to make a prediction (and explain it)."});
    let best = explained(&server, "/predict-and-explain", "conseil", "")["1"]["probabilite"].as_f64().unwrap();
    for least in [best, 1.0] {
        let path = format!("/predict-and-explain?text_description=conseil&prob_min={least}");
        assert_eq!(server.get(&path), (400, expected.clone()));
    }
}

#[test]
fn a_long_text_has_a_number_for_every_character_sent() {
    let server = Server::start();
    let text = "coiffure ".repeat(1_400);
    let answer = explained(&server, "/predict-and-explain", &text, "&top_k=1");
    assert_eq!(answer["1"]["code"], "9602A");
    assert_eq!(numbers(&answer["1"]["letter_attr"]).len(), 12_600);
    assert_eq!(numbers(&answer["1"]["word_attr"]).len(), 1_400);
}

#[test]
fn a_request_that_cannot_be_explained_is_the_callers_fault() {
    let server = Server::start();
    for query in [
        "",
        "?text_description=",
        "?text_description=%20",
        "?text_description=x&prob_min=abc",
        "?text_description=x&top_k=abc",
    ] {
        let (status, answer) = server.get(&format!("/predict-and-explain{query}"));
        assert!(matches!(status, 400 | 422) && !answer["detail"].is_null(), "{query}: {status} {answer}");
    }
    for query in ["top_k=0", "top_k=-1", "top_k=100000"] {
        let (status, answer) = server.get(&format!("/predict-and-explain?text_description=conseil&{query}"));
        assert!(matches!(status, 200 | 400 | 422), "{query}: {answer}");
    }
}

#[test]
fn each_nomenclature_explains_its_own_codes() {
    let server = Server::start();
    for (path, code) in [("/naf2008/predict-and-explain", "9602A"), ("/naf2025/predict-and-explain", "9621H")] {
        assert_eq!(explained(&server, path, "coiffure à domicile", "")["1"]["code"], code);
    }
}
