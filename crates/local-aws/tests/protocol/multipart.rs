//! Multipart uploads.

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};

use crate::peer::Peer;
use crate::s3::{put, status, text};

/// The least size of a part that is not the last.
const PART: usize = 5 * 1024 * 1024;

async fn begin(peer: &Peer, key: &str) -> String {
    let request = peer.s3.create_multipart_upload().bucket(&peer.bucket).key(key).content_type("video/mp4");
    request.metadata("by", "test").send().await.expect("begun").upload_id.expect("id")
}

async fn part(peer: &Peer, key: &str, id: &str, number: i32, body: Vec<u8>) -> CompletedPart {
    let request = peer.s3.upload_part().bucket(&peer.bucket).key(key).upload_id(id).part_number(number);
    let sent = request.body(body.into()).send().await.expect("part");
    CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).build()
}

/// Completes an upload; status and code where it is refused.
pub async fn complete(
    peer: &Peer,
    key: &str,
    id: &str,
    parts: Vec<CompletedPart>,
    if_none_match: Option<&str>,
) -> Result<(), (u16, Option<String>)> {
    let request = peer.s3.complete_multipart_upload().bucket(&peer.bucket).key(key).upload_id(id);
    let request =
        request.multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build());
    match request.set_if_none_match(if_none_match.map(str::to_owned)).send().await {
        Ok(done) => {
            let head = peer.s3.head_object().bucket(&peer.bucket).key(key).send().await.expect("head");
            assert_eq!(done.e_tag(), head.e_tag());
            Ok(())
        }
        // moto calls the answer's root element CompleteMultipartUploadResponse, which the SDK cannot read.
        Err(error) if peer.is_moto() && status(&error) == 200 => Ok(()),
        Err(error) => Err((status(&error), error.code().map(str::to_owned))),
    }
}

pub async fn parts_become_one_object(peer: &Peer) {
    let key = "uploads/film.mp4";
    let id = begin(peer, key).await;
    // Out of order, and with gaps in the numbers: only the order counts.
    let last = part(peer, key, &id, 7, b"end".to_vec()).await;
    let first = part(peer, key, &id, 2, vec![b'a'; PART]).await;
    complete(peer, key, &id, vec![first, last], None).await.expect("completed");
    let head = peer.s3.head_object().bucket(&peer.bucket).key(key).send().await.expect("head");
    assert_eq!(head.content_length(), Some(PART as i64 + 3));
    assert!(head.e_tag().is_some_and(|tag| tag.ends_with("-2\"")), "{head:?}");
    assert_eq!(head.content_type(), Some("video/mp4"));
    assert_eq!(head.metadata().and_then(|all| all.get("by")).map(String::as_str), Some("test"));
    let seam = format!("bytes={}-", PART - 2);
    let seam = peer.s3.get_object().bucket(&peer.bucket).key(key).range(seam).send().await.expect("range");
    assert_eq!(seam.body.collect().await.expect("body").to_vec(), b"aaend");
}

pub async fn wrong_parts_are_refused(peer: &Peer) {
    let key = "film.mp4";
    let id = begin(peer, key).await;
    let small = part(peer, key, &id, 1, b"small".to_vec()).await;
    let last = part(peer, key, &id, 2, b"last".to_vec()).await;
    let code = async |parts| complete(peer, key, &id, parts, None).await.expect_err("refused").1;
    assert_eq!(code(vec![small.clone(), last]).await.as_deref(), Some("EntityTooSmall"));
    let missing = CompletedPart::builder().part_number(9).e_tag("\"0123\"").build();
    assert_eq!(code(vec![missing]).await.as_deref(), Some("InvalidPart"));

    let head =
        peer.s3.head_object().bucket(&peer.bucket).key(key).send().await.expect_err("nothing is written");
    assert_eq!(status(&head), 404);
    complete(peer, key, &id, vec![small], None).await.expect("a refusal leaves the upload and its parts");
    assert_eq!(text(peer, key).await, "small");
}

pub async fn uploads_under_way_can_be_listed_and_aborted(peer: &Peer) {
    let key = "film.mp4";
    let id = begin(peer, key).await;
    let only = part(peer, key, &id, 3, b"only".to_vec()).await;
    let parts =
        peer.s3.list_parts().bucket(&peer.bucket).key(key).upload_id(&id).send().await.expect("parts");
    let [listed] = parts.parts() else { panic!("one part") };
    assert_eq!((listed.part_number(), listed.size(), listed.e_tag()), (Some(3), Some(4), only.e_tag()));
    let uploads = async || {
        let uploads = peer.s3.list_multipart_uploads().bucket(&peer.bucket).send().await.expect("uploads");
        uploads
            .uploads()
            .iter()
            .filter_map(|upload| upload.upload_id().map(str::to_owned))
            .collect::<Vec<_>>()
    };
    assert_eq!(uploads().await, [id.as_str()]);

    let abort = peer.s3.abort_multipart_upload().bucket(&peer.bucket).key(key).upload_id(&id);
    abort.send().await.expect("aborted");
    assert_eq!(uploads().await, [""; 0]);
    let refused = complete(peer, key, &id, vec![only], None).await.expect_err("refused");
    assert_eq!(refused, (404, Some("NoSuchUpload".to_owned())));
    let head =
        peer.s3.head_object().bucket(&peer.bucket).key(key).send().await.expect_err("nothing is written");
    assert_eq!(status(&head), 404);
}

pub async fn one_of_many_racing_completions_wins(peer: &Peer) {
    for round in 0..10 {
        let key = format!("race/{round}");
        let write = async |writer: &str| {
            let id = begin(peer, &key).await;
            let only = part(peer, &key, &id, 1, writer.as_bytes().to_vec()).await;
            complete(peer, &key, &id, vec![only], Some("*")).await.map(|()| writer.to_owned())
        };
        let results = tokio::join!(write("a"), write("b"), write("c"), write("d"));
        let results = [results.0, results.1, results.2, results.3];
        let winners: Vec<_> = results.iter().flatten().collect();
        assert_eq!(winners.len(), 1, "round {round}: {results:?}");
        assert!(
            results.iter().all(|result| matches!(result, Ok(_) | Err((412, _)))),
            "round {round}: {results:?}"
        );
        assert_eq!(&text(peer, &key).await, winners[0]);
    }
    put(peer, "race/0", "a put replaces what a multipart upload made").await;
    assert_eq!(text(peer, "race/0").await, "a put replaces what a multipart upload made");
}
