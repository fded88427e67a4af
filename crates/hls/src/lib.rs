//! Playlist rules, and nothing that does I/O.
//!
//! * [`build`]: playlists of a finished presentation, the same bytes for the same input.
//! * [`rewrite`]: one query appended to every URI of a playlist or storyboard, for signed delivery.
//! * [`shape()`]: a multivariant playlist with less in it, for whom or for what player it is.
//! * [`check()`]: is a presentation what RFC 8216bis and Apple's authoring specification ask for?
//!
//! "RFC" in these pages is draft-pantos-hls-rfc8216bis-20; "Apple" is the HLS Authoring Specification for Apple
//! Devices as of May 2025.

pub mod build;
pub mod check;
mod mp4;
pub mod rewrite;
pub mod shape;
mod text;
mod ts;

pub use check::check;
pub use shape::shape;
