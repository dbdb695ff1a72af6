//! `codif model push`, `pull`, `verify`, `list`, `show` and `diff`, on a registry in a directory and on one in S3.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::registries::{TestRegistry, files_below, in_each_registry, push_of};
use crate::storage::{s3, s3_reader};
use crate::support::{refusal, stderr, succeeded};
use crate::tiny_models::{WORDS, code_of, tiny_version};
use crate::version_files::{CARD, GOLDEN, VOCABULARY, WEIGHTS, files, flipped, is_version};

#[test]
fn a_version_gets_the_next_number_and_comes_back_as_it_was() {
    let made = tempfile::tempdir().unwrap();
    let (one, other) = (tiny_version(made.path(), 0), tiny_version(made.path(), 1));
    in_each_registry(|registry| {
        let target = tempfile::tempdir().unwrap();
        for (number, version) in (1..).zip([&one, &other, &one]) {
            let name = format!("tiny:{number}");
            assert_eq!(registry.push(version), name);
            let directory = target.path().join(number.to_string());
            let path = directory.to_str().unwrap();
            assert_eq!(registry.said(&["pull", &name, path]), format!("{name} in {path}\n"));
            assert!(is_version(&directory, version, number), "{name}");
        }
        assert_eq!(registry.said(&["push", one.to_str().unwrap(), "--name", "other"]), "other:1\n");
    });
}

#[test]
fn a_version_is_pulled_over_nothing_else() {
    let made = tempfile::tempdir().unwrap();
    let (one, other) = (tiny_version(made.path(), 0), tiny_version(made.path(), 1));
    in_each_registry(|registry| {
        registry.push(&one);
        registry.push(&other);
        let target = tempfile::tempdir().unwrap();
        let directory = target.path().join("held");
        let path = directory.to_str().unwrap();
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("notes"), "mine").unwrap();
        let holds_others = |version: &str| {
            let message = registry.refused(&["pull", version, path]);
            assert!(message.contains(path) && message.contains("holds other files"), "{message}");
        };
        holds_others("tiny:1");
        assert_eq!(files(&directory), BTreeMap::from([("notes".to_owned(), b"mine".to_vec())]));
        fs::remove_file(directory.join("notes")).unwrap();
        // An empty directory is taken, and one that holds the same version.
        registry.said(&["pull", "tiny:1", path]);
        registry.said(&["pull", "tiny:1", path]);
        holds_others("tiny:2");
        assert!(is_version(&directory, &one, 1));
        assert_eq!(fs::read_dir(target.path()).unwrap().count(), 1, "nothing is left beside it");
    });
}

#[test]
fn a_directory_may_be_named_from_where_codif_runs() {
    let (made, here) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let version = tiny_version(made.path(), 0);
    let registry = TestRegistry::in_directory();
    registry.push(&version);
    for directory in ["pulled", "./dotted", "deep/down", "slashed/"] {
        let mut pull = registry.model(&["pull", "tiny:1", directory]);
        let said = succeeded(pull.current_dir(here.path()).output().unwrap());
        assert_eq!(said, format!("tiny:1 in {directory}\n"));
        assert!(is_version(&here.path().join(directory), &version, 1), "{directory}");
    }
}

#[test]
fn a_damaged_copy_is_never_called_whole_by_pulling_again() {
    let made = tempfile::tempdir().unwrap();
    let version = tiny_version(made.path(), 0);
    in_each_registry(|registry| {
        registry.push(&version);
        let target = tempfile::tempdir().unwrap();
        let directory = target.path().join("held");
        let pull = ["pull", "tiny:1", directory.to_str().unwrap()];
        registry.said(&pull);
        fs::remove_file(directory.join(VOCABULARY)).unwrap();
        let again = registry.model(&pull).output().unwrap();
        assert!(!again.status.success() || is_version(&directory, &version, 1));
    });
}

#[test]
fn a_damaged_copy_in_the_cache_is_fetched_again() {
    let made = tempfile::tempdir().unwrap();
    let registry = TestRegistry::in_s3();
    registry.push(&tiny_version(made.path(), 0));
    let code = || registry.command(&["code", WORDS[0], "--model", "tiny:1"]).output().unwrap();
    assert!(code().status.success());
    let mut cached = Vec::new();
    files_below(registry.cache.path(), "", &mut cached);
    let vocabulary = cached.iter().find(|name| name.ends_with(VOCABULARY)).unwrap();
    let path = registry.cache.path().join(vocabulary);
    fs::write(&path, flipped(fs::read(&path).unwrap())).unwrap();
    let again = code();
    assert!(again.status.success(), "the registry has it right: {}", stderr(&again));
}

#[test]
fn what_is_broken_or_no_version_is_not_pushed() {
    let made = tempfile::tempdir().unwrap();
    let version = tiny_version(made.path(), 0);
    let weights = version.join(WEIGHTS);
    fs::write(&weights, flipped(fs::read(&weights).unwrap())).unwrap();
    in_each_registry(|registry| {
        let message = registry.refused(&push_of(&version));
        assert!(message.contains("model.safetensors: sha256 is"), "{message}");
        let message = registry.refused(&push_of(made.path()));
        assert!(message.contains("manifest.json: No such file"), "{message}");
        assert_eq!(registry.keys(), Vec::<String>::new());
    });
}

#[test]
fn verify_says_that_a_version_is_right_or_which_of_its_files_is_not() {
    let made = tempfile::tempdir().unwrap();
    let version = tiny_version(made.path(), 0);
    in_each_registry(|registry| {
        registry.push(&version);
        let right = "tiny:1 is right: 4 files, 3 labels, 6 golden cases; its signature was not asked for\n";
        for file in [CARD, GOLDEN, WEIGHTS, VOCABULARY] {
            assert_eq!(registry.said(&["verify", "tiny:1"]), right);
            let key = format!("tiny/versions/1/{file}");
            let whole = registry.get(&key);
            registry.put(&key, flipped(whole.clone()));
            let message = registry.refused(&["verify", "tiny:1"]);
            assert!(message.contains(&format!("{file}: sha256 is")), "{message}");
            registry.delete(&key);
            let message = registry.refused(&["verify", "tiny:1"]);
            assert!(message.contains(file), "{message}");
            registry.put(&key, whole);
        }
        let message = registry.refused(&["verify", "other:1"]);
        assert!(message.contains("there is no model \"other\"") && message.contains("it holds tiny"), "{message}");
    });
}

#[test]
fn a_registry_is_listed_for_people_and_for_programs() {
    let made = tempfile::tempdir().unwrap();
    let (one, other) = (tiny_version(made.path(), 0), tiny_version(made.path(), 1));
    in_each_registry(|registry| {
        assert_eq!(registry.said(&["list"]), "");
        registry.push(&one);
        registry.push(&other);
        registry.said(&["push", one.to_str().unwrap(), "--name", "another"]);
        registry.said(&["promote", "tiny", "1"]);
        registry.said(&["promote", "tiny", "2", "--alias", "canary"]);
        let listed = registry.said(&["list"]);
        let lines: Vec<&str> = listed.lines().map(str::trim_end).collect();
        assert_eq!(lines, ["another  versions 1", "tiny  versions 1–2  canary → 2, production → 1"]);
        let aliases = json!({"canary": 2, "production": 1});
        assert_eq!(registry.listing(), json!({"name": "tiny", "versions": [1, 2], "aliases": aliases}));
        let before = registry.command(&["model"]).args(["list"]).output().unwrap();
        assert_eq!(before.stdout, listed.as_bytes(), "the registry may be named before the command");
    });
}

#[test]
fn a_version_is_shown_by_number_by_alias_or_by_what_is_in_production() {
    let made = tempfile::tempdir().unwrap();
    let (one, other) = (tiny_version(made.path(), 0), tiny_version(made.path(), 1));
    in_each_registry(|registry| {
        registry.push(&one);
        registry.push(&other);
        registry.said(&["promote", "tiny", "1"]);
        registry.said(&["promote", "tiny", "2", "--alias", "canary"]);
        for (reference, number) in [("tiny", 1), ("tiny@production", 1), ("tiny@canary", 2), ("tiny:2", 2)] {
            let shown = registry.said(&["show", reference]);
            assert!(shown.starts_with(&format!("tiny:{number}  ")), "{shown}");
            assert!(shown.contains("naf2008, 3 labels\n") && shown.contains("signed        no\n"), "{shown}");
            let manifest: Value = serde_json::from_str(&registry.said(&["show", reference, "--json"])).unwrap();
            let kept = registry.get(&format!("tiny/versions/{number}/manifest.json"));
            assert_eq!(manifest, serde_json::from_slice::<Value>(&kept).unwrap());
        }
        let known = "its versions are [2, 1], its aliases [canary → 2, production → 1]";
        for (reference, wanted) in [("tiny:9", "version 9"), ("tiny@staging", "alias \"staging\"")] {
            let message = registry.refused(&["show", reference]);
            assert!(message.contains(&format!("there is no {wanted}")) && message.contains(known), "{message}");
        }
    });
}

#[test]
fn a_version_differs_from_another_in_what_is_named_and_from_itself_in_nothing() {
    let made = tempfile::tempdir().unwrap();
    let (one, other) = (tiny_version(made.path(), 0), tiny_version(made.path(), 1));
    let sample = made.path().join("sample.txt");
    fs::write(&sample, format!("{}\n\n", WORDS.join("\n"))).unwrap();
    let table = made.path().join("sample.tsv");
    fs::write(&table, format!("naf2008\tdescription\n{}\t{}\n", code_of(WORDS[0], 0), WORDS[0])).unwrap();
    in_each_registry(|registry| {
        registry.push(&one);
        registry.push(&other);
        let differences = |before: &str, after: &str, sample: &Path| {
            let said = registry.said(&["diff", before, after, "--sample", sample.to_str().unwrap()]);
            let (manifests, agreement) = said.split_once(&format!("on {}, ", sample.display())).unwrap();
            (manifests.lines().skip(1).collect::<Vec<_>>().join("\n"), agreement.to_owned())
        };
        let (manifests, agreement) = differences("tiny:1", "tiny:1", &sample);
        assert!(!manifests.is_empty() && !manifests.contains('→'), "{manifests}");
        assert!(agreement.starts_with("3 activities:\n"), "{agreement}");
        let rows: Vec<&str> = agreement.lines().skip(1).collect();
        assert_eq!(rows.iter().map(|row| &row[2..5]).collect::<Vec<_>>(), ["all", "C  ", "F  ", "S  "]);
        for row in rows {
            assert!(row.contains("same code 100.0 %   same decision 100.0 %") && row.ends_with("gap +0.000"), "{row}");
        }
        let (manifests, agreement) = differences("tiny:1", "tiny:2", &sample);
        assert!(manifests.contains(&format!("labels gone   {}", code_of(WORDS[0], 0))), "{manifests}");
        assert!(manifests.contains(&format!("labels new    {}", code_of(WORDS[2], 1))), "{manifests}");
        assert!(agreement.lines().nth(1).unwrap().contains("same code   0.0 %"), "{agreement}");
        assert!(differences("tiny:1", "tiny:2", &table).1.starts_with("1 activities:\n"));
        let missing = registry.model(&["diff", "tiny:1", "tiny:3"]).output().unwrap();
        assert!(refusal(&missing).contains("there is no version 3"));
    });
}

#[test]
fn who_may_only_read_reads_and_is_told_what_is_refused() {
    let made = tempfile::tempdir().unwrap();
    let version = tiny_version(made.path(), 0);
    let (writer, reader) = (s3(), s3_reader());
    let location = writer.registry();
    let run = |whose: &crate::storage::TestS3, arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_codif"));
        command.arg("model").args(arguments).args(["--registry", &location]).envs(whose.environment());
        command.output().unwrap()
    };
    assert_eq!(succeeded(run(&writer, &push_of(&version))), "tiny:1\n");
    assert!(succeeded(run(&reader, &["verify", "tiny:1"])).starts_with("tiny:1 is right"));
    for refused in [&["promote", "tiny", "1"][..], &push_of(&version), &["delete", "tiny:1"]] {
        assert!(refusal(&run(&reader, refused)).contains("refuses: AccessDenied"), "{refused:?}");
    }
    assert!(succeeded(run(&writer, &["list"])).contains("versions 1"));
}
