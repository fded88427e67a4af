//! Publishing: the texts to their final keys, then one conditional write of the pointer. It never moves backwards.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use flodrama_asset::document::Pointer;
use flodrama_asset::{AssetId, ErrorKind, JobFile, ObjectKey, PublishedFile, SourceRef, Version};
use flodrama_store::{Condition, Put, Store};
use time::OffsetDateTime;

use crate::error::{JobError, Result, chain};
use crate::intake::episode;
use crate::job::{Proven, published};

/// Two workers may publish versions of one asset at once; each round one of them wins.
const ROUNDS: usize = 8;
/// Seconds between tries of an invalidation.
const INVALIDATION_PAUSES: [u64; 5] = [1, 2, 4, 8, 16];

/// What stands in the way of working on an upload at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing: go on.
    Open,
    /// It is live already.
    Published,
    /// A newer upload of the same key is live, or this one was and was rolled back.
    Superseded,
    /// Another episode has this asset id.
    NameTaken,
}

/// Where `version` of `source` stands against the pointer.
pub fn standing(pointer: Option<&Pointer>, version: &Version, source: &SourceRef) -> Standing {
    let Some(pointer) = pointer else { return Standing::Open };
    if pointer.version == *version {
        return Standing::Published;
    }
    // Rolled back by hand: a subtitle file beside it does not bring it back, another upload does.
    if pointer.undone.is_some() && pointer.source.same_content(source) {
        return Standing::Superseded;
    }
    // It was live and is not any more: replaced, or rolled back by hand. A message that comes again changes neither; a
    // subtitle file that was put back as it was does.
    if pointer.previous.as_ref() == Some(version) && !source.has_newer_sidecars(&pointer.source) {
        return Standing::Superseded;
    }
    // The same cut, from before its subtitle files were what they are.
    if pointer.source.same_content(source) && pointer.source.has_newer_sidecars(source) {
        return Standing::Superseded;
    }
    if !pointer.source.same_episode(source) {
        return Standing::NameTaken;
    }
    match pointer.source.order(source) {
        Some(Ordering::Greater) => Standing::Superseded,
        _ => Standing::Open,
    }
}

/// Completes a proven tree in the bucket and moves the pointer. Media went up with its commits, texts go up now, and
/// the multivariant playlist, which names all others, comes last of them.
pub async fn publish(
    store: &Store,
    asset: &AssetId,
    version: &Version,
    source: &SourceRef,
    proven: &Proven,
    tree: &Path,
    now: OffsetDateTime,
) -> Result<()> {
    mend(store, asset, version, &proven.media, tree).await?;
    let main = PublishedFile::Multivariant.to_string();
    let (last, texts): (Vec<_>, Vec<_>) = proven.files.iter().partition(|path| **path == main);
    for path in texts.into_iter().chain(last) {
        store.put_file(&published(asset, version, path)?, &tree.join(path)).await?;
    }
    let plan = ObjectKey::Job(asset.clone(), version.clone(), JobFile::Plan);
    always(store.put_json(&plan, &proven.plan, Condition::Always).await?);
    let report = ObjectKey::Job(asset.clone(), version.clone(), JobFile::Report);
    store.put_file(&report, &tree.join("report.json")).await?;
    move_pointer(store, asset, version, source, now).await
}

/// Compares what the bucket has of `media` with what was proven, by size, and puts again what is not there: a commit says
/// that a file was written, not that nobody has removed it since.
async fn mend(
    store: &Store,
    asset: &AssetId,
    version: &Version,
    media: &[(String, u64)],
    tree: &Path,
) -> Result<()> {
    let prefix = format!("vod/{asset}/{version}/");
    let stored = store.list(&prefix).await?;
    let stored: BTreeMap<&str, u64> =
        stored.iter().filter_map(|o| Some((o.key.strip_prefix(&prefix)?, o.size))).collect();
    for (path, bytes) in media.iter().filter(|(path, bytes)| stored.get(path.as_str()) != Some(bytes)) {
        tracing::warn!(%asset, %version, path, bytes, "not in the bucket as it was committed: put again");
        store.put_file(&published(asset, version, path)?, &tree.join(path)).await?;
    }
    Ok(())
}

async fn move_pointer(
    store: &Store,
    asset: &AssetId,
    version: &Version,
    source: &SourceRef,
    now: OffsetDateTime,
) -> Result<()> {
    let key = ObjectKey::Pointer(asset.clone());
    for _ in 0..ROUNDS {
        let current = store.get_json::<Pointer>(&key).await?;
        match standing(current.as_ref().map(|(p, _)| p), version, source) {
            Standing::Published => return Ok(()),
            Standing::Superseded => return Err(superseded()),
            Standing::NameTaken => return Err(name_taken(asset)),
            Standing::Open => {}
        }
        // Another upload may have come while this one was at work.
        if episode::is_replaced(store, source, current.as_ref().map(|(p, _)| p)).await? {
            return Err(superseded());
        }
        let (previous, condition) = match current {
            Some((pointer, etag)) => (Some(pointer.version), Condition::IfMatch(etag)),
            None => (None, Condition::IfAbsent),
        };
        let pointer = Pointer {
            version: version.clone(),
            previous,
            published_at: now,
            source: source.clone(),
            undone: None,
        };
        match store.put_json(&key, &pointer, condition).await? {
            Put::Written(_) => return Ok(()),
            // Somebody else moved it: look again. It may have been us, where an answer was lost.
            Put::Refused => {}
        }
    }
    Err(JobError::new(
        ErrorKind::Unavailable,
        "Several versions of this episode are being published at once.",
    ))
}

/// A newer upload is live.
pub fn superseded() -> JobError {
    JobError::new(
        ErrorKind::Superseded,
        "A newer upload of this episode is published, or this one was and has been rolled back.",
    )
}

/// Another episode has this id.
pub fn name_taken(asset: &AssetId) -> JobError {
    JobError::new(
        ErrorKind::NameTaken,
        format!(
            "Another file is already published under the name '{asset}': rename this one and upload it again."
        ),
    )
}

/// The outcome of a put without a condition, which nothing can refuse.
fn always(put: Put) {
    debug_assert!(matches!(put, Put::Written(_)));
}

/// Asks CloudFront to forget the asset's pointer, as it was moved `at` a moment: one path, never a wildcard. Not needed
/// for correctness: the edge reads the bucket.
///
/// Asks again, for half a minute in all, where too many invalidations are in progress: CloudFront takes 3,000 paths at a
/// time for a distribution.
///
/// # Errors
/// CloudFront's, in words.
pub async fn invalidate(
    client: &aws_sdk_cloudfront::Client,
    distribution: &str,
    asset: &AssetId,
    at: OffsetDateTime,
) -> std::result::Result<(), String> {
    use aws_sdk_cloudfront::types::{InvalidationBatch, Paths};
    let say = |e: aws_sdk_cloudfront::error::BuildError| e.to_string();
    let path = format!("/{}", ObjectKey::Pointer(asset.clone()));
    let paths = Paths::builder().quantity(1).items(path).build().map_err(say)?;
    // The same move is the same request, however often it is sent; a version that comes back is another move.
    let reference = format!("{asset}-{}", at.unix_timestamp_nanos());
    let batch = InvalidationBatch::builder().paths(paths).caller_reference(reference).build().map_err(say)?;
    let mut pauses = INVALIDATION_PAUSES.iter();
    loop {
        let request = client.create_invalidation().distribution_id(distribution);
        let Err(e) = request.invalidation_batch(batch.clone()).send().await else { return Ok(()) };
        let is_full = e.as_service_error().is_some_and(|e| e.is_too_many_invalidations_in_progress());
        match pauses.next().filter(|_| is_full) {
            Some(pause) => tokio::time::sleep(Duration::from_secs(*pause)).await,
            None => return Err(chain(&e)),
        }
    }
}

#[cfg(test)]
mod tests {
    use flodrama_asset::SidecarRef;

    use super::*;

    fn source(key: &str, etag: &str, sequencer: &str) -> SourceRef {
        SourceRef {
            bucket: "b".into(),
            key: key.into(),
            etag: etag.into(),
            version_id: None,
            sequencer: (!sequencer.is_empty()).then(|| sequencer.into()),
            sidecars: Vec::new(),
        }
    }

    fn stands(live: &SourceRef, ours: &SourceRef) -> Standing {
        let version = Version::derive(ours, "{}", "x264");
        let pointer = Pointer {
            version: Version::derive(live, "{}", "x264"),
            previous: None,
            published_at: OffsetDateTime::UNIX_EPOCH,
            source: live.clone(),
            undone: None,
        };
        standing(Some(&pointer), &version, ours)
    }

    #[test]
    fn r08_the_pointer_moves_forward_only() {
        let old = source("uploads/a.mp4", "1", "0055");
        let new = source("uploads/a.mp4", "2", "0056");
        assert_eq!(stands(&old, &new), Standing::Open);
        assert_eq!(stands(&new, &old), Standing::Superseded);
        assert_eq!(stands(&new, &new), Standing::Published);
        assert_eq!(standing(None, &Version::derive(&new, "{}", "x264"), &new), Standing::Open);
    }

    #[test]
    fn a_message_that_comes_again_does_not_undo_a_rollback() {
        let (old, bad) = (source("uploads/a.mp4", "1", "0055"), source("uploads/a.mp4", "2", "0056"));
        let [old_version, bad_version] = [&old, &bad].map(|s| Version::derive(s, "{}", "x264"));
        let rolled_back = Pointer {
            version: old_version,
            previous: Some(bad_version.clone()),
            published_at: OffsetDateTime::UNIX_EPOCH,
            source: bad.clone(),
            undone: Some(bad_version.clone()),
        };
        assert_eq!(standing(Some(&rolled_back), &bad_version, &bad), Standing::Superseded);
        // A subtitle file that comes afterwards makes another version of the bad cut.
        let sidecar = SidecarRef { key: "uploads/a.fr.srt".into(), etag: "9".into(), written_s: 99 };
        let with_file = SourceRef { sidecars: vec![sidecar], ..bad };
        let version = Version::derive(&with_file, "{}", "x264");
        assert_eq!(standing(Some(&rolled_back), &version, &with_file), Standing::Superseded);
        let mended = source("uploads/a.mp4", "3", "0057");
        let version = Version::derive(&mended, "{}", "x264");
        assert_eq!(standing(Some(&rolled_back), &version, &mended), Standing::Open);
    }

    #[test]
    fn newer_subtitle_files_make_a_newer_version() {
        let bare = source("uploads/a.mp4", "1", "0055");
        let with = |etag: &str, written_s| SourceRef {
            sidecars: vec![SidecarRef { key: "uploads/a.en.srt".into(), etag: etag.into(), written_s }],
            ..bare.clone()
        };
        let (first, second) = (with("1", 10), with("2", 20));
        assert_eq!(stands(&bare, &first), Standing::Open);
        assert_eq!(stands(&first, &second), Standing::Open);
        // A worker that began before the file came ends after one that has it.
        assert_eq!(stands(&first, &bare), Standing::Superseded);
        assert_eq!(stands(&second, &first), Standing::Superseded);
        // A new cut counts, whatever lies beside it.
        assert_eq!(stands(&second, &source("uploads/a.mp4", "2", "0056")), Standing::Open);

        let [first_version, second_version] = [&first, &second].map(|s| Version::derive(s, "{}", "x264"));
        let replaced = Pointer {
            version: second_version,
            previous: Some(first_version.clone()),
            published_at: OffsetDateTime::UNIX_EPOCH,
            source: second,
            undone: None,
        };
        assert_eq!(standing(Some(&replaced), &first_version, &first), Standing::Superseded);
        assert_eq!(standing(Some(&replaced), &first_version, &with("1", 30)), Standing::Open);
    }

    #[test]
    fn r03_an_order_that_cannot_be_told_is_not_guessed() {
        let live = source("uploads/a.mp4", "1", "0055");
        assert_eq!(stands(&live, &source("uploads/a.mp4", "2", "55")), Standing::Open);
        assert_eq!(stands(&live, &source("uploads/a.mp4", "2", "")), Standing::Open);
        assert_eq!(stands(&live, &source("uploads/a.mov", "2", "0001")), Standing::Open);
    }

    #[test]
    fn two_paths_that_give_one_id_do_not_replace_each_other() {
        let live = source("uploads/a/b.mp4", "1", "01");
        assert_eq!(stands(&live, &source("uploads/a-b.mp4", "2", "02")), Standing::NameTaken);
    }
}
