//! Subtitle renditions: a playlist of one segment for each, and their place in the multivariant playlist. Chapters too.
//!
//! The whole file is one segment: no cue is cut at a boundary, which some players would show twice or not at all, and an
//! hour of dialogue is smaller than a second of video (docs/adr/0017-subtitles.md).

use std::collections::BTreeMap;

use flodrama_asset::document::SubtitleRendition;
use flodrama_asset::{PublishedFile, SubtitleKind};
use flodrama_hls::build::{self, ChapterCue, MediaKind, MediaPlaylist, Rates, Segment, SubtitleMedia};

use super::package::Renditions;
use crate::error::{JobError, Result};
use crate::plan::{Plan, SubtitlePlan};

/// The one group: every variant plays along with every subtitle.
const GROUP: &str = "subs";
/// What Apple's rules want of subtitles for the deaf and hard of hearing (4.5, 4.6).
const SDH: [&str; 2] =
    ["public.accessibility.transcribes-spoken-dialog", "public.accessibility.describes-music-and-sound"];

/// What subtitles bring to a package.
#[derive(Debug, Default)]
pub struct Subtitles {
    /// By path below the tree.
    pub playlists: BTreeMap<String, String>,
    /// For the multivariant playlist.
    pub media: Vec<SubtitleMedia>,
    /// For `asset.json`.
    pub documents: Vec<SubtitleRendition>,
    /// Measured.
    pub rates: Vec<Rates>,
}

/// Every rendition of the plan that has text.
pub fn package(plan: &Plan, renditions: &Renditions) -> Result<Subtitles> {
    let mut subtitles = Subtitles::default();
    for rendition in &plan.subtitles {
        let written = renditions.subtitles.get(&rendition.task_name());
        let written =
            written.ok_or_else(|| JobError::internal("package", format_args!("no {}", rendition.folder)))?;
        let Some((path, bytes)) = &written.file else { continue };
        let playlist = MediaPlaylist {
            kind: MediaKind::Media,
            target_duration_s: None,
            map_uri: None,
            segments: vec![Segment {
                uri: path.rsplit('/').next().unwrap_or(path).to_owned(),
                duration_s: plan.duration_s(),
                bytes: *bytes,
                byte_offset: None,
            }],
        };
        let uri = PublishedFile::SubtitlePlaylist(rendition.folder.clone()).to_string();
        let text = playlist.render().map_err(|e| JobError::internal("playlist", e))?;
        subtitles.playlists.insert(uri.clone(), text);
        subtitles.rates.push(playlist.rates());
        subtitles.documents.push(SubtitleRendition {
            language: rendition.language.clone(),
            name: rendition.name.clone(),
            kind: rendition.kind,
            playlist: uri.clone(),
            cues: written.cues,
        });
        subtitles.media.push(media(rendition, uri));
    }
    Ok(subtitles)
}

/// `chapters.vtt`, where there are any.
pub fn chapters(plan: &Plan) -> Option<(String, String)> {
    if plan.chapters.is_empty() {
        return None;
    }
    let cues =
        plan.chapters.iter().map(|c| ChapterCue { start_ms: c.start_ms, end_ms: c.end_ms, title: &c.title });
    Some((PublishedFile::Chapters.to_string(), build::chapters_vtt(cues)))
}

/// Never shown unasked: a viewer's settings may choose it, and forced ones follow the sound (Apple 4, RFC 4.4.6.1).
fn media(rendition: &SubtitlePlan, uri: String) -> SubtitleMedia {
    SubtitleMedia {
        group: GROUP.to_owned(),
        name: rendition.name.clone(),
        language: rendition.language.clone(),
        default: false,
        autoselect: rendition.autoselect,
        forced: rendition.kind == SubtitleKind::Forced,
        uri,
        characteristics: match rendition.kind {
            SubtitleKind::Sdh => SDH.map(str::to_owned).to_vec(),
            SubtitleKind::Full | SubtitleKind::Forced => Vec::new(),
        },
    }
}
