//! Access tokens: nothing is believed that the pool's key did not sign, nor what two readers could read two ways. The input
//! is a header, a line's end and a payload, which the target signs as the pool would; it is tried as a token too.
#![no_main]

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flodrama_edge::token_holds;
use libfuzzer_sys::fuzz_target;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use serde_json::{Value, json};

const KEY_ID: &str = "the-pools";

/// A key of this run alone, and what the pool publishes of it.
static KEY: LazyLock<(PKey<Private>, Value)> = LazyLock::new(|| {
    let rsa = Rsa::generate(2048).expect("a key");
    let (n, e) = (encode(&rsa.n().to_vec()), encode(&rsa.e().to_vec()));
    let jwk = json!({"kty": "RSA", "kid": KEY_ID, "alg": "RS256", "use": "sig", "n": n, "e": e});
    (PKey::from_rsa(rsa).expect("a key"), jwk)
});

fuzz_target!(|input: &str| {
    let (key, jwk) = &*KEY;
    assert!(!token_holds(input, jwk), "believed without a signature");
    let Some((header, payload)) = input.split_once('\n') else { return };
    let text = format!("{}.{}", encode(header.as_bytes()), encode(payload.as_bytes()));
    for unsigned in ["", ".", ".AA"] {
        assert!(!token_holds(&format!("{text}{unsigned}"), jwk), "believed without a signature");
    }
    let mut signer = Signer::new(MessageDigest::sha256(), key).expect("a signer");
    let signature = encode(&signer.sign_oneshot_to_vec(text.as_bytes()).expect("a signature"));
    if !token_holds(&format!("{text}.{signature}"), jwk) {
        return;
    }
    // What is believed says plainly how it is signed, by whom, about whom, and until when.
    let read = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    let (header, claims) = (read(header), read(payload));
    assert_eq!((&header["alg"], &header["kid"]), (&json!("RS256"), &json!(KEY_ID)));
    assert!(header.get("crit").is_none() && header.get("b64").is_none());
    for name in ["iss", "sub", "token_use", "client_id"] {
        assert!(claims[name].is_string(), "{name}");
    }
    assert!(claims["exp"].is_u64() && claims.get("nbf").is_none_or(Value::is_u64));
    let with_more =
        format!("{}.{}", encode(header.to_string().as_bytes()), encode(format!("{payload} ").as_bytes()));
    assert!(!token_holds(&format!("{with_more}.{signature}"), jwk), "believed with another's signature");
});

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
