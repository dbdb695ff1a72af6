//! `/admin`: the page of those who run codif.

use std::fs;
use std::path::Path;

use crate::following::{Follower, ONLY_WHEN_TOLD, filled};
use crate::registries::TestRegistry;
use crate::replies::{Reply, get};
use crate::support::copy;
use crate::version_files::flipped;

/// The page, and its text.
fn page(codif: &Follower) -> (Reply, String) {
    let reply = get(&format!("{}/admin", codif.operations), &[]);
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let text = reply.body.as_str().unwrap().to_owned();
    (reply, text)
}

#[test]
fn the_page_tells_in_french_what_is_served_and_on_trial() {
    let registry = filled(TestRegistry::in_directory(), 3);
    registry.said(&["promote", "tiny", "2"]);
    registry.said(&["promote", "tiny", "3", "--alias", "candidate"]);
    let on_trial = ["--shadow", "tiny@candidate", "--canary", "tiny@missing=0.25"];
    let codif = Follower::of(&registry, &[&ONLY_WHEN_TOLD[..], &on_trial].concat());
    codif.has("tiny@candidate", 3);
    let (_, text) = page(&codif);
    assert!(text.starts_with("<!doctype html>\n<html lang=\"fr\">"), "{text}");
    for expected in [
        "<h1>Modèles en service</h1>",
        ">tiny@production</h2>",
        "<p>En service</p>",
        "<th scope=\"row\">Version</th><td>2</td>",
        "<td>naf2008</td>",
        ">tiny@candidate</h2>",
        "voit 100,0\u{202f}% des activités, ne répond à aucune",
        "<th scope=\"row\">Version</th><td>3</td>",
        "Accord avec la version en service",
        ">tiny@missing</h2>",
        "répond pour 25,0\u{202f}% des activités",
        "<th scope=\"row\">Version</th><td>aucune</td>",
        "Peut-être pas à jour depuis le",
        "there is no alias &#34;missing&#34;",
    ] {
        assert!(text.contains(expected), "no {expected:?} in {text}");
    }
}

#[test]
fn a_browser_may_do_nothing_with_the_page_but_show_it() {
    let registry = filled(TestRegistry::in_directory(), 1);
    let codif = Follower::of(&registry, &ONLY_WHEN_TOLD);
    let (reply, text) = page(&codif);
    let policy = reply.header("content-security-policy").unwrap();
    let directives: Vec<&str> = policy.split(';').map(str::trim).collect();
    for directive in ["default-src 'none'", "style-src 'self'", "form-action 'none'", "frame-ancestors 'none'"] {
        assert!(directives.contains(&directive), "{policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("script-src"), "{policy}");
    for forbidden in ["<script", "<style", " style=", "<form", " onclick="] {
        assert!(!text.contains(forbidden), "{forbidden} in {text}");
    }
    let styles = text.split("<link rel=\"stylesheet\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    let styles = get(&format!("{}{styles}", codif.operations), &[]);
    assert_eq!(styles.status, 200);
    assert!(styles.header("content-type").unwrap().starts_with("text/css"), "{:?}", styles.headers);
}

#[test]
fn what_the_page_is_told_is_text_to_it_whatever_it_looks_like() {
    let mut registry = filled(TestRegistry::in_directory(), 2);
    let odd = tempfile::Builder::new().prefix("<b id=\"x\">&'").tempdir().unwrap();
    copy(Path::new(&registry.location), odd.path());
    registry.location = odd.path().to_str().unwrap().to_owned();
    let weights = odd.path().join("tiny/versions/2/model.safetensors");
    fs::write(&weights, flipped(fs::read(&weights).unwrap())).unwrap();
    let codif = Follower::of(&registry, &ONLY_WHEN_TOLD);
    registry.said(&["promote", "tiny", "2"]);
    codif.reload().is_problem(502, "reload_failed");
    assert!(codif.ready().contains("<b id=\"x\">&'"), "the reason names the place");
    let (_, text) = page(&codif);
    assert!(text.contains("&#60;b id=&#34;x&#34;&#62;&#38;&#39;") && !text.contains("<b id"), "{text}");
}
