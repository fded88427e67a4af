//! Signatures held against the `openssl` program, as CloudFront would hold them.

use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flodrama_edge::config::Hash;
use flodrama_edge::sign::{Cdn, KeyError, Signer, SigningKey};
use openssl::nid::Nid;
use time::OffsetDateTime;

use crate::support::keys::Key;
use crate::support::s3::VERSION;
use crate::support::{CDN, KEY_PAIR};

const UNTIL: i64 = 1_900_000_000;

fn signer(pem: &str, hash: Hash) -> Result<Signer, KeyError> {
    Ok(Signer::new(Cdn::parse(CDN).expect("cdn"), KEY_PAIR.into(), SigningKey::from_pem(pem, hash)?))
}

fn sign(pem: &str, hash: Hash, url: &str) -> String {
    let until = OffsetDateTime::from_unix_timestamp(UNTIL).expect("a time");
    signer(pem, hash).expect("a signer").url(url, until).expect("a URL")
}

fn parameter(url: &str, name: &str) -> Option<String> {
    let query = url.split_once('?').expect("a query").1;
    query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
}

fn decoded(text: &str) -> Vec<u8> {
    STANDARD.decode(text.replace('-', "+").replace('_', "=").replace('~', "/")).expect("CloudFront's base64")
}

/// `openssl dgst -verify`: the program that AWS's own instructions sign with.
fn verify(folder: &Path, key: &Key, hash: Hash, policy: &[u8], signature: &[u8]) -> bool {
    for (name, content) in
        [("key", key.public_pem().into_bytes()), ("policy", policy.into()), ("sig", signature.into())]
    {
        std::fs::write(folder.join(name), content).expect("a file");
    }
    let digest = if hash == Hash::Sha1 { "-sha1" } else { "-sha256" };
    let arguments = ["dgst", digest, "-verify", "key", "-signature", "sig", "policy"];
    Command::new("openssl")
        .current_dir(folder)
        .args(arguments)
        .output()
        .expect("openssl is there")
        .status
        .success()
}

#[test]
fn openssl_agrees_for_each_key_and_hash() {
    let folder = tempfile::tempdir().expect("a folder");
    for key in [Key::rsa(2048), Key::p256()] {
        for hash in [Hash::Sha256, Hash::Sha1] {
            let manifest = format!("{CDN}/vod/demo/{VERSION}/main.m3u8");
            let url = sign(&key.pem(), hash, &manifest);
            let policy = decoded(&parameter(&url, "Policy").expect("a policy"));
            assert_eq!(
                String::from_utf8_lossy(&policy),
                format!(
                    r#"{{"Statement":[{{"Resource":"{CDN}/vod/demo/{VERSION}/*","Condition":{{"DateLessThan":{{"AWS:EpochTime":{UNTIL}}}}}}}]}}"#
                )
            );
            let signature = decoded(&parameter(&url, "Signature").expect("a signature"));
            assert!(verify(folder.path(), &key, hash, &policy, &signature), "{hash:?}");
            assert!(!verify(folder.path(), &key, hash, b"another policy", &signature), "{hash:?}");
            assert_eq!(parameter(&url, "Key-Pair-Id").as_deref(), Some(KEY_PAIR));
            let named = parameter(&url, "Hash-Algorithm");
            assert_eq!(named.as_deref(), (hash == Hash::Sha256).then_some("SHA256"));
        }
    }
}

#[test]
fn one_file_is_signed_with_a_canned_policy() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = Key::p256();
    let poster = format!("{CDN}/vod/demo/{VERSION}/poster/640.jpg");
    let url = sign(&key.pem(), Hash::Sha256, &poster);
    assert_eq!(parameter(&url, "Policy"), None);
    assert_eq!(parameter(&url, "Expires"), Some(UNTIL.to_string()));
    let policy = format!(
        r#"{{"Statement":[{{"Resource":"{poster}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{UNTIL}}}}}}}]}}"#
    );
    let signature = decoded(&parameter(&url, "Signature").expect("a signature"));
    assert!(verify(folder.path(), &key, Hash::Sha256, policy.as_bytes(), &signature));
    let with_query = sign(&key.pem(), Hash::Sha256, &format!("{poster}?width=1"));
    assert!(with_query.contains("?width=1&Expires="), "{with_query}");
}

#[test]
fn keys_are_read_in_each_form_that_tools_write() {
    let (rsa, ec) = (Key::rsa(2048), Key::p256());
    let text = |pem: Vec<u8>| String::from_utf8(pem).expect("text");
    let pkcs1 = text(rsa.0.rsa().expect("RSA").private_key_to_pem().expect("PEM"));
    let sec1 = text(ec.0.ec_key().expect("EC").private_key_to_pem().expect("PEM"));
    assert!(pkcs1.contains("BEGIN RSA PRIVATE KEY") && sec1.contains("BEGIN EC PRIVATE KEY"));
    for pem in [rsa.pem(), pkcs1, ec.pem(), sec1] {
        assert!(signer(&pem, Hash::Sha256).is_ok());
        assert!(signer(&pem, Hash::Sha1).is_ok());
    }
}

#[test]
fn other_keys_are_refused_by_name_and_never_shown() {
    let encrypted = Key::rsa(2048)
        .0
        .private_key_to_pem_pkcs8_passphrase(openssl::symm::Cipher::aes_128_cbc(), b"secret")
        .expect("PEM");
    let table = [
        (Key::rsa(1024).pem(), "RSA-1024"),
        (Key::rsa(4096).pem(), "RSA-4096"),
        (Key::curve(Nid::SECP384R1).pem(), "another curve"),
        (Key::p256().public_pem(), "no PEM of a private key"),
        (String::from_utf8(encrypted).expect("text"), "no PEM of a private key"),
        ("canary".to_owned(), "no PEM of a private key"),
    ];
    for (pem, part) in table {
        for hash in [Hash::Sha256, Hash::Sha1] {
            let error = signer(&pem, hash).err().expect("refused");
            assert!(error.to_string().contains(part), "{error}");
            assert!(!format!("{error:?}").contains("canary"));
        }
    }
}
