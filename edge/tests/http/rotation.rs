//! Two keys live at once: links that were handed out before a change keep playing, until the old key is taken away.

use flodrama_edge::config::{Config, Hash, SecondKey};
use flodrama_edge::{App, Clock};
use futures::StreamExt;
use serde_json::{Value, json};

use crate::support::jwks::KeyServer;
use crate::support::keys::{CDN_KEY, Key, Pool};
use crate::support::s3::S3;
use crate::support::{Edge, KEY_PAIR, client, settings};

const NEXT: &str = "KNEXT";

fn second(key: &Key, id: &str, hash: Hash) -> SecondKey {
    SecondKey { key_pair_id: id.into(), public_key_file: None, public_key: Some(key.public_pem()), hash }
}

/// An edge that signs as `id` and opens what the second key signed too.
async fn edge(key: &Key, id: &str, second: Option<SecondKey>) -> Edge {
    Edge::start_with(|config| {
        (config.cdn.key_pair_id, config.cdn.private_key) = (id.into(), Some(key.pem().into()));
        config.second_key = second;
    })
    .await
}

async fn opens(edge: &Edge, path: &str) -> u16 {
    edge.get(path).await.status().as_u16()
}

async fn key_pair_ids(edge: &Edge) -> Value {
    let health: Value = edge.get("/healthz").await.json().await.expect("JSON");
    health["key_pair_ids"].clone()
}

#[tokio::test]
async fn a_key_is_changed_without_a_link_breaking() {
    let next = Key::rsa(2048);
    let before = edge(&CDN_KEY, KEY_PAIR, None).await;
    let announced = edge(&CDN_KEY, KEY_PAIR, Some(second(&next, NEXT, Hash::Sha256))).await;
    let changed = edge(&next, NEXT, Some(second(&CDN_KEY, KEY_PAIR, Hash::Sha256))).await;
    let after = edge(&next, NEXT, None).await;
    assert_eq!(key_pair_ids(&before).await, json!([KEY_PAIR]));
    assert_eq!(key_pair_ids(&announced).await, json!([KEY_PAIR, NEXT]));
    assert_eq!(key_pair_ids(&changed).await, json!([NEXT, KEY_PAIR]));
    assert_eq!(key_pair_ids(&after).await, json!([NEXT]));

    let (old, new) = (before.manifest_path().await, changed.manifest_path().await);
    assert!(old.contains(KEY_PAIR) && new.contains(NEXT), "{old} {new}");
    // While servers are changed one by one, a viewer may meet any of them.
    for (edge, of_old, of_new) in
        [(&before, 200, 403), (&announced, 200, 200), (&changed, 200, 200), (&after, 403, 200)]
    {
        assert_eq!((opens(edge, &old).await, opens(edge, &new).await), (of_old, of_new));
    }
    assert!(announced.manifest_path().await.contains(KEY_PAIR), "the second key signs nothing");

    // The playlist goes on with the signature that opened it.
    let text = changed.get(&old).await.text().await.expect("text");
    let query = old.split_once('?').expect("a query").1;
    assert!(text.contains(&format!("video/720p/index.m3u8?{query}")), "{text}");
}

#[tokio::test]
async fn each_key_has_its_hash() {
    let old = Edge::start_with(|config| config.cdn.hash = Hash::Sha1).await;
    let path = old.manifest_path().await;
    let next = Key::p256();
    for (hash, status) in [(Hash::Sha1, 200), (Hash::Sha256, 403)] {
        let edge = edge(&next, NEXT, Some(second(&CDN_KEY, KEY_PAIR, hash))).await;
        assert_eq!(opens(&edge, &path).await, status, "{hash:?}");
    }
    // One key's id on the other's signature.
    let edge = edge(&next, NEXT, Some(second(&CDN_KEY, KEY_PAIR, Hash::Sha256))).await;
    let mixed = edge.manifest_path().await.replace(NEXT, KEY_PAIR);
    assert_eq!(opens(&edge, &mixed).await, 403);
}

#[tokio::test]
async fn keys_that_cannot_be_used_are_named_and_not_shown() {
    let (s3, key_server) = (S3::start().await, KeyServer::start(Pool::new().jwks()).await);
    let other = |change: fn(&mut SecondKey)| {
        move |config: &mut Config| {
            let mut key = second(&Key::p256(), NEXT, Hash::Sha256);
            change(&mut key);
            config.second_key = Some(key);
        }
    };
    type Change = Box<dyn Fn(&mut Config)>;
    let table: [(Change, &str); 9] = [
        (Box::new(other(|key| key.key_pair_id = KEY_PAIR.into())), "second_key.key_pair_id"),
        (Box::new(other(|key| key.key_pair_id = "K 1".into())), "second_key.key_pair_id"),
        (Box::new(other(|key| key.public_key = None)), "second_key.public_key_file"),
        (Box::new(other(|key| key.public_key_file = Some("x".into()))), "second_key.public_key_file"),
        (Box::new(other(|key| key.public_key = Some(Key::p256().pem()))), "second_key.public_key"),
        (Box::new(other(|key| key.public_key = Some(Key::rsa(4096).public_pem()))), "RSA-4096"),
        (Box::new(|config| config.cdn.private_key = None), "cdn.private_key_file"),
        (Box::new(|config| config.cdn.private_key_secret = Some("name".into())), "cdn.private_key_file"),
        (Box::new(|config| config.cdn.key_pair_id = String::new()), "cdn.key_pair_id"),
    ];
    for (change, part) in table {
        let mut config = settings(&key_server);
        change(&mut config);
        let error = App::with(config, s3.store(), Clock::system()).await.expect_err("refused");
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(part) && !shown.contains("-----BEGIN"), "{part}: {shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_viewers_cost_one_signature() {
    let edge = Edge::start().await;
    // Links end on multiples of ten minutes: not at the edge of one.
    edge.wait_s(600 - edge.now().rem_euclid(600) + 60);
    let made = async || {
        let text = edge.get("/metrics").await.text().await.expect("text");
        let line = text.lines().find_map(|line| line.strip_prefix("flodrama_edge_signatures_total "));
        line.expect("a count").parse::<u64>().expect("a number")
    };
    assert_eq!(made().await, 0);
    let (http, url, token) = (client(), format!("{}/v1/assets/demo/playback", edge.url), edge.token());
    let calls = futures::stream::iter(0..1000).map(async |_| {
        let answer = http.post(&url).bearer_auth(&token).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        answer.json::<Value>().await.expect("JSON")["manifest_url"].clone()
    });
    let mut links: Vec<Value> = calls.buffer_unordered(16).collect().await;
    links.dedup();
    assert_eq!((links.len(), made().await), (1, 1));
    edge.wait_s(600);
    edge.manifest_path().await;
    assert_eq!(made().await, 2, "it has aged");
}
