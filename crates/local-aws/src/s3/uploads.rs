//! The multipart operations.

use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CreateMultipartUploadInput, CreateMultipartUploadOutput, ETag,
    ListMultipartUploadsInput, ListMultipartUploadsOutput, ListPartsInput, ListPartsOutput, MultipartUpload,
    Part, UploadPartInput, UploadPartOutput,
};
use s3s::{S3Request, S3Response, S3Result};

use super::Buckets;
use super::bucket::Draft;
use super::checksums::{Checksums, Declared};
use super::conditions::WriteConditions;
use super::events::created;
use super::multipart::{self, Assembled, Upload, check_number};
use super::objects::{check_key, declared_of};
use super::receive::receive;
use super::record::headers_of;
use crate::clock;

/// Most parts that S3 lists at once.
const MAX_LISTED: usize = 1000;

pub(super) fn create(
    buckets: &Buckets,
    mut input: CreateMultipartUploadInput,
) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
    check_key(&input.key)?;
    let bucket = buckets.bucket(&input.bucket)?;
    let upload =
        Upload { headers: headers_of!(input), key: input.key.clone(), initiated_s: bucket.clock.now_s() };
    let upload_id = bucket.uploads.create(upload)?;
    Ok(S3Response::new(CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(upload_id),
        checksum_algorithm: input.checksum_algorithm,
        checksum_type: input.checksum_type,
        ..Default::default()
    }))
}

pub(super) async fn part(
    buckets: &Buckets,
    mut req: S3Request<UploadPartInput>,
) -> S3Result<S3Response<UploadPartOutput>> {
    let declared: Declared = declared_of!(req)?;
    let input = req.input;
    check_number(input.part_number)?;
    let bucket = buckets.bucket(&input.bucket)?;
    // Before the body, so that a wrong id does not cost an upload of gigabytes.
    bucket.uploads.find(&input.upload_id, &input.key)?;
    let received = receive(&bucket.bytes, input.body, declared).await?;
    let Checksums { crc32, crc32c, crc64nvme, sha1, sha256 } = received.checksums.clone();
    let part =
        multipart::Part::new(received.content, &received.md5, bucket.clock.now_s(), received.checksums);
    let e_tag = ETag::Strong(part.etag.clone());
    bucket.uploads.add_part(&input.upload_id, &input.key, input.part_number, part)?;
    Ok(S3Response::new(UploadPartOutput {
        e_tag: Some(e_tag),
        checksum_crc32: crc32,
        checksum_crc32c: crc32c,
        checksum_crc64nvme: crc64nvme,
        checksum_sha1: sha1,
        checksum_sha256: sha256,
        ..Default::default()
    }))
}

pub(super) fn complete(
    buckets: &Buckets,
    input: CompleteMultipartUploadInput,
) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
    let bucket = buckets.bucket(&input.bucket)?;
    let chosen = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
    let conditions = WriteConditions { if_match: input.if_match, if_none_match: input.if_none_match };
    let write = |assembled: Assembled| {
        let draft = Draft {
            key: assembled.upload.key,
            content: assembled.content,
            etag: assembled.etag,
            headers: assembled.upload.headers,
            // Each part was checked as it came. A checksum of the whole is not kept: it would have to be made anew.
            checksums: Checksums::default(),
            event: created::MULTIPART,
        };
        bucket.put(draft, &conditions)
    };
    let object = bucket.uploads.complete(&input.upload_id, &input.key, &chosen, &bucket.bytes, write)?;
    Ok(S3Response::new(CompleteMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        e_tag: Some(object.record.e_tag()),
        ..Default::default()
    }))
}

pub(super) fn abort(
    buckets: &Buckets,
    input: AbortMultipartUploadInput,
) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
    buckets.bucket(&input.bucket)?.uploads.abort(&input.upload_id, &input.key)?;
    Ok(S3Response::new(AbortMultipartUploadOutput::default()))
}

pub(super) fn list_parts(buckets: &Buckets, input: ListPartsInput) -> S3Result<S3Response<ListPartsOutput>> {
    let parts = buckets.bucket(&input.bucket)?.uploads.parts(&input.upload_id, &input.key)?;
    let after = input.part_number_marker.unwrap_or(0);
    let max = input.max_parts.map_or(MAX_LISTED, |max| usize::try_from(max).unwrap_or(0).min(MAX_LISTED));
    let mut rest = parts.range(after + 1..);
    let listed: Vec<Part> = rest
        .by_ref()
        .take(max)
        .map(|(number, part)| Part {
            part_number: Some(*number),
            e_tag: Some(ETag::Strong(part.etag.clone())),
            size: Some(part.size as i64),
            last_modified: Some(clock::date(part.modified_s * 1000).into()),
            checksum_crc32: part.checksums.crc32.clone(),
            checksum_crc32c: part.checksums.crc32c.clone(),
            checksum_crc64nvme: part.checksums.crc64nvme.clone(),
            checksum_sha1: part.checksums.sha1.clone(),
            checksum_sha256: part.checksums.sha256.clone(),
        })
        .collect();
    let truncated = rest.next().is_some();
    let last = listed.last().and_then(|part| part.part_number);
    Ok(S3Response::new(ListPartsOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        part_number_marker: input.part_number_marker,
        next_part_number_marker: last.filter(|_| truncated),
        max_parts: Some(max as i32),
        is_truncated: Some(truncated),
        parts: Some(listed),
        ..Default::default()
    }))
}

/// All uploads under way on one page: a stand-in never has the thousand that S3 needs a second page for.
pub(super) fn list_uploads(
    buckets: &Buckets,
    input: ListMultipartUploadsInput,
) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let uploads = buckets.bucket(&input.bucket)?.uploads.all();
    let uploads = uploads.into_iter().filter(|(_, upload)| upload.key.starts_with(prefix));
    let uploads = uploads.map(|(id, upload)| MultipartUpload {
        key: Some(upload.key),
        upload_id: Some(id),
        initiated: Some(clock::date(upload.initiated_s * 1000).into()),
        ..Default::default()
    });
    Ok(S3Response::new(ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        is_truncated: Some(false),
        uploads: Some(uploads.collect()),
        prefix: input.prefix,
        ..Default::default()
    }))
}
