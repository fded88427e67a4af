//! Passthrough: where the source's own pictures keep every rule of the top rung, they are published as they are, and
//! the other rungs follow their IDR frames. Each rule that is not kept is a sentence of its own.

use flodrama_media::task::{Cadence, CopyTask, SegmentSpan};
use flodrama_media::{CodedVideo, Colour, VideoTrack};

use super::boundaries;
use super::ladder::Rung;
use super::picture::{self, OutputColour};
use super::preset::VideoPreset;

/// A group of pictures may be so many times as long as the preset's own. Apple asks for a keyframe every 2 s, as a
/// SHOULD (HLS authoring specification 1.13); with groups of twice that, segments can still be cut near 6 s.
const LONGEST_GOP: u64 = 2;
/// Decoders in hardware promise this level for pictures up to Full HD, …
const LEVEL_FULL_HD: u8 = 42;
/// … and this one, the highest that Apple allows (1.2), above.
const LEVEL: u8 = 52;
/// Pixels of Full HD, in whole blocks.
const FULL_HD: u32 = 1920 * 1088;
/// Encoders miss a cap by a little, ours too: a buffer may be so much larger than the preset's.
const BUFFER_SLACK: f64 = 1.05;
/// More reordered frames than this show video late in players that ignore edit lists (docs/adr/0005-edit-lists.md).
const MOST_REORDERED: u32 = 4;

/// What decides about passthrough.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    /// The source.
    pub video: &'a VideoTrack,
    /// The preset.
    pub preset: &'a VideoPreset,
    /// Source time to output frames.
    pub cadence: &'a Cadence,
    /// Output frames.
    pub frames: u64,
    /// Frames of the preset's own GOP, and of a full segment.
    pub gop_frames: u64,
    /// Frames of a full segment.
    pub segment_frames: u64,
    /// The ladder.
    pub rungs: &'a [Rung],
    /// Filters for orientation and colour.
    pub orientation: &'a str,
    /// What encoders would be told about colour.
    pub colour: &'a OutputColour,
}

/// The top rung as a copy, and the segments that it asks of all rungs.
#[derive(Clone, Debug, PartialEq)]
pub struct Passthrough {
    /// The copy.
    pub copy: CopyTask,
    /// All segments.
    pub segments: Vec<SegmentSpan>,
    /// Why, for people.
    pub why: String,
}

/// Decides; or says each rule that is not kept.
pub fn passthrough(case: &Case) -> Result<Passthrough, Vec<String>> {
    let video = case.video;
    if !case.preset.passthrough {
        return Err(vec!["the preset does not ask for it".into()]);
    }
    if video.codec != "h264" || !case.preset.encoder.contains("264") {
        return Err(vec![format!("the source is {}, the rungs are {}", video.codec, case.preset.encoder)]);
    }
    let Some(coded) = &video.coded else {
        return Err(vec!["nothing is known of the source's packets".into()]);
    };
    let mut faults = Vec::new();
    let [top, _, ..] = case.rungs else { return Err(vec!["the ladder has one rung only".into()]) };
    picture_rules(case, coded, top, &mut faults);
    packet_rules(coded, &mut faults);
    time_rules(case, coded, &mut faults);
    rate_rule(coded, top, &mut faults);
    if !faults.is_empty() {
        return Err(faults);
    }
    let idrs: Vec<u64> = coded.idr_frames.iter().map(|n| u64::from(*n)).collect();
    let rate = case.cadence.rate;
    let cut = boundaries::segments(&idrs, case.frames, case.segment_frames, case.gop_frames, rate);
    let Some(segments) = cut else {
        return Err(vec!["no choice of its IDR frames gives segments of the right length".into()]);
    };
    let (longest, seconds) = longest_gop(case, coded);
    let why = format!(
        "the source's own pictures are this rung, not encoded again: {} IDR frames, at most {longest} frames \
         ({seconds:.2} s) apart, {} kbit of buffer at {} kb/s",
        idrs.len(),
        coded.buffer_kbit(top.settings.max_kbps).unwrap_or_default(),
        top.settings.max_kbps,
    );
    let copy = CopyTask { height: top.height, width: top.width, reorder_frames: coded.reorder_frames };
    Ok(Passthrough { copy, segments, why })
}

fn picture_rules(case: &Case, coded: &CodedVideo, top: &Rung, faults: &mut Vec<String>) {
    let video = case.video;
    let mut rule = |kept: bool, why: String| {
        if !kept {
            faults.push(why);
        }
    };
    rule(
        video.pixel_format == "yuv420p" && coded.is_420_8bit,
        format!("its pictures are {}, not 4:2:0 with 8 bits", video.pixel_format),
    );
    rule(!video.interlaced && coded.frames_only, "its pictures may be stored as two fields".into());
    let square = video.sample_aspect.num == video.sample_aspect.den && coded.square_pixels;
    rule(square, "its pixels are not square".into());
    rule(video.rotation == 0, format!("it is shown turned by {}°", video.rotation));
    let size = (video.width, video.height);
    rule(
        size == (coded.width, coded.height)
            && (video.rotation != 0 || !square || size == (top.width, top.height)),
        format!(
            "its pictures are {}×{}, the top rung is {}×{}",
            coded.width, coded.height, top.width, top.height
        ),
    );
    // Constrained Baseline is Baseline with the flag that it is also Main.
    let known = matches!(coded.profile, 77 | 100) || (coded.profile == 66 && coded.constraints & 0x40 != 0);
    rule(known, format!("its profile ({}) is not Constrained Baseline, Main or High", coded.profile));
    let most = if coded.width * coded.height <= FULL_HD { LEVEL_FULL_HD } else { LEVEL };
    let tenth = |level: u8| f64::from(level) / 10.0;
    rule(
        coded.level <= most,
        format!("its level is {}, at most {} is played everywhere", tenth(coded.level), tenth(most)),
    );
    let tags = |c: &Colour| format!("{}/{}/{}", c.primaries, c.transfer, c.matrix);
    if case.orientation.contains("zscale") {
        rule(false, format!("its colours ({}) need conversion", tags(&video.colour)));
    } else {
        rule(
            !coded.colour.full_range && is_tagged(&coded.colour, case.colour, coded.height),
            format!(
                "its pictures are tagged {}{}, the rungs are {}/{}/{}",
                tags(&coded.colour),
                if coded.colour.full_range { ", full range" } else { "" },
                case.colour.primaries,
                case.colour.transfer,
                case.colour.matrix
            ),
        );
    }
}

/// True where players show the same colours: tagged alike, or untagged where they assume what the others are tagged.
fn is_tagged(tags: &Colour, ours: &OutputColour, height: u32) -> bool {
    let alike = |tag: &str, ours: &str| tag == ours || tag == "unknown";
    let untagged = [&tags.primaries, &tags.transfer, &tags.matrix].iter().any(|tag| *tag == "unknown");
    alike(&tags.primaries, ours.primaries)
        && alike(&tags.transfer, ours.transfer)
        && alike(&tags.matrix, ours.matrix)
        && (!untagged || picture::assumed(height) == *ours)
}

fn packet_rules(coded: &CodedVideo, faults: &mut Vec<String>) {
    if coded.parameter_sets != 2 {
        faults.push(format!("it has {} parameter sets, not one of each kind", coded.parameter_sets));
    }
    if coded.layers {
        faults.push("it has layers that plain decoders do not know".into());
    }
    for (count, what) in [
        (coded.parameter_set_changes, "with other parameter sets"),
        (coded.untimed_packets, "without a presentation time"),
        (coded.hidden_packets, "hidden by an edit list"),
        (coded.damaged_packets, "damaged or without a picture"),
    ] {
        if count > 0 {
            faults.push(format!("packets {what}: {count}"));
        }
    }
}

fn time_rules(case: &Case, coded: &CodedVideo, faults: &mut Vec<String>) {
    let video = case.video;
    let own = |(i, pts): (usize, &i64)| case.cadence.frame_at(*pts) == i as i64;
    let one_by_one = coded.pictures as usize == video.pts.len()
        && video.pts.len() as u64 == case.frames
        && video.pts.iter().enumerate().all(own);
    if !one_by_one {
        faults.push(format!(
            "its {} pictures do not fall on the {} output frames one by one",
            coded.pictures, case.frames
        ));
    } else if coded.reorder_frames > MOST_REORDERED {
        let n = coded.reorder_frames;
        faults.push(format!("{n} frames are reordered, at most {MOST_REORDERED} are taken"));
    }
    if coded.idr_frames.first() != Some(&0) {
        faults.push("it does not begin with an IDR frame".into());
    }
    let (longest, seconds) = longest_gop(case, coded);
    let most = LONGEST_GOP * case.gop_frames;
    if longest > most {
        let open = match coded.open_keyframes {
            0 => String::new(),
            n => format!(" (open groups of pictures: keyframes that are no IDR frames: {n})"),
        };
        faults.push(format!(
            "its IDR frames lie up to {longest} frames ({seconds:.2} s) apart, at most {most} are taken{open}"
        ));
    }
}

/// The longest distance from one IDR frame to the next, in frames and in seconds.
fn longest_gop(case: &Case, coded: &CodedVideo) -> (u64, f64) {
    let begins = coded.idr_frames.iter().map(|n| u64::from(*n));
    let ends = begins.clone().skip(1).chain([case.frames]);
    let longest = begins.zip(ends).map(|(begin, end)| end.saturating_sub(begin)).max().unwrap_or(case.frames);
    (longest, longest as f64 / case.cadence.rate.as_f64())
}

fn rate_rule(coded: &CodedVideo, top: &Rung, faults: &mut Vec<String>) {
    let settings = &top.settings;
    let fits = |kbit: u32| f64::from(kbit) <= f64::from(settings.buffer_kbit) * BUFFER_SLACK;
    match coded.buffer_kbit(settings.max_kbps) {
        Some(kbit) if fits(kbit) => {}
        Some(kbit) => faults.push(format!(
            "at {} kb/s it needs a buffer of {kbit} kbit, the preset has {}",
            settings.max_kbps, settings.buffer_kbit
        )),
        None => faults.push(format!("its mean rate is above the preset's cap of {} kb/s", settings.max_kbps)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixtures::{coded, source};
    use crate::plan::{Plan, Preset, plan, preset};
    use flodrama_media::task::COPY;
    use flodrama_media::{Ratio, SourceInfo};

    /// Full HD at 25 frames a second with an IDR frame every 2 s.
    fn conforming() -> SourceInfo {
        let mut source = source(1000);
        source.video.coded = Some(coded(&source.video, 50));
        source
    }

    fn planned(source: &SourceInfo) -> Plan {
        let preset = Preset::load(preset::DEFAULT).expect("shipped");
        plan(source, None, &preset, preset.family())
    }

    fn refusals(source: &SourceInfo) -> Vec<String> {
        let plan = planned(source);
        assert_eq!(plan.copy, None);
        assert!(plan.rungs.iter().all(|r| r.encoder != COPY));
        plan.reasons.into_iter().filter(|(what, _)| what == "no passthrough").map(|(_, why)| why).collect()
    }

    #[test]
    fn a_conforming_source_is_the_top_rung_and_the_next_is_scaled_from_it() {
        let plan = planned(&conforming());
        assert_eq!(plan.copy, Some(CopyTask { height: 1080, width: 1920, reorder_frames: 2 }));
        assert_eq!((plan.rungs[0].encoder.as_str(), plan.rungs[0].height), (COPY, 1080));
        assert!(plan.rungs[1..].iter().all(|r| r.encoder == "libx264"));
        assert!(plan.prepare.starts_with("scale=1280:720"), "{}", plan.prepare);
        assert!(plan.reasons.iter().any(|(what, _)| what == "passthrough"));
        assert!(plan.segments[..6].iter().all(|s| s.gops == [50, 50, 50]), "{:?}", plan.segments);
    }

    #[test]
    fn encoders_follow_groups_that_are_not_of_one_length() {
        let mut source = conforming();
        let coded = source.video.coded.as_mut().expect("coded");
        coded.idr_frames = vec![0, 70, 75, 130, 225, 300, 380, 450, 540, 600, 690, 770, 850, 930];
        let plan = planned(&source);
        for segment in &plan.segments {
            assert!(
                segment
                    .idr_frames()
                    .all(|n| [0, 70, 130, 225, 300, 380, 450, 540, 600, 690, 770, 850, 930].contains(&n)),
                "{segment:?}"
            );
        }
        let longest = plan.segments.iter().flat_map(|s| &s.gops).max().expect("one");
        assert!(plan.rungs[1..].iter().all(|r| r.options["g"] == longest.to_string()), "{longest}");
        for chunk in &plan.chunks {
            let first = plan.segments[chunk.first_segment].first_frame;
            let shown = crate::plan::shown::Shown::of(&source.video);
            let seek = super::super::cadence::seek_point(&source.video, &shown, &plan.cadence, first);
            assert_eq!((chunk.seek, chunk.needed_from), seek);
        }
    }

    #[test]
    fn an_untagged_source_passes_where_players_assume_what_we_tag() {
        let mut source = conforming();
        let unknown = || "unknown".to_owned();
        let untagged =
            Colour { primaries: unknown(), transfer: unknown(), matrix: unknown(), full_range: false };
        source.video.colour = untagged.clone();
        source.video.coded.as_mut().expect("coded").colour = untagged;
        assert!(planned(&source).copy.is_some());
        // Tagged by the container alone, with what no player would assume.
        for tag in [&mut source.video.colour.primaries, &mut source.video.colour.matrix] {
            *tag = "smpte170m".into();
        }
        assert_eq!(refusals(&source).len(), 1);
    }

    #[test]
    fn a_preset_may_not_ask_for_it() {
        let mut preset = Preset::load(preset::DEFAULT).expect("shipped");
        preset.video.passthrough = false;
        let plan = plan(&conforming(), None, &preset, preset.family());
        assert_eq!(plan.copy, None);
        assert!(plan.reasons.contains(&("no passthrough".into(), "the preset does not ask for it".into())));
    }

    /// Breaks one rule, which is then the only one named.
    macro_rules! refused {
        ($($name:ident: $words:literal, |$video:ident, $coded:ident| $change:expr;)*) => {
            $(
                #[test]
                fn $name() {
                    let mut source = conforming();
                    let mut coded = source.video.coded.take().expect("coded");
                    {
                        let ($video, $coded) = (&mut source.video, &mut coded);
                        $change;
                    }
                    source.video.coded = Some(coded);
                    let why = refusals(&source);
                    assert!(why.len() == 1 && why[0].contains($words), "{why:?}");
                }
            )*
        };
    }

    refused! {
        another_codec: "the source is hevc", |video, _coded| video.codec = "hevc".into();
        more_bits: "not 4:2:0 with 8 bits", |video, _coded| video.pixel_format = "yuv420p10le".into();
        fields_by_the_container: "two fields", |video, _coded| video.interlaced = true;
        fields_by_the_sets: "two fields", |_video, coded| coded.frames_only = false;
        wide_pixels: "not square", |video, _coded| video.sample_aspect = Ratio::new(4, 3);
        wide_pixels_by_the_sets: "not square", |_video, coded| coded.square_pixels = false;
        a_turn: "turned by 90°", |video, _coded| video.rotation = 90;
        too_large: "3840×2160, the top rung is 1920×1080", |video, coded| {
            (video.width, video.height) = (3840, 2160);
            (coded.width, coded.height) = (3840, 2160);
        };
        an_odd_size: "1919×1080, the top rung is 1918×1080", |video, coded| {
            (video.width, coded.width) = (1919, 1919);
        };
        sizes_that_differ: "its pictures are 1280×720", |_video, coded| (coded.width, coded.height) = (1280, 720);
        plain_baseline: "profile (66)", |_video, coded| coded.profile = 66;
        a_high_level: "level is 5.1, at most 4.2", |_video, coded| coded.level = 51;
        deep_reordering: "5 frames are reordered", |_video, coded| coded.reorder_frames = 5;
        hdr: "need conversion", |video, _coded| video.colour.transfer = "smpte2084".into();
        other_tags: "tagged smpte170m/bt709/bt709", |_video, coded| coded.colour.primaries = "smpte170m".into();
        full_range: "full range", |_video, coded| coded.colour.full_range = true;
        several_sets: "3 parameter sets", |_video, coded| coded.parameter_sets = 3;
        changing_sets: "packets with other parameter sets: 1", |_video, coded| coded.parameter_set_changes = 1;
        layers: "layers", |_video, coded| coded.layers = true;
        no_times: "packets without a presentation time: 2", |_video, coded| coded.untimed_packets = 2;
        hidden_pictures: "hidden by an edit list", |_video, coded| coded.hidden_packets = 3;
        damage: "packets damaged or without a picture: 1", |_video, coded| coded.damaged_packets = 1;
        a_missing_picture: "one by one", |_video, coded| coded.pictures -= 1;
        a_late_end: "one by one", |video, _coded| video.end_pts += 7200;
        a_hole: "one by one", |video, _coded| video.pts[500] += 3000;
        no_idr_first: "does not begin with an IDR frame", |_video, coded| {
            coded.idr_frames = (10..1000).step_by(50).collect();
        };
        long_groups: "up to 250 frames (10.00 s) apart, at most 100", |_video, coded| {
            coded.idr_frames = vec![0, 250, 500, 750];
        };
        open_groups: "keyframes that are no IDR frames: 19", |_video, coded| {
            (coded.idr_frames, coded.open_keyframes) = (vec![0], 19);
        };
        over_the_cap: "at 5000 kb/s it needs a buffer of 7900 kbit", |_video, coded| {
            coded.buffers = vec![(5000, 7900)];
        };
        far_over_the_cap: "mean rate is above", |_video, coded| coded.buffers = vec![(8000, 1000)];
    }
}
