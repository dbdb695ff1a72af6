//! The older form of the Sirene contract: `GET /predict`, `POST /predict-batch`, `POST /evaluation`.

use serde_json::{Value, json};

use crate::support::Server;

/// Every way in which a cell says that it has no value.
pub const MISSING: [Option<&str>; 8] =
    [Some(""), None, Some("NA"), Some("NAN"), Some("NaN"), Some("nan"), Some("None"), Some("  ")];

/// A text as it stands in a query.
pub fn encoded(text: &str) -> String {
    let byte = |byte: u8| {
        let plain = byte.is_ascii_alphanumeric();
        if plain { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(byte).collect()
}

pub fn predicted(server: &Server, text: &str, more: &str) -> Value {
    let (status, answer) = server.get(&format!("/predict?text_feature={}{more}", encoded(text)));
    assert_eq!(status, 200, "{answer}");
    answer
}

fn batch(server: &Server, path: &str, body: &Value) -> Vec<Value> {
    let (status, answer) = server.post(path, body.to_string());
    assert_eq!(status, 200, "{body}: {answer}");
    answer.as_array().unwrap().clone()
}

fn keys(object: &Value) -> Vec<String> {
    let mut keys: Vec<String> = object.as_object().unwrap().keys().cloned().collect();
    keys.sort();
    keys
}

pub fn probability(answer: &Value, rank: usize) -> f64 {
    answer[rank.to_string()]["probabilite"].as_f64().unwrap()
}

fn same(one: &Value, other: &Value) -> bool {
    (one.as_f64().unwrap() - other.as_f64().unwrap()).abs() < 1e-5
}

#[test]
fn one_text_gets_its_ranks_and_the_gap_but_no_model() {
    let server = Server::start();
    let answer = predicted(&server, "coiffure à domicile", "&prob_min=0&nb_echos_max=3");
    assert_eq!(keys(&answer), ["1", "2", "3", "IC"]);
    assert_eq!(keys(&answer["1"]), ["code", "libelle", "probabilite"]);
    assert_eq!(answer["1"]["code"], "9602A");
    assert_eq!(answer["IC"].as_f64().unwrap(), probability(&answer, 1) - probability(&answer, 2));
}

#[test]
fn the_address_of_the_contract_is_answered() {
    let server = Server::start();
    let query = "&type_liasse=I&nature=&surface=&event=01P&nb_echos_max=5&prob_min=0.01";
    let answer = predicted(&server, "LOUEUR MEUBLE NON PROFESSIONNEL", query);
    assert!(answer["1"]["code"].is_string() && answer["IC"].is_number(), "{answer}");
    let text = encoded("LOUEUR MEUBLE NON PROFESSIONNEL");
    let (status, other) = server.get(&format!("/predict?text_description={text}{query}"));
    assert_eq!((status, other), (200, answer));
}

#[test]
fn both_forms_predict_the_same() {
    let server = Server::start();
    let form = json!({"description_activity": "vente de fleurs", "type_form": "C", "nature": "16"});
    let (_, current) = server.post("/predict/?prob_min=0", json!({"forms": [form]}).to_string());
    let older = predicted(&server, "vente de fleurs", "&type_liasse=C&nature=16&prob_min=0");
    for key in ["1", "2", "3", "4", "5", "IC"] {
        assert_eq!(older[key], current[0][key]);
    }
}

#[test]
fn five_echoes_and_one_hundredth_are_the_defaults_of_one_text() {
    let server = Server::start();
    let plain = predicted(&server, "conseil", "");
    assert_eq!(plain, predicted(&server, "conseil", "&nb_echos_max=5&prob_min=0.01"));
    assert_eq!(keys(&predicted(&server, "conseil", "&prob_min=0")), ["1", "2", "3", "4", "5", "IC"]);
    let all = predicted(&server, "conseil", "&prob_min=0&nb_echos_max=732");
    let more = (1..=50).filter(|rank| probability(&all, *rank) > 0.01).count();
    assert_eq!(keys(&predicted(&server, "conseil", "&nb_echos_max=50")).len(), more + 1);
}

#[test]
fn with_one_echo_the_gap_is_still_that_of_the_whole_distribution() {
    let server = Server::start();
    let all = predicted(&server, "conseil", "&prob_min=0");
    let one = json!({"1": all["1"], "IC": all["IC"]});
    assert_eq!(predicted(&server, "conseil", "&nb_echos_max=1"), one);
    let body = json!({"text_description": ["conseil"]});
    assert_eq!(batch(&server, "/predict-batch?nb_echos_max=1", &body), [one]);
    let classes = predicted(&server, "conseil", "&nb_echos_max=732");
    assert_eq!(predicted(&server, "conseil", "&nb_echos_max=10000"), classes);
}

#[test]
fn a_probability_equal_to_the_least_asked_for_is_left_out() {
    let server = Server::start();
    let all = predicted(&server, "conseil", "&prob_min=0");
    let second = probability(&all, 2);
    let one = predicted(&server, "conseil", &format!("&prob_min={second}"));
    assert_eq!(one, json!({"1": all["1"], "IC": all["IC"]}));
    let path = format!("/predict-batch?prob_min={second}");
    assert_eq!(keys(&batch(&server, &path, &json!({"text_description": ["conseil"]}))[0]), ["1", "IC"]);
}

#[test]
fn columns_are_coded_line_by_line() {
    let server = Server::start();
    let body = json!({
        "text_description": ["LOUEUR MEUBLE NON PROFESSIONNEL", "coiffure à domicile", "vente de fleurs"],
        "type_": ["I", "", "C"], "nature": ["", "12", "16"], "surface": ["", "1", "4"], "event": ["01P", "", "99F"],
    });
    let answers = batch(&server, "/predict-batch?nb_echos_max=5&prob_min=0", &body);
    assert_eq!(answers.len(), 3);
    let queries = ["&type_liasse=I&event=01P", "&nature=12&surface=1", "&type_liasse=C&nature=16&surface=4&event=99F"];
    for (place, (answer, query)) in answers.iter().zip(queries).enumerate() {
        assert_eq!(keys(answer), ["1", "2", "3", "4", "5", "IC"]);
        let text = body["text_description"][place].as_str().unwrap();
        let alone = predicted(&server, text, &format!("{query}&prob_min=0"));
        assert_eq!(answer["1"]["code"], alone["1"]["code"]);
        assert_eq!(answer["1"]["libelle"], alone["1"]["libelle"]);
        assert!(same(&answer["1"]["probabilite"], &alone["1"]["probabilite"]) && same(&answer["IC"], &alone["IC"]));
    }
}

#[test]
fn a_line_of_the_batch_keeps_five_echoes_above_one_hundredth() {
    let server = Server::start();
    let body = json!({"text_description": ["conseil"]});
    let plain = batch(&server, "/predict-batch", &body);
    assert_eq!(plain, batch(&server, "/predict-batch?nb_echos_max=5&prob_min=0.01", &body));
    assert_eq!(plain, [predicted(&server, "conseil", "")]);
}

#[test]
fn every_missing_marker_is_as_good_as_no_column() {
    let server = Server::start();
    let plain = batch(&server, "/predict-batch", &json!({"text_description": ["coiffure"]}));
    let cells = MISSING.into_iter().flat_map(|marker| [marker.map(str::to_owned), marker.map(|m| format!(" {m}\t"))]);
    for cell in cells {
        let mut whole = json!({"text_description": ["coiffure"]});
        for column in ["type_", "nature", "surface", "event"] {
            let one = json!({"text_description": ["coiffure"], column: [cell]});
            assert_eq!(batch(&server, "/predict-batch", &one), plain, "{one}");
            whole[column] = json!([cell]);
        }
        assert_eq!(batch(&server, "/predict-batch", &whole), plain, "{whole}");
    }
}

#[test]
fn missing_markers_of_a_query_are_missing_too() {
    let server = Server::start();
    let plain = predicted(&server, "coiffure", "");
    for query in ["&type_liasse=&nature=&surface=&event=", "&type_liasse=NaN&nature=None&surface=nan&event=NA"] {
        assert_eq!(predicted(&server, "coiffure", query), plain);
    }
}

#[test]
fn every_accepted_value_is_coded() {
    let server = Server::start();
    let types = ["A", "B", "C", "D", "E", "G", "I", "L", "M", "N", "P", "R", "S", "X", "Y", "Z"];
    let column = |values: &[&str]| (0..16).map(|place| json!(values[place % values.len()])).collect::<Vec<Value>>();
    let body = json!({
        "text_description": column(&["coiffure"]), "type_": types, "nature": column(&["00", "01", "99"]),
        "surface": column(&["1", "2", "3", "4"]), "event": column(&["00A", "01P", "99M", "54F"]),
    });
    assert_eq!(batch(&server, "/predict-batch", &body).len(), 16);
}

#[test]
fn an_over_long_text_is_coded_in_the_older_form_too() {
    let server = Server::start();
    let body = json!({"text_description": ["chauffeur VTC", "coiffure à domicile ".repeat(1_500)]});
    let answers = batch(&server, "/predict-batch", &body);
    assert_eq!((&answers[0]["1"]["code"], &answers[1]["1"]["code"]), (&json!("4932Z"), &json!("9602A")));
}

#[test]
fn an_evaluation_compares_line_by_line() {
    let server = Server::start();
    let texts = ["coiffure à domicile", "MACONNERIE GENERALE", "chauffeur VTC"];
    let body = json!({
        "text_description": texts, "type_": ["", "", ""], "nature": ["", "", ""], "surface": ["", "", ""],
        "event": ["", "", ""], "code": ["9602A", "0111Z", "4932Z"],
    });
    let (status, evaluation) = server.post("/evaluation", body.to_string());
    assert_eq!(status, 200, "{evaluation}");
    assert_eq!(keys(&evaluation), ["Code", "IC", "Lib", "Prediction", "Probability", "Result"]);
    assert_eq!(evaluation["Prediction"], json!({"0": "9602A", "1": "4399C", "2": "4932Z"}));
    assert_eq!(evaluation["Code"], json!({"0": "9602A", "1": "0111Z", "2": "4932Z"}));
    assert_eq!(evaluation["Result"], json!({"0": true, "1": false, "2": true}));
    assert_eq!(evaluation["Lib"], json!({"0": texts[0], "1": texts[1], "2": texts[2]}));
    for column in ["Probability", "IC"] {
        assert_eq!(keys(&evaluation[column]), ["0", "1", "2"]);
    }
    for (line, text) in texts.into_iter().enumerate() {
        let (line, alone) = (line.to_string(), predicted(&server, text, ""));
        assert!(same(&evaluation["Probability"][&line], &alone["1"]["probabilite"]), "{evaluation}");
        assert!(same(&evaluation["IC"][&line], &alone["IC"]), "{evaluation}");
    }
}

#[test]
fn an_evaluation_needs_no_optional_column() {
    let server = Server::start();
    let body = json!({"text_description": ["coiffure à domicile"], "code": ["9602A"]});
    let (status, evaluation) = server.post("/evaluation", body.to_string());
    assert_eq!((status, &evaluation["Result"]), (200, &json!({"0": true})));
}

#[test]
fn the_older_routes_are_mounted_under_every_nomenclature() {
    let server = Server::start();
    let text = encoded("coiffure à domicile");
    for (id, code) in [("naf2008", "9602A"), ("naf2025", "9621H")] {
        assert_eq!(server.get(&format!("/{id}/predict?text_feature={text}")).1["1"]["code"], code);
        let mut body = json!({"text_description": ["coiffure à domicile"]});
        assert_eq!(batch(&server, &format!("/{id}/predict-batch"), &body)[0]["1"]["code"], code);
        body["code"] = json!([code]);
        let (_, evaluation) = server.post(&format!("/{id}/evaluation"), body.to_string());
        assert_eq!(evaluation["Result"], json!({"0": true}));
    }
}

#[test]
fn the_nomenclature_of_the_older_routes_is_the_same_setting() {
    let server = Server::start_with(&["--sirene-nomenclature", "naf2025"], &[]);
    assert_eq!(predicted(&server, "coiffure à domicile", "")["1"]["code"], "9621H");
    let body = json!({"text_description": ["coiffure à domicile"]});
    assert_eq!(batch(&server, "/predict-batch", &body)[0]["1"]["code"], "9621H");
}
