//! Rules of titles: who gets links, what they lead to, and what nobody makes of them.

use std::collections::BTreeSet;

use m3u8_rs::MasterPlaylist;
use reqwest::Method;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::support::s3::VERSION;
use crate::support::{CDN, Edge};

/// Published presentations of the worker's form.
const WITH_HDR: &str = include_str!("../../../crates/hls/tests/golden/hdr-and-sdr/main.m3u8");
const LANGUAGES: &str =
    include_str!("../../../crates/hls/tests/golden/two-languages-with-subtitles/main.m3u8");

const PLAYBACK: &str = "/v1/assets/demo/playback";

fn rules(edge: &Edge, document: &Value) {
    edge.s3.put("vod/demo/access.json", document.to_string());
}

fn member(edge: &Edge, groups: &[&str]) -> String {
    let mut claims = edge.claims();
    claims["cognito:groups"] = json!(groups);
    edge.pool.sign(&claims)
}

async fn ask(edge: &Edge, method: Method, path: &str, headers: &[(&str, &str)]) -> (u16, Value) {
    let asked =
        headers.iter().fold(edge.request(method, path), |asked, (name, value)| asked.header(*name, *value));
    let answer = asked.send().await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

async fn play(edge: &Edge, token: Option<&str>, query: &str) -> (u16, Value) {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let headers: Vec<(&str, &str)> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
    ask(edge, Method::POST, &format!("{PLAYBACK}{query}"), &headers).await
}

/// Path and query of a link on the distribution.
fn path<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name].as_str().and_then(|url| url.strip_prefix(CDN)).unwrap_or_else(|| panic!("{name} in {body}"))
}

fn moment(edge: &Edge, seconds: i64) -> String {
    OffsetDateTime::from_unix_timestamp(edge.now() + seconds).expect("a time").format(&Rfc3339).expect("text")
}

/// What a policy is for.
fn resource(url: &str) -> String {
    use base64::Engine;
    let policy = url.split("Policy=").nth(1).and_then(|rest| rest.split('&').next()).expect("a policy");
    let policy = policy.replace('-', "+").replace('_', "=").replace('~', "/");
    let policy = base64::engine::general_purpose::STANDARD.decode(policy).expect("base64");
    let policy: Value = serde_json::from_slice(&policy).expect("JSON");
    policy["Statement"][0]["Resource"].as_str().expect("a resource").to_owned()
}

#[tokio::test]
async fn a_public_title_plays_for_everybody_and_a_bad_token_is_still_bad() {
    let edge = Edge::start().await;
    rules(&edge, &json!({"version": 1, "viewers": "public"}));
    let (status, body) = play(&edge, None, "").await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(edge.get(path(&body, "manifest_url")).await.status(), 200);
    assert_eq!(play(&edge, Some(&edge.token()), "").await.0, 200);
    assert_eq!(play(&edge, Some("no.good.token"), "").await.0, 401);
    let (status, demo) = ask(&edge, Method::GET, "/v1/assets/demo", &[]).await;
    assert_eq!((status, &demo["title"]), (200, &json!("The demo")));
    // The catalogue stays for those who are signed in, and a preview for editors.
    assert_eq!(ask(&edge, Method::GET, "/v1/assets", &[]).await.0, 401);
    assert_eq!(play(&edge, None, "?preview=true").await.0, 401);
    edge.s3.publish("other", 1_000);
    assert_eq!(ask(&edge, Method::POST, "/v1/assets/other/playback", &[]).await.0, 401);
    assert_eq!(ask(&edge, Method::GET, "/v1/assets/other", &[]).await.0, 401);
}

#[tokio::test]
async fn each_refusal_has_its_status_its_code_and_a_sentence() {
    let edge = Edge::start().await;
    let (ann, gold) = (edge.token(), member(&edge, &["gold"]));
    let (soon, past) = (moment(&edge, 3_600), moment(&edge, -3_600));
    let for_gold = json!({"version": 1, "viewers": {"groups": ["gold"]}});
    let table = [
        (for_gold.clone(), None, 401, "unauthenticated"),
        (for_gold.clone(), Some(&ann), 403, "not-included"),
        (for_gold, Some(&gold), 200, ""),
        (json!({"version": 1, "viewers": "public", "not_before": soon}), None, 403, "not-yet-open"),
        (json!({"version": 1, "viewers": "public", "not_after": past}), None, 403, "no-longer-open"),
        (
            json!({"version": 1, "viewers": "public", "countries": {"allow": ["FR"]}}),
            None,
            451,
            "not-in-country",
        ),
        // What is not understood opens nothing.
        (json!({"version": 1, "viewers": "public", "ages": 18}), Some(&gold), 500, "access-unreadable"),
        (json!({"version": 2, "viewers": "public"}), Some(&gold), 500, "access-unreadable"),
    ];
    for (document, token, status, code) in table {
        let fresh = Edge::start().await;
        // The pool's key is the same for all.
        rules(&fresh, &document);
        let (found, body) = play(&fresh, token.map(String::as_str), "").await;
        assert_eq!(found, status, "{document}: {body}");
        if status != 200 {
            assert_eq!(body["code"], code, "{document}");
            assert!(body["detail"].as_str().is_some_and(|d| d.ends_with('.')), "{body}");
            assert_eq!(body.get("opens_at").is_some(), code == "not-yet-open", "{body}");
        }
    }
    edge.s3.put("vod/demo/access.json", "no JSON");
    assert_eq!(play(&edge, Some(&gold), "").await.1["code"], "access-unreadable");
}

#[tokio::test]
async fn a_country_counts_where_cloudfront_is_said_to_name_it() {
    let trusting = Edge::start_with(|config| config.entitlement.trust_cloudfront_country = true).await;
    let plain = Edge::start().await;
    for edge in [&trusting, &plain] {
        rules(edge, &json!({"version": 1, "viewers": "public", "countries": {"deny": ["DE"]}}));
    }
    let country = "cloudfront-viewer-country";
    for (edge, headers, status) in [
        (&trusting, vec![(country, "FR")], 200),
        (&trusting, vec![(country, "DE")], 451),
        (&trusting, vec![(country, "Germany")], 451),
        (&trusting, vec![(country, "FR"), (country, "DE")], 451),
        (&trusting, vec![], 451),
        (&plain, vec![(country, "FR")], 451),
    ] {
        assert_eq!(ask(edge, Method::POST, PLAYBACK, &headers).await.0, status, "{headers:?}");
    }
}

#[tokio::test]
async fn a_title_opens_and_ends_by_itself_and_links_end_with_it() {
    let edge = Edge::start().await;
    let (opens, ends) = (moment(&edge, 100), moment(&edge, 5_000));
    rules(&edge, &json!({"version": 1, "viewers": "public", "not_before": opens, "not_after": ends}));
    let (status, body) = play(&edge, None, "").await;
    assert_eq!((status, &body["opens_at"]), (403, &json!(opens)));
    // It may be known before, with its poster, which opens nothing else.
    let (status, known) = ask(&edge, Method::GET, "/v1/assets/demo", &[]).await;
    assert_eq!((status, &known["opens_at"], &known["title"]), (200, &json!(opens), &json!("The demo")));
    let poster = path(&known, "poster_url");
    assert_eq!(resource(poster), format!("{CDN}/vod/demo/{VERSION}/poster/*"));
    let signature = poster.split_once('?').expect("signed").1;
    assert_eq!(edge.get(&format!("/vod/demo/{VERSION}/main.m3u8?{signature}")).await.status(), 403);
    // Editors look before.
    assert_eq!(play(&edge, Some(&edge.editor_token()), "").await.0, 200);

    edge.wait_s(100);
    let (status, body) = play(&edge, None, "").await;
    assert_eq!((status, &body["expires_at"]), (200, &json!(ends)));
    let link = path(&body, "manifest_url").to_owned();
    assert_eq!(edge.get(&link).await.status(), 200);
    edge.wait_s(4_901);
    assert_eq!(edge.get(&link).await.status(), 403);
    assert_eq!(play(&edge, None, "").await.1["code"], "no-longer-open");
}

#[tokio::test]
async fn the_catalogue_shows_what_a_viewer_may_know() {
    let edge = Edge::start().await;
    for asset in ["gold", "later", "over", "unread"] {
        edge.s3.publish(asset, 1_000);
    }
    let put =
        |asset: &str, document: Value| edge.s3.put(&format!("vod/{asset}/access.json"), document.to_string());
    put("gold", json!({"version": 1, "viewers": {"groups": ["gold"]}}));
    put("later", json!({"version": 1, "viewers": "signed-in", "not_before": moment(&edge, 900)}));
    put("over", json!({"version": 1, "viewers": "signed-in", "not_after": moment(&edge, -900)}));
    put("unread", json!({"viewers": "public"}));
    let list = async |token: &str| -> Vec<(String, bool)> {
        let bearer = format!("Bearer {token}");
        let (status, body) = ask(&edge, Method::GET, "/v1/assets", &[("authorization", &bearer)]).await;
        assert_eq!(status, 200, "{body}");
        let assets = body["assets"].as_array().expect("a list").iter();
        assets
            .map(|asset| (asset["asset"].as_str().expect("id").to_owned(), asset.get("opens_at").is_some()))
            .collect()
    };
    let shown = |names: &[(&str, bool)]| -> Vec<(String, bool)> {
        names.iter().map(|(name, later)| ((*name).to_owned(), *later)).collect()
    };
    assert_eq!(list(&edge.token()).await, shown(&[("demo", false), ("later", true)]));
    assert_eq!(
        list(&member(&edge, &["gold"])).await,
        shown(&[("demo", false), ("gold", false), ("later", true)])
    );
    let all = [("demo", false), ("gold", false), ("later", false), ("over", false)];
    assert_eq!(list(&edge.editor_token()).await, shown(&all));
}

#[tokio::test]
async fn a_capped_viewer_sees_less_and_holds_signatures_for_no_more() {
    let edge = Edge::start().await;
    edge.s3.put(&format!("vod/demo/{VERSION}/main.m3u8"), WITH_HDR);
    for rung in ["1080p", "540p"] {
        edge.s3.put(&format!("vod/demo/{VERSION}/video/{rung}/index.m3u8"), crate::support::s3::MEDIA);
    }
    rules(
        &edge,
        &json!({"version": 1, "viewers": "signed-in", "classes": [{"groups": ["gold"], "caps": {}}],
            "default_caps": {"max_height": 540, "hdr": false}}),
    );
    let (status, body) = play(&edge, Some(&edge.token()), "").await;
    assert_eq!(status, 200, "{body}");
    let link = path(&body, "manifest_url");
    assert_eq!(resource(link), format!("{CDN}/vod/demo/{VERSION}/main.m3u8?view=540-sdr*"));
    assert_eq!(resource(path(&body, "storyboard_url")), format!("{CDN}/vod/demo/{VERSION}/thumbs/*"));
    assert_eq!(resource(path(&body, "poster_url")), format!("{CDN}/vod/demo/{VERSION}/poster/*"));
    assert_eq!(edge.get(path(&body, "storyboard_url")).await.status(), 200);

    let text = edge.get(link).await.text().await.expect("text");
    let list: MasterPlaylist = m3u8_rs::parse_master_playlist_res(text.as_bytes()).expect("a playlist");
    assert!(list.variants.iter().filter_map(|v| v.resolution).all(|size| size.height <= 540), "{text}");
    assert!(!text.contains("VIDEO-RANGE=PQ"), "{text}");
    // Every URI opens its own rendition's folder and no other.
    let uris: Vec<&str> =
        list.variants.iter().map(|v| v.uri.as_str()).filter(|uri| uri.contains('?')).collect();
    assert!(uris.len() >= 3, "{text}");
    let mut resources = BTreeSet::new();
    for uri in &uris {
        let folder = uri.split_once('?').expect("signed").0.rsplit_once('/').expect("a folder").0;
        assert_eq!(resource(uri), format!("{CDN}/vod/demo/{VERSION}/{folder}/*"));
        resources.insert(resource(uri));
    }
    let media = uris.iter().find(|uri| uri.starts_with("video/540p/")).expect("the top rung");
    let media_text = edge.get(&format!("/vod/demo/{VERSION}/{media}")).await.text().await.expect("text");
    let signature = media.split_once('?').expect("signed").1;
    assert!(media_text.contains(&format!("00001.m4s?{signature}")), "{media_text}");

    // What they hold opens nothing else, whatever they write.
    let of_main = link.split_once("&Policy").map(|(_, rest)| format!("Policy{rest}")).expect("a signature");
    for (what, address) in [
        ("a wider view", link.replace("view=540-sdr", "view=full-hdr")),
        ("a view that begins the same", link.replace("view=540-sdr", "view=540-sdr-en")),
        ("no view", link.replace("view=540-sdr&", "")),
        ("a second view", link.replace("view=540-sdr&", "view=540-sdr&view=full-hdr&")),
        ("a view before", link.replace("view=540-sdr&", "view=full-hdr&view=540-sdr&")),
        ("a dropped rendition", format!("/vod/demo/{VERSION}/video/1080p/index.m3u8?{of_main}")),
        ("it with the view", format!("/vod/demo/{VERSION}/video/1080p/index.m3u8?view=540-sdr&{of_main}")),
        (
            "it with a rendition's signature",
            format!("/vod/demo/{VERSION}/video/1080p/index.m3u8?{signature}"),
        ),
        ("main with a rendition's signature", format!("/vod/demo/{VERSION}/main.m3u8?{signature}")),
        ("the preview", format!("/vod/demo/{VERSION}/preview/main.m3u8?view=540-sdr&{of_main}")),
    ] {
        assert_eq!(edge.get(&address).await.status(), 403, "{what}");
    }
    // Cookies carry one policy: links do.
    let (status, body) = play(&edge, Some(&edge.token()), "?delivery=cookies").await;
    assert_eq!((status, body.get("cookies")), (200, None));
    assert_eq!(edge.get(path(&body, "manifest_url")).await.status(), 200);

    let (_, whole) = play(&edge, Some(&member(&edge, &["gold"])), "").await;
    let link = path(&whole, "manifest_url");
    assert_eq!(resource(link), format!("{CDN}/vod/demo/{VERSION}/*"));
    let text = edge.get(link).await.text().await.expect("text");
    assert!(text.contains("1080p-hdr"), "{text}");
    let narrower = link.replace("main.m3u8?", "main.m3u8?view=540-sdr&");
    assert_eq!(edge.get(&narrower).await.status(), 403, "a view is signed, or there is none");
}

#[tokio::test]
async fn viewers_of_one_class_share_their_signatures() {
    let edge = Edge::start().await;
    edge.s3.put(&format!("vod/demo/{VERSION}/main.m3u8"), LANGUAGES);
    let class = |name: &str, languages: &[&str]| json!({"groups": [name], "caps": {"audio": languages}});
    rules(
        &edge,
        &json!({"version": 1, "viewers": "signed-in",
            "classes": [class("a", &["fr"]), class("b", &["en", "fr"])], "default_caps": {"audio": ["de"]}}),
    );
    let main = async |groups: &[&str]| {
        let (_, body) = play(&edge, Some(&member(&edge, groups)), "").await;
        let link = path(&body, "manifest_url").to_owned();
        (edge.get(&link).await.text().await.expect("text"), link)
    };
    let (french, link) = main(&["a"]).await;
    assert!(link.contains("view=full-hdr-fr&"), "{link}");
    assert!(french.contains(r#"LANGUAGE="fr",DEFAULT=YES"#) && !french.contains("audio/en-2"), "{french}");
    // Subtitles are not sound.
    assert!(french.contains("subs/en/index.m3u8"), "{french}");
    assert_eq!(main(&["a", "c"]).await, (french.clone(), link), "the same for everybody in the class");
    let (both, _) = main(&["b"]).await;
    assert!(both.contains("audio/en-2") && both.contains("audio/fr-2"), "{both}");
    // A rendition's signature is the same for every class that has it.
    let of = |text: &str| {
        text.split("video/720p/index.m3u8?").nth(1).and_then(|t| t.lines().next()).map(str::to_owned)
    };
    assert!(of(&both).is_some() && of(&both) == of(&french));
    // The title has no German sound: it keeps its own.
    let (german, _) = main(&[]).await;
    assert!(german.contains("audio/en-2") && german.contains("audio/fr-2"), "{german}");
}

#[tokio::test]
async fn an_app_names_its_platform_and_gets_what_suits_it() {
    let edge = Edge::start().await;
    edge.s3.put(&format!("vod/demo/{VERSION}/main.m3u8"), WITH_HDR);
    let rates = async |query: &str| -> Vec<u64> {
        let (status, body) = play(&edge, Some(&edge.token()), query).await;
        assert_eq!(status, 200, "{body}");
        let text = edge.get(path(&body, "manifest_url")).await.text().await.expect("text");
        let list = m3u8_rs::parse_master_playlist_res(text.as_bytes()).expect("a playlist");
        list.variants.iter().filter(|v| !v.is_i_frame).map(|v| v.bandwidth).collect()
    };
    let published = rates("").await;
    assert_eq!(rates("?platform=web").await, published);
    let cellular = rates("?platform=ios-cellular").await;
    assert_eq!((cellular[0], cellular.len()), (878_600, published.len()), "starts near 730 kb/s");
    let television = rates("?platform=tvos").await;
    assert_eq!(television, published[..published.len() - 1], "without the rung for cellular networks");

    let (status, body) = play(&edge, Some(&edge.token()), "?platform=fridge").await;
    let detail = body["detail"].as_str().expect("a sentence");
    assert!(status == 400 && detail.contains("`tvos`") && detail.contains("`web`"), "{body}");
    let (_, body) = play(&edge, Some(&edge.token()), "?platform=tvos&delivery=cookies").await;
    assert_eq!(path(&body, "manifest_url"), format!("/vod/demo/{VERSION}/main.m3u8?platform=tvos"));

    // Together with caps; and it is no right, so it may be changed.
    rules(&edge, &json!({"version": 1, "viewers": "public", "default_caps": {"max_height": 360}}));
    tokio::time::sleep(std::time::Duration::from_millis(2_100)).await;
    let (_, body) = play(&edge, None, "?platform=tvos").await;
    let link = path(&body, "manifest_url");
    assert!(link.contains("main.m3u8?view=360-hdr&platform=tvos&Policy="), "{link}");
    let count = async |link: &str| {
        edge.get(link).await.text().await.expect("text").matches("#EXT-X-STREAM-INF").count()
    };
    assert_eq!(count(link).await, 1);
    assert_eq!(count(&link.replace("=tvos", "=web")).await, 2);
    assert_eq!(edge.get(&link.replace("=tvos", "=fridge")).await.status(), 400);
}
