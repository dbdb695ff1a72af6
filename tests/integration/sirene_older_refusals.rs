//! What the older form of the Sirene contract refuses, and how: 400, one message with its lines.

use serde_json::{Value, json};

use crate::sirene_older::{MISSING, predicted, probability};
use crate::support::Server;

const NOT_CONFIDENT: &str =
    "The minimal probability requested is higher than the highest prediction probability of the model.";

/// What the server says of a refused request of the older form.
fn refused((status, answer): (u16, Value)) -> String {
    assert_eq!(status, 400, "{answer}");
    assert_eq!(answer.as_object().unwrap().len(), 1, "{answer}");
    answer["detail"].as_str().unwrap().to_owned()
}

/// The caller is at fault, and is told so.
fn is_the_callers_fault((status, answer): (u16, Value)) {
    assert!(matches!(status, 400 | 422), "{status}: {answer}");
    assert!(answer["detail"].is_string() || answer["detail"].is_array(), "{answer}");
}

#[test]
fn nothing_above_the_least_probability_is_refused() {
    let server = Server::start();
    let best = probability(&predicted(&server, "conseil", ""), 1);
    for least in [best, 1.0] {
        assert_eq!(refused(server.get(&format!("/predict?text_feature=conseil&prob_min={least}"))), NOT_CONFIDENT);
        let body = json!({"text_description": ["conseil"]}).to_string();
        assert_eq!(refused(server.post(&format!("/predict-batch?prob_min={least}"), body)), NOT_CONFIDENT);
    }
}

#[test]
fn every_missing_marker_is_no_text() {
    let server = Server::start();
    let mut texts: Vec<Value> = MISSING.iter().map(|marker| json!(marker)).collect();
    texts.insert(0, json!("coiffure"));
    let lines = "(1, 2, 3, 4, 5, 6, 7, 8)";
    let expected = format!("The text_description is missing for some liasses. See line(s): {lines}");
    let body = json!({"text_description": texts}).to_string();
    assert_eq!(refused(server.post("/predict-batch", body)), expected);
    let alone = "The text_description is missing for some liasses. See line(s): (0,)";
    for text in ["", "NaN", "%20None%20"] {
        assert_eq!(refused(server.get(&format!("/predict?text_feature={text}"))), alone);
    }
    is_the_callers_fault(server.get("/predict"));
}

#[test]
fn wrong_cells_are_refused_with_their_lines() {
    let server = Server::start();
    let texts = ["coiffure", "maçonnerie", "conseil", "vente"];
    let letters = "['A', 'B', 'C', 'D', 'E', 'G', 'I', 'L', 'M', 'N', 'P', 'R', 'S', 'X', 'Y', 'Z']";
    let type_ = format!("The format of type_liasse is incorrect. Accepted values are: {letters}. See line(s) : ");
    let type_ = type_.as_str();
    let nature = "The format of nature is incorrect. The nature is an integer between 00 and 99. See line(s): ";
    let surface = "The format of surface is incorrect. Accepted values are: ['1', '2', '3', '4']. See line(s): ";
    let event = "The format of event is incorrect. The event value is an integer between 00 and 99 plus the letter A, \
        P, M or F. Example: '01P'. See line(s): ";
    let missing = "The text_description is missing for some liasses. See line(s): ";
    for (column, cells, message, lines) in [
        ("text_description", ["coiffure", "x", "y", ""], missing, "(3,)"),
        ("text_description", ["", "x", " ", "y"], missing, "(0, 2)"),
        ("type_", ["Q", "I", "?", ""], type_, "(0, 2)"),
        ("type_", ["", "I", "Z", "AB"], type_, "(3,)"),
        ("nature", ["123", "", "1A", "99"], nature, "(0, 2)"),
        ("nature", ["00", "-1", "99", ""], nature, "(1,)"),
        ("surface", ["5", "1", "abc", "4"], surface, "(0, 2)"),
        ("surface", ["", "2", "3", "0"], surface, "(3,)"),
        ("event", ["01Q", "01A", "P01", "99M"], event, "(0, 2)"),
        ("event", ["", "01P", "01F", "123"], event, "(3,)"),
    ] {
        let expected = format!("{message}{lines}");
        let mut body = json!({"text_description": texts});
        body[column] = json!(cells);
        assert_eq!(refused(server.post("/predict-batch", body.to_string())), expected);
        assert_eq!(refused(server.post("/naf2025/predict-batch", body.to_string())), expected);
        body["code"] = json!(["9602A", "4399C", "7022Z", "4776Z"]);
        assert_eq!(refused(server.post("/evaluation", body.to_string())), expected);
    }
    for (query, message) in
        [("type_liasse=Q", type_), ("nature=123", nature), ("surface=5", surface), ("event=01Q", event)]
    {
        let path = format!("/predict?text_feature=coiffure&{query}");
        assert_eq!(refused(server.get(&path)), format!("{message}(0,)"));
    }
}

#[test]
fn parameters_that_are_no_such_numbers_are_the_callers_fault() {
    let server = Server::start();
    let body = json!({"text_description": ["conseil"]});
    for query in ["nb_echos_max=0", "nb_echos_max=-1", "nb_echos_max=abc", "prob_min=abc"] {
        is_the_callers_fault(server.get(&format!("/predict?text_feature=conseil&{query}")));
        is_the_callers_fault(server.post(&format!("/predict-batch?{query}"), body.to_string()));
    }
}

#[test]
fn columns_of_different_lengths_are_the_callers_fault() {
    let server = Server::start();
    for (column, cells) in [
        ("type_", json!(["I"])),
        ("nature", json!(["12"])),
        ("surface", json!(["1", "1", "1"])),
        ("event", json!(["01P"])),
    ] {
        let mut body = json!({"text_description": ["coiffure", "conseil"], column: cells});
        is_the_callers_fault(server.post("/predict-batch", body.to_string()));
        body["code"] = json!(["9602A", "7022Z"]);
        is_the_callers_fault(server.post("/evaluation", body.to_string()));
    }
    let body = json!({"text_description": ["coiffure", "conseil"], "code": ["9602A"]});
    is_the_callers_fault(server.post("/evaluation", body.to_string()));
}

#[test]
fn a_body_of_the_wrong_shape_is_the_callers_fault() {
    let server = Server::start();
    for body in [
        "{",
        "",
        "[]",
        "null",
        r#""coiffure""#,
        "{}",
        r#"{"text_description":"coiffure"}"#,
        r#"{"text_description":null}"#,
        r#"{"text_description":[["coiffure"]]}"#,
        r#"{"text_description":["coiffure"],"nature":"12"}"#,
        r#"{"text_description":["coiffure"],"nature":[{}]}"#,
    ] {
        is_the_callers_fault(server.post("/predict-batch", body));
        is_the_callers_fault(server.post("/evaluation", body));
    }
    is_the_callers_fault(server.post("/evaluation", r#"{"text_description":["coiffure"]}"#));
    for path in ["/predict-batch", "/evaluation"] {
        let (status, answer) = server.post(path, r#"{"text_description":[],"code":[]}"#);
        assert!(status < 500, "{path}: {answer}");
    }
}
