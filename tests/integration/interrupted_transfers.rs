//! Transfers and promotions that are killed at their worst moment: what is there is whole, and what was done is not done again.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Instant;

use serde_json::json;
use tempfile::TempDir;

use crate::fault_proxy::Fault;
use crate::registries::{TestRegistry, in_each_registry, push_of};
use crate::tiny_models::{tiny_version, weighty_version};
use crate::version_files::{GOLDEN, WEIGHTS, files, flipped, is_version};
use crate::watching::soon;

const MIB: u64 = 1 << 20;
/// In parts of this size a large file goes to S3, so many of them at once.
const PART: u64 = 16 * MIB;
const PARTS_AT_ONCE: u64 = 4;
/// Bytes a second of each connection, when it has to take its time.
const SLOW: u64 = 8 * MIB;
/// How often a moment is tried that can be missed.
const ATTEMPTS: u32 = 20;
/// At how many moments a promotion is killed.
const MOMENTS: u32 = 40;

/// Kills a process as soon as something holds; whether it was still running.
fn killed_when(mut process: Child, what: &str, mut holds: impl FnMut() -> bool) -> bool {
    soon(what, || (holds() || process.try_wait().unwrap().is_some()).then_some(()));
    process.kill().unwrap();
    process.wait().unwrap().signal() == Some(9)
}

/// Size of a file; 0 while there is none.
fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}

#[test]
fn a_push_to_s3_that_was_killed_is_gone_on_with_under_its_number() {
    let made = tempfile::tempdir().unwrap();
    let (tiny, weighty) = (tiny_version(made.path(), 0), weighty_version(made.path(), 90));
    let whole = size(&weighty.join(WEIGHTS));
    let (registry, proxy) = TestRegistry::behind_a_proxy();
    assert_eq!(registry.push(&tiny), "tiny:1");

    // A part more than can be on their way at once is begun: one is finished for certain.
    proxy.set(Fault::Bandwidth(SLOW));
    let before = proxy.bytes_up();
    let pushing = registry.model(&push_of(&weighty)).spawn().unwrap();
    let one_is_finished = || proxy.bytes_up() - before > PARTS_AT_ONCE * PART + 4 * MIB;
    assert!(killed_when(pushing, "the first part", one_is_finished), "it was too fast");
    proxy.set(Fault::None);
    assert_eq!(registry.listing()["versions"], json!([1]), "what is not whole is not there");
    assert!(registry.refused(&["promote", "tiny", "2"]).contains("tiny/versions/2/manifest.json: there is none"));
    assert_eq!(registry.push(&tiny), "tiny:3", "another version does not get its number");

    let golden = format!("tiny/versions/2/{GOLDEN}");
    let sent = registry.get(&golden);
    let foreign = flipped(sent.clone());
    registry.put(&golden, foreign.clone());
    let message = registry.refused(&push_of(&weighty));
    assert!(message.contains("other bytes are there already, and a version never changes"), "{message}");
    assert_eq!(registry.get(&golden), foreign);
    registry.put(&golden, sent);

    let before = proxy.bytes_up();
    assert_eq!(registry.push(&weighty), "tiny:2");
    let sent_again = proxy.bytes_up() - before;
    assert!(sent_again < whole - PART + MIB, "{sent_again} of {whole} bytes were sent again");
    assert!(registry.means(2, &weighty));
    let files = registry.keys().iter().filter(|key| key.starts_with("tiny/versions/2/")).count();
    assert_eq!(files, 5, "nothing is left of the beginning");
    assert_eq!(registry.listing()["versions"], json!([1, 2, 3]));
}

#[test]
fn a_push_to_a_directory_that_was_killed_is_gone_on_with_under_its_number() {
    let made = tempfile::tempdir().unwrap();
    let (tiny, weighty) = (tiny_version(made.path(), 0), weighty_version(made.path(), 40));
    let cut = |_| {
        let registry = TestRegistry::in_directory();
        let folder = Path::new(&registry.location).join("tiny/versions/1");
        let pushing = registry.model(&push_of(&weighty)).spawn().unwrap();
        let killed = killed_when(pushing, "a large file", || holds_a_large_file(&folder));
        (killed && registry.listing().is_null()).then_some(registry)
    };
    let registry = (0..ATTEMPTS).find_map(cut).expect("a push that is killed before it ends");
    assert_eq!(registry.push(&tiny), "tiny:2", "another version does not get its number");
    assert_eq!(registry.listing()["versions"], json!([2]));
    assert_eq!(registry.push(&weighty), "tiny:1");
    assert!(registry.means(1, &weighty));
    assert_eq!(registry.listing()["versions"], json!([1, 2]));
}

fn holds_a_large_file(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|entries| entries.flatten().any(|entry| size(&entry.path()) > MIB))
}

/// A pull that is killed while it fetches the weights of `tiny:1`: where it puts them, and what there is of them.
fn killed_pull(registry: &TestRegistry) -> (TempDir, PathBuf, PathBuf) {
    let cut = |_| {
        let target = tempfile::tempdir().unwrap();
        let directory = target.path().join("held");
        let part = target.path().join(".unfinished-held").join(format!(".{WEIGHTS}.part"));
        let pulling = registry.model(&["pull", "tiny:1", directory.to_str().unwrap()]).spawn().unwrap();
        let killed = killed_when(pulling, "a part of the weights", || size(&part) > 0);
        (killed && size(&part) > 0).then_some((target, directory, part))
    };
    (0..ATTEMPTS).find_map(cut).expect("a pull that is killed before it ends")
}

#[test]
fn a_pull_that_was_killed_goes_on_from_what_it_has() {
    let made = tempfile::tempdir().unwrap();
    let weighty = weighty_version(made.path(), 60);
    let registry = TestRegistry::in_directory();
    registry.push(&weighty);
    let (target, directory, part) = killed_pull(&registry);
    assert!(!directory.exists(), "what is not whole has not its name");
    // What is there by now is not read again: it could not be.
    let key = format!("tiny/versions/1/{WEIGHTS}");
    let mut weights = registry.get(&key);
    let held = size(&part) as usize;
    weights[..held].fill(0);
    registry.put(&key, weights);
    registry.said(&["pull", "tiny:1", directory.to_str().unwrap()]);
    assert!(is_version(&directory, &weighty, 1));
    assert_eq!(fs::read_dir(target.path()).unwrap().count(), 1, "nothing is left of the beginning");
}

#[test]
fn what_a_killed_pull_left_is_never_taken_for_what_it_is_not() {
    let made = tempfile::tempdir().unwrap();
    let (weighty, tiny) = (weighty_version(made.path(), 60), tiny_version(made.path(), 0));
    let registry = TestRegistry::in_directory();
    registry.push(&weighty);
    registry.push(&tiny);
    let (_target, directory, part) = killed_pull(&registry);
    let pull = ["pull", "tiny:1", directory.to_str().unwrap()];
    fs::write(&part, flipped(fs::read(&part).unwrap())).unwrap();
    let message = registry.refused(&pull);
    assert!(message.contains(&format!("{WEIGHTS}: sha256 is")) && !directory.exists(), "{message}");
    registry.said(&pull);
    assert!(is_version(&directory, &weighty, 1));

    let (_target, directory, part) = killed_pull(&registry);
    registry.said(&["pull", "tiny:2", directory.to_str().unwrap()]);
    assert!(is_version(&directory, &tiny, 2) && !part.exists(), "{:?}", files(&directory).keys());
}

#[test]
fn a_promotion_that_was_killed_has_moved_the_alias_or_not() {
    in_each_registry(|registry| {
        let made = tempfile::tempdir().unwrap();
        registry.push(&tiny_version(made.path(), 0));
        registry.add_manifests([2, 3]);
        let promote = |version: &str, alias: &str| registry.model(&["promote", "tiny", version, "--alias", alias]);
        let begun = Instant::now();
        assert!(promote("1", "production").status().unwrap().success());
        let takes = begun.elapsed();
        let aliases: Vec<String> = (0..MOMENTS).map(|moment| format!("at-{moment}")).collect();
        for (moment, alias) in (0_u32..).zip(&aliases) {
            assert!(promote("1", alias).status().unwrap().success());
            let mut promoting = promote("2", alias).spawn().unwrap();
            // No condition is waited for: it is the moment that matters, from the beginning to somewhat after the end.
            std::thread::sleep(2 * takes * moment / MOMENTS);
            promoting.kill().unwrap();
            promoting.wait().unwrap();
            let text = String::from_utf8(registry.get(&format!("tiny/aliases/{alias}"))).unwrap();
            assert!(["1\n", "2\n1\n"].contains(&text.as_str()), "{text:?} at {moment}/{MOMENTS}");
        }
        let listing = registry.listing();
        assert_eq!(listing["versions"], json!([1, 2, 3]));
        assert_eq!(listing["aliases"].as_object().unwrap().len(), aliases.len() + 1, "{listing}");
        // Nor did any of the killed leave a lock.
        assert!(registry.said(&["promote", "tiny", "3", "--alias", "at-0"]).starts_with("tiny@at-0 → 3 (before: "));
    });
}
