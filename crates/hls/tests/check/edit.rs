//! Good presentations, and ways to spoil them.

use crate::support::memory::MemoryTree;
use flodrama_hls::build::VideoRange;
use flodrama_hls::check::Delivery;

use crate::support::media::{Fragment, Track};
use crate::support::*;

pub const MAIN: &str = "main.m3u8";
pub const VIDEO: &str = "video/720p/index.m3u8";
pub const FIRST: &str = "video/540p/index.m3u8";
pub const AUDIO: &str = "audio/en-2/index.m3u8";
pub const SUBS: &str = "subs/en/index.m3u8";
pub const VTT: &str = "subs/en/00001.vtt";
pub const TRICK: &str = "trick/234p/index.m3u8";
pub const IMAGES: &str = "thumbs/images.m3u8";

pub fn good() -> Scenario {
    Scenario { subtitles: vec![("en", "English", false), ("fr", "Français", false)], ..usual() }
}

pub fn with_hdr() -> Scenario {
    let mut scenario = good();
    scenario.rungs.push(Rung {
        codec: "hvc1.2.4.L93.B0",
        range: VideoRange::Hlg,
        ..sdr("540p-hdr", 960, 540, 1500)
    });
    scenario
}

pub fn text(tree: &MemoryTree, path: &str) -> String {
    String::from_utf8(tree.texts[path].clone()).expect("UTF-8")
}

pub fn put(tree: &mut MemoryTree, path: &str, text: String) {
    tree.texts.insert(path.to_owned(), text.into_bytes());
}

/// Replaces the first `from`, which has to be there.
pub fn swap(tree: &mut MemoryTree, path: &str, from: &str, to: &str) {
    let before = text(tree, path);
    assert!(before.contains(from), "{path} has no {from:?}: {before}");
    put(tree, path, before.replacen(from, to, 1));
}

pub fn swap_all(tree: &mut MemoryTree, path: &str, from: &str, to: &str) {
    let before = text(tree, path);
    assert!(before.contains(from), "{path} has no {from:?}: {before}");
    put(tree, path, before.replace(from, to));
}

/// Takes out every line that begins so.
pub fn drop_lines(tree: &mut MemoryTree, path: &str, start: &str) {
    let before = text(tree, path);
    let after: String = before.split_inclusive('\n').filter(|line| !line.starts_with(start)).collect();
    assert_ne!(before, after, "{path} has no line {start:?}");
    put(tree, path, after);
}

/// Takes out the variants whose tag holds `part`, with their URIs.
pub fn drop_variants(tree: &mut MemoryTree, part: &str) {
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
pub fn attribute(tree: &mut MemoryTree, part: &str, name: &str, value: Option<&str>) {
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

/// Gives a segment another fragment, in as many bytes.
pub fn refragment(tree: &mut MemoryTree, path: &str, fragment: &Fragment) {
    let head = fragment.head(tree.sizes[path]);
    tree.heads.insert(path.to_owned(), head);
}

/// The fragments of the segments of 720p, with their paths.
pub fn fragments() -> Vec<(String, Fragment)> {
    let cuts = [0, 150, 300, 450, 500];
    let fragment = |(index, cut): (usize, &[u64])| {
        (format!("video/720p/{:05}.m4s", index + 1), Fragment::of_video("avc1", cut[0], cut[1]))
    };
    cuts.windows(2).enumerate().map(fragment).collect()
}

/// The track of 720p.
pub fn track() -> Track {
    Track::video("avc1.64001f", 1280, 720)
}

/// Makes 720p MPEG-2 TS, each group of pictures beginning with `picture`.
pub fn transport(tree: &mut MemoryTree, streams: &[u8], picture: &[u8]) {
    drop_lines(tree, VIDEO, "#EXT-X-MAP");
    swap_all(tree, VIDEO, ".m4s", ".ts");
    for (index, frames) in [150, 150, 150, 50].into_iter().enumerate() {
        let old = format!("video/720p/{:05}.m4s", index + 1);
        let size = tree.sizes.remove(&old).expect("a segment");
        tree.sizes.insert(old.replace(".m4s", ".ts"), size / 188 * 188);
        retransport(tree, index, ts::Segment { streams, pts: 0, picture, frames, gop: 50 });
    }
}

/// Makes segment `index` of it another one, at its time.
pub fn retransport(tree: &mut MemoryTree, index: usize, segment: ts::Segment) {
    let path = format!("video/720p/{:05}.ts", index + 1);
    let mut file = ts::Segment { pts: 126_000 + index as u64 * 540_000, ..segment }.bytes();
    // Null packets up to the end.
    while (file.len() as u64) < tree.sizes[&path] {
        file.extend([0x47, 0x1f, 0xff, 0x10]);
        file.resize(file.len() + 184, 0);
    }
    tree.heads.insert(path, file);
}

/// What a server said of a file.
pub fn delivered(tree: &mut MemoryTree, path: &str, change: fn(&mut Delivery)) {
    let content_type =
        if path.ends_with(".m3u8") { "application/vnd.apple.mpegurl" } else { "video/iso.segment" };
    let mut delivery = Delivery {
        content_type: Some(content_type.into()),
        is_compressed: true,
        is_redirected: false,
        is_private: true,
    };
    change(&mut delivery);
    tree.deliveries.insert(path.to_owned(), delivery);
}
