//! Tokens that hold, and every way in which one does not.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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

#[tokio::test]
async fn a_good_token_holds() {
    let edge = Edge::start().await;
    assert_eq!(status(&edge, &edge.token()).await, 200);
    assert_eq!(status(&edge, &with(&edge, "client_id", "another-app".into())).await, 200);
    assert_eq!(status(&edge, &with(&edge, "nbf", (edge.now() - 5).into())).await, 200);
    // Within the leeway.
    assert_eq!(status(&edge, &with(&edge, "exp", (edge.now() - 10).into())).await, 200);
    // What a token says of where keys are is not read: the key is the pool's all the same.
    assert_eq!(status(&edge, &under(&edge, "jku", "http://127.0.0.1:1/evil".into())).await, 200);
}

#[tokio::test]
async fn every_other_token_is_refused() {
    let edge = Edge::start().await;
    let (now, kid) = (edge.now(), edge.pool.kid.clone());
    let claims = edge.claims().to_string();
    let stranger = Key::rsa(2048);
    let strangers_number = |n: &openssl::bn::BigNumRef| URL_SAFE_NO_PAD.encode(n.to_vec());
    let rsa = stranger.0.rsa().expect("RSA");
    let strangers_jwk = json!({"kty": "RSA", "alg": "RS256", "kid": kid, "n": strangers_number(rsa.n()), "e": strangers_number(rsa.e())});
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

#[tokio::test]
async fn unknown_key_ids_cost_one_fetch_in_ten_seconds() {
    let edge = Edge::start().await;
    assert_eq!(status(&edge, &edge.token()).await, 200);
    assert_eq!(edge.key_server.asked(), 1);
    edge.wait_s(11);
    for kid in 0..50 {
        assert_eq!(status(&edge, &under(&edge, "kid", format!("random-{kid}").into())).await, 401);
    }
    assert_eq!(edge.key_server.asked(), 2);
    assert_eq!(status(&edge, &edge.token()).await, 200);
}

#[tokio::test]
async fn many_viewers_at_once_cost_one_fetch() {
    let edge = Edge::start().await;
    let token = edge.token();
    let all = (0..20).map(|_| status(&edge, &token));
    assert_eq!(futures::future::join_all(all).await, vec![200; 20]);
    assert_eq!(edge.key_server.asked(), 1);
}

#[tokio::test]
async fn a_rotated_key_is_found() {
    let edge = Edge::start().await;
    assert_eq!(status(&edge, &edge.token()).await, 200);
    let next = under(&edge, "kid", "pool-key-2".into());
    let mut document = edge.pool.jwks();
    let mut second = document["keys"][1].clone();
    second["kid"] = "pool-key-2".into();
    document["keys"].as_array_mut().expect("keys").push(second);
    edge.key_server.serve(document);
    edge.wait_s(11);
    assert_eq!(status(&edge, &next).await, 200);
    assert_eq!(status(&edge, &edge.token()).await, 200);
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

#[tokio::test]
async fn keys_outlive_a_key_server_that_is_down() {
    let edge = Edge::start().await;
    edge.key_server.go_down(true);
    assert_eq!(status(&edge, &edge.token()).await, 503, "nobody can tell yet");
    edge.key_server.go_down(false);
    edge.wait_s(2);
    assert_eq!(status(&edge, &edge.token()).await, 200);
    edge.key_server.go_down(true);
    edge.wait_s(24 * 3600);
    assert_eq!(status(&edge, &edge.token()).await, 200);
}
