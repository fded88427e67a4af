//! What playlists may and may not be made from.

use flodrama_hls::build::*;

fn segment(uri: &str, duration_s: f64) -> Segment {
    Segment { uri: uri.into(), duration_s, bytes: 1_000, byte_offset: None }
}

fn media(segments: Vec<Segment>) -> MediaPlaylist {
    let map_uri = Some("init.mp4".into());
    MediaPlaylist { kind: MediaKind::Media, target_duration_s: None, map_uri, segments }
}

fn variant(uri: &str, average_bps: u64) -> Variant {
    Variant {
        uri: uri.into(),
        rates: Rates { peak_bps: average_bps * 3 / 2, average_bps },
        codecs: vec!["avc1.64001f".into()],
        width: 1280,
        height: 720,
        frame_rate: 30_000.0 / 1_001.0,
        video_range: VideoRange::Sdr,
        audio_group: None,
        subtitle_group: None,
    }
}

fn audio(name: &str, codec: &str) -> AudioMedia {
    AudioMedia {
        group: "a".into(),
        name: name.into(),
        language: "en".into(),
        default: true,
        autoselect: true,
        channels: 2,
        codec: codec.into(),
        uri: "audio/en-2/index.m3u8".into(),
        characteristics: vec!["public.accessibility.describes-video".into()],
    }
}

#[test]
fn the_target_duration_is_the_longest_segment_rounded_as_written() {
    for (duration_s, target_s) in [(5.4, 5), (5.5, 6), (5.499_999_9, 6), (0.2, 1), (6.006, 6)] {
        let text = media(vec![segment("1.m4s", duration_s)]).render().expect("a playlist");
        assert!(text.contains(&format!("#EXT-X-TARGETDURATION:{target_s}\n")), "{duration_s}: {text}");
    }
}

#[test]
fn audio_and_video_can_share_a_target_duration() {
    let (video, audio) = (media(vec![segment("1.m4s", 5.4)]), media(vec![segment("1.m4s", 5.504)]));
    let common = common_target_duration_s([&video, &audio]);
    assert_eq!(common, 6);
    let video = MediaPlaylist { target_duration_s: Some(common), ..video };
    assert!(video.render().expect("a playlist").contains("#EXT-X-TARGETDURATION:6\n"));
    let short = MediaPlaylist { target_duration_s: Some(5), ..audio };
    assert_eq!(short.render(), Err(BuildError::TargetTooShort { target_s: 5, needed_s: 6 }));
}

#[test]
fn the_version_is_the_least_that_has_every_tag() {
    let whole = vec![segment("1.m4s", 6.0)];
    let part = vec![Segment { byte_offset: Some(0), ..segment("1.m4s", 6.0) }];
    let iframes = |map_uri| MediaPlaylist { kind: MediaKind::IFrames, map_uri, ..media(part.clone()) };
    for (playlist, version) in [
        (media(whole.clone()), 6),
        (MediaPlaylist { map_uri: None, ..media(whole) }, 3),
        (MediaPlaylist { map_uri: None, ..media(part.clone()) }, 4),
        (iframes(Some("init.mp4".into())), 5),
        (iframes(None), 4),
    ] {
        let text = playlist.render().expect("a playlist");
        assert!(text.contains(&format!("#EXT-X-VERSION:{version}\n")), "{text}");
    }
}

#[test]
fn what_cannot_be_a_segment_is_refused() {
    assert_eq!(media(vec![]).render(), Err(BuildError::Empty { what: "segment" }));
    for duration_s in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-9] {
        let refused = media(vec![segment("1.m4s", duration_s)]).render();
        assert!(matches!(refused, Err(BuildError::BadDuration { .. })), "{duration_s}");
    }
    for uri in ["", "#EXT-X-ENDLIST", "a\nb", "a b", "a\"b", "a\r"] {
        let refused = media(vec![segment(uri, 6.0)]).render();
        assert_eq!(refused, Err(BuildError::BadUri { uri: uri.into() }));
    }
}

#[test]
fn a_title_from_an_upload_cannot_end_its_quotes() {
    let hostile = audio("Director's \"cut\",URI=\"http://elsewhere/\"\n#EXT-X-ENDLIST", "mp4a.40.2");
    let variants = vec![Variant { audio_group: Some("a".into()), ..variant("v.m3u8", 1) }];
    let text =
        Multivariant { variants, audio: vec![hostile], ..Multivariant::default() }.render().expect("text");
    let read = m3u8_rs::parse_master_playlist_res(text.as_bytes()).expect("parses");
    assert_eq!(read.alternatives[0].uri.as_deref(), Some("audio/en-2/index.m3u8"));
    assert_eq!(read.alternatives[0].name, "Director's 'cut',URI='http://elsewhere/' #EXT-X-ENDLIST");
}

#[test]
fn codecs_name_the_audio_of_the_group_once() {
    let variants = vec![Variant { audio_group: Some("a".into()), ..variant("v.m3u8", 1) }];
    let audio = vec![audio("English", "mp4a.40.2"), audio("Français", "mp4a.40.2")];
    let text = Multivariant { variants, audio, ..Multivariant::default() }.render().expect("text");
    assert!(text.contains("CODECS=\"avc1.64001f,mp4a.40.2\","), "{text}");
    assert!(text.contains("FRAME-RATE=29.970,"), "{text}");
    assert!(!text.contains("VIDEO-RANGE"), "all SDR: {text}");
}

#[test]
fn a_group_needs_a_member_and_a_variant_a_frame_rate() {
    let render = |variant| Multivariant { variants: vec![variant], ..Multivariant::default() }.render();
    let unknown = Err(BuildError::UnknownGroup { uri: "v.m3u8".into(), group: "x".into() });
    assert_eq!(render(Variant { audio_group: Some("x".into()), ..variant("v.m3u8", 1) }), unknown);
    assert_eq!(render(Variant { subtitle_group: Some("x".into()), ..variant("v.m3u8", 1) }), unknown);
    let refused = render(Variant { frame_rate: f64::NAN, ..variant("v.m3u8", 1) });
    assert!(matches!(refused, Err(BuildError::BadFrameRate { .. })));
    assert_eq!(Multivariant::default().render(), Err(BuildError::Empty { what: "variant" }));
}

#[test]
fn players_start_near_two_megabits_in_what_every_device_plays() {
    let hevc = Variant { codecs: vec!["hvc1.1.6.L93.B0".into()], ..variant("hevc", 2_000_000) };
    let hdr = Variant { video_range: VideoRange::Pq, ..variant("hdr", 2_000_000) };
    let mut variants = vec![
        variant("low", 300_000),
        hdr,
        variant("high", 5_000_000),
        hevc,
        variant("middle", 1_900_000),
        variant("upper", 2_300_000),
    ];
    order_variants(&mut variants);
    let order = |variants: &[Variant]| variants.iter().map(|v| v.uri.clone()).collect::<Vec<_>>();
    let expected = ["middle", "high", "upper", "hdr", "hevc", "low"];
    assert_eq!(order(&variants), expected);
    variants.reverse();
    order_variants(&mut variants);
    assert_eq!(order(&variants), expected, "whatever the order given");
    order_variants(&mut []);
}

#[test]
fn tiles_end_with_the_presentation() {
    let layout = TileLayout { tile_width: 160, tile_height: 90, columns: 2, rows: 2, interval_ms: 1_500 };
    assert_eq!((layout.tiles(7_000), layout.sheets(7_000)), (5, 2));
    assert_eq!((layout.tiles(6_000), layout.sheets(6_000)), (4, 1));
    let sheet = |n: u32| Sheet { uri: format!("sprite-{n:03}.jpg"), bytes: 9_000 };
    let images = ImagesPlaylist { layout, duration_ms: 7_000, sheets: vec![sheet(1), sheet(2)] };
    let vtt = images.storyboard_vtt().expect("a storyboard");
    assert_eq!(vtt.matches(" --> ").count(), 5);
    assert!(
        vtt.starts_with("WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nsprite-001.jpg#xywh=0,0,160,90\n"),
        "{vtt}"
    );
    assert!(vtt.contains("00:00:04.500 --> 00:00:06.000\nsprite-001.jpg#xywh=160,90,160,90\n"), "{vtt}");
    assert!(vtt.ends_with("00:00:06.000 --> 00:00:07.000\nsprite-002.jpg#xywh=0,0,160,90\n"), "{vtt}");
    let text = images.render().expect("a playlist");
    assert!(
        text.contains("#EXTINF:6.000000,\n#EXT-X-TILES:RESOLUTION=160x90,LAYOUT=2x2,DURATION=1.500\n"),
        "{text}"
    );
    assert!(text.contains("#EXTINF:1.000000,\n"), "the last sheet is short: {text}");

    let one = ImagesPlaylist { sheets: vec![sheet(1)], ..images.clone() };
    assert_eq!(one.render(), Err(BuildError::SheetCount { given: 1, needed: 2 }));
    for flat in [TileLayout { columns: 0, ..layout }, TileLayout { interval_ms: 0, ..layout }] {
        let none = ImagesPlaylist { layout: flat, ..images.clone() };
        assert_eq!(none.storyboard_vtt(), Err(BuildError::Empty { what: "tile" }));
    }
}

#[test]
fn hours_are_written_as_hours() {
    let layout = TileLayout { tile_width: 1, tile_height: 1, columns: 9, rows: 9, interval_ms: 3_661_001 };
    let sheets = vec![Sheet { uri: "s.jpg".into(), bytes: 1 }];
    let vtt =
        ImagesPlaylist { layout, duration_ms: 3_661_002, sheets }.storyboard_vtt().expect("a storyboard");
    assert!(vtt.contains("\n01:01:01.001 --> 01:01:01.002\n"), "{vtt}");
}

#[test]
fn a_playlist_that_grows_only_adds_lines_and_ends_once() {
    let all: Vec<Segment> =
        (1..=3).map(|n| segment(&format!("../../../video/720p/0000{n}.m4s"), 6.0)).collect();
    let so_far = |count: usize, ended| {
        let playlist = MediaPlaylist { target_duration_s: Some(6), ..media(all[..count].to_vec()) };
        playlist.render_event(ended).expect("a playlist")
    };
    let (first, second, last) = (so_far(1, false), so_far(2, false), so_far(3, true));
    for line in ["#EXT-X-PLAYLIST-TYPE:EVENT", "#EXT-X-START:TIME-OFFSET=0", "#EXT-X-INDEPENDENT-SEGMENTS"] {
        assert!(first.lines().any(|l| l == line), "{first}");
    }
    assert!(second.starts_with(&first) && last.starts_with(&second));
    assert!(!second.contains("ENDLIST") && last.ends_with("#EXT-X-ENDLIST\n"));
}

#[test]
fn an_average_that_is_not_known_is_not_written() {
    let variants = vec![Variant { rates: Rates { peak_bps: 5_000, average_bps: 0 }, ..variant("v.m3u8", 1) }];
    let text = Multivariant { variants, ..Multivariant::default() }.render().expect("a playlist");
    assert!(text.contains("BANDWIDTH=5000,CODECS") && !text.contains("AVERAGE-BANDWIDTH"), "{text}");
}
