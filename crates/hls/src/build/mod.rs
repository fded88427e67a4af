//! Playlists of a finished (VOD) presentation, or of one that still grows (EVENT). The same input gives the same bytes: playlists are stored under
//! immutable names, and a repeated job must write what is already there.
//!
//! Measure first, then declare: BANDWIDTH and AVERAGE-BANDWIDTH come from the sizes of the packaged segments by
//! [`rates()`] and [`Rates::of_variant`], so the multivariant playlist is written last.

mod attributes;
mod chapters;
mod error;
mod images;
mod media;
mod multivariant;
mod order;
mod rates;

pub use chapters::{ChapterCue, chapters_vtt};
pub use error::BuildError;
pub use images::{ImagesPlaylist, Sheet, TileLayout};
pub use media::{MediaKind, MediaPlaylist, Segment, common_target_duration_s};
pub use multivariant::{
    AudioMedia, IFrameVariant, ImageVariant, Multivariant, SubtitleMedia, Variant, VideoRange,
};
pub use order::order_variants;
pub(crate) use order::{START_BPS, start_distance};
pub(crate) use rates::rates_of;
pub use rates::{Rates, rates};
