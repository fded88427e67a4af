//! What every playlist keeps, multivariant or media.

use super::path;
use super::report::Findings;
use super::rule::{CLEAN_TEXT, ONE_KIND, STARTS_WITH_EXTM3U, TAG_ONCE, VERSION_HIGH_ENOUGH};
use crate::text::{Line, attributes, lines};

/// Which of the two kinds of playlist a file has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Multivariant,
    Media,
}

/// Tags that belong to one kind alone and may appear once (RFC 4.4.3), or many times (RFC 4.4.4, 4.4.6).
const ONCE_IN_MEDIA: &[&str] = &[
    "EXT-X-TARGETDURATION",
    "EXT-X-MEDIA-SEQUENCE",
    "EXT-X-DISCONTINUITY-SEQUENCE",
    "EXT-X-PLAYLIST-TYPE",
    "EXT-X-ENDLIST",
    "EXT-X-I-FRAMES-ONLY",
];
const IN_MEDIA: &[&str] = &["EXTINF", "EXT-X-BYTERANGE", "EXT-X-DISCONTINUITY", "EXT-X-KEY", "EXT-X-MAP"];
const IN_MULTIVARIANT: &[&str] = &["EXT-X-STREAM-INF", "EXT-X-I-FRAME-STREAM-INF", "EXT-X-MEDIA"];
const ONCE_IN_EITHER: &[&str] = &["EXTM3U", "EXT-X-VERSION", "EXT-X-INDEPENDENT-SEGMENTS"];

pub(super) fn check(path: &str, text: &str, kind: Kind, findings: &mut Findings) {
    let mark = text.starts_with('\u{feff}').then_some('\u{feff}');
    let control = || text.chars().find(|&c| c.is_control() && c != '\n' && c != '\r');
    if let Some(bad) = mark.or_else(control) {
        findings.of(&CLEAN_TEXT, path, format!("the character {}", bad.escape_unicode()));
    }
    let first = text.trim_start_matches('\u{feff}').lines().next().unwrap_or_default();
    if first.trim_end() != "#EXTM3U" {
        let first = match Line::read(first) {
            Some(Line::Uri(uri)) => path::shown(uri),
            _ => first,
        };
        findings.at(&STARTS_WITH_EXTM3U, path, 1, format!("the first line is {first:?}"));
    }

    let mut seen: Vec<&str> = Vec::new();
    for (number, line) in lines(text) {
        let Line::Tag { name, .. } = line else { continue };
        let once_in_media = ONCE_IN_MEDIA.contains(&name);
        if (once_in_media || ONCE_IN_EITHER.contains(&name)) && seen.contains(&name) {
            findings.at(&TAG_ONCE, path, number, format!("#{name} again"));
        }
        let foreign = match kind {
            Kind::Multivariant => once_in_media || IN_MEDIA.contains(&name),
            Kind::Media => IN_MULTIVARIANT.contains(&name),
        };
        // One finding for each tag, not for each of a thousand segments.
        if foreign && !seen.contains(&name) {
            let kind = if kind == Kind::Media { "media" } else { "multivariant" };
            findings.at(&ONE_KIND, path, number, format!("#{name} in a {kind} playlist"));
        }
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    check_version(path, text, findings);
}

fn check_version(path: &str, text: &str, findings: &mut Findings) {
    let declared = lines(text).find_map(|(number, line)| match line {
        Line::Tag { name: "EXT-X-VERSION", value } => {
            Some((number, value.trim().parse::<u32>().unwrap_or(0)))
        }
        _ => None,
    });
    // Without the tag, the version is 1 (RFC 4.4.1.2).
    let (line, declared) = declared.unwrap_or((1, 1));
    let i_frames_only = lines(text).any(|(_, l)| matches!(l, Line::Tag { name: "EXT-X-I-FRAMES-ONLY", .. }));
    let needed = lines(text)
        .filter_map(|(_, line)| match line {
            Line::Tag { name, value } => Some((version_of(name, value, i_frames_only), name)),
            Line::Uri(_) => None,
        })
        .max_by_key(|(version, _)| *version);
    if let Some((needed, name)) = needed.filter(|(needed, _)| *needed > declared) {
        findings.at(
            &VERSION_HIGH_ENOUGH,
            path,
            line,
            format!("version {declared}, but #{name} needs {needed}"),
        );
    }
}

/// The protocol version in which a tag, as used here, appeared (RFC 8).
fn version_of(name: &str, value: &str, i_frames_only: bool) -> u32 {
    let of = |wanted: &str| attributes(value).flatten().find(|a| a.name == wanted).map(|a| a.value);
    let has = |wanted: &str| of(wanted).is_some();
    match name {
        "EXTINF" if value.contains('.') => 3,
        "EXT-X-BYTERANGE" | "EXT-X-I-FRAMES-ONLY" => 4,
        "EXT-X-MAP" if i_frames_only => 5,
        "EXT-X-MAP" => 6,
        "EXT-X-KEY" if has("KEYFORMAT") || has("KEYFORMATVERSIONS") => 5,
        "EXT-X-KEY" if has("IV") => 2,
        "EXT-X-DEFINE" if has("QUERYPARAM") => 11,
        "EXT-X-DEFINE" => 8,
        "EXT-X-STREAM-INF" if has("REQ-VIDEO-LAYOUT") => 12,
        "EXT-X-MEDIA" if has("INSTREAM-ID") => match of("TYPE").zip(of("INSTREAM-ID")) {
            Some(("CLOSED-CAPTIONS", id)) if id.starts_with("SERVICE") => 7,
            Some(("CLOSED-CAPTIONS", _)) | None => 1,
            Some(_) => 13,
        },
        _ => 1,
    }
}
