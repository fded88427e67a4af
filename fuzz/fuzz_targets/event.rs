//! Messages of the queue: what is read from one is an upload of ours or an offer, never both.
#![no_main]

use flodrama_asset::AssetId;
use flodrama_worker::intake::event::uploads;
use flodrama_worker::intake::offer::Offer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &str| {
    let found = uploads(body);
    for source in found.iter().flatten() {
        assert!(source.key.starts_with("uploads/") && !source.key.ends_with('/'), "{:?}", source.key);
        assert!(!source.etag.starts_with('"') && !source.etag.ends_with('"'), "{:?}", source.etag);
        assert!(source.version_id.as_deref().is_none_or(|id| !matches!(id, "" | "null")));
        AssetId::from_upload_key(&source.key).expect("every upload is of an asset");
    }
    if let Some(offer) = Offer::read(body) {
        assert!(found.is_err(), "an offer that announces uploads");
        let again = offer.body().expect("JSON");
        assert_eq!(Offer::read(&again), Some(offer));
    }
});
