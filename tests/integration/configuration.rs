//! The settings of `codif serve`: where they come from, what is said of a wrong one.

use std::collections::BTreeMap;

use crate::process::{configuration, path};
use crate::support::{codif, codif_with_environment, refusal, stderr, succeeded};

/// Names and values.
type Pairs<'a> = &'a [(&'a str, &'a str)];

const CHECK: [&str; 2] = ["serve", "--check-config"];

/// The effective configuration as it is printed.
pub fn printed(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    succeeded(codif_with_environment(&[&CHECK[..], arguments].concat(), environment))
}

/// Each setting that is set, by its dotted key: its value as it is printed, and its origin.
pub fn settings(printed: &str) -> BTreeMap<String, (String, String)> {
    let mut table = String::new();
    let mut settings = BTreeMap::new();
    for line in printed.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            table = format!("{name}.");
            continue;
        }
        let (setting, origin) = line.rsplit_once(" # ").unwrap();
        let (name, value) = setting.split_once(" = ").unwrap();
        settings.insert(format!("{table}{name}"), (value.trim_end().to_owned(), origin.to_owned()));
    }
    settings
}

/// What is said of a configuration file.
fn refused(text: &str) -> String {
    let file = configuration(text);
    let message = refusal(&codif(&[&CHECK[..], &["--config", path(&file)][..]].concat()));
    assert!(message.contains(path(&file)), "it names the file: {message}");
    message
}

#[test]
fn a_flag_wins_over_the_environment_and_the_environment_over_the_file() {
    let file = configuration("listen = \"127.0.0.1:1\"\n[limits]\nconnections = 1\ntext = 1\njson_depth = 1\n");
    let environment = [("CODIF_CONFIG", path(&file)), ("CODIF_LIMITS_TEXT", "2"), ("CODIF_LIMITS_JSON_DEPTH", "2")];
    let settings = settings(&printed(&["--limits-json-depth", "3"], &environment));
    for (key, value, origin) in [
        ("limits.memory", "\"512MiB\"", "default"),
        ("listen", "\"127.0.0.1:1\"", "file"),
        ("limits.connections", "1", "file"),
        ("limits.text", "2", "environment"),
        ("limits.json_depth", "3", "flag"),
    ] {
        assert_eq!(settings[key], (value.to_owned(), origin.to_owned()), "{key}");
    }
}

#[test]
fn a_value_of_the_file_is_not_read_where_a_flag_wins() {
    let file = configuration("[patience]\nhead = \"soon\"\n");
    let settings = settings(&printed(&["--config", path(&file), "--patience-head", "3s"], &[]));
    assert_eq!(settings["patience.head"], ("\"3s\"".to_owned(), "flag".to_owned()));
}

#[test]
fn secrets_are_hidden_wherever_they_come_from() {
    let digest = "0123456789abcdef".repeat(4);
    let table = format!("[[keys]]\nname = \"alice\"\nsha256 = \"{digest}\"\nscopes = [\"code\"]\n");
    let file = configuration(&format!("[auth]\nusername = \"nom-tu\"\npassword = \"mot-tu\"\n{table}"));
    let of_file = ["--config", path(&file)];
    let in_environment = [("API_USERNAME", "nom-tu"), ("API_PASSWORD", "mot-tu"), ("AUTH_API", "True")];
    let as_flags = ["--auth-username", "nom-tu", "--auth-password=mot-tu"];
    let sources: [(&[&str], Pairs<'_>); 3] = [(&of_file, &[]), (&[], &in_environment), (&as_flags, &[])];
    for (arguments, environment) in sources {
        let output = codif_with_environment(&[&CHECK[..], arguments].concat(), environment);
        let said = stderr(&output);
        let text = succeeded(output) + &said;
        assert!(!text.contains("-tu") && !text.contains(&digest), "{text}");
        assert!(text.contains("username = \"***\"") && text.contains("password = \"***\""), "{text}");
    }
    assert!(printed(&of_file, &[]).contains("[[keys]]\nname = \"alice\"\nsha256 = \"***\"\nscopes = [\"code\"]"));
}

#[test]
fn an_unknown_key_suggests_the_nearest() {
    for (text, key, nearest) in [
        ("[limits]\nconections = 3\n", "limits.conections", "limits.connections"),
        ("[patience]\nfirst_bite = \"1s\"\n", "patience.first_bite", "patience.first_byte"),
        ("lisen = \"127.0.0.1:1\"\n", "lisen", "listen"),
        ("[limit]\nbody = \"1MiB\"\n", "limit.body", "limits.body"),
        ("[auth]\npasword = \"x\"\n", "auth.pasword", "auth.password"),
    ] {
        let message = refused(text);
        assert!(message.contains(&format!("{key:?}")) && message.contains(&format!("{nearest:?}")), "{message}");
    }
    let message = refused("zzz = 1\n");
    assert!(message.contains("\"zzz\"") && !message.contains("did you mean"), "{message}");
}

#[test]
fn a_wrong_value_is_named_with_its_file_and_setting() {
    for (text, setting, value) in [
        ("listen = \"here\"\n", "listen", "here"),
        ("insecure = \"perhaps\"\n", "insecure", "perhaps"),
        ("[limits]\nconnections = \"many\"\n", "limits-connections", "many"),
        ("[limits]\nconnections = -1\n", "limits-connections", "-1"),
        ("[limits]\nbody = \"16 hectares\"\n", "limits-body", "16 hectares"),
        ("[patience]\nhead = \"soon\"\n", "patience-head", "soon"),
        ("[patience]\nhead = 3\n", "patience-head", "3"),
        ("[sirene]\nround = 99\n", "sirene-round", "99"),
        ("[telemetry]\ntrace_ratio = 2\n", "telemetry-trace-ratio", "2"),
        ("models = [\"ape naf2008\"]\n", "model", "ape naf2008"),
    ] {
        let message = refused(text);
        assert!(message.contains(setting) && message.contains(value), "{text}: {message}");
    }
}

#[test]
fn a_list_is_no_value_of_a_setting_that_has_one() {
    refused("listen = [\"127.0.0.1:1\", \"127.0.0.1:2\"]\n");
    refused("[limits]\nconnections = [3, 4]\n");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("codif.toml");
    for path in [missing.as_path(), folder.path()] {
        let path = path.to_str().unwrap();
        let message = refusal(&codif(&[&CHECK[..], &["--config", path][..]].concat()));
        assert!(message.contains(path), "{message}");
    }
    let message = refusal(&codif_with_environment(&CHECK, &[("CODIF_CONFIG", missing.to_str().unwrap())]));
    assert!(message.contains("codif.toml"), "{message}");
}

#[test]
fn a_file_that_is_no_toml_is_named_with_the_line() {
    for text in ["\n[limits\n", "\nlisten = \n", "\nlisten = 127.0.0.1:8080\n", "\nlisten: here\n"] {
        let message = refused(text);
        assert!(message.contains("line 2"), "{message}");
    }
    assert!(refused("listen = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\"\n").contains("line 2"));
}

#[test]
fn a_wrong_key_is_refused_with_its_file() {
    let table = |scopes: &str, more: &str| {
        let digest = "0".repeat(64);
        format!("[[keys]]\nname = \"alice\"\nsha256 = \"{digest}\"\nscopes = {scopes}\n{more}\n")
    };
    assert!(refused(&table("[\"code\", \"everything\"]", "")).contains("line 4"));
    assert!(refused(&table("[\"code\"]", "rate = 0")).contains("line 5"));
    assert!(refused(&table("[\"code\"]", "rat = 2")).contains("line 5"));
    let file = configuration(&table("[\"code\"]", "").replace("\"0000", "\"xyz0"));
    let message = refusal(&codif(&[&CHECK[..], &["--config", path(&file)][..]].concat()));
    assert!(message.contains("\"alice\"") && message.contains("sha256"), "{message}");
}

/// The settings and, read back from a file as they were printed, the same.
fn comes_back(arguments: &[&str], environment: &[(&str, &str)]) {
    let before = printed(arguments, environment);
    let file = configuration(&before);
    let after = settings(&printed(&["--config", path(&file)], &[]));
    let before = settings(&before);
    assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    for (key, (value, _)) in &before {
        assert_eq!(after[key], (value.clone(), "file".to_owned()), "{key}");
    }
}

#[test]
fn what_is_printed_can_be_put_in_a_file() {
    comes_back(&[], &[]);
    let flags = "--listen 127.0.0.1:1 --ops-listen [::1]:2 --insecure --model ape-naf2008 --model ape-naf2025:1 \
        --cors-origins https://a.example.fr,https://b.example.fr --sirene-nomenclature naf2025 --sirene-round 2 \
        --auth-basic --auth-username nom --auth-password mot --limits-connections 9 --limits-body 1MiB \
        --limits-sirene-body 1000 --patience-first-byte 250ms --patience-head 1m30s --drain-delay 2s \
        --telemetry-log warn,codif=debug --telemetry-otlp-endpoint http://127.0.0.1:4318 --telemetry-trace-ratio 0.25";
    let flags: Vec<&str> = flags.split_whitespace().collect();
    comes_back(&[&flags[..], &["--registry", r#"a "strange" \ place # here"#][..]].concat(), &[]);
    comes_back(&[], &[("AUTH_API", "True"), ("API_USERNAME", "nom"), ("API_PASSWORD", "mot"), ("CODIF_INSECURE", "1")]);
}

#[test]
fn so_can_a_number_written_in_an_unusual_way() {
    comes_back(&["--limits-connections", "007"], &[]);
    comes_back(&["--telemetry-trace-ratio", ".5"], &[]);
    comes_back(&["--registry", "2024"], &[]);
    comes_back(&["--registry", "1.50"], &[]);
    comes_back(&["--registry", "infinity"], &[]);
}
