//! `manifest.json.sig`: an ed25519 signature (RFC 8032) of the bytes of `manifest.json`, which holds the digests of all other
//! files. 64 bytes, as `openssl pkeyutl -verify -rawin` takes them.

use ed25519_dalek::pkcs8::{
    DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, spki::der::pem::LineEnding,
};
use ed25519_dalek::{Signature, Signer};

use super::error::ModelFault;
use super::manifest::Manifest;
use crate::coding::ModelVersion;

/// Name of the file.
pub const SIGNATURE_FILE: &str = "manifest.json.sig";

/// A private key.
pub struct SigningKey(ed25519_dalek::SigningKey);

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(ed25519_dalek::VerifyingKey);

/// A text that is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no ed25519 {kind} key in PEM: {reason}")]
pub struct KeyError {
    kind: &'static str,
    reason: String,
}

impl SigningKey {
    /// The key made of 32 random bytes.
    pub fn new(random: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(random))
    }

    /// From PKCS#8 in PEM, as `codif key signing` and `openssl genpkey -algorithm ed25519` write it.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let error = |reason: String| KeyError { kind: "private", reason };
        ed25519_dalek::SigningKey::from_pkcs8_pem(text).map(Self).map_err(|reason| error(reason.to_string()))
    }

    /// As PKCS#8 in PEM.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        let pem = self.0.to_pkcs8_pem(LineEnding::LF);
        pem.map(|pem| pem.to_string()).map_err(|reason| KeyError { kind: "private", reason: reason.to_string() })
    }

    /// The key that verifies what this one signs.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// The signature of a manifest.
    pub fn sign(&self, manifest: &[u8]) -> Vec<u8> {
        self.0.sign(manifest).to_bytes().to_vec()
    }
}

impl PublicKey {
    /// From SPKI in PEM.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let error = |reason: String| KeyError { kind: "public", reason };
        ed25519_dalek::VerifyingKey::from_public_key_pem(text).map(Self).map_err(|reason| error(reason.to_string()))
    }

    /// As SPKI in PEM.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        let pem = self.0.to_public_key_pem(LineEnding::LF);
        pem.map_err(|reason| KeyError { kind: "public", reason: reason.to_string() })
    }
}

/// Refuses a manifest that none of these keys signed.
pub fn check(manifest: &[u8], signature: Option<&[u8]>, keys: &[PublicKey]) -> Result<(), ModelFault> {
    let signature = signature.ok_or(ModelFault::Unsigned)?;
    let signature = Signature::from_slice(signature)
        .map_err(|_| ModelFault::malformed("ed25519 signature", format!("it has {} bytes, not 64", signature.len())))?;
    let signed = keys.iter().any(|key| key.0.verify_strict(manifest, &signature).is_ok());
    if signed { Ok(()) } else { Err(ModelFault::ForeignSignature) }
}

/// Who may have signed a version.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// The version must be signed by one of these keys; when there is none, it need not be signed.
    pub keys: Vec<PublicKey>,
}

impl Trust {
    /// Whether a key that is trusted signed this manifest, and as the version it is taken for: an old one that was signed once
    /// cannot be put in the place of another. The fault comes with the name of its file.
    pub fn check(
        &self,
        (manifest, bytes): (&Manifest, &[u8]),
        signature: Option<&[u8]>,
        known_as: Option<&ModelVersion>,
    ) -> Result<(), (&'static str, ModelFault)> {
        if self.keys.is_empty() {
            return Ok(());
        }
        check(bytes, signature, &self.keys).map_err(|fault| (SIGNATURE_FILE, fault))?;
        match known_as {
            Some(known_as) if (known_as.name.as_str(), known_as.version) != (&manifest.name, manifest.version) => {
                let signed = format!("{}:{}", manifest.name, manifest.version);
                let reason = format!("it was signed as {signed}, and stands in the place of {known_as}");
                Err((Manifest::FILE, ModelFault::malformed("manifest", reason)))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_checked_against_every_key() {
        let (one, other) = (SigningKey::new(&[1; 32]), SigningKey::new(&[2; 32]));
        let one = SigningKey::from_pem(&one.to_pem().unwrap()).unwrap();
        let keys = [other.public(), PublicKey::from_pem(&one.public().to_pem().unwrap()).unwrap()];
        let signature = one.sign(b"manifest");
        assert!(check(b"manifest", Some(&signature), &keys).is_ok());
        assert!(matches!(check(b"manifest!", Some(&signature), &keys), Err(ModelFault::ForeignSignature)));
        assert!(matches!(check(b"manifest", Some(&signature), &keys[..1]), Err(ModelFault::ForeignSignature)));
        assert!(matches!(check(b"manifest", None, &keys), Err(ModelFault::Unsigned)));
        assert!(matches!(check(b"manifest", Some(b"short"), &keys), Err(ModelFault::Malformed { .. })));
        assert!(SigningKey::from_pem(&one.public().to_pem().unwrap()).is_err());
    }
}
