//! Encoder families: HEVC and AV1 to their last frame, and what is done where a device is not there.

use std::path::Path;

use serde_json::Value;

use super::generated::judge_in;
use super::transcode;
use crate::support::clip::Clip;
use crate::support::ffmpeg;
use crate::support::process::run;
use crate::support::programs;

#[test]
fn a_film_in_hevc() {
    let clip = Clip { rate: (24_000, 1001), frames: 330, ..Clip::default() };
    let folder = tempfile::tempdir().expect("folder");
    for rung in judge_in(&clip, folder.path(), &["--preset", "web-hevc", "--jobs", "2"]).1.videos() {
        let stream = ffmpeg::stream(&rung.playlist);
        assert_eq!((&stream["codec_name"], &stream["profile"]), (&"hevc".into(), &"Main".into()));
        // Parameter sets in the initialisation section alone, as Apple asks (HLS authoring specification 1.10).
        assert_eq!(stream["codec_tag_string"], "hvc1");
        assert!(rung.attributes["CODECS"].starts_with("hvc1.1.6.L"), "{}", rung.attributes["CODECS"]);
    }
}

#[test]
fn a_film_in_av1() {
    let clip = Clip { frames: 160, ..Clip::default() };
    let folder = tempfile::tempdir().expect("folder");
    for rung in judge_in(&clip, folder.path(), &["--preset", "web-av1", "--jobs", "2"]).1.videos() {
        let stream = ffmpeg::stream(&rung.playlist);
        assert_eq!((&stream["codec_name"], &stream["codec_tag_string"]), (&"av1".into(), &"av01".into()));
        let level = stream["level"].as_u64().expect("a level");
        let said = format!("av01.0.{level:02}M.08");
        assert!(rung.attributes["CODECS"].starts_with(&said), "{} is not {said}", rung.attributes["CODECS"]);
    }
}

#[test]
fn the_number_of_children_changes_no_byte_of_any_codec() {
    let folder = tempfile::tempdir().expect("folder");
    let source = Clip { frames: 420, ..Clip::default() }.make(folder.path());
    for preset in ["web-hevc", "web-av1"] {
        let video = ["1", "3"].map(|jobs| {
            let out = folder.path().join(format!("{preset}-{jobs}"));
            let tree = transcode(&source, &out, &["--preset", preset, "--jobs", jobs]);
            assert!(tree.videos()[0].media.segments.len() > 2, "one chunk says nothing");
            let files = tree.videos().into_iter().chain(tree.tricks());
            files.flat_map(|r| (0..r.media.segments.len()).map(move |i| r.bytes(i))).collect::<Vec<_>>()
        });
        assert!(video[0] == video[1], "{preset}");
    }
}

#[test]
fn every_encoder_says_whether_it_works_and_takes_its_options() {
    let done = run(programs::worker(), ["encoders", "--json"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let trials: Vec<Value> = serde_json::from_str(done.text()).expect("JSON");
    let text = |trial: &Value, field: &str| trial[field].as_str().expect("text").to_owned();
    for name in ["h264_nvenc", "hevc_nvenc", "h264_vaapi", "hevc_vaapi", "h264_qsv", "hevc_qsv"] {
        let trial = trials.iter().find(|t| t["name"] == name).expect(name);
        // Options are asked of libav before the device is: a wrong one is told on any machine.
        let reason = text(trial, "reason");
        assert!(!reason.contains("does not take") && !reason.contains("built without"), "{name}: {reason}");
        assert!(trial["works"] == true || reason.contains("device"), "{name}: {reason}");
    }
    for name in ["libx264", "libx265", "libsvtav1"] {
        assert!(trials.iter().any(|t| t["name"] == name && t["works"] == true), "{name}: {trials:?}");
    }
}

#[test]
fn a_family_that_does_not_work_here_leaves_the_work_to_the_processor_and_says_why() {
    let folder = tempfile::tempdir().expect("folder");
    let source = Clip { frames: 60, ..Clip::default() }.make(folder.path());
    for family in ["nvenc", "vaapi", "qsv"] {
        let out = folder.path().join(family);
        transcode(&source, &out, &["--family", family]);
        let report = std::fs::read_to_string(out.join("report.json")).expect("a report");
        let report: Value = serde_json::from_str(&report).expect("JSON");
        let choices = report["choices"].as_array().expect("choices");
        let why = |what: &str| choices.iter().find(|c| c["what"] == what).map(|c| c["why"].to_string());
        if report["family"] == family {
            println!("this machine has {family}");
            continue;
        }
        assert_eq!(report["family"], "x264");
        let passed_over = why("family passed over").expect("a reason");
        assert!(passed_over.contains(family) && passed_over.contains("device"), "{passed_over}");
    }
}

#[test]
fn families_and_presets_that_do_not_fit_are_wrong_usage() {
    let folder = tempfile::tempdir().expect("folder");
    let source = Clip { frames: 25, ..Clip::default() }.make(folder.path());
    let broken = folder.path().join("broken.toml");
    std::fs::write(&broken, "name = 'broken'\ncolour = 'blue'\n").expect("a preset");
    let broken = broken.to_str().expect("a plain path");
    for (option, value, said) in [
        ("--family", "nvidia", "nvenc, vaapi, qsv"),
        ("--family", "x265", "h264"),
        ("--preset", "web-h265", "web-h265"),
        ("--preset", broken, "colour"),
    ] {
        let args = [Path::new("plan"), &source, Path::new(option), Path::new(value)];
        let done = run(programs::worker(), args);
        assert_eq!(done.code, Some(2), "{value}: {}", done.stderr);
        assert!(done.stderr.contains(said), "{}", done.stderr);
    }
}
