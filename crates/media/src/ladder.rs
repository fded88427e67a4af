//! All renditions of a chunk at work: each takes every picture in its size, one of them leads (see [`crate::lead`]), and
//! where there are cores to spare they work side by side. The bits are the same on any number of threads: pictures come
//! in batches of a fixed length, and a rendition sees nothing of another but the leader's findings.
//!
//! Followers lag behind the leader by its look-ahead. Only two pictures of each frame wait so long, the largest and the
//! leader's; the other sizes are made when they are due.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use ffmpeg_next::frame::Video;
use flodrama_asset::RungName;

use crate::aq::AdaptiveQuantisation;
use crate::child::Reporter;
use crate::encoder::Encoder;
use crate::error::{MediaError, Result};
use crate::lead::{Finding, Findings, FrameKind};
use crate::scale::{Prepare, scaler, work_format};
use crate::task::{ChunkTask, Role, RungTask, TrackWritten};
use crate::track::{Layout, Shape, Track};

/// Every rung of a chunk and its I-frame rendition.
pub struct Ladder {
    /// Rungs in the order of the task, the I-frame rendition last.
    renditions: Vec<Rendition>,
    /// Makes each rung's size from the one before; the leader's is made from the largest.
    scalers: Vec<Option<Prepare>>,
    leader: Option<Leader>,
    held: VecDeque<Held>,
    pool: Option<rayon::ThreadPool>,
}

struct Leader {
    rung: usize,
    /// What its findings hold beside the tree.
    adaptive_quantisation: AdaptiveQuantisation,
    findings: Findings,
    known: BTreeMap<i64, Finding>,
}

impl Leader {
    /// What followers are told: the tree alone.
    fn orders(&self, finding: Finding, held: &Held) -> Finding {
        let offsets = finding.offsets.zip(held.leaders.as_ref());
        let tree =
            offsets.map(|(o, picture)| o.without_adaptive_quantisation(picture, self.adaptive_quantisation));
        Finding { offsets: tree.map(Arc::new), ..finding }
    }
}

/// A frame that waits for the leader's finding.
struct Held {
    frame: u64,
    number: i64,
    kind: FrameKind,
    /// The largest.
    top: Video,
    /// The leader's size.
    leaders: Option<Video>,
}

/// One rendition and the pictures that wait for it.
struct Rendition {
    track: Track,
    /// Index of the rung whose size it takes.
    rung: usize,
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
    finding: Option<Finding>,
}

impl Ladder {
    /// Opens every encoder.
    pub fn open(task: &ChunkTask, layout: &Arc<Layout>) -> Result<Ladder> {
        let rate = task.cadence.rate;
        let sizes: Vec<(u32, u32)> = task.rungs.iter().map(|r| (r.width, r.height)).collect();
        let stats = PathBuf::from(format!("chunk-{:04}.stats", task.index));
        let leads = task.rungs.iter().position(|r| r.role == Role::Leads);
        let mut renditions = Vec::new();
        let mut scalers = Vec::new();
        for (i, rung) in task.rungs.iter().enumerate() {
            let mut rung = rung.clone();
            if leads == Some(i) {
                rung.options.insert("stats".into(), stats.to_string_lossy().into_owned());
            }
            let encoder = Encoder::open(&rung, rate)?;
            let name = RungName { height: rung.height, ladder: task.ladder.clone() };
            let name = format!("video/{name}");
            let track = Track::open(layout, name, sizes[i], encoder, Shape::Whole)?;
            renditions.push(Rendition::new(track, &rung, i, None));
            scalers
                .push((i > 0).then(|| scaler(sizes[i], work_format(rung.ten_bit), task.cadence.time_base)));
        }
        if let Some(trick) = &task.trick {
            let rung = &trick.rung;
            let size = (rung.width, rung.height);
            let from = sizes.iter().position(|s| *s == size);
            let from = from.ok_or_else(|| MediaError::internal("trick", "its size is no rung's size"))?;
            let encoder = Encoder::open(rung, rate)?;
            let shape = Shape::Trick(trick.every_frames);
            let track = Track::open(layout, format!("trick/{}p", rung.height), size, encoder, shape)?;
            let frames = task.segments.iter().flat_map(|s| s.trick_frames(trick.every_frames)).collect();
            renditions.push(Rendition::new(track, rung, from, Some(frames)));
        }
        let leader = leads.map(|rung| {
            let findings = Findings::new(stats, sizes[rung]);
            let adaptive_quantisation = AdaptiveQuantisation::of(&task.rungs[rung].options);
            Leader { rung, adaptive_quantisation, findings, known: BTreeMap::new() }
        });
        let pool = match task.threads {
            0 | 1 => None,
            n => {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(n as usize).build();
                Some(pool.map_err(|e| MediaError::internal("threads", e))?)
            }
        };
        Ok(Ladder { renditions, scalers, leader, held: VecDeque::new(), pool })
    }

    /// Takes output frame `frame`, `number` in the chunk, in the size of the largest rung.
    pub fn take(&mut self, frame: u64, number: i64, idr: bool, top: Video) -> Result<()> {
        let kind = if idr { FrameKind::Idr } else { FrameKind::Free };
        let mut leaders = None;
        if let Some(Leader { rung, .. }) = self.leader {
            let picture = match &mut self.scalers[rung] {
                None => crate::sys::share(&top)?,
                Some(scaler) => scaler.run(crate::sys::share(&top)?)?,
            };
            leaders = Some(crate::sys::share(&picture)?);
            self.renditions[rung].waiting.push_back(Waiting { picture, number, kind, finding: None });
        }
        self.held.push_back(Held { frame, number, kind, top, leaders });
        Ok(())
    }

    /// Encodes what can be, while `meanwhile` prepares the next pictures.
    pub fn work<T>(&mut self, report: &Reporter, meanwhile: impl FnOnce() -> Result<T>) -> Result<T> {
        self.release()?;
        let prepared = match &self.pool {
            None => {
                self.renditions.iter_mut().for_each(|r| r.work(report));
                meanwhile()
            }
            Some(pool) => pool.in_place_scope(|scope| {
                for rendition in &mut self.renditions {
                    scope.spawn(|_| rendition.work(report));
                }
                meanwhile()
            }),
        };
        for rendition in &mut self.renditions {
            std::mem::replace(&mut rendition.outcome, Ok(()))?;
        }
        prepared
    }

    /// No picture follows: the leader's last findings come, then everything that waits for them.
    pub fn finish(mut self, report: &Reporter) -> Result<Vec<TrackWritten>> {
        self.work(report, || Ok(()))?;
        if let Some(Leader { rung, .. }) = self.leader {
            self.renditions[rung].track.drain(report)?;
            self.work(report, || Ok(()))?;
        }
        if let Some(held) = self.held.front() {
            return Err(MediaError::internal("ladder", format!("no finding for frame {}", held.frame)));
        }
        let leader = self.leader.map(|l| l.rung);
        let mut written = Vec::new();
        for (i, mut rendition) in self.renditions.into_iter().enumerate() {
            if Some(i) != leader {
                rendition.track.drain(report)?;
            }
            written.push(rendition.track.finish()?);
        }
        Ok(written)
    }

    /// Hands every held frame on whose finding is there.
    fn release(&mut self) -> Result<()> {
        if let Some(leader) = &mut self.leader {
            leader.findings.read(&mut leader.known)?;
        }
        while let Some(held) = self.held.pop_front() {
            let finding = match &mut self.leader {
                None => None,
                Some(leader) => match leader.known.remove(&held.number) {
                    Some(finding) => Some(leader.orders(finding, &held)),
                    None => {
                        self.held.push_front(held);
                        break;
                    }
                },
            };
            self.hand_on(held, finding)?;
        }
        Ok(())
    }

    /// Makes the sizes that are missing and gives each rendition its picture.
    fn hand_on(&mut self, held: Held, finding: Option<Finding>) -> Result<()> {
        let leader = self.leader.as_ref().map(|l| l.rung);
        let mut leaders = held.leaders;
        let mut pictures = vec![held.top];
        for (i, scaler) in self.scalers.iter_mut().enumerate() {
            if let Some(scaler) = scaler {
                pictures.push(match leaders.take_if(|_| leader == Some(i)) {
                    Some(made) => made,
                    None => scaler.run(crate::sys::share(&pictures[i - 1])?)?,
                });
            }
        }
        for (i, rendition) in self.renditions.iter_mut().enumerate() {
            if leader == Some(i) {
                continue;
            }
            let kind = match &rendition.only {
                Some(only) if !only.contains(&held.frame) => continue,
                Some(_) => FrameKind::Idr,
                None => held.kind,
            };
            let picture = crate::sys::share(&pictures[rendition.rung])?;
            let finding = finding.clone().filter(|_| rendition.role == Role::Follows);
            rendition.waiting.push_back(Waiting { picture, number: held.number, kind, finding });
        }
        Ok(())
    }
}

impl Rendition {
    fn new(track: Track, task: &RungTask, rung: usize, only: Option<BTreeSet<u64>>) -> Rendition {
        let size = (task.width, task.height);
        Rendition { track, rung, size, role: task.role, only, waiting: VecDeque::new(), outcome: Ok(()) }
    }

    fn work(&mut self, report: &Reporter) {
        self.outcome = self.encode(report);
    }

    fn encode(&mut self, report: &Reporter) -> Result<()> {
        while let Some(Waiting { mut picture, number, mut kind, finding }) = self.waiting.pop_front() {
            if let Some(finding) = finding {
                if kind != FrameKind::Idr {
                    kind = finding.kind;
                }
                if let Some(offsets) = &finding.offsets {
                    let own = offsets.resized(self.size);
                    crate::sys::set_block_offsets(&mut picture, own.blocks.0, &own.values)?;
                }
            }
            self.track.push(&mut picture, number, kind, report)?;
        }
        Ok(())
    }
}
