//! Files that cannot become an episode: one sentence that an editor understands, before work starts, and nothing left behind.

use std::path::Path;

use crate::support::clip::Clip;
use crate::support::ffmpeg;
use crate::support::process::run;
use crate::support::programs;

#[test]
fn an_empty_file() {
    refused(b"", "The file is empty.");
}

#[test]
fn a_text_a_page_and_noise() {
    let noise: Vec<u8> = (0..3000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for bytes in [&b"Dear editor, the episode follows."[..], b"<!doctype html><title>404</title>", &noise] {
        refused(bytes, "This is not a video file that we can read.");
    }
}

#[test]
fn sound_alone_and_sound_with_a_cover() {
    let folder = tempfile::tempdir().expect("folder");
    let [sound, covered] = ["sound.m4a", "covered.mp3"].map(|name| folder.path().join(name));
    let [sound_path, covered_path] = [&sound, &covered].map(|path| path.to_str().expect("a plain path"));
    ffmpeg::ffmpeg(&["-f", "lavfi", "-i", "sine=d=2", sound_path]);
    let cover = ["-f", "lavfi", "-i", "testsrc2=s=320x320", "-frames:v", "1", "-c:v", "mjpeg"];
    let cover = [&["-i", sound_path][..], &cover, &["-disposition:v", "attached_pic", covered_path]].concat();
    ffmpeg::ffmpeg(&cover);
    for file in [sound, covered] {
        refused(&std::fs::read(file).expect("the file"), "The file has no video track.");
    }
}

#[test]
fn a_file_that_was_cut_off_says_how_much_is_there() {
    let bytes = film(&["-movflags", "+faststart"]);
    let (code, said) = transcode(&bytes[..bytes.len() / 2]);
    assert_eq!(code, Some(1), "{said}");
    let held =
        said.split("declares 8.0 s of video and holds ").nth(1).and_then(|rest| rest.split(' ').next());
    let held: f64 = held.unwrap_or_else(|| panic!("{said}")).parse().expect("seconds");
    assert!((2.0..6.0).contains(&held), "{said}");
}

#[test]
fn encrypted_video() {
    let bytes = film(&[
        "-encryption_scheme",
        "cenc-aes-ctr",
        "-encryption_key",
        "76a6c65c5ea762046bd749a2e632ccbb",
        "-encryption_kid",
        "a7e61c373e219033c21091fa607bf3b8",
    ]);
    refused(&bytes, "The video is encrypted, so it cannot be processed.");
}

#[test]
fn a_codec_that_nobody_here_knows_is_named() {
    let folder = tempfile::tempdir().expect("folder");
    let clip = Clip { name: "clip.mov", sounds: Vec::new(), video: &["-c:v", "qtrle"], ..Clip::default() };
    let mut bytes = std::fs::read(clip.make(folder.path())).expect("the clip");
    // From the end: the sample entry is in the index behind the pictures.
    let at = bytes.windows(4).rposition(|name| name == b"rle ").expect("a sample entry");
    bytes[at..at + 4].copy_from_slice(b"xyz9");
    refused(&bytes, "The video is in a codec 'xyz9' that we do not know.");
}

#[test]
fn pictures_larger_than_the_limit() {
    let huge = "-f lavfi -i color=s=16000x8000:r=1:d=1 -frames:v 1 -c:v png -f matroska -";
    let bytes = ffmpeg::ffmpeg(&huge.split(' ').collect::<Vec<_>>());
    refused(&bytes, "The picture is 16000×8000, which is larger than we accept.");
}

/// Eight seconds of a film, without sound.
fn film(options: &'static [&'static str]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("folder");
    let clip = Clip { sounds: Vec::new(), output: options, ..Clip::default() };
    std::fs::read(clip.make(folder.path())).expect("the clip")
}

fn refused(bytes: &[u8], sentence: &str) {
    let (code, said) = transcode(bytes);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.lines().any(|line| line == sentence), "{said}");
}

/// Exit code and standard error. Whatever is said of a bad file, nothing of it is left in the folder.
fn transcode(bytes: &[u8]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("folder");
    let (input, out) = (folder.path().join("upload.mp4"), folder.path().join("out"));
    std::fs::write(&input, bytes).expect("the upload");
    let done = run(programs::worker(), [Path::new("transcode"), &input, &out]);
    let left = std::fs::read_dir(&out).map_or(0, |entries| {
        let visible = |entry: &std::fs::DirEntry| !entry.file_name().to_string_lossy().starts_with('.');
        entries.filter_map(Result::ok).filter(visible).count()
    });
    assert_eq!(left, 0, "something is left of a refused file");
    (done.code, done.stderr)
}
