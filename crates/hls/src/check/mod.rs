//! Does a presentation keep the rules? Playlists and sizes only; the bytes of segments are not opened, apart from
//! WebVTT, which is text.
//!
//! [`RULES`] lists what is checked, [`check`] does it, and [`Report`] says what was found, where, and how to mend it.

mod across;
mod codecs;
mod common;
mod groups;
mod images;
mod media;
mod multivariant;
mod path;
mod playlist;
mod rates;
mod report;
mod rule;
mod source;
mod subtitles;
mod tree;
mod variants;

pub use report::{Finding, Report};
pub use rule::{Level, RULES, Rule};
pub use source::{MemoryTree, Source, SourceError};

use multivariant::Multivariant;
use report::Findings;
use tree::Tree;

/// Checks the presentation whose multivariant playlist is `root`, a path below the source's own root.
///
/// # Errors
/// The source failed, so that nothing can be said. A file that does not exist is a finding, not an error.
pub fn check(root: &str, source: &dyn Source) -> Result<Report, SourceError> {
    let mut findings = Findings::default();
    let Some(text) = tree::read_text(root, source, &mut findings)? else {
        return Ok(findings.into_report(0, 0));
    };
    common::check(root, &text, common::Kind::Multivariant, &mut findings);
    let multivariant = Multivariant::read(root, &text, &mut findings);
    variants::check(&multivariant, &mut findings);
    codecs::check(&multivariant, &mut findings);
    groups::check(&multivariant, &mut findings);

    let tree = Tree::load(&multivariant, source, &mut findings)?;
    for (role, playlist) in tree.playlists() {
        media::check(role, playlist, &mut findings);
    }
    images::check(&tree, &mut findings);
    subtitles::check(&tree, source, &mut findings)?;
    across::check(&multivariant, &tree, &mut findings);
    rates::check(&multivariant, &tree, &mut findings);

    let segments = tree.playlists().map(|(_, playlist)| playlist.segments.len()).sum();
    Ok(findings.into_report(1 + tree.playlists().count(), segments))
}
