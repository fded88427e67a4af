//! Manifests: who gets them, and what is in them.

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flodrama_edge::config::Hash;
use m3u8_rs::{MasterPlaylist, MediaPlaylist};
use reqwest::{Method, Response};

use crate::support::keys::{CDN_KEY, Key};
use crate::support::s3::{MAIN, MEDIA, STORYBOARD, VERSION};
use crate::support::{CDN, Edge, KEY_PAIR, PAGE_ORIGIN};

fn query(path: &str) -> &str {
    path.split_once('?').expect("a query").1
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).unwrap_or_else(|| panic!("{name}")).to_str().expect("text")
}

/// A query as whoever has `key` would make it.
fn forge_with(key: &Key, policy: &str, id: &str) -> String {
    let text = |bytes: &[u8]| STANDARD.encode(bytes).replace('+', "-").replace('=', "_").replace('/', "~");
    let signature = text(&key.sign_sha256(policy.as_bytes()));
    format!("Policy={}&Signature={signature}&Key-Pair-Id={id}&Hash-Algorithm=SHA256", text(policy.as_bytes()))
}

fn policy(resource: &str, until: i64) -> String {
    format!(
        r#"{{"Statement":[{{"Resource":"{resource}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{until}}}}}}}]}}"#
    )
}

#[tokio::test]
async fn every_uri_of_a_multivariant_playlist_carries_the_signature() {
    let edge = Edge::start().await;
    let path = edge.manifest_path().await;
    let text = edge.get(&path).await.text().await.expect("text");
    let (rest, list) = m3u8_rs::parse_master_playlist(text.as_bytes()).expect("a playlist");
    assert!(rest.is_empty());
    let MasterPlaylist { variants, alternatives, unknown_tags, .. } = list;
    let mut uris: Vec<String> = variants.into_iter().map(|variant| variant.uri).collect();
    uris.extend(alternatives.into_iter().filter_map(|media| media.uri));
    assert_eq!(uris.len(), 3, "{uris:?}");
    let images = unknown_tags.iter().find(|tag| tag.tag == "X-IMAGE-STREAM-INF").expect("images");
    let images = images.rest.as_deref().and_then(|rest| rest.split("URI=\"").nth(1)).expect("a URI");
    uris.push(images.trim_end_matches('"').to_owned());
    for uri in &uris {
        assert_eq!(query(uri), query(&path), "{uri}");
    }
    assert_eq!(text.replace(&format!("?{}", query(&path)), ""), MAIN);
}

#[tokio::test]
async fn the_signature_goes_down_to_the_segments_and_the_sprites() {
    let edge = Edge::start().await;
    let signature = query(&edge.manifest_path().await).to_owned();
    let media = edge.get(&format!("/vod/demo/{VERSION}/video/720p/index.m3u8?{signature}")).await;
    assert_eq!(header(&media, "content-type"), "application/vnd.apple.mpegurl");
    let text = media.text().await.expect("text");
    let (_, list): (_, MediaPlaylist) = m3u8_rs::parse_media_playlist(text.as_bytes()).expect("a playlist");
    for segment in &list.segments {
        assert_eq!(query(&segment.uri), signature);
    }
    let map = list.segments[0].map.as_ref().expect("a map");
    assert_eq!(map.uri, format!("init.mp4?{signature}"));
    assert_eq!(text.replace(&format!("?{signature}"), ""), MEDIA);

    let storyboard = edge.get(&format!("/vod/demo/{VERSION}/thumbs/storyboard.vtt?{signature}")).await;
    assert_eq!(header(&storyboard, "content-type"), "text/vtt");
    let text = storyboard.text().await.expect("text");
    assert!(text.contains(&format!("sprite-001.jpg?{signature}#xywh=160,0,160,90")), "{text}");
    assert_eq!(text.replace(&format!("?{signature}"), ""), STORYBOARD);
}

#[tokio::test]
async fn nobody_passes_without_a_signature_that_fits() {
    let edge = Edge::start().await;
    let path = format!("/vod/demo/{VERSION}/main.m3u8");
    let signed = edge.manifest_path().await;
    let good = query(&signed).to_owned();
    let (until, mine) = (edge.now() + 600, format!("{CDN}/vod/demo/{VERSION}/*"));
    let forge = |resource: &str, until: i64| forge_with(&CDN_KEY, &policy(resource, until), KEY_PAIR);
    // The forger works: what it makes with the right key for the right files passes.
    assert_eq!(edge.get(&format!("{path}?{}", forge(&mine, until))).await.status(), 200);

    let stranger = Key::p256();
    let other_asset = good.replace("Policy=", "Policy=AAAA");
    let table = [
        ("nothing", String::new()),
        ("no policy", good.replace("Policy=", "Polish=")),
        ("no signature", good.replace("Signature=", "Signal=")),
        ("no key", good.replace("Key-Pair-Id=", "Key=")),
        ("another key id", good.replace(KEY_PAIR, "KOTHER")),
        ("a stranger's key", forge_with(&stranger, &policy(&mine, until), KEY_PAIR)),
        ("SHA-1 in name", good.replace("&Hash-Algorithm=SHA256", "")),
        ("another hash in name", good.replace("SHA256", "MD5")),
        ("a changed policy", other_asset),
        ("a changed signature", good.replace("Signature=M", "Signature=N")),
        ("a parameter twice", format!("{good}&Key-Pair-Id={KEY_PAIR}")),
        ("a canned policy", format!("Expires={until}&{}", good.split_once('&').expect("more").1)),
        ("over", forge(&mine, edge.now() - 1)),
        ("another title", forge(&format!("{CDN}/vod/other/{VERSION}/*"), until)),
        ("a title that starts the same", forge(&format!("{CDN}/vod/dem/{VERSION}/*"), until)),
        ("another version", forge(&format!("{CDN}/vod/demo/v0000000000000000/*"), until)),
        ("another host", forge(&format!("https://other.example.com/vod/demo/{VERSION}/*"), until)),
        (
            "no resource",
            forge_with(&CDN_KEY, &policy("x", until).replace(r#""Resource":"x","#, ""), KEY_PAIR),
        ),
        ("no policy text", forge_with(&CDN_KEY, "{}", KEY_PAIR)),
    ];
    for (case, query) in table {
        let answer = edge.get(&format!("{path}?{query}")).await;
        assert_eq!(answer.status(), 403, "{case}");
        assert_eq!(header(&answer, "content-type"), "application/problem+json", "{case}");
    }

    edge.s3.publish("other", 1_000);
    assert_eq!(edge.get(&format!("/vod/other/{VERSION}/main.m3u8?{good}")).await.status(), 403);
}

#[tokio::test]
async fn a_link_ends_when_it_says() {
    let edge = Edge::start_with(|config| config.playback.min_ttl_s = 60).await;
    edge.s3.publish("short", 1_000);
    let edge_path = |body: serde_json::Value| {
        let url = body["manifest_url"].as_str().expect("a URL").to_owned();
        url.strip_prefix(CDN).expect("on the distribution").to_owned()
    };
    let (_, body) = edge.call(Method::POST, "/v1/assets/short/playback").await;
    let path = edge_path(body);
    assert_eq!(edge.get(&path).await.status(), 200);
    edge.wait_s(4 * 3600 + 601);
    let over = edge.get(&path).await;
    assert_eq!(over.status(), 403);
    assert!(over.text().await.expect("text").contains("This link has expired."));
}

#[tokio::test]
async fn with_cookies_the_playlist_is_as_stored() {
    let edge = Edge::start().await;
    let sent =
        edge.request(Method::POST, "/v1/assets/demo/playback?delivery=cookies").bearer_auth(edge.token());
    let answer = sent.send().await.expect("an answer");
    let pairs =
        answer.headers().get_all("set-cookie").iter().filter_map(|v| v.to_str().ok()?.split(';').next());
    let cookie = pairs.collect::<Vec<_>>().join("; ");
    let path = format!("/vod/demo/{VERSION}/main.m3u8");
    let with = |cookie: &str, path: &str| edge.request(Method::GET, path).header("cookie", cookie).send();
    let answer = with(&format!("theme=dark; {cookie}"), &path).await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await.expect("text"), MAIN);

    let spoilt = cookie.replace(KEY_PAIR, "KOTHER");
    assert_eq!(with(&spoilt, &path).await.expect("an answer").status(), 403);
    let half = format!("{path}?Key-Pair-Id={KEY_PAIR}");
    assert_eq!(
        with(&cookie, &half).await.expect("an answer").status(),
        403,
        "the query puts cookies out of play"
    );
    let plain = format!("{path}?_HLS_msn=1");
    assert_eq!(with(&cookie, &plain).await.expect("an answer").status(), 200, "other parameters do not");
}

#[tokio::test]
async fn answers_have_the_headers_that_players_and_caches_need() {
    let edge = Edge::start().await;
    let path = edge.manifest_path().await;
    let plain =
        edge.request(Method::GET, &path).header("origin", PAGE_ORIGIN).send().await.expect("an answer");
    assert_eq!(header(&plain, "cache-control"), "private, no-store");
    assert_eq!(header(&plain, "access-control-allow-origin"), PAGE_ORIGIN);
    assert_eq!(header(&plain, "access-control-allow-credentials"), "true");
    assert_eq!(header(&plain, "x-content-type-options"), "nosniff");
    let etag = header(&plain, "etag").to_owned();
    let text = plain.text().await.expect("text");

    let known =
        edge.request(Method::GET, &path).header("if-none-match", &etag).send().await.expect("an answer");
    assert_eq!((known.status().as_u16(), header(&known, "etag")), (304, &*etag));

    let head = edge.request(Method::HEAD, &path).send().await.expect("an answer");
    assert_eq!(header(&head, "content-length"), text.len().to_string());
    assert_eq!(head.bytes().await.expect("none").len(), 0);

    let packed = edge
        .request(Method::GET, &path)
        .header("accept-encoding", "br, gzip;q=0.5")
        .send()
        .await
        .expect("an answer");
    assert_eq!(header(&packed, "content-encoding"), "gzip");
    assert_ne!(header(&packed, "etag"), etag);
    let vary =
        packed.headers().get_all("vary").iter().any(|v| v.to_str().is_ok_and(|v| v.contains("encoding")));
    assert!(vary);
    let bytes = packed.bytes().await.expect("a body");
    assert!(bytes.len() < text.len() / 2, "the repeated signature compresses");
    let mut unpacked = String::new();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut unpacked).expect("gzip");
    assert_eq!(unpacked, text);

    let refused = edge
        .request(Method::GET, &path)
        .header("accept-encoding", "gzip;q=0")
        .send()
        .await
        .expect("an answer");
    assert!(refused.headers().get("content-encoding").is_none());
}

#[tokio::test]
async fn other_pages_may_not_read_answers() {
    let edge = Edge::start().await;
    for origin in ["https://evil.example", "https://www.example.com.evil.example", "null"] {
        let answer =
            edge.request(Method::GET, "/healthz").header("origin", origin).send().await.expect("an answer");
        assert!(answer.headers().get("access-control-allow-origin").is_none(), "{origin}");
    }
    let preflight = edge
        .request(Method::OPTIONS, "/v1/assets/demo/playback")
        .header("origin", PAGE_ORIGIN)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization")
        .send()
        .await
        .expect("an answer");
    assert_eq!(preflight.status(), 200);
    assert_eq!(header(&preflight, "access-control-allow-origin"), PAGE_ORIGIN);
    assert!(header(&preflight, "access-control-allow-headers").contains("authorization"));
}

#[tokio::test]
async fn an_escaped_tilde_is_a_tilde() {
    let edge = Edge::start().await;
    let until = edge.now() + 600;
    let resource = format!("{CDN}/vod/demo/{VERSION}/*");
    // ECDSA signatures differ each time: one with a `~` comes soon.
    let query = std::iter::repeat_with(|| forge_with(&CDN_KEY, &policy(&resource, until), KEY_PAIR))
        .find(|query| query.contains('~'))
        .expect("endless");
    let path = format!("/vod/demo/{VERSION}/main.m3u8?{}", query.replace('~', "%7E"));
    let text = edge.get(&path).await.text().await.expect("text");
    assert!(text.contains(&format!("video/720p/index.m3u8?{query}")), "{text}");
}

#[tokio::test]
async fn rsa_and_sha1_pass_too_where_they_are_set() {
    for hash in [Hash::Sha256, Hash::Sha1] {
        let edge = Edge::start_with(|config| {
            config.cdn.private_key = Some(Key::rsa(2048).pem().into());
            config.cdn.hash = hash;
        })
        .await;
        let path = edge.manifest_path().await;
        assert_eq!(path.contains("Hash-Algorithm"), hash == Hash::Sha256);
        assert_eq!(edge.get(&path).await.status(), 200, "{hash:?}");
    }
}

#[tokio::test]
async fn a_file_that_is_not_in_the_version_is_not_found() {
    let edge = Edge::start().await;
    let signature = query(&edge.manifest_path().await).to_owned();
    let answer = edge.get(&format!("/vod/demo/{VERSION}/video/144p/index.m3u8?{signature}")).await;
    assert_eq!(answer.status(), 404);
}

#[tokio::test]
async fn playlists_are_read_from_s3_once() {
    let edge = Edge::start().await;
    let path = edge.manifest_path().await;
    let first = edge.get(&path).await.text().await.expect("text");
    edge.s3.remove(&format!("vod/demo/{VERSION}/main.m3u8"));
    assert_eq!(edge.get(&path).await.text().await.expect("text"), first);
}
