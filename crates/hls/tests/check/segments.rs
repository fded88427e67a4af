//! Faults of segments, of what is declared of them, and of how they come.

use crate::support::memory::MemoryTree;

use crate::Case;
use crate::edit::*;
use crate::support::media::{Fragment, Track};
use crate::support::*;

const SECOND: &str = "video/720p/00002.m4s";
const LAST_AUDIO: &str = "audio/en-2/00004.m4s";
const IDR: &[u8] = &[0, 0, 1, 0x65, 0x88];

fn two_languages() -> Scenario {
    Scenario { audio: vec![STEREO, Audio { language: "fr", name: "Français", ..STEREO }], ..usual() }
}

fn silent() -> Scenario {
    Scenario { audio: vec![], ..usual() }
}

fn surround(codec: &'static str) -> Audio {
    Audio { group: "surround-6", channels: 6, kbps: 384, codec, ..STEREO }
}

/// Writes `bytes` over the begin of a file.
fn overwrite(tree: &mut MemoryTree, path: &str, bytes: &[u8]) {
    let head = tree.heads.get_mut(path).expect("a file");
    head[..bytes.len()].copy_from_slice(bytes);
}

pub const BROKEN: &[Case] = &[
    // Names and delivery.
    ("known-extensions", "video/720p/index.m3u8:9", usual, |t| {
        swap(t, VIDEO, "00001.m4s", "00001.bin");
        let size = t.sizes.remove("video/720p/00001.m4s").expect("a segment");
        t.sizes.insert("video/720p/00001.bin".into(), size);
        let head = t.heads.remove("video/720p/00001.m4s").expect("a segment");
        t.heads.insert("video/720p/00001.bin".into(), head);
    }),
    ("playlists-compressed", VIDEO, usual, |t| delivered(t, VIDEO, |d| d.is_compressed = false)),
    ("playlists-compressed", MAIN, usual, |t| delivered(t, MAIN, |d| d.is_compressed = false)),
    ("no-redirects", "video/720p/index.m3u8:11", usual, |t| delivered(t, SECOND, |d| d.is_redirected = true)),
    ("content-types", MAIN, usual, |t| delivered(t, MAIN, |d| d.content_type = Some("text/plain".into()))),
    ("content-types", "video/720p/index.m3u8:11", usual, |t| delivered(t, SECOND, |d| d.content_type = None)),
    ("sent-privately", "video/720p/index.m3u8:11", usual, |t| delivered(t, SECOND, |d| d.is_private = false)),
    ("sent-privately", MAIN, usual, |t| delivered(t, MAIN, |d| d.is_private = false)),
    // Variants and groups.
    ("codecs-within-limits", MAIN, usual, |t| {
        attribute(t, "1280x720", "CODECS", Some("\"avc1.64003c,mp4a.40.2\""));
        put_init("video/720p", &Track::video("avc1.64003c", 1280, 720), t);
    }),
    (
        "easy-h264-present",
        MAIN,
        || Scenario {
            rungs: five_rungs().into_iter().map(|rung| Rung { codec: "avc1.640033", ..rung }).collect(),
            ..usual()
        },
        |_| {},
    ),
    ("at-most-60-fps", MAIN, usual, |t| attribute(t, "1280x720", "FRAME-RATE", Some("100.000"))),
    ("hdr-at-30-fps", MAIN, with_hdr, |t| attribute(t, "hvc1", "FRAME-RATE", Some("50.000"))),
    ("dolby-vision-range", MAIN, with_hdr, |t| {
        swap(t, MAIN, "VIDEO-RANGE=HLG", "SUPPLEMENTAL-CODECS=\"dvh1.08.07/db1p\",VIDEO-RANGE=HLG");
    }),
    ("picture-in-every-variant", MAIN, usual, |t| {
        let variant = "#EXT-X-STREAM-INF:BANDWIDTH=73600,AVERAGE-BANDWIDTH=65280,CODECS=\"mp4a.40.2\",\
                       CLOSED-CAPTIONS=NONE\naudio/en-2/index.m3u8\n";
        swap(t, MAIN, "#EXT-X-I-FRAME-STREAM-INF", &format!("{variant}#EXT-X-I-FRAME-STREAM-INF"));
    }),
    ("iframes-in-codecs-of-video", MAIN, usual, |t| {
        attribute(t, "I-FRAME-STREAM-INF", "CODECS", Some("\"mp4v.20.9\""));
        put_init("trick/234p", &Track::video("mp4v.20.9", 416, 234), t);
    }),
    (
        "thumbnails-present",
        MAIN,
        || Scenario { duration_ms: 16 * 60_000, ..usual() },
        |t| drop_lines(t, MAIN, "#EXT-X-IMAGE-STREAM-INF"),
    ),
    (
        "aac-present",
        MAIN,
        || Scenario { audio: vec![Audio { group: "ac3-2", codec: "ac-3", ..STEREO }], ..usual() },
        |_| {},
    ),
    ("ac3-beside-eac3", MAIN, || Scenario { audio: vec![STEREO, surround("ec-3")], ..usual() }, |_| {}),
    (
        "same-members",
        MAIN,
        || {
            let mut scenario = two_languages();
            scenario.audio.push(surround("ac-3"));
            scenario
        },
        |_| {},
    ),
    ("descriptions-selected", MAIN, two_languages, |t| {
        let described = "NO,CHARACTERISTICS=\"public.accessibility.describes-video\"";
        attribute(t, "LANGUAGE=\"fr\"", "AUTOSELECT", Some(described));
    }),
    ("captions-complete", MAIN, good, |t| {
        let half = "\"public.accessibility.transcribes-spoken-dialog\"";
        attribute(t, "LANGUAGE=\"fr\"", "CHARACTERISTICS", Some(half));
    }),
    ("captions-complete", MAIN, good, |t| attribute(t, "LANGUAGE=\"fr\"", "AUTOSELECT", Some("NO"))),
    // One playlist.
    ("iframe-each-second", TRICK, usual, |t| {
        let text = text(t, TRICK);
        let (head, list) = text.split_at(text.find("#EXTINF").expect("frames"));
        let lines: Vec<&str> = list.lines().collect();
        // Every other frame, for twice as long.
        let kept: String =
            lines[..60].chunks(6).map(|two| format!("#EXTINF:2.000000,\n{}\n{}\n", two[1], two[2])).collect();
        put(t, TRICK, format!("{head}{kept}#EXT-X-ENDLIST\n").replace("DURATION:1", "DURATION:2"));
    }),
    ("sheet-size", IMAGES, usual, |t| {
        t.heads.insert("thumbs/sprite-001.jpg".into(), media::jpeg(640, 180));
    }),
    ("vtt-clock", VTT, good, |t| swap(t, VTT, "MPEGTS:0", "MPEGTS:900000")),
    ("cues-repeated-exactly", "subs/en/00002.vtt:4", good, |t| {
        swap(
            t,
            SUBS,
            "#EXTINF:20.000000,\n00001.vtt",
            "#EXTINF:2.000000,\n00001.vtt\n#EXTINF:18.000000,\n00002.vtt",
        );
        let rest = text(t, VTT).replace("00:00:01.000", "00:00:02.000");
        put(t, "subs/en/00002.vtt", rest);
    }),
    ("subtitles-as-text", SUBS, good, |t| {
        swap(t, SUBS, "VERSION:3", "VERSION:6");
        swap(t, SUBS, "#EXTINF", "#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF");
        put_init("subs/en", &Track::audio("wvtt"), t);
    }),
    // Within the segments.
    ("init-readable", "video/720p/index.m3u8:7", usual, |t| {
        t.heads.insert("video/720p/init.mp4".into(), vec![]);
    }),
    ("segment-readable", "video/720p/index.m3u8:11", usual, |t| {
        t.heads.insert(SECOND.into(), vec![]);
    }),
    ("segment-readable", "video/720p/index.m3u8:11", usual, |t| {
        *t.sizes.get_mut(SECOND).expect("a segment") -= 1;
    }),
    ("packed-audio-clock", "audio/en-2/index.m3u8:8", usual, |t| {
        drop_lines(t, AUDIO, "#EXT-X-MAP");
        swap_all(t, AUDIO, ".m4s", ".aac");
        for number in 1..=4 {
            let size = t.sizes.remove(&format!("audio/en-2/{number:05}.m4s")).expect("a segment");
            let new = format!("audio/en-2/{number:05}.aac");
            t.heads.insert(new.clone(), vec![0xff, 0xf1, 0x4c, 0x80]);
            t.sizes.insert(new, size);
        }
    }),
    ("one-audio-stream", AUDIO, usual, |t| {
        put_audio_twice(t);
    }),
    ("hevc-in-mp4", VIDEO, usual, |t| {
        transport(t, &[ts::HEVC], &[0, 0, 1, 19 << 1, 1]);
        attribute(t, "1280x720", "CODECS", Some("\"hvc1.1.6.L93.90,mp4a.40.2\""));
    }),
    ("frames-not-fields", VIDEO, usual, |t| {
        // 720x576 at Main 2.2, as x264 writes it for television.
        let set = b"\x67\x4d\x40\x16\xf4\x05\xa1\x26\xc1\x04\x00\x00\x03\x00\x08\x00\x00\x03\x00\xc8\x7c\x50\xaa\x80";
        transport(t, &[ts::H264], &[&[0, 0, 1], &set[..], IDR].concat());
        attribute(t, "1280x720", "CODECS", Some("\"avc1.4d4016,mp4a.40.2\""));
        attribute(t, "avc1.4d4016", "RESOLUTION", Some("1047x576"));
    }),
    ("starts-with-idr", "video/720p/index.m3u8:11", usual, |t| {
        refragment(
            t,
            SECOND,
            &Fragment { opening: vec![0, 0, 0, 2, 0x41, 0x88], ..fragments()[1].1.clone() },
        );
    }),
    ("starts-with-idr", "video/720p/index.m3u8:11", usual, |t| {
        let mut fragment = fragments()[1].1.clone();
        fragment.samples[0].1 = false;
        refragment(t, SECOND, &fragment);
    }),
    ("starts-with-idr", "video/720p/index.m3u8:8", usual, |t| {
        transport(t, &[ts::H264], &[0, 0, 1, 0x41, 0x88])
    }),
    ("starts-with-idr", TRICK, usual, |t| {
        let mut fragment = Fragment::of_video("avc1", 0, 1);
        fragment.samples = vec![(media::VIDEO_SCALE, true)];
        fragment.opening = vec![0, 0, 0, 2, 0x41, 0x88];
        overwrite(t, "trick/234p/00001.m4s", &fragment.head(2_000));
    }),
    ("keyframe-each-two-seconds", "video/720p/index.m3u8:11", usual, |t| {
        for (path, mut fragment) in fragments() {
            fragment.samples.iter_mut().skip(1).for_each(|(_, is_sync)| *is_sync = false);
            refragment(t, &path, &fragment);
        }
    }),
    ("keyframe-each-two-seconds", "video/720p/index.m3u8:10", usual, |t| {
        transport(t, &[ts::H264, ts::AAC], IDR);
        let streams = &[ts::H264, ts::AAC];
        retransport(t, 1, ts::Segment { streams, pts: 0, picture: IDR, frames: 150, gop: 75 });
    }),
    ("decode-times-go-on", "video/720p/index.m3u8:11", usual, |t| {
        let mut fragment = fragments()[1].1.clone();
        fragment.decode_time += 1;
        refragment(t, SECOND, &fragment);
    }),
    ("times-not-negative", "video/720p/index.m3u8:9", usual, |t| {
        for (path, mut fragment) in fragments() {
            fragment.decode_time |= 1 << 63;
            refragment(t, &path, &fragment);
        }
    }),
    ("durations-as-measured", "audio/en-2/index.m3u8:9", usual, |t| {
        swap(t, AUDIO, "#EXTINF:6.000000", "#EXTINF:5.900000");
        swap(t, AUDIO, "#EXTINF:2.000000", "#EXTINF:2.100000");
    }),
    ("durations-as-measured", VIDEO, usual, |t| {
        transport(t, &[ts::H264, ts::AAC], IDR);
        swap(t, VIDEO, "#EXTINF:6.000000", "#EXTINF:5.900000");
        swap(t, VIDEO, "#EXTINF:2.000000", "#EXTINF:2.100000");
    }),
    ("durations-as-measured", "video/720p/index.m3u8:14", usual, |t| {
        // The last segment has less than it says, and no other follows.
        transport(t, &[ts::H264], IDR);
        let streams = &[ts::H264];
        retransport(t, 3, ts::Segment { streams, pts: 0, picture: IDR, frames: 40, gop: 50 });
    }),
    ("segment-not-too-long", "video/720p/index.m3u8:9", usual, |t| {
        // 6.52 s, said to be a little less.
        swap(t, VIDEO, "#EXTINF:6.000000,\n00001", "#EXTINF:6.499000,\n00001");
        swap(t, VIDEO, "#EXTINF:6.000000,\n00002", "#EXTINF:5.501000,\n00002");
        refragment(t, "video/720p/00001.m4s", &Fragment::of_video("avc1", 0, 163));
        let mut second = Fragment::of_video("avc1", 163, 300);
        second.samples[0].1 = true;
        refragment(t, SECOND, &second);
    }),
    ("one-edit", "video/720p/index.m3u8:7", usual, |t| {
        put_init("video/720p", &Track { edits: vec![0, 0], ..track() }, t);
    }),
    ("iframe-is-one-sample", TRICK, usual, |t| {
        let mut fragment = Fragment::of_video("avc1", 0, 1);
        fragment.samples = vec![(media::VIDEO_SCALE / 2, true); 2];
        overwrite(t, "trick/234p/00001.m4s", &fragment.head(2_000));
    }),
    ("iframe-is-one-sample", TRICK, usual, |t| {
        // A range of the segment of which it is the first frame.
        let mut fragment = Fragment::of_video("avc1", 0, 1);
        fragment.samples = vec![(media::FRAME_TICKS, true); 25];
        overwrite(t, "trick/234p/00001.m4s", &fragment.head(40_000));
    }),
    // Declared against what is there.
    ("codecs-as-media", MAIN, usual, |t| {
        attribute(t, "1280x720", "CODECS", Some("\"avc1.640028,mp4a.40.2\""));
    }),
    ("codecs-as-media", MAIN, usual, |t| {
        attribute(t, "1280x720", "CODECS", Some("\"avc1.64001f,mp4a.40.5\""))
    }),
    ("codecs-not-absent", MAIN, silent, |t| {
        attribute(t, "1280x720", "CODECS", Some("\"avc1.64001f,mp4a.40.2\""));
    }),
    ("resolution-as-media", MAIN, usual, |t| attribute(t, "1280x720", "RESOLUTION", Some("1282x720"))),
    ("video-range-as-media", MAIN, usual, |t| {
        put_init("video/720p", &Track { transfer: Some(16), ..track() }, t);
    }),
    ("video-range-as-media", MAIN, with_hdr, |t| {
        let hdr = Track::video("hvc1.2.4.L93.B0", 960, 540);
        put_init("video/540p-hdr", &Track { transfer: Some(16), ..hdr }, t);
    }),
    ("frame-rate-as-media", MAIN, usual, |t| attribute(t, "1280x720", "FRAME-RATE", Some("30.000"))),
    // Playlists together.
    ("same-first-timestamp", VIDEO, usual, |t| {
        for (path, mut fragment) in fragments() {
            fragment.decode_time += 5 * u64::from(media::FRAME_TICKS);
            refragment(t, &path, &fragment);
        }
    }),
    ("audio-ends-with-video", AUDIO, usual, |t| {
        refragment(t, LAST_AUDIO, &Fragment::of_audio(18 * 48_000, 19 * 48_000, 19 * 48_000));
    }),
    ("no-tiny-last-audio", AUDIO, || Scenario { duration_ms: 18_080, ..usual() }, |_| {}),
    ("same-audio-edits", "audio/fr-2/index.m3u8", two_languages, |t| {
        put_init("audio/fr-2", &Track { edits: vec![1_024], ..Track::audio("mp4a.40.2") }, t);
    }),
];

/// Two tracks in the first segment of audio, one fragment each.
fn put_audio_twice(tree: &mut MemoryTree) {
    let path = "audio/en-2/00001.m4s";
    let audio = Track::audio("mp4a.40.2");
    let init = media::init(&[audio.clone(), audio]);
    tree.sizes.insert("audio/en-2/init.mp4".into(), init.len() as u64);
    tree.heads.insert("audio/en-2/init.mp4".into(), init);
    let whole = tree.sizes[path];
    let fragment = Fragment::of_audio(0, 6 * 48_000, 20 * 48_000);
    let mut head = fragment.head(whole / 2);
    head.resize((whole / 2) as usize, 0);
    head.extend(Fragment { track: 2, ..fragment }.head(whole - whole / 2));
    tree.heads.insert(path.into(), head);
}
