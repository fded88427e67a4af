//! `flodrama check` over presentations that ffmpeg packaged, well and badly, in folders and over HTTP. What each of them
//! breaks was judged by hand.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::clip::Clip;
use crate::support::process::{Finished, run};
use crate::support::web::{Manners, Site};
use crate::support::{ffmpeg, programs};

/// What every presentation of ffmpeg's HLS muxer lacks.
const OF_FFMPEG: &[&str] = &[
    "closed-captions-said",
    "has-average-bandwidth",
    "has-frame-rate",
    "iframes-present",
    "independent-segments",
];
/// One variant is too few, and dear.
const ALONE: &[&str] = &["low-bandwidth-variant", "several-bitrates"];

const FMP4: &[&str] = &["-hls_segment_type", "fmp4"];
const GOOD_GOPS: &[&str] = &["-g", "50", "-keyint_min", "50", "-sc_threshold", "0"];

/// Packages fourteen seconds as HLS in `folder`, as one variant with its sound.
fn package(folder: &Path, video: &[&str], options: &[&str]) {
    package_with(folder, "14", video, options);
}

fn package_with(folder: &Path, sound_s: &str, video: &[&str], options: &[&str]) {
    let playlist = folder.join("v.m3u8");
    let sound = format!("sine=d={sound_s}:r=48000");
    let input = ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=14", "-f", "lavfi", "-i", &sound];
    let coded =
        ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-b:v", "200k", "-maxrate", "200k"];
    let more = ["-bufsize", "200k", "-c:a", "aac", "-b:a", "64k", "-f", "hls", "-hls_time", "6"];
    let last =
        ["-hls_playlist_type", "vod", "-master_pl_name", "main.m3u8", playlist.to_str().expect("plain")];
    let all = [&input[..], &coded, video, &more, options, &last].concat();
    ffmpeg::ffmpeg(&all);
}

fn check(target: &str) -> (Finished, Value) {
    let done = run(programs::flodrama(), ["check", target, "--json"]);
    let report = serde_json::from_slice(&done.stdout).unwrap_or(Value::Null);
    (done, report)
}

/// The rules that a report says are broken.
fn rules(report: &Value) -> BTreeSet<&str> {
    let findings = report["findings"].as_array().expect("findings");
    findings.iter().map(|finding| finding["rule"].as_str().expect("a rule")).collect()
}

fn expect(folder: &Path, sets: &[&[&str]], looked_into: u64) {
    let (done, report) = check(folder.to_str().expect("plain"));
    let expected: BTreeSet<&str> = sets.concat().into_iter().collect();
    assert_eq!(rules(&report), expected, "{}\n{report:#}", folder.display());
    assert_eq!(report["looked_into"], looked_into, "{report:#}");
    let is_broken = report["findings"].as_array().expect("findings").iter().any(|f| f["level"] == "must");
    assert_eq!(done.code, Some(i32::from(is_broken)));
}

#[test]
fn good_segments_of_another_packager_are_read_and_found_good() {
    let folder = tempfile::tempdir().expect("folder");
    let expected = &[OF_FFMPEG, ALONE];
    let at = |name: &str| {
        let folder = folder.path().join(name);
        std::fs::create_dir(&folder).expect("a folder");
        folder
    };
    let fragments = at("fragments");
    package(&fragments, GOOD_GOPS, FMP4);
    expect(&fragments, expected, 3);
    let transport = at("transport");
    package(&transport, GOOD_GOPS, &[]);
    expect(&transport, expected, 3);
    let ranges = at("ranges");
    package(&ranges, GOOD_GOPS, &["-hls_segment_type", "fmp4", "-hls_flags", "single_file"]);
    expect(&ranges, expected, 3);
    let transport_ranges = at("transport-ranges");
    package(&transport_ranges, GOOD_GOPS, &["-hls_flags", "single_file"]);
    expect(&transport_ranges, expected, 3);

    // A media playlist by itself is checked as far as it goes.
    let (done, report) = check(fragments.join("v.m3u8").to_str().expect("plain"));
    assert_eq!((done.code, rules(&report)), (Some(0), BTreeSet::new()), "{report:#}");
    assert!(report["notes"][0].as_str().expect("a note").contains("is a media playlist"), "{report}");
}

#[test]
fn what_is_encrypted_is_said_not_to_be_checked() {
    let folder = tempfile::tempdir().expect("folder");
    let info = folder.path().join("info");
    std::fs::write(folder.path().join("key"), [7; 16]).expect("a key");
    let key = folder.path().join("key");
    std::fs::write(&info, format!("key\n{}\n", key.display())).expect("key information");
    package(folder.path(), GOOD_GOPS, &["-hls_key_info_file", info.to_str().expect("plain")]);
    expect(folder.path(), &[OF_FFMPEG, ALONE], 0);
    let (_, report) = check(folder.path().to_str().expect("plain"));
    assert_eq!(report["notes"][0], "v.m3u8: contents were not checked: encrypted");
}

#[test]
fn faults_that_another_packager_makes_are_found() {
    let open = &["-bf", "3", "-x264-params", "open-gop=1:keyint=50:min-keyint=50:scenecut=0"];
    let long = &["-g", "150", "-keyint_min", "150", "-sc_threshold", "0"];
    let by_time = &["-hls_flags", "split_by_time", "-hls_time", "5"];
    let hidden = "encryption_scheme=cenc-aes-ctr:encryption_key=00112233445566778899aabbccddeeff:\
                  encryption_kid=00112233445566778899aabbccddeeff";
    let samples = &["-hls_segment_type", "fmp4", "-hls_segment_options", hidden];
    type Case<'a> = (&'a str, &'a [&'a str], &'a [&'a str], &'a [&'a str]);
    let cases: [Case<'_>; 5] = [
        // Pictures before an I picture of an open GOP lean on those before it: it is no IDR picture.
        ("14", open, FMP4, &["durations-as-measured", "starts-with-idr"]),
        ("14", long, FMP4, &["keyframe-each-two-seconds"]),
        // Transport streams, all of whose pictures are looked at.
        ("14", long, &[], &["keyframe-each-two-seconds"]),
        ("14", GOOD_GOPS, by_time, &["starts-with-idr", "target-duration-six"]),
        ("12", GOOD_GOPS, FMP4, &["audio-ends-with-video"]),
    ];
    for (sound_s, video, options, broken) in cases {
        let folder = tempfile::tempdir().expect("folder");
        package_with(folder.path(), sound_s, video, options);
        expect(folder.path(), &[OF_FFMPEG, ALONE, broken], 3);
    }
    let folder = tempfile::tempdir().expect("folder");
    package(folder.path(), GOOD_GOPS, samples);
    let (_, report) = check(folder.path().to_str().expect("plain"));
    assert!(report["notes"][0].as_str().expect("a note").contains("samples were not checked"), "{report:#}");
    assert!(!rules(&report).contains("starts-with-idr"), "{report:#}");
}

/// Its I-frames are ranges of the segments, whose `moof` describes all of their samples: shaka-player issue 10304.
#[test]
fn another_packager_is_read_where_it_is_at_hand() {
    let Some(packager) = programs::shaka_packager() else {
        println!("Shaka Packager is not installed: nothing was compared with it.");
        return;
    };
    let folder = tempfile::tempdir().expect("folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("plain").to_owned();
    let video =
        ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-b:v", "200k", "-maxrate", "200k"];
    let clip = at("clip.mp4");
    let sources =
        ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=12", "-f", "lavfi", "-i", "sine=d=12:r=48000"];
    let rest = ["-bufsize", "200k", "-c:a", "aac", clip.as_str()];
    ffmpeg::ffmpeg(&[&sources[..], &video, GOOD_GOPS, &rest].concat());

    let fragments = |kind: &str| {
        let (init, segments) = (at(&format!("{kind}/init.mp4")), at(&format!("{kind}/$Number$.m4s")));
        format!(
            "in={clip},stream={kind},init_segment={init},segment_template={segments},playlist_name={kind}.m3u8"
        )
    };
    let main = at("main.m3u8");
    let streams = [
        format!("{},iframe_playlist_name=trick.m3u8", fragments("video")),
        format!("{},hls_group_id=audio,hls_name=English,language=en", fragments("audio")),
    ];
    let options =
        ["--segment_duration", "6", "--hls_playlist_type", "VOD", "--hls_master_playlist_output", &main];
    let done = run(&packager, streams.iter().map(String::as_str).chain(options));
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let broken = ["iframe-each-second", "iframe-is-one-sample", "target-duration-six"];
    expect(folder.path(), &[ALONE, &broken], 6);
}

#[test]
fn segments_of_our_own_are_good_until_they_are_spoiled() {
    let folder = tempfile::tempdir().expect("folder");
    let clip = Clip { frames: 350, ..Clip::default() }.make(folder.path());
    let tree = folder.path().join("tree");
    let done = run(programs::worker(), ["transcode".as_ref(), clip.as_os_str(), tree.as_os_str()]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let target = tree.to_str().expect("plain");
    let (done, report) = check(target);
    assert_eq!(done.code, Some(0), "{report:#}");
    let should = |finding: &Value| finding["level"] == "should";
    assert!(report["findings"].as_array().expect("findings").iter().all(should), "{report:#}");
    for player in report["plays_on"].as_array().expect("players") {
        assert_eq!(player["plays"], "yes", "{player}");
    }

    let main = std::fs::read_to_string(tree.join("main.m3u8")).expect("a playlist");
    let first = main.lines().find(|line| line.starts_with("video/")).expect("a variant");
    let rendition = tree.join(first.trim_end_matches("/index.m3u8"));
    let segment = |number: u32| rendition.join(format!("{number:05}.m4s"));
    let second = std::fs::read(segment(2)).expect("a segment");
    let spoiled = |bytes: &[u8]| {
        std::fs::write(segment(2), bytes).expect("a segment");
        let (done, report) = check(target);
        assert_eq!(done.code, Some(1), "{report:#}");
        rules(&report).into_iter().map(str::to_owned).collect::<BTreeSet<String>>()
    };
    assert!(spoiled(&std::fs::read(segment(1)).expect("a segment")).contains("decode-times-go-on"));
    assert!(spoiled(&second[..second.len() / 2]).contains("segment-readable"));
    assert!(spoiled(b"not media at all, though long enough").contains("segment-readable"));
    std::fs::write(segment(2), &second).expect("a segment");
    assert_eq!(check(target).0.code, Some(0));
}

#[test]
fn over_http_the_same_is_found_and_how_it_came() {
    let folder = tempfile::tempdir().expect("folder");
    package(folder.path(), GOOD_GOPS, FMP4);
    let size: u64 = ["v0.m4s", "v1.m4s", "v2.m4s"]
        .map(|name| std::fs::metadata(folder.path().join(name)).expect("a segment").len())
        .iter()
        .sum();
    let good = Manners::default();
    let cases: [(Manners, &[&str]); 5] = [
        (good.clone(), &[]),
        (Manners { ranges: false, ..good.clone() }, &[]),
        (Manners { gzip: false, ..good.clone() }, &["playlists-compressed"]),
        (Manners { types: false, ..good.clone() }, &["content-types"]),
        (Manners { redirects: true, ..good }, &["no-redirects"]),
    ];
    for (manners, more) in cases {
        let site = Site::start(folder.path().to_owned(), manners.clone());
        let (_, report) = check(&format!("{}/main.m3u8?token=secret", site.url));
        let expected: BTreeSet<&str> = [OF_FFMPEG, ALONE, more].concat().into_iter().collect();
        assert_eq!(rules(&report), expected, "{manners:?}\n{report:#}");
        assert_eq!(report["looked_into"], 3, "{manners:?}");
        assert!(!report.to_string().contains("secret"), "{report}");
        let (asked, sent) = site.asked.lock().unwrap().clone();
        assert!(asked.contains("v2.m4s"), "{asked:?}");
        if manners.ranges && !manners.redirects {
            assert!(sent < size / 2, "{sent} of {size} bytes were read");
        }
    }
}

#[test]
fn what_is_no_presentation_is_told_in_a_sentence() {
    let folder = tempfile::tempdir().expect("folder");
    std::fs::create_dir(folder.path().join("empty")).expect("a folder");
    std::fs::write(folder.path().join("page.m3u8"), "<!DOCTYPE html><title>Sign in</title>").expect("a page");
    let site = Site::start(folder.path().to_owned(), Manners::default());
    let path = |name: &str| folder.path().join(name).to_str().expect("plain").to_owned();
    let url = |name: &str| format!("{}/{name}", site.url);
    for (target, says) in [
        (path("nothing"), "there is no such folder or playlist"),
        (path("empty"), "there is no playlist"),
        (path("page.m3u8"), "is no HLS playlist: it begins with \"<!DOCTYPE html>"),
        (url("page.m3u8?token=secret"), "is no HLS playlist: it begins with \"<!DOCTYPE html>"),
        (url("none.m3u8?token=secret"), "There is nothing at"),
        (url("forbidden.m3u8?token=secret"), "refuses access (403)"),
        ("http://127.0.0.1:1/main.m3u8".to_owned(), "does not answer"),
    ] {
        let (done, _) = check(&target);
        assert_eq!(done.code, Some(1), "{target}: {}", done.stderr);
        assert!(done.stderr.contains(says), "{target}: {}", done.stderr);
        assert!(!done.stderr.contains("secret"), "{}", done.stderr);
    }
    assert_eq!(run(programs::flodrama(), ["check"]).code, Some(2));
}

/// `flodrama check --rules | head`: nobody is told of a fault that is none.
#[test]
fn who_stops_reading_ends_the_command_in_silence() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = Command::new(programs::flodrama());
    let done = command.args(["check", "--rules"]).stdout(writer).output().expect("it runs");
    assert_eq!((done.status.code(), String::from_utf8_lossy(&done.stderr).as_ref()), (Some(141), ""));
}
