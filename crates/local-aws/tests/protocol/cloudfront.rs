//! Invalidations.

use aws_sdk_cloudfront::error::ProvideErrorMetadata;
use aws_sdk_cloudfront::types::{Invalidation, InvalidationBatch, Paths};

use crate::peer::Peer;

fn batch(reference: &str, paths: &[&str]) -> InvalidationBatch {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>();
    let paths = Paths::builder().quantity(paths.len() as i32).set_items(Some(paths)).build().expect("paths");
    InvalidationBatch::builder().paths(paths).caller_reference(reference).build().expect("batch")
}

async fn create(peer: &Peer, reference: &str, paths: &[&str]) -> Result<Invalidation, String> {
    let request = peer.cloudfront.create_invalidation().distribution_id(&peer.distribution_id);
    let created = request.invalidation_batch(batch(reference, paths)).send().await;
    let created = created.map_err(|error| error.code().unwrap_or_default().to_owned());
    created.map(|created| created.invalidation.expect("invalidation"))
}

pub async fn invalidations_are_taken_and_found_again(peer: &Peer) {
    let first = create(peer, "first", &["/vod/a/*", "/vod/b/main.m3u8"]).await.expect("created");
    let second = create(peer, "second", &["/é & ü/*"]).await.expect("created");
    let get = peer.cloudfront.get_invalidation().distribution_id(&peer.distribution_id).id(first.id());
    let found = get.send().await.expect("found").invalidation.expect("invalidation");
    let found = found.invalidation_batch.expect("batch");
    assert_eq!(found.caller_reference(), "first");
    let paths = found.paths.expect("paths");
    assert_eq!((paths.quantity(), paths.items().len()), (2, 2));
    assert!(paths.items().contains(&"/vod/a/*".to_owned()));
    let list = peer.cloudfront.list_invalidations().distribution_id(&peer.distribution_id).send().await;
    let list = list.expect("list").invalidation_list.expect("list");
    let mut listed: Vec<_> = list.items().iter().map(|summary| summary.id()).collect();
    let mut expected = vec![first.id(), second.id()];
    listed.sort_unstable();
    expected.sort_unstable();
    assert_eq!(listed, expected);
}

pub async fn other_distributions_do_not_exist(peer: &Peer) {
    let request = peer.cloudfront.create_invalidation().distribution_id("E0000000000000");
    let missing = request.invalidation_batch(batch("r", &["/*"])).send().await.expect_err("missing");
    assert!(missing.as_service_error().is_some_and(|error| error.is_no_such_distribution()), "{missing:?}");
}

pub async fn a_caller_reference_makes_one_invalidation(peer: &Peer) {
    let first = create(peer, "r", &["/a", "/b"]).await.expect("created");
    let again = create(peer, "r", &["/a", "/b"]).await.expect("the same");
    assert_eq!(first.id(), again.id());
    let other = create(peer, "r", &["/c"]).await.expect_err("other paths");
    assert_eq!(other, "InvalidationBatchAlreadyExists");
    let recorded = peer.stack().invalidations();
    assert_eq!(recorded.len(), 1);
    assert_eq!(
        (&recorded[0].caller_reference[..], &recorded[0].paths[..]),
        ("r", &["/a".into(), "/b".into()][..])
    );

    create(peer, "second", &["/d"]).await.expect("created");
    let page = peer.cloudfront.list_invalidations().distribution_id(&peer.distribution_id).max_items(1);
    let page = page.send().await.expect("page").invalidation_list.expect("list");
    assert!(page.is_truncated() && page.items()[0].id() == recorded_last(peer));
    let rest = peer.cloudfront.list_invalidations().distribution_id(&peer.distribution_id);
    let rest = rest.set_marker(page.next_marker).send().await.expect("page").invalidation_list.expect("list");
    assert_eq!(rest.items().iter().map(|summary| summary.id()).collect::<Vec<_>>(), [first.id()]);
}

fn recorded_last(peer: &Peer) -> String {
    peer.stack().invalidations().pop().expect("an invalidation").id
}
