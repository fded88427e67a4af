//! Every URI gets the query, and nothing else changes.

use flodrama_hls::rewrite::{append_query, append_query_by, append_query_into, append_query_vtt};
use quick_m3u8::config::ParsingOptionsBuilder;
use quick_m3u8::{HlsLine, Reader};

mod support;

const QUERY: &str = "Policy=eyJ_~-&Signature=a-b~c_&Key-Pair-Id=K1";

#[test]
fn uris_on_lines_and_in_attributes_get_the_query() {
    let q = QUERY;
    let table = [
        ("00001.m4s", format!("00001.m4s?{q}")),
        ("https://cdn.example/a.m4s", format!("https://cdn.example/a.m4s?{q}")),
        ("a.m4s?x=1", format!("a.m4s?x=1&{q}")),
        ("a.m4s?", format!("a.m4s?{q}")),
        ("a.m4s?x=1&", format!("a.m4s?x=1&{q}")),
        ("a.m4s#t=1", format!("a.m4s?{q}#t=1")),
        ("a.m4s?x#t?y", format!("a.m4s?x&{q}#t?y")),
        ("a.m4s ", format!("a.m4s?{q} ")),
        ("#EXT-X-MAP:URI=\"init.mp4\"", format!("#EXT-X-MAP:URI=\"init.mp4?{q}\"")),
        (
            "#EXT-X-MAP:URI=\"main.mp4\",BYTERANGE=\"616@0\"",
            format!("#EXT-X-MAP:URI=\"main.mp4?{q}\",BYTERANGE=\"616@0\""),
        ),
        (
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"a, URI=x\",URI=\"a.m3u8\",CHANNELS=\"2\"",
            format!(
                "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"a, URI=x\",URI=\"a.m3u8?{q}\",CHANNELS=\"2\""
            ),
        ),
        (
            "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI=\"t.m3u8\"",
            format!("#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI=\"t.m3u8?{q}\""),
        ),
        (
            "#EXT-X-IMAGE-STREAM-INF:BANDWIDTH=1,CODECS=\"jpeg\",URI=\"i.m3u8\"",
            format!("#EXT-X-IMAGE-STREAM-INF:BANDWIDTH=1,CODECS=\"jpeg\",URI=\"i.m3u8?{q}\""),
        ),
        ("#EXT-X-KEY:METHOD=AES-128, URI=\"k\"", format!("#EXT-X-KEY:METHOD=AES-128, URI=\"k?{q}\"")),
        (
            "#EXT-X-SESSION-DATA:DATA-ID=\"d\",URI=\"d.json\"",
            format!("#EXT-X-SESSION-DATA:DATA-ID=\"d\",URI=\"d.json?{q}\""),
        ),
        ("#EXT-X-PART:DURATION=1,URI=\"p.m4s\"", format!("#EXT-X-PART:DURATION=1,URI=\"p.m4s?{q}\"")),
        ("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"p\"", format!("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"p?{q}\"")),
        ("#EXT-X-RENDITION-REPORT:URI=\"../r\"", format!("#EXT-X-RENDITION-REPORT:URI=\"../r?{q}\"")),
        ("#EXT-X-OF-TOMORROW:URI=\"u\"", format!("#EXT-X-OF-TOMORROW:URI=\"u?{q}\"")),
    ];
    for (line, expected) in table {
        for end in ["\n", "\r\n", ""] {
            assert_eq!(append_query(&format!("{line}{end}"), q), format!("{expected}{end}"));
        }
    }
}

#[test]
fn what_is_no_uri_stays_as_it_is() {
    for line in [
        "#EXTM3U",
        "",
        "   ",
        "# URI=\"comment.m4s\"",
        "#EXTINF:6.0,a title with URI=\"x\"",
        "#EXT-X-MEDIA:NAME=\"URI='x'\",LANGUAGE=\"en\"",
        "#EXT-X-DATERANGE:ID=\"1\",X-NOTE=\"see URI=y\",X-URI=\"z\"",
        "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"skd://key\"",
        "#EXT-X-SESSION-DATA:DATA-ID=\"d\",URI=\"data:application/json,{}\"",
        "#EXT-X-MAP:URI=\"",
        "#EXT-X-MAP:URI=\"\"",
    ] {
        let text = format!("{line}\r\n{line}\n");
        assert_eq!(append_query(&text, QUERY), text);
    }
    assert_eq!(append_query("a.m4s\n", ""), "a.m4s\n", "an empty query changes nothing");
}

#[test]
fn a_buffer_can_be_used_again() {
    let mut out = String::from("kept ");
    append_query_into(&mut out, "a.m4s\n", "q=1");
    assert_eq!(out, "kept a.m4s?q=1\n");
}

#[test]
fn storyboard_cues_keep_their_tile() {
    let vtt = "WEBVTT\nNOTE made of sprite-001.jpg\n\nfirst\n00:00:00.000 --> 00:00:02.000\n\
               sprite-001.jpg#xywh=0,0,160,90\n\n00:00:02.000 --> 00:00:04.000\r\nsprite-001.jpg#xywh=160,0,160,90\r\n";
    let expected = "WEBVTT\nNOTE made of sprite-001.jpg\n\nfirst\n00:00:00.000 --> 00:00:02.000\n\
                    sprite-001.jpg?q=1#xywh=0,0,160,90\n\n00:00:02.000 --> 00:00:04.000\r\nsprite-001.jpg?q=1#xywh=160,0,160,90\r\n";
    assert_eq!(append_query_vtt(vtt, "q=1"), expected);
}

/// What quick-m3u8 takes for URIs: an independent reading of the same text.
fn uris(text: &str) -> Vec<String> {
    // No tag is known, so that each keeps its attribute list.
    let mut reader = Reader::from_str(text, ParsingOptionsBuilder::new().build());
    let mut uris = Vec::new();
    while let Some(line) = reader.read_line().expect("readable") {
        match line {
            HlsLine::Uri(uri) => uris.push(uri.into_owned()),
            HlsLine::UnknownTag(tag) if tag.name() != "INF" => {
                let attributes = tag.value().and_then(|value| value.try_as_attribute_list().ok());
                let uri = attributes.and_then(|list| list.get("URI")?.quoted().map(str::to_owned));
                uris.extend(uri);
            }
            _ => {}
        }
    }
    uris
}

#[test]
fn an_independent_parser_sees_every_uri_of_a_presentation_changed() {
    let scenario = support::Scenario { subtitles: vec![("en", "English", false)], ..support::usual() };
    for (path, text) in scenario.publish().texts.iter().filter(|(path, _)| path.ends_with(".m3u8")) {
        let text = std::str::from_utf8(text).expect("UTF-8");
        let (before, after) = (uris(text), uris(&append_query(text, QUERY)));
        let expected: Vec<_> = before.iter().map(|uri| format!("{uri}?{QUERY}")).collect();
        assert_eq!(after, expected, "{path}");
        assert!(!before.is_empty(), "{path}");
    }
}

#[test]
fn a_long_playlist_comes_out_whole() {
    let mut playlist = String::from("#EXTM3U\n#EXT-X-MAP:URI=\"init.mp4\"\n");
    for number in 1..=2_000 {
        playlist.push_str(&format!("#EXTINF:6.000000,\n{number:05}.m4s\n"));
    }
    let signed = append_query(&playlist, QUERY);
    assert_eq!(signed.matches(QUERY).count(), 2_001);
    assert_eq!(signed.replace(&format!("?{QUERY}"), ""), playlist);
}

#[test]
fn each_uri_can_have_a_query_of_its_own() {
    let playlist =
        "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,URI=\"audio/a\",NAME=\"URI=x\"\n#EXTINF:4,URI=\"t\"\nvideo/b#t\r\n";
    let by_folder = |uri: &str| match uri.split_once('/') {
        Some((folder, _)) => Ok(format!("for={folder}")),
        None => Err(uri.to_owned()),
    };
    assert_eq!(
        append_query_by(playlist, by_folder).as_deref(),
        Ok(
            "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,URI=\"audio/a?for=audio\",NAME=\"URI=x\"\n#EXTINF:4,URI=\"t\"\nvideo/b?for=video#t\r\n"
        )
    );
    let refused = append_query_by(&format!("{playlist}first\nsecond\n"), by_folder);
    assert_eq!(refused, Err("first".to_owned()));
}
