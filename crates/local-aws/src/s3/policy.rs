//! Bucket policies, as far as they demand conditional writes:
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html>
//!
//! A policy that says anything else is refused whole: what is not enforced here would be taken for enforced.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use async_trait::async_trait;
use http::HeaderMap;
use s3s::access::{S3Access, S3AccessContext};
use s3s::path::S3Path;
use s3s::{S3Error, S3Result, s3_error};
use serde::Deserialize;

use crate::disk::{self, Access};
use crate::sync::{read, write};
use crate::wildcard;

/// The policies of all buckets, one file each.
pub(super) struct Policies {
    folder: PathBuf,
    policies: RwLock<BTreeMap<String, (Policy, String)>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Policy {
    #[serde(rename = "Version")]
    _version: Language,
    statement: Vec<Statement>,
}

#[derive(Debug, Deserialize)]
enum Language {
    #[serde(rename = "2012-10-17")]
    Current,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Statement {
    #[serde(rename = "Sid")]
    _sid: Option<String>,
    #[serde(rename = "Effect")]
    _effect: Effect,
    #[serde(rename = "Principal")]
    _principal: Principal,
    #[serde(rename = "Action")]
    _action: Action,
    resource: String,
    #[serde(default)]
    condition: Condition,
}

#[derive(Debug, Deserialize)]
enum Effect {
    Deny,
}

#[derive(Debug, Deserialize)]
enum Principal {
    #[serde(rename = "*")]
    Everyone,
}

#[derive(Debug, Deserialize)]
enum Action {
    #[serde(rename = "s3:PutObject")]
    PutObject,
}

/// All of it must hold for the statement to apply.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Condition {
    /// `true`: the request does not have it.
    #[serde(default)]
    null: BTreeMap<Header, Answer>,
    #[serde(default)]
    bool: BTreeMap<Fact, Answer>,
}

#[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
enum Header {
    #[serde(rename = "s3:if-match")]
    IfMatch,
    #[serde(rename = "s3:if-none-match")]
    IfNoneMatch,
}

#[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
enum Fact {
    /// Whether the request makes an object: the steps of a multipart upload before its last do not.
    #[serde(rename = "s3:ObjectCreationOperation")]
    CreatesObject,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Answer {
    True,
    False,
}

impl Answer {
    fn is(self, fact: bool) -> bool {
        (self == Answer::True) == fact
    }
}

impl Policies {
    /// Opens the policies below `folder`.
    pub fn open(folder: &Path) -> disk::Result<Policies> {
        let folder = folder.join("policies");
        disk::create_folder(&folder)?;
        let mut policies = BTreeMap::new();
        for name in disk::names(&folder)? {
            let Some(bucket) = name.strip_suffix(".json") else { continue };
            let path = folder.join(&name);
            let Some(bytes) = disk::read(&path)? else { continue };
            let unreadable = |e: std::io::Error| disk::failed("understand", &path)(e);
            let text = String::from_utf8(bytes).map_err(|e| unreadable(std::io::Error::other(e)))?;
            let policy = serde_json::from_str(&text).map_err(|e| unreadable(e.into()))?;
            policies.insert(bucket.to_owned(), (policy, text));
        }
        Ok(Policies { folder, policies: RwLock::new(policies) })
    }

    /// Replaces the policy of `bucket`.
    pub fn put(&self, bucket: &str, text: &str) -> S3Result<()> {
        let policy: Policy = serde_json::from_str(text).map_err(|e| {
            let message = format!("This stand-in takes denials of s3:PutObject by condition alone: {e}");
            s3_error!(e, MalformedPolicy, "{message}")
        })?;
        let within = format!("arn:aws:s3:::{bucket}/");
        if policy.statement.iter().any(|statement| !statement.resource.starts_with(&within)) {
            return Err(s3_error!(MalformedPolicy, "Policy has invalid resource"));
        }
        let mut policies = write(&self.policies);
        disk::write(&self.path(bucket), text.as_bytes(), Access::Ordinary)
            .map_err(S3Error::internal_error)?;
        policies.insert(bucket.to_owned(), (policy, text.to_owned()));
        Ok(())
    }

    /// The policy of `bucket`, as it was put.
    pub fn get(&self, bucket: &str) -> S3Result<String> {
        let text = read(&self.policies).get(bucket).map(|(_, text)| text.clone());
        text.ok_or_else(|| s3_error!(NoSuchBucketPolicy, "The bucket policy does not exist"))
    }

    /// Removes the policy of `bucket`; one that is not there is removed already.
    pub fn remove(&self, bucket: &str) -> S3Result<()> {
        let mut policies = write(&self.policies);
        disk::remove(&self.path(bucket)).map_err(S3Error::internal_error)?;
        policies.remove(bucket);
        Ok(())
    }

    fn path(&self, bucket: &str) -> PathBuf {
        self.folder.join(format!("{bucket}.json"))
    }

    /// Whether a write to `key` is denied. `creates`: it makes an object.
    fn denies(&self, bucket: &str, key: &str, headers: &HeaderMap, creates: bool) -> bool {
        let policies = read(&self.policies);
        let Some((policy, _)) = policies.get(bucket) else { return false };
        let resource = format!("arn:aws:s3:::{bucket}/{key}");
        policy.statement.iter().any(|Statement { resource: pattern, condition, .. }| {
            let absent = |header: &Header| {
                let name = match header {
                    Header::IfMatch => http::header::IF_MATCH,
                    Header::IfNoneMatch => http::header::IF_NONE_MATCH,
                };
                !headers.contains_key(name)
            };
            wildcard::matches(pattern, &resource)
                && condition.null.iter().all(|(header, answer)| answer.is(absent(header)))
                && condition.bool.iter().all(|(Fact::CreatesObject, answer)| answer.is(creates))
        })
    }
}

/// Looks at each request before its body is read.
pub(super) struct Enforced(pub Arc<Policies>);

#[async_trait]
impl S3Access for Enforced {
    async fn check(&self, request: &mut S3AccessContext<'_>) -> S3Result<()> {
        if request.credentials().is_none() {
            return Err(s3_error!(AccessDenied, "Signature is required"));
        }
        let creates = match request.s3_op().name() {
            "PutObject" | "CopyObject" | "CompleteMultipartUpload" => true,
            "CreateMultipartUpload" | "UploadPart" | "UploadPartCopy" => false,
            _ => return Ok(()),
        };
        let S3Path::Object { bucket, key } = request.s3_path() else { return Ok(()) };
        if self.0.denies(bucket, key, request.headers(), creates) {
            return Err(s3_error!(
                AccessDenied,
                "Access Denied by an explicit deny in a resource-based policy"
            ));
        }
        Ok(())
    }
}
