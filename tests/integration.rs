//! Black-box tests of the real binary, over its command line and over HTTP, in one test program.

#[path = "integration/admin_page.rs"]
mod admin_page;
#[path = "integration/broken_artefacts.rs"]
mod broken_artefacts;
#[path = "integration/cached_models.rs"]
mod cached_models;
#[path = "integration/canaries.rs"]
mod canaries;
#[path = "integration/cli.rs"]
mod cli;
#[path = "integration/configuration.rs"]
mod configuration;
#[path = "integration/damages.rs"]
mod damages;
#[path = "integration/explanations.rs"]
mod explanations;
#[path = "integration/fault_proxy.rs"]
mod fault_proxy;
#[path = "integration/faulty_networks.rs"]
mod faulty_networks;
#[path = "integration/following.rs"]
mod following;
#[path = "integration/fuzzing.rs"]
mod fuzzing;
#[path = "integration/gpu.rs"]
mod gpu;
#[path = "integration/hot_swap.rs"]
mod hot_swap;
#[path = "integration/http.rs"]
mod http;
#[path = "integration/imported_fasttext.rs"]
mod imported_fasttext;
#[path = "integration/imported_serving.rs"]
mod imported_serving;
#[path = "integration/imported_torch_text.rs"]
mod imported_torch_text;
#[path = "integration/interrupted_transfers.rs"]
mod interrupted_transfers;
#[path = "integration/job_client.rs"]
mod job_client;
#[path = "integration/job_refusals.rs"]
mod job_refusals;
#[path = "integration/job_replicas.rs"]
mod job_replicas;
#[path = "integration/job_restarts.rs"]
mod job_restarts;
#[path = "integration/job_store.rs"]
mod job_store;
#[path = "integration/jobs.rs"]
mod jobs;
#[path = "integration/kept_versions.rs"]
mod kept_versions;
#[path = "integration/keys.rs"]
mod keys;
#[path = "integration/lifecycle.rs"]
mod lifecycle;
#[path = "integration/limits.rs"]
mod limits;
#[path = "integration/mlflow.rs"]
mod mlflow;
#[path = "integration/mlflow_python.rs"]
mod mlflow_python;
#[path = "integration/mlflow_serving.rs"]
mod mlflow_serving;
#[path = "integration/overload.rs"]
mod overload;
#[path = "integration/process.rs"]
mod process;
#[path = "integration/raw_client.rs"]
mod raw_client;
#[path = "integration/recode.rs"]
mod recode;
#[path = "integration/recode_any_input.rs"]
mod recode_any_input;
#[path = "integration/recode_bad_rows.rs"]
mod recode_bad_rows;
#[path = "integration/recode_columns.rs"]
mod recode_columns;
#[path = "integration/recode_interrupted_storage.rs"]
mod recode_interrupted_storage;
#[path = "integration/recode_previous_codes.rs"]
mod recode_previous_codes;
#[path = "integration/recode_refusals.rs"]
mod recode_refusals;
#[path = "integration/recode_resumed.rs"]
mod recode_resumed;
#[path = "integration/recode_runs.rs"]
mod recode_runs;
#[path = "integration/recode_storage.rs"]
mod recode_storage;
#[path = "integration/recode_succession.rs"]
mod recode_succession;
#[path = "integration/recoding.rs"]
mod recoding;
#[path = "integration/registries.rs"]
mod registries;
#[path = "integration/registry_aliases.rs"]
mod registry_aliases;
#[path = "integration/registry_commands.rs"]
mod registry_commands;
#[path = "integration/registry_environment.rs"]
mod registry_environment;
#[path = "integration/registry_numbers.rs"]
mod registry_numbers;
#[path = "integration/reloading.rs"]
mod reloading;
#[path = "integration/replies.rs"]
mod replies;
#[path = "integration/shadows.rs"]
mod shadows;
#[path = "integration/shipped_models.rs"]
mod shipped_models;
#[path = "integration/signatures.rs"]
mod signatures;
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
#[path = "integration/slow_clients.rs"]
mod slow_clients;
#[path = "integration/storage.rs"]
mod storage;
#[path = "integration/support.rs"]
mod support;
#[path = "integration/telemetry.rs"]
mod telemetry;
#[path = "integration/tiny_models.rs"]
mod tiny_models;
#[path = "integration/traces.rs"]
mod traces;
#[path = "integration/tracking.rs"]
mod tracking;
#[path = "integration/training.rs"]
mod training;
#[path = "integration/version_files.rs"]
mod version_files;
#[path = "integration/watching.rs"]
mod watching;
