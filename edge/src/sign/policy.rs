//! Pure: what is signed, for which files, until when.

use flodrama_asset::{AssetId, PublishedFile, Version};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use url::{Host, Url};

/// Links end on multiples of this, so that viewers of an asset share one signature and one cached playlist.
const STEP_S: i64 = 600;

/// The distribution: scheme, host and port, such as `https://cdn.example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cdn(String);

/// The text is no address of a distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a distribution's address is scheme and host alone, such as https://cdn.example.com")]
pub struct BadCdn;

impl Cdn {
    /// Reads `https://host[:port]`, with or without a slash at the end.
    pub fn parse(text: &str) -> Result<Cdn, BadCdn> {
        let url = Url::parse(text).map_err(|_| BadCdn)?;
        let bare = matches!(url.scheme(), "https" | "http") && url.path() == "/" && url.username().is_empty();
        let bare = bare && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
        // A `*` in a host name would be a wildcard of every policy.
        let plain_host = match url.host() {
            Some(Host::Domain(name)) => {
                name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
            }
            Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
            None => false,
        };
        if bare && plain_host { Ok(Cdn(url.origin().ascii_serialization())) } else { Err(BadCdn) }
    }

    /// The address without a slash at the end; also the origin for browsers.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address of a published file, not signed.
    pub fn file(&self, asset: &AssetId, version: &Version, file: &PublishedFile) -> String {
        format!("{}/vod/{asset}/{version}/{file}", self.0)
    }

    /// The resource of a policy that opens one version: its folder and exactly one wildcard, at the end. The ids'
    /// alphabets hold no wildcard, so it can open no other.
    pub(super) fn version_resource(&self, asset: &AssetId, version: &Version) -> String {
        format!("{}/vod/{asset}/{version}/*", self.0)
    }
}

/// The policy text: one statement, no white space. CloudFront builds the same from a canned URL.
pub(super) fn text(resource: &str, expires_at: OffsetDateTime) -> String {
    let resource = serde_json::Value::from(resource);
    let expires = expires_at.unix_timestamp();
    format!(
        r#"{{"Statement":[{{"Resource":{resource},"Condition":{{"DateLessThan":{{"AWS:EpochTime":{expires}}}}}}}]}}"#
    )
}

/// Seconds that links to an asset last at least: it can be watched to its end with pauses, and never less than
/// `min_ttl_s`. VOD playlists are loaded once, so a link that ends earlier ends the film.
pub fn ttl_s(min_ttl_s: u64, pause_allowance_s: u64, duration_ms: u64) -> u64 {
    min_ttl_s.max(duration_ms.div_ceil(1000).saturating_add(pause_allowance_s))
}

/// The end of a link made now: `ttl_s` from now, and on to the next step of ten minutes.
pub fn expires_at(now: OffsetDateTime, ttl_s: u64) -> OffsetDateTime {
    // 100 years: what is configured beyond that means "always" and must not overflow.
    let ttl = Duration::seconds(i64::try_from(ttl_s).unwrap_or(i64::MAX).min(3_155_760_000));
    let end = (now + ttl).unix_timestamp();
    let stepped = end.div_euclid(STEP_S) * STEP_S + if end.rem_euclid(STEP_S) == 0 { 0 } else { STEP_S };
    OffsetDateTime::from_unix_timestamp(stepped).unwrap_or(now + ttl)
}

/// A policy as it comes back in a request.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Policy {
    #[serde(rename = "Statement")]
    pub(super) statement: [Statement; 1],
}

impl Policy {
    /// Reads the one spelling that we write: without white space, escapes, repeated or reordered members, so that no
    /// other reader can take it for something else.
    pub(super) fn parse(text: &[u8]) -> Option<Policy> {
        let policy: Policy = serde_json::from_slice(text).ok()?;
        (serde_json::to_vec(&policy).ok()? == text).then_some(policy)
    }
}

/// CloudFront reads a missing resource as "everything": here it is an error. So are conditions that the edge cannot
/// see kept, such as the viewer's address.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Statement {
    #[serde(rename = "Resource")]
    pub(super) resource: String,
    #[serde(rename = "Condition")]
    pub(super) condition: Condition,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Condition {
    #[serde(rename = "DateLessThan")]
    pub(super) before: Epoch,
    #[serde(rename = "DateGreaterThan", skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<Epoch>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Epoch {
    #[serde(rename = "AWS:EpochTime")]
    pub(super) seconds: i64,
}

/// True where `pattern` covers `text`: `*` is any run of characters, `?` any one, across slashes and the query.
pub(super) fn covers(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where to go on when what follows the last star does not fit: one character later.
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, t));
                p += 1;
            }
            Some(&c) if c == b'?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((after_star, from)) = star else { return false };
                star = Some((after_star, from + 1));
                p = after_star;
                t = from + 1;
            }
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).expect("a time")
    }

    #[test]
    fn the_text_is_what_cloudfront_reads() {
        let cdn = Cdn::parse("https://cdn.example.com").expect("cdn");
        let (asset, version) = ("demo".parse().expect("id"), "v0123456789abcdef".parse().expect("version"));
        assert_eq!(
            text(&cdn.version_resource(&asset, &version), at(1_800_000_000)),
            r#"{"Statement":[{"Resource":"https://cdn.example.com/vod/demo/v0123456789abcdef/*","Condition":{"DateLessThan":{"AWS:EpochTime":1800000000}}}]}"#
        );
        let quoted = text("https://x/\"},{\"", at(0));
        assert!(serde_json::from_str::<Policy>(&quoted).is_ok(), "{quoted}");
    }

    #[test]
    fn a_distribution_is_scheme_and_host() {
        for (given, kept) in [
            ("https://cdn.example.com", "https://cdn.example.com"),
            ("https://CDN.example.com:443/", "https://cdn.example.com"),
            ("http://127.0.0.1:41234", "http://127.0.0.1:41234"),
        ] {
            assert_eq!(Cdn::parse(given).expect(given).as_str(), kept);
        }
        for bad in [
            "",
            "cdn.example.com",
            "https://*.example.com",
            "https://a/b",
            "https://a?b",
            "ftp://a",
            "https://u@a",
        ] {
            assert_eq!(Cdn::parse(bad), Err(BadCdn), "{bad}");
        }
    }

    #[test]
    fn a_film_can_be_watched_to_its_end() {
        let (half_day, pause) = (12 * 3600, 4 * 3600);
        assert_eq!(ttl_s(half_day, pause, 45 * 60 * 1000), half_day);
        assert_eq!(ttl_s(half_day, pause, 10 * 3600 * 1000), 14 * 3600);
        assert_eq!(ttl_s(60, 0, 61_001), 62);
        assert_eq!(ttl_s(60, u64::MAX, 1), u64::MAX);
    }

    #[test]
    fn links_made_close_together_end_together() {
        for (now, ttl, end) in [(0, 600, 600), (1, 600, 1200), (600, 600, 1200), (1_000, 50, 1200)] {
            assert_eq!(expires_at(at(now), ttl), at(end), "{now}+{ttl}");
        }
        assert!(expires_at(at(1_800_000_000), u64::MAX) > at(4_000_000_000));
    }

    #[test]
    fn wildcards_cover_as_cloudfront_says() {
        for (pattern, text, covered) in [
            ("https://c/vod/a/v1/*", "https://c/vod/a/v1/main.m3u8", true),
            ("https://c/vod/a/v1/*", "https://c/vod/a/v1/video/720p/1.m4s?x=1", true),
            ("https://c/vod/a/v1/*", "https://c/vod/a/v10/main.m3u8", false),
            ("https://c/vod/a/v1/*", "https://d/vod/a/v1/main.m3u8", false),
            ("*main*", "https://c/vod/main.m3u8", true),
            ("https://c/?", "https://c/a", true),
            ("https://c/?", "https://c/", false),
            ("*", "", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b-d", false),
            ("", "x", false),
        ] {
            assert_eq!(covers(pattern, text), covered, "{pattern} on {text}");
        }
    }

    #[test]
    fn a_policy_without_resource_or_with_more_conditions_is_none() {
        let condition = r#""Condition":{"DateLessThan":{"AWS:EpochTime":1}}"#;
        for bad in [
            format!(r#"{{"Statement":[{{{condition}}}]}}"#),
            format!(r#"{{"Statement":[{{"Resource":"a",{condition}}},{{"Resource":"b",{condition}}}]}}"#),
            r#"{"Statement":[]}"#.to_owned(),
            r#"{"Statement":[{"Resource":"a","Condition":{}}]}"#.to_owned(),
            r#"{"Statement":[{"Resource":"a","Condition":{"DateLessThan":{"AWS:EpochTime":1},"IpAddress":{"AWS:SourceIp":"10.0.0.0/8"}}}]}"#.to_owned(),
        ] {
            assert!(serde_json::from_str::<Policy>(&bad).is_err(), "{bad}");
        }
    }
}
