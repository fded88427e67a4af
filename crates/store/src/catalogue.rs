//! Where each asset stands, from the documents in the bucket: uploads, `progress.json` of each job, the pointer.

use std::collections::{BTreeMap, BTreeSet};

use flodrama_asset::document::{JobState, Pointer, Preview, Progress, RungProgress};
use flodrama_asset::{AssetId, JobFile, ObjectKey, UPLOADS_PREFIX, Version, is_sidecar};
use futures::future;
use futures::stream::{self, StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};

use crate::{Store, StoreError, Summary};

/// Assets looked at side by side.
const IN_FLIGHT: usize = 16;

/// Where one asset stands: the object of `flodrama status --json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AssetStatus {
    /// The asset.
    pub asset: AssetId,
    /// Where its newest upload stands.
    pub state: JobState,
    /// The version that `state` is about; none while an upload waits for its turn.
    pub version: Option<Version>,
    /// 0 to 100, of the work on that version.
    pub percent: f64,
    /// Why it failed, in a sentence for the content team.
    pub reason: Option<String>,
    /// Seconds of video encoded in a second of time, while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<f64>,
    /// Seconds until encoding ends, while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eta_s: Option<f64>,
    /// Rates of the rungs so far, while it runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rungs: Vec<RungProgress>,
    /// The preview of `version`, while it runs and once it plays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<Preview>,
    /// The version that viewers get, which a running or failed newer one does not change.
    #[serde(skip)]
    pub live: Option<Version>,
}

/// Every asset that was uploaded, worked on or published, by id.
pub async fn catalogue(store: &Store) -> Result<Vec<AssetStatus>, StoreError> {
    let (uploads, jobs, published) =
        tokio::try_join!(uploads(store), store.list_folders("jobs/"), store.list_folders("vod/"))?;
    let folders = jobs.iter().chain(&published).filter_map(|name| name.parse().ok());
    let assets: BTreeSet<AssetId> = uploads.keys().cloned().chain(folders).collect();
    let uploads = &uploads;
    stream::iter(assets)
        .map(|asset| async move { status_of(store, &asset, uploads.get(&asset)).await })
        .buffered(IN_FLIGHT)
        .try_filter_map(future::ok)
        .try_collect()
        .await
}

/// Where one asset stands; `None` where the bucket knows no such asset.
pub async fn asset_status(store: &Store, asset: &AssetId) -> Result<Option<AssetStatus>, StoreError> {
    // Several keys can become one asset and the way back is a hash, so the uploads have to be listed.
    let uploads = uploads(store).await?;
    status_of(store, asset, uploads.get(asset)).await
}

/// An upload's exact content.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Upload {
    key: String,
    etag: String,
}

/// The newest upload of each asset.
async fn uploads(store: &Store) -> Result<BTreeMap<AssetId, Summary>, StoreError> {
    let mut newest: BTreeMap<AssetId, Summary> = BTreeMap::new();
    for summary in store.list(UPLOADS_PREFIX).await? {
        if !is_episode(&summary.key) {
            continue;
        }
        let Ok(asset) = AssetId::from_upload_key(&summary.key) else { continue };
        match newest.get(&asset) {
            Some(other) if other.last_modified > summary.last_modified => {}
            _ => drop(newest.insert(asset, summary)),
        }
    }
    Ok(newest)
}

/// Sidecars belong to an episode, and the S3 console makes empty objects for folders.
pub fn is_episode(key: &str) -> bool {
    !key.ends_with('/') && !is_sidecar(key)
}

async fn status_of(
    store: &Store,
    asset: &AssetId,
    upload: Option<&Summary>,
) -> Result<Option<AssetStatus>, StoreError> {
    let pointer_key = ObjectKey::Pointer(asset.clone());
    let (upload, jobs, pointer) = tokio::try_join!(
        identify(store, upload),
        jobs(store, asset),
        store.get_json::<Pointer>(&pointer_key)
    )?;
    Ok(decide(asset, upload.as_ref(), &jobs, pointer.map(|(pointer, _)| pointer).as_ref()))
}

async fn identify(store: &Store, summary: Option<&Summary>) -> Result<Option<Upload>, StoreError> {
    let Some(Summary { key, etag, .. }) = summary else { return Ok(None) };
    let etag = match etag {
        Some(etag) => Some(etag.clone()),
        None => store.head(&ObjectKey::Upload(key.clone())).await?.map(|head| head.etag),
    };
    Ok(etag.map(|etag| Upload { key: key.clone(), etag }))
}

async fn jobs(store: &Store, asset: &AssetId) -> Result<Vec<Progress>, StoreError> {
    let mut found = Vec::new();
    for version in store.list_folders(&format!("jobs/{asset}/")).await? {
        let Ok(version) = version.parse() else { continue };
        let key = ObjectKey::Job(asset.clone(), version, JobFile::Progress);
        found.extend(store.get_json::<Progress>(&key).await?.map(|(progress, _)| progress));
    }
    Ok(found)
}

/// The rules, in order: an upload that no job and no publication knows is queued; else the newest word counts, the
/// pointer's or a job's, except that a job whose version is live has been published whatever its last note says.
fn decide(
    asset: &AssetId,
    upload: Option<&Upload>,
    jobs: &[Progress],
    pointer: Option<&Pointer>,
) -> Option<AssetStatus> {
    let live = pointer.map(|pointer| pointer.version.clone());
    let status = |state, version, percent, reason| {
        let (speed, eta_s, rungs, preview) = (None, None, Vec::new(), None);
        let (asset, live) = (asset.clone(), live.clone());
        Some(AssetStatus { asset, state, version, percent, reason, speed, eta_s, rungs, preview, live })
    };
    if let Some(upload) = upload {
        let mut sources = jobs.iter().map(|job| &job.source).chain(pointer.map(|pointer| &pointer.source));
        if !sources.any(|source| source.key == upload.key && source.etag == upload.etag) {
            return status(JobState::Queued, None, 0.0, None);
        }
    }
    let newest = jobs.iter().max_by_key(|job| job.updated_at);
    match (newest, pointer) {
        (Some(job), Some(pointer))
            if job.version == pointer.version || job.updated_at <= pointer.published_at =>
        {
            status(JobState::Published, live.clone(), 100.0, None)
        }
        (Some(job), _) => {
            let status = status(job.state, Some(job.version.clone()), job.percent, job.reason.clone())?;
            if job.state != JobState::Running {
                return Some(status);
            }
            let (rungs, preview) = (job.rungs.clone(), job.preview.clone());
            Some(AssetStatus { speed: job.speed, eta_s: job.eta_s, rungs, preview, ..status })
        }
        (None, Some(_)) => status(JobState::Published, live.clone(), 100.0, None),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use flodrama_asset::SourceRef;
    use flodrama_asset::document::EarlyPlay;
    use time::{Duration, OffsetDateTime};

    use super::*;

    const OLD: &str = "v0000000000000001";
    const NEW: &str = "v0000000000000002";

    fn asset() -> AssetId {
        "demo".parse().expect("id")
    }

    fn at(minutes: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::minutes(minutes)
    }

    fn source(etag: &str) -> SourceRef {
        let (bucket, key) = ("b".to_owned(), "uploads/demo.mp4".to_owned());
        SourceRef {
            bucket,
            key,
            etag: etag.to_owned(),
            version_id: None,
            sequencer: None,
            sidecars: Vec::new(),
        }
    }

    fn job(version: &str, state: JobState, minutes: i64) -> Progress {
        Progress {
            asset: asset(),
            version: version.parse().expect("version"),
            state,
            stage: "encode".into(),
            percent: 40.0,
            speed: Some(1.5),
            eta_s: Some(12.0),
            rungs: vec![RungProgress { name: "720p".into(), kbps: 1800.0 }],
            preview: Some(Preview {
                early_play: EarlyPlay::Editors,
                playable_ms: 6_000,
                duration_ms: 20_000,
            }),
            reason: (state == JobState::Failed).then(|| "The file has no picture.".into()),
            source: source(version),
            updated_at: at(minutes),
        }
    }

    fn pointer(version: &str, minutes: i64) -> Pointer {
        let version = version.parse().expect("version");
        Pointer { source: source(OLD), version, previous: None, published_at: at(minutes), undone: None }
    }

    /// `state version live` in one line.
    fn decided(etag: Option<&str>, jobs: &[Progress], pointer: Option<Pointer>) -> String {
        let upload = etag.map(|etag| Upload { key: "uploads/demo.mp4".into(), etag: etag.into() });
        let Some(status) = decide(&asset(), upload.as_ref(), jobs, pointer.as_ref()) else {
            return "none".into();
        };
        let name = |v: Option<Version>| v.map_or("-".to_owned(), |v| v.to_string());
        format!("{:?} {} {} {:?}", status.state, name(status.version), name(status.live), status.reason)
    }

    #[test]
    fn the_newest_word_about_an_asset_counts() {
        use JobState::{Failed, Published, Running};
        let failed = r#"Failed v0000000000000002 v0000000000000001 Some("The file has no picture.")"#;
        let live = "Published v0000000000000001 v0000000000000001 None";
        let table = [
            ("nothing is known", decided(None, &[], None), "none"),
            ("uploaded", decided(Some(OLD), &[], None), "Queued - - None"),
            ("begun", decided(Some(OLD), &[job(OLD, Running, 1)], None), "Running v0000000000000001 - None"),
            ("published", decided(Some(OLD), &[job(OLD, Published, 3)], Some(pointer(OLD, 2))), live),
            ("last note lost", decided(Some(OLD), &[job(OLD, Running, 1)], Some(pointer(OLD, 2))), live),
            (
                "note after the pointer",
                decided(Some(OLD), &[job(OLD, Running, 3)], Some(pointer(OLD, 2))),
                live,
            ),
            ("jobs swept away", decided(Some(OLD), &[], Some(pointer(OLD, 2))), live),
            (
                "a new cut is uploaded",
                decided(Some(NEW), &[job(OLD, Published, 3)], Some(pointer(OLD, 2))),
                "Queued - v0000000000000001 None",
            ),
            (
                "a new cut is worked on",
                decided(Some(NEW), &[job(OLD, Published, 3), job(NEW, Running, 5)], Some(pointer(OLD, 2))),
                "Running v0000000000000002 v0000000000000001 None",
            ),
            (
                "a new cut failed",
                decided(Some(NEW), &[job(NEW, Failed, 5), job(OLD, Published, 3)], Some(pointer(OLD, 2))),
                failed,
            ),
            (
                "rolled back",
                decided(Some(NEW), &[job(OLD, Published, 3), job(NEW, Published, 5)], Some(pointer(OLD, 9))),
                live,
            ),
        ];
        for (case, got, wanted) in table {
            assert_eq!(got, wanted, "{case}");
        }
    }

    #[test]
    fn what_is_said_of_running_work_ends_with_it() {
        let plays = |jobs: &[Progress], pointer: Option<&Pointer>| {
            let status = decide(&asset(), None, jobs, pointer).expect("known");
            (status.preview.is_some(), status.speed.is_some(), status.eta_s.is_some(), status.rungs.len())
        };
        assert_eq!(plays(&[job(OLD, JobState::Running, 1)], None), (true, true, true, 1));
        for (state, pointer) in [(JobState::Failed, None), (JobState::Published, Some(pointer(OLD, 2)))] {
            assert_eq!(plays(&[job(OLD, state, 1)], pointer.as_ref()), (false, false, false, 0));
        }
    }

    #[test]
    fn sidecars_and_console_folders_are_no_episodes() {
        assert!(is_episode("uploads/a/demo.mp4"));
        for key in ["uploads/demo.en.srt", "uploads/demo.fr.vtt", "uploads/season-1/"] {
            assert!(!is_episode(key), "{key}");
        }
    }
}
