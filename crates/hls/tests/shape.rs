//! Shaped playlists of whole presentations: what is left, that it keeps the rules, and that something is always left.

use std::collections::BTreeSet;

use flodrama_hls::build::VideoRange;
use flodrama_hls::check::{Level, check};
use flodrama_hls::shape::{Shape, shape};
use m3u8_rs::{AlternativeMediaType, MasterPlaylist};

use support::*;

mod support;

const SURROUND: Audio = Audio { group: "ac3-6", channels: 6, kbps: 384, codec: "ac-3", ..STEREO };

/// Presentations as the worker publishes them, by name.
fn presentations() -> Vec<(&'static str, Scenario)> {
    let hdr = |folder, width, height, kbps| Rung {
        codec: "hvc1.2.4.L123.B0",
        range: VideoRange::Pq,
        ..sdr(folder, width, height, kbps)
    };
    let french = |audio: Audio| Audio { language: "fr", name: "Français", ..audio };
    let brazilian = Audio { language: "pt-BR", name: "Português", ..STEREO };
    let mut with_hdr = five_rungs();
    with_hdr.extend([hdr("1080p-hdr", 1920, 1080, 4500), hdr("540p-hdr", 960, 540, 1500)]);
    let upright = vec![sdr("1280p", 720, 1280, 2200), sdr("640p", 360, 640, 600), sdr("416p", 234, 416, 96)];
    vec![
        ("five rungs", usual()),
        ("silent", Scenario { audio: vec![], ..usual() }),
        ("upright", Scenario { rungs: upright, ..usual() }),
        ("alone", Scenario { rungs: vec![sdr("540p", 960, 540, 1900)], ..usual() }),
        (
            "languages",
            Scenario {
                audio: vec![STEREO, french(STEREO), brazilian],
                subtitles: vec![("en", "English", false), ("fr", "Français", false)],
                ..usual()
            },
        ),
        (
            "surround",
            Scenario {
                audio: vec![STEREO, french(STEREO), SURROUND, french(SURROUND)],
                rungs: with_hdr.clone(),
                ..usual()
            },
        ),
        ("HDR", Scenario { rungs: with_hdr, ..usual() }),
        ("HDR alone", Scenario { rungs: vec![hdr("540p-hdr", 960, 540, 1500)], ..usual() }),
    ]
}

fn read(text: &str) -> MasterPlaylist {
    m3u8_rs::parse_master_playlist_res(text.as_bytes()).expect("a playlist")
}

fn lines(list: &MasterPlaylist) -> BTreeSet<u64> {
    let sizes = list.variants.iter().filter_map(|variant| variant.resolution);
    sizes.map(|size| size.width.min(size.height)).collect()
}

#[test]
fn whatever_is_asked_for_something_plays_and_the_rules_hold() {
    let mut count = 0;
    for (name, scenario) in presentations() {
        let mut tree = scenario.publish();
        let main = String::from_utf8(tree.texts["main.m3u8"].clone()).expect("text");
        let whole = read(&main);
        let lowest = *lines(&whole).first().expect("a variant");
        let mut broken_before = must(&tree);
        broken_before.retain(|rule| *rule != "several-bitrates");
        for max_height in [None, Some(100), Some(360), Some(720), Some(5_000)] {
            for hdr in [true, false] {
                for languages in [&["en", "fr", "pt"][..], &["fr"], &["pt"], &["de"]] {
                    for (drop_peak_bps, start_bps) in [(0, None), (192_000, Some(730_000)), (u64::MAX, None)]
                    {
                        let stays =
                            |tag: &str| languages.contains(&tag.split('-').next().unwrap_or_default());
                        let wanted = Shape { max_height, hdr, audio: &stays, drop_peak_bps, start_bps };
                        let text = shape(&main, &wanted);
                        let case = format!(
                            "{name} {max_height:?} {hdr} {languages:?} {drop_peak_bps} {start_bps:?}:\n{text}"
                        );
                        let shaped = read(&text);
                        assert!(!shaped.variants.is_empty(), "{case}");
                        // Nothing is new, and nothing is listed that is over the limit.
                        let most = max_height.map_or(u64::MAX, u64::from).max(lowest);
                        assert!(lines(&shaped).last().is_some_and(|lines| *lines <= most), "{case}");
                        assert!(shaped.variants.iter().all(|v| whole.variants.contains(v)), "{case}");
                        let is_hdr = |text: &str| text.contains("VIDEO-RANGE=PQ");
                        assert!(hdr || !is_hdr(&text) || name == "HDR alone", "{case}");
                        // The languages that are there and wanted, in each group, and no other.
                        let tags = |list: &MasterPlaylist| -> BTreeSet<(String, String)> {
                            let audio = list.alternatives.iter();
                            let audio = audio.filter(|a| a.media_type == AlternativeMediaType::Audio);
                            audio
                                .map(|a| (a.group_id.clone(), a.language.clone().expect("a language")))
                                .collect()
                        };
                        let (all, left) = (tags(&whole), tags(&shaped));
                        if all.iter().any(|(_, tag)| stays(tag)) {
                            assert!(left.iter().all(|(_, tag)| stays(tag)), "{case}");
                        }
                        for variant in shaped.variants.iter().filter(|v| !v.is_i_frame) {
                            let Some(group) = &variant.audio else { continue };
                            assert!(left.iter().any(|(of, _)| of == group), "{group}: {case}");
                        }
                        tree.texts.insert("main.m3u8".to_owned(), text.into_bytes());
                        let mut broken = must(&tree);
                        // Where one rung is left, there is one bit rate: that is what was asked for.
                        let rungs: BTreeSet<&str> = shaped.variants.iter().map(|v| v.uri.as_str()).collect();
                        let rungs = rungs.iter().filter(|uri| uri.starts_with("video/")).count();
                        broken.retain(|rule| rungs > 1 || *rule != "several-bitrates");
                        assert_eq!(broken, broken_before, "{case}");
                        count += 1;
                    }
                }
            }
        }
        tree.texts.insert("main.m3u8".to_owned(), main.into_bytes());
    }
    assert_eq!(count, 8 * 5 * 2 * 4 * 3);
}

/// The MUSTs that a presentation breaks.
fn must(tree: &support::memory::MemoryTree) -> Vec<&'static str> {
    let report = check("main.m3u8", tree).expect("memory does not fail");
    report.findings.iter().filter(|f| f.rule.level == Level::Must).map(|f| f.rule.id).collect()
}

#[test]
fn nothing_asked_is_nothing_changed() {
    for (name, scenario) in presentations() {
        let main = String::from_utf8(scenario.publish().texts["main.m3u8"].clone()).expect("text");
        assert_eq!(shape(&main, &Shape::default()), main, "{name}");
    }
}

/// What no worker writes, and what a bucket may hold all the same.
#[test]
fn nothing_asked_is_nothing_changed_in_broken_playlists_either() {
    for text in [
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n# the URI is missing\n#EXT-X-UNKNOWN\n",
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=0\na.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=1\nb.m3u8\n",
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"none\"\na.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=2\nb.m3u8",
    ] {
        assert_eq!(shape(text, &Shape::default()), text);
    }
}

#[test]
fn players_start_with_what_suits_them() {
    let (_, scenario) = presentations().swap_remove(5);
    let main = String::from_utf8(scenario.publish().texts["main.m3u8"].clone()).expect("text");
    for (max_height, start_bps, first) in [
        (None, None, "video/540p/index.m3u8"),
        (None, Some(730_000), "video/360p/index.m3u8"),
        (None, Some(5_000_000), "video/1080p/index.m3u8"),
        // What stood first is gone: the next one near 2 Mb/s stands there, not the best.
        (Some(360), None, "video/360p/index.m3u8"),
    ] {
        let shaped = read(&shape(&main, &Shape { max_height, start_bps, ..Shape::default() }));
        let variants: Vec<_> = shaped.variants.iter().filter(|v| !v.is_i_frame).collect();
        assert_eq!(variants[0].uri, first, "{max_height:?} {start_bps:?}");
        // Stereo, which plays everywhere.
        assert_eq!(variants[0].audio.as_deref(), Some("aac-2"));
        assert!(
            variants[1..].is_sorted_by_key(|v| std::cmp::Reverse(v.bandwidth)),
            "{max_height:?} {start_bps:?}"
        );
    }
}

/// What we do not write ourselves is read all the same.
#[test]
fn lines_of_others_stay_with_what_they_belong_to() {
    let text = "#EXTM3U\r\n#EXT-X-SESSION-DATA:DATA-ID=\"a\",VALUE=\"b\"\r\n\
        #EXT-X-MEDIA:DEFAULT=YES,TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"English, DEFAULT=NO\",LANGUAGE=\"en\",URI=\"en\"\r\n\
        #EXT-X-MEDIA:DEFAULT=NO,TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"DEFAULT=NO\",LANGUAGE=\"fr\",AUTOSELECT=NO,URI=\"fr\"\r\n\
        #EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"s\",NAME=\"x\",LANGUAGE=\"en\",URI=\"s\"\r\n\
        #EXT-X-STREAM-INF:BANDWIDTH=9,RESOLUTION=1920x1080,AUDIO=\"a\",SUBTITLES=\"s\"\r\n\
        # a comment\r\n\r\n#EXT-X-OTHER:1\r\n1080\r\n\
        #EXT-X-MEDIA:TYPE=VIDEO,GROUP-ID=\"lonely\",NAME=\"x\"\r\n\
        #EXT-X-STREAM-INF:BANDWIDTH=5,RESOLUTION=640x360,AUDIO=\"a\"\r\n360";
    let french = |tag: &str| tag == "fr";
    let shaped = shape(text, &Shape { max_height: Some(500), audio: &french, ..Shape::default() });
    assert_eq!(
        shaped,
        "#EXTM3U\r\n#EXT-X-SESSION-DATA:DATA-ID=\"a\",VALUE=\"b\"\r\n\
        #EXT-X-MEDIA:DEFAULT=YES,TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"DEFAULT=NO\",LANGUAGE=\"fr\",AUTOSELECT=YES,URI=\"fr\"\r\n\
        #EXT-X-STREAM-INF:BANDWIDTH=5,RESOLUTION=640x360,AUDIO=\"a\"\r\n360\
        \n#EXT-X-MEDIA:TYPE=VIDEO,GROUP-ID=\"lonely\",NAME=\"x\"\r\n"
    );
    for broken in
        ["", "#EXTM3U", "#EXT-X-STREAM-INF:", "#EXT-X-STREAM-INF:BANDWIDTH=1\n", "\u{feff}#EXTM3U\n"]
    {
        let shaped = shape(broken, &Shape { max_height: Some(1), hdr: false, ..Shape::default() });
        assert_eq!(shaped, broken);
    }
}
