//! Rules of WebVTT segments.

use std::collections::BTreeSet;

use super::report::Findings;
use super::rule::{VTT_HEADER, VTT_TIMESTAMP_MAP};
use super::source::{Source, SourceError};
use super::tree::{Role, Tree, read_text};

pub(super) fn check(tree: &Tree, source: &dyn Source, findings: &mut Findings) -> Result<(), SourceError> {
    let files: BTreeSet<&str> = tree
        .of(Role::Subtitles)
        .flat_map(|playlist| &playlist.segments)
        // What does not exist has been said already.
        .filter(|segment| segment.bytes.is_some())
        .filter_map(|segment| segment.file.path.as_deref())
        .filter(|path| path.ends_with(".vtt") || path.ends_with(".webvtt"))
        .collect();
    for path in files {
        if let Some(text) = read_text(path, source, findings)? {
            check_segment(path, &text, findings);
        }
    }
    Ok(())
}

/// The presentation time, in seconds, of a segment's time 0 by its X-TIMESTAMP-MAP (RFC 3.1.4).
pub(super) fn clock_zero_s(text: &str) -> Option<f64> {
    let map = text.lines().take_while(|line| !line.trim().is_empty()).find_map(timestamp_map)?;
    let part = |name: &str| map.split(',').find_map(|part| part.trim().strip_prefix(name));
    let ticks: u64 = part("MPEGTS:")?.trim().parse().ok()?;
    // [hours:]minutes:seconds.thousandths
    let local = part("LOCAL:")?.trim().split(':').try_fold(0.0, |sum: f64, field| {
        Some(sum * 60.0 + field.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0)?)
    })?;
    Some(ticks as f64 / 90_000.0 - local)
}

fn timestamp_map(line: &str) -> Option<&str> {
    line.strip_prefix("X-TIMESTAMP-MAP=")
}

fn check_segment(path: &str, text: &str, findings: &mut Findings) {
    // Unlike playlists, WebVTT may begin with a byte order mark (WebVTT §4.1).
    let mut lines = text.trim_start_matches('\u{feff}').lines();
    let first = lines.next().unwrap_or_default();
    if first != "WEBVTT" && !first.starts_with("WEBVTT ") && !first.starts_with("WEBVTT\t") {
        findings.at(&VTT_HEADER, path, 1, format!("the first line is {first:?}"));
        return;
    }
    // The header ends at the first blank line.
    let header = lines.take_while(|line| !line.trim().is_empty());
    let map = header.filter_map(timestamp_map).next();
    let has = |part: &str| map.is_some_and(|map| map.split(',').any(|p| p.trim().starts_with(part)));
    if !has("MPEGTS:") || !has("LOCAL:") {
        let found = map.map_or("no X-TIMESTAMP-MAP".to_owned(), |map| format!("X-TIMESTAMP-MAP={map}"));
        findings.of(&VTT_TIMESTAMP_MAP, path, found);
    }
}
