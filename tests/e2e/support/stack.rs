//! `flodrama up` as a user starts it, and what it writes down about itself.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{OnceLock, mpsc};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::clip::{Clip, Sound};
use super::process::{Finished, Process, run};
use super::programs;

/// Starting takes a moment, publishing an episode of half a minute a little more.
const READY_WITHIN: Duration = Duration::from_secs(30);
const PUBLISHED_WITHIN: Duration = Duration::from_secs(150);

/// `<data>/flodrama.toml`.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    pub aws: Aws,
    pub s3: Bucket,
    pub cloudfront: CloudFront,
    pub edge: Edge,
    pub cognito: Cognito,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Aws {
    pub region: String,
    pub access_key_id: String,
    pub secret_access_key: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Bucket {
    pub bucket: String,
    pub endpoint_url: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct CloudFront {
    pub url: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Edge {
    pub url: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Cognito {
    pub endpoint_url: String,
    pub client_id: String,
    pub username: String,
    pub password: String,
}

/// A running stack.
#[derive(Debug)]
pub struct Stack {
    pub process: Process,
    pub data: PathBuf,
    pub settings: Settings,
}

impl Stack {
    /// Starts a stack on `data` that publishes `files`, and waits until it listens.
    pub fn start(data: &Path, files: &[&Path]) -> Stack {
        let process = Process::start(&programs::flodrama(), |command| {
            command.arg("up").arg("--data").arg(data).args(["--port", "0"]).args(files);
        });
        Stack::ready(process, data)
    }

    /// The same on a single core, for what must take a while on every machine.
    pub fn start_on_one_core(data: &Path) -> Stack {
        let process = Process::start(Path::new("taskset"), |command| {
            let up = command.args(["--cpu-list", "0"]).arg(programs::flodrama()).arg("up");
            up.arg("--data").arg(data).args(["--port", "0"]);
        });
        Stack::ready(process, data)
    }

    fn ready(process: Process, data: &Path) -> Stack {
        process.line("ready line", READY_WITHIN, |line| line.strip_prefix("ready ").map(str::to_owned));
        let text = std::fs::read_to_string(data.join("flodrama.toml")).expect("up writes its settings");
        let settings = toml::from_str(&text).expect("the settings that the contract names");
        Stack { process, data: data.to_owned(), settings }
    }

    /// The player page that it prints for a published asset, with its token.
    pub fn page(&self, asset: &str) -> String {
        let wanted = format!("/watch/{asset}#token=");
        self.process.line(&format!("player page of {asset}"), PUBLISHED_WITHIN, |line| {
            let url = line.strip_prefix("player page ")?.trim();
            url.contains(&wanted).then(|| url.to_owned())
        })
    }

    /// The signed manifest URL that it prints for a published asset.
    pub fn manifest(&self, asset: &str) -> String {
        let wanted = format!("/vod/{asset}/");
        self.process.line(&format!("manifest of {asset}"), PUBLISHED_WITHIN, |line| {
            let url = line.strip_prefix("manifest ")?.trim();
            url.contains(&wanted).then(|| url.to_owned())
        })
    }

    /// Runs another command against this stack.
    pub fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Finished {
        let config = self.data.join("flodrama.toml");
        let head = [OsStr::new("--config"), config.as_os_str()].map(OsStr::to_owned);
        let args = args.into_iter().map(|arg| arg.as_ref().to_owned());
        run(programs::flodrama(), head.into_iter().chain(args))
    }

    /// What `status --json` says of an asset, if it knows it.
    pub fn status(&self, asset: &str) -> Option<Value> {
        let done = self.command(["status", "--json"]);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        let found: Vec<Value> = serde_json::Deserializer::from_str(done.text())
            .into_iter()
            .collect::<Result<_, _>>()
            .expect("JSON");
        found.into_iter().find(|status| status["asset"] == asset)
    }

    /// Waits until an asset is published or has failed.
    pub async fn settled(&self, asset: &str) -> Value {
        super::until(&format!("the end of {asset}"), PUBLISHED_WITHIN, async || {
            self.status(asset).filter(|status| status["state"] == "published" || status["state"] == "failed")
        })
        .await
    }
}

/// The episode of the shared stack.
pub const EPISODE: &str = "the-harbour";

/// One stack for every scenario that only reads; the first who asks starts it.
pub fn shared() -> &'static Stack {
    static STACK: OnceLock<Stack> = OnceLock::new();
    STACK.get_or_init(|| {
        let (sender, receiver) = mpsc::channel();
        // The stack ends with the thread that started it: this one lasts as long as the process.
        std::thread::spawn(move || {
            sender.send(start_shared()).expect("somebody waits");
            loop {
                std::thread::park();
            }
        });
        receiver.recv().expect("the stack starts")
    })
}

fn start_shared() -> Stack {
    // Nothing of this process runs at its end, so the folder is removed by whom the stack's end wakes.
    const UNTIL_TOLD: &str = r#"
        trap 'kill "$up"' TERM
        "$0" "$@" & up=$!
        wait "$up"; wait "$up"
        rm -rf "$FOLDER""#;
    let folder = tempfile::tempdir().expect("folder").keep();
    let clip = Clip {
        name: "the-harbour.mp4",
        size: (640, 360),
        display: (640, 360),
        frames: 600,
        sounds: vec![Sound::ENGLISH, Sound::FRENCH],
        ..Clip::default()
    };
    let clip = clip.make(&folder);
    let lines = folder.join("the-harbour.en.srt");
    std::fs::write(&lines, seconds(24)).expect("subtitles");
    let signs = folder.join("the-harbour.fr.forced.srt");
    std::fs::write(&signs, "1\n00:00:00,000 --> 00:00:24,000\nPort\n").expect("subtitles");
    let data = folder.join("data");
    let process = Process::start(Path::new("sh"), |command| {
        command.args(["-c", UNTIL_TOLD]).arg(programs::flodrama()).env("FOLDER", &folder);
        command.arg("up").arg("--data").arg(&data).args(["--port", "0"]).arg(clip).arg(lines).arg(signs);
    });
    let stack = Stack::ready(process, &data);
    stack.page(EPISODE);
    stack
}

/// SubRip that says which second it is, from the first to the last.
fn seconds(count: u32) -> String {
    let cue = |s: u32| format!("{s}\n00:00:{s:02},000 --> 00:00:{:02},000\n<i>Second</i> {s}\n\n", s + 1);
    (0..count).map(cue).collect()
}
