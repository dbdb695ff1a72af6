//! More at once than codif takes: the surplus is told to come back, what was admitted goes on, the probes answer.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::raw_client::{Answer, ask, connect, post_head, until_closed};
use crate::replies::{ONE_ACTIVITY, ONE_FORM, Reply, get, post};
use crate::support::Server;
use crate::watching::{eventually, metric, soon, status};

/// Nine thousand activities of words that no model knows, which keep every core busy for a while.
fn nine_thousand() -> String {
    let text = |place: usize| (0..60).map(|word| format!("zyk{place}x{word}q ")).collect::<String>();
    let activities: Vec<Value> = (0..9_000).map(|place| json!({"description": text(place)})).collect();
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
    let (big, over) = (nine_thousand(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let busy = scope.spawn(|| -> Vec<u16> {
            let turns = (0..50).take_while(|_| !over.load(Ordering::Relaxed));
            turns.map(|_| post(&url("/v1/code"), &[], big.clone()).status).collect()
        });
        eventually("the big request in work", || in_flight() == 9_000.0);
        // Between two big requests a small one may be admitted.
        let refused = |ask: &dyn Fn() -> Reply| soon("a refusal", || Some(ask()).filter(|reply| reply.status != 200));
        let refusal = refused(&|| post(&url("/v1/code"), &[], ONE_ACTIVITY));
        refusal.is_problem(429, "overloaded");
        refusal.says_when();
        let columns = r#"{"text_description":["coiffure"]}"#;
        for refusal in [
            refused(&|| post(&url("/predict/"), &[], ONE_FORM)),
            refused(&|| post(&url("/predict-batch"), &[], columns)),
            refused(&|| get(&url("/predict?text_feature=coiffure"), &[])),
        ] {
            refusal.is_detail(429);
            refusal.says_when();
        }
        assert_eq!(status(&format!("{}/readyz", server.operations_url)), 200);
        assert_eq!(status(&format!("{}/livez", server.operations_url)), 200);
        assert_eq!(status(&url("/v1/models")), 200);
        over.store(true, Ordering::Relaxed);
        let statuses = busy.join().unwrap();
        assert_eq!(statuses[0], 200, "alone it is admitted, whatever its size");
        assert!(statuses.iter().all(|status| [200, 429].contains(status)), "{statuses:?}");
    });
    let shed_by_then = shed();
    assert!(shed_by_then >= 4.0);
    assert_eq!(in_flight(), 0.0);
    assert_eq!(post(&url("/v1/code"), &[], ONE_ACTIVITY).status, 200);
    assert_eq!(post(&url("/predict/"), &[], ONE_FORM).status, 200);
    let reply = post(&url("/v1/code"), &[], big);
    assert_eq!((reply.status, reply.body["results"].as_array().map(Vec::len)), (200, Some(9_000)));
    assert_eq!(shed(), shed_by_then);
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
    eventually("two of three million bytes, less what is free", || held() == f64::from(2_000_000 - 65_536));
    let large = |small: &str| format!("{}{small}", " ".repeat(200_000));
    let refusal = post(&url("/v1/code"), &[], large(ONE_ACTIVITY));
    refusal.is_problem(429, "overloaded");
    refusal.says_when();
    post(&url("/predict/"), &[], large(ONE_FORM)).is_detail(429);
    assert_eq!(post(&url("/v1/code"), &[], ONE_ACTIVITY).status, 200, "small ones are never refused for memory");
    assert_eq!(post(&url("/predict/"), &[], ONE_FORM).status, 200);
    assert_eq!(metric(&server.operations_url, "codif_shed_total{reason=\"load\"}"), 2.0);
    drop(alone);
    eventually("room", || held() == 0.0);
    assert_eq!(post(&url("/v1/code"), &[], large(ONE_ACTIVITY)).status, 200);
    assert_eq!(post(&url("/predict/"), &[], large(ONE_FORM)).status, 200);
}
