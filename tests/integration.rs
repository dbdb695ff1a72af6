//! Black-box tests of the real binary, over its command line and over HTTP, in one test program.

#[path = "integration/bad_models.rs"]
mod bad_models;
#[path = "integration/cli.rs"]
mod cli;
#[path = "integration/explanations.rs"]
mod explanations;
#[path = "integration/http.rs"]
mod http;
#[path = "integration/shipped_models.rs"]
mod shipped_models;
#[path = "integration/sirene_authentication.rs"]
mod sirene_authentication;
#[path = "integration/sirene_current.rs"]
mod sirene_current;
#[path = "integration/sirene_explain.rs"]
mod sirene_explain;
#[path = "integration/sirene_older.rs"]
mod sirene_older;
#[path = "integration/sirene_older_refusals.rs"]
mod sirene_older_refusals;
#[path = "integration/sirene_size.rs"]
mod sirene_size;
#[path = "integration/sirene_validation.rs"]
mod sirene_validation;
#[path = "integration/support.rs"]
mod support;
#[path = "integration/traces.rs"]
mod traces;
#[path = "integration/training.rs"]
mod training;
