//! Jobs of several replicas: their database is a real PostgreSQL, their files are in a real S3.

use std::fs;
use std::path::Path;
use std::time::Duration;

use codif::store::Store;
use codif::store::job::{JobId, Progress};
use codif::store::location::StoreLocation;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::fault_proxy::{Fault, FaultProxy};
use crate::job_client::{Codif, accepted, libelle};
use crate::job_store::new_database_url;
use crate::recode_runs::{ROWS, path};
use crate::recoding::{column, read, recode, rows, write};
use crate::replies::post;
use crate::storage::{TestS3, s3};
use crate::watching::{eventually, within};

/// Longer than a lease.
const LEASE: Duration = Duration::from_secs(90);

struct Replicas {
    s3: TestS3,
    database: String,
    place: String,
    scratch: tempfile::TempDir,
}

impl Replicas {
    fn new() -> Self {
        let s3 = s3();
        let place = s3.registry();
        Self { place, s3, database: new_database_url(), scratch: tempfile::tempdir().unwrap() }
    }

    fn start(&self, name: &str, arguments: &[&str]) -> Codif {
        let scratch = self.scratch.path().join(name);
        let own = ["--jobs-place", self.place.as_str(), "--jobs-scratch", scratch.to_str().unwrap()];
        let mut environment = self.s3.environment();
        environment.push(("CODIF_DATABASE_URL".to_owned(), self.database.clone()));
        Codif::with(&[&own[..], arguments].concat(), &environment)
    }

    /// The keys of what a job has in the place.
    fn keys(&self, id: &str) -> Vec<String> {
        let below = self.s3.key_of(&self.place, &format!("{id}/"));
        self.s3.keys(&below).iter().map(|key| key[below.len()..].to_owned()).collect()
    }

    fn scratch_of(&self, name: &str) -> usize {
        fs::read_dir(self.scratch.path().join(name)).unwrap().count()
    }
}

fn input(folder: &Path, count: usize) -> Vec<u8> {
    let input = folder.join("a.csv");
    write(&input, &rows(count));
    fs::read(&input).unwrap()
}

#[test]
fn any_replica_does_a_job_and_any_hands_its_result_out() {
    let (replicas, folder) = (Replicas::new(), tempfile::tempdir().unwrap());
    let (one, other) = (replicas.start("one", &[]), replicas.start("other", &[]));
    let input = [input(folder.path(), 500), b"501,\"\",,\n".to_vec()].concat();
    let ids: Vec<String> = (0..4).map(|_| one.submit("a.csv", &input, &libelle())).collect();
    fs::write(folder.path().join("a.csv"), &input).unwrap();
    let expected = path(folder.path(), "expected.csv");
    recode(&[&path(folder.path(), "a.csv"), &expected, "--description", "libelle"]);
    for id in &ids {
        other.until(id, "finished");
        assert!(other.made(id, "result") == fs::read(&expected).unwrap(), "other bytes than those of codif recode");
        assert!(one.made(id, "errors").starts_with(b"PAR1"));
        eventually("no upload", || replicas.keys(id) == ["errors.parquet", "result.csv"]);
    }
    eventually("no scratch", || replicas.scratch_of("one") + replicas.scratch_of("other") == 0);
    assert_eq!(one.delete(&format!("/v1/jobs/{}", ids[0])), 204);
    assert!(replicas.keys(&ids[0]).is_empty());
    other.get(&format!("/v1/jobs/{}", ids[0])).is_problem(404, "unknown_job");
}

#[test]
fn a_replica_takes_over_from_one_that_was_killed() {
    let (replicas, folder) = (Replicas::new(), tempfile::tempdir().unwrap());
    let input = input(folder.path(), 8 * ROWS);
    let one = replicas.start("one", &["--jobs-threads", "1"]);
    let id = one.submit("a.csv", &input, &libelle());
    one.until_under_way(&id);
    let other = replicas.start("other", &[]);
    drop(one); // kill -9
    let job = within(LEASE, "the heir", || {
        let job = other.job(&id);
        assert_ne!(job["state"], "failed", "{job}");
        (job["state"] == "finished").then_some(job)
    });
    assert_eq!((&job["attempts"], &job["progress"]["rows"]), (&json!(2), &json!(8 * ROWS)));
    let expected = path(folder.path(), "expected.csv");
    recode(&[&path(folder.path(), "a.csv"), &expected, "--description", "libelle"]);
    assert!(other.made(&id, "result") == fs::read(&expected).unwrap(), "other bytes than those of codif recode");
}

#[test]
fn a_job_reads_and_writes_the_addresses_it_was_told() {
    let (replicas, folder) = (Replicas::new(), tempfile::tempdir().unwrap());
    let open = replicas.s3.registry();
    let codif = replicas.start("one", &["--jobs-s3", &open]);
    for name in ["in/a.csv", "in/b.csv"] {
        replicas.s3.put(&replicas.s3.key_of(&open, name), input(folder.path(), 100));
    }
    let ask = |more: Value| {
        let mut request = json!({
            "input": [format!("{open}/in/")], "output": format!("{open}/out.parquet"), "nomenclatures": ["naf2008"],
            "columns": {"description": "libelle"},
        });
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        accepted(&codif.ask(&request))
    };
    let id = ask(json!({}));
    let job = codif.until(&id, "finished");
    assert_eq!(job["summary"]["output"], format!("{open}/out.parquet"));
    let result = folder.path().join("out.parquet");
    fs::write(&result, replicas.s3.get(&replicas.s3.key_of(&open, "out.parquet"))).unwrap();
    assert_eq!(column(&read(&result), "code").len(), 200);
    codif.get(&format!("/v1/jobs/{id}/result")).is_problem(409, "result_elsewhere");
    assert!(replicas.keys(&id).is_empty());

    let again = codif.until(&ask(json!({})), "failed");
    assert!(again["error"].as_str().unwrap().contains("is there already"), "{again}");
    codif.until(&ask(json!({"overwrite": true})), "finished");
    let nothing = codif.until(&ask(json!({"input": [format!("{open}/nothing/")], "overwrite": true})), "failed");
    assert!(nothing["error"].as_str().unwrap().contains("nothing/: no file"), "{nothing}");
}

#[test]
fn codings_go_on_while_the_database_is_away_and_jobs_when_it_is_back() {
    let (replicas, folder) = (Replicas::new(), tempfile::tempdir().unwrap());
    let server = replicas.database.rsplit_once('@').unwrap().1.split_once('/').unwrap().0.to_owned();
    let proxy = FaultProxy::start(&server);
    let behind = replicas.database.replace(&server, proxy.url().trim_start_matches("http://"));
    let replicas = Replicas { database: behind, ..replicas };
    // At the start.
    proxy.set(Fault::Refuse);
    let codif = replicas.start("one", &["--jobs-threads", "1"]);
    let codes = || assert_eq!(post(&format!("{}/v1/code", codif.url), &[], crate::replies::ONE_ACTIVITY).status, 200);
    codes();
    let refused = codif.upload("a.csv", b"libelle\ncoiffure\n", &libelle());
    refused.is_problem(503, "unavailable");
    refused.says_when();
    proxy.set(Fault::None);
    eventually("the database", || codif.get("/v1/jobs").status == 200);
    // While a job is under way.
    let id = codif.submit("a.csv", &input(folder.path(), 4 * ROWS), &libelle());
    codif.until_under_way(&id);
    proxy.set(Fault::Refuse);
    codif.get("/v1/jobs").is_problem(503, "unavailable");
    codes();
    proxy.set(Fault::None);
    let job = within(LEASE, "the end", || {
        let reply = codif.get(&format!("/v1/jobs/{id}"));
        (reply.body["state"] == "finished").then_some(reply.body)
    });
    assert_eq!((&job["attempts"], &job["progress"]["rows"]), (&json!(1), &json!(4 * ROWS)));
}

#[test]
fn an_output_that_is_there_stays_unless_the_job_itself_had_begun_to_write_it() {
    let folder = tempfile::tempdir().unwrap();
    let s3 = s3();
    let open = s3.registry();
    s3.put(&s3.key_of(&open, "in.csv"), input(folder.path(), 10));
    let out = s3.key_of(&open, "out.csv");
    let location = StoreLocation::File(folder.path().join("codif.sqlite"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let request = json!({"input": [format!("{open}/in.csv")], "output": format!("{open}/out.csv"), "columns": libelle()["columns"]});
    let task = json!({"request": request, "upload": null, "models": ["ape-naf2008:1"]});
    for (finishing, state) in [(false, "failed"), (true, "finished")] {
        s3.put(&out, "somebody's");
        // As one left it that was killed.
        let id = JobId::random();
        runtime.block_on(async {
            let (store, now) = (Store::open(&location).await.unwrap(), Timestamp::now());
            store.jobs().insert(&id, &task, None, now).await.unwrap();
            store.jobs().claim("dead", now, Duration::from_secs(60)).await.unwrap().unwrap();
            let progress = Progress { finishing, ..Progress::default() };
            store.jobs().renew(&id, "dead", now, Duration::from_secs(60), &progress).await.unwrap();
            store.close().await;
        });
        let place = folder.path().to_str().unwrap();
        let codif = Codif::with(&["--jobs-place", place, "--jobs-s3", &open], &s3.environment());
        let job = codif.until(id.as_str(), state);
        assert_eq!((&job["attempts"], s3.get(&out) == b"somebody's"), (&json!(2), !finishing), "{job}");
    }
}
