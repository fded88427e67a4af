//! Makes signatures: one for a version and an end, shared by every link that is made until the next step.

use std::fmt;
use std::sync::Arc;

use flodrama_asset::{AssetId, PublishedFile, Version};
use moka::sync::Cache;
use time::OffsetDateTime;

use super::policy::{self, Cdn};
use super::{KeyError, SigningKey, alphabet};
use crate::config::Hash;
use crate::entitlement::Grant;
use crate::metrics::Counter;

/// Signatures kept: about 1 KB each.
const KEPT: u64 = 10_000;

/// A policy and its signature, in CloudFront's alphabet.
#[derive(Clone)]
pub struct Signed {
    policy: String,
    signature: String,
    key_pair_id: String,
    hash: Hash,
    expires_at: OffsetDateTime,
}

impl Signed {
    /// What every URI of the version is extended with.
    pub fn query(&self) -> String {
        let Signed { policy, signature, key_pair_id, .. } = self;
        format!(
            "Policy={policy}&Signature={signature}&Key-Pair-Id={key_pair_id}{}",
            hash_parameter(self.hash)
        )
    }

    /// The cookies that do the same, by name.
    pub fn cookies(&self) -> Vec<(&'static str, &str)> {
        let mut cookies = vec![
            ("CloudFront-Policy", self.policy.as_str()),
            ("CloudFront-Signature", &self.signature),
            ("CloudFront-Key-Pair-Id", &self.key_pair_id),
        ];
        if self.hash == Hash::Sha256 {
            cookies.push(("CloudFront-Hash-Algorithm", "SHA256"));
        }
        cookies
    }

    /// When it ends.
    pub fn expires_at(&self) -> OffsetDateTime {
        self.expires_at
    }
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signed(until {})", self.expires_at)
    }
}

/// CloudFront takes SHA-1 where nothing is said.
fn hash_parameter(hash: Hash) -> &'static str {
    match hash {
        Hash::Sha256 => "&Hash-Algorithm=SHA256",
        Hash::Sha1 => "",
    }
}

/// Signs for one distribution with one key.
pub struct Signer {
    cdn: Cdn,
    key_pair_id: String,
    key: SigningKey,
    kept: Cache<(AssetId, Version, i64), Arc<Signed>>,
    made: Counter,
}

impl Signer {
    /// `key_pair_id` is CloudFront's id of `key`'s public half.
    pub fn new(cdn: Cdn, key_pair_id: String, key: SigningKey) -> Signer {
        Signer { cdn, key_pair_id, key, kept: Cache::new(KEPT), made: Counter::default() }
    }

    /// The distribution.
    pub fn cdn(&self) -> &Cdn {
        &self.cdn
    }

    /// Signatures made for viewers so far.
    pub(crate) fn made(&self) -> u64 {
        self.made.get()
    }

    /// True where the key signs and the signature holds.
    pub(crate) fn works(&self) -> bool {
        let probe = b"probe";
        self.key.sign(probe).is_ok_and(|signature| self.key.verify(probe, &signature))
    }

    pub(super) fn key(&self) -> &SigningKey {
        &self.key
    }

    pub(super) fn key_pair_id(&self) -> &str {
        &self.key_pair_id
    }

    /// Opens one version to whoever holds the grant, until `expires_at`.
    pub fn open(
        &self,
        grant: Grant<'_>,
        version: &Version,
        expires_at: OffsetDateTime,
    ) -> Result<Arc<Signed>, KeyError> {
        let id = (grant.asset().clone(), version.clone(), expires_at.unix_timestamp());
        if let Some(signed) = self.kept.get(&id) {
            return Ok(signed);
        }
        let signed = Arc::new(self.version(grant.asset(), version, expires_at)?);
        self.kept.insert(id, Arc::clone(&signed));
        Ok(signed)
    }

    /// Signs a URL by hand, for whoever runs the service: all of a version where it is a manifest of one, so that the
    /// URIs inside work too, else that one file.
    pub fn url(&self, url: &str, expires_at: OffsetDateTime) -> Result<String, KeyError> {
        let separator = if url.contains('?') { '&' } else { '?' };
        if let Some((asset, version)) = self.manifest(url) {
            return Ok(format!("{url}{separator}{}", self.version(&asset, &version, expires_at)?.query()));
        }
        let signature = alphabet::encode(&self.key.sign(policy::text(url, expires_at).as_bytes())?);
        let (expires, key_pair_id) = (expires_at.unix_timestamp(), &self.key_pair_id);
        let hash = hash_parameter(self.key.hash());
        Ok(format!("{url}{separator}Expires={expires}&Signature={signature}&Key-Pair-Id={key_pair_id}{hash}"))
    }

    fn manifest(&self, url: &str) -> Option<(AssetId, Version)> {
        let path = url.split('?').next()?.strip_prefix(self.cdn.as_str())?.strip_prefix("/vod/")?;
        let (asset, rest) = path.split_once('/')?;
        let (version, file) = rest.split_once('/')?;
        PublishedFile::parse(file).filter(PublishedFile::is_manifest)?;
        Some((asset.parse().ok()?, version.parse().ok()?))
    }

    fn version(
        &self,
        asset: &AssetId,
        version: &Version,
        expires_at: OffsetDateTime,
    ) -> Result<Signed, KeyError> {
        let policy = policy::text(&self.cdn.version_resource(asset, version), expires_at);
        let signature = self.key.sign(policy.as_bytes())?;
        self.made.add();
        Ok(Signed {
            policy: alphabet::encode(policy.as_bytes()),
            signature: alphabet::encode(&signature),
            key_pair_id: self.key_pair_id.clone(),
            hash: self.key.hash(),
            expires_at,
        })
    }
}
