//! Documents, files, uploads and listings.

use std::sync::Mutex;

use flodrama_asset::{AssetId, ErrorKind, JobFile, ObjectKey, PublishedFile, TrackFile, Version};
use flodrama_store::{Change, Condition, Put};
use hyper::Method;
use serde_json::json;

use crate::s3::{Fault, S3};

fn asset() -> AssetId {
    "demo".parse().expect("id")
}

fn version() -> Version {
    "v0123456789abcdef".parse().expect("version")
}

fn plan() -> ObjectKey {
    ObjectKey::Job(asset(), version(), JobFile::Plan)
}

fn etag(put: Put) -> String {
    match put {
        Put::Written(etag) => etag,
        Put::Refused => panic!("refused"),
    }
}

#[tokio::test]
async fn what_is_put_is_read_back() {
    let s3 = S3::start().await;
    s3.store.probe().await.expect("the bucket is there");
    assert_eq!(s3.store.get(&plan()).await.expect("get"), None);
    assert_eq!(s3.store.head(&plan()).await.expect("head"), None);

    let written = etag(s3.store.put(&plan(), "hello", Condition::Always).await.expect("put"));
    assert!(!written.is_empty() && !written.contains('"'), "{written}");
    let object = s3.store.get(&plan()).await.expect("get").expect("there");
    assert_eq!((&object.bytes[..], &object.etag), (&b"hello"[..], &written));
    let head = s3.store.head(&plan()).await.expect("head").expect("there");
    assert_eq!((head.size, &head.etag), (5, &written));
}

#[tokio::test]
async fn a_condition_that_does_not_hold_leaves_the_object_alone() {
    let s3 = S3::start().await;
    let first = etag(s3.store.put(&plan(), "1", Condition::IfAbsent).await.expect("put"));
    assert_eq!(s3.store.put(&plan(), "2", Condition::IfAbsent).await.expect("put"), Put::Refused);
    let wrong = Condition::IfMatch("0123".into());
    assert_eq!(s3.store.put(&plan(), "3", wrong).await.expect("put"), Put::Refused);
    assert_eq!(&s3.store.get(&plan()).await.expect("get").expect("there").bytes[..], b"1");

    let second = etag(s3.store.put(&plan(), "4", Condition::IfMatch(first.clone())).await.expect("put"));
    assert_ne!(first, second);
    let gone = ObjectKey::Pointer(asset());
    assert_eq!(s3.store.put(&gone, "5", Condition::IfMatch(first)).await.expect("put"), Put::Refused);
}

#[tokio::test]
async fn a_conflict_of_conditional_writes_is_tried_again_and_then_refused() {
    let s3 = S3::start().await;
    let conflict = Fault::Answer(Method::PUT, 409, "ConditionalRequestConflict");
    s3.fail_next(vec![conflict.clone(); 2]);
    etag(s3.store.put(&plan(), "1", Condition::IfAbsent).await.expect("put"));
    assert_eq!(s3.requests("PUT").len(), 3);

    s3.fail_next(vec![conflict; 5]);
    assert_eq!(s3.store.put(&plan(), "2", Condition::IfAbsent).await.expect("put"), Put::Refused);
}

#[tokio::test]
async fn json_keeps_its_shape_and_another_document_is_an_error() {
    let s3 = S3::start().await;
    let document = json!({"a": 1});
    let written = etag(s3.store.put_json(&plan(), &document, Condition::Always).await.expect("put"));
    let read: Option<(serde_json::Value, String)> = s3.store.get_json(&plan()).await.expect("get");
    assert_eq!(read, Some((document, written)));

    let error = s3.store.get_json::<Vec<u8>>(&plan()).await.expect_err("not a list");
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert!(error.to_string().contains("jobs/demo/v0123456789abcdef/plan.json"), "{error}");
}

#[tokio::test]
async fn an_unchanged_object_is_not_handed_over_again() {
    let s3 = S3::start().await;
    let first = etag(s3.store.put(&plan(), "1", Condition::Always).await.expect("put"));
    assert_eq!(s3.store.get_if_changed(&plan(), &first).await.expect("get"), Change::Unchanged);
    etag(s3.store.put(&plan(), "2", Condition::Always).await.expect("put"));
    match s3.store.get_if_changed(&plan(), &first).await.expect("get") {
        Change::Changed(object) => assert_eq!(&object.bytes[..], b"2"),
        other => panic!("{other:?}"),
    }
    let gone = ObjectKey::Pointer(asset());
    assert_eq!(s3.store.get_if_changed(&gone, &first).await.expect("get"), Change::Gone);
}

#[tokio::test]
async fn s3_answering_304_is_unchanged() {
    let s3 = S3::start().await;
    s3.fail_next([Fault::Answer(Method::GET, 304, "NotModified")]);
    assert_eq!(s3.store.get_if_changed(&plan(), "0123").await.expect("get"), Change::Unchanged);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_asked_for_again() {
    let s3 = S3::start().await;
    let text = "x".repeat(100_000);
    etag(s3.store.put(&plan(), text.clone(), Condition::Always).await.expect("put"));
    s3.fail_next([Fault::CutBody(4_096), Fault::CutBody(50_000)]);
    let object = s3.store.get(&plan()).await.expect("get").expect("there");
    assert_eq!(object.bytes, text);
}

#[tokio::test]
async fn files_keep_the_type_and_the_caching_of_their_key_whatever_their_size() {
    let s3 = S3::start().await;
    for (segment, size) in [(1, 10), (2, 16 * 1024 * 1024 + 5)] {
        let path = s3.scratch().join("segment.m4s");
        let bytes: Vec<u8> = (0..size).map(|i: usize| (i / 7) as u8).collect();
        tokio::fs::write(&path, &bytes).await.expect("a file");
        let file = PublishedFile::Video(720.into(), TrackFile::Segment(segment));
        let key = ObjectKey::Published(asset(), version(), file);
        let etag = s3.store.put_file(&key, &path).await.expect("put");
        let object = s3.store.get(&key).await.expect("get").expect("there");
        assert!(object.bytes == bytes && object.etag == etag, "segment {segment}");
    }
    let multipart = s3.requests("partNumber");
    assert_eq!(multipart.len(), 2, "{multipart:?}");
    let attributes: String = std::fs::read_dir(s3.scratch())
        .expect("s3s-fs keeps attributes beside the bucket")
        .filter_map(|entry| std::fs::read_to_string(entry.ok()?.path()).ok())
        .filter(|text| text.contains("content_type"))
        .collect();
    assert_eq!(attributes.matches("video/iso.segment").count(), 2, "{attributes}");
    assert_eq!(attributes.matches("public, max-age=31536000, immutable").count(), 2, "{attributes}");
}

#[tokio::test]
async fn an_upload_goes_up_in_parts_and_tells_how_far_it_is() {
    let s3 = S3::start().await;
    let path = s3.scratch().join("episode.mp4");
    for size in [0, 33 * 1024 * 1024] {
        tokio::fs::write(&path, vec![7; size]).await.expect("a file");
        let seen = Mutex::new(Vec::new());
        let key = format!("uploads/Épisode {size}+1.mp4");
        let etag =
            s3.store.upload(&key, &path, |n| seen.lock().expect("lock").push(n)).await.expect("upload");
        assert!(etag.contains('-'), "a multipart etag: {etag}");
        let mut seen = seen.into_inner().expect("lock");
        seen.sort_unstable();
        assert_eq!(seen.last(), Some(&(size as u64)));
        assert_eq!(seen.len(), size.div_ceil(16 * 1024 * 1024).max(1));
        let head = s3.store.head(&ObjectKey::Upload(key)).await.expect("head").expect("there");
        assert_eq!(head.size, size as u64);
    }
}

#[tokio::test]
async fn a_failed_upload_leaves_no_parts_behind() {
    let s3 = S3::start().await;
    let path = s3.scratch().join("episode.mp4");
    tokio::fs::write(&path, vec![7; 40 * 1024 * 1024]).await.expect("a file");
    s3.fail_next([Fault::Answer(Method::PUT, 403, "AccessDenied")]);
    let error = s3.store.upload("uploads/demo.mp4", &path, |_| {}).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert_eq!(s3.requests("DELETE /media/uploads/demo.mp4?").len(), 1);
    assert_eq!(s3.store.head(&ObjectKey::Upload("uploads/demo.mp4".into())).await.expect("head"), None);
}

#[tokio::test]
async fn a_listing_has_every_page() {
    let s3 = S3::start().await;
    let folder = s3.root().join("uploads/season");
    std::fs::create_dir_all(&folder).expect("a folder");
    for n in 0..1_203 {
        std::fs::write(folder.join(format!("{n:04}.mp4")), b"x").expect("an object");
    }
    let listed = s3.store.list("uploads/").await.expect("list");
    assert_eq!(listed.len(), 1_203);
    assert_eq!((listed[1_202].key.as_str(), listed[1_202].size), ("uploads/season/1202.mp4", 1));
    assert!(s3.requests("list-type=2").len() >= 2);
}

#[tokio::test]
async fn folders_are_named_without_their_prefix() {
    let s3 = S3::start().await;
    for key in ["jobs/a/v1/plan.json", "jobs/b/v2/plan.json", "jobs/b/v3/x/y.json", "jobs/file.json"] {
        let path = s3.root().join(key);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        std::fs::write(path, b"{}").expect("an object");
    }
    assert_eq!(s3.store.list_folders("jobs/").await.expect("list"), ["a", "b"]);
    assert_eq!(s3.store.list_folders("jobs/b/").await.expect("list"), ["v2", "v3"]);
    assert!(s3.store.list_folders("jobs/c/").await.expect("list").is_empty());
}

#[tokio::test]
async fn faults_of_s3_say_what_a_caller_can_do() {
    let s3 = S3::start().await;
    let table = [
        (403, "AccessDenied", ErrorKind::Config),
        (404, "NoSuchBucket", ErrorKind::Config),
        (400, "ExpiredToken", ErrorKind::Unavailable),
        (400, "InvalidArgument", ErrorKind::Internal),
    ];
    for (status, code, kind) in table {
        s3.fail_next([Fault::Answer(Method::GET, status, code)]);
        let error = s3.store.get(&plan()).await.expect_err(code);
        assert_eq!(error.kind(), kind, "{code}");
        let text = error.to_string();
        assert!(text.contains(code) && text.contains("plan.json") && text.contains("GetObject"), "{text}");
    }
}

#[tokio::test]
async fn a_bucket_that_is_not_there_fails_the_probe() {
    let s3 = S3::start().await;
    std::fs::remove_dir(s3.root()).expect("an empty bucket");
    assert!(s3.store.probe().await.is_err());
}
