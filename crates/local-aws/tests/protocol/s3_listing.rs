//! Listings.

use crate::peer::Peer;
use crate::s3::put;

pub async fn pages_hold_every_key_once(peer: &Peer) {
    let keys: Vec<String> = (0..23).map(|n| format!("jobs/{n:02}/progress.json")).collect();
    for key in &keys {
        put(peer, key, key).await;
    }
    put(peer, "other", "x").await;
    let mut pages = Vec::new();
    let mut token = None;
    loop {
        let request = peer.s3.list_objects_v2().bucket(&peer.bucket).prefix("jobs/").max_keys(10);
        let page = request.set_continuation_token(token).send().await.expect("page");
        for object in page.contents() {
            let key = object.key().expect("key");
            let head = peer.s3.head_object().bucket(&peer.bucket).key(key).send().await.expect("head");
            assert_eq!((object.e_tag(), object.size()), (head.e_tag(), head.content_length()), "{key}");
        }
        pages.push(
            page.contents().iter().map(|object| object.key().expect("key").to_owned()).collect::<Vec<_>>(),
        );
        token = page.next_continuation_token().map(str::to_owned);
        assert_eq!(page.is_truncated(), Some(token.is_some()));
        if token.is_none() {
            break;
        }
    }
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 3]);
    assert_eq!(pages.concat(), keys);
}

pub async fn a_delimiter_folds_folders(peer: &Peer) {
    for key in ["vod/a/current.json", "vod/a/v1/main.m3u8", "vod/b/v1/main.m3u8", "vod/readme", "w"] {
        put(peer, key, "x").await;
    }
    let (mut keys, mut prefixes, mut token) = (Vec::new(), Vec::new(), None);
    loop {
        let request =
            peer.s3.list_objects_v2().bucket(&peer.bucket).prefix("vod/").delimiter("/").max_keys(1);
        let page = request.set_continuation_token(token).send().await.expect("page");
        keys.extend(page.contents().iter().map(|object| object.key().expect("key").to_owned()));
        prefixes
            .extend(page.common_prefixes().iter().map(|folder| folder.prefix().expect("prefix").to_owned()));
        match page.next_continuation_token() {
            Some(next) => token = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!(
        (keys, prefixes),
        (vec!["vod/readme".to_owned()], vec!["vod/a/".to_owned(), "vod/b/".to_owned()])
    );
    let after =
        peer.s3.list_objects_v2().bucket(&peer.bucket).start_after("vod/b/").send().await.expect("list");
    let after: Vec<_> = after.contents().iter().map(|object| object.key().expect("key")).collect();
    assert_eq!(after, ["vod/b/v1/main.m3u8", "vod/readme", "w"]);
}
