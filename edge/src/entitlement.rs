//! May this viewer see this asset? Pure: the rules live here and nowhere else.

use flodrama_asset::AssetId;
use flodrama_asset::document::EarlyPlay;

use crate::auth::Viewer;

/// The proof that the question was asked. Nothing is signed for a viewer without one.
#[derive(Clone, Copy, Debug)]
pub struct Grant<'a> {
    viewer: &'a Viewer,
    asset: &'a AssetId,
}

impl<'a> Grant<'a> {
    /// Who may watch.
    pub fn viewer(&self) -> &'a Viewer {
        self.viewer
    }

    /// What they may watch.
    pub fn asset(&self) -> &'a AssetId {
        self.asset
    }
}

/// The rule: whoever is signed in may watch every asset that is published.
pub fn grant<'a>(viewer: &'a Viewer, asset: &'a AssetId) -> Grant<'a> {
    Grant { viewer, asset }
}

/// The rule for episodes that are still being encoded: members of one of the `editors` groups may watch, and whoever is
/// signed in where the preset says so.
pub fn grant_preview<'a>(
    viewer: &'a Viewer,
    asset: &'a AssetId,
    early_play: EarlyPlay,
    editors: &[String],
) -> Option<Grant<'a>> {
    let is_editor = viewer.groups.iter().any(|group| editors.contains(group));
    let may = match early_play {
        EarlyPlay::Editors => is_editor,
        EarlyPlay::Viewers => true,
        EarlyPlay::Nobody => false,
    };
    may.then_some(Grant { viewer, asset })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn previews_are_for_editors_unless_the_preset_says_otherwise() {
        use EarlyPlay::{Editors, Nobody, Viewers};
        let asset: AssetId = "demo".parse().expect("id");
        let in_groups = |groups: &[&str]| Viewer {
            subject: "ann".into(),
            groups: groups.iter().map(|group| group.to_string()).collect(),
        };
        let table = [
            (Editors, in_groups(&["staff", "editors"]), true),
            (Editors, in_groups(&["Editors"]), false),
            (Editors, in_groups(&[]), false),
            (Viewers, in_groups(&[]), true),
            (Nobody, in_groups(&["editors"]), false),
        ];
        for (early_play, viewer, may) in table {
            let granted = grant_preview(&viewer, &asset, early_play, &["editors".to_owned()]);
            assert_eq!(granted.is_some(), may, "{early_play:?} {viewer:?}");
        }
        assert!(
            grant_preview(&in_groups(&["editors"]), &asset, Editors, &[]).is_none(),
            "no group is configured"
        );
    }
}
