//! Rules of the multivariant playlist on renditions and their groups.

use std::collections::{BTreeMap, BTreeSet};

use super::multivariant::{Entry, Multivariant};
use super::report::Findings;
use super::rule::*;

pub(super) fn check(multivariant: &Multivariant<'_>, findings: &mut Findings) {
    let path = multivariant.path;
    for media in &multivariant.media {
        check_media(path, media, findings);
        check_accessibility(path, media, findings);
    }
    check_members(multivariant, findings);
    check_groups(multivariant, findings);
    for variant in &multivariant.variants {
        for kind in ["AUDIO", "VIDEO", "SUBTITLES", "CLOSED-CAPTIONS"] {
            let Some(group) = variant.get(kind).filter(|group| *group != "NONE") else { continue };
            if multivariant.group(kind, Some(group)).next().is_none() {
                findings.at(
                    &GROUP_EXISTS,
                    path,
                    variant.line,
                    format!("{kind}=\"{group}\" has no rendition"),
                );
            }
        }
    }
    let channels: Vec<u32> = multivariant.media.iter().filter_map(channels).collect();
    if !channels.is_empty() && channels.iter().all(|count| *count > 2) {
        findings.of(&STEREO_BESIDE_SURROUND, path, "every audio rendition is multichannel");
    }
}

fn check_media(path: &str, media: &Entry<'_>, findings: &mut Findings) {
    for name in ["TYPE", "GROUP-ID", "NAME"] {
        if media.get(name).is_none() {
            findings.at(&MEDIA_COMPLETE, path, media.line, format!("no {name}"));
        }
    }
    let kind = media.get("TYPE").unwrap_or_default();
    if kind == "SUBTITLES" && media.uri.is_none() {
        findings.at(&MEDIA_COMPLETE, path, media.line, "no URI");
    }
    if kind != "VIDEO" && media.get("LANGUAGE").is_none_or(str::is_empty) {
        findings.at(&MEDIA_HAS_LANGUAGE, path, media.line, "no LANGUAGE");
    }
    if media.get("DEFAULT") == Some("YES") && media.get("AUTOSELECT") == Some("NO") {
        findings.at(&DEFAULT_IS_AUTOSELECT, path, media.line, "DEFAULT=YES with AUTOSELECT=NO");
    }
    if kind == "AUDIO" && channels(media).is_none() {
        findings.at(&AUDIO_HAS_CHANNELS, path, media.line, "no count of channels");
    }
}

/// What members of one group owe each other.
fn check_members(multivariant: &Multivariant<'_>, findings: &mut Findings) {
    let mut names = BTreeSet::new();
    let mut defaults = BTreeSet::new();
    for media in &multivariant.media {
        let group = (media.get("TYPE"), media.get("GROUP-ID"));
        if let Some(name) = media.get("NAME")
            && !names.insert((group, name))
        {
            findings.at(&NAMES_DIFFER, multivariant.path, media.line, format!("NAME=\"{name}\" again"));
        }
        if media.get("DEFAULT") == Some("YES") && !defaults.insert(group) {
            findings.at(&ONE_DEFAULT, multivariant.path, media.line, "a second DEFAULT=YES");
        }
    }
}

/// Groups of one type are encodings of the same renditions.
fn check_groups(multivariant: &Multivariant<'_>, findings: &mut Findings) {
    type Members<'a> = BTreeSet<(Option<&'a str>, Option<&'a str>)>;
    let mut groups: BTreeMap<(&str, &str), (usize, Members<'_>)> = BTreeMap::new();
    for media in &multivariant.media {
        let (Some(kind), Some(group)) = (media.get("TYPE"), media.get("GROUP-ID")) else { continue };
        let (_, members) = groups.entry((kind, group)).or_insert((media.line, BTreeSet::new()));
        members.insert((media.get("NAME"), media.get("LANGUAGE")));
    }
    for ((kind, group), (line, members)) in &groups {
        let mut others = groups.iter().filter(|((k, _), _)| k == kind);
        let Some(((_, other), (_, expected))) = others.next() else { continue };
        // Each is held against the first of its type.
        if members != expected {
            let names = |members: &Members<'_>| -> String {
                let names: Vec<&str> = members.iter().filter_map(|(name, _)| *name).collect();
                names.join(", ")
            };
            let found = format!(
                "{kind} group \"{group}\" has {}, \"{other}\" has {}",
                names(members),
                names(expected)
            );
            findings.at(&SAME_MEMBERS, multivariant.path, *line, found);
        }
    }
}

/// What renditions for those who see or hear less owe.
fn check_accessibility(path: &str, media: &Entry<'_>, findings: &mut Findings) {
    let characteristics = media.get("CHARACTERISTICS").unwrap_or_default();
    let has =
        |name: &str| characteristics.split(',').any(|c| c.trim() == format!("public.accessibility.{name}"));
    let is_selected = media.get("AUTOSELECT") == Some("YES");
    if has("describes-video") && !is_selected {
        findings.at(&DESCRIPTIONS_SELECTED, path, media.line, "audio descriptions without AUTOSELECT=YES");
    }
    let (dialog, sound) = (has("transcribes-spoken-dialog"), has("describes-music-and-sound"));
    if media.get("TYPE") == Some("SUBTITLES") && (dialog || sound) && !(dialog && sound && is_selected) {
        let selected = if is_selected { "AUTOSELECT=YES" } else { "no AUTOSELECT=YES" };
        let found = format!("CHARACTERISTICS=\"{characteristics}\" with {selected}");
        findings.at(&CAPTIONS_COMPLETE, path, media.line, found);
    }
}

/// The first parameter of CHANNELS is the count (RFC 4.4.6.1).
fn channels(media: &Entry<'_>) -> Option<u32> {
    media.get("CHANNELS")?.split('/').next()?.parse().ok()
}
