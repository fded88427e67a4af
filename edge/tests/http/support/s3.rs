//! s3s-fs behind a real listener. Objects are put as files into its folder.

use aws_credential_types::Credentials;
use aws_sdk_s3::config::{BehaviorVersion, Region};
use flodrama_asset::SourceRef;
use flodrama_asset::document::{AssetDocument, EarlyPlay, JobState, Pointer, Poster, Preview, Progress};
use flodrama_store::Store;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use serde::Serialize;
use time::OffsetDateTime;

pub const BUCKET: &str = "media";
pub const KEY_ID: &str = "AKIDTEST";
pub const SECRET: &str = "s3-secret-canary";
pub const VERSION: &str = "v0123456789abcdef";

pub const MAIN: &str = r#"#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",NAME="English",LANGUAGE="en",CHANNELS="2",URI="audio/en-2/index.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=2000000,AVERAGE-BANDWIDTH=1800000,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=25.000,AUDIO="aac",CLOSED-CAPTIONS=NONE
video/720p/index.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=100000,CODECS="avc1.64001f",RESOLUTION=640x360,URI="trick/360p/index.m3u8"
#EXT-X-IMAGE-STREAM-INF:BANDWIDTH=10000,RESOLUTION=160x90,CODECS="jpeg",URI="thumbs/images.m3u8"
"#;

pub const MEDIA: &str = r#"#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:6
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-MAP:URI="init.mp4"
#EXTINF:6.000000,
00001.m4s
#EXTINF:2.500000,
00002.m4s
#EXT-X-ENDLIST
"#;

/// A playlist of a preview, so far.
pub const GROWING: &str = r#"#EXTM3U
#EXT-X-VERSION:6
#EXT-X-TARGETDURATION:6
#EXT-X-PLAYLIST-TYPE:EVENT
#EXT-X-MAP:URI="../../../video/720p/init.mp4"
#EXTINF:6.000000,
../../../video/720p/00001.m4s
"#;

pub const STORYBOARD: &str = "WEBVTT\n\n00:00.000 --> 00:05.000\nsprite-001.jpg#xywh=0,0,160,90\n\n\
    00:05.000 --> 00:08.500\nsprite-001.jpg#xywh=160,0,160,90\n";

/// A running S3 with the title `demo` published in it.
pub struct S3 {
    pub endpoint: String,
    folder: tempfile::TempDir,
}

impl S3 {
    pub async fn start() -> S3 {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join(BUCKET)).expect("the bucket");
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).expect("s3s-fs"));
        builder.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
        let service = builder.build();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let http = hyper::server::conn::http1::Builder::new();
                tokio::spawn(http.serve_connection(TokioIo::new(socket), service.clone()));
            }
        });
        let s3 = S3 { endpoint, folder };
        s3.publish("demo", 8_500);
        s3
    }

    pub fn store(&self) -> Store {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(Credentials::new(KEY_ID, SECRET, None, None, "test"))
            .region(Region::new("eu-west-3"))
            .endpoint_url(&self.endpoint)
            .force_path_style(true)
            .build();
        Store::new(aws_sdk_s3::Client::from_conf(config), BUCKET)
    }

    pub fn put(&self, key: &str, content: impl AsRef<[u8]>) {
        let path = self.folder.path().join(BUCKET).join(key);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        std::fs::write(path, content).expect("an object");
    }

    pub fn remove(&self, key: &str) {
        std::fs::remove_file(self.folder.path().join(BUCKET).join(key)).expect("an object");
    }

    /// Takes the whole bucket away.
    pub fn lose_bucket(&self) {
        std::fs::remove_dir_all(self.folder.path().join(BUCKET)).expect("a bucket");
    }

    fn put_json(&self, key: &str, value: &impl Serialize) {
        self.put(key, serde_json::to_vec(value).expect("JSON"));
    }

    /// A published version, small but whole.
    pub fn publish(&self, asset: &str, duration_ms: u64) {
        self.put(&format!("uploads/{asset}.mp4"), asset);
        let source = self.source(asset);
        let version = VERSION.parse().expect("version");
        let published_at = OffsetDateTime::now_utc();
        self.put_json(
            &format!("vod/{asset}/current.json"),
            &Pointer { version, previous: None, published_at, source, undone: None },
        );
        let poster = |width: u32| Poster {
            jpeg: format!("poster/{width}.jpg"),
            webp: format!("poster/{width}.webp"),
            width,
            height: width * 9 / 16,
        };
        let document = AssetDocument {
            title: format!("The {asset}"),
            duration_ms,
            renditions: Vec::new(),
            audio: Vec::new(),
            subs: Vec::new(),
            chapters: Vec::new(),
            posters: vec![poster(640), poster(1280), poster(1920)],
            thumbhash: "1QcSHQRnh493V4dIh4eXh1h4kJUI".into(),
        };
        let folder = format!("vod/{asset}/{VERSION}");
        self.put_json(&format!("{folder}/asset.json"), &document);
        self.put(&format!("{folder}/main.m3u8"), MAIN);
        self.put(&format!("{folder}/video/720p/index.m3u8"), MEDIA);
        self.put(&format!("{folder}/thumbs/storyboard.vtt"), STORYBOARD);
    }

    /// The progress of a job on `uploads/<asset>.mp4`.
    pub fn progress(&self, asset: &str, state: JobState, percent: f64, reason: Option<&str>) {
        self.note(asset, state, percent, reason, None);
    }

    /// A job under way whose first 6 s play.
    pub fn preview(&self, asset: &str, early_play: EarlyPlay) {
        let preview = Preview { early_play, playable_ms: 6_000, duration_ms: 60_000 };
        self.note(asset, JobState::Running, 10.0, None, Some(preview));
        self.put(&format!("vod/{asset}/{VERSION}/preview/main.m3u8"), MAIN);
        self.put(&format!("vod/{asset}/{VERSION}/preview/video/720p/index.m3u8"), GROWING);
    }

    fn note(
        &self,
        asset: &str,
        state: JobState,
        percent: f64,
        reason: Option<&str>,
        preview: Option<Preview>,
    ) {
        self.put(&format!("uploads/{asset}.mp4"), asset);
        let progress = Progress {
            asset: asset.parse().expect("id"),
            version: VERSION.parse().expect("version"),
            state,
            stage: "encode".into(),
            percent,
            speed: None,
            eta_s: None,
            rungs: Vec::new(),
            preview,
            reason: reason.map(str::to_owned),
            source: self.source(asset),
            updated_at: OffsetDateTime::now_utc(),
        };
        self.put_json(&format!("jobs/{asset}/{VERSION}/progress.json"), &progress);
    }

    fn source(&self, asset: &str) -> SourceRef {
        let etag = hex::encode(
            openssl::hash::hash(openssl::hash::MessageDigest::md5(), asset.as_bytes()).expect("MD5"),
        );
        let key = format!("uploads/{asset}.mp4");
        SourceRef {
            bucket: BUCKET.into(),
            key,
            etag,
            version_id: None,
            sequencer: None,
            sidecars: Vec::new(),
        }
    }
}
