//! Makes signatures: one for a version and an end, shared by every link that is made until the next step.

use std::fmt;
use std::sync::Arc;

use flodrama_asset::{AssetId, PublishedFile, Version};
use moka::sync::Cache;
use time::OffsetDateTime;

use super::policy::{self, Cdn};
use super::{Folder, KeyError, Narrow, Scope, SigningKey, TrustedKey, alphabet};
use crate::config::Hash;
use crate::entitlement::{Grant, Known};
use crate::metrics::Counter;
use crate::route::is_plain;

/// Signatures kept: about 1 KB each.
const KEPT: u64 = 10_000;

/// A URL cannot be signed by hand. Never holds any of the key.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The distribution does not serve it.
    #[error("the address is not on the distribution: it must begin with {0}/")]
    Elsewhere(String),
    /// It could mean more than one file, or something to whom reads it afterwards.
    #[error("the address is not plain: letters, digits, '.', '-', '_' and single '/', then a query at most")]
    NotPlain,
    /// It has a signature, or a part of one.
    #[error("the address carries a signature parameter already")]
    Signed,
    /// The key does not sign.
    #[error(transparent)]
    Key(#[from] KeyError),
}

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

/// What CloudFront takes out of a query before it matches the rest.
const PARAMETERS: [&str; 5] = ["Policy", "Signature", "Key-Pair-Id", "Hash-Algorithm", "Expires"];

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
    kept: Cache<(AssetId, Version, Scope, i64), Arc<Signed>>,
    /// Signatures made for viewers.
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
        self.key.sign(probe).is_ok_and(|signature| self.key.public().verify(probe, &signature))
    }

    /// What verifies its signatures.
    pub fn trusted(&self) -> TrustedKey {
        TrustedKey { id: self.key_pair_id.clone(), key: self.key.public().clone() }
    }

    /// Opens one version to whoever holds the grant, until `expires_at`: all of it, or its multivariant playlist as their
    /// caps shape it.
    pub fn open(
        &self,
        grant: &Grant<'_>,
        version: &Version,
        expires_at: OffsetDateTime,
    ) -> Result<Arc<Signed>, Arc<KeyError>> {
        let caps = grant.caps();
        let scope = if caps.are_none() { Scope::Version } else { Scope::View(caps.clone()) };
        self.shared(grant.asset(), version, scope, expires_at)
    }

    /// Opens a folder of what was granted: pictures that belong to no rendition.
    pub fn open_folder(
        &self,
        grant: &Grant<'_>,
        version: &Version,
        folder: Folder,
        expires_at: OffsetDateTime,
    ) -> Result<Arc<Signed>, Arc<KeyError>> {
        self.shared(grant.asset(), version, Scope::Folder(folder), expires_at)
    }

    /// Opens the folder of a poster to whoever may know of the title.
    pub fn open_poster(
        &self,
        known: &Known<'_>,
        version: &Version,
        folder: Folder,
        expires_at: OffsetDateTime,
    ) -> Result<Arc<Signed>, Arc<KeyError>> {
        self.shared(known.asset(), version, Scope::Folder(folder), expires_at)
    }

    /// Opens the folder of a rendition that a multivariant playlist lists for those who passed with a part of it, as long
    /// as they may have that.
    pub(crate) fn pass_on(
        &self,
        passed: &Narrow,
        asset: &AssetId,
        version: &Version,
        folder: Folder,
    ) -> Result<Arc<Signed>, Arc<KeyError>> {
        self.shared(asset, version, Scope::Folder(folder), passed.until())
    }

    /// One signature for all who ask for the same; those who ask at once wait for it.
    fn shared(
        &self,
        asset: &AssetId,
        version: &Version,
        scope: Scope,
        expires_at: OffsetDateTime,
    ) -> Result<Arc<Signed>, Arc<KeyError>> {
        let resource = scope.resource(&self.cdn, asset, version);
        let id = (asset.clone(), version.clone(), scope, expires_at.unix_timestamp());
        self.kept.try_get_with(id, || {
            self.made.add();
            self.signed(&resource, expires_at).map(Arc::new)
        })
    }

    /// Signs a URL by hand, for whoever runs the service: all of a version where it is a manifest of one, so that the
    /// URIs inside work too, else that one file.
    pub fn url(&self, url: &str, expires_at: OffsetDateTime) -> Result<String, SignError> {
        self.check(url)?;
        let separator = if url.contains('?') { '&' } else { '?' };
        if let Some((asset, version)) = self.manifest(url) {
            return Ok(format!(
                "{url}{separator}{}",
                self.signed(&self.cdn.version_resource(&asset, &version), expires_at)?.query()
            ));
        }
        let signature = alphabet::encode(&self.key.sign(policy::text(url, expires_at).as_bytes())?);
        let (expires, key_pair_id) = (expires_at.unix_timestamp(), &self.key_pair_id);
        let hash = hash_parameter(self.key.hash());
        Ok(format!("{url}{separator}Expires={expires}&Signature={signature}&Key-Pair-Id={key_pair_id}{hash}"))
    }

    /// A policy for an address that has a wildcard in it, or that is read in two ways, would open more than that address.
    fn check(&self, url: &str) -> Result<(), SignError> {
        let rest = url.strip_prefix(self.cdn.as_str()).filter(|rest| rest.starts_with('/'));
        let rest = rest.ok_or_else(|| SignError::Elsewhere(self.cdn.as_str().to_owned()))?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let in_query = |b: u8| b.is_ascii_alphanumeric() || b"._~=&%+-".contains(&b);
        if !is_plain(path) || !query.bytes().all(in_query) {
            return Err(SignError::NotPlain);
        }
        let name = |part: &str| part.split('=').next().map(str::to_owned).unwrap_or_default();
        let is_signed = query.split('&').map(name).any(|name| PARAMETERS.contains(&&*name));
        if is_signed { Err(SignError::Signed) } else { Ok(()) }
    }

    fn manifest(&self, url: &str) -> Option<(AssetId, Version)> {
        let path = url.split('?').next()?.strip_prefix(self.cdn.as_str())?.strip_prefix("/vod/")?;
        let (asset, rest) = path.split_once('/')?;
        let (version, file) = rest.split_once('/')?;
        PublishedFile::parse(file).filter(PublishedFile::is_manifest)?;
        Some((asset.parse().ok()?, version.parse().ok()?))
    }

    fn signed(&self, resource: &str, expires_at: OffsetDateTime) -> Result<Signed, KeyError> {
        let policy = policy::text(resource, expires_at);
        let signature = self.key.sign(policy.as_bytes())?;
        Ok(Signed {
            policy: alphabet::encode(policy.as_bytes()),
            signature: alphabet::encode(&signature),
            key_pair_id: self.key_pair_id.clone(),
            hash: self.key.hash(),
            expires_at,
        })
    }
}
