//! What every suite needs: a stack on a data folder, SDK clients of it, and a wait on a condition.

#![allow(dead_code, reason = "each suite uses its part")]

use std::path::Path;
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_sdk_s3::config::{BehaviorVersion, Region, retry::RetryConfig};
use flodrama_local_aws::{CloudFrontPublicKey, Stack, StackOptions};

pub const REGION: &str = "eu-west-3";
pub const BUCKET: &str = "flodrama-media-test";
pub const QUEUE: &str = "flodrama-uploads";
pub const EDGE: &str = "http://127.0.0.1:8080";

/// Options for a stack on `data`.
pub fn options(data: &Path) -> StackOptions {
    StackOptions {
        data: data.to_owned(),
        region: REGION.into(),
        bucket: BUCKET.into(),
        queue: QUEUE.into(),
        edge_origin: EDGE.into(),
        cloudfront_keys: Vec::new(),
    }
}

/// A stack on `data` whose key group has these keys.
pub async fn start(data: &Path, cloudfront_keys: Vec<CloudFrontPublicKey>) -> Stack {
    Stack::start(StackOptions { cloudfront_keys, ..options(data) }).await.expect("the stack starts")
}

/// An S3 client. It does not retry, so that a test sees each answer.
pub fn s3(endpoint: &str, keys: (&str, &str)) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::new(keys.0, keys.1, None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .force_path_style(true)
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

/// An SQS client.
pub fn sqs(endpoint: &str) -> aws_sdk_sqs::Client {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::new("any", "any", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .build();
    aws_sdk_sqs::Client::from_conf(config)
}

/// A CloudFront client.
pub fn cloudfront(endpoint: &str) -> aws_sdk_cloudfront::Client {
    let config = aws_sdk_cloudfront::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::new("any", "any", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .build();
    aws_sdk_cloudfront::Client::from_conf(config)
}

/// Asks again until there is an answer; a failure after ten seconds names what was waited for.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
