//! What is told of an object, and what is asked when one is read or written.

/// Largest object that is read whole: manifests, signatures, aliases.
pub const LARGEST_SMALL: u64 = 16 << 20;

/// An object, as a listing tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// Its size.
    pub bytes: u64,
    /// The state it is in, where listing tells.
    pub tag: Option<Tag>,
}

/// What tells one state of an object from another: an opaque value, S3's ETag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag(pub String);

/// What must hold for a write to happen.
#[derive(Clone, Copy, Debug)]
pub enum Condition<'a> {
    /// There is no object of this key.
    Absent,
    /// The object is in this state.
    Unchanged(&'a Tag),
}

/// Takes the bytes of a download as they come; an error ends it.
pub type Sink<'a> = dyn FnMut(&[u8]) -> std::io::Result<()> + Send + 'a;
/// Told how many more bytes were sent.
pub type Sent<'a> = dyn Fn(u64) + Send + Sync + 'a;
