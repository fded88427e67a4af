//! One scenario for each kind of source, over clips whose pictures carry their numbers.

use std::path::{Path, PathBuf};

use super::tree::{Expected, Rendition, SHORTEST_S, Tree};
use super::{check, transcode};
use crate::support::clip::{Clip, Sound, beeps, pitch_hz};
use crate::support::{ffmpeg, hls};

/// Signal to noise of a picture without visible damage.
const CLEAN_DB: f64 = 32.0;
/// Clips have a keyframe at least so often.
const KEYFRAMES_S: f64 = 2.1;
/// The encoder smears the begin of a beep over a few milliseconds.
const BEEP_TOLERANCE_S: f64 = 0.01;

#[test]
fn a_film_in_two_languages() {
    let sounds = vec![Sound::ENGLISH, Sound::FRENCH];
    let (size, display) = ((640, 360), (640, 360));
    let clip = Clip { size, display, frames: 350, sounds, ..Clip::default() };
    let rungs = judge(&clip);
    let segments: Vec<usize> = rungs.iter().map(|rung| rung.media.segments.len()).collect();
    assert_eq!(segments, [3, 3], "two rungs, segments of 6, 6 and 2 s");
}

#[test]
fn thirty_frames_of_television() {
    judge(&Clip { rate: (30_000, 1001), frames: 241, ..Clip::default() });
}

/// A frame is shorter than an access unit of sound.
#[test]
fn sixty_frames_with_sound() {
    judge(&Clip { rate: (60, 1), frames: 421, ..Clip::default() });
}

#[test]
fn a_silent_film_at_23_976() {
    judge(&Clip {
        name: "clip.mov",
        rate: (24_000, 1001),
        frames: 160,
        sounds: Vec::new(),
        ..Clip::default()
    });
}

#[test]
fn a_phone_held_upright() {
    let (size, display) = ((640, 360), (360, 640));
    judge(&Clip { size, display, turned: true, frames: 100, ..Clip::default() });
}

#[test]
fn pixels_that_are_not_square() {
    let (size, display) = ((480, 360), (640, 360));
    judge(&Clip { size, display, filter: "setsar=4/3", frames: 100, ..Clip::default() });
}

/// Colours are judged as a screen shows them: by the wrong matrix they would be far off.
#[test]
fn a_screen_recording_in_rgb() {
    let video = &["-c:v", "qtrle", "-pix_fmt", "rgb24"];
    let (size, display) = ((1280, 720), (1280, 720));
    let clip = Clip { name: "clip.mov", size, display, video, frames: 60, ..Clip::default() };
    let folder = tempfile::tempdir().expect("folder");
    let source = clip.make(folder.path());
    let tree = transcode(&source, &folder.path().join("out"), &[]);
    check(&tree, &expected(&clip));
    let likeness = ffmpeg::likeness_on_screen_db(&tree.videos()[0].playlist, &source);
    assert!(likeness.iter().all(|db| *db > 28.0), "{likeness:?}");
}

/// Black and white of the source's strip are those of limited range afterwards, in a size and a format that need nothing
/// else done.
#[test]
fn full_range_is_narrowed() {
    let video = &[
        "-c:v",
        "libx265",
        "-preset",
        "ultrafast",
        "-pix_fmt",
        "yuv420p",
        "-color_range",
        "pc",
        "-x265-params",
        "log-level=error:range=full",
    ];
    let filter = "scale=in_range=tv:out_range=pc";
    let (size, display) = ((640, 360), (640, 360));
    let clip = Clip { size, display, filter, video, frames: 60, ..Clip::default() };
    let folder = tempfile::tempdir().expect("folder");
    let source = clip.make(folder.path());
    let (black, white) = ffmpeg::luma_ends(&source);
    assert!(black < 8 && white > 247, "the source has {black} to {white}");
    let tree = transcode(&source, &folder.path().join("out"), &[]);
    check(&tree, &expected(&clip));
    let top = &tree.videos()[0].playlist;
    assert_eq!(ffmpeg::stream(top)["color_range"], "tv");
    let (black, white) = ffmpeg::luma_ends(top);
    assert!((12..=20).contains(&black) && (230..=240).contains(&white), "{black} to {white}");
}

#[test]
fn a_variable_frame_rate() {
    let keep = |n| !(5..=12).contains(&(n % 25)) && n % 7 != 3;
    judge(&Clip { name: "clip.mkv", keep, frames: 225, ..Clip::default() });
}

#[test]
fn a_single_frame() {
    judge(&Clip { frames: 1, ..Clip::default() });
}

#[test]
fn half_a_second() {
    judge(&Clip { frames: 13, ..Clip::default() });
}

#[test]
fn a_clock_that_starts_at_ten_seconds() {
    judge(&Clip { name: "clip.ts", output: &["-output_ts_offset", "10"], ..Clip::default() });
}

#[test]
fn open_groups_of_pictures() {
    let rungs = judge(&open_gop());
    assert!(rungs[0].media.segments.len() > 2, "more than one chunk");
}

#[test]
fn sound_that_comes_later() {
    let sounds = vec![Sound { from_s: 1.5, ..Sound::ENGLISH }];
    judge(&Clip { sounds, ..Clip::default() });
}

#[test]
fn a_picture_that_comes_later() {
    judge(&Clip { keep: |n| n >= 20, ..Clip::default() });
}

/// Pictures before a keyframe lean on the group before it, in chunks that begin with that keyframe.
pub fn open_gop() -> Clip {
    let video = &[
        "-c:v",
        "libx264",
        "-preset",
        "fast",
        "-g",
        "30",
        "-x264-params",
        "open-gop=1:bframes=8:b-pyramid=normal",
    ];
    Clip { name: "clip.mkv", video, frames: 420, ..Clip::default() }
}

/// Makes the clip, transcodes it, checks everything, and gives the rungs.
fn judge(clip: &Clip) -> Vec<Rendition> {
    let folder = tempfile::tempdir().expect("folder");
    judge_in(clip, folder.path(), &[]).1.videos()
}

/// The same in a folder that stays, with more arguments for the transcode: gives the source and the tree.
pub fn judge_in(clip: &Clip, folder: &Path, more: &[&str]) -> (PathBuf, Tree) {
    let source = clip.make(folder);
    let tree = transcode(&source, &folder.join("out"), more);
    judge_against(clip, &tree, Expectation { like: &source, db: CLEAN_DB });
    (source, tree)
}

/// What every picture of a tree is to be like.
pub struct Expectation<'a> {
    /// A file with the same pictures.
    pub like: &'a Path,
    /// Signal to noise of each.
    pub db: f64,
}

/// Checks everything of the tree that `clip` became.
pub fn judge_against(clip: &Clip, tree: &Tree, expectation: Expectation) {
    check(tree, &expected(clip));
    every_picture_has_its_place(clip, tree);
    every_picture_is_like(expectation, clip, tree);
    every_tile_shows_its_time(clip, tree);
    every_beep_has_its_time(clip, tree);
}

/// What the tree of `clip` should be.
pub fn expected(clip: &Clip) -> Expected {
    let duration_s = f64::from(clip.frames) * clip.frame_s();
    let tag = |sound: &Sound| if sound.language == "fre" { "fr".to_owned() } else { "en".to_owned() };
    let duration_s = duration_s.max(SHORTEST_S);
    Expected { duration_s, display: clip.display, languages: clip.sounds.iter().map(tag).collect() }
}

/// Each output picture shows the source picture of its time: none is lost, doubled or out of order, at no border of
/// chunks either.
fn every_picture_has_its_place(clip: &Clip, tree: &Tree) {
    let frame_s = tree.frame_s();
    assert!((frame_s - clip.frame_s()).abs() < 1e-6, "the source's rate is kept");
    let kept = clip.kept();
    let rungs = tree.videos();
    let shown = clip.numbers(&rungs[0].playlist);
    for (i, number) in shown.iter().enumerate() {
        // A source picture stands until the next one; times round to the nearest frame.
        let at = kept.partition_point(|n| *n as usize <= i).max(1) - 1;
        assert_eq!(*number, kept[at], "picture {i} of the top rung");
    }
    for rung in &rungs[1..] {
        assert_eq!(clip.numbers(&rung.playlist), shown, "{}", rung.playlist.display());
    }
    for trick in tree.tricks() {
        let times = trick.boundaries();
        let still: Vec<u32> =
            times[..times.len() - 1].iter().map(|t| shown[(t / frame_s).round() as usize]).collect();
        assert_eq!(clip.numbers(&trick.playlist), still, "I-frames");
    }
}

/// A picture that leaned on one that its chunk never decoded would be full of debris.
fn every_picture_is_like(Expectation { like, db: least_db }: Expectation, clip: &Clip, tree: &Tree) {
    if clip.kept().len() < clip.frames as usize || clip.size != clip.display {
        return;
    }
    let likeness = ffmpeg::likeness_db(&tree.videos()[0].playlist, like);
    let shortest = (SHORTEST_S / clip.frame_s()).ceil() as usize;
    assert_eq!(likeness.len(), shortest.max(clip.frames as usize));
    for (i, db) in likeness.iter().enumerate() {
        assert!(*db > least_db, "picture {i} is {db} dB from its source");
    }
}

/// A preview on the seek bar is what a seek to there would show, or the keyframe next to it.
fn every_tile_shows_its_time(clip: &Clip, tree: &Tree) {
    let folder = tree.folder.join("thumbs");
    let storyboard = std::fs::read_to_string(folder.join("storyboard.vtt")).expect("storyboard");
    for cue in hls::cues(&storyboard) {
        let (sheet, part) = cue.payload.split_once("#xywh=").expect("a part of a sheet");
        let part: Vec<&str> = part.split(',').collect();
        let crop = format!("crop={}:{}:{}:{}", part[2], part[3], part[0], part[1]);
        let number = clip.numbers_within(&folder.join(sheet), &crop)[0];
        let shown_s = f64::from(number) * clip.frame_s();
        let off_s = if shown_s < cue.start_s { cue.start_s - shown_s } else { shown_s - cue.end_s };
        assert!(off_s <= KEYFRAMES_S, "{}: the tile shows {shown_s} s", cue.start_s);
    }
}

fn every_beep_has_its_time(clip: &Clip, tree: &Tree) {
    let duration_s = f64::from(clip.frames) * clip.frame_s();
    for (sound, audio) in clip.sounds.iter().zip(tree.audios()) {
        let name = audio.playlist.display();
        let samples = ffmpeg::samples(&audio.playlist);
        let start_s = ffmpeg::frames(&audio.playlist)[0].pts_s;
        let heard: Vec<f64> = beeps(&samples).iter().map(|at| at + start_s).collect();
        let seconds = (0..).map(f64::from).skip_while(|s| *s < sound.from_s).take_while(|s| *s < duration_s);
        let due: Vec<f64> = seconds.collect();
        assert_eq!(heard.len(), due.len(), "{name}: beeps at {heard:?}");
        for (heard, due) in heard.iter().zip(&due) {
            assert!((heard - due).abs() < BEEP_TOLERANCE_S, "{name}: a beep at {heard} s, not {due}");
        }
        if duration_s > 0.1 {
            let hz = pitch_hz(&samples, heard[0] - start_s);
            assert!((hz / f64::from(sound.hz) - 1.0).abs() < 0.1, "{name} has a pitch of {hz} Hz");
        }
    }
}
