//! What networks do while codif talks to S3: it gets there in the end, or keeps what it has and says so.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::fault_proxy::{Fault, FaultProxy};
use crate::following::{Follower, ONLY_WHEN_TOLD, PRODUCTION, filled, serve};
use crate::process::Process;
use crate::registries::TestRegistry;
use crate::storage::s3;
use crate::watching::{DEADLINE, within};

const WEIGHTS: &str = "tiny/versions/1/model.safetensors";
const ALWAYS: u32 = u32::MAX;

/// A fault, on how many connections it may happen, and on how many it does at least.
type Trouble = (Fault, u32, u32);

/// What codif copes with. A file of weights is larger than any other file of a version, by more than the head of an answer.
fn troubles(registry: &TestRegistry) -> [Trouble; 9] {
    let weights = registry.get(WEIGHTS).len() as u64;
    [
        (Fault::Latency(Duration::from_millis(300)), ALWAYS, 1),
        (Fault::Bandwidth(20_000), ALWAYS, 1),
        (Fault::ResetAfter(weights), ALWAYS, 1),
        (Fault::Truncate(weights), ALWAYS, 1),
        (Fault::ResetAfter(100), 2, 2),
        (Fault::Truncate(100), 2, 2),
        (Fault::Refuse, 2, 2),
        // Nothing comes, and nothing says that nothing will: codif waits for a while.
        (Fault::SlowClose, 1, 1),
        (Fault::BlackHole, 1, 1),
    ]
}

/// A codif with a way to S3 and a cache of its own.
struct Distant {
    codif: Follower,
    proxy: FaultProxy,
    _cache: TempDir,
}

fn command(registry: &TestRegistry, proxy: &FaultProxy, cache: &Path) -> Command {
    let mut command = serve(registry, &ONLY_WHEN_TOLD);
    command.env("CODIF_S3_ENDPOINT", proxy.url()).env("CODIF_CACHE", cache);
    command
}

impl Distant {
    /// One that serves, and knows of nothing else.
    fn start(registry: &TestRegistry, upstream: &str) -> Self {
        let (proxy, cache) = (FaultProxy::start(upstream), tempfile::tempdir().unwrap());
        let codif = Follower::start(command(registry, &proxy, cache.path()));
        codif.reloads(1);
        Self { codif, proxy, _cache: cache }
    }

    /// Asserts that it loads version 2 in spite of trouble.
    fn reloads_in_spite_of(&self, (fault, times, broken): Trouble) {
        self.proxy.set_times(fault, times);
        let reply = self.codif.reload();
        assert_eq!(reply.status, 200, "{fault:?}: {}", reply.body);
        assert!(self.proxy.struck() >= broken, "{fault:?} did not happen");
        self.codif.answers_as(2);
        assert!(!self.codif.is_stale());
    }

    /// Asserts that it keeps version 1 and says why, and loads version 2 when the trouble is over.
    fn waits_for_the_end_of(&self, fault: Fault) {
        self.proxy.set(fault);
        let reply = self.codif.reload();
        reply.is_problem(502, "reload_failed");
        let detail = reply.body["detail"].as_str().unwrap();
        assert!(detail.contains(" cannot be reached: ") && detail.ends_with("what was in service goes on"), "{detail}");
        self.codif.answers_as(1);
        assert!(self.codif.is_stale());
        let stale = self.codif.told(PRODUCTION)["stale"].clone();
        assert!(stale["version"].is_null(), "it is not the version's fault: {stale}");
        assert!(detail.contains(stale["reason"].as_str().unwrap()), "{stale}");
        self.proxy.set(Fault::None);
        self.codif.reloads(2);
        self.codif.answers_as(2);
        assert!(!self.codif.is_stale());
    }
}

fn starts_in_spite_of((fault, times, broken): Trouble, registry: &TestRegistry, upstream: &str) {
    let (proxy, cache) = (FaultProxy::start(upstream), tempfile::tempdir().unwrap());
    proxy.set_times(fault, times);
    let process = Process::start(command(registry, &proxy, cache.path()));
    within(3 * DEADLINE, &format!("codif, in spite of {fault:?}"), || {
        process.lines().iter().any(|line| line.starts_with("codif: page")).then_some(())
    });
    assert!(proxy.struck() >= broken, "{fault:?} did not happen");
    let codif = Follower::announced(process);
    codif.answers_as(1);
    assert!(!codif.is_stale());
}

#[test]
fn codif_starts_whatever_the_network_does() {
    let registry = filled(TestRegistry::in_s3(), 1);
    let upstream = s3().endpoint;
    let (registry, upstream) = (&registry, upstream.as_str());
    thread::scope(|scope| {
        for trouble in troubles(registry) {
            scope.spawn(move || starts_in_spite_of(trouble, registry, upstream));
        }
    });
}

#[test]
fn codif_reloads_whatever_the_network_does() {
    let registry = filled(TestRegistry::in_s3(), 2);
    let upstream = s3().endpoint;
    let troubles = troubles(&registry).map(|trouble| (trouble, Distant::start(&registry, &upstream)));
    registry.said(&["promote", "tiny", "2"]);
    thread::scope(|scope| {
        for (trouble, distant) in &troubles {
            scope.spawn(move || distant.reloads_in_spite_of(*trouble));
        }
    });
}

#[test]
fn a_network_that_stays_broken_leaves_the_version_before() {
    let registry = filled(TestRegistry::in_s3(), 2);
    let upstream = s3().endpoint;
    let manifest = registry.get("tiny/versions/2/manifest.json").len() as u64;
    let faults = [Fault::Refuse, Fault::ResetAfter(100), Fault::Truncate(100), Fault::Truncate(manifest)];
    let faults = faults.map(|fault| (fault, Distant::start(&registry, &upstream)));
    registry.said(&["promote", "tiny", "2"]);
    thread::scope(|scope| {
        for (fault, distant) in &faults {
            scope.spawn(move || distant.waits_for_the_end_of(*fault));
        }
    });
}
