//! `report.json`: what the source was, what was done and why, what was checked, what it cost.

use std::collections::BTreeMap;

use flodrama_asset::{FORMAT_VERSION, SourceRef};
use flodrama_media::SourceInfo;
use flodrama_media::task::{Loudness, TextSource};
use serde::Serialize;

use super::ledger::{Commit, TaskResult};
use super::package::Renditions;
use super::proof::Proof;
use crate::plan::Plan;

/// The report.
#[derive(Clone, Debug, Serialize)]
pub struct Report<'a> {
    /// Version of the format that this worker writes.
    pub format_version: u32,
    /// The upload; none where a local file was transcoded.
    pub upload: Option<&'a SourceRef>,
    /// What the source was.
    pub source: Source<'a>,
    /// Preset and encoder family.
    pub preset: &'a str,
    /// Encoder family.
    pub family: &'a str,
    /// Every choice and its reason.
    pub choices: Vec<Choice<'a>>,
    /// Output frames, and how many of them repeat the one before for want of a source frame.
    pub frames: u64,
    /// Repeated output frames.
    pub repeated_frames: u64,
    /// Packets of picture and sound that could not be decoded: the picture before stood for each, or silence.
    pub lost_packets: u64,
    /// What became of each subtitle rendition.
    pub subtitles: Vec<Subtitles<'a>>,
    /// What sound measured and was made, by rendition.
    pub loudness: BTreeMap<&'a str, &'a Loudness>,
    /// Why the poster is this frame.
    pub poster: Poster<'a>,
    /// What was checked before publication.
    pub proof: &'a Proof,
    /// CPU seconds of all media children.
    pub cpu_seconds: f64,
    /// The largest resident memory of one child, in MiB.
    pub peak_child_mib: u64,
    /// What each task's child took.
    pub tasks: BTreeMap<&'a str, TaskCost>,
    /// Bytes of each rendition.
    pub bytes: BTreeMap<&'a str, u64>,
}

/// What one media child took.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct TaskCost {
    cpu_seconds: f64,
    peak_mib: u64,
}

/// What the source was.
#[derive(Clone, Debug, Serialize)]
pub struct Source<'a> {
    container: &'a str,
    bytes: u64,
    duration_s: f64,
    video_codec: &'a str,
    width: u32,
    height: u32,
    pixel_format: &'a str,
    colour: &'a flodrama_media::Colour,
    frames: usize,
    keyframes: usize,
    audio: &'a [flodrama_media::AudioTrack],
    subtitles: &'a [flodrama_media::SubtitleTrack],
    sidecars: &'a [flodrama_media::SidecarTrack],
    chapters: usize,
}

/// A subtitle rendition.
#[derive(Clone, Debug, Serialize)]
pub struct Subtitles<'a> {
    folder: &'a str,
    from: &'a TextSource,
    cues: u32,
    /// Cues of the source that cannot be read.
    lost: u32,
    /// Why it is not published after all.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<&'a str>,
}

/// A choice of the plan.
#[derive(Clone, Debug, Serialize)]
pub struct Choice<'a> {
    what: &'a str,
    why: &'a str,
}

/// The poster's frame.
#[derive(Clone, Debug, Serialize)]
pub struct Poster<'a> {
    at_ms: u64,
    why: &'a str,
}

/// Puts the report together.
pub fn report<'a>(
    upload: Option<&'a SourceRef>,
    source: &'a SourceInfo,
    plan: &'a Plan,
    commits: &'a BTreeMap<String, Commit>,
    renditions: &'a Renditions,
    proof: &'a Proof,
) -> Report<'a> {
    let mut tasks = BTreeMap::new();
    let (mut repeated_frames, mut lost_packets) = (0, 0);
    let mut loudness = BTreeMap::new();
    let mut bytes = BTreeMap::new();
    // Each ladder decodes the source for itself: it is the main one's account that counts.
    let beside: Vec<String> = plan.beside.iter().map(|ladder| format!("chunk-{}-", ladder.name)).collect();
    for (task, commit) in commits {
        let (cpu_ms, peak_kib) = match &commit.result {
            TaskResult::Written(w) => {
                if !beside.iter().any(|ladder| task.starts_with(ladder)) {
                    repeated_frames += w.repeated_frames;
                    lost_packets += w.lost_packets;
                }
                loudness.extend(w.tracks.iter().zip(&w.loudness).map(|(track, l)| (track.track.as_str(), l)));
                (w.cpu_ms, w.peak_kib)
            }
            TaskResult::Subtitles(s) => (s.cpu_ms, s.peak_kib),
            TaskResult::Stills(s) => (s.cpu_ms, s.peak_kib),
            TaskResult::Sampled(s) => (s.cpu_ms, s.peak_kib),
        };
        let cost = TaskCost { cpu_seconds: cpu_ms as f64 / 1000.0, peak_mib: peak_kib / 1024 };
        tasks.insert(task.as_str(), cost);
        for segment in &commit.segments {
            *bytes.entry(segment.track.as_str()).or_default() += segment.bytes;
        }
    }
    Report {
        format_version: FORMAT_VERSION,
        upload,
        source: Source {
            container: &source.container,
            bytes: source.bytes,
            duration_s: plan.duration_s(),
            video_codec: &source.video.codec,
            width: source.video.width,
            height: source.video.height,
            pixel_format: &source.video.pixel_format,
            colour: &source.video.colour,
            frames: source.video.pts.len(),
            keyframes: source.video.keyframes.len(),
            audio: &source.audio,
            subtitles: &source.subtitles,
            sidecars: &source.sidecars,
            chapters: source.chapters.len(),
        },
        preset: &plan.preset,
        family: &plan.family,
        choices: plan.reasons.iter().map(|(what, why)| Choice { what, why }).collect(),
        frames: plan.frames,
        repeated_frames,
        lost_packets,
        loudness,
        subtitles: subtitles(plan, renditions),
        poster: Poster { at_ms: renditions.stills.poster_ms, why: &renditions.stills.poster_reason },
        proof,
        // To the hundredth: that is how the kernel counts.
        cpu_seconds: (tasks.values().map(|t| t.cpu_seconds).sum::<f64>() * 100.0).round() / 100.0,
        peak_child_mib: tasks.values().map(|t| t.peak_mib).max().unwrap_or(0),
        tasks,
        bytes,
    }
}

fn subtitles<'a>(plan: &'a Plan, renditions: &'a Renditions) -> Vec<Subtitles<'a>> {
    let became = plan.subtitles.iter().filter_map(|s| Some((s, renditions.subtitles.get(&s.task_name())?)));
    became
        .map(|(s, written)| Subtitles {
            folder: &s.folder,
            from: &s.from,
            cues: written.cues,
            lost: written.lost,
            left_out: written.left_out.as_deref(),
        })
        .collect()
}
