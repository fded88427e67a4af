//! Faults of playlists.

use crate::Case;
use crate::edit::*;
use crate::support::media::{Fragment, Track};
use crate::support::put_init;

pub const BROKEN: &[Case] = &[
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
    ("readable-tags", MAIN, good, |t| swap(t, MAIN, "NAME=", "NAME=\"again\",NAME=")),
    ("variable-defined", "video/720p/index.m3u8:9", good, |t| swap(t, VIDEO, "\n00001", "\n{$nobody}00001")),
    ("variable-defined", "video/720p/index.m3u8:3", good, |t| {
        swap(t, VIDEO, "VERSION:6\n", "VERSION:8\n#EXT-X-DEFINE:IMPORT=\"base\"\n");
    }),
    ("variable-once", "main.m3u8:4", good, |t| {
        let twice =
            "#EXT-X-VERSION:8\n#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b\"\n#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b\"\n";
        let main = text(t, MAIN);
        let version = main.lines().find(|line| line.starts_with("#EXT-X-VERSION")).expect("a version");
        swap(t, MAIN, &format!("{version}\n"), twice);
    }),
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
    ("parameter-sets-in-entry", MAIN, with_hdr, |t| {
        swap(t, MAIN, "\"hvc1", "\"hev1");
        put_init("video/540p-hdr", &Track::video("hev1.2.4.L93.B0", 960, 540), t);
    }),
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
    ("same-aspect-ratio", MAIN, good, |t| {
        swap(t, MAIN, "1280x720", "1280x960");
        put_init("video/720p", &Track::video("avc1.64001f", 1280, 960), t);
    }),
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
        for (index, (from, to)) in [(0, 125), (125, 275), (275, 425), (425, 500)].into_iter().enumerate() {
            let mut fragment = Fragment::of_video("avc1", from, to);
            fragment.samples[0].1 = true;
            refragment(t, &format!("video/720p/{:05}.m4s", index + 1), &fragment);
        }
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
        attribute(t, "1280x720", "INF:BANDWIDTH", Some("12073639"));
        attribute(t, "1280x720", "AVERAGE-BANDWIDTH", Some("5540999"));
    }),
];
