//! The private key of a CloudFront key pair: RSA-2048 or ECDSA P-256, SHA-256 by aws-lc-rs, SHA-1 by OpenSSL.
//!
//! Both libraries sign RSA with blinding; pure-Rust ones do not yet hold against timing (RUSTSEC-2023-0071).

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature as lc;
use flodrama_asset::ErrorKind;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};
use openssl::sign::{Signer, Verifier};

use crate::config::Hash;

/// The key cannot be used. Never holds any of it.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// No PEM of a private key.
    #[error("the private key is no PEM of a private key (PKCS#8, PKCS#1 or SEC1, not encrypted)")]
    Pem,
    /// Another kind of key than CloudFront takes.
    #[error("the private key is {found}; CloudFront takes RSA-2048 and ECDSA P-256")]
    Unsupported {
        /// What it is.
        found: String,
    },
    /// The cryptography library refused.
    #[error("signing failed")]
    Crypto,
}

impl KeyError {
    /// `Config` for a key that is not one of CloudFront's, `Internal` where a good one failed.
    pub fn kind(&self) -> ErrorKind {
        match self {
            KeyError::Pem | KeyError::Unsupported { .. } => ErrorKind::Config,
            KeyError::Crypto => ErrorKind::Internal,
        }
    }
}

impl From<ErrorStack> for KeyError {
    fn from(_: ErrorStack) -> KeyError {
        KeyError::Crypto
    }
}

impl From<aws_lc_rs::error::Unspecified> for KeyError {
    fn from(_: aws_lc_rs::error::Unspecified) -> KeyError {
        KeyError::Crypto
    }
}

/// A private key and the hash that it signs with.
pub struct SigningKey {
    hash: Hash,
    key: Key,
}

enum Key {
    RsaSha256(lc::RsaKeyPair),
    EcdsaSha256(lc::EcdsaKeyPair),
    /// Of either kind.
    Sha1(PKey<Private>),
}

impl SigningKey {
    /// Reads PEM: PKCS#8, PKCS#1 (`RSA PRIVATE KEY`) or SEC1 (`EC PRIVATE KEY`).
    pub fn from_pem(pem: &str, hash: Hash) -> Result<SigningKey, KeyError> {
        // A password callback that gives none: without it OpenSSL would ask on the terminal.
        let pkey =
            PKey::private_key_from_pem_callback(pem.as_bytes(), |_| Ok(0)).map_err(|_| KeyError::Pem)?;
        let is_rsa = match pkey.id() {
            Id::RSA if pkey.bits() == 2048 => true,
            Id::RSA => return Err(KeyError::Unsupported { found: format!("RSA-{}", pkey.bits()) }),
            Id::EC if pkey.ec_key()?.group().curve_name() == Some(Nid::X9_62_PRIME256V1) => false,
            Id::EC => return Err(KeyError::Unsupported { found: "on another curve".to_owned() }),
            _ => return Err(KeyError::Unsupported { found: "of another kind".to_owned() }),
        };
        let rejected = |_| KeyError::Unsupported { found: "out of form".to_owned() };
        let key = match (hash, is_rsa) {
            (Hash::Sha1, _) => Key::Sha1(pkey),
            (Hash::Sha256, true) => {
                Key::RsaSha256(lc::RsaKeyPair::from_pkcs8(&pkey.private_key_to_pkcs8()?).map_err(rejected)?)
            }
            (Hash::Sha256, false) => {
                let algorithm = &lc::ECDSA_P256_SHA256_ASN1_SIGNING;
                let pkcs8 = pkey.private_key_to_pkcs8()?;
                Key::EcdsaSha256(lc::EcdsaKeyPair::from_pkcs8(algorithm, &pkcs8).map_err(rejected)?)
            }
        };
        Ok(SigningKey { hash, key })
    }

    /// The hash that signatures are made with.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// RSA PKCS#1 v1.5, or ECDSA in DER.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        match &self.key {
            Key::RsaSha256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&lc::RSA_PKCS1_SHA256, &random, message, &mut signature)?;
                Ok(signature)
            }
            Key::EcdsaSha256(pair) => Ok(pair.sign(&random, message)?.as_ref().to_vec()),
            Key::Sha1(pkey) => Ok(Signer::new(MessageDigest::sha1(), pkey)?.sign_oneshot_to_vec(message)?),
        }
    }

    /// True where this key made `signature` over `message`.
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        use lc::KeyPair;
        match &self.key {
            Key::RsaSha256(pair) => {
                let key = lc::UnparsedPublicKey::new(&lc::RSA_PKCS1_2048_8192_SHA256, pair.public_key());
                key.verify(message, signature).is_ok()
            }
            Key::EcdsaSha256(pair) => {
                let key = lc::UnparsedPublicKey::new(&lc::ECDSA_P256_SHA256_ASN1, pair.public_key());
                key.verify(message, signature).is_ok()
            }
            Key::Sha1(pkey) => Verifier::new(MessageDigest::sha1(), pkey)
                .and_then(|mut verifier| verifier.verify_oneshot(signature, message))
                .unwrap_or(false),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?})", self.hash)
    }
}
