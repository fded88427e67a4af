//! Signatures made with the `openssl` crate, offered to [`verify`](super::verify::verify).

use std::net::{IpAddr, Ipv4Addr};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;

use super::keys::{CloudFrontPublicKey, KeyGroup};
use super::policy::Policy;
use super::verify::{Asked, Denied, verify};

const ORIGIN: &str = "http://cdn.test:4000";
const PATH: &str = "/vod/demo/v1/video/00001.m4s";
const NOW: i64 = 1_000;

struct Signed {
    key: PKey<Private>,
    keys: KeyGroup,
}

fn with_key(key: PKey<Private>) -> Signed {
    let public_key_pem = String::from_utf8(key.public_key_to_pem().expect("pem")).expect("text");
    let keys = KeyGroup::new(&[CloudFrontPublicKey { key_id: "K1".into(), public_key_pem }]).expect("group");
    Signed { key, keys }
}

fn rsa() -> Signed {
    with_key(PKey::from_rsa(Rsa::generate(2048).expect("rsa")).expect("key"))
}

fn ecdsa() -> Signed {
    let curve = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("curve");
    with_key(PKey::from_ec_key(EcKey::generate(&curve).expect("ec")).expect("key"))
}

fn encode(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes).replace('+', "-").replace('=', "_").replace('/', "~")
}

impl Signed {
    fn signature(&self, text: &str, sha256: bool) -> String {
        let digest = if sha256 { MessageDigest::sha256() } else { MessageDigest::sha1() };
        let mut signer = Signer::new(digest, &self.key).expect("signer");
        encode(&signer.sign_oneshot_to_vec(text.as_bytes()).expect("signature"))
    }

    fn custom(&self, policy: &str, sha256: bool) -> String {
        let hash = if sha256 { "&Hash-Algorithm=SHA256" } else { "" };
        let signature = self.signature(policy, sha256);
        format!("Policy={}&Signature={signature}&Key-Pair-Id=K1{hash}", encode(policy.as_bytes()))
    }

    fn ask(&self, query: &str, cookies: Vec<(&str, &str)>) -> Result<(), Denied> {
        self.ask_at(PATH, query, cookies)
    }

    fn ask_at(&self, path: &str, query: &str, cookies: Vec<(&str, &str)>) -> Result<(), Denied> {
        let query = (!query.is_empty()).then_some(query);
        let viewer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        verify(&self.keys, &Asked { origin: ORIGIN, path, query, cookies, viewer }, NOW)
    }
}

fn policy(resource: &str, until: i64) -> String {
    format!(
        r#"{{"Statement":[{{"Resource":"{resource}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{until}}}}}}}]}}"#
    )
}

fn wildcard() -> String {
    policy(&format!("{ORIGIN}/vod/demo/v1/*"), NOW + 60)
}

#[test]
fn both_kinds_of_key_and_both_hashes_sign_custom_policies() {
    for signed in [rsa(), ecdsa()] {
        for sha256 in [false, true] {
            let query = signed.custom(&wildcard(), sha256);
            assert_eq!(signed.ask(&query, vec![]), Ok(()));
            assert_eq!(
                signed.ask(&format!("a=1&{query}&b=2"), vec![]),
                Ok(()),
                "other parameters may stand around"
            );
        }
    }
}

#[test]
fn the_hash_must_be_the_one_that_was_signed_with() {
    let signed = ecdsa();
    let sha1 = signed.custom(&wildcard(), false);
    assert_eq!(signed.ask(&format!("{sha1}&Hash-Algorithm=SHA256"), vec![]), Err(Denied::Forbidden));
    let sha256 = signed.custom(&wildcard(), true).replace("&Hash-Algorithm=SHA256", "");
    assert_eq!(signed.ask(&sha256, vec![]), Err(Denied::Forbidden));
    assert_eq!(signed.ask(&format!("{sha1}&Hash-Algorithm=MD5"), vec![]), Err(Denied::MalformedSignature));
}

#[test]
fn canned_policies_are_for_one_url_with_its_other_parameters() {
    let signed = rsa();
    let sign = |url: &str| {
        let signature = signed.signature(&Policy::canned(url, "1060"), true);
        format!("Expires=1060&Signature={signature}&Key-Pair-Id=K1&Hash-Algorithm=SHA256")
    };
    let plain = sign(&format!("{ORIGIN}{PATH}"));
    assert_eq!(signed.ask(&plain, vec![]), Ok(()));
    assert_eq!(signed.ask_at("/vod/demo/v1/video/00002.m4s", &plain, vec![]), Err(Denied::Forbidden));
    assert_eq!(signed.ask(&format!("x=1&{plain}"), vec![]), Err(Denied::Forbidden), "a parameter was added");
    let with_parameter = sign(&format!("{ORIGIN}{PATH}?x=1"));
    assert_eq!(signed.ask(&format!("x=1&{with_parameter}"), vec![]), Ok(()));
    let later = plain.replace("Expires=1060", "Expires=9999");
    assert_eq!(signed.ask(&later, vec![]), Err(Denied::Forbidden));
    assert_eq!(
        signed.ask(&plain.replace("Expires=1060", "Expires=soon"), vec![]),
        Err(Denied::MalformedPolicy)
    );
}

#[test]
fn whatever_does_not_hold_is_refused() {
    let signed = rsa();
    let good = signed.custom(&wildcard(), true);
    let policy_text = encode(wildcard().as_bytes());
    let wider = encode(policy("*", NOW + 60).as_bytes());
    let flip = |text: &str| text.replace("Signature=", "Signature=A");
    let table = [
        ("nothing", String::new(), Denied::MissingKey),
        ("no key id", good.replace("&Key-Pair-Id=K1", ""), Denied::MissingKey),
        ("unknown key", good.replace("K1", "K2"), Denied::UnknownKey),
        ("no policy", good.replace(&format!("Policy={policy_text}&"), ""), Denied::MalformedPolicy),
        ("another policy", good.replace(&policy_text, &wider), Denied::Forbidden),
        ("broken Base64", flip(&good), Denied::MalformedSignature),
        ("standard Base64", good.replace("Signature=", "Signature=+"), Denied::MalformedSignature),
        ("repeated", format!("{good}&Policy={wider}"), Denied::MalformedPolicy),
        ("expired", signed.custom(&policy(&format!("{ORIGIN}/*"), NOW), true), Denied::Forbidden),
        (
            "other asset",
            signed.custom(&policy(&format!("{ORIGIN}/vod/other/*"), NOW + 60), true),
            Denied::Forbidden,
        ),
        ("other host", signed.custom(&policy("http://elsewhere/*", NOW + 60), true), Denied::Forbidden),
        ("no JSON", signed.custom("open sesame", true), Denied::MalformedPolicy),
        ("another key's signature", rsa().custom(&wildcard(), true), Denied::Forbidden),
    ];
    for (what, query, expected) in table {
        assert_eq!(signed.ask(&query, vec![]), Err(expected), "{what}");
    }
}

/// Who may have a part of a version holds signatures for folders, and for one address with its query.
#[test]
fn a_signature_for_a_part_opens_no_other_part() {
    let signed = ecdsa();
    let root = format!("{ORIGIN}/vod/demo/v1");
    let folder = signed.custom(&policy(&format!("{root}/video/360p/*"), NOW + 60), true);
    let view = signed.custom(&policy(&format!("{root}/main.m3u8?view=360-sdr*"), NOW + 60), true);
    let table = [
        ("/vod/demo/v1/video/360p/00001.m4s", "", &folder, true),
        ("/vod/demo/v1/video/360p/00001.m4s", "CMCD=x&", &folder, true),
        ("/vod/demo/v1/video/720p/00001.m4s", "", &folder, false),
        ("/vod/demo/v1/video/720p/00001.m4s", "x=/video/360p/&", &folder, false),
        ("/vod/demo/v1/video/360p-hdr/00001.m4s", "", &folder, false),
        ("/vod/demo/v2/video/360p/00001.m4s", "", &folder, false),
        ("/vod/demo/v1/main.m3u8", "view=360-sdr&", &view, true),
        ("/vod/demo/v1/main.m3u8", "view=full-hdr&", &view, false),
        ("/vod/demo/v1/main.m3u8", "", &view, false),
        ("/vod/demo/v1/video/720p/00001.m4s", "view=360-sdr&", &view, false),
        ("/vod/demo/v1/video/720p/00001.m4s", "x=/main.m3u8?view=360-sdr&", &view, false),
    ];
    for (path, before, query, opens) in table {
        let found = signed.ask_at(path, &format!("{before}{query}"), vec![]);
        assert_eq!(found, if opens { Ok(()) } else { Err(Denied::Forbidden) }, "{path}?{before}");
    }
}

#[test]
fn a_policy_without_resource_opens_everything() {
    let signed = ecdsa();
    let all = r#"{"Statement":[{"Condition":{"DateLessThan":{"AWS:EpochTime":1060}}}]}"#;
    assert_eq!(signed.ask_at("/vod/any/thing", &signed.custom(all, true), vec![]), Ok(()));
}

#[test]
fn cookies_count_unless_the_url_has_a_part_of_a_signature() {
    let signed = ecdsa();
    let (policy, signature) = (encode(wildcard().as_bytes()), signed.signature(&wildcard(), true));
    let cookies = vec![
        ("theme", "dark"),
        ("CloudFront-Policy", policy.as_str()),
        ("CloudFront-Signature", signature.as_str()),
        ("CloudFront-Key-Pair-Id", "K1"),
        ("CloudFront-Hash-Algorithm", "SHA256"),
    ];
    assert_eq!(signed.ask("", cookies.clone()), Ok(()));
    assert_eq!(signed.ask("x=1", cookies.clone()), Ok(()));
    assert_eq!(signed.ask("Expires=1", cookies.clone()), Err(Denied::MissingKey));
    assert_eq!(signed.ask("", cookies[..4].to_vec()), Err(Denied::Forbidden), "the hash was lost");

    let canned = signed.signature(&Policy::canned(&format!("{ORIGIN}{PATH}"), "1060"), false);
    let cookies = vec![
        ("CloudFront-Expires", "1060"),
        ("CloudFront-Signature", &canned),
        ("CloudFront-Key-Pair-Id", "K1"),
    ];
    assert_eq!(signed.ask("", cookies), Ok(()));
}
