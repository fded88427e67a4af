//! Bucket policies that demand conditional writes.

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};

use crate::peer::Peer;
use crate::s3::status;

/// Writes below `once/` need `If-None-Match`, those to `moved` either condition.
fn policy(bucket: &str) -> String {
    let statement = |resource: &str, absent: &str| {
        format!(
            r#"{{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::{bucket}/{resource}",
            "Condition":{{"Null":{{{absent}}},"Bool":{{"s3:ObjectCreationOperation":"true"}}}}}}"#
        )
    };
    let once = statement("once/*", r#""s3:if-none-match":"true""#);
    let moved = statement("moved", r#""s3:if-none-match":"true","s3:if-match":"true""#);
    format!(r#"{{"Version":"2012-10-17","Statement":[{once},{moved}]}}"#)
}

async fn put_policy(peer: &Peer, text: &str) -> Result<(), (u16, Option<String>)> {
    let put = peer.s3.put_bucket_policy().bucket(&peer.bucket).policy(text).send().await;
    put.map(drop).map_err(|error| (status(&error), error.code().map(str::to_owned)))
}

pub async fn a_policy_comes_back_as_it_was_put(peer: &Peer) {
    let get = async || peer.s3.get_bucket_policy().bucket(&peer.bucket).send().await;
    let none = get().await.expect_err("there is none");
    assert_eq!((status(&none), none.code()), (404, Some("NoSuchBucketPolicy")));
    let text = policy(&peer.bucket);
    put_policy(peer, &text).await.expect("put");
    assert_eq!(get().await.expect("a policy").policy(), Some(text.as_str()));
    peer.s3.delete_bucket_policy().bucket(&peer.bucket).send().await.expect("deleted");
    assert_eq!(status(&get().await.expect_err("there is none")), 404);
}

pub async fn a_policy_can_demand_conditions(peer: &Peer) {
    put_policy(peer, &policy(&peer.bucket)).await.expect("put");
    let write = async |key: &str, if_match: Option<&str>, if_none_match: Option<&str>| {
        let put = peer.s3.put_object().bucket(&peer.bucket).key(key).body(ByteStream::from_static(b"x"));
        let put =
            put.set_if_match(if_match.map(str::to_owned)).set_if_none_match(if_none_match.map(str::to_owned));
        put.send().await.map(|put| put.e_tag.expect("etag")).map_err(|error| status(&error))
    };
    let tag = write("other", None, None).await.expect("nobody demands anything");
    assert_eq!(write("once/a/b", None, None).await, Err(403));
    assert_eq!(write("once/a/b", Some(&tag), None).await, Err(403), "the other condition");
    write("once/a/b", None, Some("*")).await.expect("as demanded");
    assert_eq!(write("once/a/b", None, Some("*")).await, Err(412), "and the condition holds");
    assert_eq!(write("moved", None, None).await, Err(403));
    let tag = write("moved", None, Some("*")).await.expect("the first");
    write("moved", Some(&tag), None).await.expect("the next");

    let copy = peer.s3.copy_object().bucket(&peer.bucket).copy_source(format!("{}/other", peer.bucket));
    let copied = copy.key("once/copy").send().await.expect_err("a copy makes an object too");
    assert_eq!((status(&copied), copied.code()), (403, Some("AccessDenied")));

    // Steps of a multipart upload take no conditions; its completion does.
    let begun = peer.s3.create_multipart_upload().bucket(&peer.bucket).key("once/long").send().await;
    let id = begun.expect("begun").upload_id.expect("id");
    let part = peer.s3.upload_part().bucket(&peer.bucket).key("once/long").upload_id(&id).part_number(1);
    let tag = part.body(ByteStream::from_static(b"x")).send().await.expect("part").e_tag.expect("etag");
    let part = CompletedPart::builder().part_number(1).e_tag(tag).build();
    let complete = || {
        let parts = CompletedMultipartUpload::builder().parts(part.clone()).build();
        let complete = peer.s3.complete_multipart_upload().bucket(&peer.bucket).key("once/long");
        complete.upload_id(&id).multipart_upload(parts)
    };
    assert_eq!(status(&complete().send().await.expect_err("without a condition")), 403);
    complete().if_none_match("*").send().await.expect("with it");
}

pub async fn what_is_not_enforced_is_not_taken(peer: &Peer) {
    let good = policy(&peer.bucket);
    for (of, to) in [
        ("\"Deny\"", "\"Allow\""),
        ("s3:PutObject", "s3:*"),
        ("\"*\"", "{\"AWS\":\"arn:aws:iam::111122223333:root\"}"),
        ("s3:if-match", "s3:prefix"),
        ("\"Bool\"", "\"StringEquals\""),
        (peer.bucket.as_str(), "another-bucket"),
        ("2012-10-17", "2008-10-17"),
    ] {
        let bad = good.replace(of, to);
        assert_ne!(bad, good, "{of} is there");
        assert_eq!(put_policy(peer, &bad).await, Err((400, Some("MalformedPolicy".into()))), "{to}");
    }
}
