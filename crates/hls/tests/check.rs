//! One broken presentation for each rule: a good tree, and one thing wrong in it.

use std::collections::BTreeSet;
use std::error::Error;

use flodrama_hls::build::VideoRange;
use flodrama_hls::check::{Level, MemoryTree, RULES, Source, SourceError, check};

mod support;
use support::*;

const MAIN: &str = "main.m3u8";
const VIDEO: &str = "video/720p/index.m3u8";
const FIRST: &str = "video/540p/index.m3u8";
const AUDIO: &str = "audio/en-2/index.m3u8";
const SUBS: &str = "subs/en/index.m3u8";
const VTT: &str = "subs/en/00001.vtt";
const TRICK: &str = "trick/234p/index.m3u8";
const IMAGES: &str = "thumbs/images.m3u8";

fn good() -> Scenario {
    Scenario { subtitles: vec![("en", "English", false), ("fr", "Français", false)], ..usual() }
}

fn with_hdr() -> Scenario {
    let mut scenario = good();
    scenario.rungs.push(Rung {
        codec: "hvc1.2.4.L93.B0",
        range: VideoRange::Hlg,
        ..sdr("540p-hdr", 960, 540, 1500)
    });
    scenario
}

fn text(tree: &MemoryTree, path: &str) -> String {
    String::from_utf8(tree.texts[path].clone()).expect("UTF-8")
}

fn put(tree: &mut MemoryTree, path: &str, text: String) {
    tree.texts.insert(path.to_owned(), text.into_bytes());
}

/// Replaces the first `from`, which has to be there.
fn swap(tree: &mut MemoryTree, path: &str, from: &str, to: &str) {
    let before = text(tree, path);
    assert!(before.contains(from), "{path} has no {from:?}: {before}");
    put(tree, path, before.replacen(from, to, 1));
}

fn swap_all(tree: &mut MemoryTree, path: &str, from: &str, to: &str) {
    let before = text(tree, path);
    assert!(before.contains(from), "{path} has no {from:?}: {before}");
    put(tree, path, before.replace(from, to));
}

/// Takes out every line that begins so.
fn drop_lines(tree: &mut MemoryTree, path: &str, start: &str) {
    let before = text(tree, path);
    let after: String = before.split_inclusive('\n').filter(|line| !line.starts_with(start)).collect();
    assert_ne!(before, after, "{path} has no line {start:?}");
    put(tree, path, after);
}

/// Takes out the variants whose tag holds `part`, with their URIs.
fn drop_variants(tree: &mut MemoryTree, part: &str) {
    let before = text(tree, MAIN);
    let mut after = String::new();
    let mut lines = before.split_inclusive('\n');
    while let Some(line) = lines.next() {
        if line.starts_with("#EXT-X-STREAM-INF") && line.contains(part) {
            lines.next();
        } else {
            after.push_str(line);
        }
    }
    assert_ne!(before, after, "no variant has {part:?}");
    put(tree, MAIN, after);
}

/// Changes one attribute of the tag whose line holds `part`, or takes it out.
fn attribute(tree: &mut MemoryTree, part: &str, name: &str, value: Option<&str>) {
    let before = text(tree, MAIN);
    let line = before.lines().find(|line| line.starts_with('#') && line.contains(part)).expect("such a tag");
    let at = line.find(&format!("{name}=")).expect("such an attribute");
    let rest = &line[at + name.len() + 1..];
    let end = match rest.strip_prefix('"') {
        Some(quoted) => quoted.find('"').expect("closing quote") + 2,
        None => rest.find(',').unwrap_or(rest.len()),
    };
    let old = format!("{name}={}", &rest[..end]);
    let after = match value {
        Some(value) => line.replacen(&old, &format!("{name}={value}"), 1),
        None => line.replacen(&old, "", 1).replace(",,", ",").replace(":,", ":"),
    };
    put(tree, MAIN, before.replacen(line, after.trim_end_matches(','), 1));
}

type Break = fn(&mut MemoryTree);

/// The rule, the place where it is noticed, the good presentation, what is done to it.
type Case = (&'static str, &'static str, fn() -> Scenario, Break);

const BROKEN: &[Case] = &[
    // Any playlist.
    ("clean-text", VIDEO, good, |t| swap(t, VIDEO, "#EXT-X-ENDLIST", "# a\ttab\n#EXT-X-ENDLIST")),
    ("clean-text", VIDEO, good, |t| swap(t, VIDEO, "#EXTM3U", "\u{feff}#EXTM3U")),
    ("clean-text", VTT, good, |t| t.texts.get_mut(VTT).expect("a file").push(0xff)),
    ("starts-with-extm3u", "video/720p/index.m3u8:1", good, |t| drop_lines(t, VIDEO, "#EXTM3U")),
    ("one-kind-of-playlist", MAIN, good, |t| {
        swap(t, MAIN, "#EXT-X-MEDIA", "#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA")
    }),
    ("one-kind-of-playlist", VIDEO, good, |t| {
        swap(t, VIDEO, "#EXT-X-ENDLIST", "#EXT-X-STREAM-INF:BANDWIDTH=1\n#EXT-X-ENDLIST");
    }),
    ("tag-once", "video/720p/index.m3u8:3", good, |t| {
        swap(t, VIDEO, "#EXT-X-VERSION:6\n", "#EXT-X-VERSION:6\n#EXT-X-VERSION:6\n");
    }),
    ("readable-tags", VIDEO, good, |t| {
        swap(t, VIDEO, "#EXT-X-MEDIA-SEQUENCE:1", "#EXT-X-MEDIA-SEQUENCE:one")
    }),
    ("readable-tags", TRICK, good, |t| swap(t, TRICK, "@0\n", "@\n")),
    ("readable-tags", MAIN, good, |t| swap(t, MAIN, "BANDWIDTH=", "BANDWIDTH=1,BANDWIDTH=")),
    ("version-high-enough", "video/720p/index.m3u8:2", good, |t| swap(t, VIDEO, "VERSION:6", "VERSION:5")),
    ("version-high-enough", "subs/en/index.m3u8:1", good, |t| drop_lines(t, SUBS, "#EXT-X-VERSION")),
    // References.
    ("file-exists", "video/720p/index.m3u8:11", good, |t| {
        t.sizes.remove("video/720p/00002.m4s");
    }),
    ("file-exists", "video/720p/index.m3u8:7", good, |t| {
        t.sizes.insert("video/720p/init.mp4".into(), 0);
    }),
    ("file-exists", AUDIO, good, |t| {
        t.texts.remove(AUDIO);
    }),
    ("uri-stays-inside", VIDEO, good, |t| swap(t, VIDEO, "\n00001", "\n../../../00001")),
    ("uri-stays-inside", MAIN, good, |t| swap(t, MAIN, "\nvideo/720p", "\nhttps://elsewhere/720p")),
    ("range-inside-file", TRICK, good, |t| {
        t.sizes.insert("trick/234p/00001.m4s".into(), 41_899);
    }),
    // Variants.
    ("has-variants", MAIN, good, |t| drop_variants(t, "BANDWIDTH")),
    ("variant-has-uri", MAIN, good, |t| drop_lines(t, MAIN, "video/720p")),
    ("has-bandwidth", MAIN, good, |t| swap(t, MAIN, "INF:BANDWIDTH=", "INF:BANDWITH=")),
    ("has-average-bandwidth", MAIN, good, |t| attribute(t, "I-FRAME-STREAM-INF", "AVERAGE-BANDWIDTH", None)),
    ("has-codecs", MAIN, good, |t| attribute(t, "1280x720", "CODECS", None)),
    ("has-resolution", MAIN, good, |t| attribute(t, "I-FRAME-STREAM-INF", "RESOLUTION", None)),
    ("has-frame-rate", MAIN, good, |t| attribute(t, "1280x720", "FRAME-RATE", Some("25fps"))),
    ("codecs-name-audio", MAIN, good, |t| attribute(t, "1280x720", "CODECS", Some("\"avc1.64001f\""))),
    ("parameter-sets-in-entry", MAIN, with_hdr, |t| swap(t, MAIN, "\"hvc1", "\"hev1")),
    ("video-range-declared", MAIN, with_hdr, |t| attribute(t, "I-FRAME-STREAM-INF", "VIDEO-RANGE", None)),
    ("sdr-present", MAIN, with_hdr, |t| {
        drop_variants(t, "1920x1080");
        swap_all(t, MAIN, "VIDEO-RANGE=SDR,AUDIO", "VIDEO-RANGE=HLG,AUDIO");
    }),
    ("sdr-iframes-present", MAIN, with_hdr, |t| swap(t, MAIN, "VIDEO-RANGE=SDR,URI", "VIDEO-RANGE=HLG,URI")),
    ("several-bitrates", MAIN, good, |t| {
        for size in ["1920x1080", "1280x720", "640x360", "416x234"] {
            drop_variants(t, size);
        }
    }),
    ("score-on-all-or-none", MAIN, good, |t| swap(t, MAIN, "INF:BANDWIDTH=", "INF:SCORE=1.0,BANDWIDTH=")),
    ("independent-segments", VIDEO, good, |t| {
        drop_lines(t, MAIN, "#EXT-X-INDEPENDENT");
        drop_lines(t, VIDEO, "#EXT-X-INDEPENDENT");
    }),
    ("low-bandwidth-variant", MAIN, good, |t| drop_variants(t, "416x234")),
    ("starts-near-2-mbps", MAIN, good, |t| {
        let line = text(t, MAIN).lines().find(|l| l.contains("960x540")).expect("a variant").to_owned();
        let variant = format!("{line}\nvideo/540p/index.m3u8\n");
        swap(t, MAIN, &variant, "");
        swap(t, MAIN, "#EXT-X-I-FRAME-STREAM-INF", &format!("{variant}#EXT-X-I-FRAME-STREAM-INF"));
    }),
    ("starts-near-2-mbps", MAIN, with_hdr, |t| {
        let line = text(t, MAIN).lines().find(|l| l.contains("hvc1")).expect("a variant").to_owned();
        let variant = format!("{line}\nvideo/540p-hdr/index.m3u8\n");
        swap(t, MAIN, &variant, "");
        swap(t, MAIN, "#EXT-X-STREAM-INF", &format!("{variant}#EXT-X-STREAM-INF"));
    }),
    ("same-aspect-ratio", MAIN, good, |t| swap(t, MAIN, "1280x720", "1280x960")),
    ("iframes-present", MAIN, good, |t| drop_lines(t, MAIN, "#EXT-X-I-FRAME-STREAM-INF")),
    ("closed-captions-said", MAIN, good, |t| attribute(t, "1280x720", "CLOSED-CAPTIONS", None)),
    ("image-stream-complete", MAIN, good, |t| attribute(t, "IMAGE-STREAM-INF", "RESOLUTION", None)),
    // Groups.
    ("media-complete", MAIN, good, |t| attribute(t, "TYPE=AUDIO", "NAME", None)),
    ("media-complete", MAIN, good, |t| attribute(t, "LANGUAGE=\"fr\"", "URI", None)),
    ("media-has-language", MAIN, good, |t| attribute(t, "TYPE=AUDIO", "LANGUAGE", None)),
    ("group-exists", MAIN, good, |t| attribute(t, "1280x720", "SUBTITLES", Some("\"none\""))),
    ("names-differ", MAIN, good, |t| attribute(t, "LANGUAGE=\"fr\"", "NAME", Some("\"English\""))),
    ("one-default", MAIN, good, |t| swap_all(t, MAIN, "DEFAULT=NO", "DEFAULT=YES")),
    ("default-is-autoselect", MAIN, good, |t| attribute(t, "TYPE=AUDIO", "AUTOSELECT", Some("NO"))),
    ("audio-has-channels", MAIN, good, |t| attribute(t, "TYPE=AUDIO", "CHANNELS", None)),
    ("stereo-beside-surround", MAIN, good, |t| attribute(t, "TYPE=AUDIO", "CHANNELS", Some("\"6\""))),
    // One media playlist.
    ("has-segments", SUBS, good, |t| {
        drop_lines(t, SUBS, "#EXTINF");
        drop_lines(t, SUBS, "00001.vtt");
    }),
    ("has-target-duration", VIDEO, good, |t| drop_lines(t, VIDEO, "#EXT-X-TARGETDURATION")),
    ("within-target-duration", "subs/en/index.m3u8:7", good, |t| swap(t, SUBS, "DURATION:20", "DURATION:19")),
    ("target-duration-six", FIRST, good, |t| {
        let playlists: Vec<_> = t.texts.keys().filter(|path| path.ends_with("index.m3u8")).cloned().collect();
        for path in playlists.iter().filter(|path| path.starts_with("video/") || path.starts_with("audio/")) {
            swap(t, path, "DURATION:6", "DURATION:8");
        }
    }),
    ("segment-has-extinf", "video/720p/index.m3u8:8", good, |t| {
        swap(t, VIDEO, "#EXTINF:6.000000,\n00001.m4s\n", "00001.m4s\n");
    }),
    ("is-vod", VIDEO, good, |t| swap(t, VIDEO, "TYPE:VOD", "TYPE:EVENT")),
    ("has-endlist", VIDEO, good, |t| drop_lines(t, VIDEO, "#EXT-X-ENDLIST")),
    ("has-map", "video/720p/index.m3u8:8", good, |t| drop_lines(t, VIDEO, "#EXT-X-MAP")),
    ("map-before-extinf", "video/720p/index.m3u8:8", good, |t| {
        let map = "#EXT-X-MAP:URI=\"init.mp4\"\n";
        swap(t, VIDEO, map, "");
        swap(t, VIDEO, "\n00001.m4s", &format!("\n{map}00001.m4s"));
    }),
    ("iframes-only", TRICK, good, |t| drop_lines(t, TRICK, "#EXT-X-I-FRAMES-ONLY")),
    ("iframes-only", VIDEO, good, |t| swap(t, VIDEO, "#EXT-X-MAP", "#EXT-X-I-FRAMES-ONLY\n#EXT-X-MAP")),
    ("images-only", IMAGES, good, |t| drop_lines(t, IMAGES, "#EXT-X-IMAGES-ONLY")),
    ("tiles-fit", IMAGES, good, |t| drop_lines(t, IMAGES, "#EXT-X-TILES")),
    ("tiles-fit", IMAGES, good, |t| swap(t, IMAGES, "LAYOUT=3x2", "LAYOUT=3x3")),
    ("vtt-header", "subs/en/00001.vtt:1", good, |t| swap(t, VTT, "WEBVTT\n", "WEBVTTX\n")),
    ("vtt-timestamp-map", VTT, good, |t| drop_lines(t, VTT, "X-TIMESTAMP-MAP")),
    ("vtt-timestamp-map", VTT, good, |t| swap(t, VTT, "MPEGTS:0,", "")),
    // Playlists together.
    ("same-time-range", AUDIO, good, |t| swap(t, AUDIO, "#EXTINF:2.000000", "#EXTINF:1.900000")),
    ("same-time-range", IMAGES, good, |t| swap(t, IMAGES, "#EXTINF:8.000000", "#EXTINF:5.000000")),
    ("same-time-range", VIDEO, good, |t| swap(t, VIDEO, "#EXTINF:2.000000", "#EXTINF:1.955000")),
    ("same-target-duration", AUDIO, good, |t| swap(t, AUDIO, "DURATION:6", "DURATION:7")),
    ("aligned-boundaries", "video/720p/index.m3u8:11", good, |t| {
        swap(t, VIDEO, "#EXTINF:6.000000", "#EXTINF:5.000000");
        swap(t, VIDEO, "#EXTINF:2.000000", "#EXTINF:3.000000");
    }),
    ("same-discontinuities", AUDIO, good, |t| {
        swap(t, AUDIO, "#EXTINF:2.", "#EXT-X-DISCONTINUITY\n#EXTINF:2.")
    }),
    // Declared against measured.
    ("peak-as-declared", MAIN, good, |t| attribute(t, "I-FRAME-STREAM-INF", "INF:BANDWIDTH", Some("90000"))),
    ("peak-as-declared", MAIN, good, |t| {
        // A quarter more audio shows only where it weighs: in the smallest variant.
        t.sizes.insert("audio/en-2/00002.m4s".into(), 80_000);
    }),
    ("average-as-declared", MAIN, good, |t| attribute(t, "1280x720", "AVERAGE-BANDWIDTH", Some("2500000"))),
    ("peak-within-twice-average", MAIN, good, |t| {
        t.sizes.insert("video/720p/00002.m4s".into(), 9_000_000);
    }),
];

#[test]
fn a_good_presentation_has_no_finding() {
    for scenario in [good(), with_hdr(), usual()] {
        let report = check(MAIN, &scenario.publish()).expect("memory does not fail");
        assert!(report.findings.is_empty(), "{report}");
        assert!(report.is_publishable());
    }
}

#[test]
fn audio_may_end_within_a_frame_of_the_picture() {
    let mut tree = good().publish();
    swap(&mut tree, AUDIO, "#EXTINF:2.000000", "#EXTINF:1.978667");
    let report = check(MAIN, &tree).expect("memory does not fail");
    assert!(report.findings.is_empty(), "{report}");
}

#[test]
fn each_fault_is_found_where_it_is() {
    for (index, (id, place, scenario, spoil)) in BROKEN.iter().enumerate() {
        let mut tree = scenario().publish();
        spoil(&mut tree);
        let report = check(MAIN, &tree).expect("memory does not fail");
        let rule = RULES.iter().find(|rule| rule.id == *id).expect("a rule of that name");
        let found = report.findings.iter().find(|f| f.rule.id == *id && f.place.starts_with(place));
        let found = found.unwrap_or_else(|| panic!("case {index}: {id} at {place} not found in\n{report}"));
        assert_eq!((found.level, found.source, found.mend), (rule.level, rule.source, rule.mend));
        assert!(!found.found.is_empty(), "{id}");
        assert_eq!(report.is_publishable(), report.findings.iter().all(|f| f.level == Level::Should), "{id}");
    }
}

#[test]
fn every_rule_has_a_fault_that_breaks_it() {
    let broken: BTreeSet<_> = BROKEN.iter().map(|(id, ..)| *id).collect();
    let rules: BTreeSet<_> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(broken, rules);
    assert_eq!(rules.len(), RULES.len(), "names differ");
}

#[test]
fn a_fault_in_one_tag_is_one_finding() {
    for (id, spoil) in [
        ("has-endlist", (|t| drop_lines(t, VIDEO, "#EXT-X-ENDLIST")) as Break),
        ("readable-tags", |t| swap(t, VIDEO, "#EXT-X-MEDIA-SEQUENCE:1", "#EXT-X-MEDIA-SEQUENCE:one")),
        ("has-codecs", |t| attribute(t, "1280x720", "CODECS", None)),
        ("map-before-extinf", |t| {
            swap(t, VIDEO, "#EXT-X-MAP:URI=\"init.mp4\"\n", "");
            swap(t, VIDEO, "\n00001.m4s", "\n#EXT-X-MAP:URI=\"init.mp4\"\n00001.m4s");
        }),
    ] {
        let mut tree = good().publish();
        spoil(&mut tree);
        let report = check(MAIN, &tree).expect("memory does not fail");
        assert_eq!(report.findings.iter().map(|f| f.rule.id).collect::<Vec<_>>(), [id], "{report}");
    }
}

#[test]
fn a_presentation_below_a_folder_and_with_queries_is_the_same() {
    let mut moved = MemoryTree::default();
    for (path, bytes) in good().publish().texts {
        let text = String::from_utf8(bytes).expect("UTF-8");
        let signed = match path.ends_with(".m3u8") {
            true => flodrama_hls::rewrite::append_query(&text, "Policy=x/../y"),
            false => text,
        };
        moved.texts.insert(format!("vod/demo/{path}"), signed.into_bytes());
    }
    moved.sizes =
        good().publish().sizes.into_iter().map(|(p, size)| (format!("vod/demo/{p}"), size)).collect();
    let report = check("vod/demo/main.m3u8", &moved).expect("memory does not fail");
    assert!(report.findings.is_empty(), "{report}");
}

#[test]
fn a_report_reads_well_and_serialises() {
    let mut tree = good().publish();
    swap(&mut tree, VIDEO, "TYPE:VOD", "TYPE:EVENT");
    drop_variants(&mut tree, "416x234");
    let report = check(MAIN, &tree).expect("memory does not fail");
    assert_eq!((report.musts().count(), report.shoulds().count()), (1, 1));
    let text = report.to_string();
    assert!(text.starts_with("MUST    video/720p/index.m3u8  is-vod (Apple 8 (VOD))\n"), "{text}");
    assert!(text.contains("        mend:  declare EXT-X-PLAYLIST-TYPE:VOD\n"), "{text}");
    assert!(text.ends_with(": 1 MUST and 1 SHOULD broken"), "{text}");
    let json = serde_json::to_value(&report).expect("JSON");
    assert_eq!(json["findings"][0]["level"], "must");
    assert_eq!(json["findings"][0]["rule"], "is-vod");
    assert_eq!(json["findings"][0]["where"], VIDEO);
    assert_eq!(json["findings"][1]["level"], "should");
    // Main, four video, audio, two subtitle, I-frame and images playlists.
    assert_eq!(json["playlists"], 10);
}

#[test]
fn nothing_at_the_root_is_a_finding() {
    let report = check(MAIN, &MemoryTree::default()).expect("memory does not fail");
    assert_eq!(report.findings.iter().map(|f| f.rule.id).collect::<Vec<_>>(), ["file-exists"]);
}

/// A source that fails on one file.
struct Failing(MemoryTree, &'static str);

impl Failing {
    fn answer<T>(
        &self,
        path: &str,
        answer: Result<Option<T>, SourceError>,
    ) -> Result<Option<T>, SourceError> {
        match path == self.1 {
            true => Err(SourceError { path: path.to_owned(), source: "connection reset".into() }),
            false => answer,
        }
    }
}

impl Source for Failing {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        self.answer(path, self.0.read(path))
    }

    fn size(&self, path: &str) -> Result<Option<u64>, SourceError> {
        self.answer(path, self.0.size(path))
    }
}

#[test]
fn a_source_that_fails_says_nothing_about_the_presentation() {
    for path in [MAIN, VIDEO, "video/720p/00001.m4s", "audio/en-2/init.mp4", VTT] {
        let error = check(MAIN, &Failing(good().publish(), path)).expect_err("no report");
        assert_eq!(error.path, path);
        assert_eq!(error.source().expect("a cause").to_string(), "connection reset");
    }
}

#[test]
fn hostile_text_is_reported_and_does_no_harm() {
    let all: Vec<_> = good().publish().texts.into_keys().collect();
    for path in &all {
        for garbage in [
            "",
            "\n",
            "#EXTM3U",
            "#EXTINF:\n#EXT-X-MAP:\n:\n",
            "#EXTM3U\n#EXT-X-BYTERANGE:18446744073709551615@2\na\n",
        ] {
            let mut tree = good().publish();
            put(&mut tree, path, garbage.to_owned());
            let report = check(MAIN, &tree).expect("memory does not fail");
            // The storyboard is no part of the HLS presentation.
            assert_eq!(report.is_publishable(), path == "thumbs/storyboard.vtt", "{path}: {garbage:?}");
        }
    }
}
