//! Which episode an upload is about, and what lies beside it. A subtitle file makes its episode be looked at again.

use flodrama_asset::document::Pointer;
use flodrama_asset::{
    AssetId, ObjectKey, SidecarRef, SourceRef, is_sidecar, shortest_stem, sidecar_of, strip_extension,
};
use flodrama_store::{Store, StoreError, Summary, catalogue};

/// The episode that `announced` is about, with all subtitle files that lie beside it now; none where a subtitle file has no
/// episode yet: it is taken along when that comes.
///
/// # Errors
/// The bucket's.
pub async fn of(store: &Store, announced: &SourceRef) -> Result<Option<SourceRef>, StoreError> {
    // Of another bucket nothing is asked: the job says what is wrong.
    if announced.bucket != store.bucket() {
        return Ok(Some(announced.clone()));
    }
    let Some(stem) = shortest_stem(&announced.key) else {
        let stem = strip_extension(&announced.key);
        let listed = store.list(&format!("{stem}.")).await?;
        return with_sidecars(store, announced.clone(), &listed).await.map(Some);
    };
    let listed = store.list(&format!("{stem}.")).await?;
    let Some(episode) = newest_episode(&announced.key, &listed) else { return Ok(None) };
    // Its identity must be what its own event says, or one upload would have two versions.
    let Some(head) = store.head(&ObjectKey::Upload(episode.key.clone())).await? else { return Ok(None) };
    let mut source = SourceRef {
        bucket: announced.bucket.clone(),
        key: episode.key.clone(),
        etag: head.etag,
        version_id: head.version_id,
        sequencer: None,
        sidecars: Vec::new(),
    };
    source.sequencer = place_in_order(store, &source).await?;
    with_sidecars(store, source, &listed).await.map(Some)
}

/// Where the very upload is live, its place in the order of uploads is known; else it is not guessed.
async fn place_in_order(store: &Store, source: &SourceRef) -> Result<Option<String>, StoreError> {
    let Ok(asset) = AssetId::from_upload_key(&source.key) else { return Ok(None) };
    let pointer = store.get_json::<Pointer>(&ObjectKey::Pointer(asset)).await?;
    let live = pointer.map(|(pointer, _)| pointer.source).filter(|live| live.same_content(source));
    Ok(live.and_then(|live| live.sequencer))
}

/// True where nothing says which of two uploads is the newer one, the live one and `source`, and another one than
/// `source` is at the key now. So it is where the live one was found by its subtitle file and not by its own message, and
/// where their sequencers cannot be compared.
///
/// # Errors
/// The bucket's.
pub async fn is_replaced(
    store: &Store,
    source: &SourceRef,
    pointer: Option<&Pointer>,
) -> Result<bool, StoreError> {
    let Some(live) = pointer.map(|pointer| &pointer.source) else { return Ok(false) };
    if live.key != source.key || live.same_content(source) || live.order(source).is_some() {
        return Ok(false);
    }
    let now = store.head(&ObjectKey::Upload(source.key.clone())).await?;
    Ok(now.is_some_and(|now| match (&now.version_id, &source.version_id) {
        (Some(now), Some(ours)) => now != ours,
        _ => now.etag != source.etag,
    }))
}

/// How video files end. Others may be video too, but a picture or a note beside an episode is not preferred to it.
const OF_VIDEO: [&str; 18] = [
    ".mp4", ".mov", ".mkv", ".m4v", ".webm", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".mxf", ".avi", ".wmv",
    ".flv", ".3gp", ".vob", ".ogv", ".dv",
];

/// Of the episodes that a subtitle file can belong to, the one that was written last.
fn newest_episode<'a>(sidecar: &str, listed: &'a [Summary]) -> Option<&'a Summary> {
    let episodes = listed.iter().filter(|object| {
        catalogue::is_episode(&object.key) && sidecar_of(strip_extension(&object.key), sidecar).is_some()
    });
    let is_video = |key: &str| OF_VIDEO.iter().any(|end| key.to_ascii_lowercase().ends_with(end));
    episodes.max_by_key(|object| (is_video(&object.key), object.last_modified))
}

async fn with_sidecars(
    store: &Store,
    source: SourceRef,
    listed: &[Summary],
) -> Result<SourceRef, StoreError> {
    let stem = strip_extension(&source.key);
    let mut sidecars = Vec::new();
    for object in listed.iter().filter(|object| is_sidecar(&object.key)) {
        if sidecar_of(stem, &object.key).is_none() {
            continue;
        }
        let etag = match &object.etag {
            Some(etag) => Some(etag.clone()),
            None => store.head(&ObjectKey::Upload(object.key.clone())).await?.map(|head| head.etag),
        };
        let written_s = object.last_modified.unix_timestamp();
        sidecars.extend(etag.map(|etag| SidecarRef { key: object.key.clone(), etag, written_s }));
    }
    Ok(SourceRef { sidecars, ..source })
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;

    fn listed(keys: &[(&str, i64)]) -> Vec<Summary> {
        let summary = |(key, at): &(&str, i64)| Summary {
            key: (*key).to_owned(),
            size: 1,
            etag: Some("e".into()),
            last_modified: OffsetDateTime::from_unix_timestamp(*at).expect("a time"),
        };
        keys.iter().map(summary).collect()
    }

    #[test]
    fn a_subtitle_file_belongs_to_the_newest_cut_of_its_episode() {
        let found = listed(&[
            ("uploads/demo.mov", 2),
            ("uploads/demo.mp4", 1),
            ("uploads/demo.en.srt", 9),
            ("uploads/demo.jpg", 9),
            ("uploads/demo2.mp4", 9),
            ("uploads/demo.s02.mp4", 9),
        ]);
        let episode = |key: &str| newest_episode(key, &found).map(|object| object.key.as_str());
        assert_eq!(episode("uploads/demo.en.srt"), Some("uploads/demo.mov"));
        assert_eq!(episode("uploads/demo.s02.fr.forced.vtt"), Some("uploads/demo.s02.mp4"));
        assert_eq!(episode("uploads/other.en.srt"), None);
    }
}
