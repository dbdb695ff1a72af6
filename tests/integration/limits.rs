//! How much is taken in one request: bytes, once inflated, activities, characters, levels of JSON.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::raw_client::{answer, connect, post_head};
use crate::replies::{ONE_ACTIVITY, ONE_FORM, get, post};
use crate::support::Server;
use crate::watching::metric;

const GZIP: (&str, &str) = ("content-encoding", "gzip");

fn gzip(bytes: Vec<u8>) -> Vec<u8> {
    let mut gzip = Command::new("gzip").arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = gzip.stdin.take().unwrap();
    let writing = std::thread::spawn(move || input.write_all(&bytes));
    let output = gzip.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    assert!(output.status.success());
    output.stdout
}

fn activities(count: usize) -> String {
    let activities: Vec<Value> = (0..count).map(|_| json!({"description": "coiffure"})).collect();
    json!({"activities": activities}).to_string()
}

fn forms(count: usize) -> String {
    let forms: Vec<Value> = (0..count).map(|_| json!({"description_activity": "coiffure"})).collect();
    json!({"forms": forms}).to_string()
}

fn columns(count: usize) -> String {
    json!({"text_description": vec!["coiffure"; count], "code": vec!["9602A"; count]}).to_string()
}

/// 40,000,000 bytes in 640 pieces.
const PIECES: usize = 640;
const PIECE: usize = 62_500;

#[test]
fn a_client_that_goes_on_sending_a_body_too_large_reads_the_refusal() {
    let server = Server::start();
    let piece = vec![b'x'; PIECE];
    let mut stream = connect(&server.url);
    stream.write_all(post_head("/v1/code", PIECES * PIECE).as_bytes()).unwrap();
    for _ in 0..PIECES {
        stream.write_all(&piece).unwrap();
    }
    let refusal = answer(&mut stream);
    assert_eq!((refusal.status, &refusal.json()["code"]), (413, &json!("body_too_large")));
    assert!(refusal.head.contains("content-type: application/problem+json"), "{}", refusal.head);
    post(&format!("{}/v1/code", server.url), &[], vec![b'x'; PIECES * PIECE]).is_problem(413, "body_too_large");
}

#[test]
fn so_does_a_client_that_sends_it_in_chunks() {
    let server = Server::start();
    let piece = vec![b'x'; PIECE];
    let mut stream = connect(&server.url);
    stream.write_all(b"POST /v1/code HTTP/1.1\r\nhost: codif\r\ntransfer-encoding: chunked\r\n\r\n").unwrap();
    for _ in 0..PIECES {
        stream.write_all(format!("{PIECE:x}\r\n").as_bytes()).unwrap();
        stream.write_all(&piece).unwrap();
        stream.write_all(b"\r\n").unwrap();
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    let refusal = answer(&mut stream);
    assert_eq!((refusal.status, &refusal.json()["code"]), (413, &json!("body_too_large")));
}

#[test]
fn a_body_has_the_size_of_its_route() {
    let server = Server::start_with(&["--limits-body", "1KiB", "--limits-sirene-body", "2KiB"], &[]);
    let (own, sirene) = (format!("{}/v1/code", server.url), format!("{}/predict/", server.url));
    let padded = |text: &str, length: usize| format!("{text}{}", " ".repeat(length - text.len()));
    assert_eq!(post(&own, &[], padded(ONE_ACTIVITY, 1024)).status, 200);
    post(&own, &[], padded(ONE_ACTIVITY, 1025)).is_problem(413, "body_too_large");
    assert_eq!(post(&sirene, &[], padded(ONE_FORM, 2048)).status, 200);
    post(&sirene, &[], padded(ONE_FORM, 2049)).is_detail(413);
}

#[test]
fn a_gzip_body_is_inflated() {
    let server = Server::start();
    let own = post(&format!("{}/v1/code", server.url), &[GZIP], gzip(activities(100).into_bytes()));
    assert_eq!((own.status, own.body["results"].as_array().map(Vec::len)), (200, Some(100)));
    let sirene = post(&format!("{}/predict/", server.url), &[GZIP], gzip(forms(100).into_bytes()));
    assert_eq!((sirene.status, sirene.body.as_array().map(Vec::len)), (200, Some(100)));
}

#[test]
fn a_gzip_bomb_is_refused_by_its_inflated_size() {
    let server = Server::start_with(&["--limits-body", "1MiB", "--limits-sirene-body", "2MiB"], &[]);
    let bomb = gzip(vec![b' '; 16 << 20]);
    assert!(bomb.len() < 100_000);
    post(&format!("{}/v1/code", server.url), &[GZIP], bomb.clone()).is_problem(413, "body_too_large");
    post(&format!("{}/predict/", server.url), &[GZIP], bomb).is_detail(413);
    assert_eq!(metric(&server.operations_url, "codif_memory_in_flight_bytes"), 0.0);
}

#[test]
fn a_body_that_is_not_what_its_encoding_says_is_refused() {
    let server = Server::start();
    let url = format!("{}/v1/code", server.url);
    let whole = gzip(activities(100).into_bytes());
    let cut = whole[..whole.len() - 20].to_vec();
    for body in [ONE_ACTIVITY.as_bytes().to_vec(), cut] {
        post(&url, &[GZIP], body).is_problem(400, "unreadable_body");
    }
    for encoding in ["br", "zstd", "compress", "gzip, gzip", "rot13"] {
        let header = ("content-encoding", encoding);
        post(&url, &[header], ONE_ACTIVITY).is_problem(415, "unsupported_encoding");
        post(&format!("{}/predict/", server.url), &[header], ONE_FORM).is_detail(415);
    }
    assert_eq!(post(&url, &[("content-encoding", "identity")], ONE_ACTIVITY).status, 200);
}

#[test]
fn too_many_activities_are_refused() {
    let server = Server::start_with(&["--limits-activities", "6", "--limits-sirene-activities", "8"], &[]);
    let url = |path: &str| format!("{}{path}", server.url);
    assert_eq!(post(&url("/v1/code"), &[], activities(6)).status, 200);
    post(&url("/v1/code"), &[], activities(7)).is_problem(413, "too_many_activities");
    for path in ["/predict/", "/predict", "/naf2025/predict/"] {
        assert_eq!(post(&url(path), &[], forms(8)).status, 200, "{path}");
        post(&url(path), &[], forms(9)).is_detail(413);
    }
    for path in ["/predict-batch", "/evaluation", "/naf2025/predict-batch"] {
        assert_eq!(post(&url(path), &[], columns(8)).status, 200, "{path}");
        post(&url(path), &[], columns(9)).is_detail(413);
    }
    assert_eq!(metric(&server.operations_url, "codif_activities_in_flight"), 0.0);
}

#[test]
fn json_that_is_too_deep_is_refused() {
    let server = Server::start();
    let deep = |field: &str, levels: usize| format!("{{\"{field}\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    post(&format!("{}/v1/code", server.url), &[], deep("activities", 100)).is_problem(400, "unreadable_body");
    for (path, field) in [("/predict/", "forms"), ("/predict-batch", "text_description")] {
        let reply = post(&format!("{}{path}", server.url), &[], deep(field, 100_000));
        assert_eq!((reply.status, &reply.body["detail"][0]["type"]), (422, &json!("json_invalid")), "{path}");
    }
    let shallow = Server::start_with(&["--limits-json-depth", "4"], &[]);
    let url = format!("{}/predict/", shallow.url);
    let form = |value: &str| format!(r#"{{"forms":[{{"description_activity":"coiffure","more":{value}}}]}}"#);
    assert_eq!(post(&url, &[], form("[]")).status, 200);
    assert_eq!(post(&url, &[], form("[[]]")).status, 422);
    assert_eq!(post(&url, &[], form(r#""[[[[[[""#)).status, 200);
}

#[test]
fn an_over_long_text_is_its_own_error_or_is_cut() {
    let server = Server::start_with(&["--limits-text", "20"], &[]);
    let (long, exact) = ("coiffure à domicile et en salon", "coiffure à domicile.");
    assert_eq!(exact.chars().count(), 20);
    let body = json!({"activities": [{"description": long}, {"description": exact}]});
    let (status, answer) = server.code(&body);
    assert_eq!((status, &answer["results"][0]["error"]["code"]), (200, &json!("text_too_long")));
    assert_eq!(answer["results"][1]["codings"]["naf2008"]["code"], "9602A");
    let cut = || metric(&server.operations_url, "codif_texts_cut_total");
    assert_eq!(cut(), 0.0);
    let forms = json!({"forms": [{"description_activity": long}, {"description_activity": exact}]});
    let reply = post(&format!("{}/predict/", server.url), &[], forms.to_string());
    assert_eq!((reply.status, &reply.body[0]["1"]["code"]), (200, &json!("9602A")));
    assert_eq!(cut(), 1.0);
    assert_eq!(get(&format!("{}/predict?text_feature=coiffure+a+domicile+et+en+salon", server.url), &[]).status, 200);
    assert_eq!(cut(), 2.0);
}

#[test]
fn a_nomenclature_asked_for_twice_is_coded_once() {
    let server = Server::start();
    let again = vec!["naf2025"; 100_000];
    let body = json!({"activities": [{"description": "coiffure"}], "nomenclatures": again}).to_string();
    let reply = crate::support::client().post(format!("{}/v1/code", server.url)).body(body).send().unwrap();
    assert_eq!(reply.status(), 200);
    let text = reply.text().unwrap();
    assert_eq!(text.matches("ape-naf2025").count(), 1, "{text}");
}

#[test]
fn what_is_too_many_is_counted_and_not_built() {
    let server = Server::start();
    let zeros = |count: usize| vec!["0"; count].join(",");
    let before = metric(&server.operations_url, "process_resident_memory_bytes");
    for (path, body) in [
        ("/v1/code", format!("{{\"activities\":[{}]}}", zeros(8_000_000))),
        ("/predict/", format!("{{\"forms\":[{}]}}", zeros(30_000_000))),
        ("/predict-batch", format!("{{\"text_description\":[{}]}}", zeros(30_000_000))),
    ] {
        assert_eq!(post(&format!("{}{path}", server.url), &[], body).status, 413, "{path}");
    }
    let held = metric(&server.operations_url, "process_resident_memory_bytes") - before;
    assert!(held < 400e6, "{held} bytes more than before");
}

#[test]
fn a_large_answer_may_be_read_for_longer_than_an_idle_connection_is_kept() {
    let server = Server::start_with(&["--patience-idle", "500ms", "--patience-write", "20s"], &[]);
    let activities = vec![json!({"description": "vente de fleurs"}); 9_000];
    let body = json!({"activities": activities, "top_k": 20}).to_string();
    let mut stream = connect(&server.url);
    stream.write_all(post_head("/v1/code", body.len()).as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let start = Instant::now();
    let (mut received, mut buffer) = (0, vec![0; 64 * 1024]);
    // Read so that it takes at least three times the patience for an idle connection.
    while received < 20_000_000 {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "closed after {received} bytes");
        received += read;
        let due = received as f64 / 20_000_000.0 * 1.5;
        let ahead = due - start.elapsed().as_secs_f64();
        std::thread::sleep(Duration::from_secs_f64(ahead.max(0.0)));
    }
}
