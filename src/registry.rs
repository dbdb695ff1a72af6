//! Where models are kept: `<registry>/<name>/versions/<n>/` and `<registry>/<name>/aliases/<alias>`.

mod directory;
mod reference;

pub use directory::{DirectoryRegistry, ModelListing, RegistryError, Resolved};
pub use reference::{ModelReference, ReferenceError, Selector};
