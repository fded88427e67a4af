//! The two peers that the suite runs over: our stand-ins, and moto, which others wrote.

use aws_sdk_cloudfront::types::{
    DefaultCacheBehavior, DistributionConfig, Origin, Origins, S3OriginConfig, ViewerProtocolPolicy,
};
use aws_sdk_s3::types::{
    BucketLocationConstraint, CreateBucketConfiguration, Event, FilterRule, FilterRuleName,
    NotificationConfiguration, NotificationConfigurationFilter, QueueConfiguration, S3KeyFilter,
};
use aws_sdk_sqs::types::QueueAttributeName;
use flodrama_local_aws::Stack;
use tempfile::TempDir;

use super::moto;
use crate::support;

/// One S3, SQS and CloudFront, with a bucket that announces `uploads/` on a queue with a dead-letter queue.
pub struct Peer {
    pub s3: aws_sdk_s3::Client,
    pub sqs: aws_sdk_sqs::Client,
    pub cloudfront: aws_sdk_cloudfront::Client,
    pub bucket: String,
    pub queue_url: String,
    pub dlq_url: String,
    pub distribution_id: String,
    ours: Option<(Stack, TempDir)>,
}

impl Peer {
    /// Our stand-ins, on a data folder of their own.
    pub async fn ours() -> Peer {
        let data = tempfile::tempdir().expect("folder");
        let stack = support::start(data.path(), Vec::new()).await;
        Peer {
            s3: support::s3(stack.s3_endpoint(), stack.credentials()),
            sqs: support::sqs(stack.sqs_endpoint()),
            cloudfront: support::cloudfront(stack.cloudfront_endpoint()),
            bucket: support::BUCKET.into(),
            queue_url: stack.queue_url().into(),
            dlq_url: stack.dlq_url().into(),
            distribution_id: stack.distribution_id().into(),
            ours: Some((stack, data)),
        }
    }

    /// True for moto, where its known faults must be let pass.
    pub fn is_moto(&self) -> bool {
        self.ours.is_none()
    }

    /// Our stack, in checks that run over ours only.
    pub fn stack(&self) -> &Stack {
        &self.ours.as_ref().expect("a check of ours").0
    }

    /// moto, with a bucket and queues of this check's own.
    pub async fn moto(check: &str) -> Peer {
        let endpoint = moto::endpoint();
        let name = check.replace('_', "-");
        let name = &name[..name.len().min(55)];
        let s3 = support::s3(endpoint, ("any", "any"));
        let sqs = support::sqs(endpoint);
        let cloudfront = support::cloudfront(endpoint);
        let dlq_url = create_queue(&sqs, &format!("{name}-dlq"), None).await;
        let dlq_arn = arn(&sqs, &dlq_url).await;
        let policy = format!(r#"{{"deadLetterTargetArn":"{dlq_arn}","maxReceiveCount":"5"}}"#);
        let queue_url = create_queue(&sqs, name, Some(policy)).await;
        create_bucket(&s3, name, &arn(&sqs, &queue_url).await).await;
        let distribution_id = create_distribution(&cloudfront, name).await;
        Peer { s3, sqs, cloudfront, bucket: name.into(), queue_url, dlq_url, distribution_id, ours: None }
    }

    /// Stops what was started.
    pub async fn end(self) {
        if let Some((stack, _data)) = self.ours {
            stack.shutdown().await;
        }
    }
}

async fn create_queue(sqs: &aws_sdk_sqs::Client, name: &str, redrive: Option<String>) -> String {
    let mut request = sqs.create_queue().queue_name(name);
    if let Some(policy) = redrive {
        request = request.attributes(QueueAttributeName::RedrivePolicy, policy);
    }
    request.send().await.expect("queue").queue_url.expect("url")
}

async fn arn(sqs: &aws_sdk_sqs::Client, url: &str) -> String {
    let request = sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::QueueArn);
    let attributes = request.send().await.expect("attributes").attributes.expect("some");
    attributes[&QueueAttributeName::QueueArn].clone()
}

async fn create_bucket(s3: &aws_sdk_s3::Client, name: &str, queue_arn: &str) {
    let place =
        CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::EuWest3).build();
    s3.create_bucket().bucket(name).create_bucket_configuration(place).send().await.expect("bucket");
    let uploads = FilterRule::builder().name(FilterRuleName::Prefix).value("uploads/").build();
    let filter = S3KeyFilter::builder().filter_rules(uploads).build();
    let queue = QueueConfiguration::builder()
        .queue_arn(queue_arn)
        .events(Event::S3ObjectCreated)
        .filter(NotificationConfigurationFilter::builder().key(filter).build())
        .build()
        .expect("queue configuration");
    s3.put_bucket_notification_configuration()
        .bucket(name)
        .notification_configuration(NotificationConfiguration::builder().queue_configurations(queue).build())
        .send()
        .await
        .expect("notifications");
}

async fn create_distribution(cloudfront: &aws_sdk_cloudfront::Client, bucket: &str) -> String {
    let origin = Origin::builder()
        .id("s3")
        .domain_name(format!("{bucket}.s3.amazonaws.com"))
        .s3_origin_config(S3OriginConfig::builder().origin_access_identity("").build())
        .build()
        .expect("origin");
    let behaviour = DefaultCacheBehavior::builder()
        .target_origin_id("s3")
        .viewer_protocol_policy(ViewerProtocolPolicy::AllowAll)
        .build()
        .expect("behaviour");
    let config = DistributionConfig::builder()
        .caller_reference(bucket)
        .origins(Origins::builder().quantity(1).items(origin).build().expect("origins"))
        .default_cache_behavior(behaviour)
        .comment("")
        .enabled(true)
        .build()
        .expect("distribution");
    let created = cloudfront.create_distribution().distribution_config(config).send().await.expect("created");
    created.distribution.expect("distribution").id
}
