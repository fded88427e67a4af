//! Audio renditions, judged by ffprobe.

use std::collections::BTreeMap;

use super::tree::{Expected, Tree};
use crate::support::ffmpeg;
use crate::support::hls::Attributes;

/// Samples of an access unit: nothing is cut finer.
const AAC_FRAME: f64 = 1024.0;
const AC3_FRAME: f64 = 1536.0;

/// Checks every audio rendition.
pub fn check(tree: &Tree, expected: &Expected) {
    let entries = tree.main.media.iter().map(|(_, attributes)| attributes).filter(|a| a["TYPE"] == "AUDIO");
    let mut groups: BTreeMap<&str, Vec<&Attributes>> = BTreeMap::new();
    entries.for_each(|entry| groups.entry(&entry["GROUP-ID"]).or_default().push(entry));
    for (group, members) in &groups {
        let languages: Vec<&str> = members.iter().map(|a| a["LANGUAGE"].as_str()).collect();
        assert_eq!(languages, expected.languages, "{group} has every language");
        let defaults = members.iter().filter(|a| a["DEFAULT"] == "YES").count();
        assert_eq!(defaults, 1, "one rendition of {group} plays unasked");
    }
    assert_eq!(groups.is_empty(), expected.languages.is_empty());
    let audios = tree.audios();
    let pictures = &tree.videos()[0];
    for audio in &audios {
        let name = audio.playlist.display();
        let stream = ffmpeg::stream(&audio.playlist);
        let channels = stream["channels"].to_string();
        assert_eq!(channels, audio.attributes["CHANNELS"], "{name}");
        let (codec, unit) = if channels == "2" { ("aac", AAC_FRAME) } else { ("ac3", AC3_FRAME) };
        assert_eq!(stream["codec_name"], codec, "{name}");
        let rate: f64 = stream["sample_rate"].as_str().expect("a rate").parse().expect("Hz");
        let unit_s = unit / rate;
        let frames = ffmpeg::frames(&audio.playlist);

        // The encoder's priming lies before zero; what follows it starts with the picture.
        let start_s = frames[0].pts_s;
        assert!((-unit_s - 0.001..0.001).contains(&start_s), "{name} starts at {start_s} s");
        for pair in frames.windows(2) {
            let step = pair[1].pts_s - pair[0].pts_s;
            assert!((step - unit_s).abs() < 0.001, "{name}: a gap at {} s", pair[0].pts_s);
        }
        let end_s = frames.last().expect("sound").pts_s + unit_s;
        let late_s = end_s - expected.duration_s;
        let tolerated_s = tree.frame_s() + unit_s;
        assert!(late_s.abs() <= tolerated_s, "{name} ends {late_s} s after the picture");

        let (ours, theirs) = (audio.boundaries(), pictures.boundaries());
        assert_eq!(ours.len(), theirs.len(), "{name} has other segments than the picture");
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert!((ours - theirs).abs() <= unit_s + 0.001, "{name}: a segment at {ours}, not {theirs}");
        }
    }
}
