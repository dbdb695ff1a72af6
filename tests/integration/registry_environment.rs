//! The registry and the model that the environment of the service before codif names, in MLflow's own variables.

use crate::configuration::{printed, settings};
use crate::process::{configuration, path};
use crate::support::{codif, codif_with_environment, refusal, stderr, stdout};

/// Names and values.
type Pairs<'a> = &'a [(&'a str, &'a str)];

const SERVER: (&str, &str) = ("MLFLOW_TRACKING_URI", "http://mlflow.example.fr:5000");
const MODEL: (&str, &str) = ("MLFLOW_MODEL_NAME", "ape");
const INHERITED: &str = "environment (MLFLOW_…)";
/// With a password that no message may hold.
const LOCKED: &str = "mlflow+https://codif:mot-tu@mlflow.example.fr/registre";

/// Value and origin of the registry and of the models, as `codif serve --check-config` prints them.
fn told(arguments: &[&str], environment: Pairs<'_>) -> [Option<(String, String)>; 2] {
    let mut settings = settings(&printed(arguments, environment));
    ["registry", "models"].map(|key| settings.remove(key))
}

fn setting(value: &str, origin: &str) -> Option<(String, String)> {
    Some((value.to_owned(), origin.to_owned()))
}

#[test]
fn the_variables_of_mlflow_name_a_registry_and_a_model() {
    let registry = setting("\"mlflow+http://mlflow.example.fr:5000\"", INHERITED);
    for (version, model) in [
        ("3", "ape:3"),
        ("challenger", "ape@challenger"),
        ("Production", "ape@production"),
        ("Staging", "ape@staging"),
        ("", "ape@production"),
    ] {
        let environment = [SERVER, MODEL, ("MLFLOW_MODEL_VERSION", version)];
        let models = setting(&format!("[\"{model}\"]"), INHERITED);
        assert_eq!(told(&[], &environment), [registry.clone(), models], "{version:?}");
    }
    assert_eq!(told(&[], &[SERVER]), [registry, None], "every model in production of that registry");
}

#[test]
fn variables_that_name_no_server_change_nothing() {
    let default = [setting("\"models\"", "default"), None];
    assert_eq!(told(&[], &[MODEL, ("MLFLOW_MODEL_VERSION", "3")]), default);
    for uri in ["", "sqlite:///mlflow.db", "/srv/mlruns", "file:///srv/mlruns"] {
        assert_eq!(told(&[], &[("MLFLOW_TRACKING_URI", uri), MODEL]), default, "{uri}");
    }
}

#[test]
fn what_codif_itself_is_told_wins() {
    let file = configuration("registry = \"s3://bucket/of-the-file\"\n");
    let of_file = ["--config", path(&file)];
    let sources: [(&[&str], Pairs<'_>, &str, &str); 3] = [
        (&["--registry", "s3://bucket/of-the-flag"], &[], "\"s3://bucket/of-the-flag\"", "flag"),
        (&[], &[("CODIF_REGISTRY", "s3://bucket/of-codif")], "\"s3://bucket/of-codif\"", "environment"),
        (&of_file, &[], "\"s3://bucket/of-the-file\"", "file"),
    ];
    for (arguments, environment, registry, origin) in sources {
        // The model of one registry is not looked for in another.
        let environment = [environment, &[SERVER, MODEL]].concat();
        assert_eq!(told(arguments, &environment), [setting(registry, origin), None], "{origin}");
    }
}

#[test]
fn so_does_a_model_that_codif_itself_is_told_from_the_same_registry() {
    let file = configuration("models = [\"of-file:1\"]\n");
    let of_file = ["--config", path(&file)];
    let sources: [(&[&str], Pairs<'_>, &str, &str); 3] = [
        (&["--model", "of-flag:1"], &[], "[\"of-flag:1\"]", "flag"),
        (&[], &[("CODIF_MODELS", "of-codif:1")], "[\"of-codif:1\"]", "environment"),
        (&of_file, &[], "[\"of-file:1\"]", "file"),
    ];
    let registry = setting("\"mlflow+http://mlflow.example.fr:5000\"", INHERITED);
    for (arguments, environment, models, origin) in sources {
        let environment = [environment, &[SERVER, MODEL]].concat();
        assert_eq!(told(arguments, &environment), [registry.clone(), setting(models, origin)], "{origin}");
    }
}

#[test]
fn the_password_in_an_address_is_not_printed() {
    let uri = LOCKED.strip_prefix("mlflow+").unwrap();
    let file = configuration(&format!("registry = {LOCKED:?}\n"));
    let of_file = ["--config", path(&file)];
    let sources: [(&[&str], Pairs<'_>, &str); 4] = [
        (&["--registry", LOCKED], &[], "flag"),
        (&[], &[("CODIF_REGISTRY", LOCKED)], "environment"),
        (&of_file, &[], "file"),
        (&[], &[("MLFLOW_TRACKING_URI", uri)], INHERITED),
    ];
    for (arguments, environment, origin) in sources {
        let output = codif_with_environment(&[&["serve", "--check-config"][..], arguments].concat(), environment);
        let said = stdout(&output) + &stderr(&output);
        assert!(output.status.success() && !said.contains("mot-tu") && !said.contains("codif:"), "{said}");
        let registry = settings(&stdout(&output)).remove("registry");
        assert_eq!(registry, setting("\"mlflow+https://mlflow.example.fr/registre\"", origin));
    }
}

/// Addresses that are no registry, and what is said of them.
const STRANGE: [&str; 5] = [
    "gs://bucket/models",
    "http://mlflow.example.fr:5000",
    "mlflow+ftp://mlflow.example.fr",
    "s3://",
    "mlflow+http://",
];

#[test]
fn a_registry_of_an_unknown_kind_is_a_wrong_use() {
    for registry in STRANGE {
        let sources: [(&[&str], Pairs<'_>); 2] =
            [(&["--registry", registry], &[]), (&[], &[("CODIF_REGISTRY", registry)])];
        for (arguments, environment) in sources {
            let output = codif_with_environment(&[&["serve"][..], arguments].concat(), environment);
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(2), "{registry}: {said}");
            let hint = "write a directory, s3://BUCKET/PREFIX or mlflow+http://HOST:PORT";
            assert!(said.contains("--registry") && said.contains(hint), "{registry}: {said}");
        }
        let file = configuration(&format!("registry = {registry:?}\n"));
        let message = refusal(&codif(&["serve", "--config", path(&file)]));
        assert!(message.contains(path(&file)) && message.contains(registry), "{message}");
    }
}

#[test]
fn a_password_in_an_address_of_an_unknown_kind_is_not_printed_either() {
    // Easily written: the address of an MLflow server without the word before it.
    let registry = LOCKED.strip_prefix("mlflow+").unwrap();
    let file = configuration(&format!("registry = {registry:?}\n"));
    let of_file = ["serve", "--config", path(&file)];
    let sources: [(&[&str], Pairs<'_>); 3] =
        [(&["serve", "--registry", registry], &[]), (&["serve"], &[("CODIF_REGISTRY", registry)]), (&of_file, &[])];
    for (arguments, environment) in sources {
        let output = codif_with_environment(arguments, environment);
        let said = stdout(&output) + &stderr(&output);
        assert!(!output.status.success() && said.contains("mlflow.example.fr") && !said.contains("mot-tu"), "{said}");
    }
}
