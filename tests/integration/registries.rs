//! A registry in a directory or in S3: what is asked of it over the command line, and what lies in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::fault_proxy::FaultProxy;
use crate::storage::{TestS3, s3};
use crate::support::{json_lines, refusal, succeeded};
use crate::version_files::is_version;

/// A registry of a test's own, with a cache of its own.
pub struct TestRegistry {
    /// How codif is told where it is.
    pub location: String,
    pub cache: TempDir,
    objects: Objects,
}

enum Objects {
    Directory(TempDir),
    S3(Box<TestS3>),
}

/// The same test on a registry in a directory and on one in S3; there is nothing in them yet.
pub fn in_each_registry(test: impl Fn(&TestRegistry)) {
    for registry in [TestRegistry::in_directory, TestRegistry::in_s3] {
        let registry = registry();
        eprintln!("in {}:", registry.location);
        test(&registry);
    }
}

impl TestRegistry {
    pub fn in_directory() -> Self {
        let root = tempfile::tempdir().unwrap();
        let location = root.path().to_str().unwrap().to_owned();
        Self { location, cache: tempfile::tempdir().unwrap(), objects: Objects::Directory(root) }
    }

    pub fn in_s3() -> Self {
        Self::of(s3())
    }

    /// In S3, with a proxy between codif and the server.
    pub fn behind_a_proxy() -> (Self, FaultProxy) {
        let mut s3 = s3();
        let proxy = FaultProxy::start(&s3.endpoint);
        s3.endpoint = proxy.url();
        (Self::of(s3), proxy)
    }

    fn of(s3: TestS3) -> Self {
        Self { location: s3.registry(), cache: tempfile::tempdir().unwrap(), objects: Objects::S3(Box::new(s3)) }
    }

    /// codif on this registry, ready to be started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_codif"));
        command.args(arguments).args(["--registry", self.location.as_str()]).env("CODIF_CACHE", self.cache.path());
        if let Objects::S3(s3) = &self.objects {
            command.envs(s3.environment());
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// `codif model …`, ready to be started.
    pub fn model(&self, arguments: &[&str]) -> Command {
        self.command(&[&["model"][..], arguments].concat())
    }

    /// What `codif model …` prints.
    pub fn said(&self, arguments: &[&str]) -> String {
        succeeded(self.model(arguments).output().unwrap())
    }

    /// What `codif model …` says when it fails, which it must.
    pub fn refused(&self, arguments: &[&str]) -> String {
        refusal(&self.model(arguments).output().unwrap())
    }

    /// Pushes a version of `tiny`: the name and number that it got.
    pub fn push(&self, version: &Path) -> String {
        self.said(&push_of(version)).trim_end().to_owned()
    }

    /// Whether a number of `tiny` means the version in this directory: it is pulled to see.
    pub fn means(&self, number: u32, version: &Path) -> bool {
        let target = tempfile::tempdir().unwrap();
        let directory = target.path().join("pulled");
        self.said(&["pull", &format!("tiny:{number}"), directory.to_str().unwrap()]);
        is_version(&directory, version, number)
    }

    /// The object that `codif model list --json` prints for `tiny`; null when it prints none.
    pub fn listing(&self) -> Value {
        let listed = json_lines(&self.said(&["list", "--json"]));
        listed.into_iter().find(|model| model["name"] == "tiny").unwrap_or_default()
    }

    /// Makes versions of `tiny` out of the manifest of version 1: whole to whoever looks no further.
    pub fn add_manifests(&self, numbers: impl IntoIterator<Item = u32>) {
        let manifest = self.get("tiny/versions/1/manifest.json");
        for number in numbers {
            self.put(&format!("tiny/versions/{number}/manifest.json"), manifest.clone());
        }
    }

    /// The keys of all that lies in it, in order, hidden files among them but no lock.
    pub fn keys(&self) -> Vec<String> {
        match &self.objects {
            Objects::Directory(root) => {
                let mut keys = Vec::new();
                files_below(root.path(), "", &mut keys);
                keys.retain(|key| !key.ends_with("/.lock"));
                keys.sort();
                keys
            }
            Objects::S3(s3) => {
                let prefix = s3.key_of(&self.location, "");
                s3.keys(&prefix).iter().map(|key| key.strip_prefix(&prefix).unwrap().to_owned()).collect()
            }
        }
    }

    /// All that lies below a prefix.
    pub fn snapshot(&self, prefix: &str) -> BTreeMap<String, Vec<u8>> {
        let keys = self.keys().into_iter().filter(|key| key.starts_with(prefix));
        keys.map(|key| (key.clone(), self.get(&key))).collect()
    }

    pub fn get(&self, key: &str) -> Vec<u8> {
        match &self.objects {
            Objects::Directory(root) => fs::read(root.path().join(key)).unwrap(),
            Objects::S3(s3) => s3.get(&s3.key_of(&self.location, key)),
        }
    }

    pub fn put(&self, key: &str, bytes: impl Into<Vec<u8>>) {
        match &self.objects {
            Objects::Directory(root) => {
                let path = root.path().join(key);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, bytes.into()).unwrap();
            }
            Objects::S3(s3) => s3.put(&s3.key_of(&self.location, key), bytes),
        }
    }

    pub fn delete(&self, key: &str) {
        match &self.objects {
            Objects::Directory(root) => fs::remove_file(root.path().join(key)).unwrap(),
            Objects::S3(s3) => s3.delete(&s3.key_of(&self.location, key)),
        }
    }
}

/// What `codif model` is told to push a version of `tiny`.
pub fn push_of(version: &Path) -> [&str; 4] {
    ["push", version.to_str().unwrap(), "--name", "tiny"]
}

/// The files below a folder, as they are named from there.
pub fn files_below(folder: &Path, prefix: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            files_below(&entry.path(), &format!("{name}/"), found);
        } else {
            found.push(name);
        }
    }
}
