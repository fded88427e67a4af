//! The judges: what ffmpeg and ffprobe, which nobody here wrote, make of a file.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::process::run;

/// A decoded frame: of video a picture, of audio a run of samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Presentation time in seconds.
    pub pts_s: f64,
    /// True where decoding can begin here.
    pub key: bool,
    /// Samples, of audio.
    pub samples: u64,
}

/// Decodes the only stream of `path` to its end. Any line of complaint fails.
pub fn frames(path: &Path) -> Vec<Frame> {
    let entries = "frame=pts_time,key_frame,nb_samples";
    let found = probe(path, &["-show_entries", entries]);
    let frames = found["frames"].as_array().expect("frames");
    let seconds = |frame: &Value| frame["pts_time"].as_str().expect("a time").parse().expect("seconds");
    let frame = |frame: &Value| Frame {
        pts_s: seconds(frame),
        key: frame["key_frame"] == 1,
        samples: frame["nb_samples"].as_u64().unwrap_or(0),
    };
    frames.iter().map(frame).collect()
}

/// When each packet of `path` is shown, in seconds, without decoding it.
pub fn packet_times(path: &Path) -> Vec<f64> {
    let found = probe(path, &["-show_entries", "packet=pts_time"]);
    let packets = found["packets"].as_array().expect("packets");
    let time = |packet: &Value| packet["pts_time"].as_str().expect("a time").parse().expect("seconds");
    packets.iter().map(time).collect()
}

/// What ffprobe says of `path`, as JSON. Any line of complaint fails.
pub fn probe(path: &Path, args: &[&str]) -> Value {
    let (found, complaint) = ffprobe(path, args);
    assert!(complaint.is_empty(), "ffprobe {}: {complaint}", path.display());
    found
}

/// The same of a source, which may be odd.
pub fn probe_leniently(path: &Path, args: &[&str]) -> Value {
    ffprobe(path, args).0
}

fn ffprobe(path: &Path, args: &[&str]) -> (Value, String) {
    let fixed = ["-v", "error", "-of", "json"].map(OsStr::new);
    let args = args.iter().map(OsStr::new);
    let done = run("ffprobe", fixed.into_iter().chain(args).chain([path.as_os_str()]));
    assert_eq!(done.code, Some(0), "ffprobe {}: {}", path.display(), done.stderr);
    (serde_json::from_slice(&done.stdout).expect("ffprobe prints JSON"), done.stderr)
}

/// The first stream of `path`.
pub fn stream(path: &Path) -> Value {
    probe(path, &["-show_streams"])["streams"][0].clone()
}

/// Width and height of a picture or of a video's first stream.
pub fn size(path: &Path) -> (u32, u32) {
    let stream = stream(path);
    let side = |name: &str| stream[name].as_u64().expect("a picture") as u32;
    (side("width"), side("height"))
}

/// Runs ffmpeg and gives what it writes to its standard output. Any line of complaint fails.
pub fn ffmpeg(args: &[&str]) -> Vec<u8> {
    let done = run("ffmpeg", ["-nostdin", "-v", "error"].iter().chain(args));
    assert!(
        done.code == Some(0) && done.stderr.is_empty(),
        "ffmpeg {args:?}: {:?} {}",
        done.code,
        done.stderr
    );
    done.stdout
}

/// The same, with `input` as `pipe:0`.
pub fn ffmpeg_piped(args: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("ffmpeg")
        .args(["-v", "error"])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ffmpeg runs");
    let mut pipe = child.stdin.take().expect("piped");
    let written = std::thread::scope(|scope| {
        let writer = scope.spawn(move || pipe.write_all(input));
        let output = child.wait_with_output().expect("ffmpeg ends");
        (writer.join().expect("the writer does not panic"), output)
    });
    let (sent, output) = written;
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && complaint.is_empty(),
        "ffmpeg {args:?}: {} {complaint}",
        output.status
    );
    sent.expect("ffmpeg reads its input to the end");
    output.stdout
}

/// Mean brightness of a picture and its spread (standard deviation), 0 to 255.
pub fn brightness(path: &Path) -> (f64, f64) {
    let path = path.to_str().expect("a plain path");
    let luma = ffmpeg(&["-i", path, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "gray", "-"]);
    let mean = luma.iter().map(|l| f64::from(*l)).sum::<f64>() / luma.len() as f64;
    let variance = luma.iter().map(|l| (f64::from(*l) - mean).powi(2)).sum::<f64>() / luma.len() as f64;
    (mean, variance.sqrt())
}

/// Luma of the darkest and of the brightest block of the number that a clip's first picture carries, as stored: no filter
/// has a chance to bring it to another range.
pub fn luma_ends(path: &Path) -> (u8, u8) {
    const BLOCKS: usize = 16;
    let (width, height) = size(path);
    let (width, height) = (width as usize, height as usize);
    let raw = ffmpeg(&["-i", path.to_str().expect("a plain path"), "-frames:v", "1", "-f", "rawvideo", "-"]);
    // The middle of each block, in a line through the middle of the strip.
    let line = &raw[height * 5 / 6 * width..][..width];
    let blocks: Vec<u8> = (0..BLOCKS).map(|i| line[(2 * i + 1) * width / (2 * BLOCKS)]).collect();
    (*blocks.iter().min().expect("blocks"), *blocks.iter().max().expect("blocks"))
}

/// Peak signal to noise ratio of the brightness, in dB, of each picture of `path`, brought to the size of `source`,
/// against `source`, by their order.
pub fn likeness_db(path: &Path, source: &Path) -> Vec<f64> {
    likeness(path, source, "null", "psnr_y:")
}

/// The same of red, green and blue, as a screen shows them.
pub fn likeness_on_screen_db(path: &Path, source: &Path) -> Vec<f64> {
    likeness(path, source, "format=gbrp", "psnr_avg:")
}

fn likeness(path: &Path, source: &Path, format: &str, figure: &str) -> Vec<f64> {
    let (width, height) = size(source);
    let [path, source] = [path, source].map(|path| path.to_str().expect("a plain path"));
    let pairs = format!(
        "[0:v]scale={width}:{height}:flags=bicubic,{format},settb=1/25,setpts=N[a];
         [1:v]{format},settb=1/25,setpts=N[b];[a][b]psnr=stats_file=-"
    );
    let stats = ffmpeg(&["-i", path, "-i", source, "-lavfi", &pairs, "-r", "25", "-f", "null", "/dev/null"]);
    let stats = String::from_utf8(stats).expect("text");
    // Equal pictures are infinitely alike: "inf" is read as such.
    let db = |line: &str| line.split_once(figure)?.1.split_whitespace().next()?.parse().ok();
    stats.lines().map(|line| db(line).expect("a figure for each picture")).collect()
}

/// All samples of an audio rendition, mixed to mono, at 48 kHz.
pub fn samples(path: &Path) -> Vec<f32> {
    let path = path.to_str().expect("a plain path");
    let bytes = ffmpeg(&["-i", path, "-ac", "1", "-ar", "48000", "-f", "f32le", "-"]);
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

/// True where the first packet of a file is one that decoding can begin with, as ffprobe's demuxer sees it.
pub fn begins_with_key(bytes: &[u8]) -> bool {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("part.mp4");
    std::fs::write(&path, bytes).expect("a file");
    let found = probe(&path, &["-show_entries", "packet=flags"]);
    found["packets"][0]["flags"].as_str().is_some_and(|flags| flags.starts_with('K'))
}
