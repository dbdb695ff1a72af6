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
#[path = "integration/support.rs"]
mod support;
#[path = "integration/training.rs"]
mod training;
