//! codif serves and follows models of a real MLflow server, whether or not the server is there.

use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use serde_json::{Value, json};

use crate::fault_proxy::Fault;
use crate::process::Process;
use crate::replies::{get, post};
use crate::support::{Server, codif_with_environment, succeeded};
use crate::tiny_models::{WORDS, code_of, tiny_version};
use crate::tracking::{TestMlflow, borrowed, in_each_server};
use crate::version_files::{CARD, GOLDEN, MANIFEST, VOCABULARY, WEIGHTS};
use crate::watching::{eventually, metric, status};

/// Bytes a second of each connection, when it has to take its time.
const SLOW: u64 = 4 << 20;

/// Pushes two versions that agree on no word, and points `production` to the first.
fn with_two_versions(mlflow: &TestMlflow) {
    let made = tempfile::tempdir().unwrap();
    for seed in 0..2 {
        mlflow.push(&tiny_version(made.path(), seed));
    }
    mlflow.said(&["promote", &mlflow.name, "1"]);
}

fn question() -> Value {
    json!({"activities": [{"description": WORDS[0]}]})
}

/// The version that answered, and its code.
fn answer(reply: &Value) -> (Value, Value) {
    let coding = &reply["results"][0]["codings"]["naf2008"];
    (coding["model"].clone(), coding["predictions"][0]["code"].clone())
}

/// What a server answers.
fn coded(server: &Server) -> (Value, Value) {
    let (status, reply) = server.code(&question());
    assert_eq!(status, 200, "{reply}");
    answer(&reply)
}

/// What one of the two versions answers.
fn of_version(mlflow: &TestMlflow, number: u32) -> (Value, Value) {
    let model = json!({"name": mlflow.name, "version": number});
    (model, code_of(WORDS[0], u64::from(number) - 1).into())
}

#[test]
fn a_promotion_is_followed_and_so_is_a_rollback() {
    in_each_server(|mlflow| {
        with_two_versions(mlflow);
        let server = mlflow.serve(&["--model", &mlflow.at("production"), "--reload-interval", "100ms"]);
        assert_eq!(coded(&server), of_version(mlflow, 1));
        mlflow.said(&["promote", &mlflow.name, "2"]);
        eventually("the promotion", || coded(&server) == of_version(mlflow, 2));
        mlflow.said(&["rollback", &mlflow.name]);
        eventually("the rollback", || coded(&server) == of_version(mlflow, 1));
        mlflow.tell("registered-models/alias", &json!({"name": mlflow.name, "alias": "production", "version": "2"}));
        eventually("what MLflow's own users moved", || coded(&server) == of_version(mlflow, 2));
    });
}

/// What told the service before codif of its model; beside it the cache, and where S3 is.
fn variables_before(mlflow: &TestMlflow, version: Option<&str>) -> Vec<(String, String)> {
    let mut variables = mlflow.environment();
    variables.retain(|(name, _)| name != "CODIF_REGISTRY");
    let own = [("MLFLOW_TRACKING_URI", mlflow.url.as_str()), ("MLFLOW_MODEL_NAME", mlflow.name.as_str())];
    let own = own.into_iter().chain(version.map(|version| ("MLFLOW_MODEL_VERSION", version)));
    variables.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
    variables
}

#[test]
fn the_variables_of_the_service_before_name_a_model_where_nothing_else_names_a_registry() {
    in_each_server(|mlflow| {
        with_two_versions(mlflow);
        mlflow.said(&["promote", &mlflow.name, "2", "--alias", "Champion"]);
        let code = ["code", WORDS[0], "--json"];
        let versions = [("1", 1), ("2", 2), ("production", 1), ("Production", 1), ("Champion", 2)];
        let versions = versions.map(|(version, number)| (Some(version), number));
        for (version, number) in versions.into_iter().chain([(None, 1)]) {
            let variables = variables_before(mlflow, version);
            let line = succeeded(codif_with_environment(&code, &borrowed(&variables)));
            let coding: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(answer(&json!({"results": [coding]})), of_version(mlflow, number), "{version:?}");
            let server = Server::start_with(&["--reload-interval", "0s"], &borrowed(&variables));
            assert_eq!(coded(&server), of_version(mlflow, number), "{version:?}");
        }
        let mut variables = variables_before(mlflow, Some("2"));
        variables.push(("CODIF_REGISTRY".to_owned(), "models".to_owned()));
        let coding: Value =
            serde_json::from_str(&succeeded(codif_with_environment(&code, &borrowed(&variables)))).unwrap();
        assert_eq!(answer(&json!({"results": [coding]})).0["name"], "ape-naf2008", "a registry is named");
    });
}

#[test]
fn with_mlflow_down_codif_serves_what_it_served_before_and_says_so() {
    let (mlflow, proxy) = TestMlflow::proxied().behind_a_proxy();
    with_two_versions(&mlflow);
    let reference = mlflow.at("production");
    let start = || mlflow.serve(&["--model", &reference, "--reload-interval", "100ms"]);
    assert_eq!(coded(&start()), of_version(&mlflow, 1));

    proxy.set(Fault::Refuse);
    let server = start();
    assert_eq!(coded(&server), of_version(&mlflow, 1));
    let ready = || get(&format!("{}/readyz", server.operations_url), &[]);
    let reason = format!("stale: {reference}: {} cannot be reached: ", mlflow.location());
    assert!(ready().status == 200 && ready().body.as_str().unwrap().contains(&reason), "{}", ready().body);
    let stale = format!("codif_model_stale{{reference=\"{reference}\"}}");
    assert_eq!(metric(&server.operations_url, &stale), 1.0);

    proxy.set(Fault::None);
    mlflow.said(&["promote", &mlflow.name, "2"]);
    eventually("the promotion", || coded(&server) == of_version(&mlflow, 2));
    eventually("what is up to date", || metric(&server.operations_url, &stale) == 0.0);
    eventually("nothing stale", || ready().body == format!("ready\n{}\n", mlflow.numbered(2)));
}

#[test]
fn with_mlflow_down_and_nothing_fetched_before_codif_waits_for_it() {
    let (mlflow, proxy) = TestMlflow::proxied().behind_a_proxy();
    with_two_versions(&mlflow);
    proxy.set(Fault::Refuse);
    // Nobody announces the operations port yet. It is free on a loopback address that no other test uses.
    let address = TcpListener::bind("127.0.0.78:0").unwrap().local_addr().unwrap().to_string();
    let (location, reference) = (mlflow.location(), mlflow.at("production"));
    let addresses = ["--listen", "127.0.0.1:0", "--ops-listen", address.as_str()];
    let cache = mlflow.cache.path().to_str().unwrap();
    let named = ["--registry", location.as_str(), "--cache", cache, "--model", reference.as_str()];
    let process = Process::serve(&[&addresses[..], &named].concat());
    eventually("the operations port", || TcpStream::connect(address.as_str()).is_ok());
    let operations = |path: &str| format!("http://{address}/{path}");
    let ready = || get(&operations("readyz"), &[]);
    let reason = format!("there are no models yet: {location} cannot be reached: ");
    eventually("the reason", || ready().body["detail"].as_str().is_some_and(|detail| detail.contains(&reason)));
    ready().is_problem(503, "not_ready");
    assert_eq!((status(&operations("startupz")), status(&operations("livez"))), (200, 200));
    assert!(!process.lines().iter().any(|line| line.starts_with("codif: page")), "{:?}", process.lines());

    proxy.set(Fault::None);
    let (public, _) = process.urls();
    assert_eq!(ready().status, 200);
    let reply = post(&format!("{public}/v1/code"), &[], question().to_string());
    assert_eq!(answer(&reply.body), of_version(&mlflow, 1));
}

#[test]
fn a_push_that_was_killed_is_gone_on_with_under_its_number() {
    let made = tempfile::tempdir().unwrap();
    let tiny = tiny_version(made.path(), 0);
    let weighty = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/ape-naf2008/versions/1");
    for mlflow in [TestMlflow::proxied(), TestMlflow::with_s3()] {
        let (mlflow, proxy) = mlflow.behind_a_proxy();
        assert_eq!(mlflow.push(&tiny), mlflow.numbered(1));
        proxy.set(Fault::Bandwidth(SLOW));
        let before = proxy.bytes_up();
        let mut pushing = mlflow.pushing(&weighty).spawn().unwrap();
        eventually("the weights on their way", || proxy.bytes_up() - before > SLOW);
        pushing.kill().unwrap();
        assert_eq!(pushing.wait().unwrap().signal(), Some(9), "it was too fast");
        proxy.set(Fault::None);

        assert_eq!(mlflow.artefacts(2), [CARD, GOLDEN], "the files come first");
        assert_eq!(mlflow.listing()["versions"], json!([1]), "what is not whole is not there");
        let message = mlflow.refused(&["promote", &mlflow.name, "2"]);
        assert!(message.contains("version 2 of") && message.contains("holds no manifest.json"), "{message}");
        assert_eq!(mlflow.push(&tiny), mlflow.numbered(3), "another version does not get its number");
        assert_eq!(mlflow.push(&weighty), mlflow.numbered(2));
        assert!(mlflow.means(2, &weighty));
        assert_eq!(mlflow.artefacts(2), [CARD, GOLDEN, MANIFEST, WEIGHTS, VOCABULARY]);
        assert_eq!(mlflow.listing()["versions"], json!([1, 2, 3]));
    }
}
