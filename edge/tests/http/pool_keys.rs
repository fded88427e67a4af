//! The pool's keys: how seldom they are asked for whoever asks, how they come and go, and what a key server can do wrong.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::future::join_all;
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::support::jwks::Answer;
use crate::support::keys::{Key, token};
use crate::support::{Edge, client};

const HOUR_S: i64 = 3600;

async fn status(edge: &Edge, token: &str) -> u16 {
    let sent = edge.request(Method::GET, "/v1/assets/demo").bearer_auth(token).send().await;
    sent.expect("an answer").status().as_u16()
}

/// A good token of another key.
fn by(edge: &Edge, key: &Key, kid: &str) -> String {
    let header = json!({"alg": "RS256", "kid": kid});
    token(&header.to_string(), &edge.claims().to_string(), |message| key.sign_sha256(message))
}

/// What somebody sends who guesses key ids: the signature is never looked at.
fn guess(kid: &str) -> String {
    let header = json!({"alg": "RS256", "kid": kid}).to_string();
    format!("{}.e30.AAAA", URL_SAFE_NO_PAD.encode(header))
}

fn document(keys: &[Value]) -> Value {
    json!({ "keys": keys })
}

/// The status changes once what goes on behind has ended.
async fn becomes(edge: &Edge, token: &str, expected: u16) {
    for _ in 0..200 {
        if status(edge, token).await == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never was {expected}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_key_ids_costs_one_fetch_in_ten_seconds_and_no_viewer_an_answer() {
    const CONNECTIONS: usize = 16;
    const EACH: usize = 63;
    let edge = Edge::start().await;
    let good = edge.token();
    assert_eq!(status(&edge, &good).await, 200);
    assert_eq!(edge.key_server.asked(), 1);
    let begun = edge.now();
    let url = format!("{}/v1/assets/demo", edge.url);
    let ask = async |http: &Client, token: &str| {
        http.get(&url).bearer_auth(token).send().await.expect("an answer").status().as_u16()
    };
    for round in 0..3 {
        edge.wait_s(10);
        let flood = (0..CONNECTIONS).map(async |connection| {
            let http = client();
            for i in 0..EACH {
                let kid = format!("kid-{round}-{connection}-{i}");
                assert_eq!(ask(&http, &guess(&kid)).await, 401);
            }
        });
        let viewers = (0..4).map(async |_| {
            let http = client();
            for _ in 0..25 {
                assert_eq!(ask(&http, &good).await, 200);
            }
        });
        tokio::join!(join_all(flood), join_all(viewers));
        // A thousand key ids a round; a slow machine may take more than ten seconds over one.
        let most = 1 + (edge.now() - begun + 1) / 10;
        let asked = edge.key_server.asked();
        assert!((2 + round..=most as usize).contains(&asked), "{asked} fetches, at most {most}");
    }
}

#[tokio::test]
async fn many_viewers_at_once_cost_one_fetch() {
    let edge = Edge::start().await;
    let token = edge.token();
    let all = (0..20).map(|_| status(&edge, &token));
    assert_eq!(join_all(all).await, vec![200; 20]);
    assert_eq!(edge.key_server.asked(), 1);
}

#[tokio::test]
async fn a_new_key_is_found_and_a_withdrawn_one_forgotten() {
    let edge = Edge::start().await;
    let (old, next) = (edge.token(), Key::rsa(2048));
    assert_eq!(status(&edge, &old).await, 200);
    let (first, second) = (edge.pool.key().jwk(&edge.pool.kid), next.jwk("next"));
    edge.key_server.serve(document(&[first, second.clone()]));
    assert_eq!(status(&edge, &by(&edge, &next, "next")).await, 401, "asked for a moment ago");
    edge.wait_s(10);
    assert_eq!(status(&edge, &by(&edge, &next, "next")).await, 200);
    assert_eq!(status(&edge, &old).await, 200);

    edge.key_server.serve(document(&[second]));
    edge.wait_s(HOUR_S + 1);
    let (old, new) = (edge.token(), by(&edge, &next, "next"));
    // Nobody waits for the pool where a key is at hand; the next ones see what it said.
    assert_eq!(status(&edge, &old).await, 200);
    becomes(&edge, &old, 401).await;
    assert_eq!(status(&edge, &new).await, 200);
}

#[tokio::test]
async fn the_same_key_id_with_another_key_is_the_new_key() {
    let edge = Edge::start().await;
    assert_eq!(status(&edge, &edge.token()).await, 200);
    let next = Key::rsa(2048);
    edge.key_server.serve(document(&[next.jwk(&edge.pool.kid)]));
    edge.wait_s(HOUR_S + 1);
    let old = edge.token();
    becomes(&edge, &old, 401).await;
    assert_eq!(status(&edge, &by(&edge, &next, &edge.pool.kid)).await, 200);
}

#[tokio::test]
async fn keys_outlive_a_pool_that_is_away_for_a_day_and_no_longer() {
    let edge = Edge::start().await;
    edge.key_server.go_down();
    assert_eq!(status(&edge, &edge.token()).await, 503, "nobody can tell yet");
    edge.key_server.serve(edge.pool.jwks());
    edge.wait_s(1);
    assert_eq!(status(&edge, &edge.token()).await, 200);
    edge.key_server.go_down();
    edge.wait_s(23 * HOUR_S);
    assert_eq!(status(&edge, &edge.token()).await, 200);
    edge.wait_s(HOUR_S);
    assert_eq!(status(&edge, &edge.token()).await, 503);
    assert_eq!(edge.get("/healthz").await.status(), 503);
    edge.key_server.serve(edge.pool.jwks());
    edge.wait_s(1);
    assert_eq!(status(&edge, &edge.token()).await, 200);
}

#[tokio::test]
async fn a_key_server_that_answers_badly_takes_no_key_away_and_gives_none() {
    let good = Edge::start().await.pool.jwks().to_string();
    let bad = [
        Answer::Status(500, good.clone()),
        Answer::Status(201, good.clone()),
        Answer::Status(200, "<html>Sign in to the Wi-Fi</html>".into()),
        Answer::Status(200, good[..good.len() - 5].into()),
        Answer::Status(200, r#"{"keys":[]}"#.into()),
        Answer::Status(200, document(&[Key::rsa(1024).jwk("weak")]).to_string()),
        Answer::Status(200, r#"{"keys":{}}"#.into()),
        Answer::Redirect(good),
        Answer::Endless,
        Answer::Silence,
    ];
    let cases = bad.into_iter().map(async |answer| {
        let edge = Edge::start().await;
        edge.key_server.answer(answer.clone());
        // All who come while one asks get what that one finds.
        let token = edge.token();
        let all = join_all((0..10).map(|_| status(&edge, &token))).await;
        assert_eq!(all, vec![503; 10], "{answer:?}");
        assert!(edge.key_server.asked() <= 2, "{answer:?}: {}", edge.key_server.asked());
        edge.key_server.serve(edge.pool.jwks());
        edge.wait_s(1);
        assert_eq!(status(&edge, &edge.token()).await, 200, "{answer:?}");
        edge.key_server.answer(answer.clone());
        edge.wait_s(2 * HOUR_S);
        let asked = edge.key_server.asked();
        assert_eq!(status(&edge, &edge.token()).await, 200, "{answer:?}");
        assert_eq!(status(&edge, &guess("another")).await, 401, "{answer:?}");
        assert_eq!(status(&edge, &edge.token()).await, 200, "{answer:?}");
        assert_eq!(edge.key_server.asked(), asked + 1, "{answer:?}");
    });
    join_all(cases).await;
}

#[tokio::test]
async fn keys_that_are_for_something_else_open_nothing() {
    let edge = Edge::start().await;
    let key = Key::rsa(2048);
    let with = |name: &str, value: Value| {
        let mut jwk = key.jwk(&format!("{name} {value}"));
        jwk[name] = value;
        jwk
    };
    let without = |name: &str| {
        let mut jwk = key.jwk(&format!("no {name}"));
        jwk.as_object_mut().expect("a key").remove(name);
        jwk
    };
    let weak = Key::rsa(1024);
    let nearly = Key::rsa(2040);
    let good = [
        with("alg", "RS256".into()),
        with("use", "sig".into()),
        with("key_ops", json!(["verify"])),
        without("alg"),
        without("use"),
    ];
    let bad = [
        with("use", "enc".into()),
        with("use", "SIG".into()),
        with("key_ops", json!(["encrypt"])),
        with("key_ops", json!([])),
        with("alg", "RS384".into()),
        with("alg", "PS256".into()),
        with("alg", "RSA-OAEP".into()),
        with("alg", "HS256".into()),
        with("kty", "oct".into()),
        with("e", "AQ".into()),
        with("n", "".into()),
        with("n", "not base64!".into()),
        without("kid"),
        without("n"),
    ];
    let mut all = vec![weak.jwk("weak"), nearly.jwk("nearly"), json!(1), json!([]), json!({})];
    all.extend(good.iter().chain(&bad).cloned());
    all.push(edge.pool.key().jwk(&edge.pool.kid));
    all.push(weak.jwk(&edge.pool.kid));
    edge.key_server.serve(document(&all));
    assert_eq!(status(&edge, &edge.token()).await, 200, "one that is odd spoils no other");
    let kid = |jwk: &Value| jwk["kid"].as_str().unwrap_or("no kid").to_owned();
    for jwk in &good {
        assert_eq!(status(&edge, &by(&edge, &key, &kid(jwk))).await, 200, "{jwk}");
    }
    for jwk in &bad {
        assert_eq!(status(&edge, &by(&edge, &key, &kid(jwk))).await, 401, "{jwk}");
    }
    assert_eq!(status(&edge, &by(&edge, &weak, "weak")).await, 401);
    assert_eq!(status(&edge, &by(&edge, &nearly, "nearly")).await, 401);
}
