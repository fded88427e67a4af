//! Flashes and beeps that come together in the source come together in what is published, at its start and at its end.

use std::path::{Path, PathBuf};

use super::transcode;
use super::tree::Tree;
use crate::support::clip::beeps;
use crate::support::ffmpeg;

/// Half of what viewers notice where sound comes first (ITU-R BT.1359).
const TOLERATED_S: f64 = 0.02;
/// When there is a flash and a beep, in seconds.
const MOMENTS: [f64; 2] = [2.0, 10.0];

/// A source to make.
struct Source {
    name: &'static str,
    rate: u32,
    /// More filters for the picture.
    picture: &'static str,
    /// When sound begins, in seconds; beeps stay where they are.
    from: f64,
    /// Seconds of sound that the file says are one.
    slow: f64,
    sample_rate: u32,
    output: &'static [&'static str],
}

const PLAIN: Source = Source {
    name: "clip.mp4",
    rate: 25,
    picture: "null",
    from: 0.0,
    slow: 1.0,
    sample_rate: 48_000,
    output: &["-c:a", "aac"],
};

#[test]
fn cd_sound_in_mp4() {
    judge(&Source { sample_rate: 44_100, ..PLAIN });
}

#[test]
fn telephone_sound() {
    judge(&Source { name: "clip.mov", sample_rate: 8_000, output: &["-c:a", "pcm_s16le"], ..PLAIN });
}

#[test]
fn studio_sound() {
    judge(&Source { name: "clip.mov", sample_rate: 96_000, output: &["-c:a", "pcm_s24le"], ..PLAIN });
}

#[test]
fn aac_with_priming_in_matroska() {
    judge(&Source { name: "clip.mkv", sample_rate: 44_100, ..PLAIN });
}

#[test]
fn opus_in_matroska() {
    judge(&Source { name: "clip.mkv", output: &["-c:a", "libopus"], ..PLAIN });
}

#[test]
fn pictures_at_odd_times() {
    let picture = "select='not(eq(mod(n,7),3))*not(between(mod(n,100),40,55))'";
    judge(&Source { name: "clip.mkv", picture, rate: 30, ..PLAIN });
}

#[test]
fn sound_that_begins_late() {
    judge(&Source { from: 1.3, ..PLAIN });
}

#[test]
fn sound_that_begins_late_in_matroska() {
    judge(&Source { name: "clip.mkv", from: 1.3, ..PLAIN });
}

#[test]
fn a_transport_stream_that_starts_at_ten_seconds_with_reordered_pictures() {
    let output = &["-c:a", "aac", "-bf", "3", "-output_ts_offset", "10"];
    judge(&Source { name: "clip.ts", output, ..PLAIN });
}

#[test]
fn sound_whose_clock_runs_slow() {
    // Forty milliseconds in ten seconds.
    judge(&Source { name: "clip.mkv", slow: 1.004, ..PLAIN });
}

/// Cut without encoding anew: edit lists hide what comes before the cut, in the middle of a group.
#[test]
fn an_edit_list() {
    let folder = tempfile::tempdir().expect("folder");
    let whole = make(folder.path(), &PLAIN);
    let source = folder.path().join("cut.mp4");
    let [from, to] = [&whole, &source].map(|path| path.to_str().expect("a plain path"));
    ffmpeg::ffmpeg(&["-ss", "0.6", "-i", from, "-c", "copy", to]);
    let list = ffmpeg::probe(&source, &["-show_entries", "stream=start_pts"]);
    assert!(list["streams"].as_array().is_some_and(|streams| streams.len() == 2));
    together(&transcode(&source, &folder.path().join("out"), &[]), MOMENTS.len());
}

/// Recordings put together into one transport stream, whose clocks jump ahead by hours and back again.
#[test]
fn recordings_with_clocks_of_their_own() {
    let folder = tempfile::tempdir().expect("folder");
    let recording = |output| std::fs::read(make(folder.path(), &Source { name: "clip.ts", output, ..PLAIN }));
    let recordings = [
        recording(&["-c:a", "aac", "-bf", "3", "-output_ts_offset", "60"]),
        recording(&["-c:a", "aac", "-bf", "3", "-output_ts_offset", "9000"]),
        recording(&["-c:a", "aac", "-bf", "3"]),
    ];
    let joined = folder.path().join("joined.ts");
    std::fs::write(&joined, recordings.map(|bytes| bytes.expect("a recording")).concat()).expect("joined");
    let tree = transcode(&joined, &folder.path().join("out"), &[]);
    let times: Vec<f64> =
        ffmpeg::frames(&tree.videos()[0].playlist).iter().map(|frame| frame.pts_s).collect();
    assert_eq!(times.len(), 3 * 12 * 25, "every picture of all, each for as long as it stood");
    let flashes = together(&tree, 3 * MOMENTS.len());
    for (n, moments) in flashes.chunks(MOMENTS.len()).enumerate() {
        for (flash, moment) in moments.iter().zip(MOMENTS) {
            let meant = 12.0 * n as f64 + moment;
            assert!((flash - meant).abs() <= TOLERATED_S, "a flash at {flash:.4} s instead of {meant} s");
        }
    }
}

fn judge(source: &Source) {
    let folder = tempfile::tempdir().expect("folder");
    let clip = make(folder.path(), source);
    together(&transcode(&clip, &folder.path().join("out"), &[]), MOMENTS.len());
}

/// Gives the flashes, of which there are `count`.
fn together(tree: &Tree, count: usize) -> Vec<f64> {
    let (flashes, beeps) = (flashes(tree), heard(tree));
    assert_eq!((flashes.len(), beeps.len()), (count, count), "{flashes:?} {beeps:?}");
    for (flash, beep) in flashes.iter().zip(&beeps) {
        assert!((flash - beep).abs() <= TOLERATED_S, "a flash at {flash:.4} s and a beep at {beep:.4} s");
    }
    flashes
}

fn make(folder: &Path, source: &Source) -> PathBuf {
    let Source { name, rate, picture, from, slow, sample_rate, output } = source;
    let during = |moments: [f64; 2], from: f64, to: f64| {
        moments.map(|at| format!("between(t,{},{})", at + from, at + to)).join("+")
    };
    let flash = during(MOMENTS, -0.001, 0.199);
    let beep = during(MOMENTS.map(|at| (at - from) * slow), 0.0, 0.1);
    let graph =
        format!("color=black:s=160x90:r={rate}:d=12,drawbox=c=white:t=fill:enable='{flash}',{picture}");
    let sound = format!("aevalsrc='if({beep},0.5*sin(2*PI*1000*t),0)':s={sample_rate}:d=10.5");
    let (offset, clock) = (from.to_string(), format!("asetpts=PTS/{slow}"));
    let path = folder.join(name);
    let mut args =
        vec!["-y", "-f", "lavfi", "-i", &graph, "-itsoffset", &offset, "-f", "lavfi", "-i", &sound];
    if *slow != 1.0 {
        args.extend(["-af", &clock]);
    }
    args.extend(["-vsync", "passthrough", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast"]);
    args.extend(["-g", "25"]);
    args.extend(*output);
    args.push(path.to_str().expect("a plain path"));
    ffmpeg::ffmpeg(&args);
    path
}

/// When the picture becomes white, in seconds.
fn flashes(tree: &Tree) -> Vec<f64> {
    let playlist = &tree.videos()[0].playlist;
    let path = playlist.to_str().expect("a plain path");
    let args = [
        "-i",
        path,
        "-vsync",
        "passthrough",
        "-vf",
        "scale=1:1:flags=area,format=gray",
        "-f",
        "rawvideo",
        "-",
    ];
    let bright: Vec<bool> = ffmpeg::ffmpeg(&args).iter().map(|level| *level > 128).collect();
    let times = ffmpeg::frames(playlist);
    assert_eq!(bright.len(), times.len());
    let turns = (1..bright.len()).filter(|i| bright[*i] && !bright[i - 1]);
    turns.map(|i| times[i].pts_s).collect()
}

fn heard(tree: &Tree) -> Vec<f64> {
    let playlist = &tree.audios()[0].playlist;
    let start_s = ffmpeg::frames(playlist)[0].pts_s;
    beeps(&ffmpeg::samples(playlist)).iter().map(|at| at + start_s).collect()
}
