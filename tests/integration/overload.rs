//! More at once than codif takes: the surplus is told to come back, what was admitted goes on, the probes answer.

use std::io::Write;
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::raw_client::{Answer, ask, connect, post_head, until_closed};
use crate::replies::{ONE_ACTIVITY, ONE_FORM, get, post};
use crate::support::Server;
use crate::watching::{eventually, metric, status};

/// Nine thousand activities that keep every core busy for a while.
fn nine_thousand() -> String {
    let text = "vente de vêtements, chaussures et accessoires sur les marchés et foires locales ".repeat(5);
    let activities: Vec<Value> = (0..9_000).map(|_| json!({"description": text})).collect();
    json!({"activities": activities, "top_k": 1}).to_string()
}

#[test]
fn one_connection_too_many_is_answered_503_and_the_others_go_on() {
    let server = Server::start_with(&["--limits-connections", "4"], &[]);
    let open = || metric(&server.operations_url, "codif_connections");
    let mut four: Vec<TcpStream> = (0..4).map(|_| connect(&server.url)).collect();
    for stream in &mut four {
        assert_eq!(ask(stream).status, 200);
    }
    assert_eq!(open(), 4.0);
    let received = until_closed(&mut connect(&server.url), || ());
    let refusal = Answer::parse(&received).unwrap();
    assert_eq!(refusal.status, 503);
    assert!(refusal.head.contains("retry-after: ") && refusal.head.contains("connection: close"), "{}", refusal.head);
    for stream in &mut four {
        assert_eq!(ask(stream).status, 200);
    }
    assert_eq!(metric(&server.operations_url, "codif_shed_total{reason=\"connections\"}"), 1.0);
    assert_eq!(status(&format!("{}/readyz", server.operations_url)), 200);
    four.pop();
    eventually("a free place", || open() == 3.0);
    assert_eq!(ask(&mut connect(&server.url)).status, 200);
}

#[test]
fn while_one_big_request_is_in_work_the_others_are_told_to_come_back() {
    let server = Server::start_with(&["--limits-concurrent-activities", "100"], &[]);
    let url = |path: &str| format!("{}{path}", server.url);
    let in_flight = || metric(&server.operations_url, "codif_activities_in_flight");
    let shed = || metric(&server.operations_url, "codif_shed_total{reason=\"load\"}");
    let big = nine_thousand();
    std::thread::scope(|scope| {
        // Alone it is admitted, whatever its size.
        let alone = scope.spawn(|| post(&url("/v1/code"), &[], big.clone()));
        eventually("the big request in work", || in_flight() == 9_000.0);
        let refusal = post(&url("/v1/code"), &[], ONE_ACTIVITY);
        refusal.is_problem(429, "overloaded");
        refusal.says_when();
        let columns = r#"{"text_description":["coiffure"]}"#;
        let sirene = [
            post(&url("/predict/"), &[], ONE_FORM),
            post(&url("/predict-batch"), &[], columns),
            get(&url("/predict?text_feature=coiffure"), &[]),
        ];
        for refusal in &sirene {
            refusal.is_detail(429);
            refusal.says_when();
        }
        assert_eq!(status(&format!("{}/readyz", server.operations_url)), 200);
        assert_eq!(status(&format!("{}/livez", server.operations_url)), 200);
        assert_eq!(status(&url("/v1/models")), 200);
        assert_eq!(shed(), 4.0);
        let reply = alone.join().unwrap();
        assert_eq!((reply.status, reply.body["results"].as_array().map(Vec::len)), (200, Some(9_000)));
    });
    assert_eq!(in_flight(), 0.0);
    assert_eq!(post(&url("/v1/code"), &[], ONE_ACTIVITY).status, 200);
    assert_eq!(post(&url("/predict/"), &[], ONE_FORM).status, 200);
    assert_eq!(post(&url("/v1/code"), &[], big).status, 200);
    assert_eq!(shed(), 4.0);
}

#[test]
fn small_requests_share_what_may_be_in_work() {
    let server = Server::start_with(&["--limits-concurrent-activities", "100"], &[]);
    let url = format!("{}/v1/code", server.url);
    std::thread::scope(|scope| {
        let client = || (0..20).for_each(|_| assert_eq!(post(&url, &[], ONE_ACTIVITY).status, 200));
        let clients: Vec<_> = (0..8).map(|_| scope.spawn(client)).collect();
        clients.into_iter().for_each(|client| client.join().unwrap());
    });
    assert_eq!(metric(&server.operations_url, "codif_shed_total{reason=\"load\"}"), 0.0);
    assert_eq!(metric(&server.operations_url, "codif_activities_in_flight"), 0.0);
}

#[test]
fn bodies_beyond_the_memory_are_refused_until_there_is_room() {
    let server = Server::start_with(&["--limits-memory", "1MiB"], &[]);
    let url = |path: &str| format!("{}{path}", server.url);
    let held = || metric(&server.operations_url, "codif_memory_in_flight_bytes");
    let mut alone = connect(&server.url);
    alone.write_all(post_head("/v1/code", 3_000_000).as_bytes()).unwrap();
    alone.write_all(&vec![b' '; 2_000_000]).unwrap();
    eventually("two of three million bytes", || held() == 2_000_000.0);
    let refusal = post(&url("/v1/code"), &[], ONE_ACTIVITY);
    refusal.is_problem(429, "overloaded");
    refusal.says_when();
    post(&url("/predict/"), &[], ONE_FORM).is_detail(429);
    assert_eq!(metric(&server.operations_url, "codif_shed_total{reason=\"load\"}"), 2.0);
    drop(alone);
    eventually("room", || held() == 0.0);
    assert_eq!(post(&url("/v1/code"), &[], ONE_ACTIVITY).status, 200);
    assert_eq!(post(&url("/predict/"), &[], ONE_FORM).status, 200);
}
