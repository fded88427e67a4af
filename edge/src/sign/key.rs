//! The keys of CloudFront key pairs: RSA-2048 or ECDSA P-256, SHA-256 by aws-lc-rs, SHA-1 by OpenSSL.
//!
//! Both libraries sign RSA with blinding; pure-Rust ones do not yet hold against timing (RUSTSEC-2023-0071).

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature as lc;
use flodrama_asset::ErrorKind;
use openssl::bn::BigNumContext;
use openssl::ec::PointConversionForm;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{HasPublic, Id, PKey, Private, Public};
use openssl::sign::{Signer, Verifier};

use crate::config::Hash;

/// The key cannot be used. Never holds any of it.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// No PEM of a private key.
    #[error("the private key is no PEM of a private key (PKCS#8, PKCS#1 or SEC1, not encrypted)")]
    Pem,
    /// No PEM of a public key.
    #[error("the public key is no PEM of a public key (BEGIN PUBLIC KEY)")]
    PublicPem,
    /// Another kind of key than CloudFront takes.
    #[error("the key is {found}; CloudFront takes RSA-2048 and ECDSA P-256")]
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
            KeyError::Pem | KeyError::PublicPem | KeyError::Unsupported { .. } => ErrorKind::Config,
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
    key: Key,
    public: VerifyingKey,
}

/// A public key and the hash of the signatures that it verifies.
#[derive(Clone)]
pub struct VerifyingKey {
    hash: Hash,
    key: PublicKey,
}

#[derive(Clone)]
enum PublicKey {
    /// PKCS#1.
    RsaSha256(Vec<u8>),
    /// The point, uncompressed.
    EcdsaSha256(Vec<u8>),
    /// Of either kind.
    Sha1(PKey<Public>),
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
        let is_rsa = is_rsa(&pkey)?;
        let rejected = |_| KeyError::Unsupported { found: "out of form".to_owned() };
        let public = VerifyingKey::from_pem(&String::from_utf8_lossy(&pkey.public_key_to_pem()?), hash)?;
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
        Ok(SigningKey { key, public })
    }

    /// The hash that signatures are made with.
    pub fn hash(&self) -> Hash {
        self.public.hash
    }

    /// The public half.
    pub fn public(&self) -> &VerifyingKey {
        &self.public
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
}

impl VerifyingKey {
    /// Reads PEM (`PUBLIC KEY`).
    pub fn from_pem(pem: &str, hash: Hash) -> Result<VerifyingKey, KeyError> {
        let pkey = PKey::public_key_from_pem(pem.as_bytes()).map_err(|_| KeyError::PublicPem)?;
        let key = match (hash, is_rsa(&pkey)?) {
            (Hash::Sha1, _) => PublicKey::Sha1(pkey),
            (Hash::Sha256, true) => PublicKey::RsaSha256(pkey.rsa()?.public_key_to_der_pkcs1()?),
            (Hash::Sha256, false) => {
                let key = pkey.ec_key()?;
                let form = PointConversionForm::UNCOMPRESSED;
                let point = key.public_key().to_bytes(key.group(), form, &mut *BigNumContext::new()?)?;
                PublicKey::EcdsaSha256(point)
            }
        };
        Ok(VerifyingKey { hash, key })
    }

    /// The hash of the signatures.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// True where the private half made `signature` over `message`: RSA PKCS#1 v1.5, or ECDSA in DER.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.key {
            PublicKey::RsaSha256(key) => {
                let key = lc::UnparsedPublicKey::new(&lc::RSA_PKCS1_2048_8192_SHA256, key);
                key.verify(message, signature).is_ok()
            }
            PublicKey::EcdsaSha256(key) => {
                let key = lc::UnparsedPublicKey::new(&lc::ECDSA_P256_SHA256_ASN1, key);
                key.verify(message, signature).is_ok()
            }
            PublicKey::Sha1(key) => Verifier::new(MessageDigest::sha1(), key)
                .and_then(|mut verifier| verifier.verify_oneshot(signature, message))
                .unwrap_or(false),
        }
    }
}

/// Which of CloudFront's two kinds a key is: RSA-2048, else ECDSA P-256.
fn is_rsa<T: HasPublic>(key: &PKey<T>) -> Result<bool, KeyError> {
    match key.id() {
        Id::RSA if key.bits() == 2048 => Ok(true),
        Id::RSA => Err(KeyError::Unsupported { found: format!("RSA-{}", key.bits()) }),
        Id::EC if key.ec_key()?.group().curve_name() == Some(Nid::X9_62_PRIME256V1) => Ok(false),
        Id::EC => Err(KeyError::Unsupported { found: "on another curve".to_owned() }),
        _ => Err(KeyError::Unsupported { found: "of another kind".to_owned() }),
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?})", self.hash())
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({:?})", self.hash)
    }
}
