//! PUT, GET, HEAD and DELETE of one object.

use std::ops::Range;

use futures::TryStreamExt;
use s3s::dto::{
    ChecksumMode, DeleteObjectInput, DeleteObjectOutput, GetObjectInput, GetObjectOutput, HeadObjectInput,
    HeadObjectOutput, PutObjectInput, PutObjectOutput, Range as ByteRange, StreamingBlob,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::Buckets;
use super::bucket::Draft;
use super::checksums::{Checksums, Declared};
use super::conditions::{ReadConditions, WriteConditions};
use super::events::created;
use super::receive::receive;
use super::record::{Record, headers_of};

/// S3's limit on a key, in bytes of UTF-8.
const MAX_KEY_BYTES: usize = 1024;

pub(super) fn check_key(key: &str) -> S3Result<()> {
    if key.len() > MAX_KEY_BYTES {
        return Err(s3_error!(KeyTooLongError, "Your key is too long"));
    }
    Ok(())
}

/// The checksums that a request declares in its headers.
macro_rules! declared_of {
    ($request:expr) => {{
        let input = &mut $request.input;
        let checksums = $crate::s3::checksums::Checksums {
            crc32: input.checksum_crc32.take(),
            crc32c: input.checksum_crc32c.take(),
            crc64nvme: input.checksum_crc64nvme.take(),
            sha1: input.checksum_sha1.take(),
            sha256: input.checksum_sha256.take(),
        };
        $crate::s3::checksums::Declared::new(
            checksums,
            input.content_md5.take(),
            input.checksum_algorithm.take(),
            &$request.headers,
            $request.trailing_headers.take(),
        )
    }};
}
pub(super) use declared_of;

pub(super) async fn put(
    buckets: &Buckets,
    mut req: S3Request<PutObjectInput>,
) -> S3Result<S3Response<PutObjectOutput>> {
    let declared: Declared = declared_of!(req)?;
    let mut input = req.input;
    check_key(&input.key)?;
    let bucket = buckets.bucket(&input.bucket)?;
    let conditions = WriteConditions { if_match: input.if_match, if_none_match: input.if_none_match };
    let received = receive(&bucket.bytes, input.body.take(), declared).await?;
    let draft = Draft {
        headers: headers_of!(input),
        key: input.key,
        content: received.content,
        etag: hex::encode(received.md5),
        checksums: received.checksums,
        event: created::PUT,
    };
    let object = bucket.put(draft, &conditions)?;
    let Checksums { crc32, crc32c, crc64nvme, sha1, sha256 } = object.record.checksums.clone();
    Ok(S3Response::new(PutObjectOutput {
        e_tag: Some(object.record.e_tag()),
        checksum_crc32: crc32,
        checksum_crc32c: crc32c,
        checksum_crc64nvme: crc64nvme,
        checksum_sha1: sha1,
        checksum_sha256: sha256,
        ..Default::default()
    }))
}

pub(super) fn get(buckets: &Buckets, input: GetObjectInput) -> S3Result<S3Response<GetObjectOutput>> {
    let object = buckets.bucket(&input.bucket)?.get(&input.key)?;
    let record = &object.record;
    let conditions = ReadConditions {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
    conditions.check(record)?;
    let span = span(input.range, record.size)?;
    let Checksums { crc32, crc32c, crc64nvme, sha1, sha256 } =
        shown_checksums(record, input.checksum_mode, input.range);
    let headers = record.headers.clone();
    let bytes = object.content.clone().read(span.clone()).map_err(std::io::Error::other);
    let output = GetObjectOutput {
        body: Some(StreamingBlob::wrap(bytes)),
        accept_ranges: Some("bytes".to_owned()),
        content_length: Some((span.end - span.start) as i64),
        content_range: input.range.map(|_| content_range(&span, record.size)),
        e_tag: Some(record.e_tag()),
        last_modified: Some(record.modified()),
        metadata: headers.metadata(),
        expires: input.response_expires.or(headers.expires()),
        content_type: input.response_content_type.or(headers.content_type).or_else(default_type),
        cache_control: input.response_cache_control.or(headers.cache_control),
        content_encoding: input.response_content_encoding.or(headers.content_encoding),
        content_disposition: input.response_content_disposition.or(headers.content_disposition),
        content_language: input.response_content_language.or(headers.content_language),
        website_redirect_location: headers.website_redirect_location,
        checksum_crc32: crc32,
        checksum_crc32c: crc32c,
        checksum_crc64nvme: crc64nvme,
        checksum_sha1: sha1,
        checksum_sha256: sha256,
        ..Default::default()
    };
    Ok(S3Response::new(output))
}

pub(super) fn head(buckets: &Buckets, input: HeadObjectInput) -> S3Result<S3Response<HeadObjectOutput>> {
    let object = buckets.bucket(&input.bucket)?.get(&input.key)?;
    let record = &object.record;
    let conditions = ReadConditions {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
    conditions.check(record)?;
    let span = span(input.range, record.size)?;
    let Checksums { crc32, crc32c, crc64nvme, sha1, sha256 } =
        shown_checksums(record, input.checksum_mode, input.range);
    let headers = record.headers.clone();
    let mut response = S3Response::new(HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        content_length: Some((span.end - span.start) as i64),
        content_range: input.range.map(|_| content_range(&span, record.size)),
        e_tag: Some(record.e_tag()),
        last_modified: Some(record.modified()),
        metadata: headers.metadata(),
        expires: headers.expires(),
        content_type: headers.content_type.or_else(default_type),
        cache_control: headers.cache_control,
        content_encoding: headers.content_encoding,
        content_disposition: headers.content_disposition,
        content_language: headers.content_language,
        website_redirect_location: headers.website_redirect_location,
        checksum_crc32: crc32,
        checksum_crc32c: crc32c,
        checksum_crc64nvme: crc64nvme,
        checksum_sha1: sha1,
        checksum_sha256: sha256,
        ..Default::default()
    });
    response.status = input.range.map(|_| http::StatusCode::PARTIAL_CONTENT);
    Ok(response)
}

pub(super) fn delete(
    buckets: &Buckets,
    input: DeleteObjectInput,
) -> S3Result<S3Response<DeleteObjectOutput>> {
    let conditions = WriteConditions { if_match: input.if_match, if_none_match: None };
    buckets.bucket(&input.bucket)?.delete(&input.key, &conditions)?;
    Ok(S3Response::new(DeleteObjectOutput::default()))
}

/// What S3 says of an object that was stored without a type.
fn default_type() -> Option<String> {
    Some("binary/octet-stream".to_owned())
}

/// The bytes to send; 416 where the range lies outside of the object.
fn span(range: Option<ByteRange>, size: u64) -> S3Result<Range<u64>> {
    match range {
        None => Ok(0..size),
        Some(range) => range
            .check(size)
            .map_err(|e| s3_error!(e, InvalidRange, "The requested range is not satisfiable")),
    }
}

fn content_range(span: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", span.start, span.end - 1)
}

/// Checksums are of the whole object, and only for those who ask.
fn shown_checksums(record: &Record, mode: Option<ChecksumMode>, range: Option<ByteRange>) -> Checksums {
    let asked = mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED);
    if asked && range.is_none() { record.checksums.clone() } else { Checksums::default() }
}
