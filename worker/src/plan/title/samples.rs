//! Which parts of a source are sampled, and what is tried with each.

use flodrama_media::SourceInfo;
use flodrama_media::task::{Limits, SampleTask, Task, Trial};

use super::super::family::{Family, Rates};
use super::super::preset::Preset;
use super::super::tasks::NamedTask;
use super::super::timing::Timing;
use super::super::{cadence, picture};
use super::candidates;

/// Pictures of a sample at most: a child holds them all, each 3 MiB at 1080p.
const MOST_PICTURES: u64 = 60;
/// Pictures of a sample that are compared.
const COMPARED: u64 = 5;
/// One group of pictures in so many is sampled, where the source is short.
const DENSEST: u64 = 2;

/// The samples of a source, of equal parts of it the middle GOP each; none where the preset has a fixed ladder.
///
/// They are encoded by the preset's own encoder, also where a device will encode: rate factors are counted on its scale.
pub fn samples(source: &SourceInfo, preset: &Preset, limits: &Limits) -> Vec<NamedTask> {
    let Some(settings) = &preset.video.per_title else { return Vec::new() };
    let video = &source.video;
    let mut said = Vec::new();
    let timing = Timing::of(source, preset, &mut said);
    let (orientation, colour) = picture::orient_and_colour(video, &mut said);
    let family = preset.family();
    let candidates = candidates::candidates(timing.display, &preset.video, settings, family.least_side);
    let largest = (candidates[0].width, candidates[0].height);
    let mut trials = Vec::new();
    for candidate in candidates.iter().filter(|c| c.is_measured) {
        for crf in &settings.crfs {
            let rung = trial(preset, family, candidate, *crf, timing.gop_frames, &colour);
            trials.push(Trial { crf: *crf, rung });
        }
    }
    let gops = (timing.frames / timing.gop_frames).max(1);
    let count = u64::from(settings.samples).min(gops.div_ceil(DENSEST));
    let frames = timing.gop_frames.min(MOST_PICTURES);
    let sample = |i: u64| {
        let first_frame = (2 * i + 1) * gops / (2 * count) * timing.gop_frames;
        let frames = frames.min(timing.frames - first_frame);
        let (seek, needed_from) = cadence::seek_point(video, &timing.shown, &timing.cadence, first_frame);
        NamedTask {
            name: format!("sample-{i:02}"),
            frames: 0,
            task: Task::Sample(SampleTask {
                limits: *limits,
                stream: video.stream,
                seek,
                needed_from,
                deinterlace: timing.shown.by_field,
                cadence: timing.cadence,
                prepare: picture::prepare(video, &orientation, largest),
                first_frame,
                frames,
                compare_every: frames.div_ceil(COMPARED),
                trials: trials.clone(),
            }),
        }
    };
    (0..count).map(sample).collect()
}

/// An encoder as a rung would have it, but without a cap: what the content asks for is the question.
fn trial(
    preset: &Preset,
    family: &Family,
    candidate: &candidates::Candidate,
    crf: f64,
    gop_frames: u64,
    colour: &picture::OutputColour,
) -> flodrama_media::task::RungTask {
    let rates =
        Rates { crf, max_kbps: candidate.caps.max_kbps, buffer_kbit: candidate.caps.buffer_kbit, gop_frames };
    let mut rung = super::super::encoder(preset, family, (candidate.width, candidate.height), rates, colour);
    rung.options.extend(candidate.caps.options.clone());
    rung.options.retain(|key, _| !matches!(key.as_str(), "maxrate" | "bufsize"));
    rung
}
