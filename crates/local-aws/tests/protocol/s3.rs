//! Objects.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::MetadataDirective;

use crate::peer::Peer;
use crate::support;

/// The HTTP status of an answer that the SDK calls an error.
pub fn status<E>(error: &SdkError<E, aws_sdk_s3::config::http::HttpResponse>) -> u16 {
    error.raw_response().expect("an answer").status().as_u16()
}

pub async fn put(peer: &Peer, key: &str, body: &str) -> String {
    let request = peer.s3.put_object().bucket(&peer.bucket).key(key).body(body.as_bytes().to_vec().into());
    request.send().await.expect("put").e_tag.expect("etag")
}

pub async fn text(peer: &Peer, key: &str) -> String {
    let object = peer.s3.get_object().bucket(&peer.bucket).key(key).send().await.expect("get");
    String::from_utf8(object.body.collect().await.expect("body").to_vec()).expect("text")
}

pub async fn an_object_comes_back_as_it_was_stored(peer: &Peer) {
    let put = peer
        .s3
        .put_object()
        .bucket(&peer.bucket)
        .key("vod/a/main.m3u8")
        .content_type("application/vnd.apple.mpegurl")
        .cache_control("public, max-age=31536000, immutable")
        .metadata("title", "Les ombres")
        .body(ByteStream::from_static(b"#EXTM3U\n"))
        .send()
        .await
        .expect("put");
    assert_eq!(put.e_tag(), Some("\"a7674c694607b169e57593a4952ea26f\""), "the MD5 of the bytes");

    let head = peer.s3.head_object().bucket(&peer.bucket).key("vod/a/main.m3u8").send().await.expect("head");
    let get = peer.s3.get_object().bucket(&peer.bucket).key("vod/a/main.m3u8").send().await.expect("get");
    assert_eq!((head.e_tag(), get.e_tag()), (put.e_tag(), put.e_tag()));
    assert_eq!((head.content_length(), get.content_length()), (Some(8), Some(8)));
    for (content_type, cache_control) in
        [(head.content_type(), head.cache_control()), (get.content_type(), get.cache_control())]
    {
        assert_eq!(content_type, Some("application/vnd.apple.mpegurl"));
        assert_eq!(cache_control, Some("public, max-age=31536000, immutable"));
    }
    assert_eq!(head.last_modified(), get.last_modified());
    for metadata in [head.metadata(), get.metadata()] {
        assert_eq!(metadata.and_then(|all| all.get("title")).map(String::as_str), Some("Les ombres"));
    }
    assert_eq!(get.body.collect().await.expect("body").to_vec(), b"#EXTM3U\n");
}

pub async fn what_is_missing_is_404(peer: &Peer) {
    let get = peer.s3.get_object().bucket(&peer.bucket).key("none").send().await.expect_err("missing");
    assert_eq!((status(&get), get.code()), (404, Some("NoSuchKey")));
    let head = peer.s3.head_object().bucket(&peer.bucket).key("none").send().await.expect_err("missing");
    assert_eq!(status(&head), 404);
    let bucket =
        peer.s3.get_object().bucket("no-such-bucket-here").key("k").send().await.expect_err("missing");
    assert_eq!((status(&bucket), bucket.code()), (404, Some("NoSuchBucket")));
    let body = ByteStream::from_static(b"x");
    let put = peer.s3.put_object().bucket("no-such-bucket-here").key("k").body(body).send().await;
    assert_eq!(put.expect_err("missing").code(), Some("NoSuchBucket"));
    peer.s3
        .delete_object()
        .bucket(&peer.bucket)
        .key("none")
        .send()
        .await
        .expect("deleting nothing is no error");
}

pub async fn writes_can_be_conditional(peer: &Peer) {
    let write = async |if_match: Option<&str>, if_none_match: Option<&str>, body: &str| {
        let request =
            peer.s3.put_object().bucket(&peer.bucket).key("pointer").body(body.as_bytes().to_vec().into());
        let request = request.set_if_match(if_match.map(str::to_owned));
        let written = request.set_if_none_match(if_none_match.map(str::to_owned)).send().await;
        written.map(|put| put.e_tag.expect("etag")).map_err(|error| status(&error))
    };
    let first = write(None, Some("*"), "one").await.expect("nothing was there");
    assert_eq!(write(None, Some("*"), "two").await, Err(412));
    let second = write(Some(&first), None, "two").await.expect("the tag is right");
    assert_eq!(write(Some(&first), None, "three").await, Err(412));
    assert_eq!(text(peer, "pointer").await, "two");
    let head = peer.s3.head_object().bucket(&peer.bucket).key("pointer").send().await.expect("head");
    assert_eq!(head.e_tag(), Some(second.as_str()));
}

/// The condition is checked and kept in one step: the pipeline's commits rest on it.
pub async fn one_of_eight_racing_writers_wins(peer: &Peer) {
    for round in 0..30 {
        let key = format!("race/{round}");
        let write = async |writer: usize| {
            let request = peer.s3.put_object().bucket(&peer.bucket).key(&key).if_none_match("*");
            let written = request.body(format!("writer {writer}").into_bytes().into()).send().await;
            written.map(|_| writer).map_err(|error| status(&error))
        };
        let (a, b, c, d, e, f, g, h) =
            tokio::join!(write(0), write(1), write(2), write(3), write(4), write(5), write(6), write(7));
        let results = [a, b, c, d, e, f, g, h];
        let winners: Vec<_> = results.iter().filter_map(|result| result.ok()).collect();
        assert_eq!(winners.len(), 1, "round {round}: {results:?}");
        assert_eq!(
            results.iter().filter(|result| **result == Err(412)).count(),
            7,
            "round {round}: {results:?}"
        );
        assert_eq!(text(peer, &key).await, format!("writer {}", winners[0]));
    }
}

pub async fn reads_can_be_conditional(peer: &Peer) {
    let tag = put(peer, "k", "body").await;
    let same = peer.s3.get_object().bucket(&peer.bucket).key("k").if_none_match(&tag).send().await;
    assert_eq!(status(&same.expect_err("not modified")), 304);
    let same = peer.s3.head_object().bucket(&peer.bucket).key("k").if_none_match(&tag).send().await;
    assert_eq!(status(&same.expect_err("not modified")), 304);
    let other = peer.s3.get_object().bucket(&peer.bucket).key("k").if_match("\"0123\"").send().await;
    assert_eq!(status(&other.expect_err("another tag")), 412);
    peer.s3.get_object().bucket(&peer.bucket).key("k").if_match(&tag).send().await.expect("the tag is right");
    peer.s3
        .get_object()
        .bucket(&peer.bucket)
        .key("k")
        .if_none_match("\"0123\"")
        .send()
        .await
        .expect("changed");
}

pub async fn ranges_are_answered(peer: &Peer) {
    put(peer, "digits", "0123456789").await;
    for (range, expected, content_range) in [
        ("bytes=0-3", "0123", "bytes 0-3/10"),
        ("bytes=4-", "456789", "bytes 4-9/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
        ("bytes=8-100", "89", "bytes 8-9/10"),
    ] {
        let part =
            peer.s3.get_object().bucket(&peer.bucket).key("digits").range(range).send().await.expect(range);
        assert_eq!(part.content_range(), Some(content_range));
        assert_eq!(part.content_length(), Some(expected.len() as i64));
        assert_eq!(part.body.collect().await.expect("body").to_vec(), expected.as_bytes(), "{range}");
    }
    let outside = peer.s3.get_object().bucket(&peer.bucket).key("digits").range("bytes=10-").send().await;
    assert_eq!(status(&outside.expect_err("outside")), 416);
}

pub const ODD_KEYS: [&str; 9] = [
    "uploads/a b.mp4",
    "uploads/a+b.mp4",
    "uploads/a%20b.mp4",
    "uploads/a%2Bb.mp4",
    "uploads/Épisode 1 – début.mp4",
    "uploads/第1話.mp4",
    "uploads/a&b=c?d#e.mp4",
    "uploads/~!'()*.mp4",
    "uploads/épisode",
];

pub async fn odd_keys_are_kept_apart(peer: &Peer) {
    let long = format!("uploads/{}", "é".repeat(500));
    let keys = ODD_KEYS.iter().copied().chain([long.as_str(), "uploads/deep", "uploads/deep/er"]);
    let keys: Vec<&str> = keys.collect();
    for key in &keys {
        put(peer, key, key).await;
    }
    for key in &keys {
        assert_eq!(&text(peer, key).await, key);
    }
    let listed = peer.s3.list_objects_v2().bucket(&peer.bucket).send().await.expect("list");
    let mut listed: Vec<_> = listed.contents().iter().map(|object| object.key().expect("key")).collect();
    let mut expected = keys.clone();
    listed.sort_unstable();
    expected.sort_unstable();
    assert_eq!(listed, expected);
    for key in &keys {
        peer.s3.delete_object().bucket(&peer.bucket).key(*key).send().await.expect("delete");
    }
    let left = peer.s3.list_objects_v2().bucket(&peer.bucket).send().await.expect("list");
    assert_eq!(left.contents().len(), 0);
}

pub async fn copies_are_objects_of_their_own(peer: &Peer) {
    let request = peer.s3.put_object().bucket(&peer.bucket).key("from").content_type("video/mp4");
    request.body(ByteStream::from_static(b"bytes")).send().await.expect("put");
    let copy = || peer.s3.copy_object().bucket(&peer.bucket).copy_source(format!("{}/from", peer.bucket));
    copy().key("same").send().await.expect("copy");
    copy()
        .key("new")
        .metadata_directive(MetadataDirective::Replace)
        .content_type("text/plain")
        .send()
        .await
        .expect("copy");
    peer.s3.delete_object().bucket(&peer.bucket).key("from").send().await.expect("delete");
    assert_eq!((text(peer, "same").await, text(peer, "new").await), ("bytes".into(), "bytes".into()));
    for (key, expected) in [("same", "video/mp4"), ("new", "text/plain")] {
        let head = peer.s3.head_object().bucket(&peer.bucket).key(key).send().await.expect("head");
        assert_eq!(head.content_type(), Some(expected));
    }
    let missing = copy().key("other").send().await.expect_err("the source is gone");
    assert_eq!(missing.code(), Some("NoSuchKey"));
}

pub async fn only_the_right_signature_opens(peer: &Peer) {
    put(peer, "k", "body").await;
    let stack = peer.stack();
    let (access_key, secret_key) = stack.credentials();
    for keys in [(access_key, "wrong"), ("AKIAWRONG", secret_key)] {
        let stranger = support::s3(stack.s3_endpoint(), keys);
        let refused = stranger.get_object().bucket(&peer.bucket).key("k").send().await.expect_err("refused");
        assert_eq!(status(&refused), 403);
    }
    let unsigned =
        reqwest::get(format!("{}/{}/k", stack.s3_endpoint(), peer.bucket)).await.expect("an answer");
    assert_eq!(unsigned.status(), 403);
}

pub async fn a_body_that_is_not_what_it_says_changes_nothing(peer: &Peer) {
    let tag = put(peer, "k", "good").await;
    let lie = || peer.s3.put_object().bucket(&peer.bucket).key("k").body(ByteStream::from_static(b"bad"));
    let crc = lie().checksum_crc32("AAAAAA==").send().await.expect_err("refused");
    assert_eq!((status(&crc), crc.code()), (400, Some("BadDigest")));
    let md5 = lie().content_md5("AAAAAAAAAAAAAAAAAAAAAA==").send().await.expect_err("refused");
    assert_eq!((status(&md5), md5.code()), (400, Some("BadDigest")));
    assert_eq!(text(peer, "k").await, "good");
    let head = peer.s3.head_object().bucket(&peer.bucket).key("k").send().await.expect("head");
    assert_eq!(head.e_tag(), Some(tag.as_str()));
}
