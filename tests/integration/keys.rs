//! API keys: made, asked for, limited; and the ports that do not open to everybody by mistake.

use serde_json::Value;
use tempfile::NamedTempFile;

use crate::process::{Process, configuration, path};
use crate::replies::{ONE_ACTIVITY, ONE_FORM, Reply, get, post};
use crate::support::{Server, codif, stderr, stdout};
use crate::watching::{eventually, metric, status};

/// A new key, and its table of the configuration file.
fn new_key(arguments: &[&str]) -> (String, String) {
    let output = codif(&[&["key", "new"][..], arguments].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let said = stderr(&output);
    let (_, table) = said.split_once("[[keys]]").unwrap();
    (stdout(&output).trim_end().to_owned(), format!("[[keys]]{table}"))
}

/// A key with one scope, and a file that knows it.
pub fn key_with(scope: &str) -> (String, NamedTempFile) {
    let (key, table) = new_key(&["somebody", "--scope", scope]);
    (key, configuration(&table))
}

/// Posts with an API key in the usual header.
pub fn post_with(key: &str, url: &str, body: &'static str) -> Reply {
    let bearer = format!("Bearer {key}");
    post(url, &[("authorization", bearer.as_str())], body)
}

fn get_with(key: &str, url: &str) -> Reply {
    let bearer = format!("Bearer {key}");
    get(url, &[("authorization", bearer.as_str())])
}

#[test]
fn a_new_key_is_printed_once_and_the_file_keeps_its_digest() {
    let output = codif(&["key", "new", "alice", "--scope", "code", "--rate", "2"]);
    let (key, said) = (stdout(&output), stderr(&output));
    assert!(output.status.success() && key.ends_with('\n') && key.lines().count() == 1, "{key}");
    let digits = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(key.trim_end().strip_prefix("codif_").is_some_and(digits), "{key}");
    let (_, table) = said.split_once("[[keys]]\n").unwrap();
    let lines: Vec<&str> = table.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!((lines[0], lines[2], lines[3]), ("name = \"alice\"", "scopes = [\"code\"]", "rate = 2"));
    assert!(lines[1].split('"').nth(1).is_some_and(digits), "{table}");
    assert!(!said.contains(key.trim_end()), "the key is on standard output alone");
    assert_ne!(new_key(&["alice"]).0, new_key(&["alice"]).0);
    let wrong: [&[&str]; 3] = [&["bob", "--scope", "everything"], &["bob", "--rate", "0"], &[]];
    for wrong in wrong {
        assert!(!codif(&[&["key", "new"][..], wrong].concat()).status.success(), "{wrong:?}");
    }
}

#[test]
fn a_key_opens_what_its_scope_says() {
    let (alice, table) = new_key(&["alice", "--scope", "code"]);
    let (prometheus, more) = new_key(&["prometheus", "--scope", "metrics"]);
    let file = configuration(&format!("{table}\n{more}"));
    let server = Server::start_with(&["--config", path(&file)], &[]);
    let (own, sirene) = (format!("{}/v1/code", server.url), format!("{}/predict/", server.url));
    let unknown: [&[(&str, &str)]; 6] = [
        &[],
        &[("authorization", "Bearer codif_0000")],
        &[("authorization", "Bearer")],
        &[("authorization", "Basic YWxpY2U6YWxpY2U=")],
        &[("x-api-key", "codif_0000")],
        &[("x-api-key", "")],
    ];
    for headers in unknown {
        let refusal = post(&own, headers, ONE_ACTIVITY);
        refusal.is_problem(401, "unauthenticated");
        assert!(refusal.header("www-authenticate").is_some_and(|scheme| scheme.starts_with("Bearer")), "{headers:?}");
        post(&sirene, headers, ONE_FORM).is_detail(401);
    }
    assert_eq!(post_with(&alice, &own, ONE_ACTIVITY).status, 200);
    assert_eq!(post_with(&alice, &sirene, ONE_FORM).status, 200);
    assert_eq!(post(&own, &[("x-api-key", alice.as_str())], ONE_ACTIVITY).status, 200);
    assert_eq!(post(&sirene, &[("x-api-key", alice.as_str())], ONE_FORM).status, 200);
    post_with(&prometheus, &own, ONE_ACTIVITY).is_problem(403, "missing_scope");
    post_with(&prometheus, &sirene, ONE_FORM).is_detail(403);
    assert_eq!(status(&format!("{}/nothing/at/all", server.url)), 401);
}

#[test]
fn a_key_that_asks_too_often_is_told_to_wait() {
    let (often, table) = new_key(&["often", "--scope", "code", "--rate", "2"]);
    let (alice, more) = new_key(&["alice", "--scope", "code"]);
    let file = configuration(&format!("{table}\n{more}"));
    let server = Server::start_with(&["--config", path(&file)], &[]);
    let (own, sirene) = (format!("{}/v1/code", server.url), format!("{}/predict/", server.url));
    let first_refusal = |ask: &dyn Fn() -> Reply| (0..100).map(|_| ask()).find(|reply| reply.status != 200).unwrap();
    assert_eq!(post_with(&often, &own, ONE_ACTIVITY).status, 200);
    let refusal = first_refusal(&|| post_with(&often, &own, ONE_ACTIVITY));
    refusal.is_problem(429, "rate_exceeded");
    refusal.says_when();
    let refusal = first_refusal(&|| post_with(&often, &sirene, ONE_FORM));
    refusal.is_detail(429);
    refusal.says_when();
    assert!(metric(&server.operations_url, "codif_shed_total{reason=\"rate\"}") >= 2.0);
    (0..10).for_each(|_| assert_eq!(post_with(&alice, &own, ONE_ACTIVITY).status, 200));
    eventually("the key's next turn", || post_with(&often, &own, ONE_ACTIVITY).status == 200);
}

#[test]
fn metrics_ask_only_when_a_key_has_their_scope() {
    let (code, file) = key_with("code");
    let server = Server::start_with(&["--config", path(&file)], &[]);
    assert_eq!(status(&format!("{}/metrics", server.operations_url)), 200);
    let (prometheus, table) = new_key(&["prometheus", "--scope", "metrics"]);
    let both = std::fs::read_to_string(file.path()).unwrap() + "\n" + &table;
    let file = configuration(&both);
    let server = Server::start_with(&["--config", path(&file)], &[]);
    let metrics = format!("{}/metrics", server.operations_url);
    get(&metrics, &[]).is_problem(401, "unauthenticated");
    get_with(&code, &metrics).is_problem(403, "missing_scope");
    assert_eq!(get_with(&prometheus, &metrics).status, 200);
    for probe in ["/livez", "/readyz", "/startupz"] {
        assert_eq!(status(&format!("{}{probe}", server.operations_url)), 200);
    }
}

#[test]
fn the_configuration_shows_no_secret() {
    let (_, file) = key_with("admin");
    let text = std::fs::read_to_string(file.path()).unwrap();
    let digest = text.split('"').find(|text| text.len() == 64).unwrap();
    let secrets = [("API_USERNAME", "nom-secret"), ("API_PASSWORD", "mot-secret"), ("AUTH_API", "True")];
    let server = Server::start_with(&["--config", path(&file)], &secrets);
    let reply = get(&format!("{}/admin/configuration", server.operations_url), &[]);
    let shown = reply.body.as_str().unwrap();
    assert_eq!(reply.status, 200);
    assert!(shown.contains("sha256 = \"***\"") && shown.contains("password = \"***\""), "{shown}");
    assert!(shown.contains("name = \"somebody\"") && shown.contains("scopes = [\"admin\"]"), "{shown}");
    assert!(!shown.contains(digest) && !shown.contains("-secret"), "{shown}");
}

#[test]
fn administration_asks_where_others_can_reach_it() {
    let (admin, table) = new_key(&["admin", "--scope", "admin"]);
    let (code, more) = new_key(&["alice", "--scope", "code"]);
    let file = configuration(&format!("{table}\n{more}"));
    let arguments = ["--listen", "127.0.0.1:0", "--ops-listen", "0.0.0.0:0", "--config", path(&file)];
    let process = Process::serve(&arguments);
    let (_, operations) = process.urls();
    let address = format!("{operations}/admin/configuration");
    get(&address, &[]).is_problem(401, "unauthenticated");
    get_with("codif_0000", &address).is_problem(401, "unauthenticated");
    get_with(&code, &address).is_problem(403, "missing_scope");
    let reply = get_with(&admin, &address);
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/toml")));
    for probe in ["/livez", "/readyz", "/startupz"] {
        assert_eq!(status(&format!("{operations}{probe}")), 200);
    }
}

#[test]
fn a_port_that_others_can_reach_does_not_open_to_everybody() {
    let (_, metrics) = key_with("metrics");
    let open: [(&[&str], &str); 4] = [
        (&["--listen", "0.0.0.0:0", "--ops-listen", "127.0.0.1:0"], "--listen 0.0.0.0:0"),
        (&["--listen", "[::]:0", "--ops-listen", "127.0.0.1:0"], "--listen [::]:0"),
        (&["--listen", "127.0.0.1:0", "--ops-listen", "0.0.0.0:0"], "--ops-listen 0.0.0.0:0"),
        (&["--listen", "0.0.0.0:0", "--ops-listen", "127.0.0.1:0", "--config", path(&metrics)], "--listen 0.0.0.0:0"),
    ];
    for (arguments, flag) in open {
        let message = Process::serve(arguments).refusal();
        assert!(message.contains(flag) && message.contains("--insecure"), "{message}");
    }
    let insecure = Process::serve(&["--listen", "0.0.0.0:0", "--ops-listen", "0.0.0.0:0", "--insecure"]);
    let (public, operations) = insecure.urls();
    assert_eq!((status(&format!("{public}/v1/models")), status(&format!("{operations}/readyz"))), (200, 200));
}

#[test]
fn a_key_with_the_scope_code_closes_a_port_that_others_can_reach() {
    let (key, file) = key_with("code");
    let arguments = ["--listen", "0.0.0.0:0", "--ops-listen", "127.0.0.1:0", "--config", path(&file)];
    let process = Process::serve(&arguments);
    let (public, _) = process.urls();
    assert_eq!(status(&format!("{public}/v1/models")), 401);
    assert_eq!(get_with(&key, &format!("{public}/v1/models")).status, 200);
}

#[test]
fn basic_authentication_opens_with_an_api_key_too() {
    let (key, file) = key_with("code");
    let environment = [("AUTH_API", "True"), ("API_USERNAME", "sirene"), ("API_PASSWORD", "mot:de:passe")];
    let server = Server::start_with(&["--config", path(&file)], &environment);
    let url = format!("{}/predict/", server.url);
    post(&url, &[], ONE_FORM).is_detail(401);
    // sirene:mot:de:passe
    let basic = [("authorization", "Basic c2lyZW5lOm1vdDpkZTpwYXNzZQ==")];
    for reply in [
        post(&url, &basic, ONE_FORM),
        post_with(&key, &url, ONE_FORM),
        post(&url, &[("x-api-key", key.as_str())], ONE_FORM),
    ] {
        assert_eq!((reply.status, &reply.body[0]["1"]["code"]), (200, &Value::from("9602A")));
    }
}

#[test]
fn only_the_origins_named_may_call_from_a_browser() {
    let allowed = |server: &Server, origin: &str| {
        let reply = get(&format!("{}/v1/models", server.url), &[("origin", origin)]);
        assert_eq!(reply.status, 200);
        reply.header("access-control-allow-origin").map(str::to_owned)
    };
    let (ours, other) = ("https://codage.example.fr", "https://ailleurs.example.fr");
    let closed = Server::start();
    assert_eq!(allowed(&closed, ours), None);
    let named = Server::start_with(&["--cors-origins", "https://codage.example.fr,https://second.example.fr"], &[]);
    assert_eq!(allowed(&named, ours).as_deref(), Some(ours));
    assert_eq!(allowed(&named, "https://second.example.fr").as_deref(), Some("https://second.example.fr"));
    assert_eq!(allowed(&named, other), None);
}

#[test]
fn an_origin_that_is_none_is_refused_in_words() {
    for origin in ["*", "sirene.example.fr", "https://*.example.fr", "https://sirene.example.fr/page", ""] {
        let output = codif(&["serve", "--cors-origins", origin]);
        assert!(!output.status.success(), "{origin}");
        assert!(stderr(&output).contains("an origin is a scheme and a host"), "{origin}: {}", stderr(&output));
    }
}
