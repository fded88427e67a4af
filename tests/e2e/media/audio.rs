//! Audio renditions, judged by ffprobe.

use super::tree::{Expected, Tree};
use crate::support::ffmpeg;

/// Samples of one AAC frame: nothing is cut finer.
const AAC_FRAME: f64 = 1024.0;

/// Checks every audio rendition.
pub fn check(tree: &Tree, expected: &Expected) {
    let audios = tree.audios();
    let languages: Vec<&str> = audios.iter().map(|a| a.attributes["LANGUAGE"].as_str()).collect();
    assert_eq!(languages, expected.languages);
    let defaults = audios.iter().filter(|a| a.attributes["DEFAULT"] == "YES").count();
    assert_eq!(defaults, audios.len().min(1), "one rendition plays unasked");
    let pictures = &tree.videos()[0];
    for audio in &audios {
        let name = audio.playlist.display();
        let stream = ffmpeg::stream(&audio.playlist);
        assert_eq!((&stream["codec_name"], &stream["channels"]), (&"aac".into(), &2.into()), "{name}");
        let rate: f64 = stream["sample_rate"].as_str().expect("a rate").parse().expect("Hz");
        let aac_frame_s = AAC_FRAME / rate;
        let frames = ffmpeg::frames(&audio.playlist);

        // The encoder's priming lies before zero; what follows it starts with the picture.
        let start_s = frames[0].pts_s;
        assert!((-aac_frame_s - 0.001..0.001).contains(&start_s), "{name} starts at {start_s} s");
        for pair in frames.windows(2) {
            let step = pair[1].pts_s - pair[0].pts_s;
            assert!((step - aac_frame_s).abs() < 0.001, "{name}: a gap at {} s", pair[0].pts_s);
        }
        let end_s = frames.last().expect("sound").pts_s + aac_frame_s;
        let late_s = end_s - expected.duration_s;
        let tolerated_s = tree.frame_s() + aac_frame_s;
        assert!(late_s.abs() <= tolerated_s, "{name} ends {late_s} s after the picture");

        let (ours, theirs) = (audio.boundaries(), pictures.boundaries());
        assert_eq!(ours.len(), theirs.len(), "{name} has other segments than the picture");
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert!(
                (ours - theirs).abs() <= aac_frame_s + 0.001,
                "{name}: a segment at {ours}, not {theirs}"
            );
        }
    }
}
