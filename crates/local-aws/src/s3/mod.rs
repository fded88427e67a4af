//! S3 over a folder: the protocol by `s3s` (which also verifies SigV4), the storage by this module.
//!
//! Storage is our own because of what the pipeline relies on and a crash or a race must not break: a write and its
//! ETag become visible together, conditions are checked and kept in one step, a refused body changes nothing, and a
//! key may be anything that S3 takes.

mod bucket;
mod checksums;
mod conditions;
mod content;
mod copy;
#[cfg(test)]
mod crash_tests;
mod events;
mod list;
mod listings;
mod multipart;
mod objects;
mod operations;
mod policy;
mod receive;
mod record;
mod uploads;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use s3s::auth::SimpleAuth;
use s3s::path::check_bucket_name;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Error, S3Result, s3_error};

use self::bucket::Bucket;
use self::events::{Notifications, Sequence};
use self::policy::Policies;
use crate::clock::Clock;
use crate::disk::{self, Access};
use crate::sqs::Queue;
use crate::sync::{read, write};
use crate::{StackError, identity::Credentials};

/// The buckets of one data folder.
pub(crate) struct Buckets {
    folder: PathBuf,
    region: String,
    clock: Clock,
    sequence: Arc<Sequence>,
    buckets: RwLock<BTreeMap<String, Arc<Bucket>>>,
    policies: Arc<Policies>,
}

/// The bucket that notifies a queue.
pub(crate) struct Notified<'n> {
    pub bucket: &'n str,
    pub queue: Arc<Queue>,
}

impl Buckets {
    /// Opens the buckets below `folder`, and makes the notified one where it is absent.
    pub fn open(
        folder: &Path,
        region: &str,
        clock: Clock,
        notified: Notified<'_>,
    ) -> Result<Buckets, StackError> {
        let homes = folder.join("buckets");
        disk::create_folder(&homes)?;
        let sequence = Arc::new(Sequence::open(&folder.join("starts.json"))?);
        let mut names = disk::names(&homes)?;
        if !names.iter().any(|name| name == notified.bucket) {
            names.push(notified.bucket.to_owned());
        }
        let mut buckets = BTreeMap::new();
        for name in names {
            let notifications = (name == notified.bucket).then(|| Notifications {
                queue: notified.queue.clone(),
                region: region.to_owned(),
                bucket: name.clone(),
                clock: clock.clone(),
            });
            let bucket = Bucket::open(&homes, &name, sequence.clone(), clock.clone(), notifications)?;
            buckets.insert(name, Arc::new(bucket));
        }
        let buckets = Buckets {
            folder: homes,
            region: region.to_owned(),
            clock,
            sequence,
            buckets: RwLock::new(buckets),
            policies: Arc::new(Policies::open(folder)?),
        };
        buckets.begin_notifications(folder, notified.bucket)?;
        Ok(buckets)
    }

    /// Sends the one test event of a new configuration, and whatever events an earlier run still owes.
    fn begin_notifications(&self, folder: &Path, bucket: &str) -> Result<(), StackError> {
        let Some(bucket) = read(&self.buckets).get(bucket).cloned() else { return Ok(()) };
        let configured = folder.join("notified.json");
        if disk::read_json::<String>(&configured)?.as_deref() != Some(&bucket.name) {
            bucket.send_test_event().map_err(StackError::Event)?;
            disk::write_json(&configured, &bucket.name, Access::Ordinary)?;
        }
        bucket.send_unsent().map_err(StackError::Event)
    }

    fn bucket(&self, name: &str) -> S3Result<Arc<Bucket>> {
        let bucket = read(&self.buckets).get(name).cloned();
        bucket.ok_or_else(|| s3_error!(NoSuchBucket, "The specified bucket does not exist"))
    }

    fn create(&self, name: &str) -> S3Result<()> {
        let mut buckets = write(&self.buckets);
        if buckets.contains_key(name) {
            return Err(s3_error!(
                BucketAlreadyOwnedByYou,
                "Your previous request to create the named bucket succeeded and you already own it."
            ));
        }
        let bucket = Bucket::open(&self.folder, name, self.sequence.clone(), self.clock.clone(), None);
        buckets.insert(name.to_owned(), Arc::new(bucket.map_err(S3Error::internal_error)?));
        Ok(())
    }

    fn remove(&self, name: &str) -> S3Result<()> {
        let bucket = self.bucket(name)?;
        let mut buckets = write(&self.buckets);
        if !bucket.is_empty() {
            return Err(s3_error!(BucketNotEmpty, "The bucket you tried to delete is not empty"));
        }
        self.policies.remove(name)?;
        disk::remove_folder(&self.folder.join(name)).map_err(S3Error::internal_error)?;
        buckets.remove(name);
        Ok(())
    }
}

/// The HTTP service: requests without a valid signature by `credentials` are refused, and so is what a policy denies.
pub(crate) fn service(buckets: Buckets, credentials: &Credentials) -> S3Service {
    let policies = buckets.policies.clone();
    let mut builder = S3ServiceBuilder::new(buckets);
    builder.set_auth(SimpleAuth::from_single(&*credentials.access_key, &*credentials.secret_key));
    builder.set_access(policy::Enforced(policies));
    builder.build()
}

/// Whether S3 takes `name` for a bucket.
pub(crate) fn is_bucket_name(name: &str) -> bool {
    check_bucket_name(name)
}
