//! How far a job is: a value that the job sends and others watch.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use flodrama_asset::RungName;
use flodrama_asset::document::{Preview, RungProgress};
use flodrama_media::task::SegmentWritten;
use serde::Serialize;
use tokio::sync::watch;

use crate::plan::Plan;

/// Where a job stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// `fetch`, `probe`, `analyse`, `encode`, `package`, `proof`, `publish` or `done`.
    pub stage: &'static str,
    /// 0 to 100.
    pub percent: f64,
    /// Seconds of video encoded per second of time, once it can be measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed: Option<f64>,
    /// Seconds until encoding ends, while encoding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eta_s: Option<f64>,
    /// Rates of the rungs so far, largest rung first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rungs: Vec<RungProgress>,
    /// The preview, once it plays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview: Option<Preview>,
}

impl Status {
    /// At the beginning of a stage.
    pub fn at(stage: &'static str, percent: f64) -> Status {
        Status { stage, percent, speed: None, eta_s: None, rungs: Vec::new(), preview: None }
    }
}

/// Sends a job's status.
pub type Sender = watch::Sender<Status>;

/// Says that a stage begins. What was measured before stays said.
pub fn enter(sender: &Sender, stage: &'static str, percent: f64) {
    sender.send_modify(|status| {
        (status.stage, status.percent) = (stage, percent);
        status.eta_s = None;
    });
}

/// Sampling a title takes this span of the percentage.
pub const ANALYSE: (f64, f64) = (3.5, 5.0);
/// Encoding takes this span of the percentage.
const ENCODE: (f64, f64) = (5.0, 92.0);
/// A speed measured over less than this says nothing.
const MEASURABLE: Duration = Duration::from_secs(1);

/// Counts encoded frames of all chunks and bytes of all rungs, and sends the status.
pub struct Encoding {
    sender: Sender,
    begun: Instant,
    /// Output frames of the whole job.
    total: u64,
    /// Output frames that were committed before this run.
    before: u64,
    fps: f64,
    chunks: HashMap<String, u64>,
    /// Folder and name of each rung, largest first.
    rungs: Vec<(String, String)>,
    sizes: BTreeMap<String, Size>,
}

/// Bytes and seconds of a rung's complete segments.
#[derive(Clone, Copy, Debug, Default)]
struct Size {
    bytes: u64,
    seconds: f64,
}

impl Encoding {
    /// For all of `plan`, `before` frames of which are done.
    pub fn new(sender: Sender, plan: &Plan, before: u64) -> Encoding {
        let beside = plan.beside.iter().flat_map(|l| {
            l.rungs.iter().map(|r| RungName { height: r.height, ladder: Some(l.name.clone()) })
        });
        let rungs = plan.rungs.iter().map(|r| RungName::from(r.height)).chain(beside);
        let encoding = Encoding {
            sender,
            begun: Instant::now(),
            total: plan.frames_to_encode(),
            before,
            // A second of the episode is encoded once it is in every ladder.
            fps: plan.cadence.rate.as_f64() * plan.frames_to_encode() as f64 / plan.frames.max(1) as f64,
            chunks: HashMap::new(),
            rungs: rungs.map(|name| (format!("video/{name}"), name.to_string())).collect(),
            sizes: BTreeMap::new(),
        };
        encoding.send();
        encoding
    }

    /// Chunk `name` has encoded `frames` so far.
    pub fn chunk(&mut self, name: &str, frames: u64) {
        self.chunks.insert(name.to_owned(), frames);
        self.send();
    }

    /// A segment is complete.
    pub fn segment(&mut self, segment: &SegmentWritten) {
        let size = self.sizes.entry(segment.track.clone()).or_default();
        size.bytes += segment.bytes;
        size.seconds += segment.duration as f64 / f64::from(segment.timescale.max(1));
    }

    fn send(&self) {
        let now: u64 = self.chunks.values().sum();
        let share = (self.before + now) as f64 / self.total.max(1) as f64;
        let elapsed = self.begun.elapsed();
        let fps = (elapsed > MEASURABLE && now > 0).then(|| now as f64 / elapsed.as_secs_f64());
        let rungs = self.rates();
        self.sender.send_modify(|status| {
            status.stage = "encode";
            status.percent = ENCODE.0 + (ENCODE.1 - ENCODE.0) * share.min(1.0);
            status.speed = fps.map(|fps| rounded(fps / self.fps, 100.0));
            let left = self.total.saturating_sub(self.before + now) as f64;
            status.eta_s = fps.map(|fps| rounded(left / fps, 10.0));
            status.rungs = rungs;
        });
    }

    fn rates(&self) -> Vec<RungProgress> {
        let rate = |(folder, name): &(String, String)| {
            let size = self.sizes.get(folder).filter(|size| size.seconds > 0.0)?;
            let kbps = size.bytes as f64 * 8.0 / 1000.0 / size.seconds;
            Some(RungProgress { name: name.clone(), kbps: rounded(kbps, 10.0) })
        };
        self.rungs.iter().filter_map(rate).collect()
    }
}

fn rounded(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixtures::source;
    use crate::plan::{Preset, plan, preset};

    fn segment(track: &str, number: u32, bytes: u64) -> SegmentWritten {
        SegmentWritten {
            path: format!("{track}/{number:05}.m4s"),
            track: track.into(),
            number,
            timescale: 25_000,
            start: 0,
            duration: 150_000,
            samples: 150,
            bytes,
            sha256: String::new(),
            iframes: Vec::new(),
        }
    }

    #[test]
    fn rates_are_of_the_rungs_alone_and_outlive_the_stage() {
        let preset = Preset::load(preset::DEFAULT).expect("shipped");
        let plan = plan(&source(1000), None, &preset, preset.family());
        let (sender, receiver) = watch::channel(Status::at("probe", 3.0));
        let mut encoding = Encoding::new(sender.clone(), &plan, 0);
        let top = plan.rungs[0].height;
        for (track, bytes) in
            [(format!("video/{top}p"), 750_000), ("audio/en-2".into(), 9), ("trick/360p".into(), 9)]
        {
            encoding.segment(&segment(&track, 1, bytes));
        }
        encoding.chunk("chunk-0000", 150);
        enter(&sender, "package", 92.0);
        let status = receiver.borrow().clone();
        assert_eq!((status.stage, status.eta_s), ("package", None));
        let rates: Vec<_> = status.rungs.iter().map(|r| (r.name.clone(), r.kbps)).collect();
        assert_eq!(rates, [(format!("{top}p"), 1000.0)]);
    }
}
