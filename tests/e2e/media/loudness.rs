//! Levels of what is published, measured by ffmpeg's own meter.

use std::path::Path;

use serde_json::Value;

use super::sound::altered_preset;
use super::transcode;
use super::tree::Tree;
use crate::support::ffmpeg;
use crate::support::process::run;

const TARGET_LUFS: f64 = -18.0;
const TRUE_PEAK_DBTP: f64 = -1.0;

/// Sound of every level, with blows that lie far above. (Noise that goes higher loses some of its loudness in AAC.)
const DRAMA: &str = "anoisesrc=c=pink:r=48000:a=0.8:d=24:s=3,lowpass=4000,
    volume='0.1+0.4*pow(sin(t*0.9),2)':eval=frame[bed];
    aevalsrc='0.4*exp(-40*mod(t+4,8))*(1-exp(-300*mod(t+4,8)))*sin(2*PI*180*t)':s=48000:d=24[blows];
    [bed][blows]amix=2:normalize=0";
/// As loud as a disc of music.
const LOUD: &str = "anoisesrc=c=pink:r=48000:a=1:d=24:s=5,lowpass=4000,volume=8dB,alimiter=level=0";

#[test]
fn quiet_and_loud_sound_come_out_alike_in_stereo_and_in_5_1() {
    for (graph, layout) in [
        (DRAMA, "pan=5.1|c0=c0|c1=0.7*c0|c2=c0|c3=0.3*c0|c4=0.5*c0|c5=0.4*c0"),
        (LOUD, "pan=stereo|c0=c0|c1=0.9*c0"),
    ] {
        let folder = tempfile::tempdir().expect("folder");
        let source = make(folder.path(), &format!("{graph},{layout}"));
        let tree = transcode(&source, &folder.path().join("out"), &[]);
        // Without a limiter the blows would be at or above full scale.
        let limited = report(&tree)["loudness"]["audio/und-2"]["ceiling_dbtp"].is_number();
        assert_eq!(limited, graph == DRAMA);
        for audio in tree.audios() {
            let name = audio.playlist.display();
            let found = measure(&audio.playlist);
            assert!((found.lufs - TARGET_LUFS).abs() <= 0.5, "{name}: {found:?}");
            assert!(found.true_peak_dbtp <= TRUE_PEAK_DBTP + 0.1, "{name}: {found:?}");
        }
        the_report_says_what_was_found(&source, &tree);
    }
}

#[test]
fn silence_stays_silent_and_a_preset_may_leave_levels_alone() {
    let folder = tempfile::tempdir().expect("folder");
    let hiss =
        make(folder.path(), "anoisesrc=c=pink:r=48000:a=0.006:d=6,lowpass=4000,pan=stereo|c0=c0|c1=c0");
    let before = measure(&hiss);
    let tree = transcode(&hiss, &folder.path().join("hiss"), &[]);
    let after = measure(&tree.audios()[0].playlist);
    assert!(before.lufs < -55.0 && (after.lufs - before.lufs).abs() < 1.0, "{before:?} {after:?}");

    let loud = make(folder.path(), &format!("{LOUD},pan=stereo|c0=c0|c1=c0"));
    let without = [("loudness_lufs = -18.0\n", ""), ("true_peak_dbtp = -1.0\n", "")];
    let preset = altered_preset(folder.path(), "plain.toml", &without);
    let tree = transcode(&loud, &folder.path().join("loud"), &["--preset", &preset]);
    let (before, after) = (measure(&loud), measure(&tree.audios()[0].playlist));
    // AAC loses a little of so dense a sound.
    assert!((after.lufs - before.lufs).abs() < 1.0, "{before:?} {after:?}");
    assert_eq!(report(&tree)["loudness"], Value::Object(serde_json::Map::new()));
}

fn the_report_says_what_was_found(source: &Path, tree: &Tree) {
    let said = &report(tree)["loudness"];
    let stereo = tree.audios();
    assert_eq!(said.as_object().expect("figures").len(), stereo.len());
    let track = stereo.last().expect("sound").folder.strip_prefix(&tree.folder).expect("below").to_owned();
    let said = &said[track.to_str().expect("plain")];
    // The last rendition has the source's own channels: its figures are those of the source.
    let found = measure(source);
    let number = |name: &str| said[name].as_f64().expect("a figure");
    assert!((number("integrated_lufs") - found.lufs).abs() <= 0.2, "{said} {found:?}");
    assert!((number("true_peak_dbtp") - found.true_peak_dbtp).abs() <= 0.5, "{said} {found:?}");
    assert!((number("range_lu") - found.range_lu).abs() <= 0.5, "{said} {found:?}");
    assert!((number("gain_db") - (TARGET_LUFS - found.lufs)).abs() <= 0.2, "{said} {found:?}");
}

fn report(tree: &Tree) -> Value {
    let text = std::fs::read(tree.folder.join("report.json")).expect("a report");
    serde_json::from_slice(&text).expect("JSON")
}

fn make(folder: &Path, sound: &str) -> std::path::PathBuf {
    let path = folder.join(format!("clip-{}.mov", sound.len()));
    let sound = sound.replace('\n', "") + "[sound]";
    let seconds = if sound.contains("d=24") { 24 } else { 6 };
    let graph = format!("testsrc2=s=160x90:r=25:d={seconds},format=yuv420p[picture];{sound}");
    let to = path.to_str().expect("a plain path");
    let args = [
        "-y",
        "-filter_complex",
        &graph,
        "-map",
        "[picture]",
        "-map",
        "[sound]",
        "-shortest",
        "-c:v",
        "libx264",
    ];
    ffmpeg::ffmpeg(&[&args[..], &["-preset", "ultrafast", "-c:a", "pcm_s24le", to]].concat());
    path
}

#[derive(Debug)]
struct Measured {
    lufs: f64,
    range_lu: f64,
    true_peak_dbtp: f64,
}

/// By ffmpeg's filter `ebur128`, whose summary is the end of what it says.
fn measure(path: &Path) -> Measured {
    let path = path.to_str().expect("a plain path");
    let args = [
        "-nostdin",
        "-v",
        "info",
        "-i",
        path,
        "-map",
        "0:a",
        "-af",
        "ebur128=peak=true:framelog=verbose",
        "-f",
        "null",
        "-",
    ];
    let done = run("ffmpeg", args);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let summary = done.stderr.rsplit("Summary:").next().expect("a summary").to_owned();
    let figure = |label: &str| -> f64 {
        let line = summary.lines().map(str::trim).find_map(|line| line.strip_prefix(label)).expect(label);
        line.split_whitespace().next().and_then(|figure| figure.parse().ok()).expect(label)
    };
    Measured { lufs: figure("I:"), range_lu: figure("LRA:"), true_peak_dbtp: figure("Peak:") }
}
