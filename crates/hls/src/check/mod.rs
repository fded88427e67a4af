//! Does a presentation keep the rules? Playlists, sizes, and what is within the segments: as much of each as tells
//! enough, which is its boxes and the begin of its first sample.
//!
//! [`RULES`] lists what is checked, [`check`] does it, and [`Report`] says what was found, where, and how to mend it,
//! what could not be checked, and where the presentation plays.

mod across;
mod codecs;
mod common;
mod content;
mod declared;
mod delivery;
mod groups;
mod images;
mod inside;
mod media;
mod multivariant;
mod path;
mod playlist;
mod plays_on;
mod rates;
mod report;
mod rule;
mod source;
mod subtitles;
mod timeline;
mod tree;
mod variables;
mod variants;

pub use plays_on::{Player, Plays, PlaysOn};
pub use report::{Finding, Report};
pub use rule::{Level, RULES, Rule};
pub use source::{Delivery, HEAD_BYTES, Source, SourceError};

use multivariant::Multivariant;
use report::Findings;
use tree::Tree;
use variables::Variables;

use crate::text::{Line, lines};

/// Checks the presentation whose multivariant playlist is `root`, a path below the source's own root. A media playlist
/// may stand there alone; the rules of multivariant playlists are left out then, which the report notes.
///
/// # Errors
/// The source failed, so that nothing can be said. A file that does not exist is a finding, not an error.
pub fn check(root: &str, source: &dyn Source) -> Result<Report, SourceError> {
    let mut findings = Findings::default();
    let Some(text) = tree::read_text(root, source, &mut findings)? else {
        return Ok(findings.into_report());
    };
    let (text, variables) = variables::fill(root, &text, &Variables::new(), source, &mut findings);
    let is_alone = is_media_playlist(&text);
    let (multivariant, tree) = if is_alone {
        findings.note(format!(
            "{root} is a media playlist: the rules of multivariant playlists were not checked"
        ));
        (Multivariant::none(root), Tree::of_one(root, &text, source, &mut findings)?)
    } else {
        common::check(root, &text, common::Kind::Multivariant, &mut findings);
        let multivariant = Multivariant::read(root, &text, &mut findings);
        variants::check(&multivariant, &mut findings);
        codecs::check(&multivariant, &mut findings);
        groups::check(&multivariant, &mut findings);
        let tree = Tree::load(&multivariant, &variables, source, &mut findings)?;
        images::check(&multivariant, &tree, source, &mut findings)?;
        declared::check(&multivariant, &tree, &mut findings);
        across::check(&multivariant, &tree, &mut findings);
        timeline::check(&multivariant, &tree, source, &mut findings)?;
        rates::check(&multivariant, &tree, &mut findings);
        (multivariant, tree)
    };
    for (role, playlist) in tree.playlists() {
        media::check(role, playlist, &mut findings);
    }
    inside::check(&tree, &mut findings);
    subtitles::check(&tree, source, &mut findings)?;
    delivery::check(root, &tree, source, &mut findings);

    let plays_on = plays_on::plays_on(&text, &multivariant, &tree, &findings);
    let segments = || tree.playlists().flat_map(|(_, playlist)| &playlist.segments);
    Ok(Report {
        playlists: tree.playlists().count() + usize::from(!is_alone),
        segments: segments().count(),
        looked_into: segments().filter(|s| s.content.as_ref().is_some_and(|c| c.is_looked_into())).count(),
        plays_on,
        ..findings.into_report()
    })
}

/// A playlist with segments and without variants.
fn is_media_playlist(text: &str) -> bool {
    let names = |wanted: &[&str]| {
        lines(text).any(|(_, line)| matches!(line, Line::Tag { name, .. } if wanted.contains(&name)))
    };
    names(&["EXTINF", "EXT-X-TARGETDURATION"]) && !names(&["EXT-X-STREAM-INF", "EXT-X-MEDIA"])
}
