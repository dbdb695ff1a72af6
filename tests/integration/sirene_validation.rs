//! What `POST /predict/` of the Sirene contract refuses, and how: 422, one entry a fault.

use serde_json::{Value, json};

use crate::support::Server;

const TYPE_FORMS: &str = "{'A', 'B', 'C', 'D', 'E', 'G', 'I', 'L', 'M', 'N', 'NaN', 'P', 'R', 'S', 'X', 'Y', 'Z'}";

/// The faults of a refused request.
fn faults(server: &Server, path: &str, body: &str) -> Vec<Value> {
    let (status, answer) = server.post(path, body.to_owned());
    assert_eq!(status, 422, "{answer}");
    assert_eq!(answer.as_object().unwrap().len(), 1, "{answer}");
    let faults = answer["detail"].as_array().unwrap().clone();
    assert!(!faults.is_empty(), "{answer}");
    for fault in &faults {
        let mut keys: Vec<&String> = fault.as_object().unwrap().keys().collect();
        keys.sort();
        assert_eq!(keys, ["input", "loc", "msg", "type"], "{fault}");
        assert!(fault["msg"].is_string() && fault["loc"].is_array(), "{fault}");
    }
    faults
}

/// The faults of a form that has a description and one more field.
fn faults_of_field(server: &Server, field: &str, value: &Value) -> Vec<Value> {
    let body = json!({"forms": [{"description_activity": "coiffure"}, {"description_activity": "x", field: value}]});
    faults(server, "/predict/", &body.to_string())
}

fn rule(field: &str, message: &str, input: &Value) -> Value {
    json!({"type": "value_error", "loc": ["body", "forms", 1, field], "msg": message, "input": input})
}

/// Types and places of faults.
fn places(faults: &[Value]) -> Vec<(Value, Value)> {
    faults.iter().map(|fault| (fault["type"].clone(), fault["loc"].clone())).collect()
}

#[test]
fn an_unknown_type_form_is_refused_with_those_there_are() {
    let server = Server::start();
    for value in ["Q", "a", "AB", "nan"] {
        let message = format!("Value error, Invalid type_form '{value}', must be one of {TYPE_FORMS}");
        let value = json!(value);
        assert_eq!(faults_of_field(&server, "type_form", &value), [rule("type_form", &message, &value)]);
    }
}

#[test]
fn a_nature_is_two_ascii_digits() {
    let server = Server::start();
    for value in ["1", "123", "1a", "-1", "+1", "٣٤"].map(|value| json!(value)) {
        let message = "Value error, nature must be a two-digit number (e.g., '01')";
        assert_eq!(faults_of_field(&server, "nature", &value), [rule("nature", message, &value)]);
    }
}

#[test]
fn a_cj_is_four_ascii_digits() {
    let server = Server::start();
    for value in ["549", "54990", "549a", "54.9", "-549", "５４９９"].map(|value| json!(value)) {
        let message = "Value error, cj must be a 4-digit number (e.g., '5499')";
        assert_eq!(faults_of_field(&server, "cj", &value), [rule("cj", message, &value)]);
    }
}

#[test]
fn a_permanence_is_permanent_or_seasonal() {
    let server = Server::start();
    for value in ["X", "p", "PS"] {
        let message = format!("Value error, Invalid permanence status '{value}', must be one of {{'NaN', 'P', 'S'}}");
        let value = json!(value);
        let expected = rule("activity_permanence_status", &message, &value);
        assert_eq!(faults_of_field(&server, "activity_permanence_status", &value), [expected]);
    }
}

#[test]
fn a_surface_is_above_zero() {
    let server = Server::start();
    for value in [json!(0), json!(-1), json!(-0.5), json!("0"), json!("-12.5")] {
        let expected = json!({
            "type": "greater_than",
            "loc": ["body", "forms", 1, "surface"],
            "msg": "Input should be greater than 0",
            "input": value,
        });
        assert_eq!(faults_of_field(&server, "surface", &value), [expected]);
    }
}

#[test]
fn a_surface_that_is_no_number_cannot_be_parsed() {
    let server = Server::start();
    for value in ["abc", "12 m²", "1,5"].map(|value| json!(value)) {
        let found = faults_of_field(&server, "surface", &value);
        assert_eq!(places(&found), [(json!("float_parsing"), json!(["body", "forms", 1, "surface"]))]);
        assert_eq!(found[0]["input"], value);
    }
}

#[test]
fn an_absent_description_is_a_required_field() {
    let server = Server::start();
    let found = faults(&server, "/predict/", r#"{"forms":[{"description_activity":"x"},{"nature":"12"},{}]}"#);
    let place = |form: usize| (json!("missing"), json!(["body", "forms", form, "description_activity"]));
    assert_eq!(places(&found), [place(1), place(2)]);
    assert!(found.iter().all(|fault| fault["msg"] == "Field required"), "{found:?}");
}

#[test]
fn the_input_of_an_absent_field_is_the_form_without_it() {
    let server = Server::start();
    let found = faults(&server, "/predict/", r#"{"forms":[{"nature":"12"}]}"#);
    assert_eq!(found[0]["input"], json!({"nature": "12"}));
}

#[test]
fn blank_descriptions_are_named_together_as_a_python_tuple() {
    let server = Server::start();
    for (descriptions, indices) in [
        (&["", "x", "x", " \t\n"][..], "(0, 3)"),
        (&["x", "x", "x", "  "][..], "(3,)"),
        (&[""][..], "(0,)"),
        (&["", "", ""][..], "(0, 1, 2)"),
    ] {
        let forms: Vec<Value> = descriptions.iter().map(|text| json!({"description_activity": text})).collect();
        let found = faults(&server, "/predict/", &json!({"forms": forms}).to_string());
        assert_eq!(places(&found), [(json!("value_error"), json!(["body"]))]);
        let message = format!("Value error, The description_activity is missing at indices: {indices}");
        assert_eq!(found[0]["msg"], message);
    }
}

#[test]
fn an_added_text_does_not_make_up_for_a_blank_description() {
    let server = Server::start();
    let body = json!({"forms": [{"description_activity": " ", "other_nature_activity": "coiffure"}]});
    let found = faults(&server, "/predict/", &body.to_string());
    assert_eq!(found[0]["msg"], "Value error, The description_activity is missing at indices: (0,)");
}

#[test]
fn the_input_of_a_fault_of_the_whole_body_is_the_body() {
    let server = Server::start();
    let body = json!({"forms": [{"description_activity": ""}]});
    assert_eq!(faults(&server, "/predict/", &body.to_string())[0]["input"], body);
}

#[test]
fn several_faults_come_in_the_order_of_the_forms_and_of_their_fields() {
    let server = Server::start();
    let body = json!({"forms": [
        {"description_activity": "x", "activity_permanence_status": "X", "cj": "12", "surface": -1, "nature": "1",
         "type_form": "Q"},
        {"description_activity": "x"},
        {"surface": "abc"},
        {"description_activity": "x", "cj": "abcd"},
    ]});
    let found = faults(&server, "/predict/", &body.to_string());
    let place = |kind: &str, form: usize, field: &str| (json!(kind), json!(["body", "forms", form, field]));
    let expected = [
        place("value_error", 0, "type_form"),
        place("value_error", 0, "nature"),
        place("greater_than", 0, "surface"),
        place("value_error", 0, "cj"),
        place("value_error", 0, "activity_permanence_status"),
        place("missing", 2, "description_activity"),
        place("float_parsing", 2, "surface"),
        place("value_error", 3, "cj"),
    ];
    assert_eq!(places(&found), expected);
}

#[test]
fn a_blank_description_is_named_beside_other_faults() {
    let server = Server::start();
    let body = json!({"forms": [{"description_activity": "x", "cj": "1"}, {"description_activity": ""}]});
    let found = places(&faults(&server, "/predict/", &body.to_string()));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.contains(&(json!("value_error"), json!(["body", "forms", 0, "cj"]))), "{found:?}");
    assert!(found.contains(&(json!("value_error"), json!(["body"]))), "{found:?}");
}

#[test]
fn fewer_than_one_echo_is_refused() {
    let server = Server::start();
    for value in ["0", "-1"] {
        let path = format!("/predict/?nb_echos_max={value}");
        let expected = json!({
            "type": "greater_than_equal",
            "loc": ["query", "nb_echos_max"],
            "msg": "Input should be greater than or equal to 1",
            "input": value,
        });
        assert_eq!(
            faults(&server, &path, r#"{"forms":[{"description_activity":"x"}]}"#),
            std::slice::from_ref(&expected)
        );
        assert_eq!(faults(&server, &path, r#"{"forms":[]}"#), [expected]);
    }
}

#[test]
fn query_parameters_that_are_no_numbers_are_refused() {
    let server = Server::start();
    for (name, value, kinds) in [
        ("prob_min", "abc", &["float_parsing"][..]),
        ("nb_echos_max", "abc", &["float_parsing", "int_parsing"][..]),
        ("nb_echos_max", "2.5", &["float_parsing", "int_parsing"][..]),
    ] {
        let path = format!("/predict/?{name}={value}");
        let found = faults(&server, &path, r#"{"forms":[{"description_activity":"x"}]}"#);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(kinds.contains(&found[0]["type"].as_str().unwrap()), "{found:?}");
        assert_eq!((&found[0]["loc"], &found[0]["input"]), (&json!(["query", name]), &json!(value)));
    }
}

#[test]
fn faults_of_the_query_come_before_those_of_the_body() {
    let server = Server::start();
    let body = r#"{"forms":[{"description_activity":"x","cj":"1"}]}"#;
    let found = faults(&server, "/predict/?prob_min=abc&nb_echos_max=0", body);
    let expected = [
        (json!("greater_than_equal"), json!(["query", "nb_echos_max"])),
        (json!("float_parsing"), json!(["query", "prob_min"])),
        (json!("value_error"), json!(["body", "forms", 0, "cj"])),
    ];
    assert_eq!(places(&found), expected);
}

#[test]
fn bad_json_is_placed_where_it_goes_wrong() {
    let server = Server::start();
    for body in ["{", r#"{"forms": [}"#, "coiffure", r#"{"forms":[{"description_activity":"coiff"#, "{'forms': []}"] {
        let found = faults(&server, "/predict/", body);
        assert_eq!((found.len(), &found[0]["type"]), (1, &json!("json_invalid")), "{body}");
        let place = found[0]["loc"].as_array().unwrap();
        assert_eq!((place.len(), &place[0]), (2, &json!("body")), "{body}");
        assert!(place[1].as_u64().unwrap() <= body.len() as u64, "{body}: {place:?}");
    }
}

#[test]
fn a_body_without_forms_lacks_a_required_field() {
    let server = Server::start();
    let found = faults(&server, "/predict/", r#"{"form":[]}"#);
    assert_eq!(places(&found), [(json!("missing"), json!(["body", "forms"]))]);
    assert_eq!(found[0]["msg"], "Field required");
}

#[test]
fn a_body_of_the_wrong_shape_is_refused_with_its_place() {
    let server = Server::start();
    for body in ["[]", "null", "12", r#""forms""#] {
        assert_eq!(faults(&server, "/predict/", body)[0]["loc"][0], "body", "{body}");
    }
    for body in [r#"{"forms":null}"#, r#"{"forms":{}}"#, r#"{"forms":"coiffure"}"#, r#"{"forms":1}"#] {
        assert_eq!(faults(&server, "/predict/", body)[0]["loc"], json!(["body", "forms"]), "{body}");
    }
    for body in [r#"{"forms":["coiffure"]}"#, r#"{"forms":[null]}"#, r#"{"forms":[[]]}"#] {
        assert_eq!(faults(&server, "/predict/", body)[0]["loc"], json!(["body", "forms", 0]), "{body}");
    }
}

#[test]
fn a_field_of_the_wrong_type_is_refused_with_its_place() {
    let server = Server::start();
    for (field, value) in [
        ("other_nature_activity", json!(12)),
        ("precision_act_sec_agricole", json!(["x"])),
        ("type_form", json!(3)),
        ("nature", json!(12)),
        ("surface", json!([12])),
        ("surface", json!({})),
        ("cj", json!(5499)),
        ("activity_permanence_status", json!({})),
    ] {
        let found = faults_of_field(&server, field, &value);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((&found[0]["loc"], &found[0]["input"]), (&json!(["body", "forms", 1, field]), &value));
    }
    faults(&server, "/predict/", r#"{"forms":[{"description_activity":12}]}"#);
    faults(&server, "/predict/", r#"{"forms":[{"description_activity":null}]}"#);
}

#[test]
fn no_body_is_ever_a_server_error() {
    let server = Server::start();
    let texts = [
        "",
        r#"{"forms":[{"description_activity":"\ud800"}]}"#,
        r#"{"forms":[{"description_activity":"\u0000"}]}"#,
        r#"{"forms":[{"description_activity":"x","surface":NaN}]}"#,
        r#"{"forms":[{"description_activity":"x","surface":1e999}]}"#,
        r#"{"forms":[{"description_activity":"x","surface":"inf"}]}"#,
        r#"{"forms":[{"description_activity":"x","description_activity":"y"}]}"#,
    ];
    let deep = "[".repeat(100_000);
    let bodies = texts.iter().map(|text| text.as_bytes()).chain([deep.as_bytes()]);
    for body in bodies.chain([&b"{\"forms\":[{\"description_activity\":\"\xff\"}]}"[..]]) {
        let (status, answer) = server.post("/predict/", body.to_vec());
        assert!(status < 500, "{status}: {answer}");
        assert!(status == 200 || !answer["detail"].is_null(), "{status}: {answer}");
    }
}

#[test]
fn the_other_mounts_refuse_alike() {
    let server = Server::start();
    let body = r#"{"forms":[{"description_activity":"x","cj":"1"},{"description_activity":""}]}"#;
    let expected = faults(&server, "/predict/?nb_echos_max=0", body);
    for path in ["/predict", "/naf2008/predict/", "/naf2025/predict/", "/naf2025/predict"] {
        assert_eq!(faults(&server, &format!("{path}?nb_echos_max=0"), body), expected, "{path}");
    }
}
