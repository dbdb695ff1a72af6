//! The current form of the Sirene contract: what `GET /` and `POST /predict/` answer to a right request.

use serde_json::{Value, json};

use crate::support::Server;

const HAIRDRESSER: &str = r#"{"forms":[{"description_activity":"coiffure à domicile"}]}"#;

/// The object that answers a single form.
fn coded(server: &Server, path: &str, form: &Value) -> Value {
    let (status, answer) = server.post(path, json!({"forms": [form]}).to_string());
    assert_eq!(status, 200, "{form}: {answer}");
    assert_eq!(answer.as_array().unwrap().len(), 1, "{answer}");
    answer[0].clone()
}

fn coded_text(server: &Server, path: &str, description: &str) -> Value {
    coded(server, path, &json!({"description_activity": description}))
}

fn keys(object: &Value) -> Vec<String> {
    let mut keys: Vec<String> = object.as_object().unwrap().keys().cloned().collect();
    keys.sort();
    keys
}

/// How many ranks an answer holds.
fn ranks(answer: &Value) -> usize {
    let names = keys(answer);
    names.iter().filter(|name| name.parse::<usize>().is_ok()).count()
}

fn probability(answer: &Value, rank: usize) -> f64 {
    answer[rank.to_string()]["probabilite"].as_f64().unwrap()
}

fn root(server: &Server, path: &str, accept: &str) -> (u16, String, String) {
    let request = crate::support::client().get(format!("{}{path}", server.url)).header("accept", accept);
    let response = request.send().unwrap();
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    (response.status().as_u16(), kind, response.text().unwrap())
}

#[test]
fn the_root_says_which_model_answers_unless_a_browser_asks() {
    let server = Server::start();
    let expected = json!({"Message": "Codification de l'APE", "Model_name": "ape-naf2008", "Model_version": "1"});
    for accept in ["application/json", "*/*"] {
        let (status, kind, body) = root(&server, "/", accept);
        assert_eq!(status, 200);
        assert!(kind.starts_with("application/json"), "{accept}: {kind}");
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected);
    }
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let (status, kind, page) = root(&server, "/", browser);
    assert_eq!(status, 200);
    assert!(kind.starts_with("text/html") && page.contains("<form"), "{kind}: {page}");
}

#[test]
fn both_spellings_of_predict_answer_without_a_redirect() {
    let server = Server::start();
    let client = crate::support::client_builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let texts = ["/predict/", "/predict", "/predict/?nb_echos_max=5", "/predict?nb_echos_max=5"].map(|path| {
        let request = client.post(format!("{}{path}", server.url)).header("content-type", "application/json");
        let response = request.body(HAIRDRESSER).send().unwrap();
        assert_eq!(response.status().as_u16(), 200, "{path}");
        response.text().unwrap()
    });
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
}

#[test]
fn an_answer_holds_exactly_its_ranks_the_gap_and_the_model() {
    let server = Server::start();
    let answer = coded_text(&server, "/predict/?prob_min=0", "coiffure à domicile");
    assert_eq!(keys(&answer), ["1", "2", "3", "4", "5", "IC", "MLversion"]);
    for rank in 1..=5 {
        let prediction = &answer[rank.to_string()];
        assert_eq!(keys(prediction), ["code", "libelle", "probabilite"]);
        let code = prediction["code"].as_str().unwrap();
        assert!(code.len() == 5 && code.chars().all(|c| c.is_ascii_alphanumeric()), "{code} is not compact");
    }
    assert_eq!((&answer["1"]["code"], &answer["MLversion"]), (&json!("9602A"), &json!("ape-naf2008/1")));
}

#[test]
fn the_keys_come_in_the_order_of_the_ranks_then_the_gap_then_the_model() {
    let server = Server::start();
    let url = format!("{}/predict/?nb_echos_max=12&prob_min=0", server.url);
    let request = crate::support::client().post(url).header("content-type", "application/json").body(HAIRDRESSER);
    let text = request.send().unwrap().text().unwrap();
    assert!(text.starts_with(r#"[{"1":{"code":"9602A","probabilite":"#), "{text}");
    let names = (1..=12).map(|rank| rank.to_string()).chain(["IC".to_owned(), "MLversion".to_owned()]);
    let places: Vec<usize> = names.map(|name| text.find(&format!("\"{name}\":")).unwrap()).collect();
    assert!(places.is_sorted(), "{text}");
}

#[test]
fn codes_titles_and_full_probabilities_are_those_of_v1() {
    let server = Server::start();
    let body = json!({"activities": [{"description": "conseil"}], "nomenclatures": ["naf2008"]});
    let (_, response) = server.code(&body);
    let coding = &response["results"][0]["codings"]["naf2008"];
    let answer = coded_text(&server, "/predict/?prob_min=0", "conseil");
    for (place, prediction) in coding["predictions"].as_array().unwrap().iter().enumerate() {
        let given = &answer[(place + 1).to_string()];
        assert_eq!(given["code"], prediction["code"]);
        assert_eq!(given["libelle"], prediction["title"]);
        assert_eq!(given["probabilite"], prediction["probability"]);
    }
    assert_eq!(answer["IC"], coding["confidence_gap"]);
    let hundredths = probability(&answer, 1) * 100.0;
    assert!((hundredths - hundredths.round()).abs() > 1e-6, "{answer}");
}

#[test]
fn the_gap_is_the_best_minus_the_second_probability_exactly() {
    let server = Server::start();
    for description in ["coiffure à domicile", "conseil", "vente de fleurs"] {
        let answer = coded_text(&server, "/predict/?prob_min=0", description);
        assert_eq!(answer["IC"].as_f64().unwrap(), probability(&answer, 1) - probability(&answer, 2), "{answer}");
    }
}

#[test]
fn several_forms_are_answered_in_order() {
    let server = Server::start();
    let body = json!({"forms": [
        {"description_activity": "coiffure à domicile"},
        {"description_activity": "MACONNERIE GENERALE"},
        {"description_activity": "chauffeur VTC"},
    ]});
    let (status, answers) = server.post("/predict/", body.to_string());
    assert_eq!(status, 200, "{answers}");
    let codes: Vec<&str> = answers.as_array().unwrap().iter().map(|a| a["1"]["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["9602A", "4399C", "4932Z"]);
}

#[test]
fn no_form_gets_an_empty_list() {
    let server = Server::start();
    for path in ["/predict/", "/predict", "/naf2025/predict/"] {
        assert_eq!(server.post(path, r#"{"forms":[]}"#), (200, json!([])));
    }
}

#[test]
fn with_one_echo_the_gap_is_still_that_of_the_whole_distribution() {
    let server = Server::start();
    let five = coded_text(&server, "/predict/?prob_min=0", "conseil");
    let one = coded_text(&server, "/predict/?nb_echos_max=1", "conseil");
    assert_eq!(keys(&one), ["1", "IC", "MLversion"]);
    assert_eq!((&one["1"], &one["IC"]), (&five["1"], &five["IC"]));
}

#[test]
fn more_echoes_than_classes_are_all_the_classes() {
    let server = Server::start();
    for many in ["732", "733", "10000", "4294967297"] {
        let path = format!("/predict/?nb_echos_max={many}&prob_min=0");
        let answer = coded_text(&server, &path, "coiffure à domicile");
        assert_eq!(ranks(&answer), 732, "{many}");
        let sum: f64 = (1..=732).map(|rank| probability(&answer, rank)).sum();
        assert!((sum - 1.0).abs() < 1e-4, "probabilities sum to {sum}");
    }
}

#[test]
fn five_echoes_and_one_hundredth_are_the_defaults() {
    let server = Server::start();
    let plain = coded_text(&server, "/predict/", "conseil");
    assert_eq!(plain, coded_text(&server, "/predict/?nb_echos_max=5&prob_min=0.01", "conseil"));
    assert_eq!(ranks(&coded_text(&server, "/predict/?prob_min=0", "conseil")), 5);
    let all = coded_text(&server, "/predict/?nb_echos_max=732&prob_min=0", "conseil");
    let enough = (1..=732).filter(|rank| probability(&all, *rank) >= 0.01).count();
    assert_eq!(ranks(&coded_text(&server, "/predict/?nb_echos_max=732", "conseil")), enough);
}

#[test]
fn a_probability_equal_to_the_least_asked_for_is_kept() {
    let server = Server::start();
    let all = coded_text(&server, "/predict/?prob_min=0", "conseil");
    assert!(probability(&all, 2) > probability(&all, 3), "{all}");
    let path = format!("/predict/?prob_min={}", probability(&all, 2));
    let kept = coded_text(&server, &path, "conseil");
    assert_eq!(keys(&kept), ["1", "2", "IC", "MLversion"]);
}

#[test]
fn the_gap_is_computed_before_the_filter() {
    let server = Server::start();
    let all = coded_text(&server, "/predict/?prob_min=0", "conseil");
    let path = format!("/predict/?prob_min={}", probability(&all, 1));
    let best = coded_text(&server, &path, "conseil");
    assert_eq!(keys(&best), ["1", "IC", "MLversion"]);
    let none = coded_text(&server, "/predict/?prob_min=1", "conseil");
    assert_eq!(none, json!({"IC": all["IC"], "MLversion": "ape-naf2008/1"}));
    assert_eq!(best["IC"], all["IC"]);
}

#[test]
fn workers_batch_sizes_and_unknown_fields_change_nothing() {
    let server = Server::start();
    let plain = coded_text(&server, "/predict/", "coiffure à domicile");
    for query in ["num_workers=4", "batch_size=256", "num_workers=0&batch_size=1"] {
        assert_eq!(coded_text(&server, &format!("/predict/?{query}"), "coiffure à domicile"), plain);
    }
    let body = json!({
        "forms": [{"description_activity": "coiffure à domicile", "siret": "1", "event": {"code": ["01P"]}}],
        "source": "guichet",
    });
    assert_eq!(server.post("/predict/", body.to_string()), (200, json!([plain])));
}

#[test]
fn added_texts_are_joined_with_a_space() {
    let server = Server::start();
    let joined = coded_text(&server, "/predict/", "vente de fleurs coupées en serre");
    let parts = json!({
        "description_activity": "vente",
        "other_nature_activity": "de fleurs",
        "precision_act_sec_agricole": "coupées en serre",
    });
    assert_eq!(coded(&server, "/predict/", &parts), joined);
    assert_ne!(coded_text(&server, "/predict/", "vente"), joined);
    for (field, added) in [("other_nature_activity", "à domicile"), ("precision_act_sec_agricole", "à domicile")] {
        let form = json!({"description_activity": "coiffure", field: added});
        assert_eq!(coded(&server, "/predict/", &form), coded_text(&server, "/predict/", "coiffure à domicile"));
    }
    let absent =
        json!({"description_activity": "vente", "other_nature_activity": null, "precision_act_sec_agricole": null});
    assert_eq!(coded(&server, "/predict/", &absent), coded_text(&server, "/predict/", "vente"));
}

#[test]
fn the_form_type_and_the_nature_reach_the_model() {
    let server = Server::start();
    let activity = json!({"description": "vente de fleurs", "form_type": "C", "nature": "16"});
    let (_, response) = server.code(&json!({"activities": [activity], "nomenclatures": ["naf2008"]}));
    let form = json!({"description_activity": "vente de fleurs", "type_form": "C", "nature": "16"});
    let answer = coded(&server, "/predict/?prob_min=0", &form);
    let coding = &response["results"][0]["codings"]["naf2008"];
    assert_eq!(answer["IC"], coding["confidence_gap"]);
    assert_eq!(answer["1"]["probabilite"], coding["predictions"][0]["probability"]);
    assert_ne!(answer, coded_text(&server, "/predict/?prob_min=0", "vente de fleurs"));
}

#[test]
fn every_value_of_the_contract_is_accepted() {
    let server = Server::start();
    let letters = "A B C D E G I L M N P R S X Y Z NaN".split(' ').map(|letter| ("type_form", letter));
    let rest = [("nature", "00"), ("nature", "99"), ("cj", "0000"), ("cj", "5499")];
    let permanences = ["P", "S", "NaN"].map(|status| ("activity_permanence_status", status));
    for (field, value) in letters.chain(rest).chain(permanences) {
        coded(&server, "/predict/", &json!({"description_activity": "coiffure", field: value}));
    }
    let whole = json!({
        "description_activity": "coiffure", "other_nature_activity": "à domicile",
        "precision_act_sec_agricole": "aucune", "type_form": "M", "nature": "12", "surface": 45.5, "cj": "1000",
        "activity_permanence_status": "P",
    });
    assert_eq!(coded(&server, "/predict/", &whole)["1"]["code"], "9602A");
}

#[test]
fn a_valid_value_that_the_model_never_saw_is_missing() {
    let server = Server::start();
    let plain = coded_text(&server, "/predict/", "coiffure");
    for (field, value) in [("cj", "7210"), ("nature", "01"), ("type_form", "B")] {
        let form = json!({"description_activity": "coiffure", field: value});
        assert_eq!(coded(&server, "/predict/", &form), plain, "{field}");
    }
}

#[test]
fn null_and_nan_are_missing() {
    let server = Server::start();
    let plain = coded_text(&server, "/predict/", "coiffure");
    let nulls =
        ["type_form", "nature", "surface", "cj", "activity_permanence_status"].map(|field| (field, json!(null)));
    let nans = ["type_form", "surface", "activity_permanence_status"].map(|field| (field, json!("NaN")));
    for (field, value) in nulls.into_iter().chain(nans) {
        let form = json!({"description_activity": "coiffure", field: value});
        assert_eq!(coded(&server, "/predict/", &form), plain, "{form}");
    }
}

#[test]
fn a_surface_is_a_number_or_a_numeric_string() {
    let server = Server::start();
    for surface in [json!(1), json!(0.5), json!(2500), json!(2500.5), json!(1e9), json!("120"), json!("120.5")] {
        coded(&server, "/predict/", &json!({"description_activity": "supermarché", "surface": surface}));
    }
}

#[test]
fn every_nomenclature_is_mounted_under_its_id() {
    let server = Server::start();
    for path in ["/naf2025/predict/", "/naf2025/predict"] {
        let answer = coded_text(&server, path, "coiffure à domicile");
        assert_eq!((&answer["1"]["code"], &answer["MLversion"]), (&json!("9621H"), &json!("ape-naf2025/1")));
    }
    let default = coded_text(&server, "/predict/", "coiffure à domicile");
    assert_eq!(coded_text(&server, "/naf2008/predict/", "coiffure à domicile"), default);
    let (_, _, body) = root(&server, "/naf2025/", "application/json");
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["Model_name"], "ape-naf2025");
    assert_eq!(server.post("/naf1993/predict/", HAIRDRESSER).0, 404);
}

#[test]
fn the_nomenclature_of_the_plain_routes_is_a_setting() {
    let server = Server::start_with(&["--sirene-nomenclature", "naf2025"], &[]);
    let (_, _, body) = root(&server, "/", "application/json");
    let expected = json!({"Message": "Codification de l'APE", "Model_name": "ape-naf2025", "Model_version": "1"});
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected);
    let answer = coded_text(&server, "/predict/", "coiffure à domicile");
    assert_eq!((&answer["1"]["code"], &answer["MLversion"]), (&json!("9621H"), &json!("ape-naf2025/1")));
    assert_eq!(coded_text(&server, "/naf2008/predict/", "coiffure à domicile")["1"]["code"], "9602A");
}

#[test]
fn probabilities_are_rounded_when_the_setting_asks_for_it() {
    let exact = coded_text(&Server::start(), "/predict/?prob_min=0", "conseil");
    let rounded_server = Server::start_with(&["--sirene-round", "2"], &[]);
    let rounded = coded_text(&rounded_server, "/predict/?prob_min=0", "conseil");
    assert_eq!(keys(&rounded), ["1", "2", "3", "4", "5", "IC", "MLversion"]);
    for rank in 1..=5 {
        let (full, given) = (probability(&exact, rank), probability(&rounded, rank));
        assert_eq!(format!("{given}"), format!("{}", (full * 100.0).round() / 100.0), "{rank}");
    }
    let gap = rounded["IC"].as_f64().unwrap();
    assert!(((gap * 100.0) - (gap * 100.0).round()).abs() < 1e-9, "{gap}");
    assert!((gap - exact["IC"].as_f64().unwrap()).abs() < 0.010_1, "{gap}");
}
