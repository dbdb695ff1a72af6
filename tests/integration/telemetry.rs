//! What codif tells of its requests: ids, log lines, counts, times; never what the activities say.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::process::Process;
use crate::replies::{ONE_ACTIVITY, ONE_FORM, Reply, get, post};
use crate::support::Server;

/// Names and values.
type Headers<'a> = &'a [(&'a str, &'a str)];

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[test]
fn a_request_keeps_its_id_and_gets_one_when_it_has_none() {
    let server = Server::start();
    let url = format!("{}/v1/models", server.url);
    let id = |reply: &Reply| reply.header("x-request-id").unwrap().to_owned();
    let (longest, longer) = ("a".repeat(128), "a".repeat(129));
    for given in ["abc-123", longest.as_str()] {
        assert_eq!(id(&get(&url, &[("x-request-id", given)])), given);
    }
    let replaced = id(&get(&url, &[("x-request-id", longer.as_str())]));
    let made = [replaced, id(&get(&url, &[])), id(&get(&url, &[]))];
    assert!(made.iter().all(|id| id.len() == 36), "{made:?}");
    assert_eq!(made.iter().collect::<BTreeSet<_>>().len(), 3);
    let refusal = post(&format!("{}/v1/code", server.url), &[("x-request-id", "refused")], "{");
    assert_eq!((refusal.status, id(&refusal).as_str()), (400, "refused"));
}

/// Requests whose texts hold a word that must be nowhere: method, address, body, status.
const SECRET: [(&str, &str, &str, u16); 11] = [
    ("POST", "/v1/code", r#"{"activities":[{"description":"motsecret coiffure"}],"explain":true}"#, 200),
    ("POST", "/v1/code", r#"{"activities":[{"description":"motsecret","naure":"motsecret"}]}"#, 200),
    ("POST", "/v1/code", r#"{"activities":[{"description":"motsecret""#, 400),
    ("POST", "/v1/code", r#"{"activities":"motsecret"}"#, 422),
    ("POST", "/predict/", r#"{"forms":[{"description_activity":"motsecret coiffure"}]}"#, 200),
    ("POST", "/predict/", r#"{"forms":[{"description_activity":"motsecret","nature":"motsecret"}]}"#, 422),
    ("POST", "/predict-batch", r#"{"text_description":["motsecret coiffure"]}"#, 200),
    ("GET", "/predict?text_feature=motsecret+coiffure", "", 200),
    ("GET", "/predict-and-explain?text_description=motsecret+coiffure", "", 200),
    ("GET", "/?description=motsecret", "", 200),
    ("GET", "/nothing/at/all?description=motsecret", "", 404),
];

fn send(public: &str, (method, address, body, _): (&str, &str, &'static str, u16), id: &str) -> Reply {
    let traceparent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let headers = [("x-request-id", id), ("traceparent", traceparent.as_str()), ("accept", "text/html")];
    let url = format!("{public}{address}");
    if method == "GET" { get(&url, &headers) } else { post(&url, &headers, body) }
}

#[test]
fn a_request_leaves_one_line_without_its_text() {
    for level in ["info", "trace"] {
        let mut process = Process::on_loopback(&["--telemetry-log", level]);
        let (public, _) = process.urls();
        for (place, request) in SECRET.into_iter().enumerate() {
            let reply = send(&public, request, &format!("request-{place}"));
            assert_eq!(reply.status, request.3, "{request:?}: {}", reply.body);
        }
        process.terminate();
        assert!(process.wait().success());
        let answered: Vec<Value> = process.log().into_iter().filter(|line| line["message"] == "answered").collect();
        assert_eq!(answered.len(), SECRET.len(), "{answered:?}");
        for (place, (method, address, _, status)) in SECRET.into_iter().enumerate() {
            let id = format!("request-{place}");
            let lines: Vec<&Value> = answered.iter().filter(|line| line["id"] == id.as_str()).collect();
            assert_eq!(lines.len(), 1, "{id}: {answered:?}");
            let path = address.split('?').next().unwrap();
            assert_eq!(lines[0]["status"], status, "{}", lines[0]);
            assert!(lines[0]["milliseconds"].is_number(), "{}", lines[0]);
            for (field, value) in [("method", method), ("path", path), ("trace_id", TRACE)] {
                assert_eq!(lines[0][field], value, "{}", lines[0]);
            }
        }
        let told: Vec<String> = process.lines().into_iter().filter(|line| line.contains("motsecret")).collect();
        assert!(told.is_empty(), "{told:?}");
    }
}

/// The values of a counter, added up by route.
fn by_route(metrics: &str, counter: &str) -> BTreeMap<String, f64> {
    let mut values = BTreeMap::new();
    for line in metrics.lines().filter(|line| line.strip_prefix(counter).is_some_and(|rest| rest.starts_with('{'))) {
        let (_, rest) = line.split_once("route=\"").unwrap();
        let (route, _) = rest.split_once('"').unwrap();
        let (_, value) = line.rsplit_once(' ').unwrap();
        *values.entry(route.to_owned()).or_insert(0.0) += value.parse::<f64>().unwrap();
    }
    values
}

#[test]
fn every_request_is_a_success_or_a_failure() {
    let server = Server::start_with(&["--limits-body", "1KiB", "--limits-activities", "3"], &[]);
    let large = " ".repeat(2_000);
    let four = r#"{"activities":[{"description":"a"},{"description":"b"},{"description":"c"},{"description":"d"}]}"#;
    let columns = r#"{"text_description":["coiffure"],"code":["9602A"]}"#;
    let gets = [
        "/",
        "/?description=coiffure",
        "/assets/codif.css",
        "/docs",
        "/docs/nothing",
        "/openapi.json",
        "/v1/code",
        "/v1/models",
        "/v1/nomenclatures",
        "/v1/nomenclatures/naf2008/codes?query=coiffure",
        "/v1/nomenclatures/naf2008/codes?quer=coiffure",
        "/v1/nomenclatures/nace/codes",
        "/v1/nomenclatures/naf2008/codes/9602A",
        "/v1/nomenclatures/naf2008/codes/9999Z",
        "/predict?text_feature=coiffure",
        "/predict?text_feature=",
        "/predict?text_feature=coiffure&prob_min=x",
        "/predict-and-explain?text_description=coiffure",
        "/predict-and-explain",
        "/naf2025/predict?text_feature=coiffure",
        "/naf1993/predict?text_feature=coiffure",
        "/predict-batch",
        "/nothing/at/all",
        "/metrics",
    ];
    let posts: [(&str, Headers<'_>, &str); 18] = [
        ("/v1/code", &[], ONE_ACTIVITY),
        ("/v1/code", &[], r#"{"activities":[]}"#),
        ("/v1/code", &[], "{"),
        ("/v1/code", &[], "[]"),
        ("/v1/code", &[], four),
        ("/v1/code", &[], large.as_str()),
        ("/v1/code", &[("content-encoding", "gzip")], ONE_ACTIVITY),
        ("/v1/code", &[("content-encoding", "zstd")], ONE_ACTIVITY),
        ("/predict/", &[], ONE_FORM),
        ("/predict", &[], ONE_FORM),
        ("/predict/", &[], "{"),
        ("/predict/", &[], r#"{"forms":[{"description_activity":" "}]}"#),
        ("/predict-batch", &[], columns),
        ("/predict-batch?prob_min=1", &[], columns),
        ("/evaluation", &[], columns),
        ("/evaluation", &[], r#"{"text_description":["coiffure"]}"#),
        ("/naf2025/predict-batch", &[], columns),
        ("/v1/models", &[], "{}"),
    ];
    // A redirection that is followed is a request more.
    let sent = gets.len() + 1 + posts.len();
    let mut statuses = BTreeSet::new();
    for path in gets {
        statuses.insert(get(&format!("{}{path}", server.url), &[]).status);
    }
    for (path, headers, body) in posts {
        statuses.insert(post(&format!("{}{path}", server.url), headers, body.to_owned()).status);
    }
    assert_eq!(statuses.into_iter().collect::<Vec<_>>(), [200_u16, 400, 404, 405, 413, 415, 422]);
    let metrics = get(&format!("{}/metrics", server.operations_url), &[]).body;
    let metrics = metrics.as_str().unwrap();
    let requests = by_route(metrics, "codif_http_requests_total");
    let mut outcomes = by_route(metrics, "codif_http_successes_total");
    for (route, failures) in by_route(metrics, "codif_http_failures_total") {
        *outcomes.entry(route).or_insert(0.0) += failures;
    }
    assert_eq!(requests, outcomes);
    assert_eq!(requests.values().sum::<f64>(), sent as f64, "{requests:?}");
    assert_eq!(by_route(metrics, "codif_http_request_duration_seconds_count"), requests);
    assert!(metrics.contains("codif_http_requests_in_flight 0\n") && metrics.contains("codif_panics_total 0\n"));
}

#[test]
fn the_stages_of_a_coding_are_timed() {
    let server = Server::start();
    let url = |path: &str| format!("{}{path}", server.url);
    let known = ["read", "parse", "wait", "normalise", "features", "classify", "rank", "write"];
    let columns = r#"{"text_description":["coiffure"]}"#;
    for reply in [
        post(&url("/v1/code"), &[], ONE_ACTIVITY),
        post(&url("/predict/"), &[], ONE_FORM),
        post(&url("/predict-batch"), &[], columns),
        get(&url("/predict?text_feature=coiffure"), &[]),
    ] {
        let header = reply.header("server-timing").unwrap_or_else(|| panic!("none in {:?}", reply.headers));
        let stages: Vec<(&str, &str)> =
            header.split(", ").map(|stage| stage.split_once(";dur=").unwrap_or((stage, ""))).collect();
        assert!(stages.iter().all(|(name, spent)| known.contains(name) && spent.parse::<f64>().is_ok()), "{header}");
        assert!(stages.iter().any(|(name, _)| *name == "classify"), "{header}");
    }
}
