//! Runs of `codif recode` that are watched, and killed where it matters.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::watching::soon;

/// Rows of an input that takes a moment, in parts of one chunk.
pub const ROWS: usize = 40_000;
pub const PARTS: [&str; 2] = ["--part-rows", "2048"];

/// The path of a file in a folder, as it is typed.
pub fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}

/// codif with these arguments, on its way.
pub fn started(arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_codif"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// How many parts are finished in a work place.
pub fn finished(work: &Path) -> usize {
    let entries = fs::read_dir(work).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("part-") && name.ends_with(".json")).count()
}

/// Kills a run once something holds, which must be before its end.
pub fn kill_when(mut run: Child, what: &str, mut holds: impl FnMut() -> bool) {
    soon(what, || (holds() || run.try_wait().unwrap().is_some()).then_some(()));
    run.kill().unwrap();
    assert_eq!(run.wait().unwrap().signal(), Some(9), "it was too fast to be killed at {what}");
}

/// The bytes of every file below a directory, by its name from there; of a file its own.
pub fn bytes(output: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut rest = vec![output.to_owned()];
    while let Some(path) = rest.pop() {
        if path.is_dir() {
            rest.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            let name = path.strip_prefix(output).unwrap().to_str().unwrap().to_owned();
            found.insert(name, fs::read(&path).unwrap());
        }
    }
    found
}
