//! The whole stack: what it is made of, and where its parts listen.

use std::fmt;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper_util::service::TowerToHyperService;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::cdn::{self, Cdn, CdnOptions, CloudFrontPublicKey};
use crate::clock::Clock;
use crate::cloudfront::{self, CloudFront, Invalidation};
use crate::cognito::{self, Cognito};
use crate::identity::Identity;
use crate::s3::{self, Buckets, Notified};
use crate::server::{listen, serve};
use crate::sqs::{self, Sqs, StaleHandles};
use crate::{StackError, disk};

/// What to start.
#[derive(Clone, Debug)]
pub struct StackOptions {
    /// Everything is kept below this folder, which is made where it is absent.
    pub data: PathBuf,
    /// The region of every name and signature, such as `eu-west-3`.
    pub region: String,
    /// The bucket, made where it is absent. What is created under `uploads/` goes to the queue.
    pub bucket: String,
    /// The queue, made where it is absent, with a dead-letter queue `<queue>-dlq` after five receives.
    pub queue: String,
    /// `http://127.0.0.1:8080`: where the CDN gets manifests, and the one origin that its CORS headers allow.
    pub edge_origin: String,
    /// The CDN's trusted key group.
    pub cloudfront_keys: Vec<CloudFrontPublicKey>,
}

/// A running stack. Dropping it stops it too, without waiting for the end.
pub struct Stack {
    identity: Identity,
    clock: Clock,
    sqs: Arc<Sqs>,
    cloudfront: Arc<CloudFront>,
    cdn: Arc<Cdn>,
    s3_endpoint: String,
    sqs_endpoint: String,
    cdn_url: String,
    api_endpoint: String,
    queue_url: String,
    dlq_url: String,
    issuer: String,
    jwks_url: String,
    servers: Vec<JoinHandle<()>>,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
    /// Locked while the stack runs.
    _data: File,
}

impl Stack {
    /// Starts the stack on four free ports of 127.0.0.1.
    ///
    /// A second start on the same data folder finds everything again: objects, uploads under way, messages, users,
    /// credentials and ids. Only the ports differ, and with them the issuer.
    pub async fn start(options: StackOptions) -> Result<Stack, StackError> {
        check_names(&options)?;
        let data = &options.data;
        disk::create_folder(data)?;
        let lock = lock(data)?;
        let identity = Identity::open(&data.join("identity.json"), &options.region)?;
        let clock = Clock::default();
        let stop = CancellationToken::new();

        let (s3_listener, s3_address) = listen().await?;
        let (sqs_listener, sqs_address) = listen().await?;
        let (cdn_listener, cdn_address) = listen().await?;
        let (api_listener, api_address) = listen().await?;
        let sqs_endpoint = format!("http://{sqs_address}");
        let api_endpoint = format!("http://{api_address}");

        let sqs_folder = data.join("sqs");
        let sqs = Sqs::open(&sqs_folder, &options.region, sqs_endpoint.clone(), clock.clone(), stop.clone())?;
        let queue = sqs.queue_with_dead_letters(&options.queue)?;
        let notified = Notified { bucket: &options.bucket, queue };
        let buckets = Buckets::open(&data.join("s3"), &options.region, clock.clone(), notified)?;
        let cdn = Cdn::new(CdnOptions {
            keys: &options.cloudfront_keys,
            s3_authority: s3_address.to_string(),
            bucket: &options.bucket,
            region: &options.region,
            credentials: identity.credentials.clone(),
            edge_origin: options.edge_origin.trim_end_matches('/'),
            clock: clock.clone(),
        })?;
        let cloudfront =
            CloudFront::open(&data.join("cloudfront"), &identity.distribution_id, clock.clone())?;
        let cognito = Cognito::open(&data.join("cognito"), &api_endpoint, &identity, clock.clone())?;
        let (issuer, jwks_url) = (cognito.issuer().to_owned(), cognito.jwks_url());
        let (sqs, cloudfront, cdn) = (Arc::new(sqs), Arc::new(cloudfront), Arc::new(cdn));

        let api = cloudfront::router(cloudfront.clone()).merge(cognito::router(Arc::new(cognito)));
        let servers = vec![
            serve(s3_listener, s3::service(buckets, &identity.credentials), stop.clone()),
            serve(sqs_listener, TowerToHyperService::new(sqs::router(sqs.clone())), stop.clone()),
            serve(cdn_listener, TowerToHyperService::new(cdn::router(cdn.clone())), stop.clone()),
            serve(api_listener, TowerToHyperService::new(api), stop.clone()),
        ];
        Ok(Stack {
            queue_url: sqs.url(&options.queue),
            dlq_url: sqs.url(&format!("{}-dlq", options.queue)),
            s3_endpoint: format!("http://{s3_address}"),
            cdn_url: format!("http://{cdn_address}"),
            sqs_endpoint,
            api_endpoint,
            identity,
            clock,
            sqs,
            cloudfront,
            cdn,
            issuer,
            jwks_url,
            servers,
            _stop_on_drop: stop.clone().drop_guard(),
            stop,
            _data: lock,
        })
    }

    /// Where S3 listens. Path-style addressing; SigV4 with [`credentials`](Stack::credentials) is verified.
    pub fn s3_endpoint(&self) -> &str {
        &self.s3_endpoint
    }

    /// Where SQS listens.
    pub fn sqs_endpoint(&self) -> &str {
        &self.sqs_endpoint
    }

    /// The queue that uploads are announced on.
    pub fn queue_url(&self) -> &str {
        &self.queue_url
    }

    /// Its dead-letter queue.
    pub fn dlq_url(&self) -> &str {
        &self.dlq_url
    }

    /// CloudFront's data plane, such as `http://127.0.0.1:41234`: what viewers' URLs begin with.
    pub fn cdn_url(&self) -> &str {
        &self.cdn_url
    }

    /// CloudFront's control plane: CreateInvalidation, GetInvalidation, ListInvalidations.
    pub fn cloudfront_endpoint(&self) -> &str {
        &self.api_endpoint
    }

    /// The distribution's id in the control plane.
    pub fn distribution_id(&self) -> &str {
        &self.identity.distribution_id
    }

    /// Where Cognito listens.
    pub fn cognito_endpoint(&self) -> &str {
        &self.api_endpoint
    }

    /// The user pool's id.
    pub fn user_pool_id(&self) -> &str {
        &self.identity.user_pool_id
    }

    /// The pool's one client.
    pub fn client_id(&self) -> &str {
        &self.identity.client_id
    }

    /// `iss` of the pool's tokens: `<cognito endpoint>/<pool id>`, so it changes with the port.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Where the keys are that the pool's tokens are verified by.
    pub fn jwks_url(&self) -> &str {
        &self.jwks_url
    }

    /// Access key and secret key, random at the first start of a data folder.
    pub fn credentials(&self) -> (&str, &str) {
        (&self.identity.credentials.access_key, &self.identity.credentials.secret_key)
    }

    /// The demo user's name and password, the latter random at the first start of a data folder.
    pub fn viewer(&self) -> (&str, &str) {
        (&self.identity.viewer_name, &self.identity.viewer_password)
    }

    /// Every invalidation that the control plane has taken, oldest first.
    pub fn invalidations(&self) -> Vec<Invalidation> {
        self.cloudfront.invalidations()
    }

    /// Puts another key group in the place of the CDN's trusted one, at once: what a changed distribution does in minutes.
    pub fn trust(&self, keys: &[CloudFrontPublicKey]) -> Result<(), StackError> {
        self.cdn.trust(keys)
    }

    /// Chooses how SQS answers to stale receipt handles from now on.
    pub fn set_stale_handles(&self, answer: StaleHandles) {
        self.sqs.set_stale_handles(answer);
    }

    /// Moves the stack's clock forwards: timeouts end, signatures and tokens expire, without a wait.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Stops everything, within a second or little more: waiting receives end empty, answers that are under way get a
    /// second, then their connections close. No task is left.
    pub async fn shutdown(self) {
        self.stop.cancel();
        for server in self.servers {
            if let Err(error) = server.await {
                tracing::error!(%error, "a server of the local stack failed");
            }
        }
    }
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (s3, sqs, cdn, api) = (&self.s3_endpoint, &self.sqs_endpoint, &self.cdn_url, &self.api_endpoint);
        f.debug_struct("Stack").field("s3", s3).field("sqs", sqs).field("cdn", cdn).field("api", api).finish()
    }
}

/// Two stacks on one folder would each overwrite what the other wrote.
fn lock(data: &Path) -> Result<File, StackError> {
    let path = data.join("lock");
    let file = disk::open(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StackError::InUse { folder: data.to_owned() }),
        Err(TryLockError::Error(source)) => Err(disk::failed("lock", &path)(source).into()),
    }
}

fn check_names(options: &StackOptions) -> Result<(), StackError> {
    let is_region = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    // The dead-letter queue's name is four longer.
    let is_queue = |name: &str| sqs::is_queue_name(&format!("{name}-dlq"));
    for (what, value, fits, rule) in [
        ("region", &options.region, is_region(&options.region), "it is of a-z, 0-9 and '-', as in eu-west-3"),
        ("bucket", &options.bucket, s3::is_bucket_name(&options.bucket), "it must be a valid S3 bucket name"),
        (
            "queue",
            &options.queue,
            is_queue(&options.queue),
            "it is 1 to 76 characters of A-Z, a-z, 0-9, '-' and '_'",
        ),
    ] {
        if !fits {
            return Err(StackError::Name { what, value: value.clone(), rule });
        }
    }
    Ok(())
}
