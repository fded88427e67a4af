//! The local stack's CloudFront key pair: made once, kept in the data folder, readable by its owner alone.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::{MessageDigest, hash};
use openssl::nid::Nid;
use openssl::pkey::PKey;
use secrecy::SecretString;

/// A key pair with CloudFront's id of its public half.
pub struct KeyPair {
    /// As `Key-Pair-Id` in signed URLs.
    pub id: String,
    /// PEM of the private key.
    pub private_pem: SecretString,
    /// PEM of the public key.
    pub public_pem: String,
}

/// Reads the key pair of a data folder, or makes it at the first start.
pub fn open(data: &Path) -> anyhow::Result<KeyPair> {
    let path = data.join("cloudfront-key.pem");
    let context = || format!("cannot use the signing key {}", path.display());
    let key = match std::fs::read(&path) {
        Ok(pem) => PKey::private_key_from_pem(&pem).with_context(context)?,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            // P-256: signatures of 70 bytes where RSA's have 256, on every URI of every playlist.
            let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
            let key = PKey::from_ec_key(EcKey::generate(&group)?)?;
            let mut options = OpenOptions::new();
            let mut file =
                options.create_new(true).write(true).mode(0o600).open(&path).with_context(context)?;
            file.write_all(&key.private_key_to_pem_pkcs8()?).with_context(context)?;
            key
        }
        Err(e) => return Err(e).with_context(context),
    };
    let digest = hash(MessageDigest::sha256(), &key.public_key_to_der()?)?;
    Ok(KeyPair {
        id: format!("K{}", &hex::encode_upper(digest)[..13]),
        private_pem: SecretString::from(String::from_utf8(key.private_key_to_pem_pkcs8()?)?),
        public_pem: String::from_utf8(key.public_key_to_pem()?)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn a_second_start_finds_the_same_key() {
        let data = tempfile::tempdir().expect("folder");
        let (first, second) = (open(data.path()).expect("made"), open(data.path()).expect("found"));
        assert_eq!(first.id, second.id);
        assert_eq!(first.private_pem.expose_secret(), second.private_pem.expose_secret());
    }
}
