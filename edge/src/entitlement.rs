//! May this viewer see this asset? Pure: the rules live here and nowhere else.

use flodrama_asset::AssetId;

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
