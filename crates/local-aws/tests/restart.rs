//! A second start on the same data folder finds everything again.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::{Duration, Instant};

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use flodrama_asset::ErrorKind;
use flodrama_local_aws::{Stack, StackError, StackOptions};
use serde_json::Value;
use support::{BUCKET, options, s3, sqs, start, until};

async fn bodies(stack: &Stack, count: usize) -> Vec<String> {
    let sqs = sqs(stack.sqs_endpoint());
    let mut bodies = Vec::new();
    until("messages", async || {
        let request = sqs.receive_message().queue_url(stack.queue_url()).max_number_of_messages(10);
        let received =
            request.wait_time_seconds(1).send().await.expect("received").messages.unwrap_or_default();
        bodies.extend(received.into_iter().map(|message| message.body.expect("body")));
        (bodies.len() >= count).then_some(())
    })
    .await;
    bodies
}

fn sequencers(bodies: &[String]) -> Vec<String> {
    let events = bodies.iter().map(|body| serde_json::from_str::<Value>(body).expect("JSON"));
    let sequencer =
        |event: Value| event["Records"][0]["s3"]["object"]["sequencer"].as_str().map(str::to_owned);
    events.filter_map(sequencer).collect()
}

#[tokio::test]
async fn objects_uploads_messages_and_names_are_found_again() {
    let data = tempfile::tempdir().expect("folder");
    let first = start(data.path(), Vec::new()).await;
    let client = s3(first.s3_endpoint(), first.credentials());
    let put = client.put_object().bucket(BUCKET).key("uploads/film.mp4").content_type("video/mp4");
    let tag = put.body(ByteStream::from_static(b"bytes")).send().await.expect("put").e_tag.expect("etag");
    let begun =
        client.create_multipart_upload().bucket(BUCKET).key("uploads/long.mp4").send().await.expect("begun");
    let id = begun.upload_id.expect("id");
    let part = client.upload_part().bucket(BUCKET).key("uploads/long.mp4").upload_id(&id).part_number(1);
    let part = part.body(ByteStream::from_static(b"part")).send().await.expect("part");
    // Received and never deleted, as by a worker that dies.
    let before = bodies(&first, 2).await;
    let kept = (
        first.credentials().1.to_owned(),
        first.viewer().1.to_owned(),
        first.distribution_id().to_owned(),
        first.user_pool_id().to_owned(),
        first.client_id().to_owned(),
    );
    first.shutdown().await;

    let second = start(data.path(), Vec::new()).await;
    assert_eq!((second.credentials().1, second.viewer().1), (kept.0.as_str(), kept.1.as_str()));
    assert_eq!(
        (second.distribution_id(), second.user_pool_id(), second.client_id()),
        (&*kept.2, &*kept.3, &*kept.4)
    );
    let client = s3(second.s3_endpoint(), second.credentials());
    let object = client.get_object().bucket(BUCKET).key("uploads/film.mp4").send().await.expect("get");
    assert_eq!((object.e_tag(), object.content_type()), (Some(tag.as_str()), Some("video/mp4")));
    assert_eq!(object.body.collect().await.expect("body").to_vec(), b"bytes");

    let part = CompletedPart::builder().part_number(1).set_e_tag(part.e_tag).build();
    let complete = client.complete_multipart_upload().bucket(BUCKET).key("uploads/long.mp4").upload_id(&id);
    let whole = CompletedMultipartUpload::builder().parts(part).build();
    complete.multipart_upload(whole).send().await.expect("the upload went on");

    // The two from before, and the new one: no second test event, as nothing was configured anew.
    let after = bodies(&second, 3).await;
    assert_eq!(after.len(), 3);
    assert_eq!(after.iter().filter(|body| body.contains("s3:TestEvent")).count(), 1);
    assert!(before.iter().all(|body| after.contains(body)));
    let (old, new) = (sequencers(&before), sequencers(&after));
    assert!(new.iter().max() > old.iter().max(), "{old:?} {new:?}");
    second.shutdown().await;

    let third = start(data.path(), Vec::new()).await;
    let client = s3(third.s3_endpoint(), third.credentials());
    let object = client.get_object().bucket(BUCKET).key("uploads/long.mp4").send().await.expect("get");
    assert_eq!(object.body.collect().await.expect("body").to_vec(), b"part");
    third.shutdown().await;
}

#[tokio::test]
async fn a_shutdown_is_quick_whatever_is_under_way() {
    let data = tempfile::tempdir().expect("folder");
    let stack = start(data.path(), Vec::new()).await;
    bodies(&stack, 1).await;
    let (client, url) = (sqs(stack.sqs_endpoint()), stack.queue_url().to_owned());
    let poll =
        tokio::spawn(
            async move { client.receive_message().queue_url(url).wait_time_seconds(20).send().await },
        );
    // A client that never ends its request.
    let address = stack.s3_endpoint().trim_start_matches("http://").to_owned();
    let mut slow = tokio::net::TcpStream::connect(&address).await.expect("connected");
    tokio::io::AsyncWriteExt::write_all(
        &mut slow,
        b"PUT /x/y HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n1",
    )
    .await
    .expect("written");
    let begun = Instant::now();
    stack.shutdown().await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    // The poll ended empty, or never reached the queue.
    let polled = poll.await.expect("no panic");
    assert!(polled.is_err() || polled.is_ok_and(|answer| answer.messages().is_empty()));
    assert!(tokio::net::TcpStream::connect(&address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn two_stacks_never_share_a_folder() {
    let data = tempfile::tempdir().expect("folder");
    let first = start(data.path(), Vec::new()).await;
    let error = Stack::start(options(data.path())).await.expect_err("refused");
    assert!(matches!(error, StackError::InUse { .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Config);
    first.shutdown().await;
    start(data.path(), Vec::new()).await.shutdown().await;
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let data = tempfile::tempdir().expect("folder");
    let file = data.path().join("file");
    std::fs::write(&file, b"").expect("written");
    let good = || options(data.path());
    let table: [(StackOptions, &str); 5] = [
        (StackOptions { data: file, ..good() }, "data folder"),
        (StackOptions { bucket: "No_Bucket".into(), ..good() }, "'No_Bucket' as its bucket"),
        (StackOptions { queue: "a queue".into(), ..good() }, "'a queue' as its queue"),
        (StackOptions { region: "".into(), ..good() }, "'' as its region"),
        (StackOptions { edge_origin: "edge:80".into(), ..good() }, "'edge:80' as its edge origin"),
    ];
    for (options, expected) in table {
        let error = Stack::start(options).await.expect_err("refused");
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.kind(), ErrorKind::Config);
    }
}

#[tokio::test]
async fn secrets_are_for_their_owner_and_never_shown() {
    use std::os::unix::fs::PermissionsExt;
    let data = tempfile::tempdir().expect("folder");
    let stack = start(data.path(), Vec::new()).await;
    for file in ["identity.json", "cognito/signing-key.pem", "cognito/users.json"] {
        let mode = std::fs::metadata(data.path().join(file)).expect(file).permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let shown = format!("{stack:?}");
    assert!(!shown.contains(stack.credentials().1) && !shown.contains(stack.viewer().1));
    stack.shutdown().await;
}
