//! Names: what is read as one is written the same again, and none leads out of its folder.
#![no_main]

use std::fmt::Display;
use std::str::FromStr;

use flodrama_asset::access::{Access, Caps, Country};
use flodrama_asset::document::{AssetDocument, Failure, Pointer, Progress};
use flodrama_asset::{
    AssetId, JobFile, ObjectKey, PublishedFile, Version, is_sidecar, shortest_stem, sidecar_of,
    strip_extension,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    documents(input);
    let Ok(text) = std::str::from_utf8(input) else { return };
    one_text::<AssetId>(text);
    one_text::<Version>(text);
    one_text::<Caps>(text);
    one_text::<Country>(text);
    uploads(text);
    published(text);
    sidecars(text);
});

/// What is read from a text is written as that text.
fn one_text<T: FromStr + Display>(text: &str) {
    if let Ok(read) = text.parse::<T>() {
        assert_eq!(read.to_string(), text);
    }
}

/// Documents of the bucket. The one that says who may watch means the same when it is written again.
fn documents(json: &[u8]) {
    if let Ok(access) = Access::parse(json) {
        let again = serde_json::to_vec(&access).expect("JSON");
        assert_eq!(Access::parse(&again).expect("what was written is read"), access);
    }
    if let Ok(pointer) = serde_json::from_slice::<Pointer>(json) {
        let again = serde_json::to_vec(&pointer).expect("JSON");
        assert_eq!(serde_json::from_slice::<Pointer>(&again).expect("what was written is read"), pointer);
    }
    let _ = serde_json::from_slice::<AssetDocument>(json);
    let _ = serde_json::from_slice::<Failure>(json);
    let _ = serde_json::from_slice::<Progress>(json);
}

/// Every upload has an id of the alphabet; only its extension does not count.
fn uploads(path: &str) {
    let of = |key: String| AssetId::from_upload_key(&key);
    let id = of(format!("uploads/{path}"));
    assert_eq!(id.is_err(), path.is_empty(), "{id:?}");
    let Ok(id) = id else { return };
    assert!((1..=64).contains(&id.as_str().len()), "{id}");
    assert!(id.as_str().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{id}");
    one_text::<AssetId>(id.as_str());
    // What ends with a slash is a folder.
    if !path.ends_with('/') {
        assert_eq!(of(format!("uploads/{}.mov", strip_extension(path))), Ok(id));
    }
    if !path.starts_with("uploads/") {
        assert!(AssetId::from_upload_key(path).is_err());
    }
}

/// A path below a version names one file of it, there and nowhere else.
fn published(path: &str) {
    let Some(file) = PublishedFile::parse(path) else { return };
    assert_eq!(file.to_string(), path);
    assert!(path.split('/').all(|part| !matches!(part, "" | "." | "..")), "{path}");
    assert!(path.bytes().all(|b| b.is_ascii_alphanumeric() || b"-./".contains(&b)), "{path}");
    assert!(!file.content_type().is_empty());
    let (asset, version): (AssetId, Version) =
        ("a".parse().expect("an id"), Version::from_str("v0123456789abcdef").expect("a version"));
    let key = ObjectKey::Published(asset.clone(), version.clone(), file.clone());
    assert_eq!(key.to_string(), format!("vod/a/v0123456789abcdef/{path}"));
    assert_eq!(key.cache_control() == "no-cache", file.grows());
    // Nothing published lies where the asset's own documents or a job's do.
    for other in [
        ObjectKey::Pointer(asset.clone()),
        ObjectKey::Access(asset.clone()),
        ObjectKey::Job(asset, version, JobFile::Report),
    ] {
        assert_ne!(key.to_string(), other.to_string());
    }
}

/// A subtitle file belongs to episodes whose names begin with the shortest that it may have, and to that one.
fn sidecars(key: &str) {
    let shortest = shortest_stem(key);
    assert_eq!(is_sidecar(key), shortest.is_some());
    for (end, _) in key.char_indices() {
        let stem = &key[..end];
        // An episode has a name.
        if stem.is_empty() || stem.ends_with('/') || sidecar_of(stem, key).is_none() {
            continue;
        }
        let shortest = shortest.expect("what belongs to an episode is a subtitle file");
        assert!(stem.starts_with(shortest), "{stem:?} is shorter than {shortest:?}");
    }
    if let Some(shortest) = shortest {
        assert!(sidecar_of(shortest, key).is_some(), "{shortest:?}");
    }
}
