//! Subtitles and chapters of a published tree, against what ffmpeg reads in the source and what the pictures show.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::transcode;
use super::tree::Tree;
use crate::support::clip::Clip;
use crate::support::process::run;
use crate::support::{ffmpeg, hls, programs};

/// Milliseconds are rounded.
const ROUNDING_S: f64 = 0.0011;
const FRAMES_A_SECOND: f64 = 25.0;

/// A cue as a player shows it.
#[derive(Clone, Debug)]
struct Shown {
    start_s: f64,
    end_s: f64,
    text: String,
}

/// The subtitle renditions: attributes of `EXT-X-MEDIA`, cues as written, cues as ffmpeg reads them.
fn subtitles(tree: &Tree) -> Vec<(hls::Attributes, String, Vec<Shown>)> {
    let media = tree.main.media.iter().filter(|(_, attributes)| attributes["TYPE"] == "SUBTITLES");
    let read = |(uri, attributes): &(String, hls::Attributes)| {
        let playlist = tree.folder.join(uri);
        let media = hls::media(&std::fs::read_to_string(&playlist).expect("a media playlist"));
        assert!(media.ended && media.map.is_none(), "{uri}");
        let total: f64 = media.segments.iter().map(|s| s.duration_s).sum();
        assert!((total - duration_s(tree)).abs() < 0.001, "{uri} lasts {total} s");
        let [segment] = &media.segments[..] else { panic!("{uri} has one segment") };
        let path = playlist.parent().expect("a folder").join(&segment.uri);
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("WEBVTT"), "{uri}");
        assert_eq!(lines.next(), Some("X-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000"), "{uri}");
        (attributes.clone(), text, cues_of(&path, &[]))
    };
    media.map(read).collect()
}

fn duration_s(tree: &Tree) -> f64 {
    tree.videos()[0].boundaries().pop().expect("an end")
}

/// What ffmpeg makes of a subtitle track or file, on the file's own clock.
fn cues_of(path: &Path, map: &[&str]) -> Vec<Shown> {
    let path = path.to_str().expect("a plain path");
    let args = [&["-copyts", "-i", path], map, &["-c:s", "webvtt", "-f", "webvtt", "-"]].concat();
    let text = String::from_utf8(ffmpeg::ffmpeg(&args)).expect("UTF-8");
    let shown = |cue: hls::Cue| Shown { start_s: cue.start_s, end_s: cue.end_s, text: plain(&cue.payload) };
    hls::cues(&text).into_iter().map(shown).filter(|cue| !cue.text.is_empty()).collect()
}

/// Words alone, a line each.
fn plain(payload: &str) -> String {
    let mut text = String::new();
    let mut in_tag = false;
    for c in payload.chars() {
        match c {
            '<' => in_tag = true,
            '>' if in_tag => in_tag = false,
            c if !in_tag => text.push(c),
            _ => {}
        }
    }
    for (reference, c) in [("&lt;", "<"), ("&gt;", ">"), ("&nbsp;", " "), ("\u{a0}", " "), ("&amp;", "&")] {
        text = text.replace(reference, c);
    }
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

fn document(tree: &Tree, name: &str) -> Value {
    let text = std::fs::read(tree.folder.join(name)).expect(name);
    serde_json::from_slice(&text).expect("a document")
}

/// What the report says about subtitles.
fn said(tree: &Tree) -> Vec<String> {
    let report = document(tree, "report.json");
    let choices = report["choices"].as_array().expect("choices").clone();
    let of_subtitles = choices.iter().filter(|choice| choice["what"] == "subtitles");
    of_subtitles.map(|choice| choice["why"].as_str().expect("a reason").to_owned()).collect()
}

/// No rule of the MUST kind is broken.
fn keeps_the_rules(tree: &Tree) {
    let done = run(programs::flodrama(), ["check".as_ref(), tree.folder.as_os_str()]);
    assert_eq!(done.code, Some(0), "{}{}", done.text(), done.stderr);
}

#[test]
fn a_matroska_file_with_subrip() {
    as_ffmpeg_reads_them("ax_sample_with_srt.mkv", &[2]);
}

#[test]
fn a_matroska_file_with_substation_alpha() {
    as_ffmpeg_reads_them("ax_sample_with_ass_subtitles.mkv", &[2]);
}

#[test]
fn a_film_in_several_languages_with_fonts_attached() {
    as_ffmpeg_reads_them("derived_multi_audio_subs.mkv", &[4, 5]);
}

#[test]
fn two_tracks_of_timed_text_in_one_language() {
    as_ffmpeg_reads_them("torchcodec_nasa_13013.mp4", &[2, 5]);
}

#[test]
fn pictures_are_reported_and_not_carried() {
    let Some(source) = real("sony_a7m3_1080i50_ac3_pgs.mts") else { return };
    let out = tempfile::tempdir().expect("folder");
    let tree = transcode(&source, &out.path().join("out"), &[]);
    assert!(subtitles(&tree).is_empty());
    let said = said(&tree);
    assert!(said.len() == 1 && said[0].contains("not carried: pictures"), "{said:?}");
}

#[test]
fn chapters_of_a_matroska_file() {
    let Some(source) = real("ax_sample_with_chapters.mkv") else { return };
    let out = tempfile::tempdir().expect("folder");
    let tree = transcode(&source, &out.path().join("out"), &[]);
    let chapters = document(&tree, "asset.json")["chapters"].clone();
    assert_eq!(
        chapters,
        serde_json::json!([
            { "start_ms": 0, "end_ms": 1999, "title": "Chapter 1" },
            { "start_ms": 2000, "end_ms": 4999, "title": "Chapter 2" },
        ])
    );
}

/// The tracks at these stream indices, compared cue by cue.
fn as_ffmpeg_reads_them(name: &str, streams: &[usize]) {
    let Some(source) = real(name) else { return };
    let out = tempfile::tempdir().expect("folder");
    let tree = transcode(&source, &out.path().join("out"), &[]);
    keeps_the_rules(&tree);
    let origin_s = origin_s(&source);
    let end_s = duration_s(&tree);
    let renditions = subtitles(&tree);
    assert_eq!(renditions.len(), streams.len(), "{:?}", said(&tree));
    let mut names: Vec<&String> = renditions.iter().map(|(attributes, ..)| &attributes["NAME"]).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), streams.len(), "names differ");
    for (stream, (attributes, _, shown)) in streams.iter().zip(&renditions) {
        let mut wanted = cues_of(&source, &["-map", &format!("0:{stream}")]);
        for cue in &mut wanted {
            cue.start_s = (cue.start_s - origin_s).clamp(0.0, end_s);
            cue.end_s = (cue.end_s - origin_s).clamp(0.0, end_s);
        }
        wanted.retain(|cue| cue.end_s - cue.start_s > ROUNDING_S);
        assert!(!wanted.is_empty() && wanted.len() == shown.len(), "{stream}: {wanted:?}\n{shown:?}");
        for (wanted, shown) in wanted.iter().zip(shown) {
            assert!((wanted.start_s - shown.start_s).abs() < ROUNDING_S, "{wanted:?} {shown:?}");
            assert!((wanted.end_s - shown.end_s).abs() < ROUNDING_S, "{wanted:?} {shown:?}");
            assert_eq!(wanted.text, shown.text);
        }
        assert_eq!((attributes["DEFAULT"].as_str(), attributes["FORCED"].as_str()), ("NO", "NO"));
    }
    let listed = document(&tree, "asset.json")["subs"].as_array().expect("subs").len();
    assert_eq!(listed, streams.len());
}

/// Where the presentation begins on the file's clock.
fn origin_s(source: &Path) -> f64 {
    let found = ffmpeg::probe_leniently(source, &["-show_streams"]);
    let streams = found["streams"].as_array().expect("streams");
    let starts = |kind: &'static str| {
        let of_kind = streams.iter().filter(move |s| s["codec_type"] == kind);
        of_kind.map(|s| s["start_time"].as_str().expect("a time").parse::<f64>().expect("seconds"))
    };
    let video = starts("video").next().expect("a picture");
    let sound = starts("audio").fold(f64::MAX, f64::min);
    if video - sound > 0.05 { sound } else { video }
}

fn real(name: &str) -> Option<PathBuf> {
    let found = std::env::var_os("FLODRAMA_MEDIA").map(|folder| PathBuf::from(folder).join(name));
    match &found {
        Some(path) => assert!(path.is_file(), "{} is missing", path.display()),
        None => eprintln!("real clip {name}: not run, FLODRAMA_MEDIA names no folder"),
    }
    found
}

/// A clip whose cues say which picture is on screen, with the file's clock moved by `more`.
fn numbered(clip: &Clip, name: &str, more: &[&str]) {
    let folder = tempfile::tempdir().expect("folder");
    let picture = clip.make(folder.path());
    let lines = folder.path().join("lines.srt");
    std::fs::write(&lines, pictures(&[10, 50, 51, 120])).expect("subtitles");
    let source = folder.path().join(name);
    let text = if name.ends_with(".mp4") { "mov_text" } else { "subrip" };
    let [picture, lines, path] = [&picture, &lines, &source].map(|path| path.to_str().expect("a plain path"));
    let inputs = ["-i", picture, "-i", lines, "-map", "0", "-map", "1", "-c", "copy", "-c:s", text];
    let tail = ["-metadata:s:s:0", "language=eng", "-disposition:s:0", "0", path];
    ffmpeg::ffmpeg(&[&inputs, more, &tail].concat());

    let tree = transcode(&source, &folder.path().join("out"), &[]);
    let shown = clip.numbers(&tree.videos()[0].playlist);
    let renditions = subtitles(&tree);
    let [(attributes, _, cues)] = &renditions[..] else { panic!("one rendition: {:?}", said(&tree)) };
    assert_eq!(attributes["LANGUAGE"], "en");
    assert_eq!(cues.len(), 4, "{cues:?}");
    for cue in cues {
        let number: u32 = cue.text.strip_prefix("picture ").expect("a number").parse().expect("a number");
        let (first, last) = (cue.start_s * FRAMES_A_SECOND, cue.end_s * FRAMES_A_SECOND - 1.0);
        assert_eq!(shown[first.round() as usize], number, "{cue:?}");
        assert_eq!(shown[last.round() as usize], number, "{cue:?}");
    }
}

/// SubRip that names each of these pictures while it is on screen.
fn pictures(numbers: &[u32]) -> String {
    let clock = |picture: u32| {
        let ms = picture * 1000 / FRAMES_A_SECOND as u32;
        format!("00:00:{:02},{:03}", ms / 1000, ms % 1000)
    };
    let cue = |(i, n): (usize, &u32)| format!("{i}\n{} --> {}\npicture {n}\n\n", clock(*n), clock(n + 1));
    numbers.iter().enumerate().map(cue).collect()
}

#[test]
fn cues_stay_with_their_pictures() {
    numbered(&Clip { name: "picture.mp4", ..Clip::default() }, "clip.mp4", &[]);
}

#[test]
fn cues_stay_with_their_pictures_on_a_clock_that_starts_at_ten_seconds() {
    // Of MP4, whose edit list keeps the encoder's priming out of the clock: Matroska would move the picture by it.
    let clip = Clip { name: "picture.mp4", ..Clip::default() };
    numbered(&clip, "clip.mkv", &["-output_ts_offset", "10"]);
}

#[test]
fn cues_stay_with_their_pictures_where_these_begin_late() {
    // Sound and subtitles from 0 on, pictures from number 25 on: the file has an edit list that says so.
    let clip = Clip { name: "picture.mp4", keep: |n| n >= 25, ..Clip::default() };
    let folder = tempfile::tempdir().expect("folder");
    let picture = clip.make(folder.path());
    let lines = folder.path().join("lines.srt");
    std::fs::write(&lines, pictures(&[50, 120])).expect("subtitles");
    let source = folder.path().join("clip.mp4");
    let [input, lines, path] = [&picture, &lines, &source].map(|path| path.to_str().expect("a plain path"));
    let args = ["-i", input, "-i", lines, "-map", "0", "-map", "1", "-c", "copy", "-c:s", "mov_text", path];
    ffmpeg::ffmpeg(&args);
    assert!(origin_s(&source) < 0.05, "sound begins the presentation");

    let tree = transcode(&source, &folder.path().join("out"), &[]);
    let shown = clip.numbers(&tree.videos()[0].playlist);
    let (_, _, cues) = &subtitles(&tree)[0];
    let found: Vec<u32> =
        cues.iter().map(|cue| shown[(cue.start_s * FRAMES_A_SECOND).round() as usize]).collect();
    assert_eq!(found, [50, 120]);
}

#[test]
fn of_a_script_with_styles_and_lettering_the_words_are_kept() {
    let folder = tempfile::tempdir().expect("folder");
    let picture = Clip { name: "picture.mp4", frames: 150, ..Clip::default() }.make(folder.path());
    let script = folder.path().join("lines.ass");
    let lines = [
        r"0:00:01.00,0:00:02.00,Off,{\blur2}Far {\i0}near{\i} far\Nand {\b1}loud{\b0}",
        r"0:00:02.00,0:00:03.00,On,{\p1\blur999999}m 0 0 l 9999999 9999999 m 0 0{\p0}",
        r"0:00:02.00,0:00:03.00,On,{\an8\pos(10,10)}SHOP <open> & {a note}cheap",
        r"0:00:02.00,0:00:03.00,On,{\an8\pos(12,12)}SHOP <open> & {a shadow}cheap",
        r"0:00:04.00,9:99:99.99,On,To the end --> of it",
    ];
    let events: String = lines
        .iter()
        .map(|line| {
            let fields: Vec<&str> = line.splitn(4, ',').collect();
            format!("Dialogue: 0,{},{},{},,0,0,0,,{}\n", fields[0], fields[1], fields[2], fields[3])
        })
        .collect();
    let text = format!(
        "[Script Info]\nScriptType: v4.00+\nPlayResX: 2147483647\n\n[V4+ Styles]\n\
         Format: Name, Fontname, Fontsize, Bold, Italic\nStyle: On,Arial,999999999,-1,0\nStyle: Off,Arial,20,0,-1\n\n\
         [Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n{events}"
    );
    std::fs::write(&script, text).expect("a script");
    let source = folder.path().join("clip.mkv");
    let [input, script, path] = [&picture, &script, &source].map(|path| path.to_str().expect("a plain path"));
    ffmpeg::ffmpeg(&[
        "-i",
        input,
        "-i",
        script,
        "-map",
        "0",
        "-map",
        "1",
        "-c",
        "copy",
        "-output_ts_offset",
        "1",
        path,
    ]);
    let tree = transcode(&source, &folder.path().join("out"), &[]);
    keeps_the_rules(&tree);
    let (_, text, _) = &subtitles(&tree)[0];
    let (_, cues) = text.split_once("\n\n").expect("a header");
    assert_eq!(
        cues,
        "00:00:01.000 --> 00:00:02.000\n<i>Far</i> near <i>far\nand <b>loud</b></i>\n\n\
         00:00:02.000 --> 00:00:03.000 line:0\nSHOP &lt;open&gt; &amp; cheap\n\n\
         00:00:04.000 --> 00:00:06.000\nTo the end --&gt; of it\n"
    );
}

#[test]
fn files_beside_the_input_are_taken_along_by_their_names() {
    let folder = tempfile::tempdir().expect("folder");
    let source = Clip { name: "demo.mp4", frames: 100, ..Clip::default() }.make(folder.path());
    let put = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).expect("a file");
    put("demo.fr.srt", b"1\r\n00:00:00,500 --> 00:00:01,500\r\nD\xe9j\xe0 vu \x96 5 \x80\r\n\r\n");
    put(
        "demo.en.sdh.vtt",
        b"\xef\xbb\xbfWEBVTT\n\nNOTE nothing\n\nid 1\n00:01.000 --> 00:02.000 line:10% align:start\n\
          <v Ann>[door] <i>Who's</i> there? &lt;3\n\n00:03.000 --> 01:00:00.000\nThe end\n",
    );
    let utf_16: Vec<u8> =
        "\u{feff}1\n00:00:01,000 --> 00:00:02,000\nÜber 5 < 6 & <script>alert(1)</script>\n\
         a --> b\n\n2\n00:00:02,000 --> 00:00:03,000\n{\\an8}Oben\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
    put("demo.de.forced.srt", &utf_16);
    put("demo.es.srt", b"\x00\x01\x02 this is no subtitle file\n");
    put("demo2.it.srt", b"1\n00:00:01,000 --> 00:00:02,000\nOf another episode\n");

    let tree = transcode(&source, &folder.path().join("out"), &[]);
    keeps_the_rules(&tree);
    let renditions = subtitles(&tree);
    let attributes: Vec<_> = renditions
        .iter()
        .map(|(a, ..)| {
            [&a["LANGUAGE"], &a["NAME"], &a["FORCED"], &a["AUTOSELECT"], &a["DEFAULT"]].map(String::as_str)
        })
        .collect();
    assert_eq!(
        attributes,
        [
            ["de", "German (forced)", "YES", "YES", "NO"],
            ["en", "English (SDH)", "NO", "YES", "NO"],
            ["fr", "French", "NO", "YES", "NO"],
        ]
    );
    assert_eq!(
        renditions[1].0["CHARACTERISTICS"],
        "public.accessibility.transcribes-spoken-dialog,public.accessibility.describes-music-and-sound"
    );
    for (_, variant) in &tree.main.variants {
        assert_eq!(variant["SUBTITLES"], "subs");
    }
    let [german, english, french] = [0, 1, 2].map(|i| (&renditions[i].1, &renditions[i].2));
    assert_eq!(french.1[0].text, "Déjà vu – 5 €");
    assert!((french.1[0].start_s - 0.5).abs() < ROUNDING_S && (french.1[0].end_s - 1.5).abs() < ROUNDING_S);
    assert!(english.0.contains("00:00:01.000 --> 00:00:02.000 line:10% align:start\n"), "{}", english.0);
    assert!(english.0.contains("[door] <i>Who's</i> there? &lt;3"), "{}", english.0);
    assert!((english.1[1].end_s - 4.0).abs() < ROUNDING_S, "cut to the end of the picture");
    assert!(german.0.contains("Über 5 &lt; 6 &amp; alert(1)\na --&gt; b\n"), "{}", german.0);
    assert!(german.0.contains("00:00:02.000 --> 00:00:03.000 line:0\nOben"), "{}", german.0);
    let reasons = said(&tree);
    assert!(reasons.iter().any(|why| why.contains("demo.es.srt not carried: This is not")), "{reasons:?}");
    assert!(
        reasons.iter().any(|why| why.contains("demo.fr.srt") && why.contains("Windows-1252")),
        "{reasons:?}"
    );
}

#[test]
fn files_that_mean_harm_cost_nothing_but_themselves() {
    let folder = tempfile::tempdir().expect("folder");
    let source = Clip { name: "demo.mp4", frames: 50, ..Clip::default() }.make(folder.path());
    let put = |name: &str, text: String| std::fs::write(folder.path().join(name), text).expect("a file");
    let many = |n: usize, line: &str| -> String {
        (0..n).map(|i| format!("{i}\n00:00:00,{:03} --> 00:00:01,999\n{line} {i}\n\n", i % 1000)).collect()
    };
    put("demo.en.srt", many(30_000, "too many"));
    put("demo.fr.srt", many(3, &"too long ".repeat(1000)) + &many(1, "short"));
    put("demo.de.vtt", format!("WEBVTT\n\n00:00.000 --> 00:01.000\n{}\n", "<b>".repeat(100_000)));
    let tree = transcode(&source, &folder.path().join("out"), &[]);
    keeps_the_rules(&tree);
    let renditions = subtitles(&tree);
    let french = renditions.iter().find(|(a, ..)| a["LANGUAGE"] == "fr").expect("French");
    assert_eq!(french.2.len(), 1, "{:?}", french.2);
    assert!(renditions.iter().all(|(a, ..)| a["LANGUAGE"] != "en"));
    let reasons = said(&tree);
    assert!(
        reasons.iter().any(|why| why.contains("demo.en.srt not carried: The subtitles have more than")),
        "{reasons:?}"
    );
    let report = document(&tree, "report.json");
    assert_eq!(
        report["subtitles"]
            .as_array()
            .expect("subtitles")
            .iter()
            .map(|s| &s["lost"])
            .max_by_key(|l| l.as_u64()),
        Some(&Value::from(3))
    );
}

#[test]
fn chapters_are_cut_to_the_picture() {
    let folder = tempfile::tempdir().expect("folder");
    let clip = Clip { name: "picture.mkv", sounds: Vec::new(), ..Clip::default() };
    let picture = clip.make(folder.path());
    let chapters = folder.path().join("chapters.txt");
    let chapter =
        |start, end, title| format!("[CHAPTER]\nTIMEBASE=1/1000\nSTART={start}\nEND={end}\ntitle={title}\n");
    let text = format!(";FFMETADATA1\n{}{}", chapter(0, 3000, "One"), chapter(3000, 99_000, "Two"));
    std::fs::write(&chapters, text).expect("chapters");
    let source = folder.path().join("clip.mkv");
    let [picture, chapters, path] =
        [&picture, &chapters, &source].map(|path| path.to_str().expect("a plain path"));
    let inputs = ["-i", picture, "-i", chapters, "-map", "0", "-map_metadata", "1", "-map_chapters", "1"];
    ffmpeg::ffmpeg(&[&inputs[..], &["-c", "copy", path]].concat());
    let tree = transcode(&source, &folder.path().join("out"), &[]);
    let chapters = document(&tree, "asset.json")["chapters"].clone();
    assert_eq!(
        chapters,
        serde_json::json!([
            { "start_ms": 0, "end_ms": 3000, "title": "One" },
            { "start_ms": 3000, "end_ms": 8000, "title": "Two" },
        ])
    );
    let read = cues_of(&tree.folder.join("chapters.vtt"), &[]);
    let read: Vec<_> = read.iter().map(|cue| (cue.start_s, cue.end_s, cue.text.as_str())).collect();
    assert_eq!(read, [(0.0, 3.0, "One"), (3.0, 8.0, "Two")]);
}

#[test]
fn subtitles_are_the_same_bytes_from_run_to_run() {
    let folder = tempfile::tempdir().expect("folder");
    let clip = Clip { name: "demo.mp4", frames: 50, ..Clip::default() };
    let source = clip.make(folder.path());
    std::fs::write(folder.path().join("demo.en.srt"), pictures(&[3, 9])).expect("subtitles");
    let text = |out: &str| {
        let tree = transcode(&source, &folder.path().join(out), &[]);
        subtitles(&tree)[0].1.clone()
    };
    assert_eq!(text("first"), text("second"));
}
