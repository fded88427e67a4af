//! The plan is a value: `plan(source, complexity, preset)` is pure, and what it returns is printed, stored and executed.

pub mod audio;
pub mod beside;
mod boundaries;
mod cadence;
mod chapters;
mod chunks;
mod explain;
pub mod family;
#[cfg(test)]
pub(crate) mod fixtures;
mod ladder;
mod language;
mod lead;
mod passthrough;
mod picture;
pub mod preset;
mod shown;
mod subtitles;
pub mod tasks;
mod timing;
pub mod title;

use std::collections::BTreeMap;

use flodrama_asset::document::Chapter;
use flodrama_media::task::{
    COPY, Cadence, CopyTask, DeviceKind, PicturesOf, RungTask, SegmentSpan, TrickTask,
};
use flodrama_media::{Keyframe, Ratio, SourceInfo};
use serde::{Deserialize, Serialize};

pub use audio::AudioPlan;
use beside::BesideLadder;
pub use family::Family;
use family::{Of, Rates};
pub use preset::{Preset, PresetError};
use preset::{RungPreset, TrickPreset};
pub use subtitles::SubtitlePlan;
use timing::Timing;
pub use title::Complexity;

/// What will be done with one source, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Name of the preset.
    pub preset: String,
    /// Encoder family: a rendition is never mixed from two.
    pub family: String,
    /// The device that it encodes on; none for the processor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceKind>,
    /// Stream index of the video track.
    pub video_stream: usize,
    /// Source time to output frames.
    pub cadence: Cadence,
    /// What pictures are made of the source's frames.
    #[serde(default)]
    pub pictures: PicturesOf,
    /// Output frames.
    pub frames: u64,
    /// Frames from one IDR frame to the next, at most.
    pub gop_frames: u64,
    /// Frames of a full segment.
    pub segment_frames: u64,
    /// Filter chain for orientation and colour.
    pub orientation: String,
    /// Filter chain from decoded frames to the largest rung.
    pub prepare: String,
    /// Size for display in square pixels.
    pub display: (u32, u32),
    /// The first rung, where it is the source's own pictures.
    pub copy: Option<CopyTask>,
    /// All rungs, largest first. The encoder of one that is not encoded is [`COPY`].
    pub rungs: Vec<RungTask>,
    /// Ladders beside this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<BesideLadder>,
    /// The I-frame rendition.
    pub trick: TrickTask,
    /// All segments.
    pub segments: Vec<SegmentSpan>,
    /// Chunks: runs of whole segments.
    pub chunks: Vec<Chunk>,
    /// Audio renditions.
    pub audio: Vec<AudioPlan>,
    /// Subtitle renditions.
    #[serde(default)]
    pub subtitles: Vec<SubtitlePlan>,
    /// Chapters.
    #[serde(default)]
    pub chapters: Vec<Chapter>,
    /// Sprites and posters.
    pub stills: StillsPlan,
    /// Every choice and its reason: what, why.
    pub reasons: Vec<(String, String)>,
}

/// One chunk of a [`Plan`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Where decoding begins.
    pub seek: Keyframe,
    /// Presentation time of the first frame that is needed.
    pub needed_from: i64,
    /// First segment, as an index into the plan's segments.
    pub first_segment: usize,
    /// Segments.
    pub segments: usize,
}

/// Sprites and posters of a [`Plan`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StillsPlan {
    /// Size of a tile.
    pub tile: (u32, u32),
    /// Columns and rows of a full sheet.
    pub layout: (u32, u32),
    /// Milliseconds that one tile stands for.
    pub interval_ms: u64,
    /// Tiles in all.
    pub tiles: u32,
    /// Poster widths.
    pub poster_widths: Vec<u32>,
}

/// Plans the work for a source with encoders of a family. Pure: the same values always give the same plan. `complexity`
/// is what [`title::samples`] gave; without it the ladder is the preset's fixed one.
pub fn plan(source: &SourceInfo, complexity: Option<&Complexity>, preset: &Preset, family: &Family) -> Plan {
    let video = &source.video;
    let mut reasons: Vec<(String, String)> = Vec::new();
    let Timing { shown, cadence, frames, second, gop_frames, display } =
        Timing::of(source, preset, &mut reasons);
    let Cadence { rate, origin_pts, .. } = cadence;
    let segment_frames = gop_frames * u64::from(preset.video.segment_gops);

    if !source.jumps.is_empty() {
        let why =
            format!("recordings were put together: brought onto one clock at {} joins", source.jumps.len());
        reasons.push(("clock".into(), why));
    }
    let aspect = video.sample_aspect.as_f64();
    let stored =
        if video.rotation % 180 == 90 { (video.height, video.width) } else { (video.width, video.height) };
    if display != stored {
        let why =
            format!("pixels are {aspect:.3} times as wide as high: shown at {}×{}", display.0, display.1);
        reasons.push(("aspect".into(), why));
    }
    if let Some(why) = picture::scanning(video.scanning) {
        reasons.push(("interlacing".into(), why.into()));
    }
    let (orientation, colour) = picture::orient_and_colour(video, &mut reasons);
    let mut case = passthrough::Case {
        video,
        preset: &preset.video,
        cadence: &cadence,
        frames,
        gop_frames,
        segment_frames,
        rungs: &[],
        orientation: &orientation,
        colour: &colour,
    };
    let title = complexity.and_then(|c| title::Title::new(display, &preset.video, family.least_side, c));
    let (rungs, passed) = match title {
        None => {
            let (rungs, dropped) = ladder::ladder(display, &preset.video.rungs, family.least_side);
            reasons.extend(dropped.into_iter().map(|why| ("rung dropped".to_owned(), why)));
            if preset.video.per_title.is_some() {
                reasons.push(("per title".into(), "the source was not sampled: the fixed rungs".into()));
            }
            case.rungs = &rungs;
            let passed = passthrough::passthrough(&case);
            (rungs, passed)
        }
        Some(title) => {
            let encoded = title.ladder();
            let own_kbps = video.bytes as f64 * 8.0 / 1000.0 / (frames as f64 / rate.as_f64());
            let passed = title.below_copy(own_kbps, &encoded).map_err(|why| vec![why]).and_then(|below| {
                let passed = passthrough::passthrough(&passthrough::Case { rungs: &below.rungs, ..case })?;
                Ok((below, passed))
            });
            let (choice, passed) = match passed {
                Ok((below, passed)) => (below, Ok(passed)),
                Err(faults) => (encoded, Err(faults)),
            };
            reasons.extend(choice.reasons);
            (choice.rungs, passed)
        }
    };
    reasons.extend(
        rungs.iter().map(|r| (format!("rung {}p", r.height), format!("{}×{}: {}", r.width, r.height, r.why))),
    );
    let (copy, segments, why) = match passed {
        Ok(passthrough) => (Some(passthrough.copy), passthrough.segments, vec![passthrough.why]),
        Err(faults) => (None, cadence::segments(frames, segment_frames, gop_frames, rate), faults),
    };
    let what = if copy.is_some() { "passthrough" } else { "no passthrough" };
    reasons.extend(why.into_iter().map(|why| (what.to_owned(), why)));
    // An encoder puts an IDR frame of its own where the longest GOP is over: never before the plan does.
    let gop_frames = segments.iter().flat_map(|s| &s.gops).copied().max().unwrap_or(0).max(gop_frames);
    let mut rungs: Vec<RungTask> = rungs
        .iter()
        .map(|r| {
            let RungPreset { crf, max_kbps, buffer_kbit, .. } = r.settings;
            let rates = Rates { crf, max_kbps, buffer_kbit, gop_frames };
            let mut rung =
                encoder(&preset.video.options, family, (r.width, r.height), rates, Of::Rung, &colour);
            if family.device.is_none() {
                rung.options.extend(r.settings.options.clone());
            }
            rung
        })
        .collect();
    let encoded = &mut rungs[usize::from(copy.is_some())..];
    let analysis = match family.device {
        None => lead::share(&preset.video, encoded, rate),
        Some(_) => "each rung for itself: a device's encoders share none".to_owned(),
    };
    reasons.push(("analysis".into(), analysis));
    let trick = trick(preset, family, encoded, second, &colour);
    let largest = (encoded[0].width, encoded[0].height);
    let common = beside::Common {
        video,
        display,
        rate,
        segments: &segments,
        gop_frames,
        orientation: &orientation,
        colour: &colour,
    };
    let beside =
        preset.video.beside.iter().filter_map(|ladder| common.ladder(ladder, &mut reasons)).collect();
    let origin_s = origin_pts as f64 * cadence.time_base.as_f64();
    let duration = Ratio::new(frames as i64 * rate.den, rate.num);
    let audio = audio::audio(&source.audio, &preset.audio, origin_s, duration, &mut reasons);
    let subtitles = subtitles::subtitles(source, &mut reasons);
    let duration_ms = (duration.as_f64() * 1000.0).round() as u64;
    let chapters = chapters::chapters(source, origin_s, duration_ms, &mut reasons);
    Plan {
        preset: preset.name.clone(),
        family: family.name.clone(),
        device: family.device,
        video_stream: video.stream,
        prepare: picture::prepare(video, &orientation, largest),
        orientation,
        display,
        chunks: chunks::chunks(
            &source.video,
            &shown,
            &cadence,
            &segments,
            preset.video.chunk_segments as usize,
        ),
        pictures: shown.pictures,
        stills: stills(preset, display, duration),
        cadence,
        frames,
        gop_frames,
        segment_frames,
        rungs: with_copy(rungs, &copy),
        copy,
        beside,
        trick,
        segments,
        audio,
        subtitles,
        chapters,
        reasons,
    }
}

fn encoder(
    own: &BTreeMap<String, String>,
    family: &Family,
    size: (u32, u32),
    rates: Rates,
    of: Of,
    colour: &picture::OutputColour,
) -> RungTask {
    let mut rung = family.encoder(own, size, rates, of);
    let mut set = |key: &str, value: &str| rung.options.insert(key.to_owned(), value.to_owned());
    set("color_primaries", colour.primaries);
    set("color_trc", colour.transfer);
    set("colorspace", colour.matrix);
    set("color_range", "tv");
    rung
}

/// The rungs as the report names them: one that is copied has no encoder, and the caps that it was found to keep.
fn with_copy(mut rungs: Vec<RungTask>, copy: &Option<CopyTask>) -> Vec<RungTask> {
    if copy.is_some() {
        rungs[0].encoder = COPY.to_owned();
        rungs[0].options.retain(|key, _| matches!(key.as_str(), "maxrate" | "bufsize"));
    }
    rungs
}

fn trick(
    preset: &Preset,
    family: &Family,
    rungs: &[RungTask],
    second: u64,
    colour: &picture::OutputColour,
) -> TrickTask {
    let settings = &preset.trick;
    let fits = |r: &&RungTask| r.width.min(r.height) <= settings.max_height;
    let rung = rungs.iter().find(fits).or(rungs.last()).expect("a ladder has at least one rung");
    let TrickPreset { crf, max_kbps, buffer_kbit, .. } = *settings;
    let rates = Rates { crf, max_kbps, buffer_kbit, gop_frames: 1 };
    let size = (rung.width, rung.height);
    let rung = encoder(&preset.video.options, family, size, rates, Of::IFrames, colour);
    TrickTask { rung, every_frames: second * u64::from(settings.every_s) }
}

/// Samples in so many seconds, to the nearest.
fn samples_until(seconds: Ratio, rate: u32) -> u64 {
    let n = i128::from(seconds.num) * i128::from(rate);
    let den = i128::from(seconds.den);
    ((2 * n + den) / (2 * den)) as u64
}

fn stills(preset: &Preset, display: (u32, u32), duration: Ratio) -> StillsPlan {
    let settings = &preset.stills;
    let duration_ms = (duration.as_f64() * 1000.0).round().max(1.0) as u64;
    let tiles = |interval_s: u32| duration_ms.div_ceil(u64::from(interval_s) * 1000) as u32;
    let interval_s = settings.intervals_s.iter().copied().find(|i| tiles(*i) <= settings.max_tiles);
    let interval_s = interval_s.unwrap_or(settings.intervals_s[settings.intervals_s.len() - 1]);
    let side = settings.tile_width;
    let scaled = |n: u32, of: u32| ((u64::from(side) * u64::from(n) / u64::from(of)) as u32 & !1).max(2);
    let tile = if display.0 >= display.1 {
        (side, scaled(display.1, display.0))
    } else {
        (scaled(display.0, display.1), side)
    };
    let tiles = tiles(interval_s);
    let columns = settings.columns.min(tiles);
    StillsPlan {
        tile,
        layout: (columns, settings.rows.min(tiles.div_ceil(columns))),
        interval_ms: u64::from(interval_s) * 1000,
        tiles,
        poster_widths: settings.poster_widths.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fixtures::source;

    fn planned(source: &SourceInfo) -> Plan {
        let preset = Preset::load(preset::DEFAULT).expect("shipped");
        plan(source, None, &preset, preset.family())
    }

    fn why<'a>(plan: &'a Plan, what: &str) -> Vec<&'a str> {
        plan.reasons.iter().filter(|(w, _)| w == what).map(|(_, why)| why.as_str()).collect()
    }

    #[test]
    fn a_plan_is_the_same_value_before_and_after_storage() {
        let plan = planned(&source(1000));
        let json = serde_json::to_string(&plan).expect("json");
        assert_eq!(serde_json::from_str::<Plan>(&json).expect("plan"), plan);
    }

    #[test]
    fn segments_are_six_seconds_with_idr_every_two() {
        let plan = planned(&source(1000));
        assert_eq!((plan.gop_frames, &plan.segments[0].gops[..]), (50, &[50, 50, 50][..]));
        assert_eq!(plan.segments.iter().map(|s| s.frames()).sum::<u64>(), 1000);
        assert_eq!(plan.chunks.iter().map(|c| c.segments).sum::<usize>(), plan.segments.len());
        assert_eq!(plan.trick.every_frames, 25);
        for rung in &plan.rungs {
            assert_eq!(rung.options["g"], "50");
            assert_eq!(rung.options["sc_threshold"], "0");
        }
    }

    #[test]
    fn i_frames_come_from_a_rung_of_the_ladder() {
        for (width, height) in [(1920, 1080), (320, 240), (1080, 1920)] {
            let mut s = source(100);
            (s.video.width, s.video.height) = (width, height);
            let plan = planned(&s);
            let size = |r: &RungTask| (r.width, r.height);
            assert!(plan.rungs.iter().any(|r| size(r) == size(&plan.trick.rung)));
        }
    }

    #[test]
    fn audio_is_as_long_as_the_picture_to_the_sample() {
        let plan = planned(&source(1001));
        assert_eq!(plan.audio[0].samples, 1001 * 48_000 / 25);
    }

    #[test]
    fn early_sound_moves_the_start_and_late_sound_does_not() {
        let mut s = source(100);
        s.video.pts.iter_mut().for_each(|p| *p += 90_000);
        s.video.end_pts += 90_000;
        s.audio[0].start_s = 0.25;
        let plan = planned(&s);
        assert_eq!(plan.cadence.origin_pts, 22_500);
        assert_eq!(plan.frames, 100 + 19);
        s.audio[0].start_s = 3.0;
        assert_eq!(planned(&s).cadence.origin_pts, 90_000);
    }

    #[test]
    fn what_is_too_short_to_be_played_is_lengthened() {
        let short = planned(&source(1));
        assert_eq!((short.frames, short.audio[0].samples), (7, 7 * 48_000 / 25));
        assert_eq!(why(&short, "length").len(), 1);
        assert_eq!(planned(&source(7)).frames, 7);
        assert!(why(&planned(&source(7)), "length").is_empty());
    }

    #[test]
    fn tiles_keep_to_their_number_and_to_the_shape_of_the_picture() {
        let short = planned(&source(25 * 30));
        assert_eq!((short.stills.interval_ms, short.stills.tiles), (1000, 30));
        let episode = planned(&source(25 * 45 * 60));
        assert_eq!((episode.stills.interval_ms, episode.stills.tiles), (10_000, 270));
        assert_eq!(episode.stills.tile, (240, 134));
    }

    #[test]
    fn whatever_is_left_out_is_said() {
        let mut s = source(100);
        s.audio.clear();
        let pictures = flodrama_media::SubtitleTrack { codec: "dvd_subtitle".into(), ..Default::default() };
        s.subtitles.push(pictures);
        let plan = planned(&s);
        assert_eq!(why(&plan, "subtitles").len(), 1);
        assert_eq!(why(&plan, "audio"), ["the source has none"]);
    }
}
