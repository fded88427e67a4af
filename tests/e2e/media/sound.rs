//! What becomes of loudspeakers, languages and tracks, heard through ffmpeg's decoders.

use std::path::{Path, PathBuf};

use super::transcode;
use super::tree::{Rendition, Tree};
use crate::support::process::run;
use crate::support::{ffmpeg, programs};

/// Tones are at −20 dB of full scale, root mean square.
const TONE_DB: f64 = -20.0;
/// AAC at these rates keeps a tone to within this.
const TOLERANCE_DB: f64 = 0.5;
/// Under this there is nothing to be heard.
const SILENT_DB: f64 = -60.0;

/// One loudspeaker after the other has a tone for a second: the level of each in stereo is what ITU-R BS.775 says of it,
/// and in 5.1 each keeps its place.
#[test]
fn every_loudspeaker_of_5_1_is_heard_where_and_as_loud_as_it_should_be() {
    let folder = tempfile::tempdir().expect("folder");
    let source = tones(folder.path(), "clip.mov", "5.1", 6, 48_000);
    let tree = transcode(&source, &folder.path().join("out"), &["--preset", &plain_preset(folder.path())]);
    let [stereo, surround] = &tree.audios()[..] else { panic!("stereo and 5.1: {:?}", tree.main.media) };
    // By hand, in dB: everything is divided by 1 + 2 √½, which is 7.66; centre and surrounds are 3.01 lower.
    let (front, other, none) = (TONE_DB - 7.66, TONE_DB - 7.66 - 3.01, f64::NEG_INFINITY);
    let expected = [[front, none], [none, front], [other, other], [none, none], [other, none], [none, other]];
    for (second, expected) in expected.iter().enumerate() {
        for (channel, expected) in expected.iter().enumerate() {
            expect_level(stereo, 2, channel, second, *expected);
        }
    }
    for second in 0..6 {
        for channel in 0..6 {
            // An LFE channel has no more than 120 Hz or so: a tone above is not its.
            let expected = if channel == second && second != 3 { TONE_DB } else { f64::NEG_INFINITY };
            if (second, channel) != (3, 3) {
                expect_level(surround, 6, channel, second, expected);
            }
        }
    }
    let stream = ffmpeg::stream(&surround.playlist);
    assert_eq!((&stream["codec_name"], &stream["channel_layout"]), (&"ac3".into(), &"5.1(side)".into()));
    let first_s = ffmpeg::frames(&surround.playlist)[0].pts_s;
    assert!((-0.032..=0.0).contains(&first_s), "it begins at {first_s} s");
    let with: Vec<_> = tree.main.variants.iter().filter(|(_, a)| a["AUDIO"] == "ac3-6").collect();
    assert!(!with.is_empty() && with.iter().all(|(_, a)| a["CODECS"].ends_with(",ac-3")), "{with:?}");
    a_player_hears_each_group(&tree);
}

/// Whatever a track calls its loudspeakers, or does not: nobody's voice gets lost, and left stays left.
#[test]
fn odd_layouts_all_end_well() {
    let folder = tempfile::tempdir().expect("folder");
    // Layout, channels, where a centre is, and whether there is more than stereo.
    let layouts = [
        ("mono", 1, Some(0), false),
        ("2.1", 3, None, false),
        ("quad", 4, None, true),
        ("5.0(side)", 5, Some(2), true),
        ("6.1", 7, Some(2), true),
        ("7.1", 8, Some(2), true),
    ];
    for (layout, channels, centre, more) in layouts {
        let name = format!("{}.mov", layout.replace(['.', '(', ')'], "-"));
        let source = tones(folder.path(), &name, layout, channels, 48_000);
        let out = folder.path().join(format!("{name}-out"));
        let tree = transcode(&source, &out, &["--preset", &plain_preset(folder.path())]);
        let audios = tree.audios();
        assert_eq!(audios.len(), if more { 2 } else { 1 }, "{layout}");
        let stereo = &audios[0];
        if let Some(centre) = centre {
            let levels = [0, 1].map(|channel| level_db(stereo, 2, channel, centre));
            assert!(levels.iter().all(|level| *level > TONE_DB - 13.0), "{layout}: {levels:?}");
            assert!((levels[0] - levels[1]).abs() < 0.3, "{layout}: {levels:?}");
        }
        if channels > 1 {
            let [left, right] = [0, 1].map(|channel| level_db(stereo, 2, channel, 0));
            assert!(left > TONE_DB - 10.0 && right < SILENT_DB, "{layout}: {left} {right}");
        }
        assert!(audios.iter().all(|audio| peak(audio) <= 1.0), "{layout} clips");
    }
}

#[test]
fn channels_without_names_are_mixed_and_said_to_be() {
    let folder = tempfile::tempdir().expect("folder");
    for (channels, renditions) in [(6, 2), (12, 1)] {
        let source = tones(folder.path(), &format!("{channels}.mkv"), "", channels, 48_000);
        let out = folder.path().join(format!("{channels}"));
        let tree = transcode(&source, &out, &["--preset", &plain_preset(folder.path())]);
        assert_eq!(tree.audios().len(), renditions, "{channels}");
        let levels = [0, 1].map(|channel| level_db(&tree.audios()[0], 2, channel, 0));
        assert!(levels[0] > TONE_DB - 10.0 && levels[1] < SILENT_DB, "{channels}: {levels:?}");
        let report = std::fs::read_to_string(tree.folder.join("report.json")).expect("a report");
        assert!(report.contains(&format!("{channels} channels without names")), "{report}");
    }
}

#[test]
fn rates_from_telephones_to_studios() {
    let folder = tempfile::tempdir().expect("folder");
    for rate in [8_000, 11_025, 44_100, 96_000, 192_000] {
        let source = tones(folder.path(), &format!("{rate}.mov"), "stereo", 2, rate);
        let out = folder.path().join(format!("{rate}"));
        let tree = transcode(&source, &out, &["--preset", &plain_preset(folder.path())]);
        let audio = &tree.audios()[0];
        assert_eq!(ffmpeg::stream(&audio.playlist)["sample_rate"], "48000");
        expect_level(audio, 2, 0, 0, TONE_DB);
        expect_level(audio, 2, 1, 0, f64::NEG_INFINITY);
        expect_level(audio, 2, 1, 1, TONE_DB);
    }
}

/// As broadcasts do between a film and what comes after it.
#[test]
fn a_track_that_changes_its_loudspeakers_midway() {
    let folder = tempfile::tempdir().expect("folder");
    let part = |name: &str, layout: &str, channels: usize, offset: &str| {
        let path = folder.path().join(name);
        make(&path, layout, channels, 48_000, &["-c:a", "ac3", "-b:a", "384k", "-output_ts_offset", offset]);
        std::fs::read(path).expect("a part")
    };
    // Six seconds, one for each loudspeaker, then two.
    let whole = [part("one.ts", "5.1", 6, "10"), part("two.ts", "stereo", 2, "16")].concat();
    let source = folder.path().join("whole.ts");
    std::fs::write(&source, whole).expect("a clip");
    let tree = transcode(&source, &folder.path().join("out"), &["--preset", &plain_preset(folder.path())]);
    let audios = tree.audios();
    assert_eq!(audios.len(), 2);
    expect_level(&audios[0], 2, 0, 0, TONE_DB - 7.66);
    expect_level(&audios[0], 2, 0, 6, TONE_DB);
    expect_level(&audios[0], 2, 1, 7, TONE_DB);
    expect_level(&audios[1], 6, 1, 7, TONE_DB);
    expect_level(&audios[1], 6, 2, 7, f64::NEG_INFINITY);
}

#[test]
fn languages_commentary_and_description_are_all_there_under_their_names() {
    let folder = tempfile::tempdir().expect("folder");
    let one = tones(folder.path(), "one.mov", "5.1", 6, 48_000);
    let two = tones(folder.path(), "two.mov", "stereo", 2, 48_000);
    let source = folder.path().join("clip.mkv");
    let [first, second, to] = [&one, &two, &source].map(|path| path.to_str().expect("a plain path"));
    let mut args = vec!["-i", first, "-i", second, "-map", "0:v", "-map", "0:a", "-c", "copy"];
    args.extend(["-map", "1:a"].repeat(4));
    for (i, (language, title, disposition)) in [
        ("eng", "English 5.1", "default"),
        ("eng", "English stereo", "0"),
        ("fre", "", "0"),
        ("eng", "", "comment"),
        ("eng", "", "visual_impaired"),
    ]
    .iter()
    .enumerate()
    {
        let owned = [
            format!("-metadata:s:a:{i}"),
            format!("language={language}"),
            format!("-metadata:s:a:{i}"),
            format!("title={title}"),
            format!("-disposition:a:{i}"),
            (*disposition).to_owned(),
        ];
        args.extend(owned.map(|arg| &*arg.leak()));
    }
    args.push(to);
    ffmpeg::ffmpeg(&args);

    let tree = transcode(&source, &folder.path().join("out"), &[]);
    let row = |(uri, a): &(String, _)| {
        let a: &crate::support::hls::Attributes = a;
        let of = |name: &str| a.get(name).cloned().unwrap_or_default();
        format!(
            "{} {} {} {} {} {} {}",
            of("GROUP-ID"),
            uri,
            of("CHANNELS"),
            of("NAME"),
            of("DEFAULT"),
            of("AUTOSELECT"),
            of("CHARACTERISTICS")
        )
    };
    let rows: Vec<String> = tree.main.media.iter().map(row).collect();
    let describes = "public.accessibility.describes-video";
    let of_both = |group: &str| {
        [
            format!("{group} audio/fr-2/index.m3u8 2 French NO YES "),
            format!("{group} audio/en-2-2/index.m3u8 2 English (audio description) NO YES {describes}"),
            format!("{group} audio/en-2-3/index.m3u8 2 English (commentary) NO NO "),
        ]
    };
    let own = |group: &str, folder: &str, channels: u32| {
        vec![format!("{group} audio/{folder}/index.m3u8 {channels} English YES YES ")]
    };
    let expected = [
        own("aac-2", "en-2", 2),
        of_both("aac-2").to_vec(),
        own("ac3-6", "en-6", 6),
        of_both("ac3-6").to_vec(),
    ];
    assert_eq!(rows, expected.concat());
    assert_eq!(tree.main.variants[0].1["AUDIO"], "aac-2", "players start in stereo");
    let checked = run(programs::flodrama(), ["check", tree.folder.to_str().expect("a plain path")]);
    assert_eq!(checked.code, Some(0), "{} {}", checked.text(), checked.stderr);
    a_player_hears_each_group(&tree);
}

#[test]
fn more_tracks_than_are_accepted_are_counted() {
    let folder = tempfile::tempdir().expect("folder");
    let one = tones(folder.path(), "one.mov", "mono", 1, 8_000);
    let many = folder.path().join("many.mov");
    let [from, to] = [&one, &many].map(|path| path.to_str().expect("a plain path"));
    let maps = ["-map", "0:a"].repeat(120);
    ffmpeg::ffmpeg(&[&["-i", from, "-map", "0:v"][..], &maps, &["-c", "copy", to]].concat());
    let refused = run(programs::worker(), ["plan", to]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("The file has 121 tracks; at most 100 are accepted."),
        "{}",
        refused.stderr
    );
}

/// For players that have no AC-3.
#[test]
fn a_preset_may_ask_for_5_1_in_aac() {
    let folder = tempfile::tempdir().expect("folder");
    let source = tones(folder.path(), "clip.mov", "5.1", 6, 48_000);
    let aac = [("codec = \"ac3\"\nkbps = 448", "codec = \"aac\"\nkbps = 384")];
    let preset = altered_preset(folder.path(), "aac.toml", &aac);
    let tree = transcode(&source, &folder.path().join("out"), &["--preset", &preset]);
    let surround = &tree.audios()[1];
    let stream = ffmpeg::stream(&surround.playlist);
    assert_eq!((&stream["codec_name"], &stream["channel_layout"]), (&"aac".into(), &"5.1".into()));
    for (second, channel) in [(0, 0), (1, 1), (2, 2), (4, 4), (5, 5)] {
        let levels: Vec<f64> = (0..6).map(|c| level_db(surround, 6, c, second)).collect();
        let loudest = (0..6).max_by(|a, b| levels[*a].total_cmp(&levels[*b]));
        assert_eq!(loudest, Some(channel), "second {second}: {levels:?}");
    }
    assert!(tree.main.variants.iter().any(|(_, a)| a["AUDIO"] == "aac-6"), "{:?}", tree.main.variants);
    a_player_hears_each_group(&tree);
}

/// ffmpeg reads the multivariant playlist and decodes what each group's default has, to its end.
fn a_player_hears_each_group(tree: &Tree) {
    let main = tree.folder.join("main.m3u8");
    let found = ffmpeg::probe(&main, &["-show_streams", "-select_streams", "a"]);
    let streams = found["streams"].as_array().expect("streams");
    assert!(!streams.is_empty());
    let main = main.to_str().expect("a plain path");
    for i in 0..streams.len() {
        let map = format!("0:a:{i}");
        ffmpeg::ffmpeg(&["-i", main, "-map", &map, "-f", "null", "-"]);
    }
}

/// The default preset with other words; gives its path.
pub fn altered_preset(folder: &Path, name: &str, changes: &[(&str, &str)]) -> String {
    let mut text =
        std::fs::read_to_string(programs::repository().join("presets/web-h264.toml")).expect("a preset");
    for (from, to) in changes {
        assert!(text.contains(from), "the preset has no '{from}'");
        text = text.replace(from, to);
    }
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a preset");
    path.to_str().expect("a plain path").to_owned()
}

/// The default preset, leaving levels as they are.
fn plain_preset(folder: &Path) -> String {
    altered_preset(folder, "plain.toml", &[("loudness_lufs = -18.0\n", ""), ("true_peak_dbtp = -1.0\n", "")])
}

/// A clip in which channel after channel has a tone for a second.
fn tones(folder: &Path, name: &str, layout: &str, channels: usize, rate: u32) -> PathBuf {
    let path = folder.join(name);
    make(&path, layout, channels, rate, &["-c:a", "pcm_s24le"]);
    path
}

fn make(path: &Path, layout: &str, channels: usize, rate: u32, output: &[&str]) {
    let amplitude = 10f64.powf(TONE_DB / 20.0) * std::f64::consts::SQRT_2;
    let channel = |i| format!("if(between(t,{i},{i}.9999),{amplitude}*sin(2*PI*1000*t),0)");
    let all: Vec<String> = (0..channels).map(channel).collect();
    // Without a layout ffmpeg knows the number alone.
    let layout = if layout.is_empty() { String::new() } else { format!(":c={layout}") };
    let sound = format!("aevalsrc='{}'{layout}:s={rate}:d={channels}", all.join("|"));
    let picture = format!("testsrc2=s=160x90:r=25:d={channels}");
    let mut args = vec!["-y", "-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound];
    args.extend(["-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-g", "50"]);
    args.extend(output);
    args.push(path.to_str().expect("a plain path"));
    ffmpeg::ffmpeg(&args);
}

fn expect_level(audio: &Rendition, channels: usize, channel: usize, second: usize, expected_db: f64) {
    let found_db = level_db(audio, channels, channel, second);
    let holds = match expected_db.is_finite() {
        true => (found_db - expected_db).abs() <= TOLERANCE_DB,
        false => found_db < SILENT_DB,
    };
    let name = audio.playlist.display();
    assert!(holds, "{name}: second {second}, channel {channel} has {found_db:.2} dB, not {expected_db:.2}");
}

/// Root mean square of the middle of a second, in dB of full scale.
fn level_db(audio: &Rendition, channels: usize, channel: usize, second: usize) -> f64 {
    let all = samples(audio);
    let (begin, end) = (second * 48_000 + 12_000, second * 48_000 + 36_000);
    let squares: f64 = (begin..end)
        .map(|i| f64::from(all.get(i * channels + channel).copied().unwrap_or(0.0)).powi(2))
        .sum();
    10.0 * (squares / (end - begin) as f64).log10()
}

fn peak(audio: &Rendition) -> f32 {
    samples(audio).iter().map(|sample| sample.abs()).fold(0.0, f32::max)
}

fn samples(audio: &Rendition) -> Vec<f32> {
    let path = audio.playlist.to_str().expect("a plain path");
    let bytes = ffmpeg::ffmpeg(&["-i", path, "-ar", "48000", "-f", "f32le", "-"]);
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}
