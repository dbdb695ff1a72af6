//! What MLflow's own client for Python registers: codif finds what is its own there, and refuses what is not.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{json_lines, refusal, succeeded};
use crate::tracking::{TestMlflow, in_each_server};
use crate::version_files::files;

/// The versions that the client registered.
fn registered(mlflow: &TestMlflow, arguments: &[&str]) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/mlflow_models.py");
    json_lines(&succeeded(mlflow.python().arg(script).args(arguments).output().unwrap()))
}

/// Whether codif looks where the version has its files: at the root, or in `codif/`.
fn is_found(version: &Value) -> bool {
    version["folder"] != "model" || version["source"].as_str().unwrap().ends_with("/model")
}

fn number(version: &Value) -> u32 {
    version["version"].as_u64().unwrap().try_into().unwrap()
}

#[test]
fn what_mlflows_own_client_logged_is_used_under_the_name_and_number_that_mlflow_gives() {
    in_each_server(|mlflow| {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/ape-naf2008/versions/1");
        let versions = registered(mlflow, &["logged", shipped.to_str().unwrap(), &mlflow.name, "champion"]);
        let (found, elsewhere): (Vec<&Value>, Vec<&Value>) = versions.iter().partition(|version| is_found(version));
        assert_eq!((found.len(), elsewhere.len()), (6, 2));
        for version in elsewhere {
            is_refused(mlflow, number(version), "holds no manifest.json at its root or in codif/");
        }
        let by_number = found.iter().map(|version| (mlflow.numbered(number(version)), number(version)));
        for (reference, number) in by_number.chain([(mlflow.at("champion"), 2)]) {
            let coding = mlflow.coded("coiffure à domicile", &reference);
            assert_eq!(coding["code"], "9602A", "{reference}");
            assert_eq!(coding["model"], json!({"name": mlflow.name, "version": number}));
        }

        // What its own manifest says of name and number is another matter.
        let target = tempfile::tempdir().unwrap();
        let directory = target.path().join("pulled");
        mlflow.said(&["pull", &mlflow.at("champion"), directory.to_str().unwrap()]);
        assert!(files(&directory) == files(&shipped), "nothing was changed on the way");
        let said = mlflow.said(&["promote", &mlflow.name, "3", "--alias", "champion"]);
        assert_eq!(said, format!("{} → 3 (before: 2)\n", mlflow.at("champion")));
        assert!(mlflow.said(&["verify", &mlflow.at("champion")]).starts_with(&mlflow.numbered(3)));
    });
}

#[test]
fn a_pyfunc_of_pickles_is_refused_with_the_way_to_export_it() {
    in_each_server(|mlflow| {
        let versions = registered(mlflow, &["pickled", &mlflow.name]);
        assert_eq!(versions.iter().map(number).collect::<Vec<_>>(), [1]);
        let way = "is a pyfunc of pickles, which codif never loads: export the model with python/export_torch_text.py";
        is_refused(mlflow, 1, way);
    });
}

/// A version is listed, and refused by whatever would use it.
fn is_refused(mlflow: &TestMlflow, number: u32, why: &str) {
    assert!(mlflow.listing()["versions"].as_array().unwrap().contains(&json!(number)));
    let aliases = mlflow.listing()["aliases"].clone();
    let (name, reference, digits) = (mlflow.name.as_str(), mlflow.numbered(number), number.to_string());
    let why = format!("version {number} of {name:?} in {} {why}", mlflow.location());
    for command in [
        &["code", "coiffure", "--model", reference.as_str()][..],
        &["model", "verify", reference.as_str()],
        &["model", "promote", name, digits.as_str()],
    ] {
        let message = refusal(&mlflow.command(command).output().unwrap());
        assert!(message.contains(&why), "{message}");
    }
    assert_eq!(mlflow.listing()["aliases"], aliases);
}
