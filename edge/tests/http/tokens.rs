//! Tokens that hold, and every way in which one does not.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::hash::MessageDigest;
use serde_json::{Value, json};

use crate::support::keys::{Key, token};
use crate::support::{CLIENT, Edge};

async fn status(edge: &Edge, token: &str) -> u16 {
    let sent = edge.request(reqwest::Method::GET, "/v1/assets/demo").bearer_auth(token).send().await;
    sent.expect("an answer").status().as_u16()
}

/// The good claims with one change.
fn with(edge: &Edge, field: &str, value: Value) -> String {
    let mut claims = edge.claims();
    claims[field] = value;
    edge.pool.sign(&claims)
}

fn without(edge: &Edge, field: &str) -> String {
    let mut claims = edge.claims();
    claims.as_object_mut().expect("claims").remove(field);
    edge.pool.sign(&claims)
}

/// The good claims under a header with one change, signed with the pool's key.
fn under(edge: &Edge, field: &str, value: Value) -> String {
    let mut header = edge.pool.header();
    header[field] = value;
    token(&header.to_string(), &edge.claims().to_string(), |message| edge.pool.key().sign_sha256(message))
}

/// The same bytes in another spelling: the last of 342 characters has 4 bits that mean nothing.
fn with_bits_to_spare(signature: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = signature.split_at(signature.len() - 1);
    let value = ALPHABET.iter().position(|c| [*c] == last.as_bytes()).expect("base64url");
    assert_eq!((signature.len(), value % 16), (342, 0));
    format!("{rest}{}", char::from(ALPHABET[value + 1]))
}

#[tokio::test]
async fn a_good_token_holds() {
    let edge = Edge::start().await;
    assert_eq!(status(&edge, &edge.token()).await, 200);
    assert_eq!(status(&edge, &with(&edge, "client_id", "another-app".into())).await, 200);
    assert_eq!(status(&edge, &with(&edge, "nbf", (edge.now() - 5).into())).await, 200);
    // Within the leeway.
    assert_eq!(status(&edge, &with(&edge, "exp", (edge.now() - 10).into())).await, 200);
    // What a token says of where keys are is not read: the key is the pool's all the same.
    for (name, value) in [
        ("jku", json!("http://127.0.0.1:1/evil")),
        ("x5u", json!("http://127.0.0.1:1/evil")),
        ("x5c", json!(["AAAA"])),
        ("jwk", json!({"kty": "oct", "k": "AAAA"})),
        ("typ", json!("JWT")),
    ] {
        assert_eq!(status(&edge, &under(&edge, name, value)).await, 200, "{name}");
    }
    let spaced = token(&format!(" {} ", edge.pool.header()), &format!("\n{}\t", edge.claims()), |message| {
        edge.pool.key().sign_sha256(message)
    });
    assert_eq!(status(&edge, &spaced).await, 200, "white space is JSON's");
}

#[tokio::test]
async fn every_other_token_is_refused() {
    let edge = Edge::start().await;
    let (now, kid) = (edge.now(), edge.pool.kid.clone());
    let claims = edge.claims().to_string();
    let stranger = Key::rsa(2048);
    let strangers_jwk = stranger.jwk(&kid);
    let hmac = |message: &[u8]| {
        let key = openssl::pkey::PKey::hmac(edge.pool.key().public_pem().as_bytes()).expect("a key");
        let mut signer =
            openssl::sign::Signer::new(openssl::hash::MessageDigest::sha256(), &key).expect("a signer");
        signer.sign_oneshot_to_vec(message).expect("a code")
    };
    let pool = |message: &[u8]| edge.pool.key().sign_sha256(message);
    let good = edge.token();
    let (head, signature) = good.rsplit_once('.').expect("a token");
    let (header, _) = head.split_once('.').expect("a token");
    let id_token = {
        let mut claims = edge.claims();
        claims["token_use"] = "id".into();
        claims["aud"] = CLIENT.into();
        edge.pool.sign(&claims)
    };
    let header_text = edge.pool.header().to_string();
    let exp = claims.split(',').find(|part| part.starts_with("\"exp\":")).expect("a claim").to_owned();
    // Signed as the pool signs, so that each case is refused for what it says.
    let of = |header: &str, claims: &str| token(header, claims, pool);
    let rs384 = |message: &[u8]| edge.pool.key().sign(MessageDigest::sha384(), false, message);
    let ps256 = |message: &[u8]| edge.pool.key().sign(MessageDigest::sha256(), true, message);
    let twice = claims.replacen('{', &format!("{{\"exp\":{},", now + 9_999_999), 1);
    let table = [
        ("nothing", String::new()),
        ("no JWT", "abc".to_owned()),
        ("alg none", token(&json!({"alg": "none", "kid": kid}).to_string(), &claims, |_| Vec::new())),
        ("alg none, signed", token(&json!({"alg": "none", "kid": kid}).to_string(), &claims, pool)),
        (
            "HS256 with the public key as its secret",
            token(&json!({"alg": "HS256", "kid": kid}).to_string(), &claims, hmac),
        ),
        ("RS384 in name", under(&edge, "alg", "RS384".into())),
        ("PS256 in name", under(&edge, "alg", "PS256".into())),
        (
            "a stranger's signature",
            token(&edge.pool.header().to_string(), &claims, |m| stranger.sign_sha256(m)),
        ),
        ("a stranger's key inside", {
            let header = json!({"alg": "RS256", "kid": kid, "jwk": strangers_jwk});
            token(&header.to_string(), &claims, |m| stranger.sign_sha256(m))
        }),
        ("a stranger's key elsewhere", {
            let header = json!({"alg": "RS256", "kid": kid, "jku": "http://127.0.0.1:1/jwks.json"});
            token(&header.to_string(), &claims, |m| stranger.sign_sha256(m))
        }),
        ("an unknown kid", under(&edge, "kid", "unknown".into())),
        ("no kid", under(&edge, "kid", Value::Null)),
        ("a critical header", under(&edge, "crit", json!(["b64"]))),
        ("no signature", format!("{head}.")),
        (
            "a changed payload",
            format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims.replace("ann", "eve"))),
        ),
        ("another issuer", with(&edge, "iss", "https://cognito-idp.eu-west-3.amazonaws.com/other".into())),
        (
            "an issuer that starts the same",
            with(&edge, "iss", format!("{}/x", crate::support::ISSUER).into()),
        ),
        ("another client", with(&edge, "client_id", "their-app".into())),
        ("no client", without(&edge, "client_id")),
        ("an id token", id_token),
        ("no use", without(&edge, "token_use")),
        ("expired", with(&edge, "exp", (now - 31).into())),
        ("no exp", without(&edge, "exp")),
        ("exp as text", with(&edge, "exp", (now + 3600).to_string().into())),
        ("exp null", with(&edge, "exp", Value::Null)),
        ("exp negative", with(&edge, "exp", (-1).into())),
        ("exp twice", token(&edge.pool.header().to_string(), &twice, pool)),
        ("a future nbf", with(&edge, "nbf", (now + 120).into())),
        ("nbf as text", with(&edge, "nbf", "0".into())),
        ("nbf null", with(&edge, "nbf", Value::Null)),
        ("nbf as a fraction", with(&edge, "nbf", json!(0.5))),
        ("exp as a fraction", with(&edge, "exp", json!((now + 3600) as f64 + 0.5))),
        ("exp without end", of(&header_text, &claims.replacen(&exp, "\"exp\":1e999", 1))),
        ("exp beyond 64 bits", of(&header_text, &claims.replacen(&exp, "\"exp\":99999999999999999999", 1))),
        ("groups as text", with(&edge, "cognito:groups", "editors".into())),
        ("a claim twice that nobody reads", of(&header_text, &claims.replacen('{', "{\"jti\":\"0\",", 1))),
        ("a claim twice, once escaped", {
            of(&header_text, &claims.replacen('{', "{\"\\u0069ss\":\"https://other\",", 1))
        }),
        ("a claim twice, deep inside", {
            of(&header_text, &claims.replacen('{', r#"{"device":{"key":{"a":1,"a":1}},"#, 1))
        }),
        ("claims by position", {
            let list = json!([crate::support::ISSUER, "s", "access", CLIENT, now + 3600, 0, []]);
            of(&header_text, &list.to_string())
        }),
        ("claims that are text", of(&header_text, "\"claims\"")),
        ("a token inside", of(&header_text, &good)),
        ("something behind the claims", of(&header_text, &format!("{claims}{{}}"))),
        ("claims that are no UTF-8", {
            let mut bytes = claims.clone().into_bytes();
            bytes[claims.find("ann").expect("a name")] = 0xff;
            let message =
                format!("{}.{}", URL_SAFE_NO_PAD.encode(&header_text), URL_SAFE_NO_PAD.encode(bytes));
            format!("{message}.{}", URL_SAFE_NO_PAD.encode(pool(message.as_bytes())))
        }),
        ("alg twice", of(&header_text.replacen('{', "{\"alg\":\"none\",", 1), &claims)),
        ("kid twice", of(&header_text.replacen('{', "{\"kid\":\"other\",", 1), &claims)),
        ("a header twice that nobody reads", {
            of(&header_text.replacen('{', "{\"typ\":\"JWT\",\"typ\":\"JWT\",", 1), &claims)
        }),
        ("something behind the header", of(&format!("{header_text} x"), &claims)),
        ("alg by position", of(&json!(["RS256", kid]).to_string(), &claims)),
        ("alg in small letters", under(&edge, "alg", "rs256".into())),
        ("alg as a list", under(&edge, "alg", json!(["RS256"]))),
        ("no alg", under(&edge, "alg", Value::Null)),
        ("HS384 in name", under(&edge, "alg", "HS384".into())),
        ("RS512 in name", under(&edge, "alg", "RS512".into())),
        ("ES256 in name", under(&edge, "alg", "ES256".into())),
        ("EdDSA in name", under(&edge, "alg", "EdDSA".into())),
        ("RS384 indeed", token(&json!({"alg": "RS384", "kid": kid}).to_string(), &claims, rs384)),
        ("PS256 indeed", token(&json!({"alg": "PS256", "kid": kid}).to_string(), &claims, ps256)),
        ("PS256 by the name of RS256", token(&header_text, &claims, ps256)),
        ("RS384 by the name of RS256", token(&header_text, &claims, rs384)),
        ("ES256 by a key of its own", {
            let header = json!({"alg": "ES256", "kid": kid, "jwk": {"kty": "EC"}});
            token(&header.to_string(), &claims, |m| Key::p256().sign_sha256(m))
        }),
        ("b64 without crit", under(&edge, "b64", json!(false))),
        ("an empty crit", under(&edge, "crit", json!([]))),
        ("crit null", under(&edge, "crit", Value::Null)),
        ("kid as a number", under(&edge, "kid", 1.into())),
        ("kid as a list", under(&edge, "kid", json!([kid]))),
        ("kid that leads elsewhere", under(&edge, "kid", "../../../dev/null".into())),
        ("kid with white space", under(&edge, "kid", format!("{kid} ").into())),
        ("kid in capitals", under(&edge, "kid", kid.to_uppercase().into())),
        ("an empty kid", under(&edge, "kid", "".into())),
        ("four parts", format!("{good}.{signature}")),
        ("five parts", format!("{good}.a.b")),
        ("a dot behind", format!("{good}.")),
        ("a signature of another token", {
            let other = with(&edge, "jti", "2".into());
            format!("{head}.{}", other.rsplit_once('.').expect("a token").1)
        }),
        ("base64 with padding", format!("{good}==")),
        ("base64 of the other alphabet", format!("{head}.{}", signature.replace('-', "+").replace('_', "/"))),
        ("base64 with bits to spare", format!("{head}.{}", with_bits_to_spare(signature))),
        ("JWS JSON serialisation, flattened", {
            let (protected, payload) = head.split_once('.').expect("a token");
            json!({"protected": protected, "payload": payload, "signature": signature}).to_string()
        }),
        ("JWS JSON serialisation, general", {
            let (protected, payload) = head.split_once('.').expect("a token");
            json!({"payload": payload, "signatures": [{"protected": protected, "signature": signature}]})
                .to_string()
        }),
        ("larger than 8 KB", with(&edge, "padding", "x".repeat(8 * 1024).into())),
    ];
    for (case, token) in table {
        assert_eq!(status(&edge, &token).await, 401, "{case}");
    }
}

#[tokio::test]
async fn a_refusal_says_what_to_do_and_how() {
    let edge = Edge::start().await;
    let answer = edge.get("/v1/assets").await;
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.headers()["www-authenticate"], "Bearer");
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let id = answer.headers()["x-request-id"].to_str().expect("text").to_owned();
    let problem: Value = answer.json().await.expect("JSON");
    assert_eq!(problem["code"], "unauthenticated");
    assert_eq!(problem["status"], 401);
    assert_eq!(problem["request_id"], id);

    let twice = edge.request(reqwest::Method::GET, "/v1/assets").bearer_auth(edge.token()).bearer_auth("x");
    assert_eq!(twice.send().await.expect("an answer").status(), 401);
    let basic = edge.request(reqwest::Method::GET, "/v1/assets").basic_auth("ann", Some("x"));
    assert_eq!(basic.send().await.expect("an answer").status(), 401);
}
/// A token that held is remembered, and still not trusted for longer than it says, or than its key.
#[tokio::test]
async fn a_remembered_token_ends_with_itself_and_with_its_key() {
    let edge = Edge::start().await;
    let short = edge.token();
    let mut claims = edge.claims();
    claims["exp"] = json!(edge.now() + 24 * 3600);
    let long = edge.pool.sign(&claims);
    for _ in 0..2 {
        assert_eq!((status(&edge, &short).await, status(&edge, &long).await), (200, 200));
    }
    edge.wait_s(3600 + 31);
    assert_eq!((status(&edge, &short).await, status(&edge, &long).await), (401, 200));

    // Another key comes by the same name.
    let mut document = edge.pool.jwks();
    let modulus = document["keys"][1]["n"].as_str().expect("a modulus");
    let mut modulus = URL_SAFE_NO_PAD.decode(modulus).expect("base64url");
    modulus[100] ^= 1;
    document["keys"][1]["n"] = URL_SAFE_NO_PAD.encode(modulus).into();
    edge.key_server.serve(document);
    edge.wait_s(3601);
    // The keys at hand serve the request that finds them old.
    let begun = std::time::Instant::now();
    while status(&edge, &long).await != 401 {
        assert!(begun.elapsed().as_secs() < 10, "the token outlives its key");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
