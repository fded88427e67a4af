//! Signed URLs and signed cookies, checked as CloudFront checks them.
//!
//! Written apart from the edge's signer and over another library, so that the two cannot share a mistake.
//! <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-signed-urls.html>

use std::borrow::Cow;
use std::net::IpAddr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use openssl::hash::MessageDigest;

use super::keys::{KeyGroup, is_signed};
use super::policy::Policy;

/// What a signature is checked against.
pub(crate) struct Asked<'a> {
    /// `http://host:port`, as the viewer wrote it.
    pub origin: &'a str,
    /// The path, as the viewer wrote it.
    pub path: &'a str,
    /// The query string, as the viewer wrote it.
    pub query: Option<&'a str>,
    /// `name=value` of every cookie.
    pub cookies: Vec<(&'a str, &'a str)>,
    /// Where the viewer is.
    pub viewer: IpAddr,
}

/// Why CloudFront refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// Nothing says which key.
    MissingKey,
    /// A key that is not in the key group.
    UnknownKey,
    /// No policy where there must be one, or not one that CloudFront reads.
    MalformedPolicy,
    /// The signature is not Base64 in CloudFront's alphabet, or its hash has no known name.
    MalformedSignature,
    /// The signature is not over this policy, or the policy does not allow this.
    Forbidden,
}

/// The parts of a signature, wherever they came from.
#[derive(Default)]
struct Parts<'a> {
    policy: Option<&'a str>,
    expires: Option<&'a str>,
    signature: Option<&'a str>,
    key_id: Option<&'a str>,
    hash: Option<&'a str>,
    repeated: bool,
}

/// A part's name in URLs; in cookies it has `CloudFront-` before it.
const NAMES: [&str; 5] = ["Policy", "Expires", "Signature", "Key-Pair-Id", "Hash-Algorithm"];

impl<'a> Parts<'a> {
    fn gather(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Parts<'a> {
        let mut parts = Parts::default();
        for (name, value) in pairs {
            let slot = match name {
                "Policy" => &mut parts.policy,
                "Expires" => &mut parts.expires,
                "Signature" => &mut parts.signature,
                "Key-Pair-Id" => &mut parts.key_id,
                "Hash-Algorithm" => &mut parts.hash,
                _ => continue,
            };
            parts.repeated |= slot.replace(value).is_some();
        }
        parts
    }
}

/// Whether `asked` is signed by a key of the group, for this URL, now.
pub(crate) fn verify(keys: &KeyGroup, asked: &Asked<'_>, now_s: i64) -> Result<(), Denied> {
    let parameters = || asked.query.into_iter().flat_map(|query| query.split('&')).map(split_pair);
    let is_part = |name: &str| NAMES.contains(&name);
    // One signature parameter in the URL, and cookies do not count.
    let parts = if parameters().any(|(name, _)| is_part(name)) {
        Parts::gather(parameters())
    } else {
        let ours = asked
            .cookies
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix("CloudFront-")?, *value)));
        Parts::gather(ours)
    };
    let mut url = format!("{}{}", asked.origin, asked.path);
    let rest =
        asked.query.into_iter().flat_map(|query| query.split('&')).filter(|p| !is_part(split_pair(p).0));
    for (index, parameter) in rest.enumerate() {
        url.push(if index == 0 { '?' } else { '&' });
        url.push_str(parameter);
    }
    check(keys, &parts, &url, asked.viewer, now_s)
}

fn check(keys: &KeyGroup, parts: &Parts<'_>, url: &str, viewer: IpAddr, now_s: i64) -> Result<(), Denied> {
    let key_id = parts.key_id.ok_or(Denied::MissingKey)?;
    let key = keys.get(key_id).ok_or(Denied::UnknownKey)?;
    if parts.repeated {
        return Err(Denied::MalformedPolicy);
    }
    let signature = parts.signature.and_then(decode).ok_or(Denied::MalformedSignature)?;
    let digest = match parts.hash {
        None | Some("SHA1") => MessageDigest::sha1(),
        Some("SHA256") => MessageDigest::sha256(),
        Some(_) => return Err(Denied::MalformedSignature),
    };
    let text: Cow<'_, [u8]> = match (parts.policy, parts.expires) {
        (Some(policy), _) => decode(policy).ok_or(Denied::MalformedPolicy)?.into(),
        (None, Some(expires)) if is_number(expires) => Policy::canned(url, expires).into_bytes().into(),
        _ => return Err(Denied::MalformedPolicy),
    };
    // The signature first: what nobody signed is not worth reading.
    if !is_signed(key, digest, &text, &signature) {
        return Err(Denied::Forbidden);
    }
    let policy = Policy::parse(&text).ok_or(Denied::MalformedPolicy)?;
    if policy.allows(url, viewer, now_s) { Ok(()) } else { Err(Denied::Forbidden) }
}

fn split_pair(parameter: &str) -> (&str, &str) {
    parameter.split_once('=').unwrap_or((parameter, ""))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Base64 in the alphabet that CloudFront uses in URLs: `-` for `+`, `_` for `=`, `~` for `/`.
fn decode(text: &str) -> Option<Vec<u8>> {
    let standard: Option<String> = text
        .chars()
        .map(|c| match c {
            '-' => Some('+'),
            '_' => Some('='),
            '~' => Some('/'),
            '+' | '=' | '/' => None,
            other => Some(other),
        })
        .collect();
    BASE64_STANDARD.decode(standard?).ok()
}
