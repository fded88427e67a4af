//! Rules of WebVTT segments.

use std::collections::BTreeSet;

use super::playlist::Playlist;
use super::report::{Findings, Tally};
use super::rule::{CUES_REPEATED_EXACTLY, VTT_HEADER, VTT_TIMESTAMP_MAP};
use super::source::{Source, SourceError};
use super::tree::{Role, Tree, read_text};

/// Cues that go on where another ends are one.
const TOUCHING_S: f64 = 0.002;

pub(super) fn check(tree: &Tree, source: &dyn Source, findings: &mut Findings) -> Result<(), SourceError> {
    // Renditions may share files.
    let mut seen = BTreeSet::new();
    for playlist in tree.of(Role::Subtitles) {
        check_playlist(playlist, &mut seen, source, findings)?;
    }
    Ok(())
}

fn check_playlist<'t>(
    playlist: &'t Playlist,
    seen: &mut BTreeSet<&'t str>,
    source: &dyn Source,
    findings: &mut Findings,
) -> Result<(), SourceError> {
    let mut headers = Tally::new(&VTT_HEADER);
    let mut maps = Tally::new(&VTT_TIMESTAMP_MAP);
    let mut repeats = Tally::new(&CUES_REPEATED_EXACTLY);
    let mut last: Vec<Cue> = Vec::new();
    // What does not exist has been said already.
    let files = playlist.segments.iter().filter(|segment| segment.bytes.is_some());
    let files = files.filter_map(|segment| segment.file.path.as_deref());
    for path in files.filter(|path| path.ends_with(".vtt") || path.ends_with(".webvtt")) {
        if !seen.insert(path) {
            continue;
        }
        let Some(text) = read_text(path, source, findings)? else { continue };
        check_header(path, &text, &mut headers, &mut maps);
        let cues = cues(&text);
        for cue in &cues {
            if let Some(before) = last.iter().find(|before| before.is_continued_by(cue)) {
                repeats.within(path, cue.line, || {
                    let ((start, end), (from, to)) = (before.times_s, cue.times_s);
                    format!("{from:.3} to {to:.3} s with the text of {start:.3} to {end:.3} s in the segment before")
                });
            }
        }
        last = cues;
    }
    for tally in [headers, maps, repeats] {
        tally.tell(&playlist.path, findings);
    }
    Ok(())
}

/// A cue of WebVTT.
struct Cue {
    line: usize,
    /// Start and end.
    times_s: (f64, f64),
    text: String,
}

impl Cue {
    /// True where `next` is the rest of this cue, with times of its own: players that take equal cues for one show both.
    fn is_continued_by(&self, next: &Cue) -> bool {
        let (start_s, end_s) = self.times_s;
        let is_rest = next.times_s.0 > start_s && next.times_s.0 <= end_s + TOUCHING_S;
        is_rest && self.text == next.text
    }
}

fn cues(text: &str) -> Vec<Cue> {
    let mut found: Vec<Cue> = Vec::new();
    let mut is_open = false;
    for (index, line) in text.lines().enumerate() {
        if let Some(times_s) = times(line) {
            found.push(Cue { line: index + 1, times_s, text: String::new() });
            is_open = true;
        } else if line.trim().is_empty() {
            is_open = false;
        } else if let (true, Some(cue)) = (is_open, found.last_mut()) {
            cue.text.push_str(line.trim_end());
            cue.text.push('\n');
        }
    }
    found.retain(|cue| !cue.text.is_empty());
    found
}

fn times(line: &str) -> Option<(f64, f64)> {
    let (start, end) = line.split_once("-->")?;
    Some((seconds(start.trim())?, seconds(end.split_whitespace().next()?)?))
}

/// `[hours:]minutes:seconds.thousandths`
fn seconds(text: &str) -> Option<f64> {
    let field = |field: &str| field.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0);
    text.split(':').try_fold(0.0, |sum, text| Some(sum * 60.0 + field(text)?))
}

/// The presentation time, in seconds, of a segment's time 0 by its X-TIMESTAMP-MAP (RFC 3.1.4).
pub(super) fn clock_zero_s(text: &str) -> Option<f64> {
    let map = text.lines().take_while(|line| !line.trim().is_empty()).find_map(timestamp_map)?;
    let part = |name: &str| map.split(',').find_map(|part| part.trim().strip_prefix(name));
    let ticks: u64 = part("MPEGTS:")?.trim().parse().ok()?;
    let local = seconds(part("LOCAL:")?.trim())?;
    Some(ticks as f64 / 90_000.0 - local)
}

fn timestamp_map(line: &str) -> Option<&str> {
    line.strip_prefix("X-TIMESTAMP-MAP=")
}

fn check_header(path: &str, text: &str, headers: &mut Tally, maps: &mut Tally) {
    // Unlike playlists, WebVTT may begin with a byte order mark (WebVTT §4.1).
    let mut lines = text.trim_start_matches('\u{feff}').lines();
    let first = lines.next().unwrap_or_default();
    if first != "WEBVTT" && !first.starts_with("WEBVTT ") && !first.starts_with("WEBVTT\t") {
        headers.within(path, 1, || format!("the first line is {first:?}"));
        return;
    }
    // The header ends at the first blank line.
    let header = lines.take_while(|line| !line.trim().is_empty());
    let map = header.filter_map(timestamp_map).next();
    let has = |part: &str| map.is_some_and(|map| map.split(',').any(|p| p.trim().starts_with(part)));
    if !has("MPEGTS:") || !has("LOCAL:") {
        maps.within(path, 0, || {
            map.map_or("no X-TIMESTAMP-MAP".to_owned(), |map| format!("X-TIMESTAMP-MAP={map}"))
        });
    }
}
