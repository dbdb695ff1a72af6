//! `codif model …` on real MLflow servers: what it pushes, lists, moves and deletes there.

use std::fs;
use std::process::Child;

use serde_json::json;

use crate::support::{refusal, stdout};
use crate::tiny_models::{WORDS, code_of, tiny_version};
use crate::tracking::{TestMlflow, in_each_server};
use crate::version_files::{CARD, GOLDEN, MANIFEST, VOCABULARY, WEIGHTS};

/// Entries that a page has at most.
const PAGE: u32 = 1000;

/// A version pushed, and others that have its artefacts.
fn with_versions(server: &TestMlflow, count: u32) {
    let made = tempfile::tempdir().unwrap();
    server.push(&tiny_version(made.path(), 0));
    server.register_more(count - 1);
}

#[test]
fn a_version_gets_the_number_that_mlflow_gives_and_comes_back_as_it_was() {
    let made = tempfile::tempdir().unwrap();
    let (one, other) = (tiny_version(made.path(), 0), tiny_version(made.path(), 1));
    in_each_server(|server| {
        for (number, version) in (1..).zip([&one, &other, &one]) {
            assert_eq!(server.push(version), server.numbered(number));
            assert!(server.means(number, version), "{number}");
            assert_eq!(server.artefacts(number), [CARD, GOLDEN, MANIFEST, WEIGHTS, VOCABULARY]);
            let run = server.version(number)["run_id"].as_str().unwrap().to_owned();
            assert_eq!(server.ask("runs/get", &[("run_id", run.as_str())])["run"]["info"]["status"], "FINISHED");
        }
    });
}

#[test]
fn what_was_pushed_is_listed_shown_verified_and_compared() {
    let made = tempfile::tempdir().unwrap();
    let (one, other) = (tiny_version(made.path(), 0), tiny_version(made.path(), 1));
    let sample = made.path().join("sample.txt");
    fs::write(&sample, WORDS.join("\n")).unwrap();
    in_each_server(|server| {
        server.push(&one);
        server.push(&other);
        server.said(&["promote", &server.name, "1"]);
        server.said(&["promote", &server.name, "2", "--alias", "canary"]);
        assert_eq!(server.line(), format!("{}  versions 1–2  canary → 2, production → 1", server.name));
        let aliases = json!({"canary": 2, "production": 1});
        assert_eq!(server.listing(), json!({"name": server.name, "versions": [1, 2], "aliases": aliases}));

        let references = [server.name.clone(), server.at("production"), server.at("canary"), server.numbered(2)];
        for (reference, number) in references.iter().zip([1, 1, 2, 2]) {
            let shown = server.said(&["show", reference]);
            assert!(shown.starts_with(&format!("{}  {}\n", server.numbered(number), server.location())), "{shown}");
            assert!(shown.contains("naf2008, 3 labels\n") && shown.contains("signed        no\n"), "{shown}");
            let right = format!("{} is right: 4 files, 3 labels, 6 golden cases; ", server.numbered(number));
            assert!(server.said(&["verify", reference]).starts_with(&right), "{right}");
        }

        let sample = sample.to_str().unwrap();
        let said = server.said(&["diff", &server.numbered(1), &server.numbered(2), "--sample", sample]);
        assert!(said.starts_with(&format!("{} → {}\n", server.numbered(1), server.numbered(2))), "{said}");
        assert!(said.contains(&format!("labels gone   {}", code_of(WORDS[0], 0))), "{said}");
        assert!(said.contains("3 activities:\n") && said.contains("same code   0.0 %"), "{said}");
    });
}

#[test]
fn what_is_not_there_is_named_with_what_is() {
    in_each_server(|server| {
        with_versions(server, 2);
        server.said(&["promote", &server.name, "1"]);
        let known = format!("of {:?}: its versions are [2, 1], its aliases [production → 1]", server.name);
        for (reference, wanted) in [(server.numbered(9), "version 9"), (server.at("staging"), "alias \"staging\" to")] {
            let message = server.refused(&["show", &reference]);
            assert!(message.contains(&format!("there is no {wanted}")) && message.contains(&known), "{message}");
        }
        let message = server.refused(&["promote", &server.name, "9"]);
        assert!(message.contains(&format!("there is no version 9 {known}")), "{message}");
        let other = format!("absent-{}", server.name);
        let absent = other.as_str();
        for command in [&["show", absent][..], &["promote", absent, "1"], &["rollback", absent]] {
            let message = server.refused(command);
            assert!(message.contains(&format!("there is no model {absent:?} in {}: ", server.location())), "{message}");
        }
        let message = server.refused(&["promote", &server.name, "1", "--alias", "latest"]);
        assert!(message.contains("'latest' alias name (case insensitive) is reserved"), "{message}");
        assert_eq!(server.listing()["aliases"], json!({"production": 1}));
    });
}

#[test]
fn an_alias_is_moved_and_moved_back_as_often_as_codif_moved_it() {
    in_each_server(|server| {
        with_versions(server, 3);
        let production = server.at("production");
        let promote = |version: &str| server.said(&["promote", &server.name, version]);
        let roll_back = ["rollback", server.name.as_str()];
        let has_none_before = |number: u32| {
            let message = server.refused(&roll_back);
            let first = format!("points to {number}, its first version: there is none to go back to");
            assert!(message.contains(&first), "{message}");
        };
        assert_eq!(promote("1"), format!("{production} → 1\n"));
        assert_eq!(promote("2"), format!("{production} → 2 (before: 1)\n"));
        assert_eq!(promote("3"), format!("{production} → 3 (before: 2, 1)\n"));
        assert_eq!(promote("3"), format!("{production} → 3 (before: 2, 1)\n"));
        assert_eq!(server.said(&roll_back), format!("{production} → 2 (before: 1)\n"));
        assert_eq!(server.said(&roll_back), format!("{production} → 1\n"));
        has_none_before(1);

        // Where it pointed to before somebody else moved it is not gone back to.
        promote("2");
        server.tell("registered-models/alias", &json!({"name": server.name, "alias": "production", "version": "3"}));
        assert!(server.said(&["show", &production]).starts_with(&server.numbered(3)));
        has_none_before(3);
        assert_eq!(promote("1"), format!("{production} → 1 (before: 3)\n"));
        assert_eq!(server.said(&roll_back), format!("{production} → 3\n"));
    });
}

#[test]
fn of_operators_who_move_an_alias_at_once_each_is_told_how_it_ended() {
    in_each_server(|server| {
        with_versions(server, 7);
        server.said(&["promote", &server.name, "1"]);
        // The first alias is there already, the second is not.
        for alias in ["production", "staging"] {
            let promote = |version: u32| {
                let number = version.to_string();
                let promote = ["promote", server.name.as_str(), number.as_str(), "--alias", alias];
                (version, server.model(&promote).spawn().unwrap())
            };
            let operators: Vec<(u32, Child)> = (2..=7).map(promote).collect();
            let mut moved = Vec::new();
            for (version, operator) in operators {
                let output = operator.wait_with_output().unwrap();
                if output.status.success() {
                    let said = stdout(&output);
                    assert!(said.starts_with(&format!("{} → {version}", server.at(alias))), "{said}");
                    moved.push(json!(version));
                } else {
                    let message = refusal(&output);
                    let lost = format!("alias {alias:?} of {:?} was changed by somebody else", server.name);
                    assert!(message.contains(&lost), "{message}");
                }
            }
            let listing = server.listing();
            assert!(moved.contains(&listing["aliases"][alias]), "whoever was last knows: {moved:?}, {listing}");
            server.said(&["promote", &server.name, "1", "--alias", alias]);
            server.said(&["promote", &server.name, "2", "--alias", alias]);
            let back = server.said(&["rollback", &server.name, "--alias", alias]);
            assert!(back.starts_with(&format!("{} → 1", server.at(alias))), "{back}");
        }
    });
}

#[test]
fn a_version_is_deleted_once_no_alias_points_to_it_and_its_number_is_not_given_again() {
    let made = tempfile::tempdir().unwrap();
    let version = tiny_version(made.path(), 0);
    in_each_server(|server| {
        server.push(&version);
        server.push(&version);
        server.said(&["promote", &server.name, "2"]);
        let message = server.refused(&["delete", &server.numbered(2)]);
        assert!(message.contains("alias \"production\" points to version 2 of"), "{message}");
        assert!(server.means(2, &version));
        server.said(&["promote", &server.name, "1"]);
        assert_eq!(server.said(&["delete", &server.numbered(2)]), format!("{} is deleted\n", server.numbered(2)));
        assert_eq!(server.listing()["versions"], json!([1]));
        for command in ["delete", "show"] {
            assert!(server.refused(&[command, &server.numbered(2)]).contains("there is no version 2"), "{command}");
        }
        let message = server.refused(&["rollback", &server.name]);
        assert!(message.contains("there is no version 2"), "{message}");
        assert_eq!(server.push(&version), server.numbered(3));
    });
}

#[test]
fn a_model_that_was_made_anew_is_not_taken_for_the_one_before() {
    let made = tempfile::tempdir().unwrap();
    in_each_server(|server| {
        for seed in 0..2 {
            assert_eq!(server.push(&tiny_version(made.path(), seed)), server.numbered(1));
            assert_eq!(server.coded(WORDS[0], &server.numbered(1))["predictions"][0]["code"], code_of(WORDS[0], seed));
            server.forget_the_model();
        }
        assert!(server.refused(&["show", &server.name]).contains("there is no model"));
    });
}

#[test]
fn a_thousand_versions_are_listed_over_two_pages_and_pushed_to() {
    let server = TestMlflow::proxied();
    with_versions(&server, PAGE);
    let made = tempfile::tempdir().unwrap();
    assert_eq!(server.push(&tiny_version(made.path(), 1)), server.numbered(PAGE + 1));
    let (filter, page) = (format!("name='{}'", server.name), PAGE.to_string());
    let first = server.ask("model-versions/search", &[("filter", filter.as_str()), ("max_results", page.as_str())]);
    assert_eq!(first["model_versions"].as_array().unwrap().len(), PAGE as usize);
    assert!(first["next_page_token"].is_string(), "there is a second page");

    assert_eq!(server.line(), format!("{}  versions 1–1001", server.name));
    assert!(server.said(&["show", &server.name]).starts_with(&server.numbered(1001)));
    assert_eq!(server.said(&["promote", &server.name, "731"]), format!("{} → 731\n", server.at("production")));
    server.said(&["delete", &server.numbered(500)]);
    assert_eq!(server.line(), format!("{}  versions 1–499, 501–1001  production → 731", server.name));
    let message = server.refused(&["promote", &server.name, "1002"]);
    assert!(message.contains("its versions are [1001, 1000, 999, ") && message.contains(", 982, …]"), "{message}");
}
