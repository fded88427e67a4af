//! CloudFront policies: what a signature allows, where and until when.
//!
//! <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-creating-signed-url-custom-policy.html>

use std::net::{IpAddr, Ipv4Addr};

use serde::Deserialize;

use crate::wildcard::matches;

/// A policy. A field that we do not know may restrict, so a policy that has one is refused whole.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Policy {
    /// CloudFront takes exactly one.
    statement: [Statement; 1],
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Statement {
    /// Absent: everything that the key may sign for.
    resource: Option<String>,
    condition: Condition,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Condition {
    date_less_than: Moment,
    date_greater_than: Option<Moment>,
    ip_address: Option<Source>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Moment {
    #[serde(rename = "AWS:EpochTime")]
    epoch_s: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    #[serde(rename = "AWS:SourceIp")]
    cidr: String,
}

impl Policy {
    /// Reads a policy; nothing where it is malformed.
    pub fn parse(json: &[u8]) -> Option<Policy> {
        serde_json::from_slice(json).ok()
    }

    /// The text that a canned policy stands for, which is what its signature is over.
    pub fn canned(url: &str, expires: &str) -> String {
        format!(
            r#"{{"Statement":[{{"Resource":"{url}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{expires}}}}}}}]}}"#
        )
    }

    /// Whether it lets `viewer` have `url` at `now_s`.
    pub fn allows(&self, url: &str, viewer: IpAddr, now_s: i64) -> bool {
        let Policy { statement: [Statement { resource, condition }] } = self;
        resource.as_deref().is_none_or(|pattern| matches(pattern, url))
            && now_s < condition.date_less_than.epoch_s
            && condition.date_greater_than.as_ref().is_none_or(|from| now_s > from.epoch_s)
            && condition.ip_address.as_ref().is_none_or(|source| source.contains(viewer))
    }
}

impl Source {
    /// IPv4 only, as in CloudFront; an address without a length means itself.
    fn contains(&self, viewer: IpAddr) -> bool {
        let (address, bits) = self.cidr.split_once('/').unwrap_or((&self.cidr, "32"));
        let (Ok(address), Ok(bits), IpAddr::V4(viewer)) =
            (address.parse::<Ipv4Addr>(), bits.parse::<u32>(), viewer)
        else {
            return false;
        };
        let mask = match bits {
            0 => 0,
            1..=32 => u32::MAX << (32 - bits),
            _ => return false,
        };
        u32::from(address) & mask == u32::from(viewer) & mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIEWER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 44));

    #[test]
    fn conditions() {
        let policy = |condition: &str, resource: &str| {
            Policy::parse(format!(r#"{{"Statement":[{{{resource}"Condition":{condition}}}]}}"#).as_bytes())
        };
        let allows = |condition: &str, at: i64| {
            policy(condition, "").expect("policy").allows("http://h/x", VIEWER, at)
        };
        let until = r#"{"DateLessThan":{"AWS:EpochTime":100}}"#;
        assert!(allows(until, 99) && !allows(until, 100));
        let between = r#"{"DateLessThan":{"AWS:EpochTime":100},"DateGreaterThan":{"AWS:EpochTime":50}}"#;
        assert!(!allows(between, 50) && allows(between, 51));
        for (cidr, expected) in [
            ("192.0.2.0/24", true),
            ("192.0.2.44", true),
            ("192.0.2.45/32", false),
            ("0.0.0.0/0", true),
            ("192.0.2.0/33", false),
            ("::/0", false),
        ] {
            let from = format!(
                r#"{{"DateLessThan":{{"AWS:EpochTime":100}},"IpAddress":{{"AWS:SourceIp":"{cidr}"}}}}"#
            );
            assert_eq!(allows(&from, 1), expected, "{cidr}");
        }
        let here = policy(until, r#""Resource":"http://h/*","#).expect("policy");
        assert!(here.allows("http://h/x", VIEWER, 1) && !here.allows("http://g/x", VIEWER, 1));
    }

    #[test]
    fn malformed_policies_are_none() {
        for json in [
            "",
            "{}",
            r#"{"Statement":[]}"#,
            r#"{"Statement":[{"Resource":"*"}]}"#,
            r#"{"Statement":[{"Condition":{}}]}"#,
            r#"{"Statement":[{"Condition":{"DateLessThan":{"AWS:EpochTime":"100"}}}]}"#,
            r#"{"Statement":[{"Condition":{"DateLessThan":{"AWS:EpochTime":9}}},{"Condition":{"DateLessThan":{"AWS:EpochTime":9}}}]}"#,
            r#"{"Statement":[{"Condition":{"DateLessThan":{"AWS:EpochTime":9}},"Effect":"Deny"}]}"#,
        ] {
            assert!(Policy::parse(json.as_bytes()).is_none(), "{json}");
        }
    }
}
