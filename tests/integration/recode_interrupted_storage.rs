//! `codif recode` that is killed, or loses S3, while it reads or sends there: it goes on, and leaves nothing half sent.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Config, Credentials, Region};

use crate::fault_proxy::{Fault, FaultProxy};
use crate::recode_runs::{PARTS, ROWS, bytes, finished, kill_when, path};
use crate::recoding::{recode, rows, write};
use crate::storage::{TestS3, s3};
use crate::support::{refusal, succeeded};

const MIB: u64 = 1 << 20;
/// Bytes a second of each connection, when it has to take its time.
const SLOW: Fault = Fault::Bandwidth(4 * MIB);
/// Rows as wide as they get: some 1,300 bytes each.
const WIDE: [&str; 6] = ["--description", "libelle", "--model", "ape-naf2008", "--top-k", "50"];

/// S3, the same behind a proxy, and a place there that no other test has.
fn place() -> (TestS3, TestS3, FaultProxy, String) {
    let (direct, mut behind) = (s3(), s3());
    let proxy = FaultProxy::start(&direct.endpoint);
    behind.endpoint = proxy.url();
    let place = direct.registry();
    (direct, behind, proxy, place)
}

fn command(s3: &TestS3, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_codif"));
    command.args(["recode", "--quiet"]).args(arguments).args(WIDE).args(PARTS).envs(s3.environment());
    command.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(s3: &TestS3, arguments: &[&str]) -> Output {
    command(s3, arguments).output().unwrap()
}

/// The keys of the uploads in parts that were begun below a prefix and not ended.
fn unfinished(s3: &TestS3, prefix: &str) -> Vec<String> {
    let config = Config::builder()
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(&s3.endpoint)
        .force_path_style(true)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(&s3.key, &s3.secret, None, None, "tests"))
        .build();
    let request = Client::from_conf(config).list_multipart_uploads().bucket(&s3.bucket).prefix(prefix);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = runtime.block_on(request.send()).unwrap();
    let keys = answer.uploads().iter().filter_map(|upload| upload.key());
    keys.filter(|key| key.starts_with(prefix)).map(str::to_owned).collect()
}

#[test]
fn a_file_that_was_half_sent_is_sent_whole() {
    let (s3, behind, proxy, place) = place();
    let folder = tempfile::tempdir().unwrap();
    let [input, whole, work] = ["in.csv", "whole.csv", "work"].map(|name| path(folder.path(), name));
    write(Path::new(&input), &rows(16_384));
    recode(&[&[input.as_str(), &whole], &WIDE[..], &PARTS].concat());
    let whole = fs::read(&whole).unwrap();
    assert!(whole.len() as u64 > 18 * MIB, "large enough to be sent in parts: {}", whole.len());

    let (output, key) = (format!("{place}/out.csv"), s3.key_of(&place, "out.csv"));
    proxy.set(SLOW);
    let run_to_kill = command(&behind, &[&input, &output, "--work", &work]).spawn().unwrap();
    kill_when(run_to_kill, "half of its output", || proxy.bytes_up() > 8 * MIB);
    assert_eq!((unfinished(&s3, &key).len(), s3.keys(&key).len()), (1, 0), "it was begun, and is not there");
    proxy.set(Fault::None);
    succeeded(run(&behind, &[&input, &output, "--work", &work]));
    assert!(s3.get(&key) == whole);
    assert!(unfinished(&s3, &s3.key_of(&place, "")).is_empty(), "nothing half sent is left");
    assert!(!Path::new(&work).exists());
}

#[test]
fn a_directory_that_was_half_sent_says_so_until_it_is_whole() {
    let (s3, behind, proxy, place) = place();
    let folder = tempfile::tempdir().unwrap();
    let [input, whole, work] = ["in.csv", "whole", "work"].map(|name| path(folder.path(), name));
    write(Path::new(&input), &rows(9000));
    let to_json = ["--format", "ndjson"];
    recode(&[&[input.as_str(), &whole], &WIDE[..], &PARTS, &to_json].concat());

    let (output, below) = (format!("{place}/out/"), s3.key_of(&place, "out/"));
    proxy.set(SLOW);
    let given = [&[input.as_str(), &output, "--work", &work], &to_json[..]].concat();
    kill_when(command(&behind, &given).spawn().unwrap(), "a part of its output", || !s3.keys(&below).is_empty());
    let keys = s3.keys(&below);
    assert!(keys.len() < 5 && !keys.iter().any(|key| key.ends_with("_SUCCESS")), "{keys:?}");
    proxy.set(Fault::None);
    succeeded(run(&behind, &given));
    let names = s3.keys(&below).into_iter().map(|key| key.strip_prefix(&below).unwrap().to_owned());
    let sent = names.map(|name| (name.clone(), s3.get(&format!("{below}{name}"))));
    assert!(sent.collect::<std::collections::BTreeMap<_, _>>() == bytes(Path::new(&whole)));
}

#[test]
fn an_input_that_is_lost_or_changes_in_between_is_told() {
    let (s3, behind, proxy, place) = place();
    let folder = tempfile::tempdir().unwrap();
    let [local, output, work] = ["in.csv", "out.parquet", "work"].map(|name| path(folder.path(), name));
    write(Path::new(&local), &rows(ROWS));
    let (input, key) = (format!("{place}/in.csv"), s3.key_of(&place, "in.csv"));
    s3.put(&key, fs::read(&local).unwrap());
    let given = [input.as_str(), &output, "--work", &work];
    let begun = command(&behind, &given).spawn().unwrap();
    kill_when(begun, "two parts", || finished(Path::new(&work)) >= 2);

    proxy.set(Fault::Refuse);
    let message = refusal(&run(&behind, &given));
    assert!(message.contains(&s3.bucket), "{message}");
    proxy.set(Fault::None);
    s3.put(&key, [fs::read(&local).unwrap(), b"99999,vente de pain,,\n".to_vec()].concat());
    let message = refusal(&run(&behind, &given));
    assert!(message.contains(&format!("{input} has changed since the run began")), "{message}");
    assert!(finished(Path::new(&work)) >= 2, "nothing is lost");
    // As it was, it is gone on with.
    s3.put(&key, fs::read(&local).unwrap());
    let summary: serde_json::Value = serde_json::from_str(&succeeded(run(&behind, &given))).unwrap();
    assert_eq!(summary["rows"], ROWS);
}

#[test]
fn what_others_have_beside_the_parts_stays() {
    let (s3, folder) = (s3(), tempfile::tempdir().unwrap());
    let place = s3.registry();
    let [input, work] = ["in.csv", "work"].map(|name| path(folder.path(), name));
    write(Path::new(&input), &rows(100));
    let output = format!("{place}/out/");
    s3.put(&s3.key_of(&place, "out/notes.txt"), "somebody's");
    assert!(refusal(&run(&s3, &[&input, &output, "--work", &work])).contains("--overwrite"));
    succeeded(run(&s3, &[&input, &output, "--work", &work, "--overwrite"]));
    let below = s3.key_of(&place, "out/");
    let names: Vec<String> = s3.keys(&below).iter().map(|key| key.strip_prefix(&below).unwrap().to_owned()).collect();
    assert_eq!(names, ["_SUCCESS", "notes.txt", "part-000001.parquet"]);
}
