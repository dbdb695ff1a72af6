//! A codif that follows a registry: which version answers, and what it tells of its models.

use std::process::Command;

use serde_json::{Value, json};

use crate::process::Process;
use crate::registries::TestRegistry;
use crate::replies::{Reply, get, post};
use crate::tiny_models::{WORDS, code_of, tiny_version};
use crate::watching::{self, eventually};

/// How the model in service is named.
pub const PRODUCTION: &str = "tiny@production";
/// Then it looks at the registry once at its start, and no more.
pub const ONLY_WHEN_TOLD: [&str; 2] = ["--reload-interval", "0s"];

/// A registry with so many versions of `tiny`, the first of seed 0 and in production; no two of the first four agree on a word.
pub fn filled(registry: TestRegistry, versions: u64) -> TestRegistry {
    let made = tempfile::tempdir().unwrap();
    for seed in 0..versions {
        registry.push(&tiny_version(made.path(), seed));
    }
    registry.said(&["promote", "tiny", "1"]);
    registry
}

/// codif on free ports of loopback, with what is in production there; ready to be started.
pub fn serve(registry: &TestRegistry, arguments: &[&str]) -> Command {
    let serve = ["serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"];
    registry.command(&[&serve[..], arguments].concat())
}

/// A codif that serves.
pub struct Follower {
    pub process: Process,
    pub public: String,
    pub operations: String,
}

impl Follower {
    /// Of what is in production in a registry.
    pub fn of(registry: &TestRegistry, arguments: &[&str]) -> Self {
        Self::start(serve(registry, arguments))
    }

    pub fn start(command: Command) -> Self {
        Self::announced(Process::start(command))
    }

    /// One that was started, once it serves.
    pub fn announced(process: Process) -> Self {
        let (public, operations) = process.urls();
        Self { process, public, operations }
    }

    /// The results for some activities.
    pub fn results(&self, activities: &[Value]) -> Vec<Value> {
        let body = json!({"activities": activities}).to_string();
        let mut reply = post(&format!("{}/v1/code", self.public), &[], body);
        assert_eq!(reply.status, 200, "{}", reply.body);
        serde_json::from_value(reply.body["results"].take()).unwrap()
    }

    /// The coding of a text.
    pub fn coding(&self, text: &str) -> Value {
        self.results(&[json!({"description": text})])[0]["codings"]["naf2008"].take()
    }

    /// The version that answers.
    pub fn version(&self) -> Value {
        self.coding(WORDS[0])["model"]["version"].take()
    }

    /// Asserts that this version of [`filled`] answers.
    pub fn answers_as(&self, version: u32) {
        for word in WORDS {
            let coding = self.coding(word);
            assert_eq!(coding["model"], json!({"name": "tiny", "version": version}));
            assert_eq!(coding["predictions"][0]["code"], code_of(word, u64::from(version) - 1), "{word}");
        }
    }

    /// Has it look at the registry.
    pub fn reload(&self) -> Reply {
        post(&format!("{}/admin/models/tiny/reload", self.operations), &[], "")
    }

    /// Has it look, and asserts that this version of the model in service came of it.
    pub fn reloads(&self, version: u32) {
        let reply = self.reload();
        assert_eq!((reply.status, &reply.body[0]["version"]["version"]), (200, &json!(version)), "{}", reply.body);
    }

    /// What it tells of a model.
    pub fn told(&self, reference: &str) -> Value {
        let reply = get(&format!("{}/admin/models", self.operations), &[]);
        let models = reply.body.as_array().unwrap_or_else(|| panic!("{}", reply.body));
        let model = models.iter().find(|model| model["reference"] == reference);
        model.unwrap_or_else(|| panic!("no {reference} among {models:?}")).clone()
    }

    /// Waits until it tells that a model is in this version.
    pub fn has(&self, reference: &str, version: u32) {
        let what = format!("{reference} in version {version}");
        eventually(&what, || self.told(reference)["version"]["version"] == version);
    }

    /// What the probe for readiness says, which must be yes.
    pub fn ready(&self) -> String {
        let reply = get(&format!("{}/readyz", self.operations), &[]);
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body.as_str().unwrap().to_owned()
    }

    /// Its metrics.
    pub fn metrics(&self) -> String {
        get(&format!("{}/metrics", self.operations), &[]).body.as_str().unwrap().to_owned()
    }

    /// A sample of them.
    pub fn metric(&self, sample: &str) -> f64 {
        watching::metric(&self.operations, sample)
    }

    /// Whether it counts the model in service as out of date, in the three places where it tells; they must agree.
    pub fn is_stale(&self) -> bool {
        let stale = !self.told(PRODUCTION)["stale"].is_null();
        let sample = format!("codif_model_stale{{reference=\"{PRODUCTION}\"}}");
        let found = (self.ready().contains(&format!("\nstale: {PRODUCTION}: ")), self.metric(&sample));
        assert_eq!(found, (stale, f64::from(u8::from(stale))), "{}", self.ready());
        stale
    }
}
