//! The Sirene contract's long texts and large requests: neither is refused.

use serde_json::{Value, json};

use crate::support::Server;

/// The answer to a request that may take its time.
fn patiently(server: &Server, path: &str, body: String) -> (u16, Value) {
    let client = crate::support::client_builder().timeout(None::<std::time::Duration>).build().unwrap();
    let request = client.post(format!("{}{path}", server.url)).header("content-type", "application/json");
    let response = request.body(body).send().unwrap();
    (response.status().as_u16(), response.json().unwrap())
}

fn coded_texts(server: &Server, descriptions: &[&str]) -> Vec<Value> {
    let forms: Vec<Value> = descriptions.iter().map(|text| json!({"description_activity": text})).collect();
    let (status, answers) = patiently(server, "/predict/?prob_min=0", json!({"forms": forms}).to_string());
    assert_eq!(status, 200, "{answers}");
    answers.as_array().unwrap().clone()
}

/// What the metrics say of texts that were cut.
fn counted_cuts(server: &Server) -> f64 {
    let metrics = crate::support::get(format!("{}/metrics", server.operations_url)).unwrap().text().unwrap();
    let of_cuts =
        |line: &&str| !line.starts_with('#') && ["cut", "trunc", "long"].iter().any(|word| line.contains(word));
    metrics.lines().filter(of_cuts).map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}

#[test]
fn an_over_long_text_is_coded_and_so_are_its_neighbours() {
    let server = Server::start();
    let long = "coiffure à domicile ".repeat(1_500);
    assert_eq!(long.chars().count(), 30_000);
    let unbroken = "é".repeat(30_000);
    let answers = coded_texts(&server, &["chauffeur VTC", &long, "MACONNERIE GENERALE", &unbroken]);
    let codes: Vec<&str> = answers.iter().map(|answer| answer["1"]["code"].as_str().unwrap()).collect();
    assert_eq!(codes[..3], ["4932Z", "9602A", "4399C"]);
    assert_eq!(answers.len(), 4);
}

#[test]
fn an_over_long_text_is_cut_between_two_words() {
    let server = Server::start();
    // The limit, 10,000 characters, falls inside the last word.
    let whole_words = "coiffure ".repeat(1_110);
    let over_long = format!("{whole_words}boulangerie");
    let just_fits = format!("{whole_words}boulangeri");
    assert_eq!((over_long.chars().count(), just_fits.chars().count()), (10_001, 10_000));
    let alone = |text: &str| coded_texts(&server, &[text]).remove(0);
    let words = alone(whole_words.trim());
    assert_eq!(alone(&over_long), words);
    assert_ne!(alone(&just_fits), words);
}

#[test]
fn texts_that_are_over_long_once_joined_are_cut_too() {
    let server = Server::start();
    let form = json!({
        "description_activity": "coiffure ".repeat(600),
        "other_nature_activity": "coiffure ".repeat(600),
        "precision_act_sec_agricole": "coiffure ".repeat(600),
    });
    let (status, answers) = server.post("/predict/", json!({"forms": [form]}).to_string());
    assert_eq!((status, &answers[0]["1"]["code"]), (200, &json!("9602A")));
}

#[test]
fn an_over_long_text_is_counted_in_a_metric() {
    let server = Server::start();
    coded_texts(&server, &["coiffure"]);
    let before = counted_cuts(&server);
    coded_texts(&server, &["coiffure", &"coiffure ".repeat(3_000)]);
    assert_eq!(counted_cuts(&server), before + 1.0);
}

#[test]
fn fifty_thousand_forms_pass_in_order() {
    let server = Server::start();
    let labels = [("coiffure à domicile", "9602A"), ("MACONNERIE GENERALE", "4399C"), ("chauffeur VTC", "4932Z")];
    let expected = |place: usize| labels[(place / 3 + place % 7) % 3];
    let forms: Vec<Value> = (0..50_000).map(|place| json!({"description_activity": expected(place).0})).collect();
    let (status, answers) = patiently(&server, "/predict/?nb_echos_max=1", json!({"forms": forms}).to_string());
    assert_eq!(status, 200);
    let answers = answers.as_array().unwrap();
    assert_eq!(answers.len(), 50_000);
    for (place, answer) in answers.iter().enumerate() {
        assert_eq!(answer["1"]["code"], expected(place).1, "form {place}");
    }
}

#[test]
fn a_body_of_64_megabytes_passes() {
    let server = Server::start();
    let (head, tail) = (r#"{"forms":[{"description_activity":"coiffure à domicile","comment":""#, r#""}]}"#);
    let padding = "x".repeat(64_000_000 - head.len() - tail.len());
    let (status, answers) = patiently(&server, "/predict/", format!("{head}{padding}{tail}"));
    assert_eq!((status, &answers[0]["1"]["code"]), (200, &json!("9602A")));
}
