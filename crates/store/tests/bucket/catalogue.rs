//! The catalogue, from documents as the worker writes them.

use flodrama_asset::document::{JobState, Pointer, Progress};
use flodrama_asset::{AssetId, JobFile, ObjectKey, SourceRef, Version};
use flodrama_store::{Condition, Put, Store, asset_status, catalogue};
use time::OffsetDateTime;

use crate::s3::{BUCKET, S3};

const VERSION: &str = "v0123456789abcdef";

async fn put<T: serde::Serialize>(store: &Store, key: ObjectKey, value: &T) -> String {
    match store.put_json(&key, value, Condition::Always).await.expect("put") {
        Put::Written(etag) => etag,
        Put::Refused => panic!("refused"),
    }
}

/// Uploads `uploads/<asset>.mp4` and writes the progress of its job.
async fn job(store: &Store, asset: &str, state: JobState, percent: f64) -> SourceRef {
    let key = format!("uploads/{asset}.mp4");
    let etag = put(store, ObjectKey::Upload(key.clone()), &asset).await;
    let source = SourceRef {
        bucket: BUCKET.into(),
        key,
        etag,
        version_id: None,
        sequencer: None,
        sidecars: Vec::new(),
    };
    let (asset, version): (AssetId, Version) =
        (asset.parse().expect("id"), VERSION.parse().expect("version"));
    let progress = Progress {
        asset: asset.clone(),
        version: version.clone(),
        state,
        stage: "encode".into(),
        percent,
        speed: None,
        eta_s: None,
        rungs: Vec::new(),
        preview: None,
        reason: (state == JobState::Failed).then(|| "The file has no picture.".into()),
        source: source.clone(),
        updated_at: OffsetDateTime::now_utc(),
    };
    put(store, ObjectKey::Job(asset, version, JobFile::Progress), &progress).await;
    source
}

#[tokio::test]
async fn every_asset_is_listed_with_its_state() {
    let s3 = S3::start().await;
    assert!(catalogue(&s3.store).await.expect("catalogue").is_empty());

    put(&s3.store, ObjectKey::Upload("uploads/a-waiting.mov".into()), &1).await;
    put(&s3.store, ObjectKey::Upload("uploads/a-waiting.en.srt".into()), &1).await;
    job(&s3.store, "b-begun", JobState::Running, 40.0).await;
    job(&s3.store, "c-bad", JobState::Failed, 5.0).await;
    let source = job(&s3.store, "d-done", JobState::Published, 100.0).await;
    let pointer = Pointer {
        version: VERSION.parse().expect("version"),
        previous: None,
        published_at: OffsetDateTime::now_utc(),
        source,
        undone: None,
    };
    put(&s3.store, ObjectKey::Pointer("d-done".parse().expect("id")), &pointer).await;

    let listed = catalogue(&s3.store).await.expect("catalogue");
    let json = serde_json::to_value(&listed).expect("json");
    let wanted = serde_json::json!([
        {"asset": "a-waiting", "state": "queued", "version": null, "percent": 0.0, "reason": null},
        {"asset": "b-begun", "state": "running", "version": VERSION, "percent": 40.0, "reason": null},
        {"asset": "c-bad", "state": "failed", "version": VERSION, "percent": 5.0, "reason": "The file has no picture."},
        {"asset": "d-done", "state": "published", "version": VERSION, "percent": 100.0, "reason": null},
    ]);
    assert_eq!(json, wanted);
    assert_eq!(listed[3].live.as_ref().map(Version::as_str), Some(VERSION));

    for status in listed {
        assert_eq!(asset_status(&s3.store, &status.asset).await.expect("status"), Some(status));
    }
    assert_eq!(asset_status(&s3.store, &"nobody".parse().expect("id")).await.expect("status"), None);
}
