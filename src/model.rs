//! What makes a model: its manifest, its weights, its golden cases.

pub mod assembly;
pub mod bundle;
pub mod device;
pub mod digest;
pub mod error;
pub mod golden;
pub mod import;
pub mod manifest;
pub mod options;
pub mod signature;
pub mod weights;
pub mod writing;
