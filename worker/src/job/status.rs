//! How far a job is: a value that the job sends and others watch.

use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::watch;

/// Where a job stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// `fetch`, `probe`, `encode`, `package`, `proof`, `publish` or `done`.
    pub stage: &'static str,
    /// 0 to 100.
    pub percent: f64,
    /// Seconds of video encoded per second of time, while encoding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed: Option<f64>,
    /// Seconds until encoding ends, while encoding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eta_s: Option<f64>,
}

impl Status {
    /// At the beginning of a stage.
    pub fn at(stage: &'static str, percent: f64) -> Status {
        Status { stage, percent, speed: None, eta_s: None }
    }
}

/// Sends a job's status.
pub type Sender = watch::Sender<Status>;

/// Encoding takes this span of the percentage.
const ENCODE: (f64, f64) = (5.0, 92.0);
/// A speed measured over less than this says nothing.
const MEASURABLE: Duration = Duration::from_secs(1);

/// Counts encoded frames of all chunks and sends the status.
pub struct Encoding {
    sender: Sender,
    begun: Instant,
    /// Output frames of the whole job.
    total: u64,
    /// Output frames that were committed before this run.
    before: u64,
    fps: f64,
    chunks: std::collections::HashMap<String, u64>,
}

impl Encoding {
    /// For `total` frames at `fps`, `before` of which are done.
    pub fn new(sender: Sender, total: u64, before: u64, fps: f64) -> Encoding {
        let encoding = Encoding {
            sender,
            begun: Instant::now(),
            total,
            before,
            fps,
            chunks: std::collections::HashMap::new(),
        };
        encoding.send();
        encoding
    }

    /// Chunk `name` has encoded `frames` so far.
    pub fn chunk(&mut self, name: &str, frames: u64) {
        self.chunks.insert(name.to_owned(), frames);
        self.send();
    }

    fn send(&self) {
        let now: u64 = self.chunks.values().sum();
        let share = (self.before + now) as f64 / self.total.max(1) as f64;
        let mut status = Status::at("encode", ENCODE.0 + (ENCODE.1 - ENCODE.0) * share.min(1.0));
        let elapsed = self.begun.elapsed();
        if elapsed > MEASURABLE && now > 0 {
            let fps = now as f64 / elapsed.as_secs_f64();
            status.speed = Some(fps / self.fps);
            status.eta_s = Some(self.total.saturating_sub(self.before + now) as f64 / fps);
        }
        self.sender.send_replace(status);
    }
}
