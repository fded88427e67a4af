//! Video renditions, judged by ffprobe and ffmpeg.

use std::collections::BTreeMap;

use super::tree::{Expected, Rendition, Tree};
use crate::support::{ffmpeg, hls};

/// Times in playlists and probes are rounded to microseconds.
const ROUNDING_S: f64 = 0.0005;

/// Checks every rung and the I-frame rendition.
pub fn check(tree: &Tree, expected: &Expected) {
    let rungs = tree.videos();
    assert!(!rungs.is_empty());
    let mut first: Option<Vec<f64>> = None;
    let mut counts = BTreeMap::new();
    for rung in &rungs {
        let frame_s = rung.frame_s();
        let name = rung.playlist.display();
        let frames = ffmpeg::frames(&rung.playlist);
        for (i, frame) in frames.iter().enumerate() {
            let off = (frame.pts_s - i as f64 * frame_s).abs();
            assert!(off < ROUNDING_S, "{name}: frame {i} is shown at {} s", frame.pts_s);
        }
        let duration_s = frames.len() as f64 * frame_s;
        assert!(
            (duration_s - expected.duration_s).abs() <= frame_s + ROUNDING_S,
            "{name}: {duration_s} s, the source has {}",
            expected.duration_s
        );
        let boundaries = rung.boundaries();
        let stated_s = boundaries.last().expect("an end");
        assert!((stated_s - duration_s).abs() < 0.01, "{name}: says {stated_s} s, has {duration_s}");
        size(rung, expected.display);
        segments(rung, frame_s, &frames);
        // Rungs can be switched at every segment only if all have the same frames in each. Of a ladder with fewer frames
        // the last one may last a little longer.
        let first = first.get_or_insert_with(|| boundaries.clone());
        let inner = |times: &[f64]| times[..times.len() - 1].to_vec();
        assert_eq!(inner(first), inner(&boundaries), "{name} is not aligned with the first rung");
        assert!((first[first.len() - 1] - stated_s).abs() < frame_s, "{name} ends at {stated_s} s");
        let count = counts.entry(rung.attributes["FRAME-RATE"].clone()).or_insert(frames.len());
        assert_eq!(*count, frames.len(), "{name} has not as many frames as others of its rate");
    }
    let frame_s = tree.frame_s();
    for trick in tree.tricks() {
        iframes(&trick, expected.duration_s, frame_s);
    }
}

/// Even, in the source's shape, in square pixels, never larger than the source.
fn size(rung: &Rendition, display: (u32, u32)) {
    let name = rung.playlist.display();
    let (width, height) = ffmpeg::size(&rung.playlist);
    assert_eq!((width, height), hls::resolution(&rung.attributes["RESOLUTION"]), "{name}");
    // AV1 has no word for it, and ffprobe says nothing where the container's is 1:1.
    let aspect = &ffmpeg::stream(&rung.playlist)["sample_aspect_ratio"];
    assert!(aspect.is_null() || aspect == "1:1", "{name}: {aspect}");
    assert!(width % 2 == 0 && height % 2 == 0, "{name}: {width}×{height}");
    assert!(width <= display.0 && height <= display.1, "{name}: {width}×{height} is enlarged");
    let aspect = |(w, h): (u32, u32)| f64::from(w) / f64::from(h);
    let off = aspect((width, height)) / aspect(display) - 1.0;
    // Rounding to even sides moves each by one pixel at most.
    let tolerated = 1.0 / f64::from(width) + 1.0 / f64::from(height);
    assert!(off.abs() <= tolerated, "{name}: {width}×{height} of {display:?}");
}

/// Each segment can be decoded by itself from its first frame on, and has the frames that its duration says.
fn segments(rung: &Rendition, frame_s: f64, frames: &[ffmpeg::Frame]) {
    let init = rung.init();
    let codec = &ffmpeg::stream(&rung.playlist)["codec_name"];
    let mut first = 0;
    for (i, segment) in rung.media.segments.iter().enumerate() {
        let name = format!("{}, segment {}", rung.playlist.display(), i + 1);
        let alone = [init.clone(), rung.bytes(i)].concat();
        match codec.as_str() {
            Some("av1") => assert!(ffmpeg::begins_with_key(&alone), "{name} does not begin with a key frame"),
            // A key packet of HEVC may be one of an open GOP.
            Some(codec) => {
                let filter = format!("{codec}_mp4toannexb");
                let annex_b = ["-i", "pipe:0", "-c", "copy", "-bsf:v", &filter, "-f", codec, "-"];
                let first = slices(&ffmpeg::ffmpeg_piped(&annex_b, &alone), codec).into_iter().next();
                assert!(
                    first.is_some_and(|kind| idrs(codec).contains(&kind)),
                    "{name} does not begin with an IDR frame"
                );
            }
            None => panic!("{name} has no codec"),
        }
        let count = (segment.duration_s / frame_s).round() as usize;
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("alone.mp4");
        std::fs::write(&path, &alone).expect("segment");
        let shown = ffmpeg::packet_times(&path);
        assert_eq!(shown.len(), count, "{name}");
        let begin_s = shown.iter().copied().fold(f64::MAX, f64::min);
        assert!((begin_s - frames[first].pts_s).abs() < ROUNDING_S, "{name} begins at {begin_s} s");
        first += count;
    }
    assert_eq!(first, frames.len(), "{}", rung.playlist.display());
}

/// Types of IDR slices (ITU-T H.264 and H.265, table 7-1 of both).
fn idrs(codec: &str) -> &'static [u8] {
    if codec == "hevc" { &[19, 20] } else { &[5] }
}

/// Types of the coded slices in a byte stream.
fn slices(annex_b: &[u8], codec: &str) -> Vec<u8> {
    let starts = annex_b.windows(4).filter(|w| w[..3] == [0, 0, 1]);
    let kinds = starts.map(|w| if codec == "hevc" { w[3] >> 1 & 0x3f } else { w[3] & 0x1f });
    let pictures = if codec == "hevc" { 0..=31 } else { 1..=5 };
    kinds.filter(|kind| pictures.contains(kind)).collect()
}

/// Each byte range is one picture that decodes alone.
fn iframes(trick: &Rendition, duration_s: f64, frame_s: f64) {
    let name = trick.playlist.display();
    let (width, height) = hls::resolution(&trick.attributes["RESOLUTION"]);
    let init = trick.init();
    for (i, segment) in trick.media.segments.iter().enumerate() {
        assert!(segment.range.is_some(), "{name}: I-frame {i} has no byte range");
        let alone = [init.clone(), trick.bytes(i)].concat();
        let picture = ["-i", "pipe:0", "-f", "rawvideo", "-pix_fmt", "gray", "-"];
        let pixels = ffmpeg::ffmpeg_piped(&picture, &alone);
        assert_eq!(pixels.len(), (width * height) as usize, "{name}: I-frame {i} is not one picture");
    }
    let boundaries = trick.boundaries();
    let stated_s = boundaries.last().expect("an end");
    assert!(
        (stated_s - duration_s).abs() <= frame_s + 0.01,
        "{name}: {stated_s} s, the source has {duration_s}"
    );
    let frames = ffmpeg::frames(&trick.playlist);
    assert_eq!(frames.len(), trick.media.segments.len(), "{name}");
    for (frame, stated_s) in frames.iter().zip(&boundaries) {
        assert!(
            (frame.pts_s - stated_s).abs() < 0.01,
            "{name}: an I-frame at {} s, not {stated_s}",
            frame.pts_s
        );
    }
}
