//! Multipart uploads that are under way. Parts become the object's pieces as they are: completing copies nothing.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use openssl::hash::{MessageDigest, hash};
use s3s::dto::CompletedPart;
use s3s::{S3Error, S3Result, s3_error};
use serde::{Deserialize, Serialize};

use super::checksums::Checksums;
use super::content::{Content, Piece};
use super::record::Headers;
use crate::disk::{self, Access};
use crate::random;
use crate::sync::lock;

/// S3's least size of every part but the last.
const MIN_PART_BYTES: u64 = 5 * 1024 * 1024;
const MAX_PART_NUMBER: i32 = 10_000;

/// What is known of an upload from its start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Upload {
    pub key: String,
    pub headers: Headers,
    pub initiated_s: i64,
}

/// One part, whole on disk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Part {
    pub etag: String,
    pub size: u64,
    pub modified_s: i64,
    pub checksums: Checksums,
    pub pieces: Vec<Piece>,
    #[serde(skip)]
    content: Option<Arc<Content>>,
}

impl Part {
    pub fn new(content: Arc<Content>, md5: &[u8], modified_s: i64, checksums: Checksums) -> Part {
        let (size, pieces) = (content.size(), content.pieces().to_vec());
        Part { etag: hex::encode(md5), size, modified_s, checksums, pieces, content: Some(content) }
    }
}

#[derive(Clone)]
struct Open {
    upload: Upload,
    parts: BTreeMap<i32, Part>,
}

/// The uploads of one bucket.
pub(super) struct Uploads {
    folder: PathBuf,
    open: Mutex<BTreeMap<String, Open>>,
}

/// What a completed upload becomes.
pub(super) struct Assembled {
    pub upload: Upload,
    pub content: Arc<Content>,
    pub etag: String,
}

impl Uploads {
    /// Finds the uploads of an earlier run. `in_use` holds the files that objects name, and gets those of parts.
    pub fn open(folder: &Path, bytes: &Path, in_use: &mut HashSet<String>) -> disk::Result<Uploads> {
        disk::create_folder(folder)?;
        let mut open = BTreeMap::new();
        for id in disk::names(folder)? {
            let home = folder.join(&id);
            let Some(upload) = disk::read_json::<Upload>(&home.join("upload.json"))? else {
                disk::remove_folder(&home)?;
                continue;
            };
            let mut parts = BTreeMap::new();
            for name in disk::names(&home)? {
                let Some(number) = name.strip_suffix(".part.json").and_then(|n| n.parse().ok()) else {
                    continue;
                };
                let Some(mut part) = disk::read_json::<Part>(&home.join(&name))? else { continue };
                part.content = Some(Content::kept(bytes, part.pieces.clone()));
                parts.insert(number, part);
            }
            let pieces = || parts.values().flat_map(|part| &part.pieces).map(|piece| &piece.file);
            if pieces().any(|file| in_use.contains(file)) {
                // Its object was written, and the end came before the upload was cleared away.
                disk::remove_folder(&home)?;
                continue;
            }
            in_use.extend(pieces().cloned());
            open.insert(id, Open { upload, parts });
        }
        Ok(Uploads { folder: folder.to_owned(), open: Mutex::new(open) })
    }

    /// Begins an upload and gives its id.
    pub fn create(&self, upload: Upload) -> S3Result<String> {
        let id = random::text(random::MIXED, 64).map_err(S3Error::internal_error)?;
        let home = self.folder.join(&id);
        disk::create_folder(&home).map_err(S3Error::internal_error)?;
        disk::write_json(&home.join("upload.json"), &upload, Access::Ordinary)
            .map_err(S3Error::internal_error)?;
        lock(&self.open).insert(id.clone(), Open { upload, parts: BTreeMap::new() });
        Ok(id)
    }

    /// The upload, which must be of `key`.
    pub fn find(&self, id: &str, key: &str) -> S3Result<Upload> {
        find(&lock(&self.open), id, key).map(|open| open.upload.clone())
    }

    /// Adds a part, or replaces the one of the same number.
    pub fn add_part(&self, id: &str, key: &str, number: i32, part: Part) -> S3Result<()> {
        let mut open = lock(&self.open);
        find(&open, id, key)?;
        let path = self.folder.join(id).join(format!("{number}.part.json"));
        disk::write_json(&path, &part, Access::Ordinary).map_err(S3Error::internal_error)?;
        keep(&part);
        if let Some(replaced) = open.get_mut(id).and_then(|o| o.parts.insert(number, part)) {
            discard(&replaced);
        }
        Ok(())
    }

    /// The parts so far, by number.
    pub fn parts(&self, id: &str, key: &str) -> S3Result<BTreeMap<i32, Part>> {
        find(&lock(&self.open), id, key).map(|open| open.parts.clone())
    }

    /// All uploads under way: key, id, and when they began.
    pub fn all(&self) -> Vec<(String, Upload)> {
        let open = lock(&self.open);
        let mut all: Vec<_> = open.iter().map(|(id, open)| (id.clone(), open.upload.clone())).collect();
        all.sort_by(|a, b| (&a.1.key, &a.0).cmp(&(&b.1.key, &b.0)));
        all
    }

    /// Makes the object of the `chosen` parts with `write`, and ends the upload once that has succeeded. All of it
    /// under one lock: no part can change meanwhile, and no second completion can begin.
    pub fn complete<T>(
        &self,
        id: &str,
        key: &str,
        chosen: &[CompletedPart],
        bytes: &Path,
        write: impl FnOnce(Assembled) -> S3Result<T>,
    ) -> S3Result<T> {
        let mut uploads = lock(&self.open);
        let assembled = assemble(find(&uploads, id, key)?, chosen, bytes)?;
        let used: HashSet<_> = assembled.content.pieces().iter().map(|piece| piece.file.clone()).collect();
        let written = write(assembled)?;
        if let Some(open) = uploads.remove(id) {
            let unused = |part: &&Part| part.pieces.iter().all(|piece| !used.contains(&piece.file));
            open.parts.values().filter(unused).for_each(discard);
        }
        disk::remove_folder(&self.folder.join(id)).map_err(S3Error::internal_error)?;
        Ok(written)
    }

    /// Ends an upload and throws its parts away.
    pub fn abort(&self, id: &str, key: &str) -> S3Result<()> {
        let mut open = lock(&self.open);
        find(&open, id, key)?;
        if let Some(open) = open.remove(id) {
            open.parts.values().for_each(discard);
        }
        disk::remove_folder(&self.folder.join(id)).map_err(S3Error::internal_error)
    }
}

fn assemble(open: &Open, chosen: &[CompletedPart], bytes: &Path) -> S3Result<Assembled> {
    if chosen.is_empty() {
        return Err(s3_error!(MalformedXML, "You must specify at least one part"));
    }
    let mut pieces = Vec::new();
    let mut md5s = Vec::new();
    let mut previous = 0;
    for (index, part) in chosen.iter().enumerate() {
        let number = part.part_number.unwrap_or_default();
        if number <= previous {
            return Err(s3_error!(InvalidPartOrder, "The list of parts was not in ascending order."));
        }
        previous = number;
        let found = open
            .parts
            .get(&number)
            .filter(|found| part.e_tag.as_ref().is_none_or(|tag| tag.value() == found.etag));
        let Some(found) = found else {
            return Err(s3_error!(InvalidPart, "One or more of the specified parts could not be found."));
        };
        if index + 1 < chosen.len() && found.size < MIN_PART_BYTES {
            return Err(s3_error!(
                EntityTooSmall,
                "Your proposed upload is smaller than the minimum allowed size"
            ));
        }
        pieces.extend(found.pieces.iter().cloned());
        md5s.extend(hex::decode(&found.etag).map_err(S3Error::internal_error)?);
    }
    let md5 = hash(MessageDigest::md5(), &md5s).map_err(S3Error::internal_error)?;
    Ok(Assembled {
        upload: open.upload.clone(),
        // The parts own the files until the object does: a refused completion must leave them.
        content: Content::kept(bytes, pieces),
        etag: format!("{}-{}", hex::encode(md5), chosen.len()),
    })
}

/// A part's number, as S3 limits it.
pub(super) fn check_number(number: i32) -> S3Result<()> {
    if (1..=MAX_PART_NUMBER).contains(&number) {
        return Ok(());
    }
    Err(s3_error!(InvalidArgument, "Part number must be an integer between 1 and 10000, inclusive"))
}

fn find<'o>(open: &'o BTreeMap<String, Open>, id: &str, key: &str) -> S3Result<&'o Open> {
    open.get(id).filter(|open| open.upload.key == key).ok_or_else(|| {
        s3_error!(
            NoSuchUpload,
            "The specified multipart upload does not exist. It may have been completed or aborted."
        )
    })
}

fn keep(part: &Part) {
    part.content.iter().for_each(|content| content.keep());
}

fn discard(part: &Part) {
    part.content.iter().for_each(|content| content.discard());
}
