//! Every media playlist of a presentation, read once, with the sizes of its files.

use std::collections::BTreeMap;

use super::common::{self, Kind};
use super::multivariant::{Entry, Multivariant};
use super::path::resolve;
use super::playlist::{FileRef, Playlist};
use super::report::Findings;
use super::rule::{CLEAN_TEXT, FILE_EXISTS, RANGE_INSIDE_FILE, URI_STAYS_INSIDE};
use super::source::{Source, SourceError};

/// What the multivariant playlist says that a media playlist is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    Video,
    Audio,
    Subtitles,
    IFrames,
    Images,
}

/// The media playlists that could be read, by path.
pub(super) struct Tree {
    playlists: BTreeMap<String, (Role, Playlist)>,
}

impl Tree {
    pub(super) fn load(
        multivariant: &Multivariant<'_>,
        source: &dyn Source,
        findings: &mut Findings,
    ) -> Result<Tree, SourceError> {
        let mut tree = Tree { playlists: BTreeMap::new() };
        for (role, entry) in named(multivariant) {
            let Some(uri) = entry.uri else { continue };
            let Some(path) = resolve(multivariant.path, uri) else {
                findings.at(&URI_STAYS_INSIDE, multivariant.path, entry.line, uri);
                continue;
            };
            // Variants with different audio share their video's playlist.
            if tree.playlists.contains_key(&path) {
                continue;
            }
            let Some(text) = read_text(&path, source, findings)? else { continue };
            common::check(&path, &text, Kind::Media, findings);
            let mut playlist = Playlist::read(&path, &text, findings);
            measure(&mut playlist, source, findings)?;
            tree.playlists.insert(path, (role, playlist));
        }
        Ok(tree)
    }

    /// Each playlist once.
    pub(super) fn playlists(&self) -> impl Iterator<Item = (Role, &Playlist)> {
        self.playlists.values().map(|(role, playlist)| (*role, playlist))
    }

    /// The playlists of one role.
    pub(super) fn of(&self, role: Role) -> impl Iterator<Item = &Playlist> {
        self.playlists().filter(move |(r, _)| *r == role).map(|(_, playlist)| playlist)
    }

    /// The playlist that an entry names.
    pub(super) fn named_by(&self, multivariant: &Multivariant<'_>, entry: &Entry<'_>) -> Option<&Playlist> {
        self.playlists.get(&resolve(multivariant.path, entry.uri?)?).map(|(_, playlist)| playlist)
    }
}

fn named<'m, 'a>(multivariant: &'m Multivariant<'a>) -> impl Iterator<Item = (Role, &'m Entry<'a>)> {
    let media = multivariant.media.iter().filter_map(|entry| match entry.get("TYPE")? {
        "AUDIO" => Some((Role::Audio, entry)),
        "SUBTITLES" => Some((Role::Subtitles, entry)),
        "VIDEO" => Some((Role::Video, entry)),
        _ => None,
    });
    let variants = multivariant.variants.iter().map(|entry| (Role::Video, entry));
    let iframes = multivariant.iframes.iter().map(|entry| (Role::IFrames, entry));
    let images = multivariant.images.iter().map(|entry| (Role::Images, entry));
    variants.chain(media).chain(iframes).chain(images)
}

/// The text of a playlist or WebVTT file; `None` with a finding where there is none to read.
pub(super) fn read_text(
    path: &str,
    source: &dyn Source,
    findings: &mut Findings,
) -> Result<Option<String>, SourceError> {
    let Some(bytes) = source.read(path)? else {
        findings.of(&FILE_EXISTS, path, "no such file");
        return Ok(None);
    };
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            findings.of(&CLEAN_TEXT, path, format!("not UTF-8 at byte {at}"));
            Ok(None)
        }
    }
}

/// Asks for the size of everything that a playlist names, each file once.
fn measure(playlist: &mut Playlist, source: &dyn Source, findings: &mut Findings) -> Result<(), SourceError> {
    let mut sizes: BTreeMap<String, Option<u64>> = BTreeMap::new();
    let maps = playlist.maps.iter().map(|file| (file, None));
    let segments = playlist.segments.iter_mut().map(|segment| (&segment.file, Some(&mut segment.bytes)));
    for (file, bytes) in maps.chain(segments) {
        let Some(path) = &file.path else { continue };
        let size = match sizes.get(path) {
            Some(size) => *size,
            None => {
                let size = source.size(path)?.filter(|size| *size > 0);
                if size.is_none() {
                    findings.at(
                        &FILE_EXISTS,
                        &playlist.path,
                        file.line,
                        format!("{path} is missing or empty"),
                    );
                }
                sizes.insert(path.clone(), size);
                size
            }
        };
        let measured = size.and_then(|size| within(&playlist.path, file, size, findings));
        if let Some(bytes) = bytes {
            *bytes = measured;
        }
    }
    Ok(())
}

/// Bytes of the part of the file that is named; `None` with a finding where the file ends before it.
fn within(playlist: &str, file: &FileRef, size: u64, findings: &mut Findings) -> Option<u64> {
    let Some((length, offset)) = file.range else { return Some(size) };
    if offset.checked_add(length).is_some_and(|end| end <= size) {
        return Some(length);
    }
    findings.at(
        &RANGE_INSIDE_FILE,
        playlist,
        file.line,
        format!("{length} bytes at {offset} of a file of {size}"),
    );
    None
}
