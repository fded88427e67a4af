//! The real AWS SDK clients, with explicit endpoints and credentials.

use aws_credential_types::Credentials;
use aws_sdk_s3::config::{BehaviorVersion, Region};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use aws_sdk_sqs::types::QueueAttributeName;

use super::stack::Settings;

/// The least that S3 takes as a part that is not the last.
const PART_BYTES: usize = 5 << 20;

/// Where services listen, and who asks.
#[derive(Clone, Copy, Debug)]
pub struct Access<'a> {
    pub endpoint: &'a str,
    pub region: &'a str,
    pub key_id: &'a str,
    pub secret: &'a str,
}

impl<'a> Access<'a> {
    /// The S3 of a stack.
    pub fn to_s3(settings: &'a Settings) -> Access<'a> {
        let aws = &settings.aws;
        let (key_id, secret) = (&aws.access_key_id, &aws.secret_access_key);
        Access { endpoint: &settings.s3.endpoint_url, region: &aws.region, key_id, secret }
    }

    fn credentials(&self) -> Credentials {
        Credentials::new(self.key_id, self.secret, None, None, "test")
    }

    pub fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.region.to_owned()))
            .endpoint_url(self.endpoint)
            .credentials_provider(self.credentials())
            .force_path_style(true)
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }

    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.region.to_owned()))
            .endpoint_url(self.endpoint)
            .credentials_provider(self.credentials())
            .build();
        aws_sdk_sqs::Client::from_conf(config)
    }
}

/// Uploads as every large file is: part by part.
pub async fn multipart(s3: &aws_sdk_s3::Client, bucket: &str, key: &str, bytes: &[u8]) {
    let created = s3.create_multipart_upload().bucket(bucket).key(key).send().await.expect("an upload");
    let id = created.upload_id.expect("an id");
    let mut parts = Vec::new();
    for (number, part) in (1..).zip(bytes.chunks(PART_BYTES)) {
        let body = ByteStream::from(part.to_vec());
        let part = s3.upload_part().bucket(bucket).key(key).upload_id(&id).part_number(number).body(body);
        let etag = part.send().await.expect("a part").e_tag.expect("an entity tag");
        parts.push(CompletedPart::builder().part_number(number).e_tag(etag).build());
    }
    let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let complete =
        s3.complete_multipart_upload().bucket(bucket).key(key).upload_id(&id).multipart_upload(parts);
    complete.send().await.expect("a finished upload");
}

/// True where no message waits in a queue or is held by anybody.
pub async fn is_empty(sqs: &aws_sdk_sqs::Client, queue_url: &str) -> bool {
    let counts = [
        QueueAttributeName::ApproximateNumberOfMessages,
        QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        QueueAttributeName::ApproximateNumberOfMessagesDelayed,
    ];
    let ask = sqs.get_queue_attributes().queue_url(queue_url).set_attribute_names(Some(counts.to_vec()));
    let found = ask.send().await.expect("an answer").attributes.expect("counts");
    counts.iter().all(|count| found[count] == "0")
}

/// All keys below a prefix.
pub async fn keys(s3: &aws_sdk_s3::Client, bucket: &str, prefix: &str) -> Vec<String> {
    let mut pages = s3.list_objects_v2().bucket(bucket).prefix(prefix).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let objects = page.expect("a page").contents.unwrap_or_default();
        found.extend(objects.into_iter().filter_map(|object| object.key));
    }
    found
}

/// An object's bytes, if there is such an object.
pub async fn object(s3: &aws_sdk_s3::Client, bucket: &str, key: &str) -> Option<Vec<u8>> {
    match s3.get_object().bucket(bucket).key(key).send().await {
        Ok(found) => Some(found.body.collect().await.expect("the whole body").to_vec()),
        Err(e) if e.as_service_error().is_some_and(|e| e.is_no_such_key()) => None,
        Err(e) => panic!("{key}: {e:?}"),
    }
}
