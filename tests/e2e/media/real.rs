//! The checks that hold for every tree, over clips from cameras, phones and editors. `FLODRAMA_MEDIA` names the folder.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::tree::{Expected, SHORTEST_S, Tree};
use super::{check, transcode};
use crate::support::ffmpeg;

#[test]
fn twelve_and_a_half_frames_a_second() {
    judge("720p12_5fps.mp4");
}

#[test]
fn a_file_whose_first_stream_is_sound() {
    judge("audio_first_friday.mp4");
}

#[test]
fn a_matroska_file_with_ac3_and_subtitles() {
    judge("ax_sample_with_srt.mkv");
}

#[test]
fn three_languages_in_three_codecs_one_of_them_in_5_1() {
    judge_and("derived_multi_audio_subs.mkv", |tree| {
        let audios = tree.audios();
        let channels: Vec<&str> = audios.iter().map(|a| a.attributes["CHANNELS"].as_str()).collect();
        assert_eq!(channels, ["2", "2", "2", "6"]);
    });
}

#[test]
fn a_picture_that_starts_late_and_ends_early() {
    judge("derived_video_starts_1500ms_late.mp4");
}

#[test]
fn a_broadcast_of_sixty_fields() {
    judge_and("derived_1080i60_h264_tff_ac3.ts", |tree| {
        assert_eq!(tree.videos()[0].attributes["FRAME-RATE"], "60.000");
    });
}

/// It codes each field for itself: two packets a frame.
#[test]
fn a_camera_of_fifty_fields_with_bitmap_subtitles() {
    judge_and("sony_a7m3_1080i50_ac3_pgs.mts", |tree| {
        let top = &tree.videos()[0];
        assert_eq!(
            (top.attributes["FRAME-RATE"].as_str(), ffmpeg::frames(&top.playlist).len()),
            ("50.000", 26)
        );
    });
}

#[test]
fn a_camcorder_with_fields_and_narrow_pixels() {
    judge("dv_ntsc_sar_ac3.mp4");
}

#[test]
fn a_telephone_held_upright() {
    judge("iphone_568x320_rot90_gps.mov");
}

#[test]
fn a_picture_that_is_turned_and_mirrored() {
    judge_and("rotate_and_reflect.mp4", |tree| {
        let folder = PathBuf::from(std::env::var_os("FLODRAMA_MEDIA").expect("set, or this were not run"));
        let upright = tree.folder.join("upright.mkv");
        let source = folder.join("rotate_and_reflect.mp4");
        let [from, to] = [&source, &upright].map(|path| path.to_str().expect("a plain path"));
        // ffmpeg turns and mirrors it by itself.
        ffmpeg::ffmpeg(&["-i", from, "-an", "-c:v", "ffv1", to]);
        let likeness = ffmpeg::likeness_db(&tree.videos()[0].playlist, &upright);
        assert!(likeness.iter().all(|db| *db > 28.0), "{likeness:?}");
    });
}

#[test]
fn sides_that_are_odd() {
    judge("vp9_odd_161x121.webm");
}

#[test]
fn a_webm_file_without_an_index() {
    judge("webm_no_cues.webm");
}

fn judge(name: &str) {
    judge_and(name, |_| {});
}

/// With more to be asked of the tree.
fn judge_and(name: &str, more: impl FnOnce(&Tree)) {
    let Some(folder) = std::env::var_os("FLODRAMA_MEDIA").map(PathBuf::from) else {
        return say(&format!("real clip {name}: not run, FLODRAMA_MEDIA names no folder"));
    };
    let source = folder.join(name);
    assert!(source.is_file(), "{} is missing", source.display());
    let out = tempfile::tempdir().expect("folder");
    let tree = transcode(&source, &out.path().join("out"), &[]);
    check(&tree, &expected(&source));
    more(&tree);
    say(&format!("real clip {name}: every check held"));
}

/// What ffprobe says of the source.
fn expected(source: &Path) -> Expected {
    let found = ffmpeg::probe_leniently(source, &["-show_streams", "-show_packets"]);
    let streams = found["streams"].as_array().expect("streams");
    let of = |kind: &'static str| streams.iter().filter(move |s| s["codec_type"] == kind);
    let video = of("video").next().expect("a picture");
    let start_s = |stream: &Value| seconds(&stream["start_time"]);

    let packets = found["packets"].as_array().expect("packets");
    let pictures = packets.iter().filter(|p| p["stream_index"] == video["index"]);
    let ends = pictures.map(|p| seconds(&p["pts_time"]) + p["duration_time"].as_str().map_or(0.0, parse));
    let end_s = ends.fold(f64::MIN, f64::max);
    let sound_s = of("audio").map(start_s).fold(f64::MAX, f64::min);
    let early = start_s(video) - sound_s > 0.05;
    let begin_s = if early { sound_s } else { start_s(video) };

    let mut sounds: Vec<&Value> = of("audio").collect();
    // What somebody says about the programme comes after it.
    let is_about = |sound: &Value| sound["tags"]["title"] == "Commentary";
    sounds.sort_by_key(|sound| (is_about(sound), sound["disposition"]["default"] != 1));
    let mut languages = Vec::new();
    for audio in sounds {
        let tag = match audio["tags"]["language"].as_str() {
            Some("eng") => "en",
            Some("fra") => "fr",
            Some("deu") => "de",
            None | Some("und") => "und",
            Some(other) => panic!("a language that this test does not know: {other}"),
        };
        languages.push(tag.to_owned());
    }
    let duration_s = (end_s - begin_s).max(SHORTEST_S);
    Expected { duration_s, display: display(video), languages }
}

fn display(video: &Value) -> (u32, u32) {
    let side = |name: &str| video[name].as_f64().expect("pixels");
    let (mut width, mut height) = (side("width"), side("height"));
    let aspect = match video["sample_aspect_ratio"].as_str().and_then(|a| a.split_once(':')) {
        Some((num, den)) if num != "0" => parse(num) / parse(den),
        _ => 1.0,
    };
    if aspect >= 1.0 {
        width *= aspect
    } else {
        height /= aspect
    }
    let turns = video["side_data_list"].as_array().into_iter().flatten().find_map(|d| d["rotation"].as_i64());
    let (width, height) = (width.round() as u32, height.round() as u32);
    if turns.is_some_and(|turns| turns % 180 != 0) { (height, width) } else { (width, height) }
}

fn seconds(value: &Value) -> f64 {
    parse(value.as_str().expect("a time"))
}

fn parse(text: &str) -> f64 {
    text.parse().expect("a number")
}

/// Past the capture of test output: what ran must be seen where everything passed.
pub fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("standard error is open");
}
