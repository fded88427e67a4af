//! The edge's gate: nothing passes that is not signed, and what is signed opens its own version alone. The input is four
//! lines: path, query, cookies, and a policy that the target signs as the edge would.
#![no_main]

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flodrama_edge::config::Hash;
use flodrama_edge::sign::{Cdn, Gate, TrustedKey, VerifyingKey};
use libfuzzer_sys::fuzz_target;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;
use time::OffsetDateTime;

const CDN: &str = "https://cdn.example.com";
const KEY_ID: &str = "K2TEST";

/// A key of this run alone.
static KEY: LazyLock<PKey<Private>> = LazyLock::new(|| {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("a curve");
    PKey::from_ec_key(EcKey::generate(&group).expect("a key")).expect("a key")
});

fuzz_target!(|input: &str| {
    let mut lines = input.splitn(4, '\n');
    let mut next = || lines.next().unwrap_or_default();
    let (path, query, cookies, policy) = (next(), next(), next(), next());
    // No request is otherwise.
    if query.contains(' ') || !path.starts_with('/') {
        return;
    }
    let now = OffsetDateTime::from_unix_timestamp(1_800_000_000).expect("a time");
    let gate = gate();
    assert!(gate.pass(path, query, [cookies].into_iter(), now).is_err(), "passes without a signature");

    let signed = signed(policy);
    let with = if query.is_empty() { signed.clone() } else { format!("{query}&{signed}") };
    let by_query = gate.pass(path, &with, [cookies].into_iter(), now).is_ok();
    let carried = signed.split('&').map(|part| format!("CloudFront-{part}")).collect::<Vec<_>>().join("; ");
    let by_cookies = gate.pass(path, query, [carried.as_str(), cookies].into_iter(), now).is_ok();
    if by_query || by_cookies {
        let end = path.match_indices('/').nth(3).map_or(path.len(), |(slash, _)| slash + 1);
        let version = &path[..end];
        assert!(policy.contains(&format!("\"{CDN}{version}")), "{path} by a policy for another version");
        assert!(policy.contains("\"DateLessThan\""), "{path} for ever");
    }
    // With one character of the policy another, nothing passes.
    let forged = signed.replacen("Policy=", "Policy=A", 1);
    assert!(gate.pass(path, &forged, [""].into_iter(), now).is_err(), "passes with a forged policy");
});

/// A new one each time: the gate remembers what passed.
fn gate() -> Gate {
    let pem = KEY.public_key_to_pem().expect("PEM");
    let key = VerifyingKey::from_pem(&String::from_utf8_lossy(&pem), Hash::Sha256).expect("a key");
    Gate::new(Cdn::parse(CDN).expect("an address"), vec![TrustedKey { id: KEY_ID.into(), key }])
}

/// The query of CloudFront's signature over `policy`.
fn signed(policy: &str) -> String {
    let mut signer = Signer::new(MessageDigest::sha256(), &KEY).expect("a signer");
    let signature = signer.sign_oneshot_to_vec(policy.as_bytes()).expect("a signature");
    let encode = |bytes: &[u8]| STANDARD.encode(bytes).replace('+', "-").replace('=', "_").replace('/', "~");
    let (policy, signature) = (encode(policy.as_bytes()), encode(&signature));
    format!("Policy={policy}&Signature={signature}&Key-Pair-Id={KEY_ID}&Hash-Algorithm=SHA256")
}
