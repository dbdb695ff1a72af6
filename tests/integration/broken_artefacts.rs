//! A version that is not right is refused by whoever meets it: verified, pushed, loaded. What is served goes on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use codif::model::digest::digest;
use serde_json::{Value, json};

use crate::damages::{Damage, damages};
use crate::process::Process;
use crate::registries::{TestRegistry, push_of};
use crate::replies::{ONE_ACTIVITY, Reply, get, post};
use crate::support::{Server, codif, copy, refusal, succeeded};
use crate::tiny_models::{WORDS, code_of, tiny_registry, tiny_version};
use crate::version_files::{CARD, MANIFEST, edit, edit_manifest, flipped};
use crate::watching::metric;

const FOLLOWING: [&str; 6] =
    ["--model", "tiny@production", "--reload-interval", "0s", "--sirene-nomenclature", "naf2008"];
const STALE: &str = "codif_model_stale{reference=\"tiny@production\"}";

/// Makes version `number` of [`tiny_registry`]: version 2 with something wrong.
fn damaged(registry: &Path, number: u32, damage: &Damage) {
    let versions = registry.join("tiny/versions");
    let version = versions.join(number.to_string());
    if version.exists() {
        fs::remove_dir_all(&version).unwrap();
    }
    copy(&versions.join("2"), &version);
    (damage.to)(&version);
}

/// `codif ARGUMENTS` on a registry in a directory.
fn run(registry: &Path, arguments: &[&str]) -> Output {
    codif(&[arguments, &["--registry", registry.to_str().unwrap()]].concat())
}

/// Flags of a server of what is in production, which looks at the registry only when told to.
fn serving(registry: &Path) -> Vec<&str> {
    [&["--registry", registry.to_str().unwrap()][..], &FOLLOWING].concat()
}

fn reload(server: &Server) -> Reply {
    post(&format!("{}/admin/models/tiny/reload", server.operations_url), &[], "")
}

/// What the operations port tells of the model.
fn told(server: &Server) -> Value {
    get(&format!("{}/admin/models", server.operations_url), &[]).body[0].clone()
}

/// Asserts that this version, of this seed, answers.
fn answers(server: &Server, version: u32, seed: u64) {
    let (_, reply) = server.post("/v1/code", ONE_ACTIVITY);
    let coding = &reply["results"][0]["codings"]["naf2008"];
    assert_eq!(coding["model"], json!({"name": "tiny", "version": version}));
    assert_eq!(coding["predictions"][0]["code"], code_of(WORDS[0], seed));
}

#[test]
fn verify_says_what_is_wrong() {
    let registry = tiny_registry();
    for damage in damages() {
        damaged(registry.path(), 3, &damage);
        damage.is_told_by(&refusal(&run(registry.path(), &["model", "verify", "tiny:3"])));
    }
}

#[test]
fn push_says_what_is_wrong_before_anything_is_sent() {
    let (made, registry) = (tiny_registry(), TestRegistry::in_directory());
    for damage in damages() {
        damaged(made.path(), 3, &damage);
        damage.is_told_by(&registry.refused(&push_of(&made.path().join("tiny/versions/3"))));
        assert_eq!(registry.keys(), Vec::<String>::new());
    }
}

#[test]
fn a_server_that_is_told_to_load_what_is_wrong_goes_on_with_the_version_before() {
    let registry = tiny_registry();
    let server = Server::start_with(&serving(registry.path()), &[]);
    let promote = |number: u32| {
        succeeded(run(registry.path(), &["model", "promote", "tiny", &number.to_string()]));
    };
    for (number, damage) in (3..).zip(damages()) {
        damaged(registry.path(), number, &damage);
        promote(number);
        let reply = reload(&server);
        reply.is_problem(502, "reload_failed");
        damage.is_told_by(reply.body["detail"].as_str().unwrap());
        let told = told(&server);
        assert_eq!(told["version"], json!({"name": "tiny", "version": 1}));
        assert_eq!(told["stale"]["version"], json!({"name": "tiny", "version": number}));
        damage.is_told_by(told["stale"]["reason"].as_str().unwrap());
        assert_eq!(metric(&server.operations_url, STALE), 1.0);
        answers(&server, 1, 0);
    }
    promote(2);
    let reply = reload(&server);
    assert_eq!((reply.status, &reply.body[0]["changed"]), (200, &json!(true)), "{}", reply.body);
    assert_eq!((&told(&server)["stale"], metric(&server.operations_url, STALE)), (&Value::Null, 0.0));
    answers(&server, 2, 1);
}

#[test]
fn nothing_starts_on_what_is_wrong() {
    let registry = tiny_registry();
    for damage in damages() {
        damaged(registry.path(), 1, &damage);
        damage.is_told_by(&refusal(&run(registry.path(), &["code", WORDS[0]])));
        damage.is_told_by(&Process::on_loopback(&serving(registry.path())).refusal());
    }
}

#[test]
fn a_version_without_a_manifest_is_none() {
    let registry = tiny_registry();
    let server = Server::start_with(&serving(registry.path()), &[]);
    succeeded(run(registry.path(), &["model", "promote", "tiny", "2"]));
    let version = registry.path().join("tiny/versions/2");
    fs::remove_file(version.join(MANIFEST)).unwrap();
    let there_is_none = |message: &str| {
        assert!(message.contains("tiny/versions/2/manifest.json: there is none"), "{message}");
    };
    there_is_none(&refusal(&run(registry.path(), &["model", "verify", "tiny:2"])));
    there_is_none(&refusal(&run(registry.path(), &["code", WORDS[0]])));
    let reply = reload(&server);
    reply.is_problem(502, "reload_failed");
    there_is_none(reply.body["detail"].as_str().unwrap());
    answers(&server, 1, 0);
    let message = TestRegistry::in_directory().refused(&push_of(&version));
    assert!(message.contains("manifest.json: No such file"), "{message}");
}

#[test]
fn every_file_that_the_manifest_lists_is_looked_at() {
    let changes: [fn(&Path); 2] =
        [|version| edit(version, CARD, flipped), |version| fs::remove_file(version.join(CARD)).unwrap()];
    for change in changes {
        let (made, registry) = (tiny_registry(), TestRegistry::in_directory());
        let version = made.path().join("tiny/versions/2");
        change(&version);
        let message = refusal(&run(made.path(), &["model", "verify", "tiny:2"]));
        assert!(message.contains("MODEL_CARD.md: "), "{message}");
        let message = registry.refused(&push_of(&version));
        assert!(message.contains("MODEL_CARD.md: "), "{message}");
        assert_eq!(registry.keys(), Vec::<String>::new(), "nothing was sent");
    }
}

/// A version whose manifest lists, with the right digest, a file by a path.
fn with_a_path(folder: &Path, path: &str) -> PathBuf {
    let version = tiny_version(folder, 0);
    let file = version.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, "1").unwrap();
    let digest = serde_json::to_value(digest(b"1")).unwrap();
    edit_manifest(&version, |manifest| manifest["files"][path] = digest);
    version
}

#[test]
fn a_path_among_the_names_of_files_is_not_followed_out_of_the_registry() {
    for path in ["../../aliases/production", "../beside", "sub/inside"] {
        let (made, registry) = (tempfile::tempdir().unwrap(), TestRegistry::in_directory());
        let message = registry.refused(&push_of(&with_a_path(made.path(), path)));
        assert!(message.contains(path), "{message}");
        assert_eq!(registry.keys(), Vec::<String>::new());
    }
}

#[test]
fn nor_is_it_out_of_the_directory_that_a_version_is_pulled_to() {
    let (made, registry) = (tempfile::tempdir().unwrap(), TestRegistry::in_directory());
    registry.push(&tiny_version(made.path(), 0));
    let version = with_a_path(made.path(), "../../notes");
    registry.put("tiny/versions/1/manifest.json", fs::read(version.join(MANIFEST)).unwrap());
    registry.put("tiny/notes", "1");
    let target = tempfile::tempdir().unwrap();
    let directory = target.path().join("folder/held");
    let message = registry.refused(&["pull", "tiny:1", directory.to_str().unwrap()]);
    assert!(message.contains("not a valid name of a file: ../../notes"), "{message}");
    assert!(!directory.exists() && !target.path().join("notes").exists());
}
