//! One bucket: an index in memory over records on disk.
//!
//! ```text
//! <bucket>/records/<sha-256 of the key>.json   one object each; the rename of this file is the write
//! <bucket>/bytes/<random name>                 immutable; named by records and by parts
//! <bucket>/uploads/<upload id>/…               multipart uploads that are under way
//! ```
//! A key is never a path, so that any key that S3 takes can be kept: `a` beside `a/b`, `..`, or 1,024 bytes long.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};

use openssl::sha::sha256;
use s3s::{S3Error, S3Result, s3_error};

use super::checksums::Checksums;
use super::conditions::WriteConditions;
use super::content::Content;
use super::events::{Notifications, Sequence};
use super::list::{self, Page, Query};
use super::multipart::Uploads;
use super::record::{Headers, Object, Record};
use crate::clock::Clock;
use crate::disk::{self, Access};
use crate::sync::{lock, read, write};

pub(super) struct Bucket {
    pub name: String,
    pub bytes: PathBuf,
    pub uploads: Uploads,
    pub clock: Clock,
    records: PathBuf,
    index: RwLock<BTreeMap<String, Arc<Object>>>,
    /// Held from the check of a condition to the end of the write that it allows.
    writes: Mutex<()>,
    sequence: Arc<Sequence>,
    notifications: Option<Notifications>,
}

/// An object about to be written.
pub(super) struct Draft {
    pub key: String,
    pub content: Arc<Content>,
    pub etag: String,
    pub headers: Headers,
    pub checksums: Checksums,
    /// One of [`super::events::created`].
    pub event: &'static str,
}

impl Bucket {
    /// Opens the bucket below `folder`, making it where it is absent, and clears away what a crash left.
    pub fn open(
        folder: &Path,
        name: &str,
        sequence: Arc<Sequence>,
        clock: Clock,
        notifications: Option<Notifications>,
    ) -> disk::Result<Bucket> {
        let home = folder.join(name);
        let (records, bytes) = (home.join("records"), home.join("bytes"));
        disk::create_folder(&records)?;
        disk::create_folder(&bytes)?;

        let mut index = BTreeMap::new();
        let mut in_use = HashSet::new();
        for file in disk::names(&records)?.iter().filter(|file| file.ends_with(".json")) {
            let Some(record) = disk::read_json::<Record>(&records.join(file))? else { continue };
            in_use.extend(record.pieces.iter().map(|piece| piece.file.clone()));
            let content = Content::kept(&bytes, record.pieces.clone());
            index.insert(record.key.clone(), Arc::new(Object { record, content }));
        }
        let uploads = Uploads::open(&home.join("uploads"), &bytes, &mut in_use)?;
        for file in disk::names(&bytes)?.iter().filter(|file| !in_use.contains(*file)) {
            disk::remove(&bytes.join(file))?;
        }
        Ok(Bucket {
            name: name.to_owned(),
            bytes,
            uploads,
            clock,
            records,
            index: RwLock::new(index),
            writes: Mutex::new(()),
            sequence,
            notifications,
        })
    }

    /// Sends the test event of a new notification configuration.
    pub fn send_test_event(&self) -> std::io::Result<()> {
        self.notifications.as_ref().map_or(Ok(()), Notifications::send_test_event)
    }

    /// Sends the events that a crash kept from the queue.
    pub fn send_unsent(&self) -> std::io::Result<()> {
        let unsent: Vec<_> =
            read(&self.index).values().filter(|o| o.record.unsent_event.is_some()).cloned().collect();
        let _writes = lock(&self.writes);
        unsent.iter().try_for_each(|object| self.announce(object))
    }

    /// The object at `key`.
    pub fn get(&self, key: &str) -> S3Result<Arc<Object>> {
        let object = read(&self.index).get(key).cloned();
        object.ok_or_else(|| s3_error!(NoSuchKey, "The specified key does not exist."))
    }

    /// A page of keys.
    pub fn list(&self, query: &Query<'_>) -> Page<Object> {
        list::list(&read(&self.index), query)
    }

    /// True where there is no object.
    pub fn is_empty(&self) -> bool {
        read(&self.index).is_empty()
    }

    /// Writes the object in one step, if `conditions` hold at that moment, and announces it.
    ///
    /// Nothing here awaits: a client that goes away cannot leave the index and the disk with different answers.
    pub fn put(&self, draft: Draft, conditions: &WriteConditions) -> S3Result<Arc<Object>> {
        let _writes = lock(&self.writes);
        let current = read(&self.index).get(&draft.key).cloned();
        conditions.check(current.as_ref().map(|object| &object.record))?;

        let announced = self.notifications.as_ref().is_some_and(|n| n.wants(&draft.key));
        let record = Record {
            size: draft.content.size(),
            etag: draft.etag,
            modified_s: self.clock.now_s(),
            sequencer: self.sequence.next(),
            headers: draft.headers,
            checksums: draft.checksums,
            pieces: draft.content.pieces().to_vec(),
            unsent_event: announced.then(|| draft.event.to_owned()),
            key: draft.key,
        };
        self.write_record(&record)?;
        draft.content.keep();
        let object = Arc::new(Object { record, content: draft.content });
        write(&self.index).insert(object.record.key.clone(), object.clone());
        if let Some(replaced) = current {
            replaced.content.discard();
        }
        self.announce(&object).map_err(S3Error::internal_error)?;
        Ok(object)
    }

    /// Deletes the object; one that is not there is deleted already.
    pub fn delete(&self, key: &str, conditions: &WriteConditions) -> S3Result<()> {
        let _writes = lock(&self.writes);
        let current = read(&self.index).get(key).cloned();
        conditions.check(current.as_ref().map(|object| &object.record))?;
        let Some(current) = current else { return Ok(()) };
        disk::remove(&self.record_path(key)).map_err(S3Error::internal_error)?;
        write(&self.index).remove(key);
        current.content.discard();
        Ok(())
    }

    /// Sends the object's event, then forgets that it was unsent: a crash between the two sends it twice, which S3
    /// may do too, and never not at all.
    fn announce(&self, object: &Object) -> std::io::Result<()> {
        let (Some(notifications), Some(event)) = (&self.notifications, &object.record.unsent_event) else {
            return Ok(());
        };
        notifications.send(&object.record, event)?;
        let sent = Record { unsent_event: None, ..object.record.clone() };
        self.write_record(&sent).map_err(std::io::Error::other)
    }

    fn write_record(&self, record: &Record) -> S3Result<()> {
        disk::write_json(&self.record_path(&record.key), record, Access::Ordinary)
            .map_err(S3Error::internal_error)
    }

    fn record_path(&self, key: &str) -> PathBuf {
        self.records.join(format!("{}.json", hex::encode(sha256(key.as_bytes()))))
    }
}
