//! Keys and tokens, made with OpenSSL so that they are independent of what checks them.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::{Padding, Rsa};
use openssl::sign::{RsaPssSaltlen, Signer};
use serde_json::{Value, json};

/// A private key.
pub struct Key(pub PKey<Private>);

/// The key that the tests' distribution trusts.
pub static CDN_KEY: LazyLock<Key> = LazyLock::new(Key::p256);
static POOL_KEY: LazyLock<Key> = LazyLock::new(|| Key::rsa(2048));

impl Key {
    pub fn rsa(bits: u32) -> Key {
        Key(PKey::from_rsa(Rsa::generate(bits).expect("RSA")).expect("a key"))
    }

    pub fn p256() -> Key {
        Key::curve(Nid::X9_62_PRIME256V1)
    }

    pub fn curve(curve: Nid) -> Key {
        let group = EcGroup::from_curve_name(curve).expect("a curve");
        Key(PKey::from_ec_key(EcKey::generate(&group).expect("EC")).expect("a key"))
    }

    /// PKCS#8.
    pub fn pem(&self) -> String {
        String::from_utf8(self.0.private_key_to_pem_pkcs8().expect("PEM")).expect("text")
    }

    pub fn public_pem(&self) -> String {
        String::from_utf8(self.0.public_key_to_pem().expect("PEM")).expect("text")
    }

    /// RS256, or ES256 in DER.
    pub fn sign_sha256(&self, message: &[u8]) -> Vec<u8> {
        let mut signer = Signer::new(MessageDigest::sha256(), &self.0).expect("a signer");
        signer.sign_oneshot_to_vec(message).expect("a signature")
    }

    /// RSA in another way than RS256: `pss` for PSS with a salt as long as the hash, else PKCS#1 v1.5.
    pub fn sign(&self, digest: MessageDigest, pss: bool, message: &[u8]) -> Vec<u8> {
        let mut signer = Signer::new(digest, &self.0).expect("a signer");
        if pss {
            signer.set_rsa_padding(Padding::PKCS1_PSS).expect("PSS");
            signer.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).expect("a salt");
        }
        signer.sign_oneshot_to_vec(message).expect("a signature")
    }

    /// The public half of an RSA key, as a key server shows it.
    pub fn jwk(&self, kid: &str) -> Value {
        let rsa = self.0.rsa().expect("RSA");
        let number = |n: &openssl::bn::BigNumRef| URL_SAFE_NO_PAD.encode(n.to_vec());
        json!({"kty": "RSA", "alg": "RS256", "use": "sig", "kid": kid, "n": number(rsa.n()), "e": number(rsa.e())})
    }
}

/// A user pool.
pub struct Pool {
    pub kid: String,
}

impl Pool {
    pub fn new() -> Pool {
        Pool { kid: "pool-key-1".into() }
    }

    pub fn key(&self) -> &'static Key {
        &POOL_KEY
    }

    pub fn jwks(&self) -> Value {
        json!({"keys": [{"kty": "a kind to come", "kid": "other"}, POOL_KEY.jwk(&self.kid)]})
    }

    pub fn header(&self) -> Value {
        json!({"alg": "RS256", "kid": self.kid})
    }

    /// A token over `claims` that is signed as Cognito does.
    pub fn sign(&self, claims: &Value) -> String {
        token(&self.header().to_string(), &claims.to_string(), |message| POOL_KEY.sign_sha256(message))
    }
}

/// A token of these texts.
pub fn token(header: &str, claims: &str, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(message.as_bytes()));
    format!("{message}.{signature}")
}
