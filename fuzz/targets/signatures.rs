//! Signatures of manifests, and the keys that make and check them.

use std::sync::LazyLock;

use codif::model::signature::{PublicKey, SigningKey, check};

use super::{one_line, twice};

/// The manifest that was signed.
pub const SIGNED_MANIFEST: &[u8] = b"{\"format\": 1, \"name\": \"ape\", \"version\": 7}";

/// The key that signed it.
pub fn signing_key() -> &'static SigningKey {
    static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::new(&[7; 32]));
    &KEY
}

/// A `manifest.json.sig`: none is taken but that of the manifest, nor any manifest but that which was signed.
pub fn signature(data: &[u8]) {
    let key = signing_key();
    let keys = [SigningKey::new(&[8; 32]).public(), key.public()];
    let is_right = |manifest: &[u8], signature: &[u8]| match twice(|| {
        check(manifest, Some(signature), &keys).map_err(|fault| fault.to_string())
    }) {
        Ok(()) => true,
        Err(reason) => {
            one_line(&reason);
            false
        }
    };
    let signed = key.sign(SIGNED_MANIFEST);
    assert_eq!(is_right(SIGNED_MANIFEST, data), data == signed);
    assert_eq!(is_right(data, &signed), data == SIGNED_MANIFEST);
    assert!(is_right(data, &key.sign(data)));
}

/// A key in PEM: what is accepted is written and read the same, and is never both halves of a pair.
pub fn signing_keys(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let public = twice(|| PublicKey::from_pem(&text));
    let private = SigningKey::from_pem(&text);
    assert!(public.is_err() || private.is_err());
    match public {
        Ok(key) => assert_eq!(PublicKey::from_pem(&key.to_pem().unwrap()).unwrap(), key),
        Err(error) => one_line(&error),
    }
    match private {
        Ok(key) => {
            let again = SigningKey::from_pem(&key.to_pem().unwrap()).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(again.public(), key.public());
            check(data, Some(&key.sign(data)), &[again.public()]).unwrap();
        }
        Err(error) => one_line(&error),
    }
}
