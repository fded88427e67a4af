//! Playlists: whatever text stands in one, it is checked, rewritten and shaped, and rewriting and shaping keep to what
//! they say. The input is a presentation, as `Files::read` has it.
#![no_main]

use std::collections::BTreeSet;
use std::convert::Infallible;

use flodrama_fuzz::{Files, checked};
use flodrama_hls::rewrite::{append_query, append_query_by, append_query_vtt};
use flodrama_hls::shape;
use flodrama_hls::shape::Shape;
use libfuzzer_sys::fuzz_target;

/// A query as the edge appends it. Inputs that have it are left out, so that what is found was appended.
const QUERY: &str = "Signature=6d1Z~s3cr3t_&Key-Pair-Id=K2";
const SECRET: &str = "6d1Z~s3cr3t_";

fuzz_target!(|input: &[u8]| {
    let files = Files::read(input);
    checked(&files);
    if files.texts().any(|text| text.contains(SECRET)) {
        return;
    }
    for text in files.texts() {
        rewriting(text);
        shaping(text);
    }
    // What is signed is checked too, and reports are read by many.
    let signed = files.changed(|path, text| {
        if path.ends_with(".vtt") { append_query_vtt(text, QUERY) } else { append_query(text, QUERY) }
    });
    let report = checked(&signed);
    assert!(!report.contains(SECRET), "{report}");
});

/// Lines stay lines; every URI has the query, once; nothing else changes.
fn rewriting(text: &str) {
    assert_eq!(append_query(text, ""), text);
    assert_eq!(append_query_vtt(text, ""), text);
    let rewritten = append_query(text, QUERY);
    let vtt = append_query_vtt(text, QUERY);
    for (rewritten, is_vtt) in [(&rewritten, false), (&vtt, true)] {
        assert_eq!(rewritten.lines().count(), text.lines().count());
        for (before, after) in text.lines().zip(rewritten.lines()) {
            let count = after.matches(QUERY).count();
            assert_eq!(without_marks(&after.replace(QUERY, "")), without_marks(before));
            let is_tag = before.trim().starts_with('#');
            let most = if is_tag && !is_vtt { before.matches("URI=\"").count() } else { 1 };
            assert!(count <= most, "{after}");
            if count == 0 {
                assert_eq!(after, before);
                let is_uri = !is_tag && !before.trim().is_empty() && !before.contains(':');
                assert!(is_vtt || !is_uri, "{after} has no query");
            }
        }
    }
    // The URIs of what was rewritten are those that were there, each with the query.
    let (before, after) = (uris(text), uris(&rewritten));
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        let expected = if before == after { 0 } else { 1 };
        assert_eq!(after.matches(QUERY).count(), expected, "{after}");
        assert!(expected == 1 || before.is_empty() || before.contains(':'), "{after} has no query");
    }
}

fn without_marks(text: &str) -> String {
    text.replace(['?', '&'], "")
}

fn uris(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let same = append_query_by(text, |uri| {
        found.push(uri.to_owned());
        Ok::<_, Infallible>(String::new())
    });
    assert_eq!(same.as_deref(), Ok(text));
    found
}

/// A shape without limits changes nothing; with them, what is left was there.
fn shaping(text: &str) {
    assert_eq!(shape(text, &Shape::default()), text);
    let english = |language: &str| language.starts_with("en");
    let shaped = shape(
        text,
        &Shape {
            max_height: Some(720),
            hdr: false,
            audio: &english,
            drop_peak_bps: 300_000,
            start_bps: Some(2_000_000),
        },
    );
    // A last line without an end gets one where it is no longer the last.
    let end = |line: &'_ str| line.trim_end_matches('\r').len();
    let lines: BTreeSet<&str> = text.lines().map(|line| &line[..end(line)]).collect();
    let is_audio = |line: &str| line.trim_start().starts_with("#EXT-X-MEDIA:");
    for line in shaped.lines() {
        // A group that lost its default gets another.
        assert!(lines.contains(&line[..end(line)]) || is_audio(line), "{line} was not there");
    }
    let has_variants = |text: &str| text.lines().any(|line| line.trim().starts_with("#EXT-X-STREAM-INF"));
    assert_eq!(has_variants(&shaped), has_variants(text), "nothing is left that plays: {shaped}");
    assert!(shaped.len() <= text.len() + 1 + 2 * text.lines().filter(|line| is_audio(line)).count());
}
