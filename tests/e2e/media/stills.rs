//! Sprites, storyboard, posters.

use serde_json::Value;

use super::tree::{Expected, Tree};
use crate::support::{ffmpeg, hls};

/// Brightness below this is black to an eye; a plain picture has no spread.
const BLACK: f64 = 16.0;
const PLAIN: f64 = 4.0;

/// Checks the seek bar's pictures and the posters that `asset.json` names.
pub fn check(tree: &Tree, expected: &Expected, asset: &Value) {
    let [(uri, attributes)] = &tree.main.images[..] else { panic!("one rendition of images") };
    let playlist = tree.folder.join(uri);
    let sheets = hls::media(&std::fs::read_to_string(&playlist).expect("images playlist"));
    let folder = playlist.parent().expect("a folder");
    for sheet in &sheets.segments {
        assert_eq!(sheet.tiles["RESOLUTION"], attributes["RESOLUTION"]);
        let (tile, layout) =
            (hls::resolution(&sheet.tiles["RESOLUTION"]), hls::resolution(&sheet.tiles["LAYOUT"]));
        let size = ffmpeg::size(&folder.join(&sheet.uri));
        assert_eq!(size, (tile.0 * layout.0, tile.1 * layout.1), "{}", sheet.uri);
    }
    storyboard(folder, expected.duration_s, tree.frame_s(), &sheets);
    posters(tree, expected.display, asset);
}

/// The cues follow each other from 0 to the end; each shows a part of a sheet that exists.
fn storyboard(folder: &std::path::Path, duration_s: f64, frame_s: f64, sheets: &hls::Media) {
    let cues = hls::cues(&std::fs::read_to_string(folder.join("storyboard.vtt")).expect("storyboard"));
    let mut at = 0.0;
    for cue in &cues {
        assert_eq!(cue.start_s, at, "a gap in the storyboard");
        assert!(cue.end_s > cue.start_s, "{cue:?}");
        at = cue.end_s;
        let (sheet, part) = cue.payload.split_once("#xywh=").expect("a part of a sheet");
        assert!(sheets.segments.iter().any(|s| s.uri == sheet), "{sheet} is in no playlist");
        let part: Vec<u32> = part.split(',').map(|n| n.parse().expect("pixels")).collect();
        let (width, height) = ffmpeg::size(&folder.join(sheet));
        assert!(
            part[0] + part[2] <= width && part[1] + part[3] <= height,
            "{} is beside the sheet",
            cue.payload
        );
    }
    assert!((at - duration_s).abs() <= frame_s + 0.002, "the storyboard ends at {at} s of {duration_s}");
}

fn posters(tree: &Tree, display: (u32, u32), asset: &Value) {
    let posters = asset["posters"].as_array().expect("posters");
    let names: Vec<&str> = posters.iter().map(|p| p["jpeg"].as_str().expect("a path")).collect();
    assert_eq!(names, ["poster/640.jpg", "poster/1280.jpg", "poster/1920.jpg"]);
    for poster in posters {
        let side = |name: &str| poster[name].as_u64().expect("pixels") as u32;
        for format in ["jpeg", "webp"] {
            let path = tree.folder.join(poster[format].as_str().expect("a path"));
            let size = ffmpeg::size(&path);
            assert_eq!(size, (side("width"), side("height")), "{}", path.display());
            assert!(size.0 <= display.0 && size.1 <= display.1, "{} is enlarged: {size:?}", path.display());
            let (mean, spread) = ffmpeg::brightness(&path);
            assert!(mean > BLACK && spread > PLAIN, "{}: brightness {mean:.0} ± {spread:.0}", path.display());
        }
    }
}
