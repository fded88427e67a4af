//! One broken presentation for each rule: a good tree, and one thing wrong in it.

use std::collections::BTreeSet;
use std::error::Error;

use crate::support::memory::MemoryTree;
use flodrama_hls::check::{Level, RULES, Source, SourceError, check};

mod edit;
mod players;
mod playlists;
mod segments;
#[path = "../support/mod.rs"]
mod support;

use edit::*;
use support::*;

type Break = fn(&mut MemoryTree);

/// The rule, the place where it is noticed, the good presentation, what is done to it.
type Case = (&'static str, &'static str, fn() -> Scenario, Break);

/// What some faults break too, by their nature.
const ALSO: &[(&str, &[&str])] = &[
    ("several-bitrates", &["low-bandwidth-variant"]),
    ("variable-defined", &["file-exists"]),
    ("frames-not-fields", &["same-aspect-ratio"]),
    ("segment-has-extinf", &["same-time-range", "aligned-boundaries"]),
    ("iframes-only", &["version-high-enough"]),
    ("same-time-range", &["durations-as-measured"]),
    ("same-target-duration", &["target-duration-six"]),
    ("durations-as-measured", &["aligned-boundaries"]),
    ("starts-with-idr", &["keyframe-each-two-seconds"]),
    ("at-most-60-fps", &["frame-rate-as-media"]),
    ("hdr-at-30-fps", &["frame-rate-as-media"]),
    ("iframe-each-second", &["peak-as-declared", "average-as-declared"]),
    ("times-not-negative", &["same-first-timestamp", "keyframe-each-two-seconds"]),
    ("segment-not-too-long", &["aligned-boundaries"]),
    ("audio-ends-with-video", &["durations-as-measured"]),
];

fn broken() -> impl Iterator<Item = &'static Case> {
    playlists::BROKEN.iter().chain(segments::BROKEN)
}

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
fn variables_are_filled_in() {
    let mut tree = good().publish();
    let main = text(&tree, MAIN);
    let version = main.lines().find(|line| line.starts_with("#EXT-X-VERSION")).expect("a version").to_owned();
    let defined = "#EXT-X-VERSION:8\n#EXT-X-DEFINE:NAME=\"video\",VALUE=\"video\"\n#EXT-X-DEFINE:NAME=\"n\",VALUE=\"000\"\n";
    swap(&mut tree, MAIN, &format!("{version}\n"), defined);
    swap(&mut tree, MAIN, "\nvideo/720p", "\n{$video}/720p");
    swap(&mut tree, MAIN, "URI=\"trick/", "URI=\"{$video}/../trick/");
    swap(&mut tree, VIDEO, "#EXT-X-VERSION:6\n", "#EXT-X-VERSION:8\n#EXT-X-DEFINE:IMPORT=\"n\"\n");
    swap(&mut tree, VIDEO, "\n00001", "\n{$n}01");
    let report = check(MAIN, &tree).expect("memory does not fail");
    assert!(report.findings.is_empty(), "{report}");
    assert_eq!(report.segments, check(MAIN, &good().publish()).expect("memory").segments);
}

/// Two hundred kilobytes of text would be two hundred megabytes.
#[test]
fn variables_do_not_grow_without_end() {
    let (value, references) = ("v".repeat(200_000), "a{$v}\n".repeat(1_000));
    let mut tree = good().publish();
    put(&mut tree, VIDEO, format!("#EXTM3U\n#EXT-X-DEFINE:NAME=\"v\",VALUE=\"{value}\"\n{references}"));
    let report = check(MAIN, &tree).expect("memory does not fail");
    let told = report.findings.iter().filter(|finding| finding.found.starts_with("variables add more"));
    assert_eq!(told.count(), 1);
}

#[test]
fn a_gap_is_not_looked_for() {
    let mut tree = good().publish();
    swap(&mut tree, VIDEO, "\n00002.m4s", "\n#EXT-X-GAP\n00002.m4s");
    tree.sizes.remove("video/720p/00002.m4s");
    let report = check(MAIN, &tree).expect("memory does not fail");
    assert!(report.findings.is_empty(), "{report}");
}

#[test]
fn a_media_playlist_alone_is_checked_as_far_as_it_goes() {
    let mut tree = good().publish();
    swap(&mut tree, VIDEO, "TYPE:VOD", "TYPE:EVENT");
    let report = check(VIDEO, &tree).expect("memory does not fail");
    assert_eq!(report.findings.iter().map(|f| f.rule.id).collect::<Vec<_>>(), ["is-vod"], "{report}");
    assert!(report.notes[0].contains("is a media playlist"), "{report}");
    assert_eq!((report.playlists, report.segments, report.looked_into), (1, 4, 4));
    for path in [AUDIO, SUBS, TRICK, IMAGES] {
        let report = check(path, &good().publish()).expect("memory does not fail");
        assert!(report.findings.is_empty(), "{path}: {report}");
    }
}

#[test]
fn each_fault_is_found_where_it_is() {
    let mut strays = String::new();
    for (index, (id, place, scenario, spoil)) in broken().enumerate() {
        let mut tree = scenario().publish();
        spoil(&mut tree);
        let report = check(MAIN, &tree).expect("memory does not fail");
        let rule = RULES.iter().find(|rule| rule.id == *id).expect("a rule of that name");
        let found = report.findings.iter().find(|f| f.rule.id == *id && f.place.starts_with(place));
        let found = found.unwrap_or_else(|| panic!("case {index}: {id} at {place} not found in\n{report}"));
        assert_eq!((found.level, found.source, found.mend), (rule.level, rule.source, rule.mend));
        assert!(!found.found.is_empty(), "{id}");
        assert_eq!(report.is_publishable(), report.findings.iter().all(|f| f.level == Level::Should), "{id}");
        // Nothing else is broken than what such a fault must break too.
        let rules: BTreeSet<_> =
            report.findings.iter().map(|f| f.rule.id).filter(|rule| rule != id).collect();
        let also = ALSO.iter().find(|(rule, _)| rule == id).map_or(&[][..], |(_, also)| also);
        let stray: Vec<_> = rules.iter().filter(|rule| !also.contains(rule)).collect();
        if !stray.is_empty() {
            strays += &format!("case {index}: {id} breaks {stray:?} too\n{report}\n");
        }
    }
    assert!(strays.is_empty(), "{strays}");
}

#[test]
fn every_rule_has_a_fault_that_breaks_it() {
    let broken: BTreeSet<_> = broken().map(|(id, ..)| *id).collect();
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
    moved.heads =
        good().publish().heads.into_iter().map(|(p, head)| (format!("vod/demo/{p}"), head)).collect();
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

/// Reports go to terminals and logs, and who has a signature has the episode.
#[test]
fn a_report_shows_no_signature() {
    let query = "Policy=x&Signature=5ecret";
    for (id, _, scenario, spoil) in broken() {
        let mut tree = scenario().publish();
        spoil(&mut tree);
        for text in tree.texts.values_mut() {
            let Ok(unsigned) = std::str::from_utf8(text) else { continue };
            *text = flodrama_hls::rewrite::append_query(unsigned, query).into_bytes();
        }
        let report = check(MAIN, &tree).expect("memory does not fail");
        assert!(!report.to_string().contains("5ecret"), "{id}: {report}");
    }
    for (path, line, shown) in [
        (MAIN, "video/index.m3u8?Signature=5ecret#t", "video/index.m3u8"),
        (MAIN, "video\"?a=\"&Signature=5ecret", "is \"video\\\"\""),
        (MAIN, "#EXTM3U\n#EXT-X-MEDIA:URI=\"a.m3u8?Signature=5ecret\",oops", "URI=\"a.m3u8\",oops"),
        (VIDEO, "#EXTM3U\n#EXT-X-MAP:URI=\"init.mp4?Signature=5ecret\"oops", "URI=\"init.mp4\"oops"),
        (VIDEO, "#EXTM3U\n#EXT-X-DEFINE:URI=\"a?Signature=5ecret\"", "#EXT-X-DEFINE:URI=\"a\""),
        (VIDEO, "#EXTM3U\n#EXT-X-TARGETDURATION:https://a/b?Signature=5ecret", "DURATION:https://a/b"),
    ] {
        let mut tree = good().publish();
        put(&mut tree, path, format!("{line}\n"));
        let report = check(MAIN, &tree).expect("memory does not fail").to_string();
        assert!(report.contains(shown) && !report.contains("5ecret"), "{line}: {report}");
    }
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

    fn read_at(&self, path: &str, offset: u64, length: usize) -> Result<Option<Vec<u8>>, SourceError> {
        self.answer(path, self.0.read_at(path, offset, length))
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

/// Numbers that look random and are the same each time (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most as u64) as usize
    }
}

#[test]
fn bytes_cut_or_changed_do_no_harm() {
    let rungs = vec![sdr("540p", 960, 540, 1900)];
    let good = Scenario { duration_ms: 1_480, rungs, ..usual() }.publish();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut found = BTreeSet::new();
    for path in good.heads.keys().filter(|path| !path.ends_with(".jpg")) {
        for round in 0..400 {
            let mut tree = good.clone();
            let head = tree.heads.get_mut(path).expect("a file");
            match round % 4 {
                // Cut, with zeros behind, or with nothing.
                0 => head.truncate(dice.below(head.len())),
                1 => {
                    let length = 1 + dice.below(head.len());
                    tree.sizes.insert(path.clone(), length as u64);
                }
                // A byte, or four that are a length or a count.
                2 => {
                    let at = dice.below(head.len());
                    head[at] = dice.below(256) as u8;
                }
                _ => {
                    let at = dice.below(head.len() - 4);
                    let value = [0, 1, 7, 0x7fff_ffff, 0x8000_0000, u32::MAX][dice.below(6)];
                    head[at..at + 4].copy_from_slice(&value.to_be_bytes());
                }
            }
            let report = check(MAIN, &tree).expect("memory does not fail");
            found.extend(report.findings.iter().map(|finding| finding.rule.id));
        }
    }
    // The changes reached what they were meant for.
    for rule in
        ["init-readable", "segment-readable", "durations-as-measured", "codecs-as-media", "starts-with-idr"]
    {
        assert!(found.contains(rule), "{rule} is not in {found:?}");
    }
}
