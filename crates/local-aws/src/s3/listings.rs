//! ListObjectsV2, and ListObjects in terms of it.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use s3s::dto::{
    CommonPrefix, EncodingType, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output,
    Object, ObjectStorageClass,
};
use s3s::{S3Response, S3Result, s3_error};

use super::Buckets;
use super::events::encode_key;
use super::list::Query;
use super::record;

pub(super) fn v2(buckets: &Buckets, input: ListObjectsV2Input) -> S3Result<S3Response<ListObjectsV2Output>> {
    let resumed = input.continuation_token.as_deref().map(read_token).transpose()?;
    let after = resumed.as_deref().or(input.start_after.as_deref()).unwrap_or_default();
    let page = buckets.bucket(&input.bucket)?.list(&Query {
        prefix: input.prefix.as_deref().unwrap_or_default(),
        delimiter: input.delimiter.as_deref(),
        after,
        max: input.max_keys,
    });
    let encode = encoder(input.encoding_type.as_ref());
    Ok(S3Response::new(ListObjectsV2Output {
        key_count: Some((page.entries.len() + page.prefixes.len()) as i32),
        max_keys: Some(page.max),
        is_truncated: Some(page.next.is_some()),
        next_continuation_token: page.next.map(|last| BASE64_URL_SAFE_NO_PAD.encode(last)),
        contents: Some(page.entries.iter().map(|object| entry(&object.record, encode)).collect()),
        common_prefixes: Some(
            page.prefixes.iter().map(|p| CommonPrefix { prefix: Some(encode(p)) }).collect(),
        ),
        prefix: input.prefix.map(|prefix| encode(&prefix)),
        delimiter: input.delimiter.map(|delimiter| encode(&delimiter)),
        start_after: input.start_after.map(|after| encode(&after)),
        name: Some(input.bucket),
        continuation_token: input.continuation_token,
        encoding_type: input.encoding_type,
        ..Default::default()
    }))
}

pub(super) fn v1(buckets: &Buckets, input: ListObjectsInput) -> S3Result<S3Response<ListObjectsOutput>> {
    let page = buckets.bucket(&input.bucket)?.list(&Query {
        prefix: input.prefix.as_deref().unwrap_or_default(),
        delimiter: input.delimiter.as_deref(),
        after: input.marker.as_deref().unwrap_or_default(),
        max: input.max_keys,
    });
    let encode = encoder(input.encoding_type.as_ref());
    Ok(S3Response::new(ListObjectsOutput {
        max_keys: Some(page.max),
        is_truncated: Some(page.next.is_some()),
        next_marker: page.next.map(|last| encode(&last)),
        contents: Some(page.entries.iter().map(|object| entry(&object.record, encode)).collect()),
        common_prefixes: Some(
            page.prefixes.iter().map(|p| CommonPrefix { prefix: Some(encode(p)) }).collect(),
        ),
        prefix: input.prefix.map(|prefix| encode(&prefix)),
        delimiter: input.delimiter.map(|delimiter| encode(&delimiter)),
        marker: input.marker.map(|marker| encode(&marker)),
        name: Some(input.bucket),
        encoding_type: input.encoding_type,
        ..Default::default()
    }))
}

fn entry(record: &record::Record, encode: fn(&str) -> String) -> Object {
    Object {
        key: Some(encode(&record.key)),
        size: Some(record.size as i64),
        e_tag: Some(record.e_tag()),
        last_modified: Some(record.modified()),
        storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
        ..Default::default()
    }
}

/// XML cannot carry every key, so clients may ask for them encoded.
fn encoder(encoding: Option<&EncodingType>) -> fn(&str) -> String {
    match encoding {
        Some(encoding) if encoding.as_str() == EncodingType::URL => encode_key,
        _ => str::to_owned,
    }
}

fn read_token(token: &str) -> S3Result<String> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| s3_error!(InvalidArgument, "The continuation token provided is incorrect"))
}
