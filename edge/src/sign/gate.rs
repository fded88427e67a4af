//! Lets a manifest request pass that carries a good signature: the same rules as CloudFront's for media, kept here
//! because CloudFront takes signature parameters away before a restricted behaviour's origin sees them
//! (`docs/adr/0004-edge-verifies-manifests.md`). Stricter where CloudFront is generous.

use std::borrow::Cow;
use std::sync::Arc;

use flodrama_asset::ErrorKind;
use flodrama_asset::access::Caps;
use moka::sync::Cache;
use time::OffsetDateTime;
use url::form_urlencoded;

use super::policy::{Cdn, Policy, Statement, covers};
use super::scope::{asks_for, signed_view};
use super::{VerifyingKey, alphabet};
use crate::config::Hash;

/// Signatures kept that held, each with a query of so many bytes at most: longer ones, which no link of ours has, are
/// verified each time.
const KEPT: u64 = 10_000;
const LONGEST_KEPT: usize = 2048;

/// Why a request does not pass. Never holds any of what it carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No signature at all, or not all of its parts.
    #[error("the request carries no whole signature")]
    Unsigned,
    /// A parameter twice.
    #[error("the request carries a signature parameter twice")]
    Twice,
    /// A canned policy: it opens one file, so the URIs inside could not be signed with it.
    #[error("the request carries a canned policy")]
    Canned,
    /// None of our key pairs.
    #[error("the request names another key")]
    OtherKey,
    /// Not the hash that this key signs with.
    #[error("the request names another hash")]
    OtherHash,
    /// The signature is not our key's over this policy.
    #[error("the signature does not fit the policy")]
    Forged,
    /// The policy is not of the form that we read.
    #[error("the policy is not one that the edge takes")]
    Policy,
    /// For other files.
    #[error("the policy does not cover this address")]
    OtherFile,
    /// Over.
    #[error("the policy has ended")]
    Expired,
    /// Not begun.
    #[error("the policy has not begun")]
    NotYet,
}

impl Refusal {
    /// Always `Forbidden`.
    pub fn kind(self) -> ErrorKind {
        ErrorKind::Forbidden
    }
}

/// How a request passed.
#[derive(Clone, PartialEq, Eq)]
pub enum Pass {
    /// By its query, which every URI of the answer needs too: the signature parameters, in CloudFront's order.
    Query(String),
    /// By its cookies, which the player sends along by itself.
    Cookies,
    /// With a signature for a part of the version: what the answer names needs signatures of its own.
    Narrow(Narrow),
}

/// The part of a version that a signature is for: its multivariant playlist, as these caps shape it. Only the gate makes
/// one, of what was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Narrow {
    caps: Caps,
    until: OffsetDateTime,
}

impl Narrow {
    /// How much of it.
    pub fn caps(&self) -> &Caps {
        &self.caps
    }

    /// When the signature ends.
    pub fn until(&self) -> OffsetDateTime {
        self.until
    }
}

/// A key whose signatures open, by CloudFront's id of it.
#[derive(Clone, Debug)]
pub struct TrustedKey {
    /// `Key-Pair-Id`.
    pub id: String,
    /// The public half.
    pub key: VerifyingKey,
}

/// Verifies requests for one distribution.
pub struct Gate {
    cdn: Cdn,
    keys: Vec<TrustedKey>,
    /// By what the request carried, as it came. A player loads dozens of playlists with one signature, and viewers share
    /// it: verifying costs more than all the rest of the answer. What the policy says is checked each time.
    held: Cache<String, Arc<Held>>,
}

/// A signature that held.
struct Held {
    pass: Pass,
    /// The query without it.
    rest: String,
    statement: Statement,
    /// Of a signature for a part of a version.
    caps: Option<Caps>,
}

/// What a request carries, by CloudFront's names.
#[derive(Default)]
struct Carried<'a> {
    policy: Option<Cow<'a, str>>,
    signature: Option<Cow<'a, str>>,
    key_pair_id: Option<Cow<'a, str>>,
    hash: Option<Cow<'a, str>>,
    expires: Option<Cow<'a, str>>,
}

impl Gate {
    /// Passes what one of `keys` signed.
    pub fn new(cdn: Cdn, keys: Vec<TrustedKey>) -> Gate {
        Gate { cdn, keys, held: Cache::new(KEPT) }
    }

    /// May this request have the file at `path`? `cookies` are its `Cookie` headers.
    ///
    /// The address is built from the configured distribution: what the request says of its host is not read.
    pub fn pass<'a>(
        &self,
        path: &str,
        query: &'a str,
        cookies: impl Iterator<Item = &'a str>,
        now: OffsetDateTime,
    ) -> Result<Pass, Refusal> {
        let held = match self.held.get(query) {
            Some(held) => held,
            None => self.read(query, cookies)?,
        };
        let mut address = format!("{}{path}", self.cdn.as_str());
        if !held.rest.is_empty() {
            address = format!("{address}?{}", held.rest);
        }
        check(&held, &address, now)?;
        Ok(held.pass.clone())
    }

    /// Finds and verifies the signature of a request.
    fn read<'a>(&self, query: &'a str, cookies: impl Iterator<Item = &'a str>) -> Result<Arc<Held>, Refusal> {
        let (in_query, rest) = from_query(query)?;
        let by_query = !in_query.is_empty();
        // As with CloudFront, any signature parameter in the query puts the cookies out of play.
        let carried = if by_query { in_query } else { from_cookies(cookies) };
        if carried.expires.is_some() {
            return Err(Refusal::Canned);
        }
        // No query has a space in it, so that none can be taken for cookies.
        let id = if by_query { query.to_owned() } else { format!("{} {rest}", carried.query()) };
        if let Some(held) = self.held.get(&id) {
            return Ok(held);
        }
        let statement = self.verify(&carried)?;
        let caps = signed_view(&statement.resource).map_err(|_| Refusal::Policy)?;
        let until = OffsetDateTime::from_unix_timestamp(statement.condition.before.seconds);
        let until = until.map_err(|_| Refusal::Policy)?;
        let pass = match &caps {
            Some(caps) => Pass::Narrow(Narrow { caps: caps.clone(), until }),
            None if by_query => Pass::Query(carried.query()),
            None => Pass::Cookies,
        };
        let held = Arc::new(Held { pass, rest, statement, caps });
        if id.len() <= LONGEST_KEPT {
            self.held.insert(id, Arc::clone(&held));
        }
        Ok(held)
    }

    /// What the policy says, if the signature is our key's over it.
    fn verify(&self, carried: &Carried<'_>) -> Result<Statement, Refusal> {
        let (Some(policy), Some(signature), Some(id)) =
            (&carried.policy, &carried.signature, &carried.key_pair_id)
        else {
            return Err(Refusal::Unsigned);
        };
        let trusted = self.keys.iter().find(|trusted| trusted.id == **id).ok_or(Refusal::OtherKey)?;
        let key = &trusted.key;
        let named = match carried.hash.as_deref() {
            Some("SHA256") => Hash::Sha256,
            Some("SHA1") | None => Hash::Sha1,
            Some(_) => return Err(Refusal::OtherHash),
        };
        if named != key.hash() {
            return Err(Refusal::OtherHash);
        }
        let policy = alphabet::decode(policy).ok_or(Refusal::Policy)?;
        let signature = alphabet::decode(signature).ok_or(Refusal::Forged)?;
        if !key.verify(&policy, &signature) {
            return Err(Refusal::Forged);
        }
        let Policy { statement: [statement] } = Policy::parse(&policy).ok_or(Refusal::Policy)?;
        Ok(statement)
    }
}

/// Does the signature open this address now?
fn check(held: &Held, address: &str, now: OffsetDateTime) -> Result<(), Refusal> {
    let Held { statement, rest, caps, .. } = held;
    let now = now.unix_timestamp();
    let is_of_version = statement.resource.starts_with(version_of(address));
    if !is_of_version || !covers(&statement.resource, address) || !asks_for(rest, caps.as_ref()) {
        return Err(Refusal::OtherFile);
    }
    if statement.condition.before.seconds <= now {
        return Err(Refusal::Expired);
    }
    if statement.condition.after.as_ref().is_some_and(|after| after.seconds > now) {
        return Err(Refusal::NotYet);
    }
    Ok(())
}

/// An address up to and with the slash behind its version: `scheme://host/vod/asset/version/`. A policy's wildcards may
/// stand behind it alone, so that none opens a second version.
fn version_of(address: &str) -> &str {
    let end = address.match_indices('/').nth(5).map_or(address.len(), |(slash, _)| slash + 1);
    &address[..end]
}

impl<'a> Carried<'a> {
    fn is_empty(&self) -> bool {
        [&self.policy, &self.signature, &self.key_pair_id, &self.hash, &self.expires]
            .iter()
            .all(|v| v.is_none())
    }

    /// The place for a name without its prefix.
    fn place(&mut self, name: &str) -> Option<&mut Option<Cow<'a, str>>> {
        match name {
            "Policy" => Some(&mut self.policy),
            "Signature" => Some(&mut self.signature),
            "Key-Pair-Id" => Some(&mut self.key_pair_id),
            "Hash-Algorithm" => Some(&mut self.hash),
            "Expires" => Some(&mut self.expires),
            _ => None,
        }
    }

    /// Only for what passed: then nothing in it needs an escape.
    fn query(&self) -> String {
        let named = [
            ("Policy", &self.policy),
            ("Signature", &self.signature),
            ("Key-Pair-Id", &self.key_pair_id),
            ("Hash-Algorithm", &self.hash),
        ];
        let parts = named.iter().filter_map(|(name, value)| Some(format!("{name}={}", value.as_deref()?)));
        parts.collect::<Vec<_>>().join("&")
    }
}

/// The signature parameters, and the query without them as CloudFront matches it.
fn from_query(query: &str) -> Result<(Carried<'_>, String), Refusal> {
    let mut carried = Carried::default();
    let mut rest = Vec::new();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        // Some players escape `~`, so values are decoded; names are matched as they stand.
        let name = part.split('=').next().unwrap_or_default();
        match (carried.place(name), form_urlencoded::parse(part.as_bytes()).next()) {
            (Some(Some(_)), _) => return Err(Refusal::Twice),
            (Some(place), Some((_, value))) => *place = Some(value),
            _ => rest.push(part),
        }
    }
    Ok((carried, rest.join("&")))
}

/// The signature cookies. Browsers send the one with the longest path first: that is the one for this version.
fn from_cookies<'a>(headers: impl Iterator<Item = &'a str>) -> Carried<'a> {
    let mut carried = Carried::default();
    for cookie in headers.flat_map(|header| header.split(';')) {
        let Some((name, value)) = cookie.trim().split_once('=') else { continue };
        let Some(place) = name.strip_prefix("CloudFront-").and_then(|name| carried.place(name)) else {
            continue;
        };
        place.get_or_insert(Cow::Borrowed(value));
    }
    carried
}
