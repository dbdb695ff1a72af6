//! The public port and the operations port, over real HTTP.

use serde_json::json;

use crate::support::Server;

#[test]
fn every_activity_gets_its_own_result_or_error() {
    let server = Server::start();
    let (status, response) = server.code(&json!({"activities": [
        {"id": "a", "description": "coiffure à domicile", "nature": "12", "form_type": "ZZ"},
        {"id": "b", "description": " "},
        {"id": "c", "description": "x", "naure": "12"},
        {"id": "d", "description": "😀"},
        {"description": "é".repeat(10_001)},
        "coiffure",
        {"id": "e", "description": 12},
    ], "explain": true, "top_k": 3}));
    assert_eq!(status, 200);
    let results = response["results"].as_array().unwrap();
    let coding = &results[0]["codings"]["naf2008"];
    assert_eq!(coding["predictions"][0]["code"], "9602A");
    assert_eq!(coding["predictions"][0]["path"], json!(["S", "96", "960", "9602"]));
    assert_eq!(coding["predictions"].as_array().unwrap().len(), 3);
    assert_eq!((&coding["decision"], &coding["code"]), (&json!("automatic"), &json!("9602A")));
    assert_eq!(coding["warnings"][0]["code"], "unknown_value");
    assert_eq!((&coding["explanation_kind"], &coding["normalised"]), (&json!("exact"), &json!("coiffure domicile")));
    let gap = coding["predictions"][0]["probability"].as_f64().unwrap()
        - coding["predictions"][1]["probability"].as_f64().unwrap();
    assert_eq!(coding["confidence_gap"].as_f64().unwrap(), gap);
    assert_eq!(results[0]["codings"]["naf2025"]["predictions"][0]["code"], "9621H");
    let errors: Vec<_> = results.iter().map(|result| result["error"]["code"].as_str().unwrap_or("none")).collect();
    assert_eq!(
        errors,
        ["none", "empty_description", "unknown_field", "none", "text_too_long", "wrong_type", "wrong_type"]
    );
    assert_eq!(results[3]["codings"]["naf2008"]["reason"], "nothing_left");
    assert_eq!((&results[1]["id"], &results[4]["id"]), (&json!("b"), &json!(null)));
}

#[test]
fn the_threshold_asked_for_decides() {
    let server = Server::start();
    for (threshold, decision) in [(0.0, "automatic"), (1.0, "manual")] {
        let body =
            json!({"activities": [{"description": "conseil"}], "threshold": threshold, "nomenclatures": ["naf2025"]});
        let (_, response) = server.code(&body);
        let coding = &response["results"][0]["codings"]["naf2025"];
        assert_eq!((&coding["decision"], &coding["threshold"]), (&json!(decision), &json!(threshold)));
        assert_eq!(coding["code"].is_null(), decision == "manual");
        assert!(response["results"][0]["codings"]["naf2008"].is_null());
    }
}

#[test]
fn a_bad_request_is_a_problem_with_a_stable_code() {
    let server = Server::start();
    let one = json!([{"description": "x"}]);
    for (body, status, code) in [
        ("{".to_owned(), 400, "unreadable_body"),
        ("[]".to_owned(), 422, "wrong_shape"),
        (json!({"activities": one, "topk": 3}).to_string(), 422, "wrong_shape"),
        (json!({"activities": one, "top_k": 0}).to_string(), 422, "invalid_top_k"),
        (json!({"activities": one, "threshold": 1.5}).to_string(), 422, "invalid_threshold"),
        (json!({"activities": one, "nomenclatures": ["naf1993"]}).to_string(), 422, "unknown_nomenclature"),
        (format!("\"{}\"", "x".repeat(17 << 20)), 413, "body_too_large"),
    ] {
        let (found, problem) = server.post("/v1/code", body);
        assert_eq!((found, problem["code"].as_str().unwrap()), (status, code), "{problem}");
        assert_eq!(problem["status"], status);
    }
    assert_eq!(server.get("/v2/code").0, 404);
    assert_eq!(server.get("/v1/code").1["code"], "method_not_allowed");
    assert_eq!(server.code(&json!({"activities": []})), (200, json!({"results": []})));
}

#[test]
fn nomenclatures_can_be_searched_and_walked() {
    let server = Server::start();
    let (_, list) = server.get("/v1/nomenclatures");
    assert_eq!((&list[0]["sub_classes"], &list[1]["sub_classes"]), (&json!(732), &json!(747)));
    assert_eq!(server.get("/v1/nomenclatures/naf2008/codes").1.as_array().unwrap().len(), 21);
    assert_eq!(server.get("/v1/nomenclatures/naf2008/codes?parent=9602").1[0]["code"], "9602A");
    assert_eq!(server.get("/v1/nomenclatures/naf2008/codes?query=COIFFURE").1[0]["code"], "9602A");
    let (_, code) = server.get("/v1/nomenclatures/naf2008/codes/96.02A");
    let translations = code["translations"]["naf2025"].as_array().unwrap();
    let candidates: Vec<_> = translations.iter().map(|entry| entry["code"].as_str().unwrap()).collect();
    assert_eq!(candidates, ["9621G", "9621H"]);
    assert_eq!(code["path"][0]["code"], "S");
    assert_eq!(server.get("/v1/nomenclatures/naf2008/codes/9699Z").1["code"], "unknown_code");
    assert_eq!(server.get("/v1/nomenclatures/nace/codes").0, 404);
}

#[test]
fn models_and_the_openapi_document_are_there() {
    let server = Server::start();
    let (_, models) = server.get("/v1/models");
    assert_eq!(models[0]["covariates"], json!(["form_type", "nature"]));
    let (_, document) = server.get("/openapi.json");
    for path in ["/v1/code", "/v1/models", "/v1/nomenclatures/{id}/codes/{code}"] {
        assert!(document["paths"][path].is_object(), "{path}");
    }
    let page = crate::support::get(format!("{}/docs/", server.url)).unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("script-src 'self';"), "no inline script, and none from elsewhere: {policy}");
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    assert!(page.status().is_success() && page.text().unwrap().contains("swagger-ui"));
}

#[test]
fn the_page_codes_without_javascript() {
    let server = Server::start();
    let client = crate::support::client();
    let page = |path: &str| client.get(format!("{}{path}", server.url)).header("accept", "text/html").send().unwrap();
    let result = page("/?description=coiffure+%C3%A0+domicile&form_type=&nature=12");
    assert!(result.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    let text = result.text().unwrap();
    assert!(text.contains("96.02A") && text.contains("96.21H") && text.contains("<mark"), "{text}");
    let empty = page("/?description=+");
    assert_eq!(empty.status(), 422);
    assert!(page("/assets/codif.css").headers()["content-type"].to_str().unwrap().starts_with("text/css"));
    let escaped = page("/?description=%3Cscript%3Ealert(1)%3C/script%3E").text().unwrap();
    assert!(!escaped.contains("<script>alert"));
}

#[test]
fn probes_and_metrics_are_on_the_operations_port_alone() {
    let server = Server::start();
    server.code(&json!({"activities": [{"description": "secretword coiffure"}, {"description": ""}]}));
    let get = |path: &str| crate::support::get(format!("{}{path}", server.operations_url)).unwrap();
    assert_eq!(get("/livez").text().unwrap(), "alive\n");
    assert!(get("/readyz").text().unwrap().contains("ape-naf2008:"));
    let metrics = get("/metrics").text().unwrap();
    assert!(metrics.contains("codif_http_requests_total{route=\"/v1/code\"} 1"), "{metrics}");
    assert!(metrics.contains("codif_activity_errors_total{code=\"empty_description\"} 1"), "{metrics}");
    assert!(metrics.contains("codif_codings_total{"), "{metrics}");
    assert!(!metrics.contains("secretword"));
    assert_eq!(server.get("/metrics").0, 404);
}
