//! Downloads of uploads.

use std::cell::Cell;

use flodrama_asset::{ErrorKind, ObjectKey, SourceRef};
use flodrama_store::{Condition, Put};

use crate::s3::{BUCKET, Fault, S3};

const KEY: &str = "uploads/demo.mp4";

async fn upload(s3: &S3, bytes: &[u8]) -> SourceRef {
    let key = ObjectKey::Upload(KEY.into());
    let put = s3.store.put(&key, bytes.to_vec(), Condition::Always).await.expect("put");
    let Put::Written(etag) = put else { panic!("refused") };
    SourceRef {
        bucket: BUCKET.into(),
        key: KEY.into(),
        etag,
        version_id: None,
        sequencer: None,
        sidecars: Vec::new(),
    }
}

fn episode() -> Vec<u8> {
    (0..1_000_000u32).map(|i| (i / 251) as u8).collect()
}

#[tokio::test]
async fn the_bytes_arrive_whole() {
    let s3 = S3::start().await;
    let to = s3.scratch().join("source");
    for bytes in [Vec::new(), episode()] {
        let source = upload(&s3, &bytes).await;
        let last = Cell::new((0, 0));
        let size = s3
            .store
            .download(&source, &to, |so_far, total| last.set((so_far, total)))
            .await
            .expect("download");
        assert_eq!(size, bytes.len() as u64);
        assert_eq!(last.get(), (size, size));
        assert!(tokio::fs::read(&to).await.expect("the file") == bytes);
    }
}

#[tokio::test]
async fn broken_bodies_are_continued_where_they_broke() {
    let s3 = S3::start().await;
    let to = s3.scratch().join("source");
    let source = upload(&s3, &episode()).await;
    s3.fail_next([Fault::CutBody(100_000), Fault::CutBody(70_000), Fault::CutBody(300_000)]);
    s3.store.download(&source, &to, |_, _| {}).await.expect("download");
    assert!(tokio::fs::read(&to).await.expect("the file") == episode());
    assert_eq!(s3.requests("GET").len(), 4);
}

#[tokio::test]
async fn a_body_that_never_comes_whole_is_given_up() {
    let s3 = S3::start().await;
    let source = upload(&s3, &episode()).await;
    s3.fail_next(vec![Fault::CutBody(100_000); 20]);
    let error =
        s3.store.download(&source, &s3.scratch().join("source"), |_, _| {}).await.expect_err("broken");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("of 1000000 bytes"), "{error}");
    assert_eq!(s3.requests("GET").len(), 5);
}

/// A bad file is told to its editor for good; what arrived badly is tried again.
#[tokio::test]
async fn what_is_not_the_upload_is_not_taken_for_it() {
    let s3 = S3::start().await;
    let source = upload(&s3, &episode()).await;
    let shortened = episode()[..500_000].to_vec();
    let mut changed = episode();
    changed[500_000] ^= 1;
    for body in [shortened, changed] {
        s3.fail_next([Fault::OtherBody(body)]);
        let error =
            s3.store.download(&source, &s3.scratch().join("source"), |_, _| {}).await.expect_err("not it");
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    }
}

#[tokio::test]
async fn an_upload_that_was_replaced_is_superseded() {
    let s3 = S3::start().await;
    let source = upload(&s3, b"first").await;
    upload(&s3, b"second").await;
    let error =
        s3.store.download(&source, &s3.scratch().join("source"), |_, _| {}).await.expect_err("replaced");
    assert_eq!(error.kind(), ErrorKind::Superseded);
}

#[tokio::test]
async fn an_upload_that_is_gone_is_not_found() {
    let s3 = S3::start().await;
    let source = upload(&s3, b"first").await;
    std::fs::remove_file(s3.root().join(KEY)).expect("an object");
    let error = s3.store.download(&source, &s3.scratch().join("source"), |_, _| {}).await.expect_err("gone");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}
