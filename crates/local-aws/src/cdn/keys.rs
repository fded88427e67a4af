//! The trusted key group.

use std::collections::HashMap;

use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Public};
use openssl::sign::Verifier;

use crate::StackError;

/// A public key that viewers' signatures may be made with.
#[derive(Clone, Debug)]
pub struct CloudFrontPublicKey {
    /// The id in `Key-Pair-Id`.
    pub key_id: String,
    /// An RSA-2048 or ECDSA P-256 public key, `-----BEGIN PUBLIC KEY-----`.
    pub public_key_pem: String,
}

/// The keys by id.
pub(crate) struct KeyGroup(HashMap<String, PKey<Public>>);

impl KeyGroup {
    /// Reads the keys; one of another kind than CloudFront takes is refused, as CloudFront refuses it.
    pub fn new(keys: &[CloudFrontPublicKey]) -> Result<KeyGroup, StackError> {
        let mut group = HashMap::new();
        for CloudFrontPublicKey { key_id, public_key_pem } in keys {
            let key = PKey::public_key_from_pem(public_key_pem.as_bytes()).ok().filter(is_allowed);
            let key = key.ok_or_else(|| StackError::PublicKey { key_id: key_id.clone() })?;
            group.insert(key_id.clone(), key);
        }
        Ok(KeyGroup(group))
    }

    /// The key of this id.
    pub fn get(&self, key_id: &str) -> Option<&PKey<Public>> {
        self.0.get(key_id)
    }
}

fn is_allowed(key: &PKey<Public>) -> bool {
    let rsa_2048 = key.rsa().is_ok_and(|rsa| rsa.size() == 256);
    let p256 = key.ec_key().is_ok_and(|ec| ec.group().curve_name() == Some(Nid::X9_62_PRIME256V1));
    rsa_2048 || p256
}

/// Whether `signature` (PKCS #1 v1.5, or DER of ECDSA) is `key`'s over `message`.
pub(crate) fn is_signed(key: &PKey<Public>, digest: MessageDigest, message: &[u8], signature: &[u8]) -> bool {
    let verified = Verifier::new(digest, key).and_then(|mut v| v.verify_oneshot(signature, message));
    // OpenSSL reports a signature that it cannot read as an error, not as a wrong one.
    verified.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use openssl::ec::{EcGroup, EcKey};
    use openssl::rsa::Rsa;

    use super::*;

    fn group(pem: Vec<u8>) -> Result<KeyGroup, StackError> {
        let public_key_pem = String::from_utf8(pem).expect("text");
        KeyGroup::new(&[CloudFrontPublicKey { key_id: "K1".into(), public_key_pem }])
    }

    fn rsa(bits: u32) -> Vec<u8> {
        Rsa::generate(bits).expect("key").public_key_to_pem().expect("pem")
    }

    fn ec(curve: Nid) -> Vec<u8> {
        let group = EcGroup::from_curve_name(curve).expect("curve");
        EcKey::generate(&group).expect("key").public_key_to_pem().expect("pem")
    }

    #[test]
    fn only_the_two_kinds_that_cloudfront_takes() {
        assert!(group(rsa(2048)).is_ok_and(|group| group.get("K1").is_some() && group.get("K2").is_none()));
        assert!(group(ec(Nid::X9_62_PRIME256V1)).is_ok());
        for refused in [rsa(1024), ec(Nid::SECP384R1), b"no key".to_vec()] {
            let error = group(refused).err().expect("refused");
            assert!(error.to_string().contains("'K1'"), "{error}");
        }
    }
}
