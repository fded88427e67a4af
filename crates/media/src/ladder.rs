//! All renditions of a chunk at work: each takes every picture of its size, one of them leads (see [`crate::lead`]), and
//! where there are cores to spare they work side by side. The bits are the same on any number of threads: pictures come
//! in batches of a fixed length, and a rendition sees nothing of another but the leader's findings.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;

use ffmpeg_next::frame::Video;

use crate::child::Reporter;
use crate::encoder::Encoder;
use crate::error::{MediaError, Result};
use crate::lead::{Finding, Findings, FrameKind};
use crate::task::{ChunkTask, Role, RungTask, TrackWritten};
use crate::track::{Layout, Shape, Track};

/// Every rung of a chunk and its I-frame rendition.
pub struct Ladder {
    renditions: Vec<Rendition>,
    findings: Option<Findings>,
    known: BTreeMap<i64, Finding>,
    pool: Option<rayon::ThreadPool>,
}

/// One rendition and the pictures that wait for it.
struct Rendition {
    track: Track,
    /// Index of its size among the pictures of [`Ladder::take`].
    size_index: usize,
    size: (u32, u32),
    role: Role,
    /// Output frames that it takes; all of them where there is no list.
    only: Option<BTreeSet<u64>>,
    waiting: VecDeque<Waiting>,
    outcome: Result<()>,
}

struct Waiting {
    picture: Video,
    /// Number in the chunk.
    number: i64,
    kind: FrameKind,
}

impl Ladder {
    /// Opens every encoder.
    pub fn open(task: &ChunkTask, layout: &std::sync::Arc<Layout>) -> Result<Ladder> {
        let rate = task.cadence.rate;
        let stats = PathBuf::from(format!("chunk-{:04}.stats", task.index));
        let mut renditions = Vec::new();
        let mut findings = None;
        for (size_index, rung) in task.rungs.iter().enumerate() {
            let size = (rung.width, rung.height);
            let encoder = if rung.role == Role::Leads {
                findings = Some(Findings::new(stats.clone(), size));
                let mut rung = rung.clone();
                rung.options.insert("stats".into(), stats.to_string_lossy().into_owned());
                Encoder::open(&rung, rate)?
            } else {
                Encoder::open(rung, rate)?
            };
            let track = Track::open(layout, format!("video/{}p", rung.height), size, encoder, Shape::Whole)?;
            renditions.push(Rendition::new(track, rung, size_index, None));
        }
        if let Some(trick) = &task.trick {
            let rung = &trick.rung;
            let size = (rung.width, rung.height);
            let size_index = task.rungs.iter().position(|r| (r.width, r.height) == size);
            let size_index =
                size_index.ok_or_else(|| MediaError::internal("trick", "its size is no rung's size"))?;
            let encoder = Encoder::open(rung, rate)?;
            let shape = Shape::Trick(trick.every_frames);
            let track = Track::open(layout, format!("trick/{}p", rung.height), size, encoder, shape)?;
            let frames = task.segments.iter().flat_map(|s| s.trick_frames(trick.every_frames)).collect();
            renditions.push(Rendition::new(track, rung, size_index, Some(frames)));
        }
        let pool = match task.threads {
            0 | 1 => None,
            n => {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(n as usize).build();
                Some(pool.map_err(|e| MediaError::internal("threads", e))?)
            }
        };
        Ok(Ladder { renditions, findings, known: BTreeMap::new(), pool })
    }

    /// Takes output frame `frame`, `number` in the chunk, in every rung's size, largest first.
    pub fn take(&mut self, frame: u64, number: i64, idr: bool, pictures: &[Video]) -> Result<()> {
        for rendition in &mut self.renditions {
            let kind = match &rendition.only {
                Some(only) if !only.contains(&frame) => continue,
                Some(_) => FrameKind::Idr,
                None if idr => FrameKind::Idr,
                None => FrameKind::Free,
            };
            let picture = crate::sys::share(&pictures[rendition.size_index])?;
            rendition.waiting.push_back(Waiting { picture, number, kind });
        }
        Ok(())
    }

    /// Encodes what can be, while `meanwhile` prepares the next pictures.
    pub fn work<T>(&mut self, report: &Reporter, meanwhile: impl FnOnce() -> Result<T>) -> Result<T> {
        let known = &self.known;
        let renditions = &mut self.renditions;
        let prepared = match &self.pool {
            None => {
                renditions.iter_mut().for_each(|r| r.work(known, report));
                meanwhile()
            }
            Some(pool) => pool.in_place_scope(|scope| {
                for rendition in renditions {
                    scope.spawn(|_| rendition.work(known, report));
                }
                meanwhile()
            }),
        };
        self.settle()?;
        prepared
    }

    /// No picture follows: the leader's last findings come, then everything that waits for them.
    pub fn finish(mut self, report: &Reporter) -> Result<Vec<TrackWritten>> {
        self.work(report, || Ok(()))?;
        for rendition in self.renditions.iter_mut().filter(|r| r.role != Role::Follows) {
            rendition.track.drain(report)?;
        }
        self.settle()?;
        self.work(report, || Ok(()))?;
        let mut written = Vec::new();
        for mut rendition in self.renditions {
            if rendition.role == Role::Follows {
                rendition.track.drain(report)?;
            }
            written.push(rendition.track.finish()?);
        }
        Ok(written)
    }

    /// Learns what the leader found out, and whether all went well.
    fn settle(&mut self) -> Result<()> {
        for rendition in &mut self.renditions {
            std::mem::replace(&mut rendition.outcome, Ok(()))?;
        }
        if let Some(findings) = &mut self.findings {
            findings.read(&mut self.known)?;
            let followers = self.renditions.iter().filter(|r| r.role == Role::Follows);
            if let Some(next) = followers.filter_map(|r| r.waiting.front()).map(|w| w.number).min() {
                self.known = self.known.split_off(&next);
            }
        }
        Ok(())
    }
}

impl Rendition {
    fn new(track: Track, rung: &RungTask, size_index: usize, only: Option<BTreeSet<u64>>) -> Rendition {
        let size = (rung.width, rung.height);
        let waiting = VecDeque::new();
        Rendition { track, size_index, size, role: rung.role, only, waiting, outcome: Ok(()) }
    }

    /// Encodes what waits and is decided.
    fn work(&mut self, known: &BTreeMap<i64, Finding>, report: &Reporter) {
        self.outcome = self.encode(known, report);
    }

    fn encode(&mut self, known: &BTreeMap<i64, Finding>, report: &Reporter) -> Result<()> {
        while let Some(next) = self.waiting.front_mut() {
            if self.role == Role::Follows {
                let Some(finding) = known.get(&next.number) else { return Ok(()) };
                if next.kind != FrameKind::Idr {
                    next.kind = finding.kind;
                }
                if let Some(offsets) = &finding.offsets {
                    let own = offsets.resized(self.size);
                    crate::sys::set_block_offsets(&mut next.picture, own.blocks.0, &own.values)?;
                }
            }
            self.track.push(&mut next.picture, next.number, next.kind, report)?;
            self.waiting.pop_front();
        }
        Ok(())
    }
}
