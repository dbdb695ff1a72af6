//! `codif recode` that is killed, stopped, or out of room goes on to the bytes that it would have written anyway.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::recode_runs::{PARTS, ROWS, bytes, finished, path, started};
use crate::recoding::{recode, rows, write};
use crate::support::{codif, refusal, stderr};
use crate::watching::soon;

fn arguments<'a>(input: &'a str, output: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let given = ["recode", "--quiet", input, output, "--description", "libelle", "--model", "ape-naf2008"];
    [&given[..], &PARTS, more].concat()
}

#[test]
fn a_run_that_was_killed_goes_on_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let input = path(folder.path(), "in.csv");
    write(Path::new(&input), &rows(ROWS));
    for (name, more) in [
        ("out.parquet", &[][..]),
        ("out.csv.gz", &["--threads", "3"]),
        ("out", &["--partition-by", "nature", "--format", "ndjson"]),
    ] {
        let whole = path(folder.path(), &format!("whole-{name}"));
        recode(&arguments(&input, &whole, more)[2..]);
        let output = path(folder.path(), name);
        let work = folder.path().join(format!("{name}.recode"));
        for parts in [2, 7] {
            let mut run = started(&arguments(&input, &output, more));
            soon("some parts", || (finished(&work) > parts || run.try_wait().unwrap().is_some()).then_some(()));
            run.kill().unwrap();
            assert_eq!(run.wait().unwrap().signal(), Some(9), "{name}: it was too fast");
            assert!(!Path::new(&output).exists(), "nothing of the output's name is there before its end");
        }
        let first = work.join("part-000001.json");
        let before = fs::metadata(&first).unwrap().modified().unwrap();
        // One that is damaged in between is made again; the first is not.
        let damaged = fs::read_dir(&work).unwrap().map(|entry| entry.unwrap().path());
        let damaged = damaged
            .filter(|path| path.to_str().unwrap().contains("part-000003"))
            .find(|path| path.extension().unwrap() != "json");
        fs::write(damaged.unwrap(), "torn").unwrap();
        let mut run = started(&arguments(&input, &output, more));
        soon("the parts after it", || (finished(&work) > 9 || run.try_wait().unwrap().is_some()).then_some(()));
        if let Ok(metadata) = fs::metadata(&first) {
            assert_eq!(metadata.modified().unwrap(), before, "{name}: a finished part is not made again");
        }
        assert!(run.wait().unwrap().success(), "{name}");
        assert!(bytes(Path::new(&output)) == bytes(Path::new(&whole)), "{name}: other bytes than without a kill");
        assert!(!work.exists());
    }
}

#[test]
fn an_interrupted_run_says_how_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let [input, output] = ["in.csv", "out.csv"].map(|name| path(folder.path(), name));
    write(Path::new(&input), &rows(ROWS));
    let run = started(&arguments(&input, &output, &[]));
    let work = folder.path().join("out.csv.recode");
    soon("a part", || (finished(&work) > 1).then_some(()));
    assert!(Command::new("kill").args(["-INT", &run.id().to_string()]).status().unwrap().success());
    let ended = run.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(130));
    assert!(stderr(&ended).contains("the same command goes on from what is in"), "{}", stderr(&ended));

    // Other settings, or an input that changed, are not what was begun.
    let message = refusal(&codif(&arguments(&input, &output, &["--top-k", "2"])));
    assert!(message.contains("top_k differs") && message.contains("--restart"), "{message}");
    let changed = fs::read_to_string(&input).unwrap() + "99999,vente de pain,,1071C\n";
    fs::write(&input, changed).unwrap();
    let message = refusal(&codif(&arguments(&input, &output, &[])));
    assert!(message.contains("in.csv has changed since the run began"), "{message}");
    assert!(finished(&work) > 1, "nothing is lost");
    let summary = recode(&arguments(&input, &output, &["--restart"])[2..]);
    assert_eq!(summary["rows"], json!(ROWS + 1));
    let message = refusal(&codif(&arguments(&input, &output, &[])));
    assert!(message.contains("out.csv is there already") && message.contains("--overwrite"), "{message}");
    assert_eq!(recode(&arguments(&input, &output, &["--overwrite"])[2..])["rows"], json!(ROWS + 1));
}

#[test]
fn one_process_is_at_a_work_place() {
    let folder = tempfile::tempdir().unwrap();
    let [input, output] = ["in.csv", "out.csv"].map(|name| path(folder.path(), name));
    write(Path::new(&input), &rows(ROWS));
    let mut run = started(&arguments(&input, &output, &[]));
    soon("its lock", || folder.path().join("out.csv.recode/run.json").exists().then_some(()));
    let message = refusal(&codif(&arguments(&input, &output, &[])));
    assert!(message.contains("out.csv.recode is in use by another codif"), "{message}");
    assert!(run.wait().unwrap().success());
}

#[test]
fn a_run_keeps_the_versions_it_began_with() {
    let folder = tempfile::tempdir().unwrap();
    let registry = crate::tiny_models::tiny_registry();
    let place = registry.path().to_str().unwrap();
    let [input, output, whole] = ["in.csv", "out.csv", "whole.csv"].map(|name| path(folder.path(), name));
    write(Path::new(&input), &rows(ROWS));
    let tiny = |output: &str| {
        let given = ["recode", "--quiet", &input, output, "--description", "libelle", "--registry", place];
        [&given[..], &PARTS].concat().into_iter().map(str::to_owned).collect::<Vec<String>>()
    };
    let [of_output, of_whole] = [&output, &whole].map(|output| tiny(output));
    let of_output: Vec<&str> = of_output.iter().map(String::as_str).collect();
    let of_whole: Vec<&str> = of_whole.iter().map(String::as_str).collect();
    recode(&of_whole[2..]);
    let mut run = started(&of_output);
    let work = folder.path().join("out.csv.recode");
    soon("a part", || (finished(&work) > 1).then_some(()));
    run.kill().unwrap();
    assert_eq!(run.wait().unwrap().signal(), Some(9), "it was too fast");
    crate::support::succeeded(codif(&["model", "promote", "tiny", "2", "--registry", place]));
    let summary = recode(&of_output[2..]);
    assert_eq!(summary["nomenclatures"]["naf2008"]["model"], json!("tiny:1"));
    assert!(fs::read(&output).unwrap() == fs::read(&whole).unwrap());
}

#[test]
fn a_run_without_room_says_so_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let [input, output, whole] = ["in.csv", "out.csv", "whole.csv"].map(|name| path(folder.path(), name));
    write(Path::new(&input), &rows(ROWS));
    recode(&arguments(&input, &whole, &[])[2..]);
    // The largest file a process may write stands for a disk that is full: in blocks of 1,024 bytes; the signal is left out.
    let limited = "trap '' XFSZ; ulimit -f 600; exec \"$0\" \"$@\"";
    let run = Command::new("bash")
        .args(["-c", limited, env!("CARGO_BIN_EXE_codif")])
        .args(arguments(&input, &output, &[]))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let message = refusal(&run);
    assert!(message.contains("out.csv"), "it names the file: {message}");
    assert!(!Path::new(&output).exists());
    assert_eq!(
        fs::read_dir(folder.path())
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name().to_str().unwrap().ends_with(".unfinished"))
            .count(),
        0
    );
    recode(&arguments(&input, &output, &[])[2..]);
    assert!(fs::read(&output).unwrap() == fs::read(&whole).unwrap());
}
