//! HDR sources: kept as they are in one ladder, tone-mapped in the other.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::real::say;
use super::tree::{Rendition, Tree};
use super::{generated, transcode};
use crate::support::clip::Clip;
use crate::support::ffmpeg;
use crate::support::process::run;
use crate::support::programs;

/// A display of 1000 cd/m² with the primaries of BT.2020, and content of 1000 and 400 cd/m².
const SAID_BY_X265: &str = "log-level=error:hdr10=1:repeat-headers=1:\
     master-display=G(8500,39850)B(6550,2300)R(35400,14600)WP(15635,16450)L(10000000,1):max-cll=1000,400";
/// Signal to noise of a picture without visible damage.
const CLEAN_DB: f64 = 32.0;

fn pq() -> Clip {
    let video = &[
        "-c:v",
        "libx265",
        "-preset",
        "ultrafast",
        "-pix_fmt",
        "yuv420p10le",
        "-g",
        "50",
        "-color_primaries",
        "bt2020",
        "-color_trc",
        "smpte2084",
        "-colorspace",
        "bt2020nc",
        "-x265-params",
        SAID_BY_X265,
    ];
    // Tags alone: the picture was never graded, and its white is as bright as PQ goes.
    Clip { size: (640, 360), display: (640, 360), video, frames: 330, ..Clip::default() }
}

fn hlg() -> Clip {
    let video = &[
        "-c:v",
        "libx265",
        "-preset",
        "ultrafast",
        "-pix_fmt",
        "yuv422p10le",
        "-g",
        "50",
        "-color_primaries",
        "bt2020",
        "-color_trc",
        "arib-std-b67",
        "-colorspace",
        "bt2020nc",
        "-x265-params",
        "log-level=error",
    ];
    Clip { name: "clip.mov", size: (480, 270), display: (270, 480), turned: true, video, ..Clip::default() }
}

#[test]
fn an_hdr10_film_is_published_in_hdr_and_in_sdr() {
    let clip = pq();
    let folder = tempfile::tempdir().expect("folder");
    let source = clip.make(folder.path());
    let tree = transcode(&source, &folder.path().join("out"), &["--jobs", "2"]);
    super::check(&tree, &generated::expected(&clip));
    let hdr = rungs(&tree, "PQ");
    let shown = clip.numbers(&hdr[0].playlist);
    assert!(shown.iter().copied().eq(0..clip.frames), "{shown:?}");
    let likeness = ffmpeg::likeness_db(&hdr[0].playlist, &source);
    assert!(likeness.iter().all(|db| *db > CLEAN_DB), "{likeness:?}");
    for rung in &hdr {
        is_hdr(rung, "smpte2084");
        let said = json!({
            "red_x": "35400/50000", "red_y": "14600/50000",
            "green_x": "8500/50000", "green_y": "39850/50000",
            "blue_x": "6550/50000", "blue_y": "2300/50000",
            "white_point_x": "15635/50000", "white_point_y": "16450/50000",
            "min_luminance": "1/10000", "max_luminance": "10000000/10000",
        });
        every_segment_says(rung, &said, Some((1000, 400)));
    }
    let sdr = rungs(&tree, "SDR");
    assert_eq!(clip.numbers(&sdr[0].playlist), shown);
    is_sdr_as_ffmpeg_makes_it(&sdr[0], &source, "smpte2084");
}

/// Apple TV asks for 30 frames a second or fewer beside 50 and 60.
#[test]
fn a_fast_hdr_film_is_published_at_half_its_rate_too() {
    // The last frame of the slower ladder stands alone.
    let clip = Clip { size: (320, 180), display: (320, 180), rate: (50, 1), frames: 401, ..pq() };
    let folder = tempfile::tempdir().expect("folder");
    let source = clip.make(folder.path());
    let out = folder.path().join("out");
    let tree = transcode(&source, &out, &["--jobs", "2"]);
    super::check(&tree, &generated::expected(&clip));
    let (fast, slow): (Vec<_>, Vec<_>) =
        rungs(&tree, "PQ").into_iter().partition(|rung| rung.attributes["FRAME-RATE"] == "50.000");
    assert!(clip.numbers(&fast[0].playlist).into_iter().eq(0..401));
    assert!(!slow.is_empty());
    for rung in &slow {
        assert_eq!(rung.attributes["FRAME-RATE"], "25.000");
        is_hdr(rung, "smpte2084");
        let shown = clip.numbers(&rung.playlist);
        assert!(shown.iter().copied().eq((0..401).step_by(2)), "{shown:?}");
    }
    let out = out.to_str().expect("a plain path");
    let judged = run(programs::flodrama(), ["check", out, "--json"]);
    let judged: Value = serde_json::from_slice(&judged.stdout).expect("a report");
    let broken = judged["findings"].as_array().expect("findings");
    assert!(broken.iter().all(|finding| finding["rule"] != "hdr-at-30-fps"), "{broken:?}");
}

#[test]
fn a_telephones_hlg_is_turned_in_both_ladders() {
    let clip = hlg();
    let folder = tempfile::tempdir().expect("folder");
    let source = clip.make(folder.path());
    let tree = transcode(&source, &folder.path().join("out"), &[]);
    super::check(&tree, &generated::expected(&clip));
    let hdr = rungs(&tree, "HLG");
    is_hdr(&hdr[0], "arib-std-b67");
    let sdr = rungs(&tree, "SDR");
    assert_eq!(clip.numbers(&sdr[0].playlist), clip.numbers(&hdr[0].playlist));
    is_sdr_as_ffmpeg_makes_it(&sdr[0], &source, "arib-std-b67");
}

/// What the real clips say reaches every segment. `FLODRAMA_MEDIA` names their folder.
#[test]
fn cameras_and_masters_keep_what_they_say() {
    let Some(folder) = std::env::var_os("FLODRAMA_MEDIA").map(PathBuf::from) else {
        return say("real HDR clips: not run, FLODRAMA_MEDIA names no folder");
    };
    for (name, range, transfer) in [
        ("hdr10_mdcv_clli_av1.mp4", "PQ", "smpte2084"),
        ("prores_proxy_hdr10_meridian.mov", "PQ", "smpte2084"),
        ("hdr10_pq_1080p_camera.mp4", "PQ", "smpte2084"),
        ("iphone_portrait_hevc_hlg_vfr_elst.mp4", "HLG", "arib-std-b67"),
    ] {
        let source = folder.join(name);
        let out = tempfile::tempdir().expect("folder");
        let tree = transcode(&source, &out.path().join("out"), &[]);
        let args = ["-select_streams", "v:0", "-read_intervals", "%+#1", "-show_frames", "-show_streams"];
        let found = ffmpeg::probe_leniently(&source, &args);
        // ffprobe says of a stream what its container says, of a frame that too where its decoder passes it on.
        let (mastering, light) = side_data(&found["frames"][0]);
        let (by_stream, light_by_stream) = side_data(&found["streams"][0]);
        let said = (mastering.or(by_stream), light.or(light_by_stream));
        for rung in rungs(&tree, range) {
            is_hdr(&rung, transfer);
            match &said {
                (Some(mastering), light) => every_segment_says(&rung, mastering, *light),
                (None, _) => assert_eq!(side_data(&first_frame(&rung, 0)), (None, None), "{name}"),
            }
        }
        assert!(!rungs(&tree, "SDR").is_empty(), "{name}");
        say(&format!("real HDR clip {name}: kept"));
    }
}

fn rungs(tree: &Tree, range: &str) -> Vec<Rendition> {
    let of_range = |rung: &Rendition| rung.attributes["VIDEO-RANGE"] == range;
    let found: Vec<Rendition> = tree.videos().into_iter().filter(of_range).collect();
    assert!(!found.is_empty(), "no variant is {range}");
    found
}

fn is_hdr(rung: &Rendition, transfer: &str) {
    let name = rung.playlist.display();
    let stream = ffmpeg::stream(&rung.playlist);
    let is = |key: &str, value: &str| assert_eq!(stream[key], value, "{name}: {key}");
    is("codec_name", "hevc");
    is("profile", "Main 10");
    is("codec_tag_string", "hvc1");
    is("pix_fmt", "yuv420p10le");
    is("color_range", "tv");
    is("color_transfer", transfer);
    is("color_primaries", "bt2020");
    is("color_space", "bt2020nc");
    assert!(rung.attributes["CODECS"].starts_with("hvc1.2.4.L"), "{name}: {}", rung.attributes["CODECS"]);
    let init = rung.init();
    assert!(init.windows(8).any(|w| w == b"colrnclx"), "{name}: the sample entry says no colour");
}

/// Each segment by itself, as a bare stream: what the initialisation section says is not in it.
fn every_segment_says(rung: &Rendition, mastering: &Value, light: Option<(u64, u64)>) {
    let name = rung.playlist.display();
    for i in 0..rung.media.segments.len() {
        let (found, found_light) = side_data(&first_frame(rung, i));
        let found = found.unwrap_or_else(|| panic!("{name}, segment {}: no mastering display", i + 1));
        for (key, value) in mastering.as_object().expect("an object") {
            let (said, found) = (ratio(value), ratio(&found[key]));
            assert!((said - found).abs() <= said * 1e-3 + 2e-5, "{name}: {key} is {found}, not {said}");
        }
        assert_eq!(found_light, light, "{name}, segment {}", i + 1);
    }
    let init = rung.init();
    for (kind, expected) in [(b"mdcv", true), (b"clli", light.is_some())] {
        assert_eq!(init.windows(4).any(|w| w == kind), expected, "{name}");
    }
}

fn first_frame(rung: &Rendition, segment: usize) -> Value {
    let alone = [rung.init(), rung.bytes(segment)].concat();
    let bare = ["-i", "pipe:0", "-c", "copy", "-bsf:v", "hevc_mp4toannexb", "-f", "hevc", "-"];
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("alone.hevc");
    std::fs::write(&path, ffmpeg::ffmpeg_piped(&bare, &alone)).expect("a file");
    ffmpeg::probe(&path, &["-read_intervals", "%+#1", "-show_frames"])["frames"][0].clone()
}

/// Mastering display, and MaxCLL with MaxFALL.
fn side_data(frame: &Value) -> (Option<Value>, Option<(u64, u64)>) {
    let list = frame["side_data_list"].as_array().cloned().unwrap_or_default();
    let of = |kind: &str| list.iter().find(|d| d["side_data_type"] == kind).cloned();
    let mut mastering = of("Mastering display metadata");
    if let Some(fields) = mastering.as_mut().and_then(Value::as_object_mut) {
        fields.remove("side_data_type");
    }
    let light = of("Content light level metadata");
    let level = |d: &Value, key: &str| d[key].as_u64().expect("a level");
    (mastering, light.map(|d| (level(&d, "max_content"), level(&d, "max_average"))))
}

fn ratio(value: &Value) -> f64 {
    let (num, den) = value.as_str().and_then(|v| v.split_once('/')).expect("a ratio");
    let number = |text: &str| text.parse::<f64>().expect("a number");
    number(num) / number(den)
}

/// The tone-mapped rung against ffmpeg's own conversion of the source: a colour that were taken for another, or a range,
/// would be far off.
fn is_sdr_as_ffmpeg_makes_it(rung: &Rendition, source: &Path, transfer: &str) {
    let stream = ffmpeg::stream(&rung.playlist);
    for key in ["color_transfer", "color_primaries", "color_space"] {
        assert_eq!(stream[key], "bt709", "{key}");
    }
    let folder = tempfile::tempdir().expect("folder");
    let converted = folder.path().join("sdr.mkv");
    let chain = format!(
        "zscale=tin={transfer}:min=bt2020nc:pin=bt2020:t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,\
         tonemap=tonemap=mobius:desat=0,zscale=t=bt709:m=bt709:r=tv,format=yuv420p"
    );
    let [from, to] = [source, &converted].map(|path| path.to_str().expect("a plain path"));
    ffmpeg::ffmpeg(&["-i", from, "-an", "-vf", &chain, "-c:v", "ffv1", to]);
    let likeness = ffmpeg::likeness_on_screen_db(&rung.playlist, &converted);
    assert!(likeness.iter().all(|db| *db > CLEAN_DB - 4.0), "{likeness:?}");
}
