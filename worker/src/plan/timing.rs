//! Time and shape of the output, before any rung: frame rate, begin, length, size for display.

use flodrama_media::task::Cadence;
use flodrama_media::{Ratio, SourceInfo};

use super::preset::Preset;
use super::shown::Shown;
use super::{cadence, ladder};

/// hls.js never begins to play a tenth of a second of picture and sound; this is on the safe side.
const SHORTEST_S: f64 = 0.25;

/// What a preset makes of a source's time and shape, before any rung.
pub struct Timing {
    /// When the source's pictures are shown.
    pub shown: Shown,
    /// Source time to output frames.
    pub cadence: Cadence,
    /// Output frames.
    pub frames: u64,
    /// Whole frames nearest to a second.
    pub second: u64,
    /// Frames of the preset's own GOP.
    pub gop_frames: u64,
    /// Size for display in square pixels.
    pub display: (u32, u32),
}

impl Timing {
    /// Adds a reason for each choice.
    pub fn of(source: &SourceInfo, preset: &Preset, reasons: &mut Vec<(String, String)>) -> Timing {
        let video = &source.video;
        let shown = Shown::of(video);
        let (rate, why) = cadence::frame_rate(&shown, preset.video.max_frame_rate);
        reasons.push(("frame rate".into(), format!("{:.3} fps: {why}", rate.as_f64())));
        let origin_pts = origin(source, &shown, rate, reasons);
        let cadence = Cadence { rate, origin_pts, time_base: shown.time_base };
        let second = cadence::frames_per_second(rate);
        Timing {
            cadence,
            frames: length(&shown, &cadence, reasons),
            second,
            gop_frames: second * u64::from(preset.video.gop_s),
            display: ladder::display_size(
                (video.width, video.height),
                video.sample_aspect.as_f64(),
                video.rotation,
            ),
            shown,
        }
    }
}

/// Output frames.
fn length(shown: &Shown, cadence: &Cadence, reasons: &mut Vec<(String, String)>) -> u64 {
    let frames = cadence::frame_count(shown, cadence);
    let shortest = (SHORTEST_S * cadence.rate.as_f64()).ceil() as u64;
    if frames >= shortest {
        return frames;
    }
    let why = format!(
        "{:.3} s are too short for some players: the last picture stands until {SHORTEST_S} s",
        frames as f64 / cadence.rate.as_f64()
    );
    reasons.push(("length".into(), why));
    shortest
}

/// The file time at which the presentation begins: the first frame, or the first sound where it comes clearly before.
fn origin(source: &SourceInfo, shown: &Shown, rate: Ratio, reasons: &mut Vec<(String, String)>) -> i64 {
    let first = shown.pts[0];
    let first_s = first as f64 * shown.time_base.as_f64();
    let frame_s = 1.0 / rate.as_f64();
    let sound = source.audio.iter().map(|a| a.start_s).fold(f64::INFINITY, f64::min);
    if sound.is_finite() && first_s - sound > frame_s.max(0.05) {
        let lead = first_s - sound;
        reasons.push((
            "start".into(),
            format!("sound begins {lead:.3} s before the picture: the first frame stands until then"),
        ));
        return first - (lead / shown.time_base.as_f64()).round() as i64;
    }
    first
}
