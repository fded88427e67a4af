//! CopyObject and UploadPartCopy.

use std::sync::Arc;

use s3s::dto::{
    CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopyPartResult, CopySource, ETag, MetadataDirective,
    Range as ByteRange, StreamingBlob, UploadPartCopyInput, UploadPartCopyOutput,
};
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use super::Buckets;
use super::bucket::Draft;
use super::checksums::Declared;
use super::conditions::{ReadConditions, WriteConditions};
use super::events::created;
use super::multipart::{Part, check_number};
use super::objects::check_key;
use super::receive::receive;
use super::record::{Object, headers_of};

pub(super) async fn object(
    buckets: &Buckets,
    req: S3Request<CopyObjectInput>,
) -> S3Result<S3Response<CopyObjectOutput>> {
    // S3 takes these two on a copy as on a put; the protocol layer does not read them here.
    let condition = |name| match req.headers.get(name).map(|value| value.to_str().unwrap_or_default().parse())
    {
        None => Ok(None),
        Some(Ok(condition)) => Ok(Some(condition)),
        Some(Err(_)) => Err(s3_error!(InvalidArgument, "{name} is not an entity tag")),
    };
    let conditions =
        WriteConditions { if_match: condition("if-match")?, if_none_match: condition("if-none-match")? };
    let mut input = req.input;
    check_key(&input.key)?;
    let target = buckets.bucket(&input.bucket)?;
    let source = source(
        buckets,
        &input.copy_source,
        ReadConditions {
            if_match: input.copy_source_if_match.take(),
            if_none_match: input.copy_source_if_none_match.take(),
            if_modified_since: input.copy_source_if_modified_since.take(),
            if_unmodified_since: input.copy_source_if_unmodified_since.take(),
        },
    )?;
    let replace = input
        .metadata_directive
        .as_ref()
        .is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE);
    let headers = if replace { headers_of!(input) } else { source.record.headers.clone() };
    let (content, folder) = (source.content.clone(), target.bytes.clone());
    let duplicate = tokio::task::spawn_blocking(move || content.duplicate(&folder));
    let content = duplicate.await.map_err(S3Error::internal_error)?.map_err(S3Error::internal_error)?;
    let draft = Draft {
        key: input.key,
        content,
        etag: source.record.etag.clone(),
        headers,
        checksums: source.record.checksums.clone(),
        event: created::COPY,
    };
    let copy = target.put(draft, &conditions)?;
    let copy_object_result = CopyObjectResult {
        e_tag: Some(copy.record.e_tag()),
        last_modified: Some(copy.record.modified()),
        ..Default::default()
    };
    Ok(S3Response::new(CopyObjectOutput {
        copy_object_result: Some(copy_object_result),
        ..Default::default()
    }))
}

pub(super) async fn part(
    buckets: &Buckets,
    input: UploadPartCopyInput,
) -> S3Result<S3Response<UploadPartCopyOutput>> {
    check_number(input.part_number)?;
    let target = buckets.bucket(&input.bucket)?;
    target.uploads.find(&input.upload_id, &input.key)?;
    let source = source(
        buckets,
        &input.copy_source,
        ReadConditions {
            if_match: input.copy_source_if_match,
            if_none_match: input.copy_source_if_none_match,
            if_modified_since: input.copy_source_if_modified_since,
            if_unmodified_since: input.copy_source_if_unmodified_since,
        },
    )?;
    let span = match input.copy_source_range.as_deref() {
        None => 0..source.record.size,
        Some(range) => ByteRange::parse(range)
            .ok()
            .and_then(|range| range.check(source.record.size).ok())
            .ok_or_else(|| s3_error!(InvalidArgument, "The x-amz-copy-source-range value is not valid"))?,
    };
    let body = StreamingBlob::wrap(source.content.clone().read(span));
    let received = receive(&target.bytes, Some(body), Declared::default()).await?;
    let part = Part::new(received.content, &received.md5, target.clock.now_s(), received.checksums);
    let copied = CopyPartResult {
        e_tag: Some(ETag::Strong(part.etag.clone())),
        last_modified: Some(target.clock.now().into()),
        ..Default::default()
    };
    target.uploads.add_part(&input.upload_id, &input.key, input.part_number, part)?;
    Ok(S3Response::new(UploadPartCopyOutput { copy_part_result: Some(copied), ..Default::default() }))
}

fn source(buckets: &Buckets, source: &CopySource, conditions: ReadConditions) -> S3Result<Arc<Object>> {
    let CopySource::Bucket { bucket, key, .. } = source else {
        return Err(s3_error!(NotImplemented, "Only a bucket and key can be the source of a copy here"));
    };
    let object = buckets.bucket(bucket)?.get(key)?;
    conditions.check_source(&object.record)?;
    Ok(object)
}
