//! HTTP Basic authentication of the public port, when the environment asks for it.

use reqwest::blocking::{RequestBuilder, Response};
use serde_json::Value;

use crate::support::{Server, codif_with_environment, refusal};

// The password holds the character that parts it from the name.
const PROTECTED: [(&str, &str); 3] =
    [("AUTH_API", "True"), ("API_USERNAME", "sirene"), ("API_PASSWORD", "mot:de:passe")];
const SERVE: [&str; 5] = ["serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"];
const ROUTES: [(&str, &str); 19] = [
    ("GET", "/"),
    ("GET", "/?description=coiffure"),
    ("GET", "/assets/codif.css"),
    ("GET", "/docs"),
    ("GET", "/docs/"),
    ("GET", "/openapi.json"),
    ("GET", "/v1/models"),
    ("GET", "/v1/nomenclatures"),
    ("GET", "/v1/nomenclatures/naf2008/codes/9602A"),
    ("GET", "/predict?text_feature=coiffure"),
    ("GET", "/predict-and-explain?text_description=coiffure"),
    ("GET", "/naf2025/predict?text_feature=coiffure"),
    ("POST", "/predict/"),
    ("POST", "/predict"),
    ("POST", "/predict-batch"),
    ("POST", "/evaluation"),
    ("POST", "/naf2025/predict/"),
    ("POST", "/naf2025/predict-batch"),
    ("POST", "/v1/code"),
];
/// One body that every coding route takes.
const BODY: &str = r#"{"forms":[{"description_activity":"coiffure"}]}"#;

fn request(server: &Server, method: &str, path: &str) -> RequestBuilder {
    let client = crate::support::client_builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let url = format!("{}{path}", server.url);
    match method {
        "GET" => client.get(url),
        _ => client.post(url).header("content-type", "application/json").body(BODY),
    }
}

/// The answer asks for credentials in the way of the contract.
fn asks(response: Response, what: &str) {
    assert_eq!(response.status().as_u16(), 401, "{what}");
    let scheme = response.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
    assert!(scheme.is_some_and(|scheme| scheme.starts_with("Basic")), "{what}");
    let answer: Value = response.json().unwrap();
    assert!(answer["detail"].is_string(), "{what}: {answer}");
}

#[test]
fn every_route_of_the_public_port_asks_for_credentials() {
    let server = Server::start_with(&[], &PROTECTED);
    for (method, path) in ROUTES {
        asks(request(&server, method, path).send().unwrap(), path);
        asks(request(&server, method, path).basic_auth("sirene", Some("faux")).send().unwrap(), path);
    }
    asks(request(&server, "GET", "/").header("accept", "text/html").send().unwrap(), "the page");
}

#[test]
fn right_credentials_open_every_route() {
    let server = Server::start_with(&[], &PROTECTED);
    for (method, path) in ROUTES {
        let response = request(&server, method, path).basic_auth("sirene", Some("mot:de:passe")).send().unwrap();
        let status = response.status().as_u16();
        assert!(status != 401 && status < 500, "{path}: {status}");
        if method == "GET" {
            assert!(status < 400, "{path}: {status}");
        }
    }
    let opened = request(&server, "POST", "/predict/").basic_auth("sirene", Some("mot:de:passe")).send().unwrap();
    assert_eq!(opened.status().as_u16(), 200);
    assert_eq!(opened.json::<Value>().unwrap()[0]["1"]["code"], "9602A");
}

#[test]
fn wrong_credentials_open_nothing() {
    let server = Server::start_with(&[], &PROTECTED);
    for (name, password) in [
        ("sirene", "mot"),
        ("sirene", "mot:de:passe "),
        ("sirene", "Mot:de:passe"),
        ("sirene", ""),
        ("", ""),
        ("", "mot:de:passe"),
        ("sirene:mot", "de:passe "),
        ("Sirene", "mot:de:passe"),
        ("mot:de:passe", "sirene"),
    ] {
        let sent = request(&server, "POST", "/predict/").basic_auth(name, Some(password)).send().unwrap();
        asks(sent, &format!("{name} {password}"));
    }
    for header in ["Basic", "Basic ", "Basic ???", "Basic c2lyZW5l", "Basic /////w==", "Bearer mot:de:passe", "sirene"]
    {
        asks(request(&server, "POST", "/predict/").header("authorization", header).send().unwrap(), header);
    }
}

#[test]
fn the_probes_never_ask() {
    let server = Server::start_with(&[], &PROTECTED);
    for path in ["/livez", "/readyz", "/startupz"] {
        let response = crate::support::get(format!("{}{path}", server.operations_url)).unwrap();
        assert_eq!(response.status().as_u16(), 200, "{path}");
    }
}

#[test]
fn nothing_asks_unless_the_environment_says_so() {
    let secrets = [("API_USERNAME", "sirene"), ("API_PASSWORD", "mot:de:passe")];
    let refused = [("AUTH_API", "False"), ("API_USERNAME", "sirene"), ("API_PASSWORD", "mot:de:passe")];
    for environment in [&secrets[..], &refused[..], &[("AUTH_API", "False")][..]] {
        let server = Server::start_with(&[], environment);
        assert_eq!(server.get("/v1/models").0, 200, "{environment:?}");
        assert_eq!(server.post("/predict/", BODY).0, 200, "{environment:?}");
    }
}

#[test]
fn codif_does_not_start_without_both_secrets() {
    for (environment, missing) in [
        (&[("AUTH_API", "True"), ("API_USERNAME", "sirene")][..], &["API_PASSWORD"][..]),
        (&[("AUTH_API", "True"), ("API_PASSWORD", "mot:de:passe")][..], &["API_USERNAME"][..]),
        (&[("AUTH_API", "True")][..], &["API_USERNAME", "API_PASSWORD"][..]),
        (&[("AUTH_API", "True"), ("API_USERNAME", "sirene"), ("API_PASSWORD", "")][..], &["API_PASSWORD"][..]),
        (&[("AUTH_API", "True"), ("API_USERNAME", ""), ("API_PASSWORD", "mot:de:passe")][..], &["API_USERNAME"][..]),
    ] {
        let message = refusal(&codif_with_environment(&SERVE, environment));
        assert!(missing.iter().all(|name| message.contains(name)), "{environment:?}: {message}");
        assert!(!message.contains("mot:de:passe"), "the secret stays out of the message");
    }
}
