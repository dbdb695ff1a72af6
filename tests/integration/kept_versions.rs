//! What stays in the cache of a registry in S3, and what leaves it.

use std::collections::BTreeSet;

use crate::fault_proxy::Fault;
use crate::following::{Follower, ONLY_WHEN_TOLD, PRODUCTION, filled};
use crate::registries::{TestRegistry, files_below};

const CANDIDATE: &str = "tiny@candidate";

/// The versions that lie in the cache.
fn cached(registry: &TestRegistry) -> BTreeSet<u32> {
    let mut files = Vec::new();
    files_below(registry.cache.path(), "", &mut files);
    let manifests = files.iter().filter_map(|file| file.strip_suffix("/manifest.json")?.rsplit_once("/tiny/versions/"));
    manifests.map(|(_, version)| version.parse().unwrap()).collect()
}

#[test]
fn of_the_versions_that_served_the_last_four_stay_in_the_cache() {
    let (registry, proxy) = TestRegistry::behind_a_proxy();
    let registry = filled(registry, 6);
    let codif = Follower::of(&registry, &ONLY_WHEN_TOLD);
    for version in 1..=6_u32 {
        registry.said(&["promote", "tiny", &version.to_string()]);
        codif.reloads(version);
        let last_four: BTreeSet<u32> = (version.saturating_sub(3).max(1)..=version).collect();
        assert_eq!(cached(&registry), last_four);
    }
    // One that is used again is the last to leave.
    for version in [3, 2] {
        registry.said(&["promote", "tiny", &version.to_string()]);
        codif.reloads(version);
    }
    assert_eq!(cached(&registry), BTreeSet::from([2, 3, 5, 6]));
    drop(codif);
    proxy.set(Fault::Refuse);
    Follower::of(&registry, &ONLY_WHEN_TOLD).answers_as(2);
}

#[test]
fn what_is_in_service_is_not_driven_out_of_the_cache_by_what_is_on_trial() {
    let (registry, proxy) = TestRegistry::behind_a_proxy();
    let registry = filled(registry, 6);
    let codif = Follower::of(&registry, &[&ONLY_WHEN_TOLD[..], &["--shadow", CANDIDATE]].concat());
    codif.answers_as(1);
    for version in 2..=6_u32 {
        registry.said(&["promote", "tiny", &version.to_string(), "--alias", "candidate"]);
        codif.reloads(1);
        codif.has(CANDIDATE, version);
        assert!(cached(&registry).is_superset(&BTreeSet::from([1, version])), "{:?}", cached(&registry));
    }
    drop(codif);
    proxy.set(Fault::Refuse);
    let codif = Follower::of(&registry, &ONLY_WHEN_TOLD);
    codif.has(PRODUCTION, 1);
    codif.answers_as(1);
}
