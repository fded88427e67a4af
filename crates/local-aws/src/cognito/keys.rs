//! The pool's signing key: RSA-2048, made once and kept with mode 0600.

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sha::sha256;
use openssl::sign::Signer;
use serde_json::{Value, json};

use crate::StackError;
use crate::disk::{self, Access};

/// Signs tokens, and shows the public half as a key set.
pub(super) struct SigningKey {
    key: PKey<Private>,
    id: String,
    modulus: String,
    exponent: String,
}

impl SigningKey {
    /// Reads the key at `path`, or makes it.
    pub fn open(path: &Path) -> Result<SigningKey, StackError> {
        let key = match disk::read(path)? {
            Some(pem) => PKey::private_key_from_pem(&pem)?,
            None => {
                let key = PKey::from_rsa(Rsa::generate(2048)?)?;
                disk::write(path, &key.private_key_to_pem_pkcs8()?, Access::Owner)?;
                key
            }
        };
        let rsa = key.rsa()?;
        let modulus = rsa.n().to_vec();
        Ok(SigningKey {
            id: BASE64_URL_SAFE_NO_PAD.encode(sha256(&modulus)),
            modulus: BASE64_URL_SAFE_NO_PAD.encode(&modulus),
            exponent: BASE64_URL_SAFE_NO_PAD.encode(rsa.e().to_vec()),
            key,
        })
    }

    /// A token of `claims`, RS256.
    pub fn sign(&self, claims: &Value) -> Result<String, ErrorStack> {
        let header = json!({ "kid": self.id, "alg": "RS256" });
        let encode = |part: &Value| BASE64_URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encode(&header), encode(claims));
        let signature =
            Signer::new(MessageDigest::sha256(), &*self.key)?.sign_oneshot_to_vec(signed.as_bytes())?;
        Ok(format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
    }

    /// `jwks.json`.
    pub fn key_set(&self) -> Value {
        json!({ "keys": [{
            "alg": "RS256", "kty": "RSA", "use": "sig",
            "kid": self.id, "n": self.modulus, "e": self.exponent,
        }]})
    }
}
