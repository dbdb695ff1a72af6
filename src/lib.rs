//! codif codes what a business does: one declared activity in, the most likely codes of the French activity
//! nomenclature out, with how sure that is and whether a person has to decide.
//!
//! The modules stand in the order in which an activity meets them.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)
)]

// The pure core: no HTTP, no registry, no clock.
pub mod coding;
pub mod nomenclature;

// What makes and keeps models.
pub mod model;
pub mod registry;
pub mod training;

// What codes files of millions of rows.
pub mod recode;

// What outlives the process.
pub mod store;

// What serves them.
pub mod config;
pub mod http;
pub mod jobs;
pub mod serving;
pub mod telemetry;
pub mod ui;

// The program.
pub mod cli;
pub mod process;
