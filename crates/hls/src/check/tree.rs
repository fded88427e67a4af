//! Every media playlist of a presentation, read once, with the sizes of its files.

use std::collections::BTreeMap;

use super::common::{self, Kind};
use super::content::{self, Format};
use super::multivariant::{Entry, Multivariant};
use super::path;
use super::playlist::{FileRef, Playlist};
use super::report::Findings;
use super::rule::{CLEAN_TEXT, FILE_EXISTS, RANGE_INSIDE_FILE, URI_STAYS_INSIDE};
use super::source::{Source, SourceError};
use super::variables::{self, Variables};
use crate::mp4::Handler;

/// How many segments a source is told of at a time, so that what it fetches ahead stays small.
const BATCH: usize = 128;

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
#[derive(Default)]
pub(super) struct Tree {
    playlists: BTreeMap<String, (Role, Playlist)>,
    /// Paths by the URIs of the multivariant playlist.
    paths: BTreeMap<String, String>,
}

impl Tree {
    pub(super) fn load(
        multivariant: &Multivariant<'_>,
        variables: &Variables,
        source: &dyn Source,
        findings: &mut Findings,
    ) -> Result<Tree, SourceError> {
        let mut tree = Tree::default();
        for (role, entry) in named(multivariant) {
            let Some(uri) = entry.uri else { continue };
            let Some(path) = source.resolve(multivariant.path, uri) else {
                findings.at(&URI_STAYS_INSIDE, multivariant.path, entry.line, path::shown(uri));
                continue;
            };
            tree.paths.insert(uri.to_owned(), path.clone());
            // Variants with different audio share their video's playlist.
            if tree.playlists.contains_key(&path) {
                continue;
            }
            let Some(text) = read_text(&path, source, findings)? else { continue };
            let (text, _) = variables::fill(&path, &text, variables, source, findings);
            tree.add(role, &path, &text, source, findings)?;
        }
        Ok(tree)
    }

    /// A presentation of one media playlist.
    pub(super) fn of_one(
        path: &str,
        text: &str,
        source: &dyn Source,
        findings: &mut Findings,
    ) -> Result<Tree, SourceError> {
        let has = |tag: &str| text.lines().any(|line| line.starts_with(tag));
        let role = if has("#EXT-X-I-FRAMES-ONLY") {
            Role::IFrames
        } else if has("#EXT-X-IMAGES-ONLY") {
            Role::Images
        } else if text.lines().any(|line| line.trim_end().ends_with(".vtt")) {
            Role::Subtitles
        } else {
            // Audio is told by what is in it.
            Role::Video
        };
        let mut tree = Tree::default();
        tree.add(role, path, text, source, findings)?;
        Ok(tree)
    }

    fn add(
        &mut self,
        role: Role,
        path: &str,
        text: &str,
        source: &dyn Source,
        findings: &mut Findings,
    ) -> Result<(), SourceError> {
        common::check(path, text, Kind::Media, findings);
        let mut playlist = Playlist::read(path, text, source, findings);
        measure(role, &mut playlist, source, findings)?;
        // A variant may be sound alone, and a playlist that stands alone may be too.
        let is_sound = |format: &Format| format.handler == Handler::Audio;
        let is_sound_alone = !playlist.formats.is_empty() && playlist.formats.iter().all(is_sound);
        let role = if role == Role::Video && is_sound_alone { Role::Audio } else { role };
        self.playlists.insert(path.to_owned(), (role, playlist));
        Ok(())
    }

    /// What all others are held against: the first variant with pictures, which is where players start.
    pub(super) fn reference(&self, multivariant: &Multivariant<'_>) -> Option<(usize, &Playlist)> {
        let variants = || multivariant.variants.iter().enumerate();
        let playlists = || variants().filter_map(|(index, variant)| Some((index, self.named_by(variant)?)));
        let is_video = |(_, playlist): &(usize, &Playlist)| {
            self.playlists.get(&playlist.path).is_some_and(|(role, _)| *role == Role::Video)
        };
        playlists().find(is_video).or_else(|| playlists().next())
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
    pub(super) fn named_by(&self, entry: &Entry<'_>) -> Option<&Playlist> {
        self.playlists.get(self.paths.get(entry.uri?)?).map(|(_, playlist)| playlist)
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

/// Asks for the size of everything that a playlist names, each file once, and looks into it.
fn measure(
    role: Role,
    playlist: &mut Playlist,
    source: &dyn Source,
    findings: &mut Findings,
) -> Result<(), SourceError> {
    let path = playlist.path.clone();
    let mut sizes: BTreeMap<String, Option<u64>> = BTreeMap::new();
    let mut size = |file: &FileRef, findings: &mut Findings| -> Result<Option<u64>, SourceError> {
        let Some(name) = &file.path else { return Ok(None) };
        let size = match sizes.get(name) {
            Some(size) => *size,
            None => {
                let size = source.size(name)?.filter(|size| *size > 0);
                if size.is_none() {
                    findings.at(&FILE_EXISTS, &path, file.line, format!("{name} is missing or empty"));
                }
                sizes.insert(name.clone(), size);
                size
            }
        };
        Ok(size.and_then(|size| within(&path, file, size, findings)))
    };
    let mut contents = content::Contents::new(source);
    source.ahead(&heads(&playlist.maps));
    for map in &playlist.maps {
        let bytes = size(map, findings)?;
        playlist.inits.push(contents.map(map, bytes)?);
    }
    for first in (0..playlist.segments.len()).step_by(BATCH) {
        let end = playlist.segments.len().min(first + BATCH);
        let batch = &mut playlist.segments[first..end];
        source.ahead(&heads(batch.iter().map(|segment| &segment.file)));
        for segment in batch {
            segment.bytes = size(&segment.file, findings)?;
            let init = segment.map.and_then(|map| playlist.inits[map].as_ref());
            // Sheets of pictures have rules of their own.
            if role != Role::Images {
                segment.content = contents.segment(segment, init, playlist.i_frames_only)?;
            }
        }
    }
    contents.tell(playlist, findings);
    Ok(())
}

fn heads<'f>(files: impl IntoIterator<Item = &'f FileRef>) -> Vec<(String, u64)> {
    let head = |file: &FileRef| Some((file.path.clone()?, file.range.map_or(0, |(_, offset)| offset)));
    files.into_iter().filter_map(head).collect()
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
