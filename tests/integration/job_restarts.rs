//! Jobs outlive the process that took them: it is killed, stopped, replaced by one with other models.

use std::fs;
use std::path::Path;
use std::time::Duration;

use codif::store::Store;
use codif::store::job::JobId;
use codif::store::location::StoreLocation;
use jiff::Timestamp;
use serde_json::json;

use crate::following::{filled, serve};
use crate::job_client::{Codif, libelle};
use crate::recode_runs::{ROWS, path};
use crate::recoding::{column, read, recode, rows, write};
use crate::registries::TestRegistry;
use crate::tiny_models::{WORDS, code_of};
use crate::watching::eventually;

const ONE_THREAD: [&str; 2] = ["--jobs-threads", "1"];

/// An input that takes a while, and what `codif recode` makes of it.
fn long(folder: &Path) -> (Vec<u8>, Vec<u8>) {
    let (input, output) = (folder.join("a.csv"), path(folder, "expected.csv"));
    write(&input, &rows(8 * ROWS));
    recode(&[input.to_str().unwrap(), &output, "--description", "libelle"]);
    (fs::read(&input).unwrap(), fs::read(&output).unwrap())
}

#[test]
fn a_job_of_a_killed_codif_is_gone_on_with_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("jobs");
    let (input, expected) = long(folder.path());
    let codif = Codif::in_directory(&place, &ONE_THREAD);
    let (running, waiting) =
        (codif.submit("a.csv", &input, &libelle()), codif.submit("a.csv", b"libelle\nx\n", &libelle()));
    codif.until_under_way(&running);
    drop(codif); // kill -9
    let codif = Codif::in_directory(&place, &[]);
    let job = codif.until(&running, "finished");
    assert_eq!((&job["attempts"], &job["progress"]["rows"]), (&json!(2), &json!(8 * ROWS)));
    assert!(codif.made(&running, "result") == expected, "other bytes than those of codif recode");
    codif.until(&waiting, "finished");
}

#[test]
fn a_stop_puts_the_job_back_and_counts_as_no_attempt() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("jobs");
    let (input, expected) = long(folder.path());
    let mut codif = Codif::in_directory(&place, &ONE_THREAD);
    let id = codif.submit("a.csv", &input, &libelle());
    codif.until_under_way(&id);
    codif.process.terminate();
    assert!(codif.process.wait().success());
    let ended = codif.process.log();
    assert!(
        ended.iter().any(|line| line["fields"]["outcome"] == "released" || line["outcome"] == "released"),
        "{ended:?}"
    );
    let codif = Codif::in_directory(&place, &[]);
    assert_eq!(codif.until(&id, "finished")["attempts"], 1);
    assert!(codif.made(&id, "result") == expected, "other bytes than those of codif recode");
}

#[test]
fn a_job_keeps_the_versions_it_was_asked_with() {
    let folder = tempfile::tempdir().unwrap();
    let registry = filled(TestRegistry::in_directory(), 2);
    registry.said(&["promote", "tiny", "2"]);
    // As a codif left it that served the first version.
    let id = JobId::random();
    let location = StoreLocation::File(folder.path().join("codif.sqlite"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let task = json!({"request": {}, "upload": "upload.csv", "models": ["tiny:1"]});
    runtime.block_on(async {
        let store = Store::open(&location).await.unwrap();
        store.jobs().insert(&id, &task, None, Timestamp::now()).await.unwrap();
        store.close().await;
    });
    let upload = folder.path().join(id.as_str()).join("upload.csv");
    fs::create_dir(upload.parent().unwrap()).unwrap();
    fs::write(&upload, format!("description\n{}\n", WORDS[0])).unwrap();

    let codif = Codif::start(serve(&registry, &["--jobs-place", folder.path().to_str().unwrap()]));
    codif.until(id.as_str(), "finished");
    let result = folder.path().join("result.csv");
    fs::write(&result, codif.made(id.as_str(), "result")).unwrap();
    let result = read(&result);
    assert_eq!(
        (column(&result, "model")[0].as_str(), column(&result, "code")[0].as_str()),
        ("tiny:1", code_of(WORDS[0], 0))
    );

    let later = codif.submit("a.csv", format!("description\n{}\n", WORDS[0]).as_bytes(), &json!({}));
    assert_eq!(codif.until(&later, "finished")["models"], json!(["tiny:2"]));
}

#[test]
fn a_version_that_is_gone_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let registry = filled(TestRegistry::in_directory(), 1);
    let id = JobId::random();
    let location = StoreLocation::File(folder.path().join("codif.sqlite"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let task = json!({"request": {}, "upload": "upload.csv", "models": ["tiny:7"]});
    runtime.block_on(async {
        let store = Store::open(&location).await.unwrap();
        store.jobs().insert(&id, &task, None, Timestamp::now()).await.unwrap();
        store.close().await;
    });
    let codif = Codif::start(serve(&registry, &["--jobs-place", folder.path().to_str().unwrap()]));
    let job = codif.until(id.as_str(), "failed");
    assert!(job["error"].as_str().unwrap().contains('7'), "{job}");
}

#[test]
fn jobs_that_ended_expire_with_their_results() {
    let folder = tempfile::tempdir().unwrap();
    let codif = Codif::in_directory(folder.path(), &[]);
    let id = codif.submit("a.csv", b"libelle\ncoiffure\n", &libelle());
    codif.until(&id, "finished");
    drop(codif);
    let codif = Codif::in_directory(folder.path(), &["--jobs-keep", "1h"]);
    assert_eq!(codif.job(&id)["state"], "finished");
    drop(codif);
    // What ended a millisecond ago is too old.
    std::thread::sleep(Duration::from_millis(5));
    let codif = Codif::in_directory(folder.path(), &["--jobs-keep", "1ms"]);
    eventually("its end", || codif.get(&format!("/v1/jobs/{id}")).status == 404);
    assert!(!folder.path().join(&id).exists());
}
