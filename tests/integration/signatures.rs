//! `codif key signing`, signed versions, and who takes no others.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use serde_json::json;

use crate::process::Process;
use crate::registries::{TestRegistry, in_each_registry};
use crate::replies::post;
use crate::support::{Server, codif, refusal, stderr, succeeded};
use crate::tiny_models::{WORDS, tiny_version};

const FOREIGN: &str = "manifest.json.sig: the signature is of another manifest, or by a key that is not trusted here";
const UNSIGNED: &str = "manifest.json.sig: the version is not signed, and only signed ones are taken here";

/// A pair of keys, where it is kept: the private one, the public one.
fn pair(folder: &Path, name: &str) -> [String; 2] {
    let private = folder.join(name).to_str().unwrap().to_owned();
    let public = format!("{private}.pub");
    assert_eq!(succeeded(codif(&["key", "signing", &private])), format!("{public}\n"));
    [private, public]
}

/// Pushes a version of `tiny` that is signed.
fn push_signed(registry: &TestRegistry, version: &Path, private: &str) -> String {
    registry.said(&["push", version.to_str().unwrap(), "--name", "tiny", "--sign", private]).trim_end().to_owned()
}

fn verified(registry: &TestRegistry, model: &str, public: &str) {
    let said = registry.said(&["verify", model, "--key", public]);
    assert!(said.starts_with(&format!("{model} is right: ")) && said.ends_with("; its signature is right\n"), "{said}");
}

fn not_verified(registry: &TestRegistry, model: &str, public: &str, why: &str) {
    let message = registry.refused(&["verify", model, "--key", public]);
    assert!(message.contains(why), "{message}");
}

#[test]
fn a_pair_of_keys_is_made_once_and_its_private_half_is_for_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let [private, public] = pair(folder.path(), "key");
    let kept = [&private, &public].map(|path| fs::read_to_string(path).unwrap());
    assert!(kept[0].starts_with("-----BEGIN PRIVATE KEY-----\n"));
    assert!(kept[1].starts_with("-----BEGIN PUBLIC KEY-----\n"));
    assert_eq!(fs::metadata(&private).unwrap().permissions().mode() & 0o777, 0o600);
    let message = refusal(&codif(&["key", "signing", &private]));
    assert!(message.contains(&format!("cannot make {private}")), "{message}");
    assert_eq!([&private, &public].map(|path| fs::read_to_string(path).unwrap()), kept);
    let [another, _] = pair(folder.path(), "another");
    assert_ne!(fs::read_to_string(another).unwrap(), kept[0]);
}

#[test]
fn no_half_of_a_pair_is_made_where_the_other_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    let private = folder.path().join("key");
    fs::write(folder.path().join("key.pub"), "somebody's").unwrap();
    let message = refusal(&codif(&["key", "signing", private.to_str().unwrap()]));
    assert!(message.contains("key.pub"), "{message}");
    assert_eq!(fs::read_to_string(folder.path().join("key.pub")).unwrap(), "somebody's");
    assert!(!private.exists(), "a private key without its public half is in the way of the next try");
}

#[test]
fn a_version_that_is_signed_when_it_is_pushed_is_right_for_its_key_alone() {
    let folder = tempfile::tempdir().unwrap();
    let version = tiny_version(folder.path(), 0);
    let ([private, public], [_, other]) = (pair(folder.path(), "key"), pair(folder.path(), "other"));
    in_each_registry(|registry| {
        assert_eq!(push_signed(registry, &version, &private), "tiny:1");
        assert_eq!(registry.get("tiny/versions/1/manifest.json.sig").len(), 64);
        verified(registry, "tiny:1", &public);
        not_verified(registry, "tiny:1", &other, FOREIGN);
        registry.said(&["verify", "tiny:1"]);
        assert!(registry.said(&["show", "tiny:1"]).contains("signed        yes\n"));
        assert_eq!(registry.push(&version), "tiny:2");
        not_verified(registry, "tiny:2", &public, UNSIGNED);
    });
}

#[test]
fn a_version_can_be_signed_later_and_by_another_after_that() {
    let folder = tempfile::tempdir().unwrap();
    let version = tiny_version(folder.path(), 0);
    let ([one, public], [other, others]) = (pair(folder.path(), "key"), pair(folder.path(), "other"));
    in_each_registry(|registry| {
        registry.push(&version);
        registry.said(&["promote", "tiny", "1"]);
        not_verified(registry, "tiny:1", &public, UNSIGNED);
        assert_eq!(registry.said(&["sign", "tiny", "--key", &one]), "tiny:1 is signed\n");
        verified(registry, "tiny:1", &public);
        assert_eq!(registry.said(&["sign", "tiny@production", "--key", &other]), "tiny:1 is signed\n");
        verified(registry, "tiny:1", &others);
        not_verified(registry, "tiny:1", &public, FOREIGN);
        let either = ["--require-signature", &public, "--require-signature", &others];
        registry.said(&[&["verify", "tiny:1"][..], &either].concat());
    });
}

#[test]
fn a_manifest_that_is_changed_after_it_was_signed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let [private, public] = pair(folder.path(), "key");
    in_each_registry(|registry| {
        push_signed(registry, &tiny_version(folder.path(), 0), &private);
        let key = "tiny/versions/1/manifest.json";
        let mut manifest: serde_json::Value = serde_json::from_slice(&registry.get(key)).unwrap();
        manifest["decision"]["threshold"] = json!(0.01);
        registry.put(key, manifest.to_string());
        registry.said(&["verify", "tiny:1"]);
        not_verified(registry, "tiny:1", &public, FOREIGN);
        registry.put("tiny/versions/1/manifest.json.sig", "short");
        not_verified(registry, "tiny:1", &public, "it has 5 bytes, not 64");
    });
}

#[test]
fn a_signed_version_does_not_stand_in_for_another_number_or_name() {
    let folder = tempfile::tempdir().unwrap();
    let [private, public] = pair(folder.path(), "key");
    in_each_registry(|registry| {
        push_signed(registry, &tiny_version(folder.path(), 0), &private);
        push_signed(registry, &tiny_version(folder.path(), 1), &private);
        let newer = registry.snapshot("tiny/versions/2/");
        for (place, model) in [("tiny/versions/2/", "tiny:2"), ("other/versions/1/", "other:1")] {
            for (key, bytes) in registry.snapshot("tiny/versions/1/") {
                registry.put(&key.replace("tiny/versions/1/", place), bytes);
            }
            registry.said(&["verify", model]);
            let why = format!("it was signed as tiny:1, and stands in the place of {model}");
            not_verified(registry, model, &public, &why);
        }
        // Nor does its signature alone, beside the files of the other.
        for (key, bytes) in newer.iter().filter(|(key, _)| !key.ends_with(".sig")) {
            registry.put(key, bytes.clone());
        }
        not_verified(registry, "tiny:2", &public, FOREIGN);
    });
}

#[test]
fn the_text_of_a_key_is_as_good_as_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let ([private, public], [_, other]) = (pair(folder.path(), "key"), pair(folder.path(), "other"));
    let [right, wrong] = [public, other].map(|path| fs::read_to_string(path).unwrap());
    let registry = TestRegistry::in_directory();
    push_signed(&registry, &tiny_version(folder.path(), 0), &private);
    verified(&registry, "tiny:1", &right);
    not_verified(&registry, "tiny:1", &wrong, FOREIGN);
    let equals = registry.said(&["verify", "tiny:1", &format!("--require-signature={right}")]);
    assert!(equals.ends_with("its signature is right\n"), "{equals}");
}

#[test]
fn what_is_no_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let version = tiny_version(folder.path(), 0);
    let [private, public] = pair(folder.path(), "key");
    let registry = TestRegistry::in_directory();
    let message = registry.refused(&["push", version.to_str().unwrap(), "--name", "tiny", "--sign", &public]);
    assert!(message.contains(&public) && message.contains("it is no ed25519 private key in PEM"), "{message}");
    assert_eq!(registry.keys(), Vec::<String>::new());
    registry.push(&version);
    for (key, why) in [(private.as_str(), "it is no ed25519 public key in PEM"), ("nowhere", "cannot read nowhere")] {
        let output = registry.model(&["verify", "tiny:1", "--key", key]).output().unwrap();
        assert!(!output.status.success() && stderr(&output).contains(why), "{}", stderr(&output));
    }
}

#[test]
fn who_requires_a_signature_codes_with_no_other_version() {
    let folder = tempfile::tempdir().unwrap();
    let version = tiny_version(folder.path(), 0);
    let ([private, public], [_, other]) = (pair(folder.path(), "key"), pair(folder.path(), "other"));
    in_each_registry(|registry| {
        push_signed(registry, &version, &private);
        registry.push(&version);
        let code = |model: &str, keys: &str| -> Output {
            let mut code = registry.command(&["code", WORDS[0], "--model", model]);
            code.env("CODIF_REQUIRE_SIGNATURE", keys).output().unwrap()
        };
        let pem = fs::read_to_string(&public).unwrap();
        for keys in [public.clone(), pem.clone(), format!("{other},{public}"), format!("{other},{pem}")] {
            succeeded(code("tiny:1", &keys));
            assert!(refusal(&code("tiny:2", &keys)).contains(UNSIGNED));
        }
        assert!(refusal(&code("tiny:1", &other)).contains(FOREIGN));
        let flag = registry.command(&["code", WORDS[0], "--model", "tiny:2", "--require-signature", &public]).output();
        assert!(refusal(&flag.unwrap()).contains(UNSIGNED));
    });
}

#[test]
fn who_requires_a_signature_serves_no_other_version() {
    let folder = tempfile::tempdir().unwrap();
    let version = tiny_version(folder.path(), 0);
    let [private, public] = pair(folder.path(), "key");
    let registry = TestRegistry::in_directory();
    registry.push(&version);
    push_signed(&registry, &version, &private);
    registry.said(&["promote", "tiny", "1"]);
    let flags = ["--registry", &registry.location, "--reload-interval", "0s", "--require-signature", &public];
    let message = Process::on_loopback(&flags).refusal();
    assert!(message.contains(UNSIGNED), "{message}");
    registry.said(&["promote", "tiny", "2"]);
    let server = Server::start_with(&flags, &[]);
    registry.said(&["rollback", "tiny"]);
    let reload = || post(&format!("{}/admin/models/tiny/reload", server.operations_url), &[], "");
    let reply = reload();
    reply.is_problem(502, "reload_failed");
    assert!(reply.body["detail"].as_str().unwrap().contains(UNSIGNED), "{}", reply.body);
    assert_eq!(server.get("/v1/models").1[0]["version"], 2);
    registry.said(&["sign", "tiny:1", "--key", &private]);
    assert_eq!(reload().status, 200);
    assert_eq!(server.get("/v1/models").1[0]["version"], 1);
}

#[test]
fn the_key_that_is_named_counts_and_not_those_of_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let ([private, public], [_, other]) = (pair(folder.path(), "key"), pair(folder.path(), "other"));
    let registry = TestRegistry::in_directory();
    push_signed(&registry, &tiny_version(folder.path(), 0), &private);
    let mut verify = registry.model(&["verify", "tiny:1", "--key", &other]);
    assert!(refusal(&verify.env("CODIF_REQUIRE_SIGNATURE", public).output().unwrap()).contains(FOREIGN));
}

#[test]
fn who_requires_a_signature_pulls_no_other_version_and_keeps_the_copy_that_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let [private, public] = pair(folder.path(), "key");
    let (one, other) = (tiny_version(folder.path(), 0), tiny_version(folder.path(), 1));
    let registry = TestRegistry::in_s3();
    push_signed(&registry, &one, &private);
    registry.push(&other);
    let target = folder.path().join("pulled");
    let pull = ["pull", "tiny:2", target.to_str().unwrap(), "--require-signature", &public];
    assert!(registry.refused(&pull).contains(UNSIGNED));
    assert!(!target.exists());

    let code = || {
        let mut code = registry.command(&["code", WORDS[0], "--model", "tiny:1"]);
        code.env("CODIF_REQUIRE_SIGNATURE", &public).output().unwrap()
    };
    assert!(code().status.success());
    let mut cached = Vec::new();
    crate::registries::files_below(registry.cache.path(), "", &mut cached);
    let signature = registry.get("tiny/versions/1/manifest.json.sig");
    registry.delete("tiny/versions/1/manifest.json.sig");
    assert!(refusal(&code()).contains(UNSIGNED));
    let mut kept = Vec::new();
    crate::registries::files_below(registry.cache.path(), "", &mut kept);
    assert_eq!(kept, cached, "what was right is still there");
    registry.put("tiny/versions/1/manifest.json.sig", signature);
    assert!(code().status.success());
}
