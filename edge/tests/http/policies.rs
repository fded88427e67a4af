//! One policy opens one version of one asset, whatever is asked for and whoever signed it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flodrama_edge::config::Hash;
use flodrama_edge::route::Route;
use flodrama_edge::sign::{Cdn, Gate, Signer, SigningKey, TrustedKey, VerifyingKey};
use http::Method;
use serde_json::Value;
use time::OffsetDateTime;

use crate::support::keys::{CDN_KEY, Key};
use crate::support::s3::VERSION;
use crate::support::{CDN, KEY_PAIR};

const NOW: i64 = 1_800_000_000;
const UNTIL: i64 = NOW + 3600;

/// SplitMix64: the same cases in every run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    /// A few characters put in, taken out or exchanged.
    fn spoil(&mut self, text: &str) -> String {
        const BITS: [&str; 26] = [
            "*", "?", "/", "..", "%2e", "%2f", "%2a", "%3f", "\\", "\"", "\u{0}", "é", "\u{ff0a}", "&", "=",
            "#", " ", "-", "v", "0", "demo", "Policy=", "*/", "/*", "https://", "@",
        ];
        let mut characters: Vec<String> = text.chars().map(String::from).collect();
        for _ in 0..=self.below(3) {
            let at = self.below(characters.len());
            match self.below(3) {
                0 => characters.insert(at, self.pick(&BITS).to_owned()),
                1 => characters[at] = self.pick(&BITS).to_owned(),
                _ => drop(characters.remove(at)),
            }
        }
        characters.concat()
    }
}

/// Wildcards as CloudFront describes them, once more and in another way than the edge's own.
fn covers(pattern: &str, text: &str) -> bool {
    let mut rest = pattern.chars();
    match (rest.next(), text.chars().next()) {
        (None, first) => first.is_none(),
        (Some('*'), _) => {
            let mut ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.any(|at| covers(rest.as_str(), &text[at..]))
        }
        (Some(wanted), Some(found)) => {
            (wanted == '?' || wanted == found) && covers(rest.as_str(), &text[found.len_utf8()..])
        }
        (Some(_), None) => false,
    }
}

/// Assets and versions that are like each other in each way that a careless comparison falls for.
fn neighbours() -> Vec<String> {
    let mut all = Vec::new();
    for asset in
        ["demo", "dem", "demo-", "demos", "d", "demo-demo", "vod", "v0123456789abcdef", "-demo", "other"]
    {
        for version in [VERSION, "v0123456789abcdee", "v1123456789abcdef", "v0000000000000000"] {
            for file in
                ["main.m3u8", "video/720p/index.m3u8", "video/720p/00001.m4s", "thumbs/storyboard.vtt"]
            {
                all.push(format!("/vod/{asset}/{version}/{file}"));
            }
        }
    }
    all
}

/// `/vod/asset/version/`.
fn version_of(path: &str) -> &str {
    path.match_indices('/').nth(3).map_or(path, |(slash, _)| &path[..=slash])
}

fn encoded(bytes: &[u8]) -> String {
    STANDARD.encode(bytes).replace('+', "-").replace('=', "_").replace('/', "~")
}

fn decoded(text: &str) -> Vec<u8> {
    STANDARD.decode(text.replace('-', "+").replace('_', "=").replace('~', "/")).expect("CloudFront's base64")
}

/// The resource that a signed URL's policy names: a canned one is the URL itself without the signature.
fn resource(url: &str) -> String {
    let query = url.split_once('?').expect("a query").1;
    match query.split('&').find_map(|part| part.strip_prefix("Policy=")) {
        Some(policy) => {
            let policy: Value = serde_json::from_slice(&decoded(policy)).expect("JSON");
            assert_eq!(policy["Statement"].as_array().map(Vec::len), Some(1), "{policy}");
            policy["Statement"][0]["Resource"].as_str().expect("a resource").to_owned()
        }
        None => {
            let end = url.find("?Expires=").or_else(|| url.find("&Expires=")).expect("a canned policy");
            url[..end].to_owned()
        }
    }
}

#[test]
fn what_is_signed_opens_one_version_of_one_asset() {
    let key = SigningKey::from_pem(&CDN_KEY.pem(), Hash::Sha256).expect("a key");
    let signer = Signer::new(Cdn::parse(CDN).expect("cdn"), KEY_PAIR.into(), key);
    let until = OffsetDateTime::from_unix_timestamp(UNTIL).expect("a time");
    let all = neighbours();
    let mut chance = Chance(1);
    let (mut routed, mut signed, mut refused) = (0, 0, 0);
    for case in 0..6_000 {
        let mut path = all[chance.below(all.len())].clone();
        if case % 4 > 0 {
            path = chance.spoil(&path);
        }
        let is_manifest = matches!(Route::of(&Method::GET, &path), Ok(Route::Manifest(..)));
        routed += u32::from(is_manifest);
        let Ok(url) = signer.url(&format!("{CDN}{path}"), until) else {
            assert!(!is_manifest, "{path:?} is served and not signed");
            refused += 1;
            continue;
        };
        signed += 1;
        let resource = resource(&url);
        assert!(covers(&resource, &format!("{CDN}{path}")), "{path:?}: {resource}");
        for other in &all {
            let is_covered = covers(&resource, &format!("{CDN}{other}"));
            assert!(
                !is_covered || version_of(other) == version_of(&path),
                "{path:?} opens {other}: {resource}"
            );
        }
    }
    assert!(routed > 500 && signed > routed && refused > 1_000, "{routed} {signed} {refused}");
}

#[test]
fn what_the_gate_takes_opens_one_version_of_one_asset() {
    let gate = gate();
    let now = OffsetDateTime::from_unix_timestamp(NOW).expect("a time");
    let all: Vec<_> = neighbours().into_iter().filter(|path| path.ends_with("main.m3u8")).collect();
    let own = format!("/vod/demo/{VERSION}/main.m3u8");
    let mut chance = Chance(2);
    let mut taken = 0;
    for _ in 0..600 {
        let whole = format!("{CDN}/vod/demo/{VERSION}/*");
        let resource = if chance.below(8) == 0 { whole } else { chance.spoil(&whole) };
        let query = query(&CDN_KEY, &policy(&Value::from(resource.clone()).to_string()));
        let pass = |path: &str| gate.pass(path, &query, std::iter::empty(), now).is_ok();
        let opened: Vec<&str> = all.iter().filter(|path| pass(path)).map(|path| version_of(path)).collect();
        assert!(opened.iter().all(|version| *version == opened[0]), "{resource} opens {opened:?}");
        taken += u32::from(pass(&own));
    }
    assert!(taken > 60, "{taken}");
}

#[test]
fn odd_policies_are_refused_even_with_the_right_signature() {
    let gate = gate();
    let now = OffsetDateTime::from_unix_timestamp(NOW).expect("a time");
    let path = format!("/vod/demo/{VERSION}/main.m3u8");
    let folder = format!("{CDN}/vod/demo/{VERSION}/");
    let good = policy(&format!("\"{folder}*\""));
    let condition = format!(r#""Condition":{{"DateLessThan":{{"AWS:EpochTime":{UNTIL}}}}}"#);
    let resource = |text: &str| policy(&format!("\"{text}\""));
    let is_taken = |text: &str| gate.pass(&path, &query(&CDN_KEY, text), std::iter::empty(), now).is_ok();
    for taken in [
        good.clone(),
        resource(&format!("{folder}main.m3u8")),
        resource(&format!("{folder}m?in.m3u8")),
        good.replace("}}]", &format!(r#","DateGreaterThan":{{"AWS:EpochTime":{NOW}}}}}}}]"#)),
    ] {
        assert!(is_taken(&taken), "{taken}");
    }
    let statement = good.trim_start_matches(r#"{"Statement":["#).trim_end_matches("]}").to_owned();
    let table = [
        ("a wildcard for everything", resource("*")),
        ("a wildcard for every host", resource(&format!("*/vod/demo/{VERSION}/*"))),
        ("a wildcard for the scheme", resource(&format!("http*://cdn.example.com/vod/demo/{VERSION}/*"))),
        ("a wildcard for the bucket", resource(&format!("{CDN}/*"))),
        ("a wildcard for every asset", resource(&format!("{CDN}/vod/*"))),
        ("a wildcard in the asset", resource(&format!("{CDN}/vod/dem*/{VERSION}/*"))),
        ("one character of the asset", resource(&format!("{CDN}/vod/dem?/{VERSION}/*"))),
        ("a wildcard for the version", resource(&format!("{CDN}/vod/demo/*/main.m3u8"))),
        ("a wildcard in the version", resource(&format!("{CDN}/vod/demo/v0123456789abcde?/*"))),
        ("a wildcard before the last slash", resource(&format!("{CDN}/vod/demo/{VERSION}*"))),
        ("no wildcard", resource(&folder)),
        ("another file", resource(&format!("{folder}video/*"))),
        ("no resource", good.replace(&format!(r#""Resource":"{folder}*","#), "")),
        ("resource null", policy("null")),
        ("resources in a list", policy(&format!("[\"{folder}*\"]"))),
        ("two statements", format!(r#"{{"Statement":[{statement},{statement}]}}"#)),
        ("no statement", r#"{"Statement":[]}"#.to_owned()),
        ("a statement without its list", format!(r#"{{"Statement":{statement}}}"#)),
        ("no condition", format!(r#"{{"Statement":[{{"Resource":"{folder}*"}}]}}"#)),
        ("no end", good.replace("DateLessThan", "DateGreaterThan")),
        ("an address of the viewer", {
            good.replace("}}]", r#","IpAddress":{"AWS:SourceIp":"0.0.0.0/0"}}}]"#)
        }),
        ("a condition that nobody knows", good.replace("}}]", r#","Referer":{"x":"y"}}}]"#)),
        ("a member that nobody knows", good.replace("{\"Statement\"", "{\"Version\":1,\"Statement\"")),
        ("over", good.replace(&UNTIL.to_string(), &NOW.to_string())),
        ("an end as text", good.replace(&UNTIL.to_string(), &format!("\"{UNTIL}\""))),
        ("an end as a fraction", good.replace(&UNTIL.to_string(), &format!("{UNTIL}.5"))),
        ("an end beyond numbers", good.replace(&UNTIL.to_string(), "1e999")),
        ("a resource twice", good.replacen("{\"Resource\"", "{\"Resource\":\"x\",\"Resource\"", 1)),
        ("a condition twice", good.replacen(&condition, &format!("{condition},{condition}"), 1)),
        ("a statement twice", format!(r#"{{"Statement":[],"Statement":[{statement}]}}"#)),
        ("an escape in the resource", good.replacen("demo", "d\\u0065mo", 1)),
        ("an escaped slash", good.replacen("/vod", "\\/vod", 1)),
        ("an escaped wildcard", good.replacen("/*", "/\\u002a", 1)),
        ("an escape in a name", good.replacen("Resource", "\\u0052esource", 1)),
        ("a wildcard of another script", good.replacen("/*", "/\u{ff0a}", 1)),
        ("letters of another script", good.replacen("demo", "d\u{435}mo", 1)),
        ("white space", good.replacen(':', ": ", 1)),
        ("white space behind", format!("{good}\n")),
        ("something behind", format!("{good}{good}")),
        ("members in another order", {
            format!(r#"{{"Statement":[{{{condition},"Resource":"{folder}*"}}]}}"#)
        }),
        ("by position", format!(r#"[[["{folder}*",[[{UNTIL}],null]]]]"#)),
        ("a byte order mark", format!("\u{feff}{good}")),
        ("nothing", String::new()),
    ];
    for (case, text) in table {
        assert_ne!(text, good, "{case}");
        assert!(!is_taken(&text), "{case}: {text}");
    }
    assert!(gate.pass(&path, &query(&Key::p256(), &good), std::iter::empty(), now).is_err());
}

fn gate() -> Gate {
    let key = VerifyingKey::from_pem(&CDN_KEY.public_pem(), Hash::Sha256).expect("a key");
    Gate::new(Cdn::parse(CDN).expect("cdn"), vec![TrustedKey { id: KEY_PAIR.into(), key }])
}

/// A policy for a resource, which is JSON.
fn policy(resource: &str) -> String {
    let until = format!(r#"{{"DateLessThan":{{"AWS:EpochTime":{UNTIL}}}}}"#);
    format!(r#"{{"Statement":[{{"Resource":{resource},"Condition":{until}}}]}}"#)
}

fn query(key: &Key, policy: &str) -> String {
    let (signature, policy) = (encoded(&key.sign_sha256(policy.as_bytes())), encoded(policy.as_bytes()));
    format!("Policy={policy}&Signature={signature}&Key-Pair-Id={KEY_PAIR}&Hash-Algorithm=SHA256")
}
