//! A stack, workers on it, and what a test asks of both.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use aws_sdk_s3::config::Credentials;
use aws_sdk_sqs::types::QueueAttributeName;
use flodrama_asset::document::{Failure, Pointer};
use flodrama_asset::{AssetId, JobFile, ObjectKey};
use flodrama_local_aws::{Stack, StackOptions};
use flodrama_store::Store;
use flodrama_worker::app::{App, Clients};
use flodrama_worker::config::{self, Config};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub const BUCKET: &str = "flodrama-media-test";
pub const WITHIN: Duration = Duration::from_secs(180);
const REGION: &str = "eu-west-3";

pub struct Bench {
    pub stack: Stack,
    pub folder: tempfile::TempDir,
    pub s3: aws_sdk_s3::Client,
    pub sqs: aws_sdk_sqs::Client,
    pub cloudfront: aws_sdk_cloudfront::Client,
    pub store: Store,
}

/// A worker at work. Ends with the test's runtime, at the latest.
pub struct Worker {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    scratch: PathBuf,
}

impl Worker {
    /// Stops it as a signal does.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        self.task.await.expect("it ends well");
    }

    /// True where it has no job: there is nothing in its part of scratch.
    pub fn is_idle(&self) -> bool {
        let entries = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut parts = entries(&self.scratch).map(|entry| entry.path()).filter(|path| path.is_dir());
        parts.all(|part| entries(&part).next().is_none())
    }
}

impl Bench {
    /// An empty queue: S3's test event is taken away.
    pub async fn start() -> Bench {
        let folder = tempfile::tempdir().expect("folder");
        let stack = Stack::start(StackOptions {
            data: folder.path().join("data"),
            region: REGION.into(),
            bucket: BUCKET.into(),
            queue: "uploads".into(),
            edge_origin: "http://127.0.0.1:8080".into(),
            cloudfront_keys: Vec::new(),
        });
        let stack = stack.await.expect("the stack starts");
        let (id, secret) = stack.credentials();
        let credentials = Credentials::new(id, secret, None, None, "test");
        let load = async |endpoint: &str| {
            aws_config::defaults(aws_config::BehaviorVersion::latest())
                .region(aws_config::Region::new(REGION))
                .credentials_provider(credentials.clone())
                .endpoint_url(endpoint)
                .load()
                .await
        };
        let s3 = aws_sdk_s3::config::Builder::from(&load(stack.s3_endpoint()).await).force_path_style(true);
        let s3 = aws_sdk_s3::Client::from_conf(s3.build());
        let sqs = aws_sdk_sqs::Client::new(&load(stack.sqs_endpoint()).await);
        let cloudfront = aws_sdk_cloudfront::Client::new(&load(stack.cloudfront_endpoint()).await);
        let store = Store::new(s3.clone(), BUCKET);
        let bench = Bench { stack, folder, s3, sqs, cloudfront, store };
        bench.hold_to_the_policy().await;
        bench.purge().await;
        bench
    }

    /// Puts the shipped policy on the bucket: no test's worker may need what it denies.
    async fn hold_to_the_policy(&self) {
        let policy =
            include_str!("../../../../deploy/bucket-policy.json").replace("flodrama-media-prod", BUCKET);
        self.s3.put_bucket_policy().bucket(BUCKET).policy(policy).send().await.expect("a policy");
    }

    pub async fn purge(&self) {
        self.sqs.purge_queue().queue_url(self.stack.queue_url()).send().await.expect("an empty queue");
    }

    /// Starts a worker with a scratch folder of its own.
    pub fn worker(&self, name: &str, change: impl FnOnce(&mut Config)) -> Worker {
        let scratch = self.folder.path().join(name);
        let mut config = Config {
            s3: config::S3 { bucket: BUCKET.into(), endpoint_url: None },
            queue: config::Queue {
                url: self.stack.queue_url().into(),
                endpoint_url: None,
                visibility_timeout_s: 30,
                hold_at_most_s: config::hold_at_most_s(),
            },
            work: config::Work {
                scratch: Some(scratch.clone()),
                child: Some(env!("CARGO_BIN_EXE_flodrama").into()),
                families: Vec::new(),
                jobs: Some(1),
                preset: self.short_chunks(),
                ..config::Work::default()
            },
            limits: config::limits(),
            cloudfront: config::CloudFront::default(),
            spot: config::Spot::default(),
            log: config::Log::default(),
        };
        change(&mut config);
        let clients =
            Clients { store: self.store.clone(), sqs: self.sqs.clone(), cloudfront: self.cloudfront.clone() };
        let app = App::with(config, clients).expect("a worker");
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(app.run(async {
            // Dropped with the test: then it ends as well.
            let _ = stopped.await;
        }));
        Worker { stop, task, scratch }
    }

    /// The shipped preset with chunks of one short segment.
    fn short_chunks(&self) -> String {
        let shipped = include_str!("../../../../presets/web-h264.toml");
        let short = shipped.replace("segment_gops = 3", "segment_gops = 1");
        let path = self.folder.path().join("short.toml");
        let short = short.replace("chunk_segments = 2", "chunk_segments = 1");
        std::fs::write(&path, short).expect("preset");
        path.to_str().expect("a plain path").to_owned()
    }

    /// A clip of so many seconds.
    pub fn clip(&self, seconds: u32) -> Vec<u8> {
        let path = self.folder.path().join(format!("{seconds}.mp4"));
        let picture = format!("testsrc2=s=320x180:r=25:d={seconds}");
        let sound = format!("sine=f=440:d={seconds}");
        let done = Command::new("ffmpeg")
            .args(["-v", "error", "-y", "-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound])
            .args(["-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-c:a", "aac"])
            .arg(&path)
            .output()
            .expect("ffmpeg runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        std::fs::read(path).expect("the clip")
    }

    /// Uploads; S3 announces it. Gives the entity tag.
    pub async fn upload(&self, key: &str, bytes: impl Into<Vec<u8>>) -> String {
        let put = self.s3.put_object().bucket(BUCKET).key(key).body(bytes.into().into());
        let etag = put.send().await.expect("an upload").e_tag.expect("an entity tag");
        etag.trim_matches('"').to_owned()
    }

    pub async fn send(&self, body: &str) {
        let send = self.sqs.send_message().queue_url(self.stack.queue_url()).message_body(body);
        send.send().await.expect("sent");
    }

    /// Messages in a queue: to be had, and held or delayed.
    pub async fn messages(&self, url: &str) -> usize {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        let ask = self.sqs.get_queue_attributes().queue_url(url);
        let ask = ask.set_attribute_names(Some(names.to_vec())).send().await;
        let counts = ask.expect("an answer").attributes.expect("counts");
        names.iter().map(|name| counts[name].parse::<usize>().expect("a number")).sum()
    }

    /// Waits until every message is acknowledged; none may have died.
    pub async fn drained(&self) {
        until("an empty queue", async || (self.messages(self.stack.queue_url()).await == 0).then_some(()))
            .await;
        assert_eq!(self.messages(self.stack.dlq_url()).await, 0, "dead letters");
    }

    pub async fn pointer(&self, asset: &str) -> Option<(Pointer, String)> {
        let asset: AssetId = asset.parse().expect("an id");
        self.store.get_json(&ObjectKey::Pointer(asset)).await.expect("an answer")
    }

    /// Every failure that is on record.
    pub async fn failures(&self) -> Vec<Failure> {
        let mut failures = Vec::new();
        for key in self.keys("jobs/").await.iter().filter(|key| key.ends_with("/failure.json")) {
            let parts: Vec<&str> = key.split('/').collect();
            let (asset, version) = (parts[1].parse().expect("an id"), parts[2].parse().expect("a version"));
            let found = self.store.get_json(&ObjectKey::Job(asset, version, JobFile::Failure)).await;
            failures.extend(found.expect("an answer").map(|(failure, _)| failure));
        }
        failures
    }

    pub async fn keys(&self, prefix: &str) -> Vec<String> {
        let listed = self.store.list(prefix).await.expect("a listing");
        listed.into_iter().map(|object| object.key).collect()
    }

    /// Waits for so many commits of chunks.
    pub async fn chunks(&self, count: usize) -> Vec<String> {
        until("chunks", async || {
            let keys = self.keys("jobs/").await;
            let chunks: Vec<_> = keys.into_iter().filter(|key| key.contains("/commits/chunk-")).collect();
            (chunks.len() >= count).then_some(chunks)
        })
        .await
    }

    /// Runs `flodrama` against this stack.
    pub fn command(&self, args: &[&str]) -> String {
        let (id, secret) = self.stack.credentials();
        let stack = &self.stack;
        let settings = format!(
            "[aws]\nregion = '{REGION}'\naccess_key_id = '{id}'\nsecret_access_key = '{secret}'\n\
             [s3]\nbucket = '{BUCKET}'\nendpoint_url = '{}'\n\
             [queue]\nurl = '{}'\ndead_letter_url = '{}'\nendpoint_url = '{}'\n\
             [cloudfront]\ndistribution_id = '{}'\nurl = '{}'\nendpoint_url = '{}'\n\
             [edge]\nurl = 'http://127.0.0.1:8080'\n\
             [cognito]\nendpoint_url = '{}'\nclient_id = '{}'\nusername = 'u'\npassword = 'test-pass'\n",
            stack.s3_endpoint(),
            stack.queue_url(),
            stack.dlq_url(),
            stack.sqs_endpoint(),
            stack.distribution_id(),
            stack.cdn_url(),
            stack.cloudfront_endpoint(),
            stack.cognito_endpoint(),
            stack.client_id(),
        );
        let file = self.folder.path().join("flodrama.toml");
        std::fs::write(&file, settings).expect("settings");
        let flodrama =
            Command::new(env!("CARGO_BIN_EXE_flodrama")).arg("--config").arg(&file).args(args).output();
        let done = flodrama.expect("it runs");
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).expect("text")
    }
}

/// Asks again until there is an answer; a failure names what was waited for.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < WITHIN, "waited {WITHIN:?} in vain for {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The event of an upload, as S3 writes it.
pub fn event(key: &str, etag: &str, sequencer: Option<&str>) -> String {
    let sequencer = sequencer.map_or(String::new(), |s| format!(r#","sequencer":"{s}""#));
    format!(
        r#"{{"Records":[{{"eventVersion":"2.1","eventName":"ObjectCreated:Put","s3":{{"bucket":{{"name":"{BUCKET}"}},
        "object":{{"key":"{key}","size":1,"eTag":"{etag}"{sequencer}}}}}}}]}}"#
    )
}
