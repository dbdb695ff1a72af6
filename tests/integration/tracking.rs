//! The MLflow servers of the tests, which `tests/mlflow-server.sh` starts, and a model in them that no other test has.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::blocking::{Client, Response};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fault_proxy::FaultProxy;
use crate::storage::{TestS3, s3};
use crate::support::{Server, client, json_lines, refusal, succeeded};
use crate::version_files::{edit_manifest, is_version, manifest};

/// A server, a model's name in it and a cache.
pub struct TestMlflow {
    /// What codif is told; a test may put a proxy's address here.
    pub url: String,
    /// Name of the model.
    pub name: String,
    pub cache: TempDir,
    /// Where the artefacts are, when the server does not hand them out itself.
    s3: Option<TestS3>,
    client: Client,
}

/// The same test on a server that hands out its artefacts itself and on one that keeps them in S3.
pub fn in_each_server(test: impl Fn(&TestMlflow)) {
    for server in [TestMlflow::proxied(), TestMlflow::with_s3()] {
        eprintln!("in {} as {}:", server.url, server.name);
        test(&server);
    }
}

impl TestMlflow {
    /// On the server that hands out its artefacts itself.
    pub fn proxied() -> Self {
        Self::of(variable("CODIF_TEST_MLFLOW"), None)
    }

    /// On the server that keeps them in S3.
    pub fn with_s3() -> Self {
        Self::of(variable("CODIF_TEST_MLFLOW_S3"), Some(s3()))
    }

    fn of(url: String, s3: Option<TestS3>) -> Self {
        static MODELS: AtomicU32 = AtomicU32::new(0);
        let number = MODELS.fetch_add(1, Ordering::Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let name = format!("{now}-{}-{number}", std::process::id());
        Self { url, name, cache: tempfile::tempdir().unwrap(), s3, client: client() }
    }

    /// With a proxy between codif and whatever takes and gives the artefacts.
    pub fn behind_a_proxy(mut self) -> (Self, FaultProxy) {
        let artefacts = match &mut self.s3 {
            Some(s3) => &mut s3.endpoint,
            None => &mut self.url,
        };
        let proxy = FaultProxy::start(artefacts);
        *artefacts = proxy.url();
        (self, proxy)
    }

    /// How codif is told where it is.
    pub fn location(&self) -> String {
        format!("mlflow+{}", self.url)
    }

    /// What tells codif of it.
    pub fn environment(&self) -> Vec<(String, String)> {
        let own =
            [("CODIF_REGISTRY", self.location()), ("CODIF_CACHE", self.cache.path().to_str().unwrap().to_owned())];
        let own = own.map(|(name, value)| (name.to_owned(), value));
        own.into_iter().chain(self.s3.iter().flat_map(TestS3::environment)).collect()
    }

    /// codif on this server, ready to be started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_codif"));
        command.args(arguments).envs(self.environment());
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

    /// `codif serve` on this server.
    pub fn serve(&self, flags: &[&str]) -> Server {
        Server::start_with(flags, &borrowed(&self.environment()))
    }

    /// `codif model push` of the version in a directory, ready to be started.
    pub fn pushing(&self, version: &Path) -> Command {
        self.model(&["push", version.to_str().unwrap(), "--name", &self.name])
    }

    /// Pushes the version in a directory: the name and number that it got.
    pub fn push(&self, version: &Path) -> String {
        succeeded(self.pushing(version).output().unwrap()).trim_end().to_owned()
    }

    /// `NAME:NUMBER`, as codif is told.
    pub fn numbered(&self, number: u32) -> String {
        format!("{}:{number}", self.name)
    }

    /// `NAME@ALIAS`, as codif is told.
    pub fn at(&self, alias: &str) -> String {
        format!("{}@{alias}", self.name)
    }

    /// What `codif code` answers to a label, in the first nomenclature that a model named this way codes in.
    pub fn coded(&self, label: &str, model: &str) -> Value {
        let output = self.command(&["code", label, "--model", model, "--json"]).output().unwrap();
        let answer: Value = serde_json::from_str(&succeeded(output)).unwrap();
        answer["codings"].as_object().unwrap().values().next().unwrap().clone()
    }

    /// Whether a number means the version in this directory: it is pulled to see.
    pub fn means(&self, number: u32, version: &Path) -> bool {
        let target = tempfile::tempdir().unwrap();
        let directory = target.path().join("pulled");
        self.said(&["pull", &self.numbered(number), directory.to_str().unwrap()]);
        assert_eq!(manifest(&directory)["name"], self.name);
        edit_manifest(&directory, |manifest| manifest["name"] = "tiny".into());
        is_version(&directory, version, number)
    }

    /// The object that `codif model list --json` prints for the model; null when it prints none.
    pub fn listing(&self) -> Value {
        let listed = json_lines(&self.said(&["list", "--json"]));
        listed.into_iter().find(|model| model["name"] == self.name).unwrap_or_default()
    }

    /// The line that `codif model list` prints for the model.
    pub fn line(&self) -> String {
        let listed = self.said(&["list"]);
        listed.lines().find(|line| line.starts_with(&self.name)).unwrap().trim_end().to_owned()
    }

    /// Asks the server itself.
    pub fn ask(&self, path: &str, query: &[(&str, &str)]) -> Value {
        answered(self.client.get(self.interface(path)).query(query).send().unwrap())
    }

    /// Tells the server itself.
    pub fn tell(&self, path: &str, body: &Value) -> Value {
        answered(self.client.post(self.interface(path)).json(body).send().unwrap())
    }

    /// Has the server itself delete the model with all its versions.
    pub fn forget_the_model(&self) {
        let request = self.client.delete(self.interface("registered-models/delete"));
        answered(request.json(&json!({"name": self.name})).send().unwrap());
    }

    fn interface(&self, path: &str) -> String {
        format!("{}/api/2.0/mlflow/{path}", self.url)
    }

    /// A version, as the server tells it.
    pub fn version(&self, number: u32) -> Value {
        let number = number.to_string();
        self.ask("model-versions/get", &[("name", self.name.as_str()), ("version", number.as_str())])["model_version"]
            .clone()
    }

    /// Registers so many more versions whose artefacts are those of version 1.
    pub fn register_more(&self, count: u32) {
        let first = self.version(1);
        let more = json!({"name": self.name, "source": first["source"], "run_id": first["run_id"]});
        for _ in 0..count {
            self.tell("model-versions/create", &more);
        }
    }

    /// The artefacts of a version that codif pushed, in order.
    pub fn artefacts(&self, number: u32) -> Vec<String> {
        let version = self.version(number);
        let query = [("run_id", version["run_id"].as_str().unwrap()), ("path", "codif")];
        let listed = self.ask("artifacts/list", &query);
        let files = listed["files"].as_array().cloned().unwrap_or_default();
        let mut names: Vec<String> =
            files.iter().map(|file| file["path"].as_str().unwrap().trim_start_matches("codif/").to_owned()).collect();
        names.sort();
        names
    }

    /// A Python with MLflow's client, told where the server and its artefacts are.
    pub fn python(&self) -> Command {
        let mut command = Command::new(variable("CODIF_TEST_MLFLOW_PYTHON"));
        command.env("MLFLOW_TRACKING_URI", &self.url).envs(self.s3.iter().flat_map(TestS3::environment));
        command.envs(self.s3.iter().map(|s3| ("MLFLOW_S3_ENDPOINT_URL", s3.endpoint.as_str())));
        command.envs([("MLFLOW_DISABLE_TELEMETRY", "true"), ("DO_NOT_TRACK", "true"), ("GIT_PYTHON_REFRESH", "quiet")]);
        command.env("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true");
        command
    }
}

/// Variables, as a process is given them.
pub fn borrowed(environment: &[(String, String)]) -> Vec<(&str, &str)> {
    environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn answered(response: Response) -> Value {
    let status = response.status();
    let text = response.text().unwrap();
    assert!(status.is_success(), "{status}: {text}");
    serde_json::from_str(&text).unwrap()
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!(
            "this test needs an MLflow server: run ./test.sh, or tests/s3.sh tests/mlflow-server.sh \
             cargo nextest run --release --ignore-default-filter -E 'test(/^mlflow/)'"
        )
    })
}
